import type { World } from './kit/world.ts'
import { onTwo } from './worlds/cached.ts'
import { embedded } from './worlds/embedded.ts'
import { onMemcached } from './worlds/memcached.ts'
import { onMysql } from './worlds/mysql.ts'
import { onPostgres } from './worlds/postgres.ts'
import { everySecond, onRedis } from './worlds/redis.ts'
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

/**
 * Those that have something to keep for longer than a process lives, and one that differs by nothing else. What many Redis keep, each of
 * them keeps as one alone does; what they lose when one takes over from another, the outages count.
 */
export const KEPT: readonly World[] = [
  ...WORLDS.filter((world) => world.shared !== 'process' && !onManyRedis.includes(world)),
  everySecond,
]
