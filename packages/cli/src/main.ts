#!/usr/bin/env node
import { Console } from 'node:console'
import { CommanderError } from 'commander'
import { driverAdvice, useDriversOfApplication } from './drivers.ts'
import { EXIT, exitCodeOf, Failure, messageOf, stackOf } from './failure.ts'
import { handlesLast } from './options.ts'
import { flush, note, oneLine, redact, watchOutput } from './output.ts'
import { createProgram } from './program.ts'
import { hasPassword } from './store-url.ts'

// Explicit, because a config may have opened connections that would keep the process alive.
process.exit(await run(process.argv.slice(2)))

/** Resolves to the exit code when everything is printed. */
async function run(args: readonly string[]): Promise<number> {
  const { STRONGROOM_DEBUG: variable = '' } = process.env
  const debug = args.includes('--debug') || !['', '0', 'false'].includes(variable)
  prepareProcess(debug)
  // It is what other users see instead of the arguments.
  if (args.some(hasPassword)) process.title = 'strongroom'
  const output = watchOutput()
  useDriversOfApplication()
  const code = await execute(args, debug)
  await flush()
  const problem = output.problem()
  return code === EXIT.done && problem ? report(problem, debug) : code
}

async function execute(args: readonly string[], debug: boolean): Promise<number> {
  try {
    const program = await createProgram(args)
    await program.parseAsync(handlesLast(args), { from: 'user' })
    return EXIT.done
  } catch (error) {
    return report(error, debug)
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
  // Without a listener, an error would stop a sweep in the middle of a batch.
  process.stderr.on('error', () => {})
  // What a config or its listeners print is not part of the result.
  globalThis.console = new Console(process.stderr)
  if (debug) return
  process.removeAllListeners('warning')
  process.on('warning', (warning: Error & { code?: string }) => {
    // Node's own: SQLite is experimental, and a package.json without "type" costs a second parse.
    if (warning.name === 'ExperimentalWarning' || warning.code === 'MODULE_TYPELESS_PACKAGE_JSON') return
    // What the library only warns of in development is an error here: see `checkComplete`.
    if (warning.code === 'STRONGROOM_DEVELOPMENT') return
    // It is the error of the command, which is printed in either case.
    if (warning.code === 'STRONGROOM_STORE') return
    note(`warning: ${redact(oneLine(warning.message))}`)
  })
}
