import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { CONFIGS } from '../config.ts'
import { misuse } from '../failure.ts'
import { ignoreInGit } from '../ignore.ts'
import { withExamples } from '../options.ts'
import { isInteractive, line } from '../output.ts'
import { checkStore, configName, writeConfig } from '../scaffold.ts'
import { writeKey } from '../secrets.ts'

interface Options {
  readonly store?: string
  readonly env?: string
  readonly js?: true
  readonly ts?: true
  readonly force?: true
  readonly yes?: true
}

const STANDARD = 'sqlite:./sessions.db'

export function init(program: Command): void {
  const command = program
    .command('init')
    .summary('write a config and a key')
    .description(
      'Writes strongroom.config.ts, which makes the sessions of your application, and a fresh key into .env, which it never overwrites. On a terminal it asks for what the options leave open.',
    )
    .option('--store <url>', `where sessions rest (default with --yes: ${STANDARD})`)
    .addOption(new Option('--js', 'write JavaScript: strongroom.config.mjs').conflicts('ts'))
    .option('--ts', 'write TypeScript: strongroom.config.ts, or .mts in a CommonJS package')
    .option('--env <file>', 'where the key goes (default: .env)')
    .option('--force', 'replace a config that is there; a key is never replaced')
    .option('-y, --yes', 'ask nothing')
    .action(start)
  withExamples(command, 'strongroom init', 'strongroom init --store file:./sessions --js --yes')
}

async function start(options: Options): Promise<void> {
  const asking = !options.yes && isInteractive()
  if (!asking && !options.yes && options.store === undefined)
    throw misuse(
      'There is no terminal to ask on. Say it with --store URL, or --yes for the defaults; --js, --ts, --env FILE and --force are there too.',
    )
  checkFree(options)
  const answers = asking ? await (await import('../interview.ts')).interview(options, STANDARD) : {}
  const store = options.store ?? answers.store ?? STANDARD
  await checkStore(store)
  const name = configName(options.js ? 'js' : options.ts ? 'ts' : answers.language)
  checkShadows(name)
  const { env = '.env' } = options
  // The key first: whatever fails after it, the next run finds it and keeps it.
  for (const text of [writeKey(env), ignoreInGit(env)]) if (text) line(text)
  writeConfig(name, store, options.force === true)
  line(`Wrote ${name}: sessions rest in ${store.slice(0, store.indexOf(':'))}.`)
  for (const text of next(name, env)) line(text)
}

function checkFree({ force }: Options): void {
  const found = CONFIGS.find((name) => existsSync(name))
  if (found && !force) throw misuse(`${found} is there already, and nothing was changed. Replace it with --force.`)
}

/** Two configs would leave open which one counts. */
function checkShadows(name: string): void {
  const other = CONFIGS.find((known) => known !== name && existsSync(known))
  if (other) throw misuse(`${other} is there, and ${name} beside it would be one too many. Remove it first.`)
}

function* next(name: string, env: string): Generator<string> {
  if (!isInstalled()) yield 'Install the library: npm install strongroom'
  yield `In your application: import sessions from './${name}', and start it with node --env-file=${env}.`
}

function isInstalled(): boolean {
  try {
    createRequire(join(process.cwd(), 'package.json')).resolve('strongroom')
    return true
  } catch {
    return false
  }
}
