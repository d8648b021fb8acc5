import { isDjangoUrl } from '@strongroom/django/internal'
import type { Command } from 'commander'
import type { ClearOptions, Store } from 'strongroom'
import { type AnySessions, type StoreOptions, storeUrl, withSessions } from '../config.ts'
import { openForClearing } from '../django-store.ts'
import { EXIT, Failure } from '../failure.ts'
import { duration, sessionCount } from '../format.ts'
import { wholeNumber, withExamples, withStoreOptions } from '../options.ts'
import { isTerminal, json, line } from '../output.ts'
import { barFor, type Display, lines, silent } from '../progress.ts'
import { stopOnSignal } from '../signals.ts'

interface Options extends StoreOptions {
  readonly batch?: number
  readonly dryRun?: true
  readonly json?: true
}

export function clearExpired(program: Command): void {
  const command = withStoreOptions(program.command('clear-expired'))
    .alias('clearsessions')
    .summary('remove expired sessions')
    .description(
      'Removes expired sessions in batches. Safe during live traffic and beside other runs, on this and other machines: each session is removed and counted once. An application also sweeps by itself (option sweep); where it does not, run this daily. It needs no secrets with --store, which may also be a Django (django+postgres://…); only its session files need DJANGO_SECRET_KEY.',
    )
    .option('--batch <n>', 'sessions to remove in one step (default: 1000)', wholeNumber)
    .option('--dry-run', 'count what would be removed, and remove nothing')
    .action(run)
  withExamples(
    command,
    'strongroom clear-expired',
    'strongroom clear-expired --store sqlite:./sessions.db --json',
    'strongroom clear-expired --store django+postgres://localhost/shop',
  )
}

async function run(options: Options): Promise<void> {
  // Resolved first, because env:NAME, @FILE and - may name a Django, too.
  const url = await storeUrl(options)
  if (url !== null && isDjangoUrl(url)) return sweepDjango(url, options)
  await withSessions({ ...options, url }, ['store'], (sessions) => sweep(sessions, options))
}

/** What is cleared: the sessions of an application, or those of a Django. */
interface Swept extends Pick<Store, 'clearExpired'> {
  readonly policy: Pick<AnySessions['policy'], 'engine'>
}

async function sweepDjango(url: string, options: Options): Promise<void> {
  const store = openForClearing(url, options.env)
  try {
    const clearExpired = (given?: ClearOptions) => store.clearExpired(given)
    await sweep({ policy: { engine: store.traits.engine }, clearExpired }, options)
  } finally {
    await store.close()
  }
}

async function sweep(sessions: Swept, options: Options): Promise<void> {
  const signal = stopOnSignal()
  const { count, milliseconds } = await sweepWithProgress(sessions, options, signal)
  const { aborted: interrupted } = signal
  if (options.json) {
    const { engine } = sessions.policy
    json({ engine, dryRun: options.dryRun === true, count, milliseconds, complete: !interrupted })
  } else line(report(count, options, { interrupted, milliseconds }))
  if (interrupted) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to continue.')
}

async function sweepWithProgress(sessions: Swept, options: Options, signal: AbortSignal) {
  const { batch, dryRun } = options
  const display = await displayFor(sessions, options, signal)
  const startedAt = performance.now()
  try {
    const count = await sessions.clearExpired({ batch, dryRun, signal, onProgress: display.progress })
    return { count, milliseconds: Math.round(performance.now() - startedAt) }
  } finally {
    display.end()
  }
}

async function displayFor(sessions: Swept, options: Options, signal: AbortSignal): Promise<Display> {
  if (options.json) return silent
  if (options.dryRun || !isTerminal()) return lines(options.dryRun ? 'Found' : 'Removed')
  // A bar needs a total. Counting first costs about as much as removing.
  line('Counting expired sessions …')
  const total = await sessions.clearExpired({ dryRun: true, signal })
  return total === 0 || signal.aborted ? silent : barFor(total)
}

interface Outcome {
  readonly interrupted: boolean
  readonly milliseconds: number
}

function report(count: number, { dryRun }: Options, { interrupted, milliseconds }: Outcome): string {
  const soFar = `${duration(count, milliseconds)}${interrupted ? ' so far' : ''}`
  if (dryRun) return `${sessionCount(count, 'expired')}${soFar}. Nothing was removed.`
  if (count === 0 && !interrupted) return 'Nothing has expired.'
  return `Removed ${sessionCount(count, 'expired')}${soFar}.`
}
