import { StoreError, StrongroomError } from '../../errors.ts'
import { tlsAdvice } from '../shared/tls.ts'

/**
 * The error of the driver, without what the driver attached: the statement and, in its messages, quoted values. `errno` is
 * the server's number (https://mariadb.com/kb/en/mariadb-error-code-reference/), absent where the server sent none.
 */
class MysqlFault extends Error {
  readonly code: string | undefined
  readonly errno: number | undefined

  constructor(error: unknown) {
    const { message, code, errno } = (error ?? {}) as Record<string, unknown>
    // Where several addresses of a host all refused, the error of Node has a code and no message.
    super(withoutValues(String(message || code || error)))
    this.name = 'MysqlFault'
    this.code = typeof code === 'string' ? code : undefined
    this.errno = typeof errno === 'number' ? errno : undefined
  }
}

/** Removes all from the first quote to the last, because a value may contain quotes; and what looks like an id without quotes. */
function withoutValues(message: string): string {
  return message.replace(/(['"`])[\s\S]*\1/g, '$1…$1').replace(/\b(?:0x|x')?[0-9a-f]{16,}\b/gi, '…')
}

/** For a table that does not exist. */
export const MISSING = 'The session table is missing. Run "npx @strongroom/cli migrate", or set createTable: true.'

const ADVICE: readonly (readonly [reasons: readonly (number | string)[], message: string])[] = [
  [[1146], MISSING],
  [[1054, 1364], 'The session table has other columns than this release expects. Run "npx @strongroom/cli migrate".'],
  [
    [1045, 1698, 3118, 4151],
    'The session database refused the login. Check the user and the password, and that the account is not locked.',
  ],
  [[1049], 'The server has no database of that name. Create it, or correct the name at the end of the URL.'],
  [[1046], 'The connection has no database. Name it at the end of the URL: mysql://user:password@host/database.'],
  [
    [1044, 1142, 1143, 1227],
    'The session database refused: this user may not do that. docs/mysql.md lists the grants that the session table needs.',
  ],
  [[3159], 'The session database accepts only connections with TLS: add ssl to the URL. docs/mysql.md shows how.'],
  [
    ['HANDSHAKE_NO_SSL_SUPPORT'],
    'The session database does not speak TLS. Turn TLS on there, or take ssl out of the URL.',
  ],
  [[1153, 1301], 'An entry is larger than the max_allowed_packet of the session database.'],
  [[1040, 1203, 1226], 'The session database has too many connections. Lower connectionLimit, or allow more.'],
  [
    ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT', 'ETIMEDOUT'],
    'The session database cannot be reached. Check that it is running, and the host and port.',
  ],
  [
    ['ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST'],
    'The session database closed the connection. Check that it is running, and that the host and port are those of MySQL or MariaDB.',
  ],
]

/** What the words of an error say, and its number does not. */
const IN_WORDS: readonly (readonly [RegExp, string])[] = [
  // Of 1045 and 1698. The server says so whether or not it knows the user.
  [
    /\(using password: NO\)/,
    'The session database refused the login, and was given no password. Let the application read a URL with the password from an environment variable; the command line also reads MYSQL_PWD.',
  ],
  // Of mysql2, which gives it no number.
  [/^Pool is closed|closed state$/, 'The client of the session database is closed. Close it after the sessions.'],
]

/** Any error of the driver as one that a store may reject with. */
export function failure(error: unknown): StrongroomError {
  if (error instanceof StrongroomError) return error
  const cause = new MysqlFault(error)
  const [, inWords] = IN_WORDS.find(([pattern]) => pattern.test(cause.message)) ?? []
  const [, advice] =
    ADVICE.find(([reasons]) => reasons.includes(cause.errno ?? '') || reasons.includes(cause.code ?? '')) ?? []
  const isFromServer = cause.errno !== undefined && cause.errno >= 1000
  return new StoreError(
    inWords ??
      advice ??
      tlsAdvice('the session database', cause.code) ??
      (isFromServer
        ? `The session database reported error ${cause.errno}; the cause says more.`
        : 'A call to the session database failed. The cause says why.'),
    { cause },
  )
}

export function tooLate(limit: number): StoreError {
  return new StoreError(
    `The session database did not answer within ${limit} ms. Check that it is running and can be reached.`,
  )
}

const numberOf = (error: unknown): unknown => (error as { errno?: unknown } | null)?.errno

/** An entry has this id already (ER_DUP_ENTRY). */
export function isDuplicate(error: unknown): boolean {
  return error instanceof StoreError && numberOf(error.cause) === 1062
}

/**
 * The whole statement was rolled back, or never began, and may succeed when it is tried again: a deadlock (1213), a lock that
 * was not free in time (1205), a row that changed after the snapshot (1020, MariaDB with innodb_snapshot_isolation), a
 * statement that has to be prepared again (1615, 1243).
 */
export function isTransient(error: unknown): boolean {
  return [1213, 1205, 1020, 1615, 1243].includes(numberOf(error) as number)
}

/**
 * A batch was rolled back. Can one of its statements be the reason, so that the others succeed without it? A transient error;
 * an id that is taken (1062); values, triggers and constraints that refuse it (1264, 1366, 1406, 1644, 3819, 4025); and a
 * proxy that takes one statement in a message (1064).
 */
export function isDueToOne(error: unknown): boolean {
  return isTransient(error) || [1062, 1064, 1264, 1366, 1406, 1644, 3819, 4025].includes(numberOf(error) as number)
}

/**
 * The connection is open, but no longer of any use: its server has become read-only, as after a failover (1290, 1792, 1836), or
 * it has forgotten its prepared statements, as behind some proxies (1243).
 */
export function isConnectionUseless(error: unknown): boolean {
  return [1290, 1792, 1836, 1243].includes(numberOf(error) as number)
}
