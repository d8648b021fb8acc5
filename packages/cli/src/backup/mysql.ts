import { spawnSync } from 'node:child_process'
import { misuse } from '../failure.ts'
import { locate } from '../locate.ts'
import { addressOf } from './address.ts'
import { type Command, type Plan, tableIn, tablesOf, type Wish } from './plan.ts'

/** Options of our own engine. */
const OURS = new Set(['table', 'timeout', 'createTable', 'max', 'socketPath', 'password'])
const PACKAGE = 'mariadb-client'

/**
 * mariadb-dump, or mysqldump, without the rows of the session table. MySQL's cannot leave out rows alone: there, one dump
 * leaves out the table, and another has the table without its rows.
 */
export function mysqlPlan(wish: Wish): Plan {
  const { user, password, hosts, database, query } = addressOf(wish.url)
  if (database === '') throw misuse('The URL names no database: mysql://user@host/database.')
  const name = locate('mariadb-dump') === null && locate('mysqldump') !== null ? 'mysqldump' : 'mariadb-dump'
  const program = locate(name)
  const tables = tablesOf(wish, tableIn('mysql:', query))
  const full = (table: string) => (table.includes('.') ? table : `${database}.${table}`)
  const login = [...place(hosts, query.get('socketPath')), ...(user === '' ? [] : [`--user=${user}`])]
  const make = (...args: string[]): Command => ({ name, program, package: PACKAGE, args: [...login, ...args] })
  const options = ['--single-transaction', '--hex-blob']
  const several = wish.passed.some((arg) => /^(?:--(?:all-)?databases|-[AB])$/.test(arg))
  const what = [...(several ? [] : [database]), ...wish.passed]
  const canLeaveOut = leavesOutRows(program)
  if (!canLeaveOut && (several || tables.some((table) => table.includes('.'))))
    throw misuse(`This ${name} leaves rows out of one database at a time: name that one in the URL.`)
  const secret = password || query.get('password')
  return {
    commands: canLeaveOut
      ? [make(...tables.map((table) => `--ignore-table-data=${full(table)}`), ...options, ...what)]
      : [
          make(...tables.map((table) => `--ignore-table=${full(table)}`), ...options, ...what),
          make('--no-data', ...options, database, ...tables, ...wish.passed),
        ],
    secrets: secret ? { MYSQL_PWD: secret } : {},
    remarks: [...query.keys()]
      .filter((option) => !OURS.has(option))
      .map((option) => `the option "${option}" of the URL is for the driver, and was not passed to ${name}.`),
  }
}

function place(hosts: string, socket: string | null): string[] {
  if (socket !== null) return [`--socket=${socket}`]
  if (hosts === '') return []
  const [, host = '', port] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(hosts) ?? []
  // These programs take "localhost" for a socket, which is not where the application goes.
  return ['--protocol=tcp', `--host=${host}`, ...(port === undefined ? [] : [`--port=${port}`])]
}

function leavesOutRows(program: string | null): boolean {
  if (program === null) return true
  const { stdout } = spawnSync(program, ['--no-defaults', '--help'], { encoding: 'utf8', timeout: 10_000 })
  return stdout?.includes('--ignore-table-data') ?? false
}
