import { type Command, InvalidArgumentError, Option } from 'commander'
import { misuse } from './failure.ts'

/** Where the sessions are: the same options for every command that opens them. */
export function withStoreOptions(command: Command): Command {
  return (
    command
      .addOption(
        new Option(
          '--config <file>',
          'module that exports the sessions (default: strongroom.config.* in this folder)',
        ).conflicts('store'),
      )
      .option(
        '--store <url>',
        'the store itself, such as sqlite:./sessions.db; env:NAME, @FILE or - for a URL with a password',
      )
      // Not --env-file: Node takes that as an option of its own, wherever it appears.
      .option('--env <file>', 'environment file to load first (default: .env beside the config)')
      .option('--json', 'one JSON value on stdout, for programs')
  )
}

/** For the commands that tell the sessions of one application, or what the library keeps beside them, from those of another. */
export function withNamespace(command: Command): Command {
  return command.addOption(
    new Option(
      '--namespace <name>',
      "with --store: the application's option namespace, or the name of its cookie (default: __Host-id)",
    ).conflicts('config'),
  )
}

export function withUser(command: Command): Command {
  return command
    .option('--user <id>', 'the id that the application gave to login()', (id: string) => {
      if (id !== '') return id
      throw new InvalidArgumentError('A user id cannot be empty.')
    })
    .hook('preAction', needs('--user <id>'))
}

/** Of a mistyped option, Commander's `requiredOption` says only that the right one is missing; this comes after unknown options. */
export const needs = (flags: string) => (command: Command) => {
  const option = command.options.find((one) => one.flags === flags)
  if (option && command.getOptionValue(option.attributeName()) === undefined)
    command.error(`error: required option '${flags}' not specified`)
}

/** Every help text ends with an example to copy. */
export function withExamples(command: Command, ...examples: string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join('\n')
  return command.addHelpText('after', `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${lines}`)
}

export function wholeNumber(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

export function keyId(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) < 256) return Number(text)
  throw new InvalidArgumentError('A key id is a whole number from 0 to 255.')
}

/** Refuses what is not a handle, without repeating it: someone may have pasted a cookie or an id. */
export function checkHandle(handle: string): void {
  if (/^[\w-]{16}$/.test(handle)) return
  throw misuse(
    'That is not a handle. A handle has 16 characters, as strongroom list shows them. A cookie or an id is not a handle.',
  )
}

/**
 * Moves a handle that begins with "-" (one in 64 does) behind a "--", because it would be parsed as an option. No option of
 * the commands that take a handle has its length.
 */
export function handlesLast(args: readonly string[]): string[] {
  const name = args.find((arg) => !arg.startsWith('-')) ?? ''
  const isHandle = (arg: string) => /^-[\w-]{15}$/.test(arg)
  if (!['show', 'revoke'].includes(name) || args.includes('--') || !args.some(isHandle)) return [...args]
  return [...args.filter((arg) => !isHandle(arg)), '--', ...args.filter(isHandle)]
}
