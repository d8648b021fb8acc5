import { SAMPLE } from '../shared/estimate.ts'
import type { MysqlStatement } from './client.ts'

/** Raised whenever the columns change, so that a later release knows which table it has found. */
export const FORMAT = 1

/** The format is in the comment of the table: that takes no second table and no further grant, and never one without the other. */
export const COMMENT = /^strongroom (\d+)$/

/**
 * Rows are stored in the order of `seq`, which is the order of creation: sessions of the same time are written, read and
 * cleared together. With a random id as the clustered key, each would touch another page. Ids and tags are compared as bytes,
 * because BINARY has no collation.
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

/** A statement about one row, which may be batched with others of its kind. */
export interface RowStatement extends MysqlStatement {
  /** The index of the value that is the row's id. */
  readonly key: number
  /** The text around its placeholders: a batch has the values in its text. */
  readonly parts: readonly string[]
  /** Set for a read, whose values are an id and a moment: the same for many rows, up to the list of their ids. */
  readonly many?: string
}

function aboutOne(key: number, sql: string, many?: string): RowStatement {
  return { ...statement(sql), key, parts: sql.split('?'), ...(many !== undefined && { many }) }
}

export function statements(table: string) {
  const live = 'id = ? AND expires_at > ?'
  // Null for any version: one statement, so that all touches can share a batch.
  const ofVersion = 'version = COALESCE(?, version)'
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
    deleteExpired: statement(`DELETE FROM ${table} WHERE id = ? AND expires_at <= ?`),
    // InnoDB does not write an index whose columns keep their values.
    update: aboutOne(
      5,
      `UPDATE ${table} SET payload = ?, version = version + 1, expires_at = ?, purge_at = ?, created_at = ?, label = ?
       WHERE ${live} AND version = ? AND owner <=> ?`,
    ),
    touch: aboutOne(2, `UPDATE ${table} SET expires_at = ?, purge_at = ? WHERE ${live} AND ${ofVersion}`),
    hasDeadline: statement(`SELECT 1 AS found FROM ${table} WHERE ${live} AND ${ofVersion} AND expires_at = ?`),
    delete: aboutOne(0, `DELETE FROM ${table} WHERE ${live}`),
    deleteVersion: aboutOne(0, `DELETE FROM ${table} WHERE ${live} AND version = ?`),
    // InnoDB appends the primary key to every index, so `by_owner` is in the order of `seq`. Left to itself, a server may go through
    // the primary key instead, from the first session of the table on.
    listByOwner: statement(
      `SELECT seq, ${LISTING} FROM ${table} FORCE INDEX (by_owner)
       WHERE owner = ? AND expires_at > ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
    deleteByOwner: statement(`DELETE FROM ${table} WHERE owner = ? AND expires_at > ?`),
    deleteOthersByOwner: statement(`DELETE FROM ${table} WHERE owner = ? AND expires_at > ? AND id <> ?`),
    // Not what InnoDB's statistics say, which may be a day old, and off by a half for a small table.
    estimate: statement(
      `SELECT COUNT(*) AS seen, MAX(id) AS last
       FROM (SELECT id FROM ${table} FORCE INDEX (by_id) ORDER BY id LIMIT ${SAMPLE}) AS first_ids`,
    ),
    page: statement(`SELECT seq, ${LISTING} FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ?`),
    due: statement(
      `SELECT seq, purge_at, expires_at FROM ${table}
       WHERE purge_at <= ? AND (purge_at > ? OR (purge_at = ? AND seq > ?)) ORDER BY purge_at, seq LIMIT ?`,
    ),
  }
}

/** Removes those of the rows that are due; by their keys, so that it locks no gap between them. */
export function purge(table: string, rows: readonly number[], now: number): MysqlStatement {
  return statement(`DELETE FROM ${table} WHERE seq IN (${rows.join()}) AND expires_at <= ${now}`)
}

/** The application's client may be set to convert columns, which would change our bytes. */
export function statement(sql: string): MysqlStatement {
  return { sql, rowsAsArray: false, nestTables: false, namedPlaceholders: false, typeCast: (_, next) => next() }
}
