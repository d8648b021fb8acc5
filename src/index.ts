export type { KeyUse, SessionInfo, StoreStats } from './admin.ts'
export type { SealName } from './codec/seal.ts'
export {
  ConfigError,
  ConflictError,
  CookieRefused,
  DataError,
  NotAttached,
  ReadOnly,
  SessionClosed,
  SessionGone,
  SessionLimit,
  StoreError,
  StrongroomError,
  TooLarge,
  Unsupported,
} from './errors.ts'
export { CHANNEL, type Listener, type RevokeReason, type SessionEvent } from './events.ts'
export type { Expiry } from './expiry.ts'
export type { Former, FormerSession } from './former.ts'
export type { AdoptOptions, AdoptReport } from './formers.ts'
export type { SecretSource, Secrets } from './keyring.ts'
export type { Duration } from './lifetime.ts'
export type { LoginOptions } from './login.ts'
export type { Serializer } from './serializer.ts'
export type { Session } from './session.ts'
export {
  type BaseSessions,
  createSessions,
  type PolicyFacts,
  type RevocableCookieSessions,
  type Sessions,
} from './sessions.ts'
export type { SessionsOptions } from './settings.ts'
export type { GetSignedCookieOptions, SetSignedCookieOptions } from './signed-cookies.ts'
export type { CredentialOf } from './stamp.ts'
export type * from './store.ts'
export { deleteTestCookie, setTestCookie, testCookieWorked } from './test-cookie.ts'
export type { Id } from './token.ts'
export type { CookieSettings } from './transport/cookie.ts'
export type { HeaderSource, RequestSource } from './transport/headers.ts'
export type { ResponseTarget } from './transport/target.ts'
export type { Device, UserEpoch, UserSessions } from './users.ts'
export type { GetOptions, Outcome, Visit } from './visit.ts'
