import { Command, InvalidArgumentError } from 'commander'

export interface Choices {
  readonly port: number
  /** A store of the visitor's own, as a URL. */
  readonly store: string | null
  readonly servers: boolean
  /** A file that `strongroom lab --json` has written. */
  readonly report: string | null
  readonly plainCookie: boolean
}

/** Reads the command line; prints a line and ends the process with exit code 2 if it cannot be understood. */
export function readCommand(argv: readonly string[]): Choices {
  const {
    store = null,
    report = null,
    ...choices
  } = new Command('npm start --')
    .description('A page to attack session engines on, and to see what a thief would find.')
    .option('--port <number>', 'port to listen on; 0 is any free port', toPort, toPort(process.env.PORT ?? '3000'))
    .option('--servers', 'start private PostgreSQL, MariaDB, Redis, Valkey and memcached, where installed', false)
    .option('--store <url>', 'one more engine, on a store of yours: postgres://…, redis://…, file:./dir, cookie:, …')
    .option('--report <file>', 'show this report of strongroom lab --json instead of the recorded one')
    .option(
      '--plain-cookie',
      'cookies without Secure and __Host-, for browsers that refuse such cookies on http',
      false,
    )
    .helpOption('--help', 'show this')
    .addHelpText('after', EXAMPLES)
    .showSuggestionAfterError(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .configureOutput({ outputError: (text, write) => write(`Strongroom demo: ${text.replace(/^error: /, '')}`) })
    .parse(argv)
    .opts<Omit<Choices, 'store' | 'report'> & { store?: string; report?: string }>()
  return { ...choices, store, report }
}

const EXAMPLES = `
Examples:
  npm start -- --servers
  npm start -- --port 8080 --store postgres://localhost/shop`

function toPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new InvalidArgumentError('A port is a number from 0 to 65535.')
}
