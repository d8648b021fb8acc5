import { existsSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { ask } from '../advice/ask.ts'
import { type AdviceFlags, answersIn, parsers } from '../advice/flags.ts'
import { print } from '../advice/print.ts'
import { type Advice, type Answers, AnswersError, advise as adviseOn, answersFrom } from '../advise/index.ts'
import { CONFIGS } from '../config.ts'
import { reportFrom } from '../evidence-file.ts'
import { Failure, misuse } from '../failure.ts'
import { configName, languageOf } from '../init/config-file.ts'
import { checkFolder, ignoreInGit, writeSecret } from '../init/env-file.ts'
import { checkWritable, writeText } from '../init/file.ts'
import { recordedReport } from '../lab/index.ts'
import { withExamples } from '../options.ts'
import { isInteractive, json, line, note } from '../output.ts'
import { confirm } from '../prompts.ts'

interface Options extends AdviceFlags {
  readonly report?: string
  readonly write?: string | true
  readonly env?: string
  readonly force?: true
  readonly all?: true
  readonly yes?: true
  readonly json?: true
}

export function advise(program: Command): void {
  const { property, against, need, have, whole, number, duration } = parsers
  const command = program
    .command('advise')
    .summary('say which engine to run, and how large')
    .description(
      'Says which engines give what you ask for, by the attacks that the lab has run, what each gives up, and what your load needs. Ends with a config to copy. On a terminal it asks; --json and pipes need --property.',
    )
    .addOption(new Option('--property <names...>', 'what matters: all, or some of these').argParser(property))
    .addOption(new Option('--against <names...>', 'only against these attackers (default: all)').argParser(against))
    .addOption(new Option('--need <names...>', 'what else is needed').argParser(need))
    .addOption(
      new Option('--have <names...>', 'what is there, such as postgres or redis=env:REDIS_URL').argParser(have),
    )
    .option('--servers <n>', 'machines that run the application (default: 1)', whole)
    .option('--processes <n>', 'processes on each of them (default: 1)', whole)
    .option('--bytes <n>', 'data of a large session, as JSON (default: 1024)', whole)
    .option('--lifetime <duration>', 'how long a session lives at most (default: 12h)', duration)
    .option('--idle <duration>', 'and unused (default: 30m)', duration)
    .option('--sessions <n>', 'sessions at a time', number)
    .option('--requests <n>', 'requests a second that use their session', number)
    .option('--logins <n>', 'logins a second', number)
    .option('--writes <percent>', 'requests that change the session (default: 10)', number)
    .option('--cores <n>', 'processors of the server of the sessions (default: 8)', number)
    .option('--memory <GB>', 'its memory (default: 32)', number)
    .option('--report <file>', 'a report of strongroom lab --json, instead of the recorded run')
    .option('--all', 'print every engine, also those that are ruled out')
    .option('--write [file]', 'write the config (default: strongroom.config.ts), and a secret')
    .option('--env <file>', 'with --write: the file for the secret (default: .env)')
    .option('--force', 'with --write: replace an existing file')
    .option('-y, --yes', 'ask nothing')
    .option('--json', 'one JSON value on stdout, for programs')
    .action(run)
  withExamples(
    command,
    'strongroom advise --property private-on-server --have postgres --servers 3',
    'strongroom advise --property durable --sessions 1000000 --requests 5000',
  )
}

async function run(options: Options): Promise<void> {
  const answers = await answersOf(options)
  const report = options.report === undefined ? recordedReport() : reportFrom(options.report)
  const advice = adviseOn(answers, { report })
  if (options.json) json({ answers: withoutUrls(answers), ...advice })
  else print(advice, answers, { all: options.all === true })
  if (options.write !== undefined) await write(advice, options)
  // A script must not take "nothing" for an answer.
  if (advice.recommended.length === 0) throw new Failure(1, 'No engine gives all of this: see what it would take.')
}

/** Where the servers are is nobody's concern who reads a report. */
const withoutUrls = ({ urls: _urls, ...answers }: Answers) => answers

async function answersOf(options: Options): Promise<Answers> {
  const given = answersIn(options)
  try {
    if (given.properties !== undefined) return answersFrom(given)
    if (!options.yes && !options.json && isInteractive()) return answersFrom(await ask(given))
  } catch (error) {
    if (error instanceof AnswersError) throw misuse(error.message, { cause: error })
    throw error
  }
  throw misuse(`Say what matters: --property all, or some of ${parsers.names.property.join(', ')}.`)
}

async function write({ recommended: [first] }: Advice, options: Options): Promise<void> {
  if (!first) return
  const { env = '.env' } = options
  const name = typeof options.write === 'string' ? options.write : configName()
  if (!/\.[mc]?[jt]s$/.test(name)) throw misuse('The file of --write ends with .ts, .mts, .js or .mjs.')
  checkFolder(env)
  checkWritable(name)
  await checkFree(name, options)
  const done = [writeSecret(env), ignoreInGit(env)]
  const { typescript, javascript } = first.config
  writeText(name, languageOf(name) === 'ts' ? typescript : javascript)
  // The result of --json is the only thing on its output.
  const say = options.json ? note : line
  for (const text of [...done, `Wrote ${name} (${first.name}).`]) if (text) say(text)
}

async function checkFree(name: string, { force, yes, json: isJson }: Options): Promise<void> {
  const other = CONFIGS.find((known) => known !== name && CONFIGS.includes(name) && existsSync(known))
  if (other) throw misuse(`${other} exists, and there must not be a second config (${name}). Remove it first.`)
  if (force || !existsSync(name)) return
  if (yes || isJson || !isInteractive())
    throw misuse(`${name} already exists, and nothing was changed. Replace it with --force.`)
  await confirm(`${name} already exists. Replace it?`)
}
