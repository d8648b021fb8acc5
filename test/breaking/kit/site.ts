import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseSetCookie } from 'cookie'
import { withSessions } from '../../../packages/strongroom/src/adapters/node.ts'
import type { SessionsOptions } from '../../../packages/strongroom/src/create.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, Store } from '../../../packages/strongroom/src/store.ts'
import { secret } from '../../core/kit/ring.ts'
import { killed, start } from './child.ts'
import type { Place } from './world.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests put what they like
export type Anything = Record<string, any>
export const SECRET = secret('breaking')

/** Sessions over a store; all processes of a site have the same secret, as they must. */
export function sessionsOn(store: Store, options: Omit<SessionsOptions, 'store'> = {}): Sessions<Anything> {
  return createSessions<Anything>({
    secrets: SECRET,
    cookie: { name: 'id', secure: false },
    ...options,
    store: store as IndexedStore,
  })
}

type Query = URLSearchParams
const ROUTES: Record<string, (session: Session<Anything>, query: Query, sessions: Sessions<Anything>) => unknown> = {
  '/read': () => undefined,
  '/login': (session, query) => session.login(query.get('user') ?? 'ada'),
  '/set': (session, query) => session.set(query.get('key') ?? 'key', 1),
  '/count': (session) => session.update('n', (n = 0) => n + 1),
  '/renew': (session) => session.renew(),
  '/logout': (session) => session.logout(),
  '/revoke': (session, _, sessions) => sessions.of(session.userId ?? 'nobody').revokeAll(),
}

/** The application: each route does one thing to its session and answers with what the session has then. */
export async function serve(store: Store): Promise<{ url: string; close(): Promise<void> }> {
  const sessions = sessionsOn(store)
  const server = createServer(
    withSessions(sessions, async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site')
      const session = await sessions.get(request)
      await ROUTES[pathname]?.(session, searchParams, sessions)
      const data = Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))
      response.end(JSON.stringify({ user: session.userId, data }))
    }),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface Site {
  readonly url: string
  close(): Promise<void>
}

/** The application in so many processes; in this one where nobody else could see the sessions. */
export async function sites(place: Place, count: number): Promise<Site[]> {
  if (place.where.engine === 'memory') return [await serve(await place.open())]
  const starting = Array.from({ length: count }, async () => {
    const child = await start('site', place.where)
    child.send('url')
    const [url] = await once(child, 'message')
    return { url, close: () => killed(child) }
  })
  return Promise.all(starting)
}

export interface Page {
  readonly status: number
  readonly user: string | null
  readonly data: Anything
}

/** A browser, which may send many requests at once. */
export class Browser {
  cookie: string | null = null

  async get(site: Site, path: string): Promise<Page> {
    const response = await fetch(site.url + path, { headers: this.cookie ? { cookie: `id=${this.cookie}` } : {} })
    const text = await response.text()
    for (const line of response.headers.getSetCookie()) {
      const { value, maxAge } = parseSetCookie(line)
      this.cookie = maxAge === 0 ? null : (value ?? null)
    }
    if (response.status !== 200) return { status: response.status, user: null, data: {} }
    return { status: 200, ...JSON.parse(text) }
  }

  /** The same, where anything but a page is a failure of the test. */
  async page(site: Site, path: string): Promise<Page> {
    const page = await this.get(site, path)
    assert.equal(page.status, 200, path)
    return page
  }

  copy(): Browser {
    return Object.assign(new Browser(), { cookie: this.cookie })
  }
}
