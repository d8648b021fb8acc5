import type { Id } from '../crypto/token.ts'
import { ReadOnlyError, SessionClosedError, type StrongroomError } from '../errors.ts'
import type { DeviceKey } from './bound.ts'
import type { Meta, Values } from './content.ts'
import type { DataRules } from './data-rules.ts'
import type { LifetimeChange } from './lifetime.ts'
import type { Keep, KeepLogin, LoginMoment, LoginOptions } from './login.ts'
import type { Changes, Edit } from './merge.ts'
import type { ProofOptions } from './proof.ts'
import { ApplicationValues, type Serializer } from './serializer.ts'
import type { SiteDataOf } from './site-data.ts'

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
  /** For what lasts longer than a request. */
  readonly clock?: (() => number) | undefined
  readonly handleOf: (id: Id) => string
  readonly serializer?: Serializer | null
  readonly dataRules?: DataRules | null
  /** Asks the store when the login of a user begins; see `LoginIntent`. */
  readonly beginLogin?: ((userId: string) => Promise<LoginMoment> | null) | undefined
  /** Rejects with `SessionLimitError` if a login would be refused now. */
  readonly checkLimit?: ((login: LimitedLogin) => Promise<void>) | undefined
  /** Told of what `requireFresh` throws, which it may throw itself. */
  readonly refused?: ((error: StrongroomError) => void) | undefined
  /** Null for a session that nobody can sign in to. */
  readonly signIn?: SignInPolicy | null
}

/** What logins and logouts do with data. */
export interface SignInPolicy {
  /** What a login keeps of the data of an anonymous session, unless it says otherwise. */
  readonly keep: Keep
  readonly keptBy: KeptBy
  readonly siteDataOf: SiteDataOf
}

/** What a login keeps of a session's data. Throws `TypeError` for a function that returns none. */
export type KeptBy = (state: State, keep: Exclude<Keep, 'all'>, login: KeepLogin) => Kept

export interface Kept {
  /** The values of this request, as the application has them. Undefined for one that is not there. */
  readonly now: readonly (readonly [key: string, value: unknown])[]
  /** Called when they have been set in the session that was cleared: from now on, a newer copy of them counts. */
  readonly begin?: () => void
}

/** What a limit of sessions needs to know of a login. */
export type LimitedLogin = Pick<LoginIntent, 'userId' | 'options'>

const NO_VALUES: Values = Object.freeze({})
const NO_PROOFS: readonly ProofOptions[] = []

/**
 * What is known of a session in the middle of a request. The moment is passed in, or the clock. Whether it may be changed
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
  readonly clock: () => number
  readonly #beginLogin: NonNullable<RequestFacts['beginLogin']>
  /** For those who end something before they ask for the login: a refusal must come first. */
  readonly checkLimit: NonNullable<RequestFacts['checkLimit']>
  readonly refused: NonNullable<RequestFacts['refused']>
  intent: Intent | null = null
  lifetime: LifetimeChange | null = null
  cleared = false
  /** What a login keeps of a newer copy, where it has cleared the session. */
  kept: Changes['kept'] = null
  /** `logout()` was called, perhaps before a `login()`. */
  loggedOut = false
  /** What the browser is to clear when the logout has been saved: the value of the header. */
  siteData: string | null = null
  readonly signIn: SignInPolicy | null
  edits: Map<string, Edit> | null = null
  /** For an updated key: its JSON right after the last update, to notice a later change in place. */
  updated: Map<string, string | undefined> | null = null
  /** Keys whose objects the application has a reference to. */
  lent: Set<string> | null = null
  /** Restores what a login has dropped; null where it drops nothing. */
  takeBackLogin: (() => void) | null = null
  /** `credentialChanged()` was called. */
  credentialChange: { readonly credential: string | undefined } | null = null
  /** What this request says that the user has proved, by a login or `stepUp()`. */
  proofs: readonly ProofOptions[] = NO_PROOFS
  /** What becomes of the key of its device, whatever another request has made of that meanwhile; null leaves it. */
  device: ((before: DeviceKey | undefined) => DeviceKey | undefined) | null = null
  /** Must the browser prove possession of that key before its next request? */
  provesAgain = false
  /**
   * When the device that the session is bound to made the proof that this request has brought, in ms; null for one that is not bound. Absent
   * without the option `deviceBound`: nobody asks there for what a session was bound to before.
   */
  deviceProof?: () => number | null
  /** Is there a session, which is bound to a device, and no proof of that device? */
  awaitsProof = false
  /** Of the session that will be stored when there is something to store, for a caller that must name it before that. */
  identity: { readonly id: Id } | null = null
  /** With a serializer, `values` are what it makes of these. */
  readonly application: ApplicationValues | null
  /** There are too many new sessions without a user, and this one is not stored; see the option `anonymous`. */
  isRefused = false
  /** Null without the option `dataSchema`. */
  readonly dataRules: DataRules | null
  /** Is it there in place of one that nobody knows, because the store is down? */
  isStandIn = false
  #mode: 'open' | 'saving' | 'closed' | 'read-only' = 'open'

  constructor(
    {
      now,
      clock = () => now,
      handleOf,
      serializer = null,
      dataRules = null,
      beginLogin = () => null,
      checkLimit = async () => {},
      refused = () => {},
      signIn = null,
    }: RequestFacts,
    loaded: StoredSession | null,
  ) {
    this.now = now
    this.clock = clock
    this.checkLimit = checkLimit
    this.refused = refused
    this.signIn = signIn
    this.#beginLogin = beginLogin
    this.handleOf = handleOf
    this.dataRules = dataRules
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
        'This session is read-only: the store is down, or it was opened by read(). Change it in a request whose response can set a cookie.',
      )
    throw new SessionClosedError('The response has begun: change the session before the first byte is written.')
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
    this.lifetime = this.edits = this.updated = this.lent = this.kept = null
    this.cleared = false
  }

  requestLogin(userId: string, options: LoginOptions): void {
    // Now, not when the response begins: a "log out everywhere" in between must end this login, too.
    const began = options.asOf ? Promise.resolve(options.asOf) : this.#beginLogin(userId)
    // A failure is reported when the login is saved, if it ever is.
    began?.catch(() => undefined)
    this.intent = { verb: 'login', userId, options: { ...options }, began }
    this.proofs = options.method === undefined && options.level === undefined ? NO_PROOFS : [options]
  }

  /** A login or a logout gives a new token anyway. */
  requestRenewal(): void {
    this.intent ??= { verb: 'renew' }
  }

  requestLogout(siteData: string | null): void {
    this.loggedOut = true
    this.siteData = siteData
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

  requestStepUp(proof: ProofOptions): void {
    this.requestRenewal()
    this.proofs = [...this.proofs, { ...proof }]
  }

  requestStamp(credential: string | undefined): void {
    this.requestRenewal()
    this.credentialChange = { credential }
  }

  /** A login or renewal that failed must not be tried again when the response begins. */
  forgetIntent(): void {
    this.intent = this.credentialChange = this.takeBackLogin = null
    this.proofs = NO_PROOFS
    this.loggedOut = false
  }
}
