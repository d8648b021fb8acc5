import type { Driver } from './driver.ts'
import type { Place } from './place.ts'

export async function openNodeRedis(_place: Place, _timeout: number): Promise<Driver> {
  await import('redis')
  throw new Error('not yet')
}
