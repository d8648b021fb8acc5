/** Compiled, never run: what the types promise. Each `@ts-expect-error` is a mistake that must not compile. */

import type { NextFetchEvent, NextRequest } from 'next/server.js'
import { action, csrf, flash, read, strongroom, withSessions } from '../../packages/strongroom/src/adapters/next.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => undefined

const secrets = 'a secret'
const sessions = createSessions<{ visits: number }>({ secrets })
const inCookies = createSessions<{ theme: string }>({ secrets, store: cookie() })

export async function page() {
  const session = await read(sessions)
  const visits = session.get('visits')
  same<typeof visits, number | undefined>(true)
  // @ts-expect-error: not in the data
  session.get('theme')
  ;(await read(inCookies)).get('theme')
  const notes = await flash(sessions, 'note')
  same<typeof notes, unknown[]>(true)
  // @ts-expect-error: no sessions
  await read(session)
}

/** As Next checks the exports of a route. */
type Context = { params: Promise<{ id: string }> }
export const GET: (request: NextRequest, context: Context) => Promise<Response> = withSessions(
  sessions,
  async (request: NextRequest, { params }: Context) => {
    await csrf(sessions)(request)
    return Response.json([request.nextUrl.pathname, (await params).id])
  },
)
export const HEAD: (request: NextRequest, context: Context) => Promise<Response> = withSessions(
  sessions,
  async (request) => new Response(request.url),
)
export const PUT: (request: NextRequest) => Promise<Response> = withSessions(sessions, async () => new Response())
// @ts-expect-error: no response
export const POST = withSessions(sessions, async () => 'text')

export const login = action(sessions, async (session, form: FormData, times?: number) => {
  session.set('visits', times ?? 1)
  return String(form.get('name'))
})
same<typeof login, (form: FormData, times?: number | undefined) => Promise<string>>(true)
/** What `useActionState` and the attribute `action` of a form take. */
export const state: (before: string, form: FormData) => Promise<string> = action(
  inCookies,
  (session, before: string, form: FormData) => `${before}${form.get('name')}${session.get('theme')}`,
)
// @ts-expect-error: it is no form
login('ada')

export const proxy: (request: NextRequest, event: NextFetchEvent) => Promise<Response> = strongroom(sessions, {
  signedIn: ['/account'],
  signIn: '/login',
  flash: ['note'],
  handler: async (request) => ((await sessions.get(request)).userId === null ? new Response() : undefined),
})
// @ts-expect-error: no such option
strongroom(sessions, { signedin: ['/account'] })
