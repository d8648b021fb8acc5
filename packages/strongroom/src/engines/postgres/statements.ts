import { createHash } from 'node:crypto'
import { SAMPLE } from '../shared/estimate.ts'

/** Raised whenever the table changes, so that a later release knows which table it has found. */
export const FORMAT = 1

/** Makes a table from nothing. Each statement may safely run again. */
export function tableStatements(table: string): readonly string[] {
  const name = table.split('.').at(-1)
  return [
    // fillfactor: room for the next versions of rows beside them, so that an update touches no index (a heap-only update). With
    // 1.3 KB and every row changed once a second: 60 % of updates at 100, 91 % at 80, 95 % at 70; the table is smallest at 80.
    // vacuum_truncate: giving free pages back to the system would lock out readers, and the next sessions need them anyway.
    `CREATE TABLE IF NOT EXISTS ${table} (
  version bigint NOT NULL,
  expires_at bigint NOT NULL,
  purge_at bigint NOT NULL,
  created_at bigint NOT NULL,
  place bigint GENERATED ALWAYS AS IDENTITY,
  id bytea PRIMARY KEY,
  owner bytea,
  label bytea,
  payload bytea NOT NULL
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.05,
  vacuum_truncate = false
)`,
    // Sealed bytes cannot be compressed. Without this, PostgreSQL would try at every write of more than 2 KB.
    `ALTER TABLE ${table} ALTER COLUMN payload SET STORAGE EXTERNAL`,
    `CREATE INDEX IF NOT EXISTS ${name}_purge ON ${table} (purge_at, place)`,
    `CREATE INDEX IF NOT EXISTS ${name}_owner ON ${table} (owner, place) WHERE owner IS NOT NULL`,
    `COMMENT ON TABLE ${table} IS 'strongroom format ${FORMAT}'`,
  ]
}

/** Returns one row: whether the table exists, its comment, two settings that make a commit durable, and whether this is a replica. */
export function probeOf(table: string): string {
  return `SELECT to_regclass('${table}') IS NOT NULL, obj_description(to_regclass('${table}'), 'pg_class'),
    current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()`
}

/** The format in a table's comment; null when there is none. */
export function formatOf(comment: unknown): number | null {
  const found = typeof comment === 'string' ? /\bstrongroom format (\d+)/.exec(comment) : null
  return found ? Number(found[1]) : null
}

/** A statement, and the name under which servers keep it prepared. */
export interface Statement {
  readonly name: string
  readonly text: string
  /** Set where the statement is about one row: the index of the parameter that is the row's id. */
  readonly key?: number
}

const FIELDS = 'expires_at, created_at, owner, label'
const LISTING = `id, ${FIELDS}, length(payload)`
const COLUMNS = 'version, expires_at, purge_at, created_at, id, owner, label, payload'

export type Statements = ReturnType<typeof statementsFor>

/** All statements for a table. With a channel, updates and deletes also notify its listeners, in the same round trip. */
export function statementsFor(table: string, channel: string | null) {
  const prepared = (verb: string, text: string): Statement => ({ name: nameOf(verb, text), text })
  const aboutOne = (verb: string, key: number, text: string) => ({ ...prepared(verb, text), key })
  const notifying = channel === null ? '' : ` RETURNING pg_notify('${channel}', encode(id, 'hex'))`
  return {
    // In base64, the payload has two thirds of the characters that it would have as hexadecimal digits, which Node decodes more slowly.
    read: aboutOne(
      'read',
      0,
      `SELECT encode(payload, 'base64'), version, ${FIELDS} FROM ${table} WHERE id = $1 AND expires_at > $2`,
    ),
    insert: aboutOne(
      'insert',
      4,
      `INSERT INTO ${table} (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
    ),
    // The entry that an insert ran into may have expired. The count makes the deletion run first, so that the unique index sees it.
    replace: prepared(
      'replace',
      `WITH dead AS (DELETE FROM ${table} WHERE id = $5 AND expires_at <= $9 RETURNING 1)
       INSERT INTO ${table} (${COLUMNS})
       SELECT $1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bytea, $6::bytea, $7::bytea, $8::bytea
       FROM (SELECT count(*) FROM dead) AS first
       ON CONFLICT (id) DO NOTHING`,
    ),
    update: aboutOne(
      'update',
      4,
      `UPDATE ${table} SET version = version + 1, expires_at = $2, purge_at = $3, created_at = $4, label = $7, payload = $8
       WHERE id = $5 AND version = $1 AND expires_at > $9 AND owner IS NOT DISTINCT FROM $6${notifying}`,
    ),
    // One statement, with null for a touch of any version, so that all touches can share a batch.
    touch: aboutOne(
      'touch',
      0,
      `UPDATE ${table} SET expires_at = $3, purge_at = $4
       WHERE id = $1 AND expires_at > $2 AND version = coalesce($5::bigint, version)`,
    ),
    delete: aboutOne('delete', 0, `DELETE FROM ${table} WHERE id = $1 AND expires_at > $2${notifying}`),
    deleteVersion: aboutOne(
      'delete_version',
      0,
      `DELETE FROM ${table} WHERE id = $1 AND expires_at > $2 AND version = $3${notifying}`,
    ),
    // Locks its rows in the same order as a batch does; otherwise the two could wait for each other.
    deleteByOwner: prepared(
      'delete_by_owner',
      `DELETE FROM ${table} WHERE id = ANY (ARRAY(
         SELECT id FROM ${table} WHERE owner = $1 AND expires_at > $2 AND id IS DISTINCT FROM $3::bytea ORDER BY id FOR UPDATE
       )) AND owner = $1 AND expires_at > $2${notifying}`,
    ),
    listByOwner: prepared(
      'list_by_owner',
      `SELECT ${LISTING}, place FROM ${table} WHERE owner = $1 AND expires_at > $2 AND place > $3 ORDER BY place LIMIT $4`,
    ),
    // Not what the server's statistics say: they are those of the last analyze, and there are none before the first.
    estimate: `WITH first AS MATERIALIZED (SELECT id FROM ${table} ORDER BY id LIMIT ${SAMPLE})
      SELECT (SELECT count(*) FROM first), (SELECT id FROM first ORDER BY id DESC LIMIT 1)`,
    page: `SELECT ${LISTING} FROM ${table} WHERE id > $1 ORDER BY id LIMIT $2`,
    ...sweeping(table),
  }
}

/**
 * One step of a sweep reads a number of rows from a position in the index on, including live rows of the last purge step. It
 * returns how many were removed, how many were read, and the position of the last. These statements are not prepared: because
 * the planner sees the numbers, it cannot mistake a step for a scan of the whole table.
 */
function sweeping(table: string) {
  const seen = `
    seen AS MATERIALIZED (
      SELECT ctid AS spot, purge_at, place, expires_at FROM ${table}
      WHERE (purge_at, place) > ($1, $2) AND purge_at <= $3 ORDER BY purge_at, place LIMIT $4
    ), last AS (SELECT purge_at, place FROM seen ORDER BY purge_at DESC, place DESC LIMIT 1)`
  const position = '(SELECT count(*) FROM seen), last.purge_at, last.place FROM last'
  return {
    count: `WITH ${seen} SELECT (SELECT count(*) FROM seen WHERE expires_at <= $5), ${position}`,
    // Rows are locked first and their deadline is checked again: one may have been touched since, and another runner may have it. It
    // is checked once more when they are deleted: in a table with partitions, each of them has a row at the same spot.
    purge: `WITH ${seen},
      due AS MATERIALIZED (
        SELECT ctid AS spot FROM ${table}
        WHERE ctid = ANY (ARRAY(SELECT spot FROM seen WHERE expires_at <= $5)) AND expires_at <= $5
        FOR UPDATE SKIP LOCKED
      ), gone AS (DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT spot FROM due)) AND expires_at <= $5 RETURNING 1)
      SELECT (SELECT count(*) FROM gone), ${position}`,
  }
}

/** The hash is of the text: behind a pooler, a connection may hold what another table, or another release, has prepared. */
function nameOf(verb: string, text: string): string {
  return `strongroom_${verb}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}
