import { StoreError } from '../../errors.ts'
import { SAMPLE } from '../shared/estimate.ts'
import { tableName } from '../shared/sql.ts'
import { prepare, rollback, type SqliteHandle } from './handle.ts'

/**
 * Changes whenever the columns do, so that a later release knows what it finds. `PRAGMA user_version` belongs to the
 * user.
 */
const FORMAT = 1

const FIELDS = 'expires_at, created_at, owner, label'
const LISTING = `id, ${FIELDS}, length(payload) AS size`

export type Statements = ReturnType<typeof statements>

/** The name of the table. Throws `ConfigError` for one that is not a plain identifier. */
export const tableOption = (given: unknown) => tableName('sqlite()', given, { longest: 63, qualified: false })

/** Creates the table if it is missing, and prepares its statements. The name must be a plain identifier. */
export function openTable(database: SqliteHandle, table: string): Statements {
  if (formatOf(database, table) === null) createTable(database, table)
  const format = formatOf(database, table)
  if (format !== FORMAT) {
    throw new StoreError(
      `The table ${table} has format ${format}, and this release knows only format ${FORMAT}: use a newer release.`,
    )
  }
  return statements(database, table)
}

/** Is the table there? Creates nothing. */
export const hasTable = (database: SqliteHandle, table: string) => formatOf(database, table) !== null

function formatOf(database: SqliteHandle, table: string): number | null {
  const known = prepare(database, `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`)
  if (!known.get('strongroom_schema')) return null
  const row = prepare(database, 'SELECT format FROM strongroom_schema WHERE name = ?').get(table)
  return row ? Number((row as { format: number | bigint }).format) : null
}

function createTable(database: SqliteHandle, table: string): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec(`
      CREATE TABLE IF NOT EXISTS strongroom_schema (name TEXT PRIMARY KEY NOT NULL, format INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS ${table} (
        id TEXT PRIMARY KEY NOT NULL,
        payload BLOB NOT NULL,
        version INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        purge_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        owner TEXT,
        label BLOB
      ) STRICT;
      CREATE INDEX IF NOT EXISTS ${table}_purge ON ${table} (purge_at);
      CREATE INDEX IF NOT EXISTS ${table}_owner ON ${table} (owner) WHERE owner IS NOT NULL;
      INSERT INTO strongroom_schema VALUES ('${table}', ${FORMAT}) ON CONFLICT DO NOTHING;
      COMMIT`)
  } catch (error) {
    rollback(database)
    throw error
  }
}

function statements(database: SqliteHandle, table: string) {
  const prepared = (sql: string) => prepare(database, sql)
  return {
    read: prepared(`SELECT payload, version, ${FIELDS} FROM ${table} WHERE id = ? AND expires_at > ?`),
    insert: prepared(
      `INSERT INTO ${table} (id, payload, version, expires_at, purge_at, created_at, owner, label)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    ),
    deleteExpired: prepared(`DELETE FROM ${table} WHERE id = ? AND expires_at <= ?`),
    // In place: sets no indexed column, so that SQLite does not touch the pages of the indexes.
    updateInPlace: prepared(
      `UPDATE ${table} SET payload = ?, version = version + 1, expires_at = ?, created_at = ?, label = ?
       WHERE id = ? AND version = ? AND expires_at > ? AND owner IS ? AND purge_at = ?`,
    ),
    update: prepared(
      `UPDATE ${table} SET payload = ?, version = version + 1, expires_at = ?, created_at = ?, label = ?,
       purge_at = ? WHERE id = ? AND version = ? AND expires_at > ? AND owner IS ?`,
    ),
    // The version is null for a touch of any version.
    touchInPlace: prepared(
      `UPDATE ${table} SET expires_at = ?
       WHERE id = ? AND expires_at > ? AND version = ifnull(?, version) AND purge_at = ?`,
    ),
    touch: prepared(
      `UPDATE ${table} SET expires_at = ?, purge_at = ? WHERE id = ? AND expires_at > ? AND version = ifnull(?, version)`,
    ),
    delete: prepared(`DELETE FROM ${table} WHERE id = ? AND expires_at > ?`),
    deleteVersion: prepared(`DELETE FROM ${table} WHERE id = ? AND expires_at > ? AND version = ?`),
    deleteByOwner: prepared(
      `DELETE FROM ${table} WHERE rowid IN (
         SELECT rowid FROM ${table} WHERE owner = ? AND expires_at > ? AND id <> ? LIMIT ?
       )`,
    ),
    listByOwner: prepared(
      `SELECT rowid AS position, ${LISTING} FROM ${table} WHERE owner = ? AND rowid > ? ORDER BY rowid LIMIT ?`,
    ),
    page: prepared(`SELECT rowid AS position, ${LISTING} FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ?`),
    // From the index alone, which has the ids.
    sampled: prepared(`SELECT id FROM ${table} WHERE id > '' ORDER BY id LIMIT 1 OFFSET ${SAMPLE - 1}`),
    few: prepared(`SELECT count(*) AS count FROM ${table} WHERE id > ''`),
    due: prepared(
      `SELECT rowid AS position, purge_at, expires_at FROM ${table}
       WHERE (purge_at, rowid) > (?, ?) AND purge_at <= ? ORDER BY purge_at, rowid LIMIT ?`,
    ),
    purge: prepared(`DELETE FROM ${table} WHERE rowid = ? AND expires_at <= ?`),
  }
}
