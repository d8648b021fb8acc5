import { isDjangoUrl } from '@strongroom/django/internal'
import type { Command } from 'commander'
import type { ScannableStore, Store } from 'strongroom'
import { isSession, storeFromUrl } from 'strongroom/internal'
import { type MoveReport, move as moveAll } from 'strongroom/moving'
import { checkShared } from '../config.ts'
import { loadNamedEnv } from '../environment.ts'
import { isExpressUrl } from '../express/url.ts'
import { EXIT, Failure, misuse } from '../failure.ts'
import { NO_USE } from '../failures.ts'
import { duration, number, sessionCount } from '../format.ts'
import { checkLocalStores, targetStore } from '../local-store.ts'
import { needs, wholeNumber, withExamples } from '../options.ts'
import { isInteractive, isTerminal, json, line } from '../output.ts'
import { barFor, type Display, lines, silent } from '../progress.ts'
import { confirm } from '../prompts.ts'
import { stopOnSignal } from '../signals.ts'
import { resolveUrl, withPassword } from '../store-url.ts'
import type { DjangoOptions } from './move-django.ts'
import { isSourceName, moveExpress, moveFromConfig } from './move-express.ts'

interface Options {
  readonly from: string
  readonly to: string
  readonly page?: number
  readonly dryRun?: true
  readonly yes?: true
  readonly json?: true
}

export function move(program: Command): void {
  const command = program
    .command('move')
    .summary('move live sessions from one store to another')
    .description(
      'Moves live sessions from one store to another during live traffic. Records are moved as they are, so it needs no secrets. Before you run it, every node of the application must use both stores: moving({ from, to }), see docs/moving.md. Each session is read back and compared before the original is deleted. If it is stopped or killed, run it again to continue. Moving from Django (django+postgres:, django+sqlite:, django+redis-cache: and others), see docs/django.md, needs the secrets of both: from the config or STRONGROOM_SECRETS, and from DJANGO_SECRET_KEY. Moving from express-session (express+redis:, express+postgres:, express+mysql:, express+file:, or source:express-session for the store in the config), see docs/adopt.md, needs those of the application alone.',
    )
    .option('--from <url>', 'the store to move from; env:NAME, @FILE or - for a URL with a password')
    .option('--to <url>', 'the store to move to; from another framework, the default is the store of the config')
    .option('--page <n>', 'sessions to read in one step (default: 500)', wholeNumber)
    .option('--dry-run', 'count what would be moved, and change nothing')
    .option('--delete', 'from another framework: delete each of its sessions once it has been moved')
    .option('--users <url>', "from Django: the database with Django's users, if it is not the one with the sessions")
    .option(
      '--config <file>',
      'from another framework: module that exports the sessions (default: strongroom.config.* in this folder)',
    )
    .option('--env <file>', 'environment file to load first (default: .env in this folder, or beside the config)')
    .option(
      '--namespace <name>',
      "from another framework, with --to: the application's option namespace, or the name of its cookie (default: __Host-id); needed with --delete",
    )
    .option('-y, --yes', 'do not ask')
    .option('--json', 'one JSON value on stdout, for programs')
    .hook('preAction', needs('--from <url>'))
    .action(start)
  withExamples(
    command,
    'strongroom move --from file:./sessions --to sqlite:./sessions.db',
    'strongroom move --from django+postgres://localhost/shop --delete',
    'strongroom move --from express+redis://localhost:6379',
  )
}

async function start(options: Options & DjangoOptions): Promise<void> {
  const given = { ...options, ...(await resolveUrls(options)) }
  // Imported only when needed, because no other command needs the Django package.
  if (isDjangoUrl(given.from)) return (await import('./move-django.ts')).moveDjango(given)
  if (given.users !== undefined) throw misuse('--users is for moving from Django: --from django+postgres://…')
  if (/^\s*iron-session\b/i.test(given.from))
    throw misuse(
      'The sessions of iron-session are in the cookies of its visitors, so nobody can list them. With adoptFrom: ironSession(…), each is adopted when its visitor comes.',
    )
  if (isExpressUrl(given.from)) return moveExpress(given)
  if (isSourceName(given.from)) return moveFromConfig(given)
  for (const name of ['delete', 'config', 'namespace'] as const)
    if (given[name] !== undefined)
      throw misuse(
        `--${name} is for moving from Django or express-session: --from django+postgres://…, express+postgres://…, or source:NAME`,
      )
  if (given.to === undefined) throw misuse("required option '--to <url>' not specified")
  await moveStores(given)
}

/** One after the other, because each may ask, or take a line of standard input. */
async function resolveUrls(options: DjangoOptions): Promise<Pick<DjangoOptions, 'from' | 'to' | 'users'>> {
  const { from, to, users, env } = options
  loadNamedEnv(env)
  const resolve = async (option: string, given: string) => withPassword(await resolveUrl({ option, given, env }))
  return {
    from: await resolve('--from', from),
    ...(to !== undefined && { to: await resolve('--to', to) }),
    ...(users !== undefined && { users: await resolve('--users', users) }),
  }
}

async function moveStores(options: Options): Promise<void> {
  const stores = open(options)
  try {
    if (!options.dryRun && !options.yes && isInteractive())
      await confirm('Does every running node use both stores, as moving({ from, to }) in phase "move"?')
    await run(stores, options)
  } finally {
    await Promise.all([stores.from.close(), stores.to.close()])
  }
}

interface Stores {
  readonly from: ScannableStore
  readonly to: Store
}

function open({ from, to, dryRun }: Options): Stores {
  if (from === to) throw misuse('--from and --to are the same store.')
  checkLocalStores(from)
  const stores = { from: storeFromUrl(from) as ScannableStore, to: targetStore(to, { dryRun: dryRun === true }) }
  for (const { traits } of Object.values(stores)) checkShared(traits)
  return stores
}

async function run({ from, to }: Stores, options: Options): Promise<void> {
  const { page, dryRun } = options
  const signal = stopOnSignal()
  const display = await displayFor(from, options, signal)
  const startedAt = performance.now()
  let report: MoveReport
  try {
    report = await moveAll({ from, to, page, dryRun, signal, onProgress: display.progress })
  } finally {
    display.end()
  }
  const milliseconds = Math.round(performance.now() - startedAt)
  const engines = { from: from.traits.engine, to: to.traits.engine }
  if (options.json) json({ ...engines, dryRun: dryRun === true, ...report, milliseconds })
  else for (const text of sentences(report, { ...engines, dryRun: dryRun === true, milliseconds })) line(text)
  if (!report.complete) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to continue.')
  const stays = report.failed + report.tooLarge
  if (!dryRun && (report.remaining || stays > 0)) throw new Failure(EXIT.failed, reasonFor(report))
}

async function displayFor(from: ScannableStore, options: Options, signal: AbortSignal): Promise<Display> {
  if (options.json) return silent
  if (options.dryRun || !isTerminal()) return lines(options.dryRun ? 'Found' : 'Moved')
  line('Counting the sessions to move …')
  let total = 0
  for await (const page of from.scan?.({ signal }) ?? []) total += page.filter(isSession).length
  return total === 0 || signal.aborted ? silent : barFor(total)
}

interface Facts {
  readonly from: string
  readonly to: string
  readonly dryRun: boolean
  readonly milliseconds: number
}

function* sentences(report: MoveReport, { from, to, dryRun, milliseconds }: Facts): Generator<string> {
  const { moved, existing, gone, changed, remaining, present, complete } = report
  if (dryRun) yield `${sessionCount(moved)} would be moved from ${from} to ${to}. Nothing was changed.`
  else
    yield `Moved ${sessionCount(moved)} from ${from} to ${to}${duration(moved, milliseconds)}${complete ? '.' : ' so far.'}`
  if (existing > 0) yield `Already in ${to}: ${sessionCount(existing)}.`
  if (gone > 0) yield `Ended or expired before they were moved: ${sessionCount(gone)}.`
  if (moved > 0 && !dryRun)
    yield `Compared byte by byte, and identical: ${sessionCount(moved - changed)}${usedSince(changed)}.`
  if (remaining !== null)
    yield `Live now in ${from}: ${number(remaining)}${present === null ? '' : `; in ${to}: ${number(present)}`}.`
}

const usedSince = (count: number) => (count > 0 ? ` (${number(count)} more were used again before that)` : '')

function reasonFor({ remaining, tooLarge, failed, permanent, firstError }: MoveReport): string {
  const reasons = [
    tooLarge > 0 && `${number(tooLarge)} too large for the new store`,
    failed > 0 && `${number(failed)} that the new store refused or did not return`,
    tooLarge + failed === 0 && 'a node still writes only to the old store',
  ].filter(Boolean)
  // Only what may pass by itself is worth another try.
  const isPassing = failed > permanent || tooLarge + failed === 0
  const advice = isPassing ? ' Run it again.' : permanent > 0 ? ` ${NO_USE}` : ''
  return `${sessionCount(remaining ?? 0)} left in the old store: ${reasons.join(', ')}.${firstError ? ` ${firstError}` : ''}${advice}`
}
