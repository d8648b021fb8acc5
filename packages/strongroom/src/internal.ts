/**
 * What the other packages of this repository build on, `@strongroom/django` and `@strongroom/cli`. Not for applications: names here
 * change without notice, and those packages depend on exactly this version.
 */
export type { AnyUser } from './admin/users.ts'
export {
  type Backing,
  type ContentToSave as Keeping,
  type Loaded,
  type Refused,
  refuseOver,
  type SessionRef as Held,
  type VerifiedCookie as Ticket,
} from './backing/backing.ts'
export { guardStore } from './backing/guard.ts'
export { checkOptions, clockOption, wholeNumber } from './base/check.ts'
export { TimeLimit } from './base/time-limit.ts'
export { OVERHEAD } from './crypto/aead.ts'
export { createKeyring, equal } from './crypto/keyring.ts'
export { type MysqlClient, type MysqlStatement, sourceOf } from './engines/mysql/client.ts'
export { isDuplicate } from './engines/mysql/errors.ts'
export { Line } from './engines/mysql/line.ts'
export { OwnPool } from './engines/mysql/pool.ts'
export { type PostgresClient, type PostgresPool, queryOf } from './engines/postgres/client.ts'
export { codeOf, failure } from './engines/postgres/failure.ts'
export { OwnLink } from './engines/postgres/own.ts'
export { ClientLink, type Link as PostgresLink, PoolLink } from './engines/postgres/pool.ts'
export { type IoredisClient, ioredisDriver, isIoredis } from './engines/redis/ioredis.ts'
export { Link as RedisLink } from './engines/redis/link.ts'
export { isNodeRedis, type NodeRedisClient, nodeRedisDriver } from './engines/redis/node-redis.ts'
export { open } from './engines/redis/open.ts'
export { parsePlace } from './engines/redis/place.ts'
export { Locks } from './engines/shared/file-lock.ts'
export { tableName } from './engines/shared/sql.ts'
export { batchOf, drive } from './engines/shared/sweep.ts'
export { type Query, strictQuery, takeQuery } from './engines/shared/url-query.ts'
export { Commits } from './engines/sqlite/commits.ts'
export {
  durabilityOf,
  isBusy,
  nodeSqlite,
  type OwnHandle,
  type SqliteHandle,
  tooLong,
  unanswered,
} from './engines/sqlite/handle.ts'
export { isPast, momentIn, pause } from './engines/sqlite/patience.ts'
export { placeOf, storeFromUrl } from './engines/url.ts'
export { type CookieTransport, cookieTransport } from './http/cookie.ts'
export type { Content, Meta, Values } from './session/content.ts'
export type { RequestedLifetime as AskedLifetime } from './session/expiry.ts'
export { LONGEST, milliseconds } from './session/lifetime.ts'
export { own, put } from './session/merge.ts'
