import { refresh } from 'next/cache.js'
import { warnOnce } from '../../base/warn.ts'
import { ConfigError } from '../../errors.ts'
import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'
import { checkSessions } from '../shared/check.ts'
import { controlFlowOf } from './control-flow.ts'
import { checkForBrowsers } from './for-browsers.ts'
import { currentRequest, headersNow, share } from './request.ts'
import { assertSettable, setCookies } from './set-cookies.ts'

const EXAMPLE = 'action(sessions, async (session, form: FormData) => { … })'

/**
 * Wraps a server action. It gets the session before its own arguments, and what it changes is saved when it has returned, or has called
 * `redirect()` or `notFound()`. When it throws anything else, nothing is saved but a logout. It rejects when the session cannot be saved,
 * so that the nearest error.tsx is shown. When the session has changed, the page is rendered again. In what it calls, `read(sessions)` and
 * `sessions.get(await headers())` resolve to the same session. Throws `ConfigError` for what is not sessions, and for what is not a
 * function; rejects with `NotAttachedError` outside of a request, and while a page is rendered.
 */
export function action<Data extends object, Args extends unknown[], Result>(
  sessions: BaseSessions<Data>,
  work: (session: Session<Data>, ...args: Args) => Result | Promise<Result>,
): (...args: Args) => Promise<Result> {
  checkSessions(EXAMPLE, sessions)
  checkForBrowsers('action()', sessions)
  if (typeof work !== 'function') throw new ConfigError(`action() takes a server action: write ${EXAMPLE}.`)
  return async function action(...args: Args): Promise<Result> {
    const request = await currentRequest('action()')
    const { headers, jar } = request
    assertSettable('A function that action() has wrapped', jar)
    const visit = sessions.open(headersNow(request, sessions.policy.cookieName))
    // Called by another action, which saves the one session of this request.
    if (!sessions.attach(headers, visit)) return sessions.within(headers, work, await sessions.get(headers), ...args)
    const commit = async (status: number) => {
      const outcome = await visit.commit(status)
      setCookies(outcome, jar)
      if (outcome.clearSiteData) warnOfSiteData(NO_HEADERS)
      // Next does so for a cookie. Otherwise the browser keeps the layout that it has, and the flash messages in the new one are lost.
      if (outcome.setCookie === null && visit.hasSaved) renderAgain()
    }
    share(jar, sessions, () => visit.get())
    try {
      const result = await sessions.within(headers, work, await visit.get(), ...args)
      await commit(200)
      return result
    } catch (error) {
      if (visit.isCommitted) throw error
      const flow = controlFlowOf(error)
      // The error of a redirect is no failure. With any other, a logout that came before it is saved all the same.
      await (flow ? commit(flow.status) : commit(500).catch(() => undefined))
      throw error
    }
  }
}

const warnOfSiteData = warnOnce('STRONGROOM_CLEAR_SITE_DATA')

const NO_HEADERS =
  'A server action has logged out with clearSiteData, and the browser has cleared nothing: under Next, actions can set cookies alone. Log out in a route handler, with withSessions of strongroom/next.'

function renderAgain(): void {
  try {
    refresh()
  } catch {
    // A route handler has called the action: there is no page.
  }
}
