import { existsSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { CONFIGS } from '../config.ts'
import { literal } from '../config-source.ts'
import { misuse } from '../failure.ts'
import { checkStore, configName, writeConfig } from '../init/config-file.ts'
import { checkFolder, checkStoreVariable, ignoreInGit, STORE, writeSecret, writeStore } from '../init/env-file.ts'
import { checkWritable } from '../init/file.ts'
import { importLines, needsAllowJs, needsTsExtensions } from '../init/import-line.ts'
import { DEFAULT_STORE, missingPackages, needsTables } from '../init/stores.ts'
import { withExamples } from '../options.ts'
import { isInteractive, line } from '../output.ts'
import { hasPassword, resolveUrl } from '../store-url.ts'

interface Options {
  readonly store?: string
  readonly env?: string
  readonly js?: true
  readonly ts?: true
  readonly force?: true
  readonly yes?: true
}

export function init(program: Command): void {
  const command = program
    .command('init')
    .summary('write a config and a secret')
    .description(
      'Writes strongroom.config.ts, which creates the sessions of your application, and a new secret into .env. An existing secret is never overwritten. On a terminal it asks for what the options leave open.',
    )
    .option('--store <url>', `where sessions are stored (default with --yes: ${DEFAULT_STORE})`)
    .addOption(new Option('--js', 'write JavaScript: strongroom.config.mjs').conflicts('ts'))
    .option('--ts', 'write TypeScript: strongroom.config.ts, or .mts in a CommonJS package')
    .option('--env <file>', 'the file for the secret (default: .env)')
    .option('--force', 'replace an existing config; a secret is never replaced')
    .option('-y, --yes', 'ask nothing')
    .action(run)
  withExamples(command, 'strongroom init', 'strongroom init --store file:./sessions --js --yes')
}

async function run(options: Options): Promise<void> {
  const isAsking = !options.yes && isInteractive()
  if (!isAsking && !options.yes && options.store === undefined)
    throw misuse(
      'There is no terminal to ask on. Use --store URL, or --yes for the defaults. There are also --js, --ts, --env FILE and --force.',
    )
  const { env = '.env' } = options
  checkFree(options)
  checkFolder(env)
  const asked = options.store
  const url = asked === undefined ? undefined : await resolveUrl({ option: '--store', given: asked, env: options.env })
  const given = { store: url, language: languageOf(options) }
  const { store = DEFAULT_STORE, language } = isAsking ? await (await import('../init/prompts.ts')).ask(given) : given
  const { shared } = await checkStore(store)
  const name = configName(language)
  checkOthers(name)
  checkWritable(name)
  const isSecret = hasPassword(store)
  if (isSecret) checkStoreVariable(env, store)
  // The secret first: if anything fails after it, the next run finds it and keeps it.
  for (const text of [writeSecret(env), isSecret && writeStore(env, store), ignoreInGit(env)]) if (text) line(text)
  writeConfig({ name, store: isSecret ? `process.env.${STORE}` : literal(store) })
  line(`Wrote ${name} (store: ${store.slice(0, store.indexOf(':'))}).`)
  if (shared === 'process') line(IN_MEMORY)
  for (const text of nextSteps(name, store, env)) line(text)
}

const IN_MEMORY =
  'Sessions in memory end with the process of the application, and no other command can reach them: choose another store before you need list, revoke-all and the like.'

function languageOf({ js, ts }: Options) {
  return js ? ('js' as const) : ts ? ('ts' as const) : undefined
}

function checkFree({ force }: Options): void {
  const found = CONFIGS.find((name) => existsSync(name))
  if (found && !force) throw misuse(`${found} already exists, and nothing was changed. Replace it with --force.`)
}

/** With two configs it would be unclear which one counts. */
function checkOthers(name: string): void {
  const other = CONFIGS.find((known) => known !== name && existsSync(known))
  if (other) throw misuse(`${other} exists, and there must not be a second config (${name}). Remove it first.`)
}

function* nextSteps(name: string, store: string, env: string): Generator<string> {
  const missing = missingPackages(store)
  if (missing.length > 0) yield `Install what is missing: npm install ${missing.join(' ')}`
  if (needsTables(store)) yield 'Create the table: npx @strongroom/cli migrate'
  if (needsAllowJs(name))
    yield 'For tsc, add "allowJs": true to tsconfig.json, or write the config in TypeScript (--ts).'
  if (needsTsExtensions(name))
    yield 'For tsc, add "allowImportingTsExtensions": true to tsconfig.json, because Node runs the file under its own name.'
  const [first, second] = importLines(name)
  yield `In your application: ${first}`
  if (second) yield `Or, in a file that uses require: ${second}`
  yield `Start it with node --env-file=${env}, so that it finds the secret.`
}
