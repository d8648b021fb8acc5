import type { Duration } from '../base/duration.ts'
import { ConfigError } from '../errors.ts'

/** What runs in the background. */
export interface Sweeps {
  /** Ms between two sweeps; null for none. */
  readonly every: number | null
  close(): Promise<void>
}

/** The option `sweep` where nothing runs between requests. Throws `ConfigError` if it is set. */
export function withoutSweeps(given: Duration | false | undefined): Sweeps {
  if (!given) return { every: null, close: async () => {} }
  throw new ConfigError(
    'A Worker does nothing in the background: leave sweep out, and call sessions.clearExpired() in a scheduled handler.',
  )
}
