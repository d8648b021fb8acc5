import { ConfigError } from '../../errors.ts'

/** How coarsely `purge_at` is rounded up. Finer: more touches move an index entry. Coarser: a sweep looks at more live rows. */
export const PURGE_STEP = 600_000

/** A deadline as the two columns that keep it: exact, and rounded up to the step by which the sweep's index sorts. */
export function moments(deadline: number): { expiresAt: number; purgeAt: number } {
  const expiresAt = Math.floor(deadline)
  return { expiresAt, purgeAt: Math.ceil(expiresAt / PURGE_STEP) * PURGE_STEP }
}

/**
 * The name of a table, "table" or "schema.table", which may stand in SQL as it is. 50 characters at most, so that the names
 * of its indexes fit beside it.
 */
export function tableName(where: string, given: unknown, standard = 'strongroom_sessions'): string {
  if (given === undefined) return standard
  if (typeof given === 'string' && /^(?:[a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,49}$/i.test(given)) return given
  throw new ConfigError(
    `Option "table" of ${where} must be letters, digits and underscores, 50 at most, or "schema.table" of such.`,
  )
}

/**
 * Walks in bounded steps, each of which begins where the one before has ended; for `drive` of sweep.ts. `step` answers how
 * many entries it removed, and where to go on, null when there is nothing more.
 */
export async function* stepwise<Place>(
  begin: Place,
  step: (from: Place) => Promise<{ readonly removed: number; readonly next: Place | null }>,
): AsyncGenerator<number> {
  for (let place: Place | null = begin; place !== null; ) {
    const { removed, next } = await step(place)
    yield removed
    place = next
  }
}
