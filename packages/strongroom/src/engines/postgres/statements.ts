import { createHash } from 'node:crypto'

/** A statement, and the name under which servers keep it prepared. */
export interface Statement {
  readonly name: string
  readonly text: string
  /** Of a statement about one row: which parameter is its id. */
  readonly key?: number
}

const FIELDS = 'expires_at, created_at, owner, label'
const LISTING = `id, ${FIELDS}, length(payload)`
const COLUMNS = 'version, expires_at, purge_at, created_at, id, owner, label, payload'

export type Statements = ReturnType<typeof statementsFor>

/** All that is asked of a table. With a channel, whoever listens there is told of updates and deletes, in the same round trip. */
export function statementsFor(table: string, channel: string | null) {
  const prepared = (verb: string, text: string): Statement => ({ name: nameOf(verb, text), text })
  const aboutOne = (verb: string, key: number, text: string) => ({ ...prepared(verb, text), key })
  const telling = channel === null ? '' : ` RETURNING pg_notify('${channel}', encode(id, 'hex'))`
  return {
    read: aboutOne('read', 0, `SELECT payload, version, ${FIELDS} FROM ${table} WHERE id = $1 AND expires_at > $2`),
    insert: aboutOne(
      'insert',
      4,
      `INSERT INTO ${table} (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
    ),
    // In the way of an insert is an entry that may be dead. The count makes the deletion go first, and the unique index sees it.
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
      `UPDATE ${table} SET version = version + 1, expires_at = $2, purge_at = $3, created_at = $4, owner = $6, label = $7,
       payload = $8 WHERE id = $5 AND version = $1 AND expires_at > $9${telling}`,
    ),
    touch: aboutOne('touch', 0, `UPDATE ${table} SET expires_at = $3, purge_at = $4 WHERE id = $1 AND expires_at > $2`),
    remove: aboutOne('remove', 0, `DELETE FROM ${table} WHERE id = $1 AND expires_at > $2${telling}`),
    removeVersion: aboutOne(
      'remove_version',
      0,
      `DELETE FROM ${table} WHERE id = $1 AND expires_at > $2 AND version = $3${telling}`,
    ),
    // Locked in the order in which those that go together lock theirs: otherwise each could wait for the other.
    removeOwned: prepared(
      'remove_owned',
      `DELETE FROM ${table} WHERE id = ANY (ARRAY(
         SELECT id FROM ${table} WHERE owner = $1 AND expires_at > $2 AND id IS DISTINCT FROM $3::bytea ORDER BY id FOR UPDATE
       )) AND owner = $1 AND expires_at > $2${telling}`,
    ),
    owned: prepared('owned', `SELECT ${LISTING} FROM ${table} WHERE owner = $1 AND expires_at > $2`),
    page: `SELECT ${LISTING} FROM ${table} WHERE id > $1 ORDER BY id LIMIT $2`,
    ...sweeping(table),
  }
}

/**
 * A step of a sweep looks at so many rows from a place in the index on, live ones of the last purge step among them, and
 * answers how many were removed, how many were seen, and the place of the last. These are not prepared: with the numbers at
 * hand the planner cannot take a step for a walk through the whole table.
 */
function sweeping(table: string) {
  const seen = `
    seen AS MATERIALIZED (
      SELECT ctid AS spot, purge_at, place, expires_at FROM ${table}
      WHERE (purge_at, place) > ($1, $2) AND purge_at <= $3 ORDER BY purge_at, place LIMIT $4
    ), last AS (SELECT purge_at, place FROM seen ORDER BY purge_at DESC, place DESC LIMIT 1)`
  const answer = '(SELECT count(*) FROM seen), last.purge_at, last.place FROM last'
  return {
    count: `WITH ${seen} SELECT (SELECT count(*) FROM seen WHERE expires_at <= $5), ${answer}`,
    // Locked first, and asked again whether they are due: one may have been touched since, or be in the hands of another runner.
    purge: `WITH ${seen},
      due AS MATERIALIZED (
        SELECT ctid AS spot FROM ${table}
        WHERE ctid = ANY (ARRAY(SELECT spot FROM seen WHERE expires_at <= $5)) AND expires_at <= $5
        FOR UPDATE SKIP LOCKED
      ), gone AS (DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT spot FROM due)) RETURNING 1)
      SELECT (SELECT count(*) FROM gone), ${answer}`,
  }
}

/** With the text in the name: behind a pooler, a connection may hold what another table or release has prepared. */
function nameOf(verb: string, text: string): string {
  return `strongroom_${verb}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}
