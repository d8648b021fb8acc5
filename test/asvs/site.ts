import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { type IndexedStore, isSession } from '../../packages/strongroom/src/store.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { type Page, Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { type ManualClock, manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { running } from '../adapters/site.ts'
import { secret } from '../core/fixtures/secret.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const NAME = '__Host-id'

export type Values = Record<string, unknown>
/** Sessions of a site that has a store. */
export type SiteSessions = Sessions<Values>
type Route = (
  session: Session<Values>,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
) => unknown

/** A row of the table in which the sessions are. */
export interface StoredRow {
  readonly id: string
  readonly payload: Uint8Array
  readonly owner: string | null
  readonly label: Uint8Array | null
}

/** A server with sessions in SQLite, and all that an examiner looks at. */
export interface Site {
  readonly url: string
  readonly sessions: SiteSessions
  readonly clock: ManualClock
  readonly events: SessionEvent[]
  /** A browser of its own. */
  visitor(): Visitor
  /** One that has signed in. */
  signedIn(user?: string, query?: string): Promise<Visitor>
  /** The stored sessions, the oldest first. */
  rows(): StoredRow[]
  /** Everything that the database has written to the disk. */
  dump(): Buffer
  /** Runs SQL in the database, as somebody who can write to it. */
  sql(text: string, ...values: (string | number | Uint8Array)[]): void
}

/** What `/x` of the site does with the session of its request. It responds with what that returns, as JSON. */
const ROUTES: Readonly<Record<string, Route>> = {
  whoami: (session) => session.userId,
  login: (session, query) =>
    void session.login(query.get('user') ?? 'ada', { ...(query.has('remember') && { remember: true }) }),
  logout: (session) => session.logout(),
  renew: (session) => session.renew(),
  count: (session) => void session.update('n', (n) => Number(n ?? 0) + 1),
  set: (session, query) => void [...query].map(([key, value]) => session.set(key, value)),
  read: (session) => Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
  fail: () => Promise.reject(new Error('the password of the database is hunter2')),
}

export interface SiteOptions extends Omit<SessionsOptions, 'store' | 'on' | 'clock'> {
  /** Refuse forged requests? */
  readonly csrf?: boolean
  /** Another store than SQLite. */
  readonly store?: IndexedStore
  /** Routes of one test. */
  readonly routes?: (site: { readonly sessions: SiteSessions }) => Readonly<Record<string, Route>>
}

export async function site(t: TestContext, options: SiteOptions = {}): Promise<Site> {
  const { csrf: protects = false, routes, store: given, ...rest } = options
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-asvs-'))
  const path = join(folder, 'sessions.db')
  const clock = manualClock()
  const store = given ?? sqlite({ path, clock, synchronous: 'normal' })
  const events: SessionEvent[] = []
  const sessions = createSessions<Values>({
    // Not random: of two random secrets, one in 256 has the key id of the other.
    secrets: secret('site'),
    sweep: false,
    ...rest,
    store,
    clock,
    on: (event) => events.push(event),
  })
  const all = { ...ROUTES, ...routes?.({ sessions }) }
  const { url } = await running(t, listener(sessions, all, protects))
  // After the server, because what runs last is registered last.
  t.after(async () => {
    await sessions.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const visitor = () => visitorOf(t, url)
  const withDatabase = <T>(work: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(path)
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  return {
    url,
    sessions,
    clock,
    events,
    visitor,
    async signedIn(user = 'ada', query = '') {
      const browser = visitor()
      await browser.must(`/login?user=${user}${query}`)
      return browser
    },
    rows: () =>
      withDatabase((database) => database.prepare('SELECT * FROM strongroom_sessions ORDER BY rowid').all()).filter(
        isSession as never,
      ) as unknown as StoredRow[],
    dump: () => Buffer.concat(readdirSync(folder).map((file) => readFileSync(join(folder, file)))),
    sql: (text, ...values) => void withDatabase((database) => database.prepare(text).run(...values)),
  }
}

/** A browser of a site. */
export function visitorOf(t: TestContext, url: string): Visitor {
  const client = http1(url)
  t.after(() => client.close())
  return new Visitor(client)
}

function listener(sessions: SiteSessions, routes: Readonly<Record<string, Route>>, protects: boolean): RequestListener {
  const check = csrf(sessions)
  return withSessions(sessions, async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site')
    if (protects) await check(request)
    const route = routes[pathname.slice(1)]
    if (!route) return response.end('asset')
    const result = await route(await sessions.get(request), searchParams, request, response)
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(result ?? null))
  }) as RequestListener
}

/** The cookie that a visitor has, as a header. */
export const cookieOf = (visitor: Visitor): string => visitor.jar.header() ?? assert.fail('the visitor has no cookie')

/** Its value. */
export const tokenOf = (visitor: Visitor): string => visitor.jar.value(NAME) ?? assert.fail('the visitor has no cookie')

/** Whose request the server says that one with this Cookie header is. */
export async function whoIs({ visitor }: Pick<Site, 'visitor'>, cookie: string): Promise<unknown> {
  const page = await visitor().ask('/whoami', { cookie })
  assert.equal(page.status, 200)
  return JSON.parse(page.text)
}

/** All header lines but the cookie's, and those of the connection. */
export function headersOf(page: Page): Record<string, string | undefined> {
  return Object.fromEntries(
    ['cache-control', 'vary', 'content-type', 'content-length'].map((name) => [name, page.header(name)]),
  )
}

/** The session's Set-Cookie line of a page. */
export function setCookieOf(page: Page): string {
  const lines = page.all('set-cookie')
  assert.equal(lines.length, 1)
  return lines[0] as string
}
