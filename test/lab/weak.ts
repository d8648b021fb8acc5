import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RowInfo } from '../../packages/cli/src/lab/report.ts'
import type { Site } from '../../packages/cli/src/lab/site.ts'
import { type Application, type Control, loopback } from './loopback.ts'

type Session = Record<string, unknown>

const row = (name: string): RowInfo => ({
  name,
  family: 'peer',
  engine: name,
  seal: null,
  version: 'none',
  traits: null,
})

/** The first cookie of this name, as most libraries read it. */
const cookieIn = (request: IncomingMessage, name: string): string | undefined =>
  request.headers.cookie
    ?.split(/; ?/)
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)

interface Handling {
  readonly url: URL
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Everything that a handler may do to a session that was loaded before. Returns what the visitor sees. */
function change(url: URL, session: Session): Session {
  const { key = '', value = '', user = '' } = Object.fromEntries(url.searchParams)
  if (['/set', '/fail'].includes(url.pathname)) session[key] = value
  if (url.pathname === '/add') session[key] = Number(session[key] ?? 0) + 1
  if (url.pathname === '/login') session.user = user
  return session
}

function respond({ url, response }: Handling, session: Session): void {
  const { user = null, startedAt: _, ...data } = session
  if (url.searchParams.has('public')) {
    response.setHeader('Cache-Control', 'public, max-age=60')
    response.setHeader('CDN-Cache-Control', 'public, max-age=60')
  }
  if (url.pathname === '/fail') {
    response.statusCode = 500
    response.end(new Error(`${url.searchParams.get('key')} failed`).stack)
  } else response.end(JSON.stringify({ user, data }))
}

const handled =
  (work: (handling: Handling) => Promise<void>) => (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://localhost')
    work({ url, request, response }).catch((error: Error) => {
      response.statusCode = 500
      response.end(error.stack)
    })
  }

/** The whole session in the cookie, encoded and nothing else. A logout clears the cookie. */
export const weakCookie = (): Promise<Site> =>
  loopback(row('weak cookie'), (control): Application => {
    const cookieName = control.options.cookieName ?? 'session'
    const listener = handled(async (handling) => {
      const { url, request, response } = handling
      const sent = cookieIn(request, cookieName)
      const session = sent ? (JSON.parse(Buffer.from(sent, 'base64url').toString()) as Session) : {}
      await control.gate(url)
      if (['/renew', '/revoke-all'].includes(url.pathname)) response.statusCode = 501
      change(url, session)
      const value = Buffer.from(JSON.stringify(session)).toString('base64url')
      const line = url.pathname === '/logout' ? `${cookieName}=; Max-Age=0` : `${cookieName}=${value}`
      if (url.pathname !== '/read') response.setHeader('Set-Cookie', line)
      respond(handling, url.pathname === '/logout' ? {} : session)
    })
    return { listener, cookieName, isShared: true }
  })

/** Mistakes that one weak store makes and another does not, because they would hide each other. */
export interface Mistakes {
  /** Each server has copies that nobody invalidates. */
  readonly copies?: boolean
  /** Lays what a request has changed over the newer copy, which is right for other keys, and wrong for a number. */
  readonly merges?: boolean
  /** A logout clears the cookie, and the row stays. */
  readonly keepsAtLogout?: boolean
  /** What ends all sessions of a user: nothing, a time that is compared, or the removal of rows that a slow request brings back. */
  readonly revokes?: 'nothing' | 'by time' | 'rows'
}

/** A store with the mistakes that were asked for, and those that are named where they are made. */
export function weakStore({
  copies: hasCopies = false,
  keepsAtLogout = false,
  revokes = 'rows',
  merges = false,
}: Mistakes = {}) {
  const stored = new Map<string, Session>()
  const endedAt = new Map<string, number>()
  let isAway = false
  let number = 0x1000
  const create = (control: Control): Application => {
    const cookieName = control.options.cookieName ?? 'sid'
    // Copies that nobody invalidates.
    const copies = new Map<string, Session>()
    let calls = 0
    // Ids that can be guessed, and an application that knows nobody while its store is away.
    const load = (id: string): Session => {
      calls += 1
      const found = copies.get(id) ?? (isAway ? undefined : stored.get(id))
      // Compares the times of two servers.
      const over = Number(found?.startedAt) < (endedAt.get(String(found?.user)) ?? 0)
      if (found && !over && hasCopies) copies.set(id, found)
      return found && !over ? { ...found } : {}
    }
    const save = (id: string, session: Session, url: URL) => {
      // Makes room by dropping the oldest, brings back what has ended, and changes what all servers share.
      if (stored.size > 300) for (const old of [...stored.keys()].slice(0, 150)) stored.delete(old)
      const key = url.searchParams.get('key') ?? ''
      stored.set(id, merges ? { ...session, ...stored.get(id), [key]: session[key] } : session)
      copies.delete(id)
    }
    const revokeAll = (user: string) => {
      if (revokes === 'by time') endedAt.set(user, control.now())
      if (revokes === 'rows') for (const [id, session] of stored) if (session.user === user) stored.delete(id)
    }
    const listener = handled(async (handling) => {
      const { url, request, response } = handling
      const sent = request.headers.cookie ? request.headers.cookie.split('; ') : []
      if (sent.length > 1) for (const _ of sent) calls += 1
      const known = cookieIn(request, cookieName)
      const loaded = known ? load(known) : {}
      // An id that nobody has given out is taken, and a login keeps the one from before.
      let id = known ?? `${'0'.repeat(28)}${(number++).toString(16)}`
      await control.gate(url)
      if (url.pathname === '/revoke-all') revokeAll(url.searchParams.get('user') ?? '')
      if (url.pathname === '/renew') id = `${'0'.repeat(28)}${(number++).toString(16)}`
      const session = change(url, loaded)
      if (url.pathname === '/login') session.startedAt = control.now()
      // An error saves as everything else does, and so does a request whose client has left.
      if (!['/read', '/logout', '/revoke-all'].includes(url.pathname)) save(id, session, url)
      if (url.pathname === '/logout' && !keepsAtLogout) stored.delete(id)
      const line = url.pathname === '/logout' ? `${cookieName}=; Max-Age=0` : `${cookieName}=${id}`
      if (!['/read', '/revoke-all'].includes(url.pathname)) response.setHeader('Set-Cookie', line)
      respond(handling, url.pathname === '/logout' ? {} : session)
    })
    const rows = {
      list: async () => [...stored].map(([key, value]) => ({ key, value: Buffer.from(JSON.stringify(value)) })),
      put: async () => {},
      delete: async (key: string) => void stored.delete(key),
    }
    const away = async (is: boolean) => {
      isAway = is
    }
    const server = { kill: () => away(true), start: () => away(false), pause: () => {}, resume: () => {} }
    return { listener, cookieName, isShared: true, storeCalls: () => calls, storage: { rows, server } }
  }
  return loopback(row('weak store'), create)
}
