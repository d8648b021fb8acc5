import type { Session } from '../../session/session.ts'

/** A session that is loaded when it is awaited, and not before. */
export type PendingSession<Data extends object = Record<string, unknown>> = Promise<Session<Data>>

/** What is asked of any object by those who print, compare or serialize it. */
const ASKED_BY_TOOLS: ReadonlySet<string> = new Set(['constructor', 'toJSON', 'toString', 'valueOf'])

/**
 * A property for a request, by which a framework's users expect their session: `await request.session`. Every use of the session itself
 * throws a TypeError that says what to write: without types, `request.session.userId` would be undefined, and every visitor nobody.
 * `where` is how it is reached. `load` is called at each `await`.
 */
export function pendingSession<Data extends object>(
  where: string,
  load: () => Promise<Session<Data>>,
): PendingSession<Data> {
  const promise: PendingSession<Data> = {
    [Symbol.toStringTag]: 'Promise',
    // biome-ignore lint/suspicious/noThenProperty: it is a promise
    then: (...args) => load().then(...args),
    catch: (...args) => load().catch(...args),
    finally: (...args) => load().finally(...args),
  }
  const refuse = (name: string | symbol): never => {
    throw new TypeError(`${where} is a promise of the session: write (await ${where}).${String(name)}.`)
  }
  return new Proxy(promise, {
    get(target, name) {
      const isRefused = typeof name === 'string' && !Object.hasOwn(target, name) && !ASKED_BY_TOOLS.has(name)
      return isRefused ? refuse(name) : Reflect.get(target, name)
    },
    set: (_, name) => refuse(name),
    deleteProperty: (_, name) => refuse(name),
  })
}
