import { createHash, randomInt } from 'node:crypto'
import { type Clock, ConfigError, type Id, type ScanOptions, type Store } from 'strongroom'

/** One of Django's session backends, as `createDjangoSessions` takes it. */
export interface DjangoEngine {
  readonly name: 'db' | 'cached_db' | 'cache' | 'file' | 'redis' | 'signed_cookies'
  /** Whether its store has the JSON of sessions as it is. Otherwise it has it signed, as `session_data`. */
  readonly unsigned?: boolean | undefined
  /**
   * Opens the store: its ids are session keys, its bytes are `session_data`. Returns null when the sessions are stored in
   * their cookies.
   */
  open(context: EngineContext): Store | null
}

/** Django's backends, and what to use for each. */
const BACKENDS: Readonly<Record<string, readonly [name: DjangoEngine['name'], engine: string]>> = {
  'django.contrib.sessions.backends.db': ['db', 'djangoPostgres(…), djangoMysql(…) or djangoSqlite(…)'],
  'django.contrib.sessions.backends.cached_db': ['cached_db', 'djangoCachedDb(…)'],
  'django.contrib.sessions.backends.cache': ['cache', 'djangoCache(…)'],
  'django.contrib.sessions.backends.file': ['file', 'djangoFiles(…)'],
  'django.contrib.sessions.backends.signed_cookies': ['signed_cookies', 'djangoCookies()'],
  'redis_sessions.session': ['redis', 'djangoRedis(…)'],
}

/** Throws `ConfigError` when SESSION_ENGINE is another backend than the engine's. One that is not known may be any. */
export function checkSessionEngine(setting: unknown, { name }: DjangoEngine): void {
  if (setting === undefined) return
  if (typeof setting !== 'string' || setting === '')
    throw new ConfigError("createDjangoSessions(): sessionEngine must be Django's SESSION_ENGINE, a string.")
  const [expected, engine] = (Object.hasOwn(BACKENDS, setting) && BACKENDS[setting]) || [name, '']
  if (expected !== name)
    throw new ConfigError(`createDjangoSessions(): with the SESSION_ENGINE '${setting}', store must be ${engine}.`)
}

/** What an engine needs to know about the sessions that it stores. */
export interface EngineContext {
  readonly clock: Clock
  /** SESSION_COOKIE_NAME. The names of session files begin with it. */
  readonly cookieName: string
  /** Returns when a session that was saved at `savedAt` ends, according to its `session_data`. */
  endOf(sessionData: string, savedAt: number): number
}

/** A Django store that can list all of its sessions, so that they can be moved. */
export interface EnumerableStore extends Store {
  /**
   * Yields session keys page by page; a key may be repeated. This is not `scan`, because lists of sessions need handles, and
   * a session key cannot be turned into one.
   */
  keys(options?: ScanOptions): AsyncIterable<readonly string[]>
  /** The sessions of a user. Absent where the storage cannot find them. */
  ofUser?: ((userId: string) => Promise<readonly UserRow[]>) | undefined
}

/** A row of a session table with a column for users. */
export interface UserRow {
  readonly key: string
  readonly expiresAt: number
}

/** Django's table of users. The `db` backend stores its sessions in the same database. */
export interface UserTable {
  /** Default `auth_user`. */
  readonly users?: string | undefined
  /** Its primary key. Default `id`. */
  readonly userKey?: string | undefined
}

/** `django.contrib.sessions.backends.signed_cookies`: sessions in their cookies, which are readable and cannot be revoked. */
export function djangoCookies(): DjangoEngine {
  return { name: 'signed_cookies', open: () => null }
}

const KEY_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** A new session key in Django's format: 32 characters, 165 bits. */
export function newSessionKey(): string {
  let key = ''
  while (key.length < 32) key += KEY_CHARACTERS[randomInt(KEY_CHARACTERS.length)]
  return key
}

/**
 * Whether a string may be sent to a store as a session key: at least Django's minimum length, at most the 40 characters of its
 * column. Because nothing else is allowed, a key cannot match another one in a database that folds case, be a path or contain
 * a NUL.
 */
export const isSessionKey = (value: string) => /^[a-z0-9]{8,40}$/.test(value)

/**
 * The id that events and handles use for a session key or a signed cookie. It cannot be turned back into the key, which is all
 * that a thief would need.
 */
export const sessionId = (value: string) =>
  createHash('sha256').update('strongroom django\n').update(value).digest('hex') as Id
