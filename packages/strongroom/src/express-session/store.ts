import { EventEmitter } from 'node:events'
import { memory } from '../engines/memory/memory.ts'
import { UnsupportedError } from '../errors.ts'
import type { Values } from '../session/content.ts'
import type { BaseSessions } from '../sessions.ts'
import { type Reply, replied } from './reply.ts'
import { type Callback, type SessionRequest, VISIT } from './request.ts'

/** The session of a request under way, as somebody who knows its id may use it. */
export interface LiveSession {
  /** As it is stored now: the cookie's attributes and the data; null if it has ended. */
  read(): Promise<object | null>
  overwrite(session: object): Promise<void>
  end(): Promise<void>
}

/** What stores of express-session inherit from; a plain function, because many of them call it as `Store.call(this)`. */
export interface Store extends EventEmitter {
  regenerate(request: SessionRequest, callback: Callback): void
}
/** What stores of express-session inherit from, and what they may call as a function. */
export const Store = function Store(this: EventEmitter) {
  EventEmitter.call(this)
} as unknown as { new (): Store; (this: object): void; readonly prototype: Store }

Object.setPrototypeOf(Store.prototype, EventEmitter.prototype)
Object.setPrototypeOf(Store, EventEmitter)
Object.defineProperty(Store.prototype, 'regenerate', {
  configurable: true,
  writable: true,
  value(request: SessionRequest, callback: Callback) {
    const visit = request[VISIT]
    if (visit) visit.regenerate(callback)
    else process.nextTick(callback, new TypeError('This request did not come through session().'))
  },
})

/** How many sessions of requests under way are known by their id: of stored ones, and as many of those that are not stored yet. */
const MOST_LIVE = 10_000

/** And how many requests of one. */
const MOST_OF_ONE = 8

/**
 * `req.sessionStore`: what can be done with sessions by their id, which is a public handle. The session of a request under way can be
 * read, written and ended; any other can be ended, where the engine can walk its sessions. Nobody but its visitor can open it.
 */
export class SessionStore extends Store {
  #sessions: BaseSessions<Values> | null = null
  readonly #stored = new LiveSessions()
  /** Apart: visitors without a session must not push out those who have one. */
  readonly #new = new LiveSessions()

  /** @internal */
  serve(sessions: BaseSessions<Values>): void {
    this.#sessions = sessions
  }

  /** @internal Somebody has asked for the id of a session. */
  know(id: string, session: LiveSession, isStored: boolean): void {
    const live = isStored ? this.#stored : this.#new
    live.add(id, session)
  }

  get(id: string, callback?: Reply<object | null>) {
    return replied(callback, (async () => this.#liveOr(id, 'get').read())())
  }

  set(id: string, session: object, callback?: Reply<void>) {
    return replied(callback, (async () => this.#liveOr(id, 'set').overwrite(session))())
  }

  /** Moves nothing by itself: each request that uses a session extends it. */
  touch(id: string, _session: object, callback?: Reply<void>) {
    return replied(callback, (async () => void this.#liveOr(id, 'touch'))())
  }

  load(id: string, callback?: Reply<object | null>) {
    return this.get(id, callback)
  }

  destroy(id: string, callback?: Reply<void>) {
    return replied(
      callback,
      (async () => {
        const live = this.#liveOf(id)
        if (live) await live.end()
        else await this.#served().revoke(id)
      })(),
    )
  }

  length(callback?: Reply<number>) {
    return replied(callback, (async () => (await this.#served().stats()).live)())
  }

  all(callback?: Reply<never>) {
    return replied<never>(callback, (async () => Promise.reject(new UnsupportedError(sealed('all'))))())
  }

  clear(callback?: Reply<void>) {
    return replied<void>(callback, (async () => Promise.reject(new UnsupportedError(CLEAR)))())
  }

  createSession(): never {
    throw new UnsupportedError(sealed('createSession'))
  }

  /** Gives a request another `req.session` immediately. The session that it had ends with its response. */
  generate(request: SessionRequest): void {
    request[VISIT]?.generate()
  }

  #served(): BaseSessions<Values> {
    if (this.#sessions) return this.#sessions
    throw new UnsupportedError('This store belongs to no session() yet. Pass it as the option store of session().')
  }

  #liveOf(id: string): LiveSession | undefined {
    return this.#stored.get(id) ?? this.#new.get(id)
  }

  #liveOr(id: string, method: string): LiveSession {
    const live = this.#liveOf(id)
    if (live) return live
    throw new UnsupportedError(sealed(method))
  }
}

/** Sessions of requests that are still there, by id. Several requests may have the same one. */
class LiveSessions {
  readonly #byId = new Map<string, WeakRef<LiveSession>[]>()

  add(id: string, session: LiveSession): void {
    const others = (this.#byId.get(id) ?? []).filter((one) => one.deref() !== undefined)
    this.#byId.delete(id)
    // The first ones stay: those of connections that last.
    this.#byId.set(id, others.length < MOST_OF_ONE ? [...others, new WeakRef(session)] : others)
    if (this.#byId.size <= MOST_LIVE) return
    const [oldest] = this.#byId.keys()
    this.#byId.delete(oldest as string)
  }

  get(id: string): LiveSession | undefined {
    for (const one of this.#byId.get(id) ?? []) {
      const session = one.deref()
      if (session) return session
    }
    return undefined
  }
}

const sealed = (method: string) =>
  `sessionStore.${method}() cannot open sessions of other visitors: each is sealed under a key that its visitor alone has. For the sessions of a user, use the property "sessions" of the middleware: sessions.of(userId).list(), and revoke() or revokeAll() to end them.`

const CLEAR =
  'sessionStore.clear() would sign everybody out. `npx @strongroom/cli revoke-everybody` does that, after the secrets were replaced.'

/** Sessions in this process's memory; `new session.MemoryStore()` of express-session. */
export class MemoryStore extends SessionStore {
  /** @internal */
  readonly engine = memory()
}
