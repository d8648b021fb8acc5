import { spawnSync } from 'node:child_process'
import { mysqlDriverOptions, mysqlUrlOptions } from 'strongroom/internal'
import { misuse } from '../failure.ts'
import { locate } from '../locate.ts'
import { shown, type TableName } from './cache-tables.ts'
import type { LeftOut } from './catalog.ts'
import { notPassed, parseDatabaseUrl } from './database-url.ts'
import { argumentsIn, findOption, mysqlGrammar } from './passed.ts'
import { type Command, type Plan, type Planner, tableIn, tablesOf } from './plan.ts'

/** Options that need no remark: those of our own engine, and those of the driver that are passed on in another form. */
const OURS = new Set<string>([...mysqlUrlOptions, 'socketPath', 'password'])
const PACKAGE = 'mariadb-client'

/** Options that the client needs to connect as the dump does. */
const CONNECTS =
  /^(?:(?:skip-|disable-)?ssl|tls|plugin-dir|plugin-authentication|default-auth|server-public-key|get-server-public-key|cleartext-plugin)/
/** In hexadecimal digits, because a name may hold anything. */
const hex = (...names: string[]) => names.map((name) => `HEX(CONVERT(${name} USING utf8mb4))`).join(', ')
/** Tables that have rows. */
const TABLES = `information_schema.tables t WHERE t.table_type NOT IN ('VIEW', 'SYSTEM VIEW', 'SEQUENCE')`
/** Columns of the tables with a column `cache_key`. */
const COLUMNS = `SELECT 'c', ${hex('c.table_schema', 'c.table_name', 'c.column_name', 'c.data_type')}, c.column_key = 'PRI'
  FROM information_schema.columns c WHERE c.table_schema = DATABASE()
  AND c.table_name IN (SELECT t.table_name FROM ${TABLES} AND t.table_schema = DATABASE())
  AND c.table_name IN (SELECT k.table_name
    FROM information_schema.columns k WHERE k.table_schema = DATABASE() AND k.column_name = 'cache_key')`

/**
 * mariadb-dump, or mysqldump, without the rows of the session table. MySQL's own program can leave out tables but not only
 * their rows: there, one dump leaves out the table, and a second one has the table without its rows.
 */
export const mysqlPlanner: Planner = {
  grammar: mysqlGrammar,

  plan(request, leftOut) {
    const { database, query, login, secrets } = connection(request.url)
    const name = oneOf('mariadb-dump', 'mysqldump')
    const program = locate(name)
    const tables = tablesIn(database, this.names(request), leftOut)
    const full = tables.map(shown)
    const command = (...args: string[]): Command => ({ name, program, package: PACKAGE, args: [...login, ...args] })
    const options = ['--single-transaction', '--hex-blob']
    const several = findOption(request.passed, mysqlGrammar, SEVERAL)
    if (several && request.django)
      throw misuse(
        `--${several.name} cannot be passed on with --django, which looks for cache tables only in the database of the URL. Dump one database at a time, or name the tables: --without DATABASE.TABLE.`,
      )
    const what = [...(several ? [] : [database]), ...request.passed]
    const canLeaveOut = leavesOutRows(program)
    const ignored = full.map((table) => `--ignore-table${canLeaveOut ? '-data' : ''}=${table}`)
    if (!canLeaveOut) checkTwoDumps(name, request.passed, { database, tables })
    const { rest, chosen } = split(request.passed)
    // The programs dump tables that are named with all their rows, even if those are to be ignored.
    if (chosen.some((word) => tables.some((table) => isSame(table.name, word))))
      throw misuse(`${name} cannot leave the rows out of a table that is named after --. Name only other tables there.`)
    // If tables are named, only those are dumped: their restore must not empty the session table.
    const needsSecond = !canLeaveOut && chosen.length === 0
    return {
      commands: [
        command(...ignored, ...options, ...what),
        ...(needsSecond
          ? [command('--no-data', ...options, ...rest, database, ...tables.map((table) => table.name))]
          : []),
      ],
      secrets,
      remarks: [...query.keys()]
        .filter((option) => !OURS.has(option))
        .map((option) => notPassed(option, mysqlDriverOptions, name)),
    }
  },

  names(request) {
    const { query } = connection(request.url)
    return [...tablesOf(request, tableIn('mysql:', query)), ...request.without]
  },

  /** The programs compare names without regard to case. */
  isNamed(request) {
    const { database } = connection(request.url)
    return (name, table) => [name, `${database}.${name}`].some((each) => isSame(each, shown(table)))
  },

  catalog(request) {
    if (!request.django && request.without.length === 0) return null
    const { database, login, secrets } = connection(request.url)
    const name = oneOf('mariadb', 'mysql')
    const passed = argumentsIn(request.passed, mysqlGrammar)
      .filter(({ options }) => options.some(({ names }) => names.some((each) => CONNECTS.test(each))))
      .flatMap(({ words }) => words)
    const schemas = [database, ...this.names(request).flatMap((each) => each.match(/^[^.]+(?=\.)/) ?? [])]
    const digits = schemas.map((schema) => `'${Buffer.from(schema).toString('hex').toUpperCase()}'`).join(', ')
    const tables = `SELECT 't', ${hex('t.table_schema', 't.table_name')} FROM ${TABLES} AND
      (t.table_schema = DATABASE() OR ${hex('t.table_schema')} IN (${digits}))`
    const queries = [tables, ...(request.django ? [COLUMNS] : [])].join('; ')
    const args = [...login, ...passed, '--batch', '--skip-column-names', `--execute=${queries}`, database]
    return { command: { name, program: locate(name), package: PACKAGE, args }, secrets }
  },
}

const SEVERAL = ['databases', 'all-databases']

/** The options, and the names of tables beside them. */
function split(passed: readonly string[]) {
  const found = argumentsIn(passed, mysqlGrammar)
  return {
    rest: found.filter(({ options }) => options.length > 0).flatMap(({ words }) => words),
    chosen: found.filter(({ options }) => options.length === 0).flatMap(({ words }) => words),
  }
}

/** Throws a `Failure` for what a program cannot do that leaves out whole tables. */
function checkTwoDumps(
  program: string,
  passed: readonly string[],
  { database, tables }: { readonly database: string; readonly tables: readonly TableName[] },
): void {
  if (findOption(passed, mysqlGrammar, SEVERAL) || tables.some(({ schema }) => schema !== database))
    throw misuse(`This ${program} can leave rows out of only one database: the one that the URL names.`)
  // It would take the name for an option.
  if (tables.some((table) => table.name.startsWith('-')))
    throw misuse(`This ${program} cannot leave out the rows of a table whose name begins with a dash.`)
  // The second dump would repeat the tables, without their rows, or replace the file of the first one.
  const twice = findOption(passed, mysqlGrammar, ['tables', ...mysqlGrammar.output])
  if (twice)
    throw misuse(
      `This ${program} makes two dumps, so --${twice.name} cannot be passed on: name tables without an option, and the file with -o.`,
    )
}

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

/** By their names, and those that only the catalog knows. */
function tablesIn(database: string, names: readonly string[], { named, caches }: LeftOut): TableName[] {
  const tables = names.map((table) => {
    const [, schema, name] = /^([^.]+)\.(.+)$/s.exec(table) ?? []
    return schema === undefined || name === undefined ? { schema: database, name: table } : { schema, name }
  })
  const isNew = (table: TableName) => !tables.some((each) => isSame(shown(each), shown(table)))
  return [...tables, ...[...named, ...caches.found].filter(isNew)]
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
