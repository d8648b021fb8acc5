export type { AuthKeys, PasswordOf } from './auth.ts'
export { sessionAuthHash, verifySessionAuthHash } from './auth.ts'
export { type DjangoEngine, djangoCookies, type EngineContext } from './engine.ts'
export { BadPayloadError, BadSignatureError, SignatureExpiredError } from './errors.ts'
export { type Float, float } from './json/write.ts'
export type { PayloadLimits } from './payload.ts'
export { createDjangoSessions, type DjangoSessionsOptions } from './sessions.ts'
export type { ReadSignedCookieOptions, SignedCookieOptions } from './signed-cookie.ts'
export { signCookieValue, unsignCookieValue } from './signed-cookie.ts'
export { readSignedCookie, type WriteSignedCookieOptions, writeSignedCookie } from './signed-cookie-header.ts'
export type {
  AgeLimit,
  Algorithm,
  DumpsOptions,
  LoadsOptions,
  ObjectOptions,
  SecretKey,
  SignerOptions,
  TimestampSignerOptions,
} from './signer.ts'
export { dumps, loads, Signer, TimestampSigner } from './signer.ts'
export { type DjangoMovedOptions, type DjangoSourceOptions, django } from './source.ts'
export { type DjangoCacheOptions, djangoCache } from './stores/cache.ts'
export type { CacheNaming } from './stores/cache-key.ts'
export { type DjangoCacheDelete, type DjangoCachedDbOptions, djangoCachedDb } from './stores/cached-db.ts'
export type { ColumnValue, ExtraColumnsOptions, SessionRow } from './stores/extra-columns.ts'
export { type DjangoFilesOptions, djangoFiles } from './stores/files.ts'
export { type DjangoMysqlOptions, djangoMysql } from './stores/mysql.ts'
export { type DjangoPostgresOptions, djangoPostgres } from './stores/postgres.ts'
export { type DjangoRedisOptions, djangoRedis } from './stores/redis.ts'
export { type DjangoSqliteOptions, djangoSqlite } from './stores/sqlite.ts'
export type { DjangoCookieSettings } from './transport.ts'
