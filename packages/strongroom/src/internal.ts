/**
 * What `@strongroom/django` and `@strongroom/cli` build on. Not for applications: names here change without notice, and those
 * packages depend on exactly this version.
 */
export type { AnyUser } from './admin/users.ts'
export {
  type Backing,
  type BackingEngine,
  type ContentToSave,
  type Loaded,
  refuseOver,
  type SessionRef,
  type VerifiedCookie,
} from './backing/backing.ts'
export { guardStore } from './backing/guard.ts'
export { checkOptions, clockOption, wholeNumber } from './base/check.ts'
export { LONGEST, milliseconds } from './base/duration.ts'
export { OpenState } from './base/open-state.ts'
export { isPast, momentIn, pause } from './base/retry.ts'
export { TimeLimit } from './base/time-limit.ts'
export { OVERHEAD } from './crypto/aead.ts'
export { createKeyring, equal } from './crypto/keyring.ts'
export type { Refused } from './crypto/token.ts'
export {
  type MysqlClient,
  type MysqlStatement,
  sourceOf as mysqlSourceOf,
  UrlSource as MysqlUrlSource,
} from './engines/mysql/client.ts'
export { isDuplicate } from './engines/mysql/errors.ts'
export { Executor as MysqlExecutor } from './engines/mysql/executor.ts'
export { type PostgresClient, type PostgresPool, queryOf } from './engines/postgres/client.ts'
export { codeOf, failure } from './engines/postgres/errors.ts'
export {
  ClientExecutor as PostgresClientExecutor,
  type Executor as PostgresExecutor,
  PoolExecutor as PostgresPoolExecutor,
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
export { parseRedisUrl } from './engines/redis/url.ts'
export { FileLocks } from './engines/shared/file-lock.ts'
export { tableName } from './engines/shared/sql.ts'
export { batchOf, drive } from './engines/shared/sweep.ts'
export { type Query, strictQuery, takeQuery } from './engines/shared/url-query.ts'
export { GroupCommit } from './engines/sqlite/group-commit.ts'
export {
  type ClosableHandle,
  durabilityOf,
  isBusy,
  nodeSqlite,
  type SqliteHandle,
  tooLong,
  unanswered,
} from './engines/sqlite/handle.ts'
export { pathInUrl, storeFromUrl } from './engines/url.ts'
export { type CookieTransport, cookieTransport } from './http/cookie.ts'
export type { Content, Meta, Values } from './session/content.ts'
export type { RequestedLifetime } from './session/lifetime.ts'
export { own, put } from './session/merge.ts'
