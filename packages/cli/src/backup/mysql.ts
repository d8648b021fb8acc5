import { spawnSync } from 'node:child_process'
import { mysqlDriverOptions, mysqlUrlOptions } from 'strongroom/internal'
import { misuse } from '../failure.ts'
import { locate } from '../locate.ts'
import { notPassed, parseDatabaseUrl } from './database-url.ts'
import { type Command, type Plan, type Planner, tableIn, tablesOf } from './plan.ts'

/** Options that need no remark: those of our own engine, and those of the driver that are passed on in another form. */
const OURS = new Set<string>([...mysqlUrlOptions, 'socketPath', 'password'])
const PACKAGE = 'mariadb-client'

/** Arguments that the client needs to connect as the dump does. */
const CONNECTS = /^--(?:(?:skip-)?ssl|tls|plugin-dir|default-auth|protocol|host|port|socket|user)/
/** Columns of the tables with a column `cache_key`. */
const CATALOG = `SELECT ${['c.table_schema', 'c.table_name', 'c.column_name', 'c.data_type']
  .map((name) => `HEX(CONVERT(${name} USING utf8mb4))`)
  .join(', ')}, c.column_key = 'PRI'
  FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
  WHERE t.table_type = 'BASE TABLE' AND c.table_schema = DATABASE() AND c.table_name IN (SELECT k.table_name
    FROM information_schema.columns k WHERE k.table_schema = DATABASE() AND k.column_name = 'cache_key')`

/**
 * mariadb-dump, or mysqldump, without the rows of the session table. MySQL's own program can leave out tables but not only
 * their rows: there, one dump leaves out the table, and a second one has the table without its rows.
 */
export const mysqlPlanner: Planner = {
  plan(request, caches) {
    const { database, query, login, secrets } = connection(request.url)
    const name = oneOf('mariadb-dump', 'mysqldump')
    const program = locate(name)
    const named = [...tablesOf(request, tableIn('mysql:', query)), ...request.without]
    const found = caches.found.map((table) => table.name)
    const full = [
      ...named.map((table) => (table.includes('.') ? table : `${database}.${table}`)),
      ...found.map((table) => `${database}.${table}`),
    ]
    const command = (...args: string[]): Command => ({ name, program, package: PACKAGE, args: [...login, ...args] })
    const options = ['--single-transaction', '--hex-blob']
    const several = request.passed.some((arg) => /^(?:--(?:all-)?databases|-[AB])$/.test(arg))
    const what = [...(several ? [] : [database]), ...request.passed]
    const canLeaveOut = leavesOutRows(program)
    if (!canLeaveOut && (several || named.some((table) => table.includes('.'))))
      throw misuse(`This ${name} can leave rows out of only one database: the one that the URL names.`)
    // It would take the name for an option.
    if (!canLeaveOut && found.some((table) => table.startsWith('-')))
      throw misuse(`This ${name} cannot leave out the rows of a table whose name begins with a dash.`)
    return {
      commands: canLeaveOut
        ? [command(...full.map((table) => `--ignore-table-data=${table}`), ...options, ...what)]
        : [
            command(...full.map((table) => `--ignore-table=${table}`), ...options, ...what),
            command('--no-data', ...options, database, ...named, ...found, ...request.passed),
          ],
      secrets,
      remarks: [...query.keys()]
        .filter((option) => !OURS.has(option))
        .map((option) => notPassed(option, mysqlDriverOptions, name)),
    }
  },

  catalog(request) {
    const { database, login, secrets } = connection(request.url)
    const name = oneOf('mariadb', 'mysql')
    const passed = request.passed.filter((arg) => CONNECTS.test(arg))
    const args = [...login, ...passed, '--batch', '--skip-column-names', `--execute=${CATALOG}`, database]
    return { command: { name, program: locate(name), package: PACKAGE, args }, secrets }
  },
}

const oneOf = (name: string, other: string) => (locate(name) === null && locate(other) !== null ? other : name)

function connection(url: string) {
  const { user, password, hosts, database, query } = parseDatabaseUrl(url)
  if (database === '') throw misuse('The URL names no database: write mysql://user@host/database.')
  const login = [...server(hosts, query.get('socketPath')), ...(user === '' ? [] : [`--user=${user}`])]
  const secret = password || query.get('password')
  const secrets: Plan['secrets'] = secret ? { MYSQL_PWD: secret } : {}
  return { database, query, login, secrets }
}

function server(hosts: string, socket: string | null): string[] {
  if (socket !== null) return [`--socket=${socket}`]
  if (hosts === '') return []
  const [, host = '', port] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(hosts) ?? []
  // These programs use a socket for "localhost". The application does not.
  return ['--protocol=tcp', `--host=${host}`, ...(port === undefined ? [] : [`--port=${port}`])]
}

function leavesOutRows(program: string | null): boolean {
  if (program === null) return true
  const { stdout } = spawnSync(program, ['--no-defaults', '--help'], { encoding: 'utf8', timeout: 10_000 })
  return stdout?.includes('--ignore-table-data') ?? false
}
