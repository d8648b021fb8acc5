import { randomBytes } from 'node:crypto'
import type { Link } from './link.ts'
import { RELEASE, RENEW, TAKE } from './scripts.ts'

/** A lease that is not renewed ends after so many ms: the turn of a runner that died. */
const LEASE = 30_000

/** Does the work while holding the lease; null when somebody else holds it. */
export async function withLease<T>(link: Link, key: string, work: () => Promise<T>): Promise<T | null> {
  const holder = randomBytes(16)
  if ((await link.run(TAKE, [key], [holder, LEASE])) !== 1) return null
  // One that fails is made up for by the next: there is time for two.
  const renewing = setInterval(() => link.run(RENEW, [key], [holder, LEASE]).catch(() => {}), LEASE / 3)
  renewing.unref()
  try {
    return await work()
  } finally {
    clearInterval(renewing)
    // The work is done, whatever becomes of this; the lease runs out.
    await link.run(RELEASE, [key], [holder]).catch(() => {})
  }
}
