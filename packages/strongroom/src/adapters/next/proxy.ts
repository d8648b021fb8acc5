import { type NextFetchEvent, type NextRequest, NextResponse } from 'next/server.js'
import type { Awaitable } from '../../base/awaitable.ts'
import { checkOptions } from '../../base/check.ts'
import { warnOfResponses } from '../../base/unhandled.ts'
import { StoreError, StrongroomError } from '../../errors.ts'
import { partsOf } from '../../http/cookie.ts'
import type { Visit } from '../../request/visit.ts'
import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'
import { checkFunction, checkSessions } from '../shared/check.ts'
import { commitLogout } from '../shared/failure.ts'
import { statusOf } from '../shared/outcome.ts'
import { withOutcome } from '../shared/response.ts'
import { cookieWith } from './cookie-header.ts'
import { FLASH_HEADER, flashHeader, flashNames, takeFlash } from './flash.ts'
import { checkForBrowsers } from './for-browsers.ts'
import { forward, goesOn } from './forward.ts'
import { type GuardOptions, guard, isRead } from './guard.ts'
import { currentRequestIfAny } from './request.ts'
import { setBesideOthers } from './set-cookies.ts'

/** Options of the proxy for Next. */
export interface ProxyOptions extends GuardOptions {
  /**
   * The names of flash messages that the pages show. The proxy takes them out of the session for a page that is loaded, and for the one
   * that an action redirects to; `await flash(sessions, name)` has them there. A page that the browser only fetches ahead leaves them.
   */
  readonly flash?: readonly string[] | undefined
  /** Your own proxy. In it, `await sessions.get(request)` resolves to the session, and what it changes is saved. */
  readonly handler?:
    | ((request: NextRequest, event: NextFetchEvent) => Awaitable<Response | null | undefined>)
    | undefined
}

/**
 * The proxy of an application: `export const proxy = strongroom(sessions)` in proxy.ts. It extends the session of a visitor who only looks
 * at pages, which cannot do that, because they set no cookies; the page sees the new cookie. It protects paths, and hands flash messages
 * to pages. Throws `ConfigError` for what is not sessions, and for wrong options.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>, options: ProxyOptions = {}) {
  checkSessions('export const proxy = strongroom(sessions)', sessions)
  checkForBrowsers('The proxy', sessions)
  checkOptions('strongroom()', options, ['signedIn', 'signIn', 'flash', 'handler'])
  const { handler } = options
  checkFunction('handler', 'strongroom()', handler)
  const names = flashNames(options.flash)
  const { protects, redirect } = guard(options)
  warnOfResponses()

  return async function strongroom(request: NextRequest, event: NextFetchEvent): Promise<Response> {
    const own = sessions.ownRequests?.fetch(request)
    if (own) return own
    const visit = sessions.open(request.headers)
    const respond = async () =>
      (handler && (await sessions.within(request, handler, request, event))) ?? NextResponse.next()
    if (!sessions.attach(request, visit)) return respond()
    try {
      const isProtected = protects(request)
      const response = isProtected && (await visit.get()).userId === null ? redirect(request) : await respond()
      const page = goesOn(response) && isRead(request)
      const session = page ? await extended(visit) : null
      const messages = session && names.length > 0 && isShown(request) ? takeFlash(session, names) : null
      const outcome = await visit.commit(statusOf(response))
      const current = handler && (await currentRequestIfAny('strongroom()'))
      if (current) setBesideOthers(outcome, current.jar)
      const isOurs = isProtected || handler !== undefined || messages !== null
      const { setCookie, clearCookies } = outcome
      // A page that never looks at the session may be in every cache.
      if (!isOurs && setCookie === null && !clearCookies) return response
      const copy = withOutcome(response, { ...outcome, noStore: outcome.noStore === true || isProtected })
      if (!goesOn(copy) || (setCookie === null && !messages)) return copy
      const cookie = cookieAfter(request, sessions.policy.cookieName, setCookie)
      forward(copy, request, { cookie, ...(messages && { [FLASH_HEADER]: flashHeader(sessions, messages, cookie) }) })
      return copy
    } catch (error) {
      if (error instanceof StrongroomError) return withOutcome(error.getResponse(), await visit.commit(error.status))
      await commitLogout(visit)
      throw error
    }
  }
}

/**
 * Loads the session, so that the commit extends it. Null while the store is down: a page must not fail because of what it may not
 * need.
 */
async function extended<Data extends object>(visit: Visit<Data>): Promise<Session<Data> | null> {
  try {
    return await visit.get()
  } catch (error) {
    if (error instanceof StoreError) return null
    throw error
  }
}

/**
 * Will the visitor see what is loaded? A browser asks for a document, and the redirect of an action for a component; what Next's links
 * fetch ahead, images and scripts do neither, and a HEAD shows nothing. A proxy cannot see by which of Next's own headers a prefetch is known.
 */
function isShown({ method, headers }: NextRequest): boolean {
  const isPage = /\btext\/(html|x-component)\b/.test(headers.get('accept') ?? '')
  return method === 'GET' && isPage && !/\bprefetch\b/.test(headers.get('sec-purpose') ?? headers.get('purpose') ?? '')
}

/** The Cookie header with what this response sets. */
function cookieAfter({ headers }: NextRequest, name: string, setCookie: string | null): string {
  const sent = headers.get('cookie') ?? ''
  return setCookie === null ? sent : cookieWith(sent, name, partsOf(setCookie).value ?? '')
}
