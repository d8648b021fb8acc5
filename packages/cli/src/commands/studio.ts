import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type LabReport, type ServedStudio, type StudioEvent, serveStudio } from '@strongroom/studio'
import { type Command, InvalidArgumentError } from 'commander'
import { figures } from 'strongroom/figures'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { messageOf, misuse } from '../failure.ts'
import { withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { isInteractive, json, line, note } from '../output.ts'
import { stopOnSignal } from '../signals.ts'

interface Options extends StoreOptions {
  readonly port?: number
  readonly write?: true
  readonly title?: string
  readonly lab?: string
  readonly json?: true
}

export function studio(program: Command): void {
  const command = withNamespace(withStoreOptions(program.command('studio')))
    .summary('serve a page for operators on this machine')
    .description(
      "Serves pages for operators, on the loopback address alone: a user's sessions, how they are kept, and what the lab found. Prints a link that opens them once. They are read-only without --write. Runs until it is stopped with Ctrl-C.",
    )
    .option('--port <port>', 'where to listen (default: a free port)', portNumber)
    .option('--write', 'let operators end sessions')
    .option('--title <text>', 'what the pages are about, such as "shop, production" (default: the engine)')
    .option('--lab <file>', 'show this report, as strongroom lab --json prints it')
    .action((options: Options) => {
      const lab = options.lab === undefined ? undefined : labReport(options.lab)
      return withSessions(options, ['store', 'namespace', 'keys'], (sessions) => serve(sessions, options, lab))
    })
  withExamples(command, 'strongroom studio', 'strongroom studio --store env:DATABASE_URL --write --port 7664')
}

async function serve(sessions: AnySessions, options: Options, lab: LabReport | undefined): Promise<void> {
  const { port = 0, write = false, title = sessions.policy.engine } = options
  const stop = stopOnSignal()
  // What this command does with the store is counted, too, and is part of the history.
  await using counted = figures(sessions)
  await using studio = await serveStudio(sessions, { port, write, title, on: report, figures: counted, lab })
  print(studio, options, title)
  const input = options.json || !isInteractive() ? null : createInterface({ input: process.stdin })
  input?.on('line', () => line(`  ${studio.link()}`))
  await new Promise<void>((done) => {
    if (stop.aborted) done()
    stop.addEventListener('abort', () => done())
    // Ctrl-C reaches the reader of lines where the terminal is its own.
    input?.once('SIGINT', () => done())
  })
  input?.close()
}

function print(studio: ServedStudio, { write, json: isJson }: Options, title: string): void {
  const link = studio.link()
  if (isJson) {
    json({ origin: studio.origin, link, write: write === true })
    return
  }
  line(`Strongroom studio, ${title}, ${write ? 'which may end sessions' : 'read-only'}:`)
  line(`\n  ${link}\n`)
  const another = isInteractive() ? 'Enter prints a new one, ' : ''
  line(`The link opens it once, in one browser, within ten minutes. ${another}Ctrl-C stops it.`)
}

/** The audit log is what the terminal shows: who ran this command is known. */
function report(event: StudioEvent): void {
  if (event.type === 'ended') note(sentence(event))
  if (event.type === 'failed') note(`a page failed: ${messageOf(event.error)}`)
}

const ENDED = {
  one: 'one session',
  others: 'all but one session of a user',
  all: 'all sessions of a user',
  everybody: 'old sessions of everybody',
} as const

const sentence = ({ what, handle, count }: Extract<StudioEvent, { type: 'ended' }>) =>
  `ended ${ENDED[what]}${handle ? ` (${handle})` : ''}${count === null || what === 'one' ? '' : `: ${count}`}.`

function portNumber(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.')
}

/** Checked as far as the pages need it: what else is in the file is shown as it is. */
function labReport(path: string): LabReport {
  const wrong = (why: string) => misuse(`${path} is not a report of strongroom lab --json: ${why}`)
  let report: Partial<LabReport>
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw wrong(messageOf(error))
  }
  if (typeof report !== 'object' || report === null || report.format !== 1) throw wrong('its format is not 1.')
  const missing = (['rows', 'attacks', 'cells'] as const).find((name) => !Array.isArray(report[name]))
  if (missing) throw wrong(`it has no ${missing}.`)
  return report as LabReport
}
