import { inspect } from 'node:util'
import { oneLine, redact } from './output.ts'

/** What a script can tell from how the program ended; `--help` and docs/cli.md say the same. */
export const EXIT = { done: 0, failed: 1, misused: 2, notFound: 3, readable: 4, interrupted: 130 } as const

/** Ends the program with one line on stderr. */
export class Failure extends Error {
  readonly exitCode: number
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

export const misuse = (message: string, options?: ErrorOptions) => new Failure(EXIT.misused, message, options)

/** Told apart by their codes: a config may have brought a copy of this library of its own, with classes of its own. */
const MISUSES: readonly unknown[] = ['STRONGROOM_CONFIG', 'STRONGROOM_UNSUPPORTED']

export function exitCodeOf(error: unknown): number {
  if (error instanceof Failure) return error.exitCode
  return MISUSES.includes((error as { code?: unknown } | null)?.code) ? EXIT.misused : EXIT.failed
}

/** One line: what happened, and what was thrown below where that says more. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return redact(oneLine(String(error)))
  const message = redact(oneLine(error.message)) || error.name
  const cause = error.cause instanceof Error ? redact(oneLine(error.cause.message)) : ''
  return cause && !message.includes(cause) ? `${message.replace(/\.$/, '')}: ${cause}` : message
}

/** The whole story, for `--debug`. */
export const storyOf = (error: unknown) => redact(error instanceof Error ? storyLines(error) : inspect(error))

function storyLines(error: Error): string {
  const stack = error.stack ?? String(error)
  return error.cause instanceof Error ? `${stack}\nCaused by: ${storyLines(error.cause)}` : stack
}
