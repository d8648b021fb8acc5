/** Changes whenever the table does, so that a later release knows what it finds. */
export const FORMAT = 1

/** Makes a table from nothing. Each statement does no harm when it has been run before. */
export function tableStatements(table: string): readonly string[] {
  const name = table.split('.').at(-1)
  return [
    // fillfactor: room for the next versions of rows beside them, so that an update touches no index (a heap-only update). With
    // 1.3 KB and every row changed once a second: 60 % of updates at 100, 91 % at 80, 95 % at 70; the table is smallest at 80.
    // vacuum_truncate: giving free pages back to the system would lock out the readers; the next sessions need them anyway.
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
    // What is sealed cannot be compressed; without this PostgreSQL would try at every write of more than 2 KB.
    `ALTER TABLE ${table} ALTER COLUMN payload SET STORAGE EXTERNAL`,
    `CREATE INDEX IF NOT EXISTS ${name}_purge ON ${table} (purge_at, place)`,
    `CREATE INDEX IF NOT EXISTS ${name}_owner ON ${table} (owner) WHERE owner IS NOT NULL`,
    `COMMENT ON TABLE ${table} IS 'strongroom format ${FORMAT}'`,
  ]
}

/** Answers one row: is the table there, its comment, what an acknowledged write is good for, and is this a replica. */
export function probeOf(table: string): string {
  return `SELECT to_regclass('${table}') IS NOT NULL, obj_description(to_regclass('${table}'), 'pg_class'),
    current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()`
}

/** The format in a table's comment; null when there is none. */
export function formatOf(comment: unknown): number | null {
  const found = typeof comment === 'string' ? /\bstrongroom format (\d+)/.exec(comment) : null
  return found ? Number(found[1]) : null
}
