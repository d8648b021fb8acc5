import type { World } from './kit/world.ts'
import { embedded } from './worlds/embedded.ts'
import { onMysql } from './worlds/mysql.ts'
import { onPostgres } from './worlds/postgres.ts'
import { onRedis } from './worlds/redis.ts'

/** Every place that sessions can rest in. */
export const WORLDS: readonly World[] = [...embedded, ...onPostgres, ...onMysql, ...onRedis]

/** Those that more than one process can use. */
export const SHARED: readonly World[] = WORLDS.filter(({ shared }) => shared !== 'process')
