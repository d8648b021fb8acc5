import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'

/**
 * A promise of the request's session, which is loaded when this is awaited, and not before. To read or write anything else of it throws
 * a `TypeError`: `request.session.userId` without `await` would be undefined, as it is for a visitor who is not signed in.
 */
export type PendingSession<Data extends object = Record<string, unknown>> = Promise<Session<Data>>

/** Shows nothing of the request to what prints it, because that has the cookie in it. */
class Waiting {
  readonly #request: object

  constructor(request: object) {
    this.#request = request
  }

  static requestOf(waiting: Waiting): object {
    return waiting.#request
  }
}

type Method = 'then' | 'catch' | 'finally'
const METHODS: readonly unknown[] = ['then', 'catch', 'finally'] satisfies Method[]

/**
 * Makes what stands for the session on the request of a framework, where it has the name `name`, as in `request.session`. A promise
 * itself would have to be loaded when it is made, and one that nobody awaits ends the process when the store is down.
 */
export function pendingSessions<Data extends object>(
  name: string,
  sessions: Pick<BaseSessions<Data>, 'get'>,
): (request: object) => PendingSession<Data> {
  const { read, write } = misuse(name)
  const handler: ProxyHandler<Waiting> = {
    get(waiting, key) {
      if (METHODS.includes(key)) return methodOf(key as Method, () => sessions.get(Waiting.requestOf(waiting)))
      // What looks at any value asks for these: loggers, test runners, JSON.stringify.
      if (typeof key === 'symbol') return undefined
      if (key === 'toJSON') return shownAs
      return key === 'constructor' ? Promise : read(key)
    },
    has: (_waiting, key) => METHODS.includes(key) || (typeof key === 'string' && read(key)),
    getPrototypeOf: () => Promise.prototype,
    // By a spread, Object.keys and Object.hasOwn, too, it would be a session in which nothing is.
    ownKeys: () => read('keys'),
    getOwnPropertyDescriptor: (_waiting, key) => (typeof key === 'string' ? read(key) : undefined),
    set: (_waiting, key) => write(key),
    defineProperty: (_waiting, key) => write(key),
    deleteProperty: (_waiting, key) => write(key),
  }
  return (request) => new Proxy(new Waiting(request), handler) as unknown as PendingSession<Data>
}

/** As JSON. */
const shownAs = () => ({})

function methodOf(method: Method, load: () => Promise<unknown>) {
  return (...given: unknown[]): unknown => {
    const loading = load()
    return Reflect.apply(loading[method], loading, given)
  }
}

/** For `request.session = null` and the like: in code that is not strict, a property without a setter is silently left as it is. */
export function assigning(name: string): () => never {
  return () => {
    throw new TypeError(`${name} cannot be set. To end the session: (await ${name}).logout().`)
  }
}

function misuse(name: string) {
  const about = (key: string | symbol) =>
    `${name} is a promise: write const session = await ${name}. Without await, it has no "${String(key)}".`
  return {
    read(key: string): never {
      throw new TypeError(`${about(key)} Its values are read by session.get("…").`)
    },
    write(key: string | symbol): never {
      throw new TypeError(`${about(key)} Its values are set by session.set("…", value).`)
    },
  }
}
