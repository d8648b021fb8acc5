#!/usr/bin/env node
import { Console } from 'node:console'
import { CommanderError } from 'commander'
import { driverAdvice, useDriversOfApplication } from './drivers.ts'
import { EXIT, exitCodeOf, Failure, messageOf, stackOf } from './failure.ts'
import { handlesLast } from './options.ts'
import { flush, note, oneLine, redact } from './output.ts'
import { createProgram } from './program.ts'

// Explicit, because a config may have opened connections that would keep the process alive.
process.exit(await run(process.argv.slice(2)))

/** Resolves to the exit code when everything is printed. */
async function run(args: readonly string[]): Promise<number> {
  const { STRONGROOM_DEBUG: variable = '' } = process.env
  const debug = args.includes('--debug') || !['', '0', 'false'].includes(variable)
  prepareProcess(debug)
  useDriversOfApplication()
  try {
    await createProgram().parseAsync(handlesLast(args), { from: 'user' })
    return EXIT.done
  } catch (error) {
    return report(error, debug)
  } finally {
    await flush()
  }
}

function report(error: unknown, debug: boolean): number {
  // Commander has already printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.misused
  const message = driverAdvice(error) ?? messageOf(error)
  // A failure without a message: the reader of our output went away, and knows it.
  if (!(error instanceof Failure) || error.message !== '') note(message)
  if (debug) process.stderr.write(`${stackOf(error)}\n`)
  return exitCodeOf(error)
}

function prepareProcess(debug: boolean): void {
  // When the reader of our output has seen enough (`| head`), that is not an error and must not stop a sweep.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  // What a config or its listeners print is not part of the result.
  globalThis.console = new Console(process.stderr)
  if (debug) return
  process.removeAllListeners('warning')
  process.on('warning', (warning: Error & { code?: string }) => {
    // Node's own: SQLite is experimental, and a package.json without "type" costs a second parse.
    if (warning.name === 'ExperimentalWarning' || warning.code === 'MODULE_TYPELESS_PACKAGE_JSON') return
    note(`warning: ${redact(oneLine(warning.message))}`)
  })
}
