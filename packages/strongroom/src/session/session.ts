import type { Duration } from '../base/duration.ts'
import { INSPECT } from '../base/print.ts'
import { DataError } from '../errors.ts'
import { lend, settleInPlace, writableValues } from './changes.ts'
import { checkpoint } from './checkpoint.ts'
import { checkValue, isEmpty, VERSION } from './content.ts'
import { dropCsrfValue } from './csrf.ts'
import { HIDDEN } from './data-rules.ts'
import { listOf, without } from './flash.ts'
import type { FreshOptions, Proofs } from './fresh.ts'
import { type Expiry, withExpiry } from './lifetime.ts'
import { checkCredential, checkLogin, checkUserId, type Keep, type KeepLogin, type LoginOptions } from './login.ts'
import { LOWEST, type ProofOptions } from './proof.ts'
import { guardProperties } from './properties.ts'
import { applicationValuesOf } from './serializer.ts'
import type { LogoutOptions } from './site-data.ts'
import type { State } from './state.ts'
import { own, put } from './values.ts'

/** The session's keys are the keys of `Data`. Every read may return undefined: a session is empty until it is filled. */
export type Keys<Data> = keyof Data & string

/** How the library itself gets at a session's state; applications only have the methods. */
export let stateOf: (session: AnySession) => State

let hasValue: (session: object, key: string) => boolean

// biome-ignore lint/suspicious/noExplicitAny: any session, whatever its data
export type AnySession = Session<any>

const FLASH = '~flash.'

/** What a session shows of itself: no value, and nothing that opens it. */
export interface SessionFacts {
  readonly isNew: boolean
  readonly userId: string | null
  readonly keys: readonly string[]
  readonly createdAt: Date | null
  readonly authenticatedAt: Date | null
  readonly level: number | null
  readonly method: string | null
  readonly expiresAt: Date | null
  readonly endsAt: Date | null
  readonly handle: string | null
}

/** One visitor's session. Changes take effect when the response begins, or at `sessions.save()`. */
export class Session<Data extends object = Record<string, unknown>> {
  readonly #state: State
  readonly #proofs: Proofs

  static {
    hasValue = (session, key) => #state in session && Object.hasOwn(session.#state.values, key)
    stateOf = (session) => {
      if (typeof session === 'object' && session !== null && #state in session) return session.#state
      throw new TypeError('Pass the session itself, as sessions.get(request) returns it, and not its handle or id.')
    }
  }

  /** @internal Sessions come from `sessions.get(request)`. */
  constructor(state: State, proofs: Proofs) {
    this.#state = state
    this.#proofs = proofs
  }

  /** The value of a key, or undefined. An object may be changed in place, at any depth: that is saved, too. */
  get<K extends Keys<Data>>(key: K): Data[K] | undefined {
    return lend(this.#state, key) as Data[K] | undefined
  }

  has(key: Keys<Data>): boolean {
    return Object.hasOwn(this.#state.values, key)
  }

  /** Sets a value: anything that JSON can hold. Parallel requests that set other keys lose nothing. */
  set<K extends Keys<Data>>(key: K, value: Data[K]): this {
    checkKey(key)
    if (value === undefined) throw new DataError(key, `The session value '${key}' is undefined. Use delete('${key}').`)
    this.#write(key, value)
    return this
  }

  /** Deletes a key; true if it was there. */
  delete(key: Keys<Data>): boolean {
    checkKey(key)
    const had = this.has(key)
    this.#write(key, undefined)
    const hidden = (HIDDEN + key) as typeof key
    if (this.has(hidden)) this.#write(hidden, undefined)
    return had
  }

  /** Returns the value of a key and deletes it. Two requests in parallel may both get it. */
  pull<K extends Keys<Data>>(key: K): Data[K] | undefined {
    const value = this.get(key)
    this.delete(key)
    return value
  }

  /**
   * Sets what `change` returns for the present value, and returns it; undefined deletes the key. If a parallel request saves
   * first, `change` runs again on its result, so it must only compute: no I/O, no clock, no counting of its calls.
   */
  update<K extends Keys<Data>>(
    key: K,
    change: (value: Data[K] | undefined) => Data[K] | undefined,
  ): Data[K] | undefined {
    checkKey(key)
    return this.#update(key, change as (value: unknown) => unknown) as Data[K] | undefined
  }

  /** With a message: saves it for the next request that asks. Without: returns the messages of that name and deletes them. */
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
    // Removes the messages that were shown, and not those that a parallel request has added since.
    this.#update(key, (list) => without(listOf(list), seen))
    return messages
  }

  /** Deletes all data, flash messages included; the session, its user and its times stay. */
  clear(): void {
    const state = this.#writable()
    state.cleared = true
    state.kept = null
    state.values = {}
    state.application?.clear()
    state.edits = state.updated = state.lent = null
  }

  keys(): Keys<Data>[] {
    return Object.keys(this.#state.values).filter((key) => !key.startsWith('~')) as Keys<Data>[]
  }

  /** True without data and flash messages. A session that stays empty and anonymous is not saved. */
  isEmpty(): boolean {
    return isEmpty(this.#state.values)
  }

  /**
   * Signs a user in: new token (so that a planted one is worthless), new times, and the session is in the user's list. Throws
   * `TypeError` for a user id that is not a non-empty string and for a wrong option, and `ConfigError` for a `remember` that is
   * not a duration.
   */
  login(userId: string, options: LoginOptions = {}): void {
    const state = this.#writable()
    checkUserId('login()', userId)
    checkLogin(userId, options)
    if (options.method !== undefined || options.level !== undefined) this.#proofs.checkLogin(options)
    const { userId: previousUserId } = this
    const standard = previousUserId === null ? state.signIn?.keep : previousUserId === userId ? 'all' : 'none'
    const { keep = standard } = options
    if (keep && keep !== 'all') this.#keepOnly(keep, { userId, previousUserId })
    dropCsrfValue(state)
    state.requestLogin(userId, options)
  }

  #keepOnly(keep: Exclude<Keep, 'all'>, login: KeepLogin): void {
    const state = this.#state
    // If the login is refused, these data are still those of the user who goes on.
    state.takeBackLogin = checkpoint(state)
    const kept = state.signIn?.keptBy(state, keep, login)
    this.clear()
    // The version is last: without data, there is nothing that it is true of.
    for (const [key, value] of kept?.now ?? [])
      if (value !== undefined && (state.edits || key !== VERSION)) this.#write(key, value)
    kept?.begin?.()
  }

  /** Gives the same session a new token; the old one stops working immediately. Call it when the visitor's rights change. */
  renew(): void {
    this.#writable().requestRenewal()
  }

  /**
   * The user of this session has just proved again who they are. It goes on with its data under a new token, as after `renew()`, and
   * `authenticatedAt` is the moment at which that is saved. Ask for the proof first: this believes what it is told. Throws
   * `FreshLoginRequiredError` (401) if nobody is signed in any more, and `TypeError` for a wrong method or level.
   */
  stepUp(proof: ProofOptions = {}): void {
    this.#proofs.checkStepUp(this.#state, this.userId, proof)
    this.#writable().requestStepUp(proof)
  }

  /**
   * For what is dangerous: throws `FreshLoginRequiredError` (401) unless the user has proved who they are within `maxAge`, by a login or
   * `stepUp()`, and with at least `level`. Throws `ConfigError` or `TypeError` for a wrong duration or option.
   */
  requireFresh(maxAge: Duration, options: FreshOptions = {}): void {
    this.#proofs.requireFresh(this.#state, this.userId, maxAge, options)
  }

  /**
   * This session has changed the user's credential, such as the password: it goes on under a new token, and the user's other
   * sessions are over, because they belong to the old credential. Without the new credential as an argument, the option
   * `credential`, which this needs, is asked for it.
   */
  credentialChanged(credential?: string): void {
    if (credential !== undefined) checkCredential('credentialChanged()', credential)
    if (this.userId === null) throw new TypeError('credentialChanged() needs a signed-in user. Call login() first.')
    this.#writable().requestStamp(credential)
  }

  /**
   * Ends the session: record deleted, cookie cleared, data gone; also when the response is an error. What is set afterwards,
   * such as a flash message, begins a new session that has nothing in common with this one. Throws `TypeError` for a wrong option.
   */
  logout(options?: LogoutOptions): void {
    const state = this.#writable()
    const siteData = state.signIn?.siteDataOf(options) ?? null
    this.clear()
    state.requestLogout(siteData)
  }

  /**
   * Sets the lifetime of this session alone. A duration is its idle limit; a `Date` is its end, used or not; an object names
   * each, and what it leaves out stays. Null restores the defaults, and so does `'browser'`, with a cookie that ends with the
   * browser.
   */
  setExpiry(expiry: Duration | Date | Expiry | null): void {
    const state = this.#writable()
    state.lifetime = withExpiry(state.lifetime, expiry, state.now)
  }

  /** True until the session is saved, in its store or in the visitor's cookie. */
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
  /** When the user last proved who they are; null while anonymous, and after a signal that asked for a new proof. */
  get authenticatedAt(): Date | null {
    const { meta } = this.#state
    return meta?.proofs?.length === 0 ? null : moment(meta?.authenticatedAt)
  }
  /** The strongest proof in this session: what its login or a later `stepUp()` has said, and else 1. Null while anonymous. */
  get level(): number | null {
    return this.userId === null ? null : (this.#proved()[0]?.[1] ?? LOWEST)
  }
  /** How the user last proved who they are, as `login` or `stepUp` was told it; null if it was not, and while anonymous. */
  get method(): string | null {
    return this.#proved().at(-1)?.[2] ?? null
  }
  /** When the session expires if it is not used again. Null while new. */
  get expiresAt(): Date | null {
    return this.#state.meta ? new Date(this.#state.expiresAt) : null
  }
  /** When the session ends, however much it is used. Null while new. */
  get endsAt(): Date | null {
    return moment(this.#state.meta?.deadline)
  }
  /** The session's public name in device lists and logs. It opens nothing. Null while new. */
  get handle(): string | null {
    const { ref, handleOf } = this.#state
    return ref && handleOf(ref.cookie.id)
  }
  /** Must requests with this session come from the browser that it was bound to? False without the option `deviceBound`. */
  get deviceBound(): boolean {
    return this.deviceProvedAt !== null
  }
  /** When that browser last proved that it has the key; null for a session that is not bound. */
  get deviceProvedAt(): Date | null {
    return moment(this.#proofs.deviceProvedAt(this.#state))
  }
  /** True for a session that saves nothing: from `read()`, or a stand-in while the store is down (`onStoreError: 'anonymous'`). */
  get isReadOnly(): boolean {
    return this.#state.isReadOnly
  }

  /** What `JSON.stringify` shows: facts for logs and debugging. Its values stay out, and so does what opens it. */
  toJSON(): SessionFacts {
    const { isNew, userId, createdAt, authenticatedAt, level, method, expiresAt, endsAt, handle } = this
    return { isNew, userId, keys: this.keys(), createdAt, authenticatedAt, level, method, expiresAt, endsAt, handle }
  }

  /** The same, for `console.log`. */
  [INSPECT](depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    return depth < 0 ? '[Session]' : `Session ${inspect(this.toJSON(), options)}`
  }

  #proved() {
    return this.#proofs.of(this.#state, this.#state.now)
  }

  #writable(): State {
    this.#state.assertOpen()
    return this.#state
  }

  #write(key: string, value: unknown): void {
    const state = this.#writable()
    state.edits ??= new Map()
    const values = writableValues(state)
    const application = applicationValuesOf(state.application, key)
    const json = application ? application.set(key, value) : value
    if (json === undefined) {
      delete values[key]
      state.edits.set(key, { kind: 'delete' })
    } else {
      put(values, key, json)
      state.edits.set(key, { kind: 'set', value: json })
    }
  }

  #update(key: string, change: (value: unknown) => unknown): unknown {
    const state = this.#writable()
    settleInPlace(state, key)
    const before = state.edits?.get(key)
    const value = change(lend(state, key))
    const application = applicationValuesOf(state.application, key)
    if (value !== undefined && !application) checkValue(key, value)
    this.#write(key, value)
    if (before && before.kind !== 'update') return value
    const step = application?.step(key, change) ?? change
    state.edits?.set(key, { kind: 'update', steps: [...(before?.steps ?? []), step] })
    state.updated ??= new Map()
    state.updated.set(key, JSON.stringify(own(state.values, key)))
    return value
  }
}

guardProperties(Session.prototype, hasValue)

function checkKey(key: string): void {
  if (typeof key !== 'string' || key === '') throw new DataError('', 'A session key must be a non-empty string.')
  if (key.startsWith('~'))
    throw new DataError(key, `A session key must not begin with '~': such keys are the library's own.`)
}

const moment = (ms: number | null | undefined) => (ms == null ? null : new Date(ms))
