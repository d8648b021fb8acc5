import { StoreError } from 'strongroom'
import { MysqlExecutor, type MysqlStatement, MysqlUrlSource, mysqlDriverUrl, tableName } from 'strongroom/internal'
import { type ExpressStorage, quoted, recordOf, TIMEOUT } from './storage.ts'

/** express-mysql-session: a row for each session, with its expiry in seconds. */
export function mysqlStorage(given: string, table: string | undefined): ExpressStorage {
  const where = 'an express+mysql: store'
  const name = quoted('`', tableName(where, table, { standard: 'sessions' }))
  const url = mysqlDriverUrl(given, { where, timeout: TIMEOUT, own: ['table'] })
  const executor = new MysqlExecutor(new MysqlUrlSource(url, { timeout: TIMEOUT }), TIMEOUT)
  const seconds = () => Math.round(Date.now() / 1000)

  return {
    engine: 'express-session (express-mysql-session)',
    nothingThere: 'The table has no live session: compare the database and ?table= with the options of MySQLStore.',
    async *ids({ page, signal }) {
      const sql = `SELECT session_id FROM ${name} WHERE session_id > ? AND expires >= ? ORDER BY session_id LIMIT ${page}`
      for (let last = ''; signal?.aborted !== true; ) {
        const rows = await explained(executor.rows(statement(sql), [last, seconds()]))
        if (rows.length === 0) return
        yield rows.map(({ session_id }) => String(session_id))
        last = String(rows.at(-1)?.session_id)
      }
    },
    async read(sid) {
      const sql = `SELECT data, expires FROM ${name} WHERE session_id = ? AND expires >= ?`
      const [row] = await explained(executor.rows(statement(sql), [sid, seconds()]))
      return row ? { record: recordOf(row.data), endsAt: Number(row.expires) * 1000 } : null
    },
    async delete(sid) {
      await explained(executor.change(statement(`DELETE FROM ${name} WHERE session_id = ?`), [sid]))
    },
    close: () => executor.close(),
  }
}

async function explained<T>(result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    const { cause } = error as { cause?: { errno?: unknown } }
    if (cause?.errno !== 1146 && cause?.errno !== 1054) throw error
    throw new StoreError(
      'There is no such table of express-mysql-session, with the columns session_id, expires and data: compare ?table= with its option schema.',
      { cause },
    )
  }
}

const statement = (sql: string): MysqlStatement => ({
  sql,
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: (_, next) => next(),
})
