import { Command, InvalidArgumentError } from 'commander'

export interface Choices {
  readonly port: number
  readonly store: string
  readonly plainCookie: boolean
}

/** Reads the command line; prints a line and ends the process with exit code 2 if it cannot be understood. */
export function readCommand(argv: readonly string[]): Choices {
  return new Command('npm start --')
    .description('A small shop that shows what Strongroom does with its sessions.')
    .option('--port <number>', 'port to listen on; 0 is any free port', toPort, toPort(process.env.PORT ?? '3000'))
    .option(
      '--store <url>',
      'memory:, file:./dir, sqlite:./x.db, cookie:, postgres://…, mysql://…, redis://…, memcached://…',
      'sqlite:./.strongroom/demo.db',
    )
    .option(
      '--plain-cookie',
      'a cookie without Secure and __Host-, for browsers that refuse such cookies on http',
      false,
    )
    .helpOption('--help', 'show this')
    .showSuggestionAfterError(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .configureOutput({ outputError: (text, write) => write(`Strongroom demo: ${text.replace(/^error: /, '')}`) })
    .parse(argv)
    .opts()
}

function toPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new InvalidArgumentError('A port is a number from 0 to 65535.')
}
