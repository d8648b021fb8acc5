import { DataError, ReadOnlyError, SessionClosedError } from '../errors.ts'
import { checkValue, isEmpty } from './content.ts'
import { type Expiry, lifetimeChangeOver } from './expiry.ts'
import type { Duration } from './lifetime.ts'
import { checkCredential, checkLogin, checkUserId, type LoginOptions } from './login.ts'
import { listOf, own, put, without } from './merge.ts'
import { shownOf } from './serializer.ts'
import { lend, ownValues, type State, settleInPlace } from './state.ts'

/** Keys of `Data` are the session's keys; every read may find nothing, for a session is empty until it is filled. */
export type Keys<Data> = keyof Data & string

/** The library's own way to a session's state; an application has only the verbs. */
export let stateOf: (session: Session<never>) => State

const FLASH = '~flash.'

/** What one visitor has, and what has become of it. Verbs take effect when the response begins, or at `sessions.save()`. */
export class Session<Data extends object = Record<string, unknown>> {
  readonly #state: State

  static {
    stateOf = (session) => (session as Session<never>).#state
  }

  /** @internal Sessions come from `sessions.get(request)`. */
  constructor(state: State) {
    this.#state = state
  }

  /** The value under a key, or undefined. An object may be changed in place, at any depth: that is kept too. */
  get<K extends Keys<Data>>(key: K): Data[K] | undefined {
    return lend(this.#state, key) as Data[K] | undefined
  }

  has(key: Keys<Data>): boolean {
    return Object.hasOwn(this.#state.values, key)
  }

  /** Puts a value: anything that JSON can carry. Parallel requests that set other keys lose nothing. */
  set<K extends Keys<Data>>(key: K, value: Data[K]): this {
    checkKey(key)
    if (value === undefined) throw new DataError(key, `The session value '${key}' is undefined. Use delete('${key}').`)
    this.#write(key, value)
    return this
  }

  /** Removes a key; true when it was there. */
  delete(key: Keys<Data>): boolean {
    checkKey(key)
    const had = this.has(key)
    this.#write(key, undefined)
    return had
  }

  /** The value under a key, which is removed. Of two requests at the same time both may see it, and then it is gone. */
  pull<K extends Keys<Data>>(key: K): Data[K] | undefined {
    const value = this.get(key)
    this.delete(key)
    return value
  }

  /**
   * Puts what `change` makes of the value, and returns it; undefined removes the key. When a parallel request was first,
   * `change` is run again over its result, so it must do nothing but compute: no I/O, no clock, no counting of its calls.
   */
  update<K extends Keys<Data>>(
    key: K,
    change: (value: Data[K] | undefined) => Data[K] | undefined,
  ): Data[K] | undefined {
    checkKey(key)
    return this.#update(key, change as (value: unknown) => unknown) as Data[K] | undefined
  }

  /** With a message: keeps it for the next request that asks. Without: the messages that wait under the name, which then go. */
  flash(name: string): unknown[]
  flash(name: string, message: unknown): void
  flash(name: string, ...rest: [message?: unknown]): unknown[] | undefined {
    const key = FLASH + name
    if (rest.length === 1) {
      checkValue(`flash ${name}`, rest[0])
      this.#update(key, (list) => [...listOf(list), rest[0]])
      return undefined
    }
    const messages = listOf(lend(this.#state, key))
    if (messages.length === 0) return []
    const seen = messages.map((message) => JSON.stringify(message))
    // Takes away what was shown, and not what a parallel request has added since.
    this.#update(key, (list) => without(listOf(list), seen))
    return messages
  }

  /** Removes all data (flash messages too); the session, its user and its times stay. */
  clear(): void {
    const state = this.#writable()
    state.cleared = true
    state.values = {}
    state.shown?.clear()
    state.edits = state.updated = state.lent = null
  }

  keys(): Keys<Data>[] {
    return Object.keys(this.#state.values).filter((key) => !key.startsWith('~')) as Keys<Data>[]
  }

  /** No data and no flash message. A session that stays empty and anonymous is not kept. */
  isEmpty(): boolean {
    return isEmpty(this.#state.values)
  }

  /** Signs a user in: new token (so a planted one is worth nothing), new times, and the session is found under the user. */
  login(userId: string, options: LoginOptions = {}): void {
    const state = this.#writable()
    checkUserId('login()', userId)
    checkLogin(options)
    const keep = options.keep ?? (this.userId === null || this.userId === userId ? 'all' : 'none')
    if (keep !== 'all') {
      const kept = keep === 'none' ? [] : keep.map((key) => [key, lend(state, key)] as const)
      this.clear()
      for (const [key, value] of kept) if (value !== undefined) this.#write(key, value)
    }
    state.intent = { verb: 'login', userId, options: { ...options } }
  }

  /** A new token for the same session; the old one is dead at once. Call it when the visitor's rights change. */
  renew(): void {
    const state = this.#writable()
    if (state.intent === null) state.intent = { verb: 'renew' }
  }

  /**
   * The user's credential was changed by this very session: it goes on under a new token, and all others of the user are over,
   * for they stand on the old one. With the new credential, or it is asked. Needs the option `credential`.
   */
  credentialChanged(credential?: string): void {
    if (credential !== undefined) checkCredential('restamp()', credential)
    if (this.userId === null) throw new TypeError('restamp() is for a session with a signed-in user.')
    this.renew()
    this.#state.credentialChange = { credential }
  }

  /**
   * Ends the session: record deleted, cookie cleared, data gone. Also when the response is an error. What is put after it,
   * such as a flash message, begins a new session that has nothing in common with this one.
   */
  logout(): void {
    const state = this.#writable()
    this.clear()
    state.intent = { verb: 'logout' }
  }

  /**
   * Lifetimes of this session alone. A duration is its idle limit; a `Date` its end, used or not; an object names each, and
   * what it leaves out stays; null gives the defaults back, and so does `'browser'` with a cookie that ends with the browser.
   */
  setExpiry(expiry: Duration | Date | Expiry | null): void {
    const state = this.#writable()
    state.lifetime = lifetimeChangeOver(state.lifetime, expiry, state.now)
  }

  /** True until the session rests in its store, or in the visitor's cookie. */
  get isNew(): boolean {
    return this.#state.meta === null
  }
  /** The signed-in user, or null. */
  get userId(): string | null {
    const { intent, meta } = this.#state
    if (intent?.verb === 'login') return intent.userId
    return intent?.verb === 'logout' ? null : (meta?.userId ?? null)
  }
  /** When the session began: its creation or its last login. Null while new. */
  get createdAt(): Date | null {
    return moment(this.#state.meta?.createdAt)
  }
  /** When the user last proved who they are; null while anonymous. */
  get authenticatedAt(): Date | null {
    return moment(this.#state.meta?.authenticatedAt)
  }
  /** When the session ends if it is not used again. Null while new. */
  get expiresAt(): Date | null {
    return this.#state.meta ? new Date(this.#state.expiresAt) : null
  }
  /** When the session ends however much it is used. Null while new. */
  get endsAt(): Date | null {
    return moment(this.#state.meta?.deadline)
  }
  /** The session's public name in device lists and logs. It opens nothing. Null while new. */
  get handle(): string | null {
    const { id, handleOf } = this.#state
    return id && handleOf(id)
  }
  /** True for a stand-in that keeps nothing: the store was down and the call asked for `onStoreError: 'anonymous'`. */
  get isReadOnly(): boolean {
    return this.#state.mode === 'read-only'
  }

  #writable(): State {
    const state = this.#state
    if (state.mode === 'open') return state
    if (state.mode === 'saving')
      throw new SessionClosedError(
        'The session is being saved. Await sessions.save(request) before you change it again.',
      )
    if (state.mode === 'read-only')
      throw new ReadOnlyError(
        'This session is read-only: it stands in while the store is down, or was opened with read().',
      )
    throw new SessionClosedError(
      'The response has begun, so a change of the session can no longer be kept. Change it before the first byte is written.',
    )
  }

  #write(key: string, value: unknown): void {
    const state = this.#writable()
    state.edits ??= new Map()
    const values = ownValues(state)
    const shown = shownOf(state.shown, key)
    const kept = shown ? shown.take(key, value) : value
    if (kept === undefined) {
      delete values[key]
      state.edits.set(key, { kind: 'delete' })
    } else {
      put(values, key, kept)
      state.edits.set(key, { kind: 'set', value: kept })
    }
  }

  #update(key: string, change: (value: unknown) => unknown): unknown {
    const state = this.#writable()
    settleInPlace(state, key)
    const before = state.edits?.get(key)
    const value = change(lend(state, key))
    const shown = shownOf(state.shown, key)
    if (value !== undefined && !shown) checkValue(key, value)
    this.#write(key, value)
    if (before && before.kind !== 'update') return value
    const step = shown?.step(key, change) ?? change
    state.edits?.set(key, { kind: 'update', steps: [...(before?.steps ?? []), step] })
    state.updated ??= new Map()
    state.updated.set(key, JSON.stringify(own(state.values, key)))
    return value
  }
}

function checkKey(key: string): void {
  if (typeof key !== 'string' || key === '') throw new DataError('', 'A session key is a non-empty string.')
  if (key.startsWith('~')) throw new DataError(key, `Session keys that begin with '~' are the library's own.`)
}

const moment = (ms: number | null | undefined) => (ms == null ? null : new Date(ms))
