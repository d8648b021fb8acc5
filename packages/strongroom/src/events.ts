import diagnostics from 'node:diagnostics_channel'
import { guarded, guardedObserver } from './base/guarded.ts'
import { reasonWarnings } from './base/reasons.ts'
import { type CsrfRefusal, StoreError } from './errors.ts'

/**
 * What happened to a session, for logs and audits. Contains no token, id or data, and no user id unless the option `eventUserIds` asks
 * for it: `handle` is the session's public name.
 */
export type SessionEvent = {
  /** Of the request in which it happened, where its framework has one: see the option `requestId`. */
  readonly requestId?: string | undefined
  /** How long that took, in ms: the load, the save, the sweep, or the call that failed. */
  readonly ms?: number | undefined
} & Happening

type Happening =
  | ({ readonly type: 'created'; readonly handle: string; readonly authenticated: boolean } & Partial<LoginFacts>)
  | { readonly type: 'loaded'; readonly handle: string }
  /** A session of another framework (option `adoptFrom`) became one of ours. */
  | { readonly type: 'adopted'; readonly handle: string; readonly source: string }
  | { readonly type: 'updated'; readonly handle: string }
  | { readonly type: 'touched'; readonly handle: string }
  /**
   * The session has a new token. After a login of another user than before it has a new identity, too, and `previous` is the
   * handle that is dead now; otherwise that is the same. The login of a visitor who had no session before is a `created`.
   */
  | ({ readonly type: 'renewed'; readonly handle: string; readonly previous: string } & (LoginFacts | RenewalFacts))
  | {
      readonly type: 'revoked'
      readonly handle: string | null
      readonly count: number
      readonly reason: RevokeReason
      /** Whose sessions were ended, where one event stands for many: what `sessions.userKey(userId)` returns. */
      readonly user?: string | undefined
      /** The session of that user that goes on, by its handle; null if none does. */
      readonly except?: string | null | undefined
      /** Whose sessions, where that is known. Only with the option `eventUserIds`. */
      readonly userId?: string | undefined
    }
  /** The application has refused somebody who wanted to sign in, and has said so: `sessions.loginFailed`. */
  | {
      readonly type: 'loginFailed'
      /** As the application has said it, cut to 120 characters. */
      readonly reason: string | null
      /** As it was typed, cut to 120 characters. Only with the option `eventUserIds`. */
      readonly userId?: string | undefined
    }
  /** A valid cookie whose session is no longer stored: logged out, revoked, or past its deadline. */
  | { readonly type: 'absent'; readonly handle: string }
  /** A cookie whose session goes on under a later token: it was renewed. Perhaps a copy in other hands. */
  | { readonly type: 'superseded'; readonly handle: string }
  /**
   * Such a cookie, with the option `renewEvery`, that came back so late that no honest browser should have it: probably a copy, or a
   * browser that has lost a cookie. Comes with each such request, after `superseded`.
   */
  | ({ readonly type: 'reused'; readonly handle: string } & ReuseFacts)
  /** The session belongs to a device from now on (option `deviceBound`). */
  | { readonly type: 'bound'; readonly handle: string; readonly algorithm: 'ES256' | 'RS256' }
  /**
   * There was no good proof that a request comes from the device that its session is bound to: perhaps somebody has copied the cookies, or
   * forged a proof.
   */
  | {
      readonly type: 'proofRefused'
      readonly handle: string
      /** An ordinary request without a good device cookie, or one that the browser makes by itself to register or renew it. */
      readonly what: 'request' | 'registration' | 'refresh'
      readonly reason: ProofRefusal
    }
  | { readonly type: 'expired'; readonly handle: string; readonly reason: 'idle' | 'absolute' }
  /**
   * Visitors without a session were refused a new one, because this process has created as many as `anonymous.perMinute` allows. The
   * first time immediately, then once a minute while it goes on.
   */
  | {
      readonly type: 'anonymousRefused'
      /** How many requests, since the event before. */
      readonly count: number
    }
  /** A network has presented more tokens that open nothing than the option `guessing` allows: once in a window. */
  | {
      readonly type: 'guessing'
      /** A /24 or a /48, such as `203.0.113.0/24`. */
      readonly network: string
      /** How many different ones in this window: tokens that were never made here, of sessions that are not there, and renewed ones. */
      readonly madeUp: number
      readonly unknown: number
      readonly superseded: number
    }
  /** A cookie or a record that is not ours or was altered. Only `unknown-key` may be a mistake of a deployment. */
  | { readonly type: 'rejected'; readonly what: 'cookie' | 'record'; readonly reason: string }
  /** A request that another site's page may have made, refused by `csrf(sessions)`. */
  | { readonly type: 'rejected'; readonly what: 'request'; readonly reason: CsrfRefusal }
  /** Data that were loaded do not fit the option `dataSchema`. Nothing is written: they are in the store until the session is saved. */
  | {
      readonly type: 'mismatch'
      readonly handle: string
      /** Whose values do not fit. */
      readonly keys: readonly string[]
      readonly outcome: 'dropped' | 'cleared' | 'repaired' | 'hidden' | 'refused'
    }
  /** Data of an older version were loaded, and upgraded. They are saved with the next write. */
  | { readonly type: 'upgraded'; readonly handle: string; readonly from: number; readonly to: number }
  | { readonly type: 'conflict'; readonly handle: string; readonly attempt: number }
  /** A session is used by a browser, or from a network, that it was not used from since its login: see the option `signals`. */
  | {
      readonly type: 'signal'
      readonly handle: string
      readonly changed: readonly SignalName[]
      readonly outcome: SignalOutcome
      /** The browser of the login, and the present one, such as "Firefox on Linux"; null if it is unknown. */
      readonly from: string | null
      readonly to: string | null
      /** How long ago the login was, in ms. */
      readonly ageMs: number
      /** Only with the option `eventUserIds`. */
      readonly userId?: string | undefined
    }
  /** A request's changes were dropped, because the session had ended, or went on under a newer cookie. */
  | { readonly type: 'gone'; readonly handle: string }
  | { readonly type: 'limit'; readonly policy: 'end-oldest' | 'refuse'; readonly ended: number }
  | { readonly type: 'storeError'; readonly error: Error }
  | { readonly type: 'cleared'; readonly count: number }

/** What is known of a cookie that came back. */
export interface ReuseFacts {
  /** For how long the cookie has been superseded, in ms; at least, if the session was renewed several times since. */
  readonly supersededFor: number
  /** How often it was renewed since. */
  readonly renewals: number
  /** Since the session's login, or, without one, since it began, in ms. */
  readonly sessionAge: number
  /** The device that signed in, as the user's list shows it; null where that is unknown. */
  readonly loginDevice: string | null
  /** The device of this request; null where that is unknown. */
  readonly device: string | null
  /** Has this ended the session? See the option `onReuse`. */
  readonly ended: boolean
}
/** Why there was no good proof; see the event `proofRefused`. */
export type ProofRefusal =
  /** Of a request: it has no device cookie, that has run out, or it was made for another session or key. */
  | 'missing'
  | 'expired'
  | 'forged'
  /** It is no JSON Web Signature of type `dbsc+jwt`. */
  | 'malformed'
  /** It is signed by another algorithm than ES256 and RS256, or than its session's. */
  | 'algorithm'
  /** Of a registration: the key does not fit the algorithm, is too weak, or has private parts. */
  | 'key'
  | 'signature'
  /** Its challenge was not made here, for this session and this login. */
  | 'challenge'
  /** It was accepted before. */
  | 'replayed'
  /** It was made for another address than this one. */
  | 'audience'
  /** The session is bound to another key. */
  | 'bound'

/** What is known of a login, in the event of the session that it has begun or renewed. */
export interface LoginFacts {
  readonly reason: 'login'
  /** Only with the option `eventUserIds`. */
  readonly userId?: string | undefined
}

/** Why a session that goes on has a new token: somebody called `renew()`, or its user has proved again who they are. */
export type RenewalFacts = { readonly reason: 'renew' | 'time' } | StepUpFacts

/** What `stepUp()` was told, in the event of the session that it has renewed. */
export interface StepUpFacts {
  readonly reason: 'step-up'
  readonly method: string | null
  /** Of this proof. That of the session may be higher. */
  readonly level: number
  /** Only with the option `eventUserIds`. */
  readonly userId?: string | undefined
}

/**
 * A logout of a user that has taken effect, for the option `onLogout`. With a cookie that a renewal has superseded, a logout ends the
 * session, too, but there is no such signal, only the event `revoked`: whose session it was is stored where only its newer cookie can
 * read it.
 */
export interface LogoutSignal {
  readonly userId: string
  readonly at: Date
  /** What the framework hands to its handlers; null without an adapter. */
  readonly request: object | null
  readonly requestId: string | null
  /** The session's public name, as in events and in the user's list. */
  readonly handle: string
}

/** A login that has been stored, for the option `onLogin`. */
export interface LoginSignal extends LogoutSignal {
  /** The device, as the user's list shows it. */
  readonly label: string | null
  /** Does the cookie outlive the browser, as with `remember`? */
  readonly persistent: boolean
}

/** A login that the application has refused, for the option `onLoginFailed`. */
export interface LoginFailedSignal {
  /** Who was named, as the application has passed it: perhaps no user at all. */
  readonly userId: string | null
  readonly reason: string | null
  readonly at: Date
  /** What was passed: the framework's request, or null. */
  readonly request: object | null
  readonly requestId: string | null
}

/** The application's listeners for logins and logouts. Nobody waits for them, and what one throws becomes a warning. */
export interface SignInListeners {
  /** Called after each login that was stored. */
  readonly onLogin?: ((signal: LoginSignal) => void) | undefined
  /** Called after each logout of a user that has taken effect, except with a superseded cookie: see `LogoutSignal`. */
  readonly onLogout?: ((signal: LogoutSignal) => void) | undefined
  /** Called by `sessions.loginFailed()`. */
  readonly onLoginFailed?: ((signal: LoginFailedSignal) => void) | undefined
}

/** What has changed: the browser by its User-Agent, the browser by its client hints, or the network. */
export type SignalName = 'family' | 'hints' | 'network'

/** What follows from a change. */
export type SignalOutcome = 'report' | 'stepUp' | 'end'

/** Where a session is used: coarse, so that an update of the browser, or another address of the same network, is no change. */
export interface DeviceSignals {
  /** As in lists of devices, such as "Firefox on Linux", or the name of another program, such as "okhttp"; null without a User-Agent. */
  readonly family: string | null
  /** By the headers Sec-CH-UA, Sec-CH-UA-Platform and Sec-CH-UA-Mobile; null for each that the browser does not send. */
  readonly hints: { readonly brands: string | null; readonly platform: string | null; readonly mobile: boolean | null }
  /** The network of the address, such as `203.0.113.0/24`; null if it is unknown, as it is without the option `address`. */
  readonly network: string | null
}

/** A session is used from elsewhere, for `onSignal` of the option `signals`. */
export interface Signal {
  readonly changed: readonly SignalName[]
  /** The session's public name, as in events and in the user's list. */
  readonly handle: string
  readonly userId: string
  /** At the login. */
  readonly from: DeviceSignals
  readonly to: DeviceSignals
  /** How long ago the login was, in ms. */
  readonly ageMs: number
  /** What the framework hands to its handlers; null without an adapter. */
  readonly request: object | null
}

/** Why a session was ended. */
export type RevokeReason =
  | 'logout'
  | 'revoke'
  | 'revoke-others'
  | 'revoke-all'
  | 'everybody'
  | 'limit'
  | 'emptied'
  | 'reuse'

/** Called with each event, synchronously. What it throws becomes a warning of the process. */
export type Listener = (event: SessionEvent) => void

/** The name of the `node:diagnostics_channel` on which all events of every `createSessions` are published. */
export const CHANNEL = 'strongroom'

const channel = diagnostics.channel(CHANNEL)

const STORE_WARNING = {
  code: 'STRONGROOM_STORE',
  failed: 'The session store failed',
  advice: 'To log every failure, listen to the event storeError.',
}

/** What only listeners are told of an event, and is not made for those who count. */
export interface EventDetails {
  /** When the work began, from `now()`. */
  readonly began?: number | undefined
  /** Told only with the option `eventUserIds`. */
  readonly userId?: string | null | undefined
  /** The `State` of the session that is being saved, which knows whose it is. */
  readonly state?: object | undefined
  readonly requestId?: (() => string | undefined) | undefined
}

/** Watches what happens to sessions, without a cost that would be felt. */
export interface EventObserver {
  /** Each event of these sessions alone. Handles may be empty, unless `handles` is true. */
  event(event: SessionEvent): void
  /** Compute the handles of all events? It costs a hash for each load. Default false: they are computed for listeners alone. */
  readonly handles?: boolean | undefined
}

/** Reports an event. */
export interface Emit {
  (event: SessionEvent, details?: EventDetails): void
  /** The moment from which an event's `ms` is counted. Undefined if nobody listens, so that no clock is read. */
  now(): number | undefined
  /** False if nobody listens, so that the event need not be made. */
  wanted(): boolean
  /** False if those who listen do not look at the handle, so that it need not be computed: it costs a hash. */
  wantsHandle(): boolean
  /** Adds an observer. What it throws becomes one warning. Returns what removes it. */
  observe(observer: EventObserver): () => void
}

interface EmitterOptions {
  /** Told of each cookie of our name that was made under other secrets. */
  readonly strangers?: (() => void) | undefined
  /** Adds the details for those who listen. Without it, there are none. */
  readonly complete?: ((event: SessionEvent, details: EventDetails) => SessionEvent) | undefined
}

export function emitter(listener: Listener | undefined, { strangers, complete }: EmitterOptions = {}): Emit {
  const tell = listener && guarded('The session event listener', listener)
  let observers: readonly EventObserver[] = []
  const listens = () => listener !== undefined || channel.hasSubscribers
  // Looked up once: every request asks.
  let someWantHandles = false
  const wantsHandle = () => listens() || someWantHandles
  const wanted = () => observers.length > 0 || listens()
  const observe = (observer: EventObserver) => {
    const own = { event: guardedObserver((event: SessionEvent) => observer.event(event)), handles: observer.handles }
    const use = (next: readonly EventObserver[]) => {
      observers = next
      someWantHandles = next.some(({ handles }) => handles)
    }
    use([...observers, own])
    return () => use(observers.filter((one) => one !== own))
  }
  const warnOfStore = reasonWarnings(STORE_WARNING)
  const emit = (given: SessionEvent, details?: EventDetails) => {
    // Some adapters answer 503 and log nothing, and with `onStoreError: 'anonymous'` everybody is just signed out.
    if (given.type === 'storeError' && !listens()) warnOfStore(given.error)
    if (strangers && given.type === 'rejected' && given.what === 'cookie' && OF_OTHERS.has(given.reason)) strangers()
    const event = complete && details && wantsHandle() ? complete(given, details) : given
    tell?.(event)
    if (channel.hasSubscribers) channel.publish(event)
    for (const observer of observers) observer.event(event)
  }
  const now = () => (complete && wantsHandle() ? performance.now() : undefined)
  return Object.assign(emit, { wanted, wantsHandle, observe, now })
}

const OF_OTHERS: ReadonlySet<string> = new Set(['forged', 'unknown-key'])

/** The same work, with an event for a store that failed: for what is called outside of a request's own load and save. */
export const withStoreErrors =
  <Args extends unknown[], T>(emit: Emit, work: (...args: Args) => Promise<T>) =>
  async (...args: Args): Promise<T> => {
    const began = emit.now()
    try {
      return await work(...args)
    } catch (error) {
      if (error instanceof StoreError) emit({ type: 'storeError', error }, { began })
      throw error
    }
  }
