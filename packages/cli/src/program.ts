import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { backup } from './commands/backup.ts'
import { clearExpired } from './commands/clear-expired.ts'
import { init } from './commands/init.ts'
import { keysList } from './commands/keys-list.ts'
import { keysNew } from './commands/keys-new.ts'
import { list } from './commands/list.ts'
import { migrate } from './commands/migrate.ts'
import { move } from './commands/move.ts'
import { revoke } from './commands/revoke.ts'
import { revokeAll } from './commands/revoke-all.ts'
import { scan } from './commands/scan.ts'
import { show } from './commands/show.ts'
import { stats } from './commands/stats.ts'
import { redact } from './output.ts'

const HELP = `
Where the sessions are: strongroom.config.ts (or .mts, .js, .mjs) in this folder,
with the .env beside it; or --config FILE; or --store URL, with the secrets in
STRONGROOM_SECRETS. With --store, migrate, clear-expired, stats, show and revoke
need none.

Exit codes:
  0    done
  1    failed: the store did not answer, a file could not be written, sessions are
       left that could not be moved
  2    used wrongly: an unknown option, a config or a store that will not do
  3    no session has this handle
  4    scan found session rows that can be read
  130  interrupted, or answered with no

Environment:
  STRONGROOM_SECRETS  secrets, divided by commas; the first is current
  STRONGROOM_DEBUG    1 prints the stack of an error, as --debug does
  NO_COLOR            no colours

Example:
  $ strongroom clear-expired --store sqlite:./sessions.db`

export function createProgram(): Command {
  const program = new Command('strongroom')
    .description('Looks after web sessions: makes keys, clears what has expired, lists and ends sessions.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help, for a command its own')
    .option('--debug', 'print the stack of an error')
    .addHelpText('after', HELP)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, subcommandTerm: termOf })
    .configureOutput({ outputError: (text, write) => write(oneLineOf(text)) })
  init(program)
  const keys = program.command('keys').summary('make and list secrets').description('Makes and lists secrets.')
  keysNew(keys)
  keysList(keys)
  for (const add of [migrate, move, clearExpired, stats, list, show, revoke, revokeAll, backup, scan]) add(program)
  return program
}

/** "show <handle>" without "[options]", which all of them have; "keys new|list", which are two verbs. */
function termOf(command: Command): string {
  const names = [command.name(), ...command.aliases()].join(', ')
  const verbs = command.commands.map((verb) => verb.name()).join('|')
  const given = command.registeredArguments.filter(({ required }) => required).map((argument) => `<${argument.name()}>`)
  return [names, ...(verbs ? [verbs] : given)].join(' ')
}

/** Commander says "error: …", and its suggestion on a line of its own. */
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
