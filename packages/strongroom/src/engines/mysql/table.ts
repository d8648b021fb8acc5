import type { MysqlStatement } from './client.ts'

/** Changes whenever the columns do, so that a later release knows what it finds. */
export const FORMAT = 1

/** The table's own comment says its format: no second table, no further grant, and never one without the other. */
export const COMMENT = /^strongroom (\d+)$/

/**
 * Rows lie in the order of `seq`, which is the order of creation: sessions of one time are written, read and cleared
 * together, where a random id as the clustered key would touch another page for each. What compares ids and tags compares bytes,
 * since BINARY has no collation.
 */
export function creation(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
  seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  id BINARY(32) NOT NULL,
  payload MEDIUMBLOB NOT NULL,
  version BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  purge_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  owner BINARY(32) NULL,
  label VARBINARY(512) NULL,
  UNIQUE KEY by_id (id),
  KEY by_purge (purge_at, seq),
  KEY by_owner (owner)
) ENGINE = InnoDB, ROW_FORMAT = DYNAMIC, COMMENT = 'strongroom ${FORMAT}'`
}

const FIELDS = 'expires_at, created_at, owner, label'
const LISTING = `id, ${FIELDS}, LENGTH(payload) AS size`

/** A statement about one row. */
export interface RowStatement extends MysqlStatement {
  /** Which value is the id of the row. */
  readonly key: number
  /** Of a SELECT the same for many rows, up to the list of their ids; its values are the id and a moment. */
  readonly many?: string
}

function aboutOne(key: number, sql: string, many?: string): RowStatement {
  return { ...statement(sql), key, ...(many !== undefined && { many }) }
}

export function statements(table: string) {
  const live = 'id = ? AND expires_at > ?'
  return {
    read: aboutOne(
      0,
      `SELECT payload, version, ${FIELDS} FROM ${table} WHERE ${live}`,
      `SELECT id, payload, version, ${FIELDS} FROM ${table} WHERE id IN`,
    ),
    insert: aboutOne(
      0,
      `INSERT INTO ${table} (id, payload, version, expires_at, purge_at, created_at, owner, label)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    removeExpired: statement(`DELETE FROM ${table} WHERE id = ? AND expires_at <= ?`),
    // InnoDB compares: an index whose columns keep their values is left alone.
    update: aboutOne(
      6,
      `UPDATE ${table} SET payload = ?, version = version + 1, expires_at = ?, purge_at = ?, created_at = ?, owner = ?,
       label = ? WHERE ${live} AND version = ?`,
    ),
    touch: aboutOne(2, `UPDATE ${table} SET expires_at = ?, purge_at = ? WHERE ${live}`),
    stands: statement(`SELECT 1 AS stands FROM ${table} WHERE ${live} AND expires_at = ?`),
    remove: aboutOne(0, `DELETE FROM ${table} WHERE ${live}`),
    removeVersion: aboutOne(0, `DELETE FROM ${table} WHERE ${live} AND version = ?`),
    owned: statement(`SELECT ${LISTING} FROM ${table} WHERE owner = ? AND expires_at > ?`),
    removeOwned: statement(`DELETE FROM ${table} WHERE owner = ? AND expires_at > ?`),
    removeOthers: statement(`DELETE FROM ${table} WHERE owner = ? AND expires_at > ? AND id <> ?`),
    page: statement(`SELECT seq, ${LISTING} FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ?`),
    due: statement(
      `SELECT seq, purge_at, expires_at FROM ${table}
       WHERE purge_at <= ? AND (purge_at > ? OR (purge_at = ? AND seq > ?)) ORDER BY purge_at, seq LIMIT ?`,
    ),
  }
}

/** Of these rows those that are due. By key, so that it locks them and no gap between them. */
export function purge(table: string, rows: readonly number[], now: number): MysqlStatement {
  return statement(`DELETE FROM ${table} WHERE seq IN (${rows.join()}) AND expires_at <= ${now}`)
}

/** A client that was handed in may have a way of its own to read columns, which would make something else of our bytes. */
export function statement(sql: string): MysqlStatement {
  return { sql, rowsAsArray: false, nestTables: false, typeCast: (_, next) => next() }
}
