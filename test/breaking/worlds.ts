import type { World } from './kit/world.ts'
import { onTwo } from './worlds/cached.ts'
import { embedded } from './worlds/embedded.ts'
import { onMemcached } from './worlds/memcached.ts'
import { onMysql } from './worlds/mysql.ts'
import { onPostgres } from './worlds/postgres.ts'
import { onRedis } from './worlds/redis.ts'
import { onManyRedis } from './worlds/redis-many.ts'

/** Every place that sessions can rest in. */
export const WORLDS: readonly World[] = [
  ...embedded,
  ...onPostgres,
  ...onMysql,
  ...onRedis,
  ...onManyRedis,
  ...onMemcached,
  ...onTwo,
]

/** Those that more than one process can use. */
export const SHARED: readonly World[] = WORLDS.filter(({ shared }) => shared !== 'process')
