import { ConfigError } from '../../errors.ts'

/** `purge_at` is rounded up to this, in ms. Smaller: more touches move an index entry. Larger: a sweep reads more live rows. */
export const PURGE_STEP = 600_000

/** A deadline as its two columns: exact, and rounded up to the step by which the index for sweeps is sorted. */
export function moments(deadline: number): { expiresAt: number; purgeAt: number } {
  const expiresAt = Math.floor(deadline)
  return { expiresAt, purgeAt: Math.ceil(expiresAt / PURGE_STEP) * PURGE_STEP }
}

/**
 * The name of a table, "table" or "schema.table", which can be part of a statement without quotes. At most 50 characters, so
 * that the names of its indexes, which are longer, fit too.
 */
export function tableName(where: string, given: unknown, standard = 'strongroom_sessions'): string {
  if (given === undefined) return standard
  if (typeof given === 'string' && /^(?:[a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,49}$/i.test(given)) return given
  throw new ConfigError(
    `Option "table" of ${where} must be at most 50 letters, digits and underscores, or "schema.table" made of these.`,
  )
}

/**
 * Walks through a table in bounded steps, each of which begins where the one before has ended; for `drive` of sweep.ts. `step`
 * returns how many entries it removed and the position to continue from, which is null at the end.
 */
export async function* stepwise<Position>(
  start: Position,
  step: (from: Position) => Promise<{ readonly removed: number; readonly next: Position | null }>,
): AsyncGenerator<number> {
  for (let position: Position | null = start; position !== null; ) {
    const { removed, next } = await step(position)
    yield removed
    position = next
  }
}
