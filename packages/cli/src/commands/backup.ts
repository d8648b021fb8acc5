import { statSync } from 'node:fs'
import type { Command } from 'commander'
import { localStoresIn } from 'strongroom/internal'
import { catalogIn, checkFound, type LeftOut, leftOut, NOT_ASKED, remarksAbout } from '../backup/catalog.ts'
import { checkFree } from '../backup/draft.ts'
import { mysqlPlanner } from '../backup/mysql.ts'
import { checkTarget } from '../backup/own-source.ts'
import { checkPassed, findOption } from '../backup/passed.ts'
import { checkNames, type Plan, type Planner, type Request, tablesOf } from '../backup/plan.ts'
import { postgresPlanner } from '../backup/postgres.ts'
import { outputOf, runPlan, type Target } from '../backup/run.ts'
import { shellWords } from '../backup/shell.ts'
import { backupSqlite, sqliteCommands } from '../backup/sqlite.ts'
import { loadNamedEnv } from '../environment.ts'
import { misuse } from '../failure.ts'
import { number } from '../format.ts'
import { withExamples } from '../options.ts'
import { line, note, oneLine } from '../output.ts'
import { checkPath } from '../paths.ts'
import { resolveUrl } from '../store-url.ts'

interface Options {
  readonly store?: string
  readonly env?: string
  readonly output?: string
  readonly force?: true
  readonly django?: true
  readonly without: readonly string[]
  readonly print?: true
}

export function backup(program: Command): void {
  const command = program
    .command('backup')
    .argument('[args...]', 'after --: for pg_dump, mariadb-dump or mysqldump')
    .summary('back up a database without its sessions')
    .description(
      'Dumps the database with pg_dump, mariadb-dump or mysqldump, or copies a SQLite file, without the rows of the session table. The table itself is in the backup. After a restore nobody is signed in, and everything else is there.',
    )
    .option('--store <url>', 'the database, as a store URL or a database URL (default: STRONGROOM_STORE)')
    .option('--env <file>', 'environment file to load first (default: .env in this folder)')
    .option('-o, --output <file>', 'the file to write, readable only by you (default: stdout)')
    .option('--force', 'replace an existing file')
    .option('--django', "leave out the rows of Django's django_session and of its cache tables, too")
    .option('--without <table>', 'leave out the rows of this table, too (may be repeated)', collect, [])
    .option('--print', 'print the command, and run nothing')
    .action(run)
  withExamples(
    command,
    'strongroom backup --store postgres://app@db/shop -o shop.sql',
    'strongroom backup --store env:DATABASE_URL -o shop.dump -- --format=custom',
    'strongroom backup --store sqlite:./app.db -o copy.db',
  )
}

const collect = (table: string, before: readonly string[]) => [...before, table]

async function run(passed: string[], options: Options): Promise<void> {
  const file = options.output === undefined || options.output === '-' ? null : options.output
  const target = { file, force: options.force === true }
  if (file !== null && !options.print) checkFree(file, target.force)
  loadNamedEnv(options.env)
  const given = options.store ?? 'env:STRONGROOM_STORE'
  const url = await resolveUrl({ option: '--store', given, env: options.env })
  const request = { url, django: options.django === true, without: checkNames(options.without), passed }
  const isDone = await backUp(request, target, options)
  if (isDone && file !== null) note(`wrote ${file}, ${number(statSync(file).size)} bytes.`)
}

/** Resolves to false when the commands were only printed. */
async function backUp(request: Request, target: Target, options: Options): Promise<boolean> {
  const scheme = (/^([a-z][a-z0-9+.-]*):/i.exec(request.url)?.[1] ?? '').toLowerCase()
  if (scheme === 'sqlite') return copy(request, target, options)
  const planner = PLANNERS.get(scheme)
  if (!planner) throw misuse(INSTEAD.get(scheme) ?? UNKNOWN)
  checkPassed(request.passed, planner.grammar, target.file !== null)
  // For what can be wrong about a request without asking the database.
  planner.plan(request, NOT_ASKED)
  const found = options.print ? NOT_ASKED : await lookUp(planner, request)
  const plan = planner.plan(request, found)
  for (const remark of [...plan.remarks, ...remarksAbout(found)]) note(oneLine(remark))
  if (options.print) for (const remark of notLookedUp(planner, request)) note(remark)
  if (options.print) print(plan, target.file)
  else await runPlan(plan, target, findOption(request.passed, planner.grammar, planner.grammar.output) !== undefined)
  return !options.print
}

const NO_LOOK_FOR_CACHES =
  "with --print, the database is not asked which tables are of Django's DatabaseCache: name them with --without."
const NO_LOOK =
  'with --print, the database is not asked which tables exist, and which are partitions or children of these: name them with --without.'

const notLookedUp = (planner: Planner, request: Request) => [
  ...(planner === postgresPlanner ? [NO_LOOK] : []),
  ...(request.django ? [NO_LOOK_FOR_CACHES] : []),
]

/** Asks the database which tables are left out. If that is not known, there is no backup. */
async function lookUp(planner: Planner, request: Request): Promise<LeftOut> {
  const catalog = planner.catalog(request)
  if (!catalog) return NOT_ASKED
  const found = catalogIn(await outputOf(catalog.command, catalog.secrets))
  const result = leftOut(found, { names: planner.names(request), isNamed: planner.isNamed(request) })
  checkFound(request.without, result.missing)
  return result
}

const PLANNERS = new Map<string, Planner>([
  ['postgres', postgresPlanner],
  ['postgresql', postgresPlanner],
  ['mysql', mysqlPlanner],
  ['mariadb', mysqlPlanner],
])

const REDIS =
  'A dump of Redis cannot leave out keys. Give sessions a Redis of their own, and leave its files out of the backup.'
const INSTEAD = new Map([
  ['redis', REDIS],
  ['rediss', REDIS],
  ['valkey', REDIS],
  ['valkeys', REDIS],
  ['memcached', 'memcached stores sessions only in memory: there is nothing to back up, and nothing to leave out.'],
  ['memory', 'memory: stores sessions only in the process: there is nothing to back up, and nothing to leave out.'],
  ['cookie', "cookie: stores sessions in the visitors' cookies: there is nothing to back up here."],
  ['file', 'file: has only sessions in its directory: leave it out of the backup, as with tar --exclude.'],
  ['cached', 'cached: consists of two stores: give the URL of the durable one.'],
  ['moving', 'moving: consists of two stores: back up each of them by its own URL.'],
])
const UNKNOWN = 'A backup of this URL is not possible. Known: postgres:, mysql:, mariadb:, sqlite:.'

async function copy(request: Request, target: Target, { print }: Options): Promise<boolean> {
  if (request.passed.length > 0)
    throw misuse('A SQLite database is copied without another program, so no arguments can be passed to one.')
  const [database] = localStoresIn(request.url)
  if (database?.engine !== 'sqlite')
    throw misuse('A database in memory belongs to its process: there is nothing to back up.')
  const from = database.path
  const tables = [...tablesOf(request, database.table), ...request.without]
  checkPath(from)
  checkTarget(from, target.file)
  if (print) {
    for (const command of sqliteCommands(from, tables, target.file ?? 'copy.db')) line(command)
    if (request.django) note(NO_LOOK_FOR_CACHES)
  } else await backupSqlite({ from, tables, required: request.without, hasCaches: request.django }, target)
  return !print
}

function print({ commands, secrets }: Plan, file: string | null): void {
  const lines = commands.map(({ name, args }) => shellWords([name, ...args]))
  if (file === null) for (const text of lines) line(text)
  else
    for (const [i, text] of lines.entries()) line(`(umask 077; ${text} ${i === 0 ? '>' : '>>'} ${shellWords([file])})`)
  for (const name of Object.keys(secrets)) note(`the password is not shown: set it in the environment, as ${name}.`)
}
