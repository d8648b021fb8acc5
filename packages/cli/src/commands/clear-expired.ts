import type { Command } from 'commander'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { EXIT, Failure } from '../failure.ts'
import { halting } from '../halt.ts'
import { wholeNumber, withExamples, withStoreOptions } from '../options.ts'
import { isTerminal, json, line } from '../output.ts'
import { barFor, type Display, lines, silent } from '../progress.ts'
import { took, sessions as words } from '../words.ts'

interface Options extends StoreOptions {
  readonly batch?: number
  readonly dryRun?: true
  readonly json?: true
}

export function clearExpired(program: Command): void {
  const command = withStoreOptions(program.command('clear-expired'))
    .alias('clearsessions')
    .summary('remove sessions that have expired')
    .description(
      'Removes expired sessions in batches. Safe beside live traffic and beside other runs, on this and other machines: each session is removed and counted once. An application also sweeps by itself (option sweep); where it does not, run this daily. It needs no keys with --store.',
    )
    .option('--batch <n>', 'sessions removed in one step (default: 1000)', wholeNumber)
    .option('--dry-run', 'count what would be removed, and remove nothing')
    .action((options: Options) => withSessions(options, 'store', (sessions) => sweep(sessions, options)))
  withExamples(command, 'strongroom clear-expired', 'strongroom clear-expired --store sqlite:./sessions.db --json')
}

async function sweep(sessions: AnySessions, options: Options): Promise<void> {
  const stop = halting()
  const { count, milliseconds } = await watched(sessions, options, stop.signal)
  if (options.json) {
    const { engine } = sessions.policy
    json({ engine, dryRun: options.dryRun === true, count, milliseconds, complete: !stop.halted })
  } else line(report(count, options, { interrupted: stop.halted, milliseconds }))
  if (stop.halted) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to go on.')
}

async function watched(sessions: AnySessions, options: Options, signal: AbortSignal) {
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

async function displayFor(sessions: AnySessions, options: Options, signal: AbortSignal): Promise<Display> {
  if (options.json) return silent
  if (options.dryRun || !isTerminal()) return lines(options.dryRun ? 'Found' : 'Removed')
  // A bar needs to know its end: counting first costs about as much as removing.
  line('Counting what has expired …')
  const total = await sessions.clearExpired({ dryRun: true, signal })
  return total === 0 || signal.aborted ? silent : barFor(total)
}

interface Outcome {
  readonly interrupted: boolean
  readonly milliseconds: number
}

function report(count: number, { dryRun }: Options, { interrupted, milliseconds }: Outcome): string {
  const soFar = `${took(count, milliseconds)}${interrupted ? ' so far' : ''}`
  if (dryRun) return `${words(count, 'expired')}${soFar}. Nothing was removed.`
  if (count === 0 && !interrupted) return 'Nothing has expired.'
  return `Removed ${words(count, 'expired')}${soFar}.`
}
