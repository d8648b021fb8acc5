import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { redact } from './output.ts'

const HELP = `
Where the sessions are: strongroom.config.ts (.mts, .js, .mjs) here and
the .env beside it; or --config FILE; or --store URL, with the secrets in
STRONGROOM_SECRETS. With --store, migrate, clear-expired, stats, show and revoke
need no secrets. A URL with a password: env:NAME, @FILE, or - to be asked.

Exit codes:
  0    done
  1    failed: the store did not respond, a file or the output could not be
       written, some sessions could not be moved, a server still has an old
       secret, or nobody was signed out after a breach; or a bad result: the
       doctor found something red, the lab broke a promise, or no engine
       gives what advise was asked for
  2    used incorrectly: an unknown option, or a config or store that cannot be
       used
  3    no session has this handle, or no session is known under this key
  4    scan found session rows that can be read
  5    scan could not read a file whole
  130  interrupted, or a question was answered with no

Environment:
  STRONGROOM_SECRETS  secrets, separated by commas; the first is current
  STRONGROOM_STORE    the store, without --store and a config
  STRONGROOM_DEBUG    1 prints the stack of an error, like --debug
  NO_COLOR            no colours

Example:
  $ strongroom clear-expired --store sqlite:./sessions.db`

/** Adds a command to the program. */
type Add = (program: Command) => void

/** In the order of the help. A module is loaded when its command is called, so that a list of a few sessions does not wait for the lab. */
const COMMANDS: ReadonlyMap<string, () => Promise<Add>> = new Map([
  ['init', async () => (await import('./commands/init.ts')).init],
  ['keys', async () => (await import('./commands/keys.ts')).keys],
  ['migrate', async () => (await import('./commands/migrate.ts')).migrate],
  ['move', async () => (await import('./commands/move.ts')).move],
  ['clear-expired', async () => (await import('./commands/clear-expired.ts')).clearExpired],
  ['stats', async () => (await import('./commands/stats.ts')).stats],
  ['list', async () => (await import('./commands/list.ts')).list],
  ['show', async () => (await import('./commands/show.ts')).show],
  ['revoke', async () => (await import('./commands/revoke.ts')).revoke],
  ['revoke-all', async () => (await import('./commands/revoke-all.ts')).revokeAll],
  ['revoke-everybody', async () => (await import('./commands/revoke-everybody.ts')).revokeEverybody],
  ['studio', async () => (await import('./commands/studio.ts')).studio],
  ['backup', async () => (await import('./commands/backup.ts')).backup],
  ['scan', async () => (await import('./commands/scan.ts')).scan],
  ['advise', async () => (await import('./commands/advise.ts')).advise],
  ['doctor', async () => (await import('./commands/doctor.ts')).doctor],
  ['lab', async () => (await import('./commands/lab.ts')).lab],
])

/** With the command that these arguments begin with; with every command if they begin with something else, such as `--help`. */
export async function createProgram(args: readonly string[] = []): Promise<Command> {
  const program = new Command('strongroom')
    .description('Manages web sessions: makes keys, removes expired sessions, lists and ends sessions.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; after a command, help for that command')
    .option('--debug', 'print the stack of an error')
    .addHelpText('after', HELP)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, subcommandTerm: termOf })
    .configureOutput({ outputError: (text, write) => write(oneLineOf(text)) })
  const called = COMMANDS.get(args.find((word) => word !== '--debug') ?? '')
  for (const load of called ? [called] : COMMANDS.values()) (await load())(program)
  return program
}

/** "show <handle>" without "[options]", which every command has; "keys new|list" for the two commands below keys. */
function termOf(command: Command): string {
  const names = [command.name(), ...command.aliases()].join(', ')
  const below = command.commands.map((each) => each.name()).join('|')
  const required = command.registeredArguments.filter((argument) => argument.required)
  const rest = below ? [below] : required.map((argument) => `<${argument.name()}>`)
  return [names, ...rest].join(' ')
}

/** Commander writes "error: …", and its suggestion on a line of its own. */
function oneLineOf(text: string): string {
  return `${redact(
    `strongroom: ${text
      .replace(/^error: /, '')
      .trim()
      .replace(/\s*\n\s*/g, ' ')}`,
  )}\n`
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}
