import { StoreError } from 'strongroom'
import {
  PostgresUrlExecutor,
  postgresDriverUrl,
  postgresErrorCode,
  postgresFailure,
  postgresQuery,
  tableName,
} from 'strongroom/internal'
import { type ExpressStorage, quoted, recordOf, TIMEOUT } from './storage.ts'

/** connect-pg-simple: a row for each session, whose `expire` has no time zone and is compared as that package does. */
export function postgresStorage(given: string, table: string | undefined): ExpressStorage {
  const where = 'an express+postgres: store'
  const name = quoted('"', tableName(where, table, { standard: 'session' }))
  const url = postgresDriverUrl(given, where, ['table'])
  const executor = new PostgresUrlExecutor({ url, max: 10, timeout: TIMEOUT })

  async function ask(sql: string, values: readonly (string | number)[]) {
    try {
      return (await executor.execute(postgresQuery(sql, [...values]), TIMEOUT)).rows
    } catch (error) {
      const failed = postgresFailure(error)
      if (!['42P01', '42703'].includes(postgresErrorCode(error) ?? '')) throw failed
      throw new StoreError(
        'There is no such table of connect-pg-simple, with the columns sid, sess and expire: compare ?table= with its options schemaName and tableName.',
        { cause: failed.cause },
      )
    }
  }

  return {
    engine: 'express-session (connect-pg-simple)',
    nothingThere: 'The table has no live session: compare ?table= with the options schemaName and tableName.',
    async *ids({ page, signal }) {
      const sql = `SELECT sid FROM ${name} WHERE sid > $1 AND expire >= now() ORDER BY sid LIMIT ${page}`
      for (let last = ''; signal?.aborted !== true; ) {
        const ids = (await ask(sql, [last])).map(([sid]) => String(sid))
        if (ids.length === 0) return
        yield ids
        last = ids.at(-1) as string
      }
    },
    async read(sid) {
      const sql = `SELECT sess::text, extract(epoch FROM expire::timestamptz) * 1000 FROM ${name} WHERE sid = $1 AND expire >= now()`
      const [row] = await ask(sql, [sid])
      return row ? { record: recordOf(row[0]), endsAt: Math.floor(Number(row[1])) } : null
    },
    async delete(sid) {
      await ask(`DELETE FROM ${name} WHERE sid = $1`, [sid])
    },
    close: () => executor.close(),
  }
}
