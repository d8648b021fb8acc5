import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { ScannableStore, Store } from 'strongroom'
import { placeOf, storeFromUrl } from 'strongroom/internal'
import { type MoveReport, move as moveAll } from 'strongroom/moving'
import { EXIT, Failure, misuse } from '../failure.ts'
import { halting } from '../halt.ts'
import { wholeNumber, withExamples } from '../options.ts'
import { isInteractive, isTerminal, json, line } from '../output.ts'
import { barFor, type Display, lines, silent } from '../progress.ts'
import { agreed } from '../prompts.ts'
import { number, took, sessions as words } from '../words.ts'
import type { DjangoOptions } from './move-django.ts'

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
      'Moves live sessions from one store to another while traffic goes on, as they are: it needs no keys. Every node of the application must have both stores by then: moving({ from, to }), see docs/moving.md. Each session is read back and compared before its original is deleted. Stopped or killed, run it again, and it goes on. Out of a Django (django+postgres:, django+sqlite: and the like), see docs/django.md, it needs the keys of both, from the config or STRONGROOM_SECRETS and from DJANGO_SECRET_KEY.',
    )
    .requiredOption('--from <url>', 'the store that sessions leave')
    .option('--to <url>', 'the store that they go to; out of a Django, the config says it otherwise')
    .option('--page <n>', 'sessions looked at in one step (default: 500)', wholeNumber)
    .option('--dry-run', 'count what would be moved, and change nothing')
    .option('--delete', 'out of a Django: end each session there once it is here')
    .option('--users <url>', 'out of a Django: where its users are, when not beside its sessions')
    .option('--config <file>', 'out of a Django: module that exports the sessions (default: strongroom.config.* here)')
    .option('--env <file>', 'out of a Django: environment to load first (default: .env beside the config)')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'one JSON value on stdout, for programs')
    .action(start)
  withExamples(
    command,
    'strongroom move --from file:./sessions --to sqlite:./sessions.db',
    'strongroom move --from django+postgres://localhost/shop --delete',
  )
}

async function start(given: Options & DjangoOptions): Promise<void> {
  // What it needs is loaded by nobody else.
  if (given.from.startsWith('django+')) return (await import('./move-django.ts')).moveDjango(given)
  for (const name of ['delete', 'users', 'config', 'env'] as const)
    if (given[name] !== undefined) throw misuse(`--${name} is for moving out of a Django: --from django+postgres://…`)
  if (given.to === undefined) throw misuse("required option '--to <url>' not specified")
  await moveStores(given)
}

async function moveStores(options: Options): Promise<void> {
  const stores = open(options)
  try {
    if (!options.dryRun && !options.yes && isInteractive())
      await agreed('Has every running node both stores, as moving({ from, to }) in phase "move"?')
    await run(stores, options)
  } finally {
    await Promise.all([stores.from.close(), stores.to.close()])
  }
}

interface Stores {
  readonly from: ScannableStore
  readonly to: Store
}

function open({ from, to }: Options): Stores {
  if (from === to) throw misuse('--from and --to are the same store.')
  const place = placeOf(from)
  if (place !== null && !existsSync(place)) throw misuse(`There is no ${place}; nothing was made.`)
  const stores = { from: storeFromUrl(from) as ScannableStore, to: storeFromUrl(to) }
  for (const { traits } of Object.values(stores)) {
    if (traits.shared !== 'process') continue
    throw misuse(
      `The store ${traits.engine} is this process's own: nothing can be moved out of it or into it from here.`,
    )
  }
  return stores
}

async function run({ from, to }: Stores, options: Options): Promise<void> {
  const { page, dryRun } = options
  const stop = halting()
  const display = await displayFor(from, options, stop.signal)
  const startedAt = performance.now()
  let report: MoveReport
  try {
    report = await moveAll({ from, to, page, dryRun, signal: stop.signal, onProgress: display.progress })
  } finally {
    display.end()
  }
  const milliseconds = Math.round(performance.now() - startedAt)
  const engines = { from: from.traits.engine, to: to.traits.engine }
  if (options.json) json({ ...engines, dryRun: dryRun === true, ...report, milliseconds })
  else for (const text of story(report, { ...engines, dryRun: dryRun === true, milliseconds })) line(text)
  if (!report.complete) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to go on.')
  if (!dryRun && report.left) throw new Failure(EXIT.failed, reasonFor(report))
}

async function displayFor(from: ScannableStore, options: Options, signal: AbortSignal): Promise<Display> {
  if (options.json) return silent
  if (options.dryRun || !isTerminal()) return lines(options.dryRun ? 'Found' : 'Moved')
  line('Counting what is to be moved …')
  let total = 0
  for await (const page of from.scan?.({ signal }) ?? []) total += page.length
  return total === 0 || signal.aborted ? silent : barFor(total)
}

interface Facts {
  readonly from: string
  readonly to: string
  readonly dryRun: boolean
  readonly milliseconds: number
}

function* story(report: MoveReport, { from, to, dryRun, milliseconds }: Facts): Generator<string> {
  const { moved, there, gone, changed, left, present, complete } = report
  if (dryRun) yield `${words(moved)} would be moved from ${from} to ${to}. Nothing was changed.`
  else yield `Moved ${words(moved)} from ${from} to ${to}${took(moved, milliseconds)}${complete ? '.' : ' so far.'}`
  if (there > 0) yield `${words(there)} ${dryRun ? 'are' : 'were'} in ${to} already.`
  if (gone > 0) yield `${words(gone)} ended or expired before their turn came.`
  if (moved > 0 && !dryRun)
    yield `Compared, byte by byte, and found the same: ${words(moved - changed)}${inUse(changed)}.`
  if (left !== null)
    yield `Live now in ${from}: ${number(left)}${present === null ? '' : `; in ${to}: ${number(present)}`}.`
}

const inUse = (count: number) => (count > 0 ? ` (${number(count)} more had been used again before that)` : '')

function reasonFor({ left, tooLarge, failed, trouble }: MoveReport): string {
  const reasons = [
    tooLarge > 0 && `${number(tooLarge)} too large for the new one`,
    failed > 0 && `${number(failed)} that it refused or did not give back`,
    tooLarge + failed === 0 && 'some node still writes to it alone',
  ].filter(Boolean)
  return `${words(left ?? 0)} left in the old store: ${reasons.join(', ')}.${trouble ? ` ${trouble}` : ''} Run it again.`
}
