import type { CsrfOptions } from '../../http/csrf.ts'
import type { TimeLeft } from '../../request/peek.ts'
import type { GetOptions } from '../../request/visit.ts'
import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'

export type Values = Record<string, unknown>

/** What the suite's application needs to know about a request. */
export interface SuiteRequest {
  /** What `sessions.get` takes under this adapter. */
  readonly request: object
  /** Path and query, or the whole URL. */
  readonly url: string
  /**
   * A field of the form that the request sends, as a handler reads it: after a check for forged requests has looked for its token in the
   * same form. Needed where the server has such a check.
   */
  field?(name: string): unknown
}

/** What the suite's application responds. The code that connects it to the framework sends it as the framework does. */
export interface SuiteResponse {
  readonly status: number
  /** Header lines in order. Set-Cookie may occur several times. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Null for no body. Chunks must be sent as they come. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | null
}

/** The suite's application. A rejection must reach the framework, as any error of a handler does. */
export type SuiteApplication = (request: SuiteRequest) => Promise<SuiteResponse>

/**
 * Starts a server on this machine that runs the application behind the adapter under test. Unless `protection` is null, the adapter's
 * `csrf(sessions, protection)` comes before the application.
 */
export type StartServer = (
  sessions: BaseSessions<Values>,
  application: SuiteApplication,
  protection: CsrfOptions | null,
) => Promise<RunningServer>

/** A server of an application under test. */
export interface RunningServer {
  readonly url: string
  /** True when the server speaks HTTP/2 without TLS. */
  readonly http2?: boolean
  close(): Promise<void>
}

/** What a route is given: the query, and the session of its request. */
export interface RouteContext {
  readonly query: URLSearchParams
  session(options?: GetOptions): Promise<Session<Values>>
  /** The same, without the request. */
  current(): Promise<Session<Values>>
  peek(): Promise<TimeLeft | null>
  save(): Promise<void>
  csrfToken(): Promise<string>
  /** A field of the form that was sent. */
  field(name: string): Promise<unknown>
}

export type Route = (context: RouteContext) => SuiteResponse | Promise<SuiteResponse>

type Headers = SuiteResponse['headers']

export const text = (body: string, headers: Headers = []): SuiteResponse => ({
  status: 200,
  headers: [['Content-Type', 'text/plain; charset=utf-8'], ...headers],
  body,
})

export const json = (value: unknown): SuiteResponse => ({
  status: 200,
  headers: [['Content-Type', 'application/json']],
  body: JSON.stringify(value),
})

export const status = (status: number, body: SuiteResponse['body'] = null, headers: Headers = []): SuiteResponse => ({
  status,
  headers,
  body,
})

/** Text that is sent chunk by chunk. */
export const stream = (chunks: () => AsyncIterable<string>): SuiteResponse => ({
  status: 200,
  headers: [['Content-Type', 'text/plain; charset=utf-8']],
  body: encoded(chunks()),
})

async function* encoded(chunks: AsyncIterable<string>) {
  for await (const chunk of chunks) yield new TextEncoder().encode(chunk)
}

export const NOT_FOUND: Route = () => status(404, 'not found')

/** Routes that nearly every conversation needs. A property may add its own. */
export const STANDARD: Readonly<Record<string, Route>> = {
  '/plain': () => text('plain'),
  async '/read'({ session }) {
    const s = await session()
    return json({ userId: s.userId, ...Object.fromEntries(s.keys().map((key) => [key, s.get(key)])) })
  },
  async '/set'({ query, session }) {
    const s = await session()
    for (const [key, value] of query) s.set(key, value)
    return text('set')
  },
  async '/login'({ query, session }) {
    const s = await session()
    s.login(query.get('user') ?? 'ada')
    return text('welcome')
  },
  async '/logout'({ session }) {
    const s = await session()
    s.logout()
    return text('bye')
  },
}
