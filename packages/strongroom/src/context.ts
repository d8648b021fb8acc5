import type { VisitorAdoption } from './adoption/visitors.ts'
import type { Backing } from './backing/backing.ts'
import type { CredentialStamps } from './credential.ts'
import type { LiveKeyring } from './crypto/keyring.ts'
import type { Emit } from './events.ts'
import type { CookieTransport } from './http/cookie.ts'
import type { SignedCookies } from './http/signed-cookies.ts'
import type { Serializer } from './session/serializer.ts'
import type { Clock, Store, Traits } from './store.ts'

/** How long sessions live, in ms. */
export interface Policy {
  /** Without use; 0 is no limit. */
  readonly idle: number
  /** In all, from creation or login. */
  readonly absolute: number
  /** In all, when the user asked to be remembered. */
  readonly remember: number
  /** Do cookies outlive the browser where nothing else is said? */
  readonly persistent: boolean
}

/** What one `createSessions` is made of, as its requests need it. */
export interface SessionsContext {
  readonly backing: Backing
  readonly ring: LiveKeyring
  readonly transport: CookieTransport
  readonly clock: Clock
  readonly emit: Emit
  readonly policy: Policy
  readonly saveOnServerError: boolean
  readonly saveEveryRequest: boolean
  /** Null where logins stand on nothing that could change. */
  readonly stamps: CredentialStamps | null
  readonly serializer: Serializer | null
  readonly signedCookies: SignedCookies
  /** Null where no other framework's cookies are read. */
  readonly adoption: VisitorAdoption | null
  readonly onStoreError: 'throw' | 'anonymous'
  /** Says in a few words what device a User-Agent is. */
  readonly describeDevice: (userAgent: string | null) => string | null
}

/**
 * A backing that comes from outside of the core, with the cookie that belongs to it, as the option `store` of
 * `createSessions` may hold one: sessions in the formats of another framework, with all the verbs of this one.
 */
export interface BackingEngine {
  readonly kind: 'backing'
  readonly traits: Traits
  readonly transport: CookieTransport
  /** What holds anything that expires, or null. Whoever made it closes it. */
  readonly swept: Store | null
  backing(common: { readonly clock: Clock; readonly timeout: number }): Backing
}
