import { printedAs } from '../../base/print.ts'
import type { CookieEngine, Store } from '../../store.ts'

/**
 * What is behind a store, for `strongroom doctor`: it looks at the settings of the very server that the application uses, over the
 * application's own connection. Nothing in here decides anything about a session.
 */
export type Backend =
  | PostgresBackend
  | MysqlBackend
  | RedisBackend
  | MemcachedBackend
  | SqliteBackend
  | { readonly engine: 'file'; readonly path: string; readonly durable: boolean }
  | { readonly engine: 'cached'; readonly durable: Store; readonly cache: Store }
  | { readonly engine: 'moving'; readonly from: Store; readonly to: Store }

export interface PostgresBackend {
  readonly engine: 'postgres'
  readonly table: string
  /** Rows in the order of their columns, each value as text. Neither looks for the table nor makes it. */
  query(text: string): Promise<readonly (readonly (string | null)[])[]>
}

export interface MysqlBackend {
  readonly engine: 'mysql'
  readonly table: string
  /** Neither looks for the table nor makes it. */
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
}

export interface RedisBackend {
  readonly engine: 'redis'
  /** What the option `durable` says that this Redis is configured for. */
  readonly durable: 'no' | 'process' | 'machine'
  readonly evicts: boolean | null
  /** Whether the connection is encrypted; null for a client that does not tell. */
  readonly tls: boolean | null
  /**
   * Sends a command to each master, also where the configuration is not what the options say, so that a store could not be used.
   * What a server replies with an error is that error.
   */
  command(...words: readonly string[]): Promise<readonly unknown[]>
}

export interface MemcachedBackend {
  readonly engine: 'memcached'
  readonly servers: readonly { readonly host: string; readonly port: number }[]
  readonly sizeLimit: number
}

export interface SqliteBackend {
  readonly engine: 'sqlite'
  /** Null for a database in memory, and when it cannot be found out. */
  readonly path: string | null
  readonly table: string
  /** What commits wait for; null for a database of the application's, which `pragma` asks. */
  readonly synchronous: 'full' | 'normal' | null
  /**
   * Asks the application's own connection; null for a database that the store opens by its path. Another connection to such a database
   * may be of another copy of SQLite: closing that would drop the locks of this process on the file.
   */
  readonly query: ((sql: string) => readonly Readonly<Record<string, unknown>>[]) | null
}

/** Registered, because a config may import another copy of the library. */
const BACKEND = Symbol.for('strongroom.backend')

/** Adds it to the store, where nobody sees it who prints or copies the store. */
export function withBackend<S extends Pick<Store, 'traits'>>(store: S, backend: Backend): S {
  const { path, table } = backend as { readonly path?: string | null; readonly table?: string }
  const place = { ...(path && { path }), ...(table !== undefined && { table }) }
  return Object.defineProperty(printedStore(store, place), BACKEND, { value: backend })
}

/** Has `console.log` show what a store is, and where: never how to connect to it, and nothing of what is in it. */
export const printedStore = <S extends Pick<Store, 'traits'>>(store: S, place: object = {}): S =>
  printedAs(store, 'Store', () => {
    const { engine, durable, shared } = store.traits
    return { engine, durable, shared, ...place }
  })

/** Null for a store that somebody else has written. */
export function backendOf(store: Store | CookieEngine): Backend | null {
  return (store as { [BACKEND]?: Backend })[BACKEND] ?? null
}

/** What is behind `createSessions`. No secret is in it. */
export interface SessionsBackend {
  /** The store, or the cookie engine. Null for an engine of another package. */
  readonly engine: Store | CookieEngine | null
  /** The Set-Cookie line of a session, with a made-up value; null where there is no cookie, as with `bearer()`. */
  readonly setCookie: string | null
  /** Is it the cookie of strongroom/express-session, whose options have other names than ours? Undefined in older releases. */
  readonly isDropIn?: boolean
  /** The cookie's name of before, which is read, too. */
  readonly formerName: string | null
  /** Ms between two sweeps; null if this process does not sweep. */
  readonly sweep: number | null
  readonly usesSodium: boolean
  /** The adoption sources of the option `adoptFrom`. */
  readonly adoptFrom: readonly { readonly name: string }[]
  /** Are these the secrets of the ring? Also false while a provider of secrets has not answered. */
  hasSecrets(secrets: string): boolean
}

const SESSIONS = Symbol.for('strongroom.sessions')

export function withSessionsBackend<S extends object>(sessions: S, backend: SessionsBackend): S {
  return Object.defineProperty(sessions, SESSIONS, { value: backend })
}

/** Null for what is no result of `createSessions`, or of one of an older release. */
export function sessionsBackendOf(sessions: object): SessionsBackend | null {
  return (sessions as { [SESSIONS]?: SessionsBackend })[SESSIONS] ?? null
}
