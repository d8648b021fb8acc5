import { inspect } from 'node:util'
import { insteadOf } from './check.ts'

type Done = (error?: unknown) => void
type Method = (...given: unknown[]) => unknown

/**
 * A store of express-session, as its packages have it: connect-redis, connect-pg-simple, session-file-store and so on. They call
 * back, in the same turn or a later one; some return a promise as well, or instead.
 */
export interface ConnectStore {
  /** `null` or `undefined` for a session that is not there, and an error with the code `ENOENT`, too. */
  get(sid: string, callback: (error: unknown, session?: unknown) => void): unknown
  /** Creates or replaces: it brings a session back that was destroyed a moment ago. */
  set(sid: string, session: never, callback?: Done): unknown
  destroy(sid: string, callback?: Done): unknown
  /** Extends the life of a session that is there. Left out by some. */
  touch?(sid: string, session: never, callback?: Done): unknown
  /** An object by id, an array with `id` in each, or an array without ids. Left out by some, as all that follows. */
  all?(callback: (error: unknown, sessions?: unknown) => void): unknown
  ids?(callback: (error: unknown, ids?: unknown) => void): unknown
  length?(callback: (error: unknown, length?: unknown) => void): unknown
  clear?(callback?: Done): unknown
}

const has = (value: unknown, ...methods: readonly string[]) =>
  methods.every((name) => typeof (value as Readonly<Record<string, unknown>> | null | undefined)?.[name] === 'function')

/** Its methods have the same names as those of a store, and mean something else: `destroy` ends the connection. */
const isRedisClient = (value: unknown) => has(value, 'sendCommand') || has(value, 'evalSha') || has(value, 'getBuffer')

/** Has it the methods of a store of express-session, and is it no client of Redis? */
export const isConnectStore = (value: unknown): value is ConnectStore =>
  typeof value === 'object' && has(value, 'get', 'set', 'destroy') && !isRedisClient(value)

/** The same, of a store that is only read. */
export const isReadableStore = (value: unknown): value is Pick<ConnectStore, 'get' | 'destroy'> =>
  typeof value === 'object' && has(value, 'get', 'destroy') && !isRedisClient(value)

/** What to pass instead of what is no store of express-session, as a sentence after a space. */
export function insteadOfConnectStore(given: unknown): string {
  if (isRedisClient(given))
    return ' It got a client of Redis: pass new RedisStore({ client }), with the prefix that it has in the application.'
  if (typeof given === 'object' && given !== null && 'traits' in given)
    return ' It got a store of Strongroom, which has none of the sessions of express-session.'
  return insteadOf(given)
}

/** The record of a session; null if there is none. Rejects if the store could not say. */
export async function getFrom(store: Pick<ConnectStore, 'get'>, sid: string): Promise<unknown> {
  try {
    return (await promised(store, 'get', [sid])) ?? null
  } catch (error) {
    if (isNoFile(error)) return null
    throw error
  }
}

/**
 * As in express-session, the stores on disk say so when there is no such file. But a database that is reached through a socket of this
 * machine, and is down, says the same of its socket: then nothing is known about any session.
 */
function isNoFile(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  return code === 'ENOENT' && syscall !== 'connect'
}

export async function setIn(store: Pick<ConnectStore, 'set'>, sid: string, record: object): Promise<void> {
  await promised(store, 'set', [sid, record])
}

export async function destroyIn(store: Pick<ConnectStore, 'destroy'>, sid: string): Promise<void> {
  try {
    await promised(store, 'destroy', [sid])
  } catch (error) {
    if (!isNoFile(error)) throw error
  }
}

/** Does nothing in a store without `touch`, as express-session does. */
export async function touchIn(store: Pick<ConnectStore, 'touch'>, sid: string, record: object): Promise<void> {
  if (typeof store.touch === 'function') await promised(store, 'touch', [sid, record])
}

/**
 * One call of a store, in whatever style it has. The first result counts: the callback's, or that of a promise. What it throws, now or
 * in its promise, rejects. A store that never calls back stays pending: the caller has a time limit.
 *
 * A promise for `undefined`, from a method with a callback among its parameters, is no result: the callback may be still to come, and
 * a session that is there must not count as absent.
 */
export function promised(store: object, method: string, args: readonly unknown[]): Promise<unknown> {
  const [sid] = args
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => reject(typeof sid === 'string' ? withoutSid(error, sid) : error)
    const callback = (error: unknown, result: unknown) => (error ? failed(error) : resolve(result))
    try {
      const call = (store as Record<string, unknown>)[method] as Method
      const returned = call.call(store, ...args, callback)
      if (!isThenable(returned)) return
      const takesCallback = call.length !== args.length
      returned.then((result) => {
        if (result !== undefined || !takesCallback) resolve(result)
      }, failed)
    } catch (error) {
      failed(error)
    }
  })
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

/** Stores on disk put the path of the session's file into their errors, and so the id, with which anybody could be that visitor. */
function withoutSid(error: unknown, sid: string): unknown {
  // Its message, its stack, its own properties and its causes.
  if (sid === '' || !inspect(error, { depth: 8, showHidden: true }).includes(sid)) return error
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown }
  const text = String(message ?? error).replaceAll(sid, '[session id]')
  return Object.assign(new Error(text), typeof code === 'string' && { code })
}
