import type { Backing } from '../backing/backing.ts'
import type { CreatedBacking } from '../backing/create.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import { isWorker } from '../base/worker.ts'
import { ConfigError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { Sweeper } from './sweeper.ts'
import { type Sweeps, withoutSweeps } from './without-sweeps.ts'

export interface SweptParts extends Pick<CreatedBacking, 'swept' | 'advice'> {
  readonly backing: Backing
  readonly emit: Emit
}

const HOUR = 3_600_000
const RANGE = "sweep must be at least '1s' and at most '20d', or false."

/**
 * The option `sweep`: begins sweeping. Where nothing has to be swept, what is remembered of expired sessions has to be forgotten all the
 * same. Throws `ConfigError`.
 */
export function sweepsOf(given: Duration | false | undefined, parts: SweptParts): Sweeps {
  if (isWorker) return withoutSweeps(given)
  const { swept, backing, emit } = parts
  const every = intervalOf(given, parts)
  const remembers = backing.forgetExpired !== undefined || swept?.clearCopies !== undefined
  if (given === false || (every === null && !remembers)) return { every, close: async () => {} }
  const forget = (signal: AbortSignal) => {
    backing.forgetExpired?.()
    return swept?.clearCopies?.({ signal })
  }
  const sweeper = new Sweeper({ store: every === null ? null : swept, forget, every: every ?? HOUR, emit })
  return { every, close: () => sweeper.close() }
}

function intervalOf(given: Duration | false | undefined, { swept, advice }: SweptParts): number | null {
  if (given === false || (given === undefined && (!swept || swept.traits.expiresByItself))) return null
  if (!swept) throw new ConfigError(`sweep has nothing to clear: ${advice}`)
  if (typeof given === 'boolean') throw new ConfigError(RANGE)
  const every = milliseconds(given === undefined ? '1h' : given, 'sweep')
  // A timer cannot count further; above that, Node would sweep without a pause.
  if (every >= 1_000 && every <= 20 * 86_400_000) return every
  throw new ConfigError(RANGE)
}
