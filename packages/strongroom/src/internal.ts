/**
 * What `@strongroom/django`, `@strongroom/cli`, `@strongroom/studio` and the demo's attacks build on. Not for applications: names here
 * change without notice, and those packages depend on exactly this version.
 */
export { csrfCheck } from './adapters/shared/csrf.ts'
export { fetchFacts, formUpTo } from './adapters/shared/fetch-facts.ts'
export type { DevicePlace } from './admin/device-page.ts'
export type { AnyUser, DevicePage } from './admin/users.ts'
export { EXPRESS_SESSION, type ExpressReader, readerOf as expressReader } from './adoption/express-session.ts'
export { type MovableSource, moveSource, type SourceMove, type SourceMoveReport } from './adoption/move.ts'
export { SourceClient } from './adoption/source.ts'
export {
  type Backing,
  type ContentToSave,
  type Ended,
  type Loaded,
  refuseOver,
  type SessionRef,
  type UserIndex,
  type VerifiedCookie,
} from './backing/backing.ts'
export { type Calls, guardStore } from './backing/guard.ts'
export { asBuffer, latin1Of } from './base/bytes.ts'
export { booleanOption, checkOptions, clockOption, oneOf, timeoutOption, wholeNumber } from './base/check.ts'
export { LONGEST, milliseconds } from './base/duration.ts'
export { framesOf } from './base/guarded.ts'
export { parseJson } from './base/json.ts'
export { Memo } from './base/memo.ts'
export { OpenState } from './base/open-state.ts'
export { momentIn, retryUntil } from './base/retry.ts'
export { TimeLimit, within } from './base/time-limit.ts'
export { type Bound, createAead, recipe } from './crypto/aead.ts'
export { createKeyring, equal } from './crypto/keyring.ts'
export { primitivesFor } from './crypto/provider.ts'
export { keysOf, LEAST_RECORD, labelledUnder, RECORD_VERSIONS, sealOf } from './crypto/seal.ts'
export { type Refused, verifyToken } from './crypto/token.ts'
export { FileLocks } from './engines/file/lock.ts'
export { contentOf, type LocalStore } from './engines/local-store.ts'
export {
  isMysqlClient,
  type MysqlClient,
  type MysqlStatement,
  sourceOf as mysqlSourceOf,
  URL_OPTIONS as mysqlUrlOptions,
  UrlSource as MysqlUrlSource,
} from './engines/mysql/client.ts'
export { DRIVER_OPTIONS as mysqlDriverOptions, driverUrl as mysqlDriverUrl } from './engines/mysql/driver-url.ts'
export { isDuplicate as isMysqlDuplicate, tooLate as mysqlTooLate } from './engines/mysql/errors.ts'
export { Executor as MysqlExecutor } from './engines/mysql/executor.ts'
export { settingsOf as mysqlSettings } from './engines/mysql/table.ts'
export {
  checkClient as checkPostgresClient,
  type PostgresClient,
  type PostgresPool,
  queryOf as postgresQuery,
} from './engines/postgres/client.ts'
export {
  driverUrl as postgresDriverUrl,
  LIBPQ_OPTIONS as libpqOptions,
  PG_OPTIONS as pgOptions,
} from './engines/postgres/driver-url.ts'
export { codeOf as postgresErrorCode, failure as postgresFailure } from './engines/postgres/errors.ts'
export {
  ClientExecutor as PostgresClientExecutor,
  type Executor as PostgresExecutor,
  PoolExecutor as PostgresPoolExecutor,
  URL_OPTIONS as postgresUrlOptions,
  UrlExecutor as PostgresUrlExecutor,
} from './engines/postgres/executor.ts'
export {
  givenClient as givenRedisClient,
  isRedisClient,
  ownClient as ownRedisClient,
  RedisConnection,
} from './engines/redis/connection.ts'
export type { IoredisClient } from './engines/redis/ioredis.ts'
export type { NodeRedisClient } from './engines/redis/node-redis.ts'
export { parseRedisUrl, type RedisAddress } from './engines/redis/url.ts'
export {
  type Backend,
  backendOf,
  type MemcachedBackend,
  type MysqlBackend,
  type PostgresBackend,
  type RedisBackend,
  type SessionsBackend,
  type SqliteBackend,
  sessionsBackendOf,
} from './engines/shared/backend.ts'
export { FirstUse } from './engines/shared/first-use.ts'
export { localPath } from './engines/shared/local-path.ts'
export { isPermanent } from './engines/shared/permanent.ts'
export { parseServerUrl, trimUrl } from './engines/shared/server-url.ts'
export { tableName } from './engines/shared/sql.ts'
export { batchOf, drive } from './engines/shared/sweep.ts'
export { type Query, strictQuery, takeQuery } from './engines/shared/url-query.ts'
export {
  isBusy as isSqliteBusy,
  tooLong as sqliteTooLong,
  unanswered as sqliteUnanswered,
} from './engines/sqlite/errors.ts'
export { GroupCommit as SqliteGroupCommit } from './engines/sqlite/group-commit.ts'
export {
  type ClosableHandle as ClosableSqliteHandle,
  durabilityOf as sqliteDurability,
  nodeSqlite,
  pathOf as sqlitePathOf,
  prepare as prepareSqlite,
  type SqliteHandle,
} from './engines/sqlite/handle.ts'
export { WatchedFile as WatchedSqliteFile } from './engines/sqlite/watched-file.ts'
export { engineFromUrl, localStoresIn, storeFromUrl } from './engines/url.ts'
export { cookieTransport } from './http/cookie.ts'
export type { Transport } from './http/transport.ts'
export { CONTENT_HEAD, type Content, type Meta, type Values } from './session/content.ts'
export type { RequestedLifetime } from './session/lifetime.ts'
export { loginMoment } from './session/login.ts'
export { isProofs, type Proof } from './session/proof.ts'
export { own, put } from './session/values.ts'
export { isSession } from './store.ts'
