import type { AdoptionSource } from './adoption/source.ts'
import type { Engine } from './backing/create.ts'
import type { Duration } from './base/duration.ts'
import type { DeviceBound } from './context.ts'
import type { CredentialOf } from './credential.ts'
import type { SecretSource } from './crypto/keyring.ts'
import type { CipherName } from './crypto/primitives.ts'
import type { CryptoOption } from './crypto/provider.ts'
import type { SealName } from './crypto/seal.ts'
import type { Listener } from './events.ts'
import type { BearerTransport } from './http/bearer.ts'
import type { CookieSettings } from './http/cookie.ts'
import type { PresetName } from './policy/presets.ts'
import type { AddressOf, PlaceOf } from './request/addresses.ts'
import type { AnonymousOptions } from './request/anonymous.ts'
import type { AuditOptions } from './request/audit.ts'
import type { GuessingOptions } from './request/guessing.ts'
import type { RenewalOptions } from './request/renewal.ts'
import type { SignalsOptions } from './request/signals.ts'
import type { DataSchemaOption } from './session/data-schema.ts'
import type { Keep } from './session/login.ts'
import type { Serializer } from './session/serializer.ts'
import type { SiteData } from './session/site-data.ts'
import type { Clock } from './store.ts'

/** Options of `createSessions`. A wrong or unknown one is a `ConfigError`. */
export interface SessionsOptions extends AuditOptions, RenewalOptions {
  /** Where sessions are stored: a store, the cookie engine, or a URL such as `memory:`, `sqlite:./sessions.db`, `cookie:`. */
  readonly store?: Engine | string | undefined
  /** Secrets (the first is current, the others retired), or a function that fetches them. `npx @strongroom/cli keys new` makes one. */
  readonly secrets?: SecretSource | undefined
  readonly cookie?: CookieSettings | undefined
  /**
   * `bearer()` for native applications: the token comes in the Authorization header, and there is no cookie. Needs the option
   * `namespace`. Default: the cookie.
   */
  readonly transport?: BearerTransport | undefined
  /**
   * Applications with the same secrets and the same store are strangers to each other if their namespaces differ: cookies, signed
   * ones too, lists, limits and revocations, and what their operators count and end. Default: the name of the cookie. Set it to the
   * old name, with `cookie.formerName`, when the cookie is renamed.
   */
  readonly namespace?: string | undefined
  /**
   * What a standard asks for: NIST SP 800-63B-4 (`aal1`, `aal2`, `aal3`) or OWASP's cheat sheet (`owasp`). Sets `idle`, `absolute`,
   * `remember` and `expireAtBrowserClose` together, and all but `aal1` set `renewEvery`; remembered sessions keep the idle limit. `aal3`
   * also asks for `deviceBound`, which you pass yourself. What is passed beside it wins. That, and what is missing, is in
   * `sessions.policy.deviations`. By default none.
   */
  readonly preset?: PresetName | undefined
  /** A session ends when it is not used for this long. Default `'30m'`; null is no idle limit. */
  readonly idle?: Duration | null | undefined
  /** A session ends after this long, however much it is used. Default `'12h'`. */
  readonly absolute?: Duration | undefined
  /** How long a session lives whose login said `remember: true`. Default `'14d'`. */
  readonly remember?: Duration | undefined
  /** Shorter lifetimes for sessions that nobody has signed in to, and a bound on how many are created. By default they are as others. */
  readonly anonymous?: AnonymousOptions | undefined
  /** Do cookies end with the browser? Default true; a login or `setExpiry` can say otherwise for one session. */
  readonly expireAtBrowserClose?: boolean | undefined
  /**
   * Returns the credential that a user's logins belong to, such as the password hash as it is in the database: when it changes,
   * they are over. Called whenever a signed-in session is loaded. Null for a user that is gone.
   */
  readonly credential?: CredentialOf | undefined
  /** Converts the application's values to JSON and back, for Dates and the like. By default values are what JSON can hold. */
  readonly serializer?: Serializer | undefined
  /** Another framework whose visitors stay signed in while the application moves away from it, until a date. Or several. */
  readonly adoptFrom?: AdoptionSource | readonly AdoptionSource[] | undefined
  /** Default `two-key`, and `none` for a store in this process's memory. */
  readonly seal?: SealName | undefined
  /** Default `chacha20-poly1305`, and `aes-256-gcm` where the runtime has no other. What was sealed with either opens. */
  readonly cipher?: CipherName | undefined
  /** What computes the seal. Default `auto`: `sodium-native` where it is installed, and node:crypto elsewhere. */
  readonly crypto?: CryptoOption | undefined
  /** Most bytes of one session. Default 65536. */
  readonly maxSize?: number | undefined
  /** Time limit of one call to the store, to `credential`, `place`, `onSignal`, an adoption source, or a provider of secrets. Default `'2s'`. */
  readonly storeTimeout?: Duration | undefined
  /** Default `throw`; see `get`. */
  readonly onStoreError?: 'throw' | 'anonymous' | undefined
  /** Save changes even when the response's status is 500 or above. Default false. */
  readonly saveOnServerError?: boolean | undefined
  /** Save the session, with a new expiry and its cookie, at every request that carries it. Default false. */
  readonly saveEveryRequest?: boolean | undefined
  /**
   * Bytes of memory in which the sessions that were opened last are remembered in the clear, so that they are not decrypted
   * and parsed again. Default 16 MiB; false remembers nothing.
   */
  readonly memo?: number | false | undefined
  /**
   * How often expired sessions are cleared, in the background. Default `'1h'`, and false for a store that expires them by
   * itself and for sessions in cookies.
   */
  readonly sweep?: Duration | false | undefined
  /** Names a device from a User-Agent, for the user's list of sessions. */
  readonly device?: ((userAgent: string | null) => string | null) | undefined
  /**
   * Returns the address of the visitor, from what the framework hands to its handlers: `(request) => request.ip`. It is shortened to
   * its /24 or /48 before it is stored, with each write that happens anyway, for the user's list of sessions. By default none is.
   */
  readonly address?: AddressOf | undefined
  /** Names the place of a shortened address, such as `203.0.113.0`, when a list of sessions is asked for. */
  readonly place?: PlaceOf | undefined
  /**
   * Compares each use of a user's session with its login: the browser, and with the option `address` the network. `{}` reports changes by
   * the event `signal`; `onSignal` decides what else follows. By default nothing is compared, and nothing is stored for it.
   */
  readonly signals?: SignalsOptions | undefined
  /**
   * What a login keeps of the data of an anonymous session: `'all'` (default), `'none'`, some keys, or what a function returns. A login can
   * say otherwise.
   */
  readonly keep?: Keep | undefined
  /**
   * What browsers clear at every logout, by the header Clear-Site-Data: `['storage']`, or more of `SiteData`. A logout can say otherwise.
   * Default: nothing.
   */
  readonly clearSiteData?: readonly SiteData[] | undefined
  /**
   * Counts tokens that open nothing, by the network that they come from, tells when one presents many, and may slow it down. Needs
   * `address`.
   */
  readonly guessing?: GuessingOptions | undefined
  /**
   * `deviceBound()` from `strongroom/device-bound`: after a login, browsers that can bind the session to a key that does not leave the
   * device (Device Bound Session Credentials). Cookies that were copied are then worth nothing elsewhere after ten minutes. Needs a store.
   */
  readonly deviceBound?: DeviceBound | undefined
  /** Called with every event. */
  readonly on?: Listener | undefined
  /** Returns the time in ms; for tests. Stores have a clock of their own. */
  readonly clock?: Clock | undefined
}

/** The option that the type of the data follows from; apart from the others, so that these can be passed on whatever the data are. */
export interface DataSchemaOptions<Data extends object = Record<string, unknown>> {
  /**
   * Describes the session's data, which gives their type, and is checked when a session is loaded and when its data are saved: a schema of
   * zod, valibot, arktype or another library with Standard Schema v1; or `{ schema, onMismatch, version, upgrades }`.
   */
  readonly dataSchema?: DataSchemaOption<Data> | undefined
}

/** All of them. */
export type AllOptions = SessionsOptions & DataSchemaOptions<object>

/** Their names. */
export const KNOWN = [
  'store',
  'secrets',
  'cookie',
  'transport',
  'namespace',
  'idle',
  'absolute',
  'remember',
  'anonymous',
  'expireAtBrowserClose',
  'renewEvery',
  'renewGrace',
  'onReuse',
  'preset',
  'credential',
  'serializer',
  'dataSchema',
  'adoptFrom',
  'seal',
  'cipher',
  'crypto',
  'maxSize',
  'storeTimeout',
  'onStoreError',
  'saveOnServerError',
  'saveEveryRequest',
  'memo',
  'sweep',
  'device',
  'address',
  'place',
  'signals',
  'keep',
  'clearSiteData',
  'guessing',
  'deviceBound',
  'on',
  'eventUserIds',
  'requestId',
  'onLogin',
  'onLogout',
  'onLoginFailed',
  'clock',
] as const satisfies readonly (keyof AllOptions)[]
