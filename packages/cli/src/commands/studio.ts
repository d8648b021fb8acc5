import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Panels, type ServedStudio, type ServeOptions, type StudioEvent, serveStudio } from '@strongroom/studio'
import { type Command, InvalidArgumentError } from 'commander'
import { figures } from 'strongroom/figures'
import { type AnySessions, noteNamespace, type StoreOptions, storeUrl, withSessionsAt } from '../config.ts'
import { reportFrom } from '../evidence-file.ts'
import { messageOf } from '../failure.ts'
import { recordedReport } from '../lab/index.ts'
import { withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { isInteractive, json, line, note } from '../output.ts'
import { stopOnSignal } from '../signals.ts'
import { advisorPanel, doctorPanel } from '../studio-panels.ts'

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
      "Serves pages for operators, on the loopback address alone: a user's sessions, figures, what the lab found, the advisor and the doctor. Prints a link that opens them once. They are read-only without --write. Runs until it is stopped with Ctrl-C.",
    )
    .option('--port <port>', 'where to listen (default: a free port)', portNumber)
    .option('--write', 'let operators end sessions')
    .option('--title <text>', 'what the pages are about, such as "shop, production" (default: the engine)')
    .option('--lab <file>', 'a report of strongroom lab --json, instead of the recorded run')
    .action(run)
  withExamples(command, 'strongroom studio', 'strongroom studio --store env:DATABASE_URL --write --port 7664')
}

async function run(options: Options): Promise<void> {
  const report = options.lab === undefined ? recordedReport() : reportFrom(options.lab)
  const url = await storeUrl(options)
  // Resolved now, because a config is loaded in its own folder.
  const env = options.env === undefined ? undefined : resolve(options.env)
  const given = { ...options, needs: ['store', 'keys'] } as const
  await withSessionsAt(url, given, (sessions) => {
    // Now, and not when it ends: a user of another namespace looks like one without sessions.
    if (url !== null && options.namespace === undefined) noteNamespace(sessions)
    return serve(sessions, options, {
      lab: report ?? undefined,
      advisor: advisorPanel(report),
      // With a URL, nothing is known of the application's cookie: it is not that of these sessions.
      doctor: doctorPanel(url ?? sessions, env),
      isApplication: url === null,
    })
  })
}

type About = Panels & Pick<ServeOptions, 'isApplication'>

async function serve(sessions: AnySessions, options: Options, about: About): Promise<void> {
  const { port = 0, write = false, title = sessions.policy.engine } = options
  const stop = stopOnSignal()
  // The history is the application's: what this command asks of the store is not, and read-only is read-only.
  const counted = figures(sessions, { calls: false, readOnly: !write })
  // Otherwise it would be a minute before the page knows how many sessions there are. The page says what went wrong.
  void counted.flush().catch((error) => note(`the store could not be looked at: ${messageOf(error)}`))
  await using studio = await serveStudio(sessions, { port, write, title, on: report, figures: counted, ...about })
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
  // A store that is away is no reason to end with a failure: the operator has wanted no more than to stop.
  await counted.close().catch((error) => note(`what was ended here is not in the figures: ${messageOf(error)}`))
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
