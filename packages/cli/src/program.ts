import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { advise } from './commands/advise.ts'
import { backup } from './commands/backup.ts'
import { clearExpired } from './commands/clear-expired.ts'
import { doctor } from './commands/doctor.ts'
import { init } from './commands/init.ts'
import { keysForget } from './commands/keys-forget.ts'
import { keysList } from './commands/keys-list.ts'
import { keysNew } from './commands/keys-new.ts'
import { lab } from './commands/lab.ts'
import { list } from './commands/list.ts'
import { migrate } from './commands/migrate.ts'
import { move } from './commands/move.ts'
import { revoke } from './commands/revoke.ts'
import { revokeAll } from './commands/revoke-all.ts'
import { revokeEverybody } from './commands/revoke-everybody.ts'
import { scan } from './commands/scan.ts'
import { show } from './commands/show.ts'
import { stats } from './commands/stats.ts'
import { studio } from './commands/studio.ts'
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

export function createProgram(): Command {
  const program = new Command('strongroom')
    .description('Manages web sessions: makes keys, removes expired sessions, lists and ends sessions.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; after a command, help for that command')
    .option('--debug', 'print the stack of an error')
    .addHelpText('after', HELP)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, subcommandTerm: termOf })
    .configureOutput({ outputError: (text, write) => write(oneLineOf(text)) })
  init(program)
  const keys = program
    .command('keys')
    .summary('make, list and forget secrets')
    .description('Makes, lists and forgets secrets.')
  keysNew(keys)
  keysList(keys)
  keysForget(keys)
  for (const add of [
    migrate,
    move,
    clearExpired,
    stats,
    list,
    show,
    revoke,
    revokeAll,
    revokeEverybody,
    studio,
    backup,
    scan,
    advise,
    doctor,
    lab,
  ])
    add(program)
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
