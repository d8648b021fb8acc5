import { StoreError, StrongroomError } from '../../errors.ts'
import { codeOf as sqliteCodeOf } from '../sqlite/errors.ts'
import { TLS_SETTINGS } from './tls.ts'

/** SQLSTATEs: no such column, table, schema or database, no right to it, and data that a constraint or a trigger refuses. */
const SQLSTATE = /^(?:0A|22|23|28|3D|3F|42|P0)[0-9A-Z]{3}$/
/** The same of MariaDB and MySQL. */
const MYSQL = new Set([
  1044, 1045, 1046, 1048, 1049, 1054, 1142, 1143, 1146, 1227, 1364, 1406, 1644, 1698, 3118, 3159, 4025, 4151,
])
/** Of SQLite: ERROR (no such column), PERM, READONLY, CORRUPT, CONSTRAINT, MISMATCH, AUTH, NOTADB. */
const SQLITE = new Set([1, 3, 8, 11, 19, 20, 23, 26])
const SYSTEM = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', ...TLS_SETTINGS])
/** Of a folder: it is missing, or a file has its name. (With `connect`, ENOENT is a server on a socket that does not run.) */
const FOLDER = new Set(['ENOENT in open', 'ENOENT in mkdir', 'EEXIST in mkdir'])
const REDIS = /^(?:NOPERM|NOAUTH|WRONGPASS|WRONGTYPE)\b/

/**
 * Would the same call fail again, until somebody changes something? By the codes of the drivers; of what is unknown, nobody should
 * be told that it helps to try again, and nobody that it does not: false.
 */
export function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof StrongroomError && !(error instanceof StoreError)) return true
  const { code, errno, syscall } = error as Error & Readonly<Record<string, unknown>>
  return (
    (typeof code === 'string' && (SQLSTATE.test(code) || SYSTEM.has(code))) ||
    FOLDER.has(`${code} in ${syscall}`) ||
    MYSQL.has(errno as number) ||
    SQLITE.has(sqliteCodeOf(error) as number) ||
    REDIS.test(error.message) ||
    isPermanent(error.cause)
  )
}
