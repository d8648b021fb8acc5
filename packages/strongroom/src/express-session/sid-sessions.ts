import { isOf, isScannable } from '../admin/inspect.ts'
import {
  type ContentToSave,
  IN_FLIGHT,
  isLoaded,
  type Lasting,
  type Loaded,
  type VerifiedCookie,
} from '../backing/backing.ts'
import { LONGEST } from '../base/duration.ts'
import { parseJson } from '../base/json.ts'
import { pause } from '../base/retry.ts'
import type { SessionsContext } from '../context.ts'
import type { Created } from '../create.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { ConflictError, StoreError, UnsupportedError } from '../errors.ts'
import { isSession } from '../store.ts'

/** Where the session of a sid may be: one under each master of the ring, the current one first. */
type Places = readonly [current: VerifiedCookie, ...retired: VerifiedCookie[]]

interface Looked {
  readonly loaded: Loaded | null
  /**
   * `ended`: it was destroyed, or altered in the store, and nothing may be stored for this sid. `unreadable`: another server may be able
   * to open it.
   */
  readonly state: 'live' | 'absent' | 'ended' | 'unreadable'
}

/** Most times that a write is tried. Each failure means that another write of the same session has succeeded. */
const ATTEMPTS = 200

/**
 * For how long nothing can be stored for a sid that was destroyed: longer than any request that still has its session. For a sid that
 * leads to nothing, no longer than most requests take: any visitor can have many of those destroyed.
 */
const DESTROYED = 86_400_000
const SESSION: Lasting = { session: DESTROYED, nothing: DESTROYED }
const NOTHING: Lasting = { session: DESTROYED, nothing: IN_FLIGHT }

/**
 * Sessions by the sid of another framework. The sid stands in the place of a cookie of ours: id and token are computed from it under a
 * key of the ring, so that what is stored opens with both, and tells neither.
 */
export class SidSessions {
  readonly #context: SessionsContext
  readonly #created: Pick<Created, 'store' | 'advice'>
  /** In ms, of a session whose cookie does not say how long it lives. */
  readonly #lifetime: number

  constructor({ context, store, advice }: Created, lifetime: number) {
    this.#context = context
    this.#created = { store, advice }
    this.#lifetime = lifetime
  }

  /** The session as it was stored, an object of the caller's own; null if there is none. */
  async get(sid: string): Promise<object | null> {
    const began = this.#context.emit.now()
    const places = await this.#placesOf(sid)
    const { loaded, state } = await this.#look(places)
    if (state === 'unreadable') throw unreadable()
    this.#report(loaded ? 'loaded' : 'absent', places, { began })
    return loaded && (parseJson(loaded.data) as object)
  }

  /** Creates or replaces. Nothing is stored for a sid that was destroyed: the event `gone` tells of it. */
  async set(sid: string, session: object): Promise<void> {
    // Before anything is waited for: the application may change it meanwhile.
    const data = jsonOf(session)
    await this.#write(sid, this.#deadlineOf(session), () => data)
  }

  /** Moves the deadline of a session that is there, and stores the cookie that says so. */
  async touch(sid: string, session: { readonly cookie?: unknown }): Promise<void> {
    const changed = parseJson(jsonOf({ cookie: session.cookie })) as object
    await this.#write(sid, this.#deadlineOf(session), (before) =>
      before ? JSON.stringify({ ...(parseJson(before.data) as object), ...changed }) : null,
    )
  }

  /** Ends a session for good. */
  async destroy(sid: string): Promise<void> {
    const places = await this.#placesOf(sid)
    const { state } = await this.#look(places, true)
    // Under every master: a server that has not got the newest secret yet looks, and stores, under the ones before it.
    for (const cookie of places)
      if (await this.#context.backing.replaceAny(refOf(cookie), state === 'absent' ? NOTHING : SESSION))
        this.#context.emit({ type: 'revoked', handle: handleOf(cookie.id), count: 1, reason: 'logout' })
  }

  /** How many there are in this namespace. Walks the store. */
  async count(): Promise<number> {
    let count = 0
    for await (const ids of this.#walk('length')) count += ids.length
    return count
  }

  /** Ends all of this namespace, as `destroy` does. Walks the store. */
  async clear(): Promise<void> {
    let count = 0
    for await (const ids of this.#walk('clear'))
      for (const id of ids) if (await this.#context.backing.replaceAny(refOf({ id, text: '' }), SESSION)) count++
    this.#context.emit({ type: 'revoked', handle: null, count, reason: 'everybody' })
  }

  async #placesOf(sid: string): Promise<Places> {
    const { ring, backing } = this.#context
    const ready = ring.ready()
    if (ready) await ready
    const { computedCookie } = backing
    if (!computedCookie) throw new UnsupportedError('This engine has ids of its own.')
    const [current, ...retired] = ring.masters.map((master) => computedCookie(master, ['express-session', sid]))
    return [current as VerifiedCookie, ...retired]
  }

  async #look(places: Places, fresh = false): Promise<Looked> {
    const { backing, emit } = this.#context
    for (const cookie of places) {
      const result = await backing.load(cookie, { fresh })
      if (result === null || 'expired' in result) continue
      if (isLoaded(result)) return { loaded: result, state: 'live' }
      if (!('refused' in result)) return { loaded: null, state: 'ended' }
      emit({ type: 'rejected', what: 'record', reason: result.refused })
      return { loaded: null, state: ELSEWHERE.includes(result.refused) ? 'unreadable' : 'ended' }
    }
    return { loaded: null, state: 'absent' }
  }

  /** Stores what `next` makes of what is there; null is nothing. The last of several writers wins, as express-session has it. */
  async #write(sid: string, deadline: number, next: (before: Loaded | null) => string | null): Promise<void> {
    if (!(this.#context.clock() < deadline)) return this.destroy(sid)
    const began = this.#context.emit.now()
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const places = await this.#placesOf(sid)
      // A copy may be the very one that the attempt before has failed for.
      const { loaded, state } = await this.#look(places, attempt > 1)
      if (state === 'unreadable') throw unreadable()
      if (state === 'ended') return this.#report('gone', places, { began })
      const data = next(loaded)
      if (data === null) return
      if (await this.#store(places, loaded, this.#contentOf(data, deadline, loaded)))
        return this.#report(loaded ? 'updated' : 'created', places, { began })
      this.#report('conflict', places, { began, attempt })
      if (attempt > 1) await pause()
    }
    throw new ConflictError(`The session was changed by others in each of ${ATTEMPTS} attempts; nothing was written.`)
  }

  /** False if something else is there now. */
  async #store([current]: Places, loaded: Loaded | null, content: ContentToSave): Promise<boolean> {
    const { backing } = this.#context
    const { deadline } = content.meta
    if (loaded?.ref.cookie.id === current.id)
      return (await backing.update(loaded.ref, content, deadline, loaded)) !== null
    if (!(await backing.createUnder?.(current, content, deadline))) return false
    // Or the old secret could never be removed: a session that is used lives for as long as it is used.
    if (loaded) await backing.discard(loaded.ref)
    return true
  }

  #contentOf(data: string, deadline: number, before: Loaded | null): ContentToSave {
    const createdAt = before?.meta.createdAt ?? this.#context.clock()
    const nobody = { authenticatedAt: null, userId: null, label: null, persistent: false, idle: 0 }
    return { data, meta: { createdAt, deadline, ...nobody } }
  }

  /**
   * When a session ends, by its cookie: `expires`, or else `maxAge`. The cookie is made by the clock of the machine, whatever clock
   * this store was given.
   */
  #deadlineOf(session: { readonly cookie?: unknown }): number {
    const { expires, maxAge } = (session.cookie ?? {}) as { readonly expires?: unknown; readonly maxAge?: unknown }
    const moment = expires instanceof Date || typeof expires === 'string' ? new Date(expires).valueOf() : Number.NaN
    const fromCookie = Number.isNaN(moment) ? maxAge : moment - Date.now()
    const lifetime = typeof fromCookie === 'number' && !Number.isNaN(fromCookie) ? fromCookie : this.#lifetime
    return Math.ceil(this.#context.clock() + Math.min(lifetime, LONGEST))
  }

  async *#walk(method: string): AsyncGenerator<readonly Id[]> {
    const { store, advice } = this.#created
    if (!store || !isScannable(store)) throw new UnsupportedError(`${method}() cannot work here: ${advice}`)
    for await (const page of store.scan())
      yield page.filter((one) => isSession(one) && isOf(this.#context.namespace, one)).map(({ id }) => id)
  }

  #report(
    type: 'loaded' | 'created' | 'updated' | 'absent' | 'gone' | 'conflict',
    [{ id }]: Places,
    { began, attempt = 1 }: { readonly began: number | undefined; readonly attempt?: number },
  ): void {
    const { emit } = this.#context
    if (!emit.wanted()) return
    const handle = emit.wantsHandle() ? handleOf(id) : ''
    if (type === 'created') emit({ type, handle, authenticated: false }, { began })
    else emit(type === 'conflict' ? { type, handle, attempt } : { type, handle }, { began })
  }
}

const refOf = (cookie: VerifiedCookie) => ({ cookie, version: null, expiresAt: 0 })

/** Reasons why a record does not open here, and may open on another server, which has a newer secret, or a newer release. */
const ELSEWHERE: readonly string[] = ['unknown-key', 'unknown-version']

const unreadable = () =>
  new StoreError(
    'A session is sealed under a secret, or by a release, that this server does not have. Give every server a new secret, after the current one, before the first of them makes it the current one.',
  )

function jsonOf(session: object): string {
  const data = typeof session === 'object' && session !== null ? JSON.stringify(session) : undefined
  if (data?.startsWith('{')) return data
  throw new TypeError('A connect store stores sessions, which are objects.')
}
