import type { Command } from 'commander'
import { placeOf } from 'strongroom/internal'
import { mysqlPlan } from '../backup/mysql.ts'
import { checkFree } from '../backup/output.ts'
import { type Plan, shellWords, tableIn, tablesOf, type Wish } from '../backup/plan.ts'
import { postgresPlan } from '../backup/postgres.ts'
import { runPlan, type Target } from '../backup/run.ts'
import { backupSqlite, sqliteCommands } from '../backup/sqlite.ts'
import { misuse } from '../failure.ts'
import { withExamples } from '../options.ts'
import { line, note } from '../output.ts'

interface Options {
  readonly store: string
  readonly output?: string
  readonly force?: true
  readonly django?: true
  readonly print?: true
}

export function backup(program: Command): void {
  const command = program
    .command('backup')
    .argument('[args...]', 'after --: for pg_dump, mariadb-dump or mysqldump')
    .summary('back up a database without its sessions')
    .description(
      'Dumps the database with pg_dump, mariadb-dump or mysqldump, or copies a SQLite file, without the rows of the session table; the table itself is in it. Restored, nobody is signed in, and everything else is there.',
    )
    .requiredOption('--store <url>', 'the database, as a store URL or a database URL')
    .option('-o, --output <file>', 'where it goes, readable by you alone (default: stdout)')
    .option('--force', 'replace a file that is there')
    .option('--django', "leave out the rows of Django's django_session, too")
    .option('--print', 'print the command, and run nothing')
    .action(run)
  withExamples(
    command,
    'strongroom backup --store postgres://app@db/shop -o shop.sql',
    'strongroom backup --store "$DATABASE_URL" -o shop.dump -- --format=custom',
    'strongroom backup --store sqlite:./app.db -o copy.db',
  )
}

async function run(passed: string[], options: Options): Promise<void> {
  const scheme = (/^([a-z][a-z0-9+.-]*):/i.exec(options.store)?.[1] ?? '').toLowerCase()
  const file = options.output === undefined || options.output === '-' ? null : options.output
  const target = { file, force: options.force === true }
  if (file !== null && !options.print) checkFree(file, target.force)
  const wish = { url: options.store, django: options.django === true, passed }
  if (scheme === 'sqlite') return copy(wish, target, options)
  const plan = PLANS.get(scheme)?.(wish)
  if (!plan) throw misuse(INSTEAD.get(scheme) ?? UNKNOWN)
  checkPassed(passed, { target, isMysql: !scheme.startsWith('postgres') })
  for (const remark of plan.remarks) note(remark)
  if (options.print) print(plan, file)
  else await runPlan(plan, target)
}

const PLANS = new Map<string, (wish: Wish) => Plan>([
  ['postgres', postgresPlan],
  ['postgresql', postgresPlan],
  ['mysql', mysqlPlan],
  ['mariadb', mysqlPlan],
])

const REDIS =
  'A dump of Redis cannot leave keys out. Keep sessions in a Redis of their own, and leave that one out of the backup: see docs/cli.md.'
const INSTEAD = new Map([
  ['redis', REDIS],
  ['rediss', REDIS],
  ['valkey', REDIS],
  ['valkeys', REDIS],
  ['memcached', 'memcached keeps sessions in memory alone: there is nothing to back up, and nothing to leave out.'],
  ['memory', 'memory: keeps sessions in the process alone: there is nothing to back up, and nothing to leave out.'],
  ['cookie', 'cookie: keeps sessions in the cookies of the visitors: there is nothing to back up here.'],
  ['file', 'file: keeps nothing but sessions in its directory: leave that out of the backup, as with tar --exclude.'],
  ['cached', 'cached: is made of two stores: give the URL of the durable one.'],
  ['moving', 'moving: is made of two stores: back up each of them by its own URL.'],
])
const UNKNOWN = 'There is no backup for this URL. Known: postgres:, mysql:, mariadb:, sqlite:.'

async function copy(wish: Wish, target: Target, options: Options): Promise<void> {
  if (wish.passed.length > 0) throw misuse('A SQLite database is copied by no program: nothing can be passed to one.')
  const from = placeOf(wish.url)
  if (from === null) throw misuse('A database in memory belongs to its process: there is nothing to back up.')
  const query = new URLSearchParams(wish.url.split('?').slice(1).join('?'))
  const tables = tablesOf(wish, tableIn('sqlite:', query))
  if (!options.print) return backupSqlite(from, tables, target)
  for (const command of sqliteCommands(from, tables, target.file ?? 'copy.db')) line(command)
}

/** Others see the words of a command; and two files would leave one of them empty. */
function checkPassed(passed: readonly string[], { target, isMysql }: { target: Target; isMysql: boolean }): void {
  for (const arg of passed) {
    if (/password\s*=\s*\S|:\/\/[^/\s]*:[^/\s]*@/i.test(arg) || (isMysql && /^-p./.test(arg)))
      throw misuse('A password among the words of a command is seen by others: put it into the URL of --store.')
    if (target.file !== null && /^(?:-[fr]|--file|--result-file)(?:=|$)/.test(arg))
      throw misuse('There are two files to write to: use -o, or the option of the program, not both.')
  }
}

function print({ commands, secrets }: Plan, file: string | null): void {
  const lines = commands.map(({ name, args }) => shellWords([name, ...args]))
  if (file === null) for (const text of lines) line(text)
  else
    for (const [i, text] of lines.entries()) line(`(umask 077; ${text} ${i === 0 ? '>' : '>>'} ${shellWords([file])})`)
  for (const name of Object.keys(secrets)) note(`the password is not shown: put it into the environment, as ${name}.`)
}
