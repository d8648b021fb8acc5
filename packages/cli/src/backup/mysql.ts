import { spawnSync } from 'node:child_process'
import { mysqlDriverOptions, mysqlUrlOptions } from 'strongroom/internal'
import { misuse } from '../failure.ts'
import { locate } from '../locate.ts'
import { notPassed, parseDatabaseUrl } from './database-url.ts'
import { type Command, type Plan, type Request, tableIn, tablesOf } from './plan.ts'

/** Options that need no remark: those of our own engine, and those of the driver that are passed on in another form. */
const OURS = new Set<string>([...mysqlUrlOptions, 'socketPath', 'password'])
const PACKAGE = 'mariadb-client'

/**
 * mariadb-dump, or mysqldump, without the rows of the session table. MySQL's own program can leave out tables but not only
 * their rows: there, one dump leaves out the table, and a second one has the table without its rows.
 */
export function mysqlPlan(request: Request): Plan {
  const { user, password, hosts, database, query } = parseDatabaseUrl(request.url)
  if (database === '') throw misuse('The URL names no database: write mysql://user@host/database.')
  const name = locate('mariadb-dump') === null && locate('mysqldump') !== null ? 'mysqldump' : 'mariadb-dump'
  const program = locate(name)
  const tables = tablesOf(request, tableIn('mysql:', query))
  const full = (table: string) => (table.includes('.') ? table : `${database}.${table}`)
  const login = [...server(hosts, query.get('socketPath')), ...(user === '' ? [] : [`--user=${user}`])]
  const command = (...args: string[]): Command => ({ name, program, package: PACKAGE, args: [...login, ...args] })
  const options = ['--single-transaction', '--hex-blob']
  const several = request.passed.some((arg) => /^(?:--(?:all-)?databases|-[AB])$/.test(arg))
  const what = [...(several ? [] : [database]), ...request.passed]
  const canLeaveOut = leavesOutRows(program)
  if (!canLeaveOut && (several || tables.some((table) => table.includes('.'))))
    throw misuse(`This ${name} can leave rows out of only one database: the one that the URL names.`)
  const secret = password || query.get('password')
  return {
    commands: canLeaveOut
      ? [command(...tables.map((table) => `--ignore-table-data=${full(table)}`), ...options, ...what)]
      : [
          command(...tables.map((table) => `--ignore-table=${full(table)}`), ...options, ...what),
          command('--no-data', ...options, database, ...tables, ...request.passed),
        ],
    secrets: secret ? { MYSQL_PWD: secret } : {},
    remarks: [...query.keys()]
      .filter((option) => !OURS.has(option))
      .map((option) => notPassed(option, mysqlDriverOptions, name)),
  }
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
