export type { KeyUse, SessionInfo, StoreStats } from './admin.ts'
export type { SealName } from './codec/seal.ts'
export {
  ConfigError,
  ConflictError,
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
export type { SecretSource, Secrets } from './keyring.ts'
export type { Duration } from './lifetime.ts'
export type { LoginOptions } from './login.ts'
export type { Session } from './session.ts'
export {
  type BaseSessions,
  createSessions,
  type PolicyFacts,
  type RevocableCookieSessions,
  type Sessions,
} from './sessions.ts'
export type { SessionsOptions } from './settings.ts'
export type * from './store.ts'
export type { Id } from './token.ts'
export type { CookieSettings } from './transport/cookie.ts'
export type { HeaderSource } from './transport/headers.ts'
export type { Device, UserEpoch, UserSessions } from './users.ts'
export type { GetOptions, Outcome, Visit } from './visit.ts'
