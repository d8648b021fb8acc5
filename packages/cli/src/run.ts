import { Console } from 'node:console'
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf, Failure, messageOf, storyOf } from './failure.ts'
import { handlesLast } from './options.ts'
import { flush, note, oneLine, redact } from './output.ts'
import { createProgram } from './program.ts'

/** Runs the command line; resolves with the exit code when everything is printed. */
export async function run(args: readonly string[]): Promise<number> {
  const { STRONGROOM_DEBUG: wish = '' } = process.env
  const debug = args.includes('--debug') || !['', '0', 'false'].includes(wish)
  settle(debug)
  try {
    await createProgram().parseAsync(handlesLast(args), { from: 'user' })
    return EXIT.done
  } catch (error) {
    return tell(error, debug)
  } finally {
    await flush()
  }
}

function tell(error: unknown, debug: boolean): number {
  // Commander has printed its own line, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.misused
  const message = messageOf(error)
  // Without one it is a reader of ours that went away, and knows.
  if (!(error instanceof Failure) || error.message !== '') note(message)
  if (debug) process.stderr.write(`${storyOf(error)}\n`)
  return exitCodeOf(error)
}

function settle(debug: boolean): void {
  // A reader that has seen enough (`| head`) is no error of ours, and must not stop a sweep.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  // What a config or its listeners print is no part of our answer.
  globalThis.console = new Console(process.stderr)
  if (debug) return
  process.removeAllListeners('warning')
  process.on('warning', (warning: Error & { code?: string }) => {
    // Of Node's own: that SQLite is new, and that a package.json without "type" costs a second parse.
    if (warning.name === 'ExperimentalWarning' || warning.code === 'MODULE_TYPELESS_PACKAGE_JSON') return
    note(`warning: ${redact(oneLine(warning.message))}`)
  })
}
