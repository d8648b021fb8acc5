export type { AuthKeys } from './auth.ts'
export { sessionAuthHash, verifySessionAuthHash } from './auth.ts'
export { type DjangoEngine, djangoCookies, type World } from './engine.ts'
export { BadPayloadError, BadSignatureError, SignatureExpiredError } from './errors.ts'
export { type DjangoMovedOptions, type DjangoSourceOptions as DjangoFormerOptions, django } from './former.ts'
export { type Float, float } from './json/write.ts'
export type { PasswordOf } from './logins.ts'
export type { PayloadLimits } from './payload.ts'
export { createDjangoSessions, type DjangoSessionsOptions } from './sessions.ts'
export type { ReadSignedCookieOptions, SignedCookieOptions } from './signed-cookie.ts'
export { signCookieValue, unsignCookieValue } from './signed-cookie.ts'
export type {
  Ageing,
  Algorithm,
  DumpsOptions,
  LoadsOptions,
  ObjectOptions,
  SecretKey,
  SignerOptions,
  TimestampSignerOptions,
} from './signer.ts'
export { dumps, loads, Signer, TimestampSigner } from './signer.ts'
export { type DjangoFilesOptions, djangoFiles } from './stores/files.ts'
export { type DjangoMysqlOptions, djangoMysql } from './stores/mysql.ts'
export { type DjangoPostgresOptions, djangoPostgres } from './stores/postgres.ts'
export { type DjangoRedisOptions, djangoRedis } from './stores/redis.ts'
export { type DjangoSqliteOptions, djangoSqlite } from './stores/sqlite.ts'
export type { DjangoCookieSettings } from './transport.ts'
