import { describe } from 'node:test'
import type { RedisProgram } from '../../packages/cli/src/lab/servers/redis.ts'
import { type Need, need } from '../support/need.ts'

export { ping, type RedisProgram, type RedisServer, startRedis } from '../../packages/cli/src/lab/servers/redis.ts'

export const redisNeed = need('redis-server')

export const REDIS_PROGRAMS: Readonly<Record<RedisProgram, Need>> = {
  redis: redisNeed,
  valkey: need('valkey-server'),
}

/** Runs a suite on Redis and on Valkey. It is skipped where they, or `also`, are not installed. */
export function describeBoth(name: string, body: (program: RedisProgram) => void, also?: Need): void {
  for (const program of ['redis', 'valkey'] as const)
    describe(`${program}, ${name}`, { skip: REDIS_PROGRAMS[program].skip || also?.skip }, () => body(program))
}
