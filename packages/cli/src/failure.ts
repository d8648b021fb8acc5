import { inspect } from 'node:util'
import { oneLine, redact } from './output.ts'

/** The exit codes, for scripts. `--help` and docs/cli.md list the same ones. */
export const EXIT = { done: 0, failed: 1, misused: 2, notFound: 3, readable: 4, unread: 5, interrupted: 130 } as const

/** Ends the program with one line on stderr. */
export class Failure extends Error {
  readonly exitCode: number
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

export const misuse = (message: string, options?: ErrorOptions) => new Failure(EXIT.misused, message, options)

/** Recognized by their codes: a config may import another copy of the library, with classes of its own. */
const MISUSES: readonly unknown[] = ['STRONGROOM_CONFIG', 'STRONGROOM_UNSUPPORTED']

export function exitCodeOf(error: unknown): number {
  if (error instanceof Failure) return error.exitCode
  return isMisuse(error) ? EXIT.misused : EXIT.failed
}

/** Also as the cause: a store that finds out at its first use what is wrong with its URL says so as its failure. */
function isMisuse(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown }
  return MISUSES.includes(code) || (cause !== undefined && isMisuse(cause))
}

/** What a message says where its cause is shown elsewhere. */
const POINTER = /[;.] the cause says (?:why|more)\.$/i

/** What the library advises to an application. */
const MIGRATE = /Run "npx @strongroom\/cli migrate"(?:, or set createTable: true)?\./
/** Without these options, the command would look for a config here. */
const WITH_STORE = 'Run "npx @strongroom/cli migrate", with the --store or --config of this store.'

/** One line: what happened, and the cause where that says more. */
export function messageOf(error: unknown): string {
  return lineOf(error, ({ message }) => message)
}

/** The same, for an error of a config: of what the code of others says, without what it quotes. */
export function messageWithoutQuotes(error: unknown): string {
  return lineOf(error, (each) => (isQuotable(each) ? each.message : withoutQuotes(each.message)))
}

function lineOf(error: unknown, textOf: (error: Error) => string): string {
  if (!(error instanceof Error)) return redact(oneLine(String(error)))
  const message = redact(oneLine(textOf(error))).replace(MIGRATE, WITH_STORE) || error.name
  const { cause: thrown } = error
  // Our own message already says which package to install.
  const isMissingPackage = (thrown as { code?: unknown } | undefined)?.code === 'ERR_MODULE_NOT_FOUND'
  const cause = thrown instanceof Error && !isMissingPackage ? redact(oneLine(textOf(thrown))) : ''
  // A message that has it without what it quotes leaves that out on purpose.
  const isSaid = [cause, thrown instanceof Error ? redact(oneLine(withoutQuotes(thrown.message))) : cause].some(
    (text) => message.includes(text),
  )
  return cause && !isSaid ? `${message.replace(POINTER, '').replace(/\.$/, '')}: ${cause}` : message
}

/** Errors of this library never quote a value, and those of Node's loader quote the names of packages and exports. */
function isQuotable(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof Failure || /^(?:STRONGROOM_|ERR_MODULE_|ERR_PACKAGE_|MODULE_NOT_FOUND$)/.test(`${code}`))
    return true
  return error instanceof SyntaxError && /does not provide an export named '[\w$]+'$/.test(error.message)
}

/**
 * From the first quotation mark to the last one, because what is quoted may have such marks in it: JSON.parse() repeats the beginning of what
 * it got, and that may be a secret. A single mark within a word is an apostrophe.
 */
function withoutQuotes(text: string): string {
  return text.replace(/(?<!\w)["'`].*["'`](?!\w)|(?<!\w)["'`].*/s, '…')
}

/** The error with its stack and its causes, for `--debug`. */
export const stackOf = (error: unknown) => redact(error instanceof Error ? stackLines(error) : inspect(error))

function stackLines(error: Error): string {
  const stack = error.stack ?? String(error)
  return error.cause instanceof Error ? `${stack}\nCaused by: ${stackLines(error.cause)}` : stack
}
