import { EventEmitter } from 'node:events'
import type { Engine } from '../backing/create.ts'
import { checkEngine } from '../backing/stored.ts'
import { checkOptions } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import { OpenState } from '../base/open-state.ts'
import { type Created, createContext } from '../create.ts'
import type { SecretSource, Secrets } from '../crypto/keyring.ts'
import { ConfigError, UnsupportedError } from '../errors.ts'
import { withStoreErrors } from '../events.ts'
import type { SessionsOptions } from '../options.ts'
import { servers } from '../servers.ts'
import { replied } from './reply.ts'
import { SidSessions } from './sid-sessions.ts'
import { Store as DropInStore } from './store.ts'

/** What these options mean for `createSessions`, they mean here. */
type Shared = Pick<
  SessionsOptions,
  'namespace' | 'seal' | 'cipher' | 'crypto' | 'maxSize' | 'storeTimeout' | 'memo' | 'sweep' | 'on' | 'clock'
>

/** Options of `connectStore`. */
export interface ConnectStoreOptions extends Shared {
  /** Secrets (the first is current, the others retired), or a function that fetches them. They are not those of the cookie. */
  readonly secrets: SecretSource
  /** How long a session lives whose cookie does not say it. A string with a unit; default `'1d'`. */
  readonly ttl?: Extract<Duration, string> | undefined
}

type Done = (error?: unknown) => void

/** The methods of a store of express-session, sealed. Without a callback they return promises. */
export interface ConnectStoreMethods extends AsyncDisposable {
  get<S>(sid: string, callback: (error: unknown, session?: S | null) => void): void
  get<S = Record<string, unknown>>(sid: string): Promise<S | null>
  /**
   * Creates or replaces: of two that run in parallel, the last one wins. Stores nothing for a sid that was destroyed within the last
   * day, and calls back without an error all the same: the response of such a request has been sent by then.
   */
  set(sid: string, session: object, callback: Done): void
  set(sid: string, session: object): Promise<void>
  /** Extends a session that is there; does nothing for any other. */
  touch(sid: string, session: object, callback: Done): void
  touch(sid: string, session: object): Promise<void>
  /** Ends a session for good, whatever requests are under way. */
  destroy(sid: string, callback: Done): void
  destroy(sid: string): Promise<void>
  /** How many sessions are in this namespace. Walks the store, where it can be walked. */
  length(callback: (error: unknown, length?: number) => void): void
  length(): Promise<number>
  /** Ends all sessions of this namespace. Walks the store, where it can be walked. */
  clear(callback: Done): void
  clear(): Promise<void>
  /** Always fails: what is stored opens with the sid of its visitor alone. */
  all(callback: (error: unknown) => void): void
  all(): Promise<never>
  /** Always fails, as `all`. */
  ids(callback: (error: unknown) => void): void
  ids(): Promise<never>
  /** Sets new secrets, or asks the function that fetches them again. Sessions under secrets that are still there go on. */
  reloadSecrets(secrets?: Secrets): Promise<void>
  /** Stops the sweep, and closes an engine that was opened from a URL. */
  close(): Promise<void>
}

type Constructor<T extends object> = abstract new (...given: never) => T

/** A store of this framework: an instance of its `Store`, where its types have one. */
export type ConnectStoreOf<Framework> = (Framework extends { readonly Store: Constructor<infer Base> }
  ? Base
  : EventEmitter) &
  ConnectStoreMethods

const KNOWN = [
  'secrets',
  'ttl',
  'namespace',
  'seal',
  'cipher',
  'crypto',
  'maxSize',
  'storeTimeout',
  'memo',
  'sweep',
  'on',
  'clock',
] as const satisfies readonly (keyof ConnectStoreOptions)[]

/** What to write instead of options of connect-redis, connect-pg-simple and others. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['secret', 'password', 'keys'].map((name) => [
      name,
      'Did you mean "secrets"? It takes one secret, or an array of them.',
    ]),
  ),
  ...Object.fromEntries(
    ['client', 'prefix', 'pool', 'table', 'tableName', 'conString', 'path'].map((name) => [
      name,
      'It is an option of the engine, which is the second argument.',
    ]),
  ),
  ...Object.fromEntries(
    ['maxAge', 'expires', 'idle', 'absolute'].map((name) => [
      name,
      "How long a session lives is said by the framework's cookie, and otherwise by ttl.",
    ]),
  ),
}

/**
 * A store for express-session, @fastify/session, or whatever has a `Store` to inherit from, on any engine that stores sessions on the
 * server: sealed, swept, and with an end that is final. Throws `ConfigError` for what is wrong.
 *
 * @example
 * app.use(session({ secret, store: connectStore(session, sqlite('./sessions.db'), { secrets }) }))
 */
export function connectStore<Framework extends object>(
  session: Framework,
  engine: Engine | string,
  options: ConnectStoreOptions,
): ConnectStoreOf<Framework> {
  const Base = baseOf(session)
  checkOptions('connectStore()', options, KNOWN, ELSEWHERE)
  const lifetime = lifetimeOption(options.ttl)
  const created = createdFrom(engine, options)
  const Store = storeClass(Base, created, new SidSessions(created, lifetime))
  return new Store() as unknown as ConnectStoreOf<Framework>
}

function storeClass(
  Base: new () => EventEmitter,
  created: Created,
  sessions: SidSessions,
): new () => EventEmitter & ConnectStoreMethods {
  const state = new OpenState()
  const { emit, ring } = created.context
  /** Calls the method of the sessions; with a callback if there is one, and otherwise for a promise. */
  const run = <T>(work: () => Promise<T>, callback: unknown) =>
    replied(
      callback,
      withStoreErrors(emit, async () => {
        state.assertOpen()
        return work()
      })(),
    )
  return class StrongroomStore extends Base {
    get(sid: string, callback?: unknown) {
      return run(() => sessions.get(checked(sid)), callback)
    }
    set(sid: string, session: object, callback?: unknown) {
      return run(() => sessions.set(checked(sid), session), callback)
    }
    touch(sid: string, session: object, callback?: unknown) {
      return run(() => sessions.touch(checked(sid), session), callback)
    }
    destroy(sid: string, callback?: unknown) {
      return run(() => sessions.destroy(checked(sid)), callback)
    }
    length(callback?: unknown) {
      return run(() => sessions.count(), callback)
    }
    clear(callback?: unknown) {
      return run(() => sessions.clear(), callback)
    }
    all(callback?: unknown) {
      return run(() => Promise.reject(notReadable('all')), callback)
    }
    ids(callback?: unknown) {
      return run(() => Promise.reject(notReadable('ids')), callback)
    }
    reloadSecrets(secrets?: Secrets) {
      return ring.reload(secrets)
    }
    async close() {
      if (state.close()) await created.close()
    }
    [Symbol.asyncDispose]() {
      return this.close()
    }
  } as unknown as new () => EventEmitter & ConnectStoreMethods
}

function checked(sid: unknown): string {
  if (typeof sid === 'string' && sid !== '') return sid
  throw new TypeError('A connect store takes the sid of a session, which is a string.')
}

const notReadable = (method: string) =>
  new UnsupportedError(
    `${method}() cannot work: what is stored opens with the sid of its visitor alone, which is nowhere on the server. length() counts the sessions, and clear() ends all of them.`,
  )

/** A plain function that is called as `Store.call(this)` can be extended, too. */
function baseOf(session: unknown): new () => EventEmitter {
  const isFramework =
    (typeof session === 'object' && session !== null && !('traits' in session)) || typeof session === 'function'
  const { Store = null } = (isFramework ? session : {}) as { Store?: unknown }
  const instead = Store === DropInStore ? DROP_IN : insteadOfFramework(session)
  if (!isFramework || instead !== '')
    throw new ConfigError(
      `connectStore() takes what \`import session from 'express-session'\` or '@fastify/session' imports, then the engine, then { secrets }.${instead}`,
    )
  return typeof Store === 'function' ? (Store as new () => EventEmitter) : EventEmitter
}

const DROP_IN = ' It got strongroom/express-session, which needs no such store: give the engine to session({ store }).'

/** What lies beside the framework at hand, and would fail at a visitor's second request. Empty for anything else. */
function insteadOfFramework(given: unknown): string {
  if (typeof given !== 'function' || 'Store' in given) return ''
  if ('sessions' in given) return DROP_IN
  if (given.prototype instanceof EventEmitter) return ' It got a Store: pass what has that as its property.'
  const isMiddleware = given.length === 3
  return isMiddleware ? ' It got a middleware: pass the function that made it, and the store to that.' : ''
}

function createdFrom(given: Engine | string, options: ConnectStoreOptions): Created {
  const { secrets, ttl: _, namespace = 'connect-store', ...shared } = options
  // Null counts as left out, too: a store under a key that was made up here would lose everybody at the next start.
  if (secrets == null)
    throw new ConfigError(
      'connectStore() needs secrets. Put the output of `npx @strongroom/cli keys new` into STRONGROOM_SECRETS, and write { secrets: process.env.STRONGROOM_SECRETS }.',
    )
  const engine = typeof given === 'string' ? given : checkEngine(given)
  const kind =
    typeof engine === 'string' ? /^\s*cookie:/i.exec(engine) && 'cookie' : 'kind' in engine ? engine.kind : null
  if (kind)
    throw new ConfigError(
      `connectStore() needs an engine that stores sessions on the server, in the format of this library: memory, file, sqlite, postgres, mysql, redis, memcached, cached or moving. ${kind === 'cookie' ? 'The cookie engine puts them into cookies, and a connect store can set none.' : 'This one has a format and ids of its own.'}`,
    )
  return createContext({ ...shared, namespace, secrets, store: engine }, servers)
}

/** A number would be seconds for connect-redis, and milliseconds for others. */
function lifetimeOption(given: unknown): number {
  if (given === undefined) return milliseconds('1d', 'ttl')
  if (typeof given === 'string') return milliseconds(given, 'ttl')
  throw new ConfigError("ttl must be a string with its unit, such as '30m' or '1d'.")
}
