import { ConfigError } from '../../errors.ts'
import type { Driver } from './driver.ts'
import { openIoredis } from './open-ioredis.ts'
import { openNodeRedis } from './open-node-redis.ts'
import type { Place } from './place.ts'

/** The packages that can, the faster one first. */
const DRIVERS = [openIoredis, openNodeRedis]

/** Connects with the first package that is installed. Rejects with `ConfigError` when none is. */
export async function open(place: Place, timeout: number, drivers = DRIVERS): Promise<Driver> {
  for (const driver of drivers) {
    try {
      return await driver(place, timeout)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  throw new ConfigError('A Redis URL needs the package ioredis (or redis): npm install ioredis')
}

function isMissing(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  // Not when it is a package that the driver itself needs and does not have.
  return missing && /package '?(?:ioredis|redis)'? /i.test(String(message))
}
