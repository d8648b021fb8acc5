import { StoreError, StrongroomError } from '../../errors.ts'

/**
 * What the driver threw, without what it attached: the statement and, in its messages, the values that it quotes. `errno` is
 * the server's number (https://mariadb.com/kb/en/mariadb-error-code-reference/), absent where the server said nothing.
 */
class MysqlFault extends Error {
  readonly code: string | undefined
  readonly errno: number | undefined

  constructor(error: unknown) {
    const { message, code, errno } = (error ?? {}) as Record<string, unknown>
    // Of several addresses that all refused, Node tells nothing but the code.
    super(withoutValues(String(message || code || error)))
    this.name = 'MysqlFault'
    this.code = typeof code === 'string' ? code : undefined
    this.errno = typeof errno === 'number' ? errno : undefined
  }
}

/** From the first quote to the last, for a value may hold quotes; and what looks like an id although nobody quoted it. */
function withoutValues(message: string): string {
  return message.replace(/(['"`])[\s\S]*\1/g, '$1…$1').replace(/\b(?:0x|x')?[0-9a-f]{16,}\b/gi, '…')
}

/** For a table that is not there. */
export const MISSING =
  'The table of the sessions is not there. Make it with "strongroom migrate", or give createTable: true.'

const ADVICE: readonly (readonly [reasons: readonly (number | string)[], message: string])[] = [
  [[1146], MISSING],
  [[1054, 1364], 'The table of the sessions has other columns than this release knows. Run "strongroom migrate".'],
  [
    [1044, 1045, 1046, 1049, 1142, 1143, 1227, 1698, 3118, 4151],
    'The session database refused the login or the statement. Check user, password, database and grants; the cause says which.',
  ],
  [[1153, 1301], 'An entry is larger than the max_allowed_packet of the session database.'],
  [[1040, 1203, 1226], 'The session database has too many connections. Lower connectionLimit, or allow it more.'],
  [
    ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT', 'ETIMEDOUT'],
    'The session database cannot be reached. Check that it runs, and the host and port that it was looked for at.',
  ],
]

/** Every failure of the driver as what a store may reject with. */
export function unanswered(error: unknown): StrongroomError {
  if (error instanceof StrongroomError) return error
  const cause = new MysqlFault(error)
  const told = ADVICE.find(([reasons]) => reasons.includes(cause.errno ?? '') || reasons.includes(cause.code ?? ''))
  const plain = cause.errno === undefined || cause.errno < 1000
  return new StoreError(
    told?.[1] ?? (plain ? 'The session database did not answer.' : 'The session database answered with an error.'),
    { cause },
  )
}

export function tooLate(timeout: number): StoreError {
  return new StoreError(`The session database did not answer within ${timeout} ms.`)
}

const numberOf = (error: unknown): unknown => (error as { errno?: unknown } | null)?.errno

/** An entry of this id is there already (ER_DUP_ENTRY). */
export function isDuplicate(error: unknown): boolean {
  return error instanceof StoreError && numberOf(error.cause) === 1062
}

/**
 * Rolled back whole, or never begun, and worth another try: a deadlock (1213), a lock not had in time (1205), a row that
 * changed under a snapshot (1020, MariaDB with innodb_snapshot_isolation), a statement that has to be prepared anew (1615,
 * 1243).
 */
export function isPassing(error: unknown): boolean {
  return [1213, 1205, 1020, 1615, 1243].includes(numberOf(error) as number)
}

/**
 * Of several statements that were taken back together: may one of them be the reason, so that the others can do without it? What
 * passes; an id that is there already (1062); values, triggers and constraints that refuse it (1264, 1366, 1406, 1644, 3819,
 * 4025); and a proxy that takes no more than one statement at a time (1064).
 */
export function isOfOne(error: unknown): boolean {
  return isPassing(error) || [1062, 1064, 1264, 1366, 1406, 1644, 3819, 4025].includes(numberOf(error) as number)
}

/**
 * The connection is of no use any more, although it is open: its server has become read-only, as after a failover (1290,
 * 1792, 1836), or it has forgotten what was prepared on it, as behind some proxies (1243).
 */
export function isSpoilt(error: unknown): boolean {
  return [1290, 1792, 1836, 1243].includes(numberOf(error) as number)
}
