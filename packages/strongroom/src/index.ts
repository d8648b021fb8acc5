export type { NodeResponse } from './adapters/node/head.ts'
export type { EverybodyOptions, EverybodyReport } from './admin/everybody.ts'
export type { KeyUse, SessionInfo, StoreStats } from './admin/inspect.ts'
export type { Device, DeviceListOptions, UserEpoch, UserSessions } from './admin/users.ts'
export type { AdoptOptions, AdoptReport } from './adoption/adopt.ts'
export type { AdoptionSource, SourceRefusal, SourceSession } from './adoption/source.ts'
export type { Observed } from './backing/guard.ts'
export type { Awaitable } from './base/awaitable.ts'
export type { Duration } from './base/duration.ts'
export type { BindingPolicy, RenewalPolicy } from './context.ts'
export type { CredentialOf } from './credential.ts'
export type { SecretSource, Secrets } from './crypto/keyring.ts'
export type { CipherName, CryptoName } from './crypto/primitives.ts'
export type { CryptoOption } from './crypto/provider.ts'
export type { SealName } from './crypto/seal.ts'
export type { Id } from './crypto/token.ts'
export {
  ConfigError,
  ConflictError,
  CookieRefusedError,
  CsrfError,
  type CsrfRefusal,
  DataError,
  type FreshLoginFacts,
  type FreshLoginReason,
  FreshLoginRequiredError,
  NotAttachedError,
  ReadOnlyError,
  SessionClosedError,
  SessionEndedError,
  type SessionEndReason,
  SessionGoneError,
  SessionLimitError,
  StoreError,
  StrongroomError,
  TooLargeError,
  UnsupportedError,
} from './errors.ts'
export {
  CHANNEL,
  type DeviceSignals,
  type Listener,
  type LoginFacts,
  type LoginFailedSignal,
  type LoginSignal,
  type LogoutSignal,
  type ProofRefusal,
  type RenewalFacts,
  type ReuseFacts,
  type RevokeReason,
  type SessionEvent,
  type Signal,
  type SignalName,
  type SignalOutcome,
  type SignInListeners,
  type StepUpFacts,
} from './events.ts'
export { type BearerOptions, type BearerTransport, bearer } from './http/bearer.ts'
export type { CookieSettings } from './http/cookie.ts'
export { type CsrfOptions, type CsrfPolicy, type CsrfRequest, csrfPolicy } from './http/csrf.ts'
export type { HeaderSource, RequestSource } from './http/headers.ts'
export type { OwnNodeRequest, OwnNodeResponse, OwnRequests } from './http/own-requests.ts'
export type { ResponseTarget } from './http/response.ts'
export type { GetSignedCookieOptions, SetSignedCookieOptions } from './http/signed-cookies.ts'
export type { OtherHeader, Transport } from './http/transport.ts'
export type { DataSchemaOptions, SessionsOptions } from './options.ts'
export type { PolicyDeviation, PresetName } from './policy/presets.ts'
export type { PolicyReport } from './policy/report.ts'
export type { AddressOf, PlaceOf } from './request/addresses.ts'
export type { AnonymousOptions } from './request/anonymous.ts'
export type { LoginAttempt } from './request/audit.ts'
export type { GuessingOptions, GuessingSignal } from './request/guessing.ts'
export type { TimeLeft } from './request/peek.ts'
export type { SignalsOptions } from './request/signals.ts'
export type { GetOptions, Outcome, Visit } from './request/visit.ts'
export type { Ended, SessionWatcher, Watch, WatcherOptions } from './request/watcher.ts'
export type {
  DataRepair,
  DataSchema,
  DataSchemaOption,
  DataSchemaSettings,
  DataUpgrade,
  DataValues,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from './session/data-schema.ts'
export type { FreshOptions } from './session/fresh.ts'
export type { Expiry } from './session/lifetime.ts'
export type { Keep, KeepData, KeepLogin, LoginMoment, LoginOptions } from './session/login.ts'
export type { ProofOptions } from './session/proof.ts'
export type { Serializer } from './session/serializer.ts'
export type { Session, SessionFacts } from './session/session.ts'
export type { LogoutOptions, SiteData } from './session/site-data.ts'
export { deleteTestCookie, setTestCookie, testCookieWorked } from './session/test-cookie.ts'
export {
  type BaseSessions,
  createSessions,
  type Observation,
  type PolicyFacts,
  type RevocableCookieSessions,
  type Sessions,
  type SessionsObserver,
} from './sessions.ts'
export type {
  ChangeFeed,
  ClearOptions,
  Clock,
  CookieEngine,
  CopyKeys,
  Entry,
  Found,
  IndexedStore,
  Listing,
  ListOptions,
  OwnerIndex,
  ReadOptions,
  ScannableStore,
  ScanOptions,
  Schema,
  Store,
  Traits,
  Version,
} from './store.ts'
