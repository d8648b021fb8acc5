import { type Command, InvalidArgumentError, Option } from 'commander'
import { misuse } from './failure.ts'

/** Where the sessions are: the same for every verb that looks at them. */
export function withStoreOptions(command: Command): Command {
  return (
    command
      .addOption(
        new Option('--config <file>', 'module that exports the sessions (default: strongroom.config.* here)').conflicts(
          'store',
        ),
      )
      .option('--store <url>', 'the store itself, such as sqlite:./sessions.db')
      // Not --env-file: Node takes that for its own, wherever it stands.
      .option('--env <file>', 'environment to load first (default: .env beside the config)')
      .option('--json', 'one JSON value on stdout, for programs')
  )
}

export function withUser(command: Command): Command {
  return command.requiredOption('--user <id>', 'the id that the application gave to login()', (id: string) => {
    if (id !== '') return id
    throw new InvalidArgumentError('A user id is not empty.')
  })
}

/** Help text is read by people who have a task: it ends in something to copy. */
export function withExamples(command: Command, ...examples: string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join('\n')
  return command.addHelpText('after', `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${lines}`)
}

export function wholeNumber(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count
  throw new InvalidArgumentError('It is a whole number above 0.')
}

/** Refuses what is no handle, without repeating it: it may be a cookie or an id that was pasted in its place. */
export function checkHandle(handle: string): void {
  if (/^[\w-]{16}$/.test(handle)) return
  throw misuse(
    'That is no handle. A handle has 16 characters, as strongroom list shows them; a cookie or an id is not one.',
  )
}

/**
 * Puts a handle that begins with "-" (one in 64 does) behind a "--", or it would be taken for an option. No option of the
 * verbs that take one has its length.
 */
export function handlesLast(args: readonly string[]): string[] {
  const verb = args.find((arg) => !arg.startsWith('-')) ?? ''
  const isHandle = (arg: string) => /^-[\w-]{15}$/.test(arg)
  if (!['show', 'revoke'].includes(verb) || args.includes('--') || !args.some(isHandle)) return [...args]
  return [...args.filter((arg) => !isHandle(arg)), '--', ...args.filter(isHandle)]
}
