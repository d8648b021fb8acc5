import { filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import { programPath, runAside, runOnce } from '../servers/daemon.ts'
import { startMariadb } from '../servers/mariadb.ts'
import type { Rows } from '../site.ts'
import { type Columns, columnsRow, rowColumns } from './columns.ts'
import { driver } from './driver.ts'
import { serverOf } from './server.ts'

/** The part of mysql2/promise that is used. */
interface Mysql {
  createConnection(options: object): Promise<{
    query(text: string, values?: readonly unknown[]): Promise<readonly unknown[]>
    end(): Promise<unknown>
  }>
}

export async function mysqlBackend(): Promise<Backend> {
  loadDriver()
  const server = await startMariadb({ 'innodb-log-file-size': '16M' })
  return {
    settings: { store: server.url },
    storage: {
      server: serverOf(server),
      files: async () => filesIn(`${server.dir}/data`),
      backup: () => dump(server.port),
      rows: mysqlRows(server.url),
      cache: null,
    },
    version: `MariaDB ${/Ver ([\d.]+)/.exec(runOnce(programPath('mariadbd'), ['--no-defaults', '--version']))?.[1]}`,
    stop: () => server.stop(),
  }
}

const loadDriver = () => driver<Mysql>('mysql2/promise').module

/** mariadb-dump as its documentation tells for InnoDB. */
async function dump(port: number) {
  const folder = newFolder('backup')
  try {
    await runAside(programPath('mariadb-dump'), [
      '--no-defaults',
      ...['--host=127.0.0.1', `--port=${port}`, '--user=root', '--single-transaction'],
      ...[`--result-file=${folder}/backup.sql`, 'test'],
    ])
    return filesIn(folder)
  } finally {
    removeFolder(folder)
  }
}

/** The default of the engines. */
const TABLE = 'strongroom_sessions'

/** What the server gives to each row by itself. */
const GENERATED = 'seq'

function mysqlRows(url: string): Rows {
  return {
    list: () =>
      withConnection(url, async (query) => {
        const [rows] = (await query(`SELECT * FROM ${TABLE}`)) as [Columns[]]
        return rows.map(({ [GENERATED]: _, ...columns }) => columnsRow(columns, 'id', 'payload'))
      }),
    put: (row) =>
      withConnection(url, async (query) => {
        const columns = rowColumns(row, 'id', 'payload')
        const names = Object.keys(columns)
        const marks = names.map(() => '?').join(', ')
        await query(`REPLACE INTO ${TABLE} (${names.join(', ')}) VALUES (${marks})`, Object.values(columns))
      }),
    delete: (key) =>
      withConnection(
        url,
        async (query) => void (await query(`DELETE FROM ${TABLE} WHERE id = ?`, [Buffer.from(key, 'hex')])),
      ),
  }
}

type Query = Awaited<ReturnType<Mysql['createConnection']>>['query']

async function withConnection<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const connection = await loadDriver().createConnection({ uri: url, supportBigNumbers: true, bigNumberStrings: true })
  try {
    return await work((text, values) => connection.query(text, values))
  } finally {
    await connection.end()
  }
}
