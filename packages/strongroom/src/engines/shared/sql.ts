import { ConfigError, StoreError } from '../../errors.ts'
import { isHexId } from './entry.ts'

/** `purge_at` is rounded up to this, in ms. Smaller: more touches move an index entry. Larger: a sweep reads more live rows. */
export const PURGE_STEP = 600_000

/** A deadline as its two columns: exact, and rounded up to the step by which the index for sweeps is sorted. */
export function moments(deadline: number): { expiresAt: number; purgeAt: number } {
  const expiresAt = Math.floor(deadline)
  return { expiresAt, purgeAt: Math.ceil(expiresAt / PURGE_STEP) * PURGE_STEP }
}

/** An id or an owner as bytes, which take half the room of its characters and are compared without a collation. */
export function idBytes(hex: string): Buffer {
  if (isHexId(hex)) return Buffer.from(hex, 'hex')
  throw new StoreError('Ids and owners are 64 lower-case hexadecimal characters.')
}

export interface TableNameRules {
  /** The name when none is given. */
  readonly standard?: string
  /** The most characters. By default 50, so that the names of the table's indexes, which are longer, fit too. */
  readonly longest?: number
  /** Whether it may be "schema.table" (default true). */
  readonly qualified?: boolean
}

/** The name of a table, which can be part of a statement without quotes. Throws `ConfigError`, naming `where`. */
export function tableName(
  where: string,
  given: unknown,
  { standard = 'strongroom_sessions', longest = 50, qualified = true }: TableNameRules = {},
): string {
  if (given === undefined) return standard
  const [, schema, name = ''] =
    (typeof given === 'string' && /^(?:([a-z_][a-z0-9_]{0,62})\.)?([a-z_][a-z0-9_]*)$/i.exec(given)) || []
  if (name !== '' && name.length <= longest && (qualified || schema === undefined)) return given as string
  throw new ConfigError(
    `Option "table" of ${where} must be at most ${longest} letters, digits and underscores${qualified ? ', or "schema.table" made of these' : ''}.`,
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
