import type { Id } from '../crypto/token.ts'
import { ReadOnlyError, SessionClosedError } from '../errors.ts'
import type { Meta, Values } from './content.ts'
import type { LifetimeChange } from './lifetime.ts'
import type { LoginMoment, LoginOptions } from './login.ts'
import type { Edit } from './merge.ts'
import { ApplicationValues, type Serializer } from './serializer.ts'

/** What a session is to become, beyond its data. */
export type Intent = LoginIntent | { readonly verb: 'renew' | 'logout' }

export interface LoginIntent {
  readonly verb: 'login'
  readonly userId: string
  readonly options: LoginOptions
  /** When it began; null where nobody can end all sessions of a user. */
  readonly began: Promise<LoginMoment> | null
}

/** A session as it is stored, on the server or in the cookie. */
export interface StoredSession {
  readonly values: Values
  /** Which of the values other requests have, too; see `Loaded`. */
  readonly shared: Values
  /** `values` as JSON. */
  readonly data: string
  readonly meta: Meta
  readonly ref: { readonly expiresAt: number; readonly cookie: { readonly id: Id; readonly text: string } }
}

/** What a session knows of its request. */
export interface RequestFacts {
  /** When it was loaded. */
  readonly now: number
  readonly handleOf: (id: Id) => string
  readonly serializer?: Serializer | null
  /** Asks the store when the login of a user begins; see `LoginIntent`. */
  readonly beginLogin?: ((userId: string) => Promise<LoginMoment> | null) | undefined
  /** Rejects with `SessionLimitError` if a login would be refused now. */
  readonly checkLimit?: ((login: LimitedLogin) => Promise<void>) | undefined
}

/** What a limit of sessions needs to know of a login. */
export type LimitedLogin = Pick<LoginIntent, 'userId' | 'options'>

const NO_VALUES: Values = Object.freeze({})

/**
 * What is known of a session in the middle of a request. It has no clock: the moment is passed in. Whether it may be changed
 * is its mode: open → saving → open → closed, or read-only, which it becomes right after it was loaded.
 */
export class State {
  values: Values = {}
  shared: Values = NO_VALUES
  /** The JSON that `values` were parsed from. */
  base = '{}'
  /** Null while new. */
  meta: Meta | null = null
  expiresAt = 0
  /** How the backing names the session; null while new. */
  ref: StoredSession['ref'] | null = null
  /** Called only when a handle is needed, because it costs a hash. */
  readonly handleOf: (id: Id) => string
  readonly now: number
  readonly #beginLogin: NonNullable<RequestFacts['beginLogin']>
  /** For those who end something before they ask for the login: a refusal must come first. */
  readonly checkLimit: NonNullable<RequestFacts['checkLimit']>
  intent: Intent | null = null
  lifetime: LifetimeChange | null = null
  cleared = false
  /** `logout()` was called, perhaps before a `login()`. */
  loggedOut = false
  edits: Map<string, Edit> | null = null
  /** For an updated key: its JSON right after the last update, to notice a later change in place. */
  updated: Map<string, string | undefined> | null = null
  /** Keys whose objects the application has a reference to. */
  lent: Set<string> | null = null
  /** Restores what a login has dropped; null where it drops nothing. */
  takeBackLogin: (() => void) | null = null
  /** `credentialChanged()` was called. */
  credentialChange: { readonly credential: string | undefined } | null = null
  /** Of the session that will be stored when there is something to store, for a caller that must name it before that. */
  identity: { readonly id: Id } | null = null
  /** With a serializer, `values` are what it makes of these. */
  readonly application: ApplicationValues | null
  #mode: 'open' | 'saving' | 'closed' | 'read-only' = 'open'

  constructor(
    { now, handleOf, serializer = null, beginLogin = () => null, checkLimit = async () => {} }: RequestFacts,
    loaded: StoredSession | null,
  ) {
    this.now = now
    this.checkLimit = checkLimit
    this.#beginLogin = beginLogin
    this.handleOf = handleOf
    this.application = serializer && new ApplicationValues(serializer)
    if (loaded) this.setStored(loaded)
  }

  get isOpen(): boolean {
    return this.#mode === 'open'
  }
  get isClosed(): boolean {
    return this.#mode === 'closed'
  }
  get isReadOnly(): boolean {
    return this.#mode === 'read-only'
  }

  /** Throws, with what to do instead, unless a change can still be saved. */
  assertOpen(): void {
    if (this.#mode === 'open') return
    if (this.#mode === 'saving')
      throw new SessionClosedError(
        'The session is being saved. Await sessions.save(request) before you change it again.',
      )
    if (this.#mode === 'read-only')
      throw new ReadOnlyError(
        'This session is read-only: the store is down and this is a stand-in, or it was opened by read(), for a page or a socket, which cannot set a cookie. Change it in a request whose response can.',
      )
    throw new SessionClosedError(
      'The response has begun, so a change of the session can no longer be saved. Change it before the first byte is written.',
    )
  }

  /** A save begins: a change during it would be lost. */
  beginSave(): void {
    this.#mode = 'saving'
  }

  /** The save has ended, and the response has not begun. */
  endSave(): void {
    this.#mode = 'open'
  }

  /** The response begins. */
  close(): void {
    this.#mode = 'closed'
  }

  makeReadOnly(): void {
    this.#mode = 'read-only'
  }

  /** From now on, what was saved counts as what was loaded. */
  setStored({ values, shared, data, meta, ref }: StoredSession): void {
    this.values = values
    this.shared = shared
    this.base = data
    this.meta = meta
    this.expiresAt = ref.expiresAt
    this.ref = ref
  }

  /** After the session's end: what is set from now on begins a new one. */
  startOver(): void {
    this.values = {}
    this.shared = NO_VALUES
    this.application?.clear()
    this.base = '{}'
    this.meta = this.ref = null
    this.expiresAt = 0
    this.forgetChanges()
  }

  /** It serves one session: a second attempt to store it could find the first one, whose reply was lost. */
  takeIdentity(): { readonly id: Id } | null {
    const { identity } = this
    this.identity = null
    return identity
  }

  forgetChanges(): void {
    this.forgetIntent()
    this.lifetime = this.edits = this.updated = this.lent = null
    this.cleared = false
  }

  requestLogin(userId: string, options: LoginOptions): void {
    // Now, not when the response begins: a "log out everywhere" in between must end this login, too.
    const began = options.asOf ? Promise.resolve(options.asOf) : this.#beginLogin(userId)
    // A failure is reported when the login is saved, if it ever is.
    began?.catch(() => undefined)
    this.intent = { verb: 'login', userId, options: { ...options }, began }
  }

  /** A login or a logout gives a new token anyway. */
  requestRenewal(): void {
    this.intent ??= { verb: 'renew' }
  }

  requestLogout(): void {
    this.loggedOut = true
    this.intent = { verb: 'logout' }
  }

  /**
   * This request has itself ended the user's other sessions: a login that it asked for goes on, unless somebody else had ended all of
   * them since it began.
   */
  requestLoginAfter({ before, after }: { readonly before: LoginMoment; readonly after: LoginMoment }): void {
    if (this.intent?.verb !== 'login' || this.intent.userId !== after.userId || !this.intent.began) return
    const began = this.intent.began.then((own) => (own.goesOnTo({ before, after }) ? after : own))
    began.catch(() => undefined)
    this.intent = { ...this.intent, began }
  }

  requestStamp(credential: string | undefined): void {
    this.requestRenewal()
    this.credentialChange = { credential }
  }

  /** A login or renewal that failed must not be tried again when the response begins. */
  forgetIntent(): void {
    this.intent = this.credentialChange = this.takeBackLogin = null
    this.loggedOut = false
  }
}
