import { onTwo } from './environments/cached.ts'
import { embedded } from './environments/embedded.ts'
import { onMemcached } from './environments/memcached.ts'
import { onMysql } from './environments/mysql.ts'
import { onPostgres } from './environments/postgres.ts'
import { everySecond, onRedis } from './environments/redis.ts'
import { onManyRedis } from './environments/redis-many.ts'
import type { Environment } from './fixtures/environment.ts'

/** Every kind of place in which sessions can be stored. */
export const ENVIRONMENTS: readonly Environment[] = [
  ...embedded,
  ...onPostgres,
  ...onMysql,
  ...onRedis,
  ...onManyRedis,
  ...onMemcached,
  ...onTwo,
]

/**
 * Environments whose data outlives the application, and a Redis that may lose some of it. Several Redis servers together store
 * data as each of them does alone; what is lost in a failover is counted by the outage tests.
 */
export const PERSISTENT: readonly Environment[] = [
  ...ENVIRONMENTS.filter((environment) => environment.shared !== 'process' && !onManyRedis.includes(environment)),
  everySecond,
]
