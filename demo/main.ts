import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { application } from './app.ts'
import { readCommand } from './command.ts'
import { endOnSignal } from './ending.ts'
import { openSite, type Site } from './site.ts'

const { port, servers, ...choices } = readCommand(process.argv)

let site: Site
try {
  site = await openSite(choices)
} catch (error) {
  const { code, path } = error as NodeJS.ErrnoException
  if (path?.startsWith('.strongroom'))
    fail(
      1,
      `it keeps what visitors leave in the folder .strongroom here, and cannot (${code}). Start it where you may write.`,
    )
  fail(2, describe(error as Error))
}

const server = createServer(application(site))
server.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EADDRINUSE')
    fail(1, `port ${port} is taken. Choose another: npm start -- --port ${port + 1}, or --port 0 for any free one.`)
  if (code === 'EACCES')
    fail(1, `port ${port} needs permissions that this user lacks. Choose one above 1023: --port 3000.`)
  fail(1, message)
})
// On this machine only: the page attacks itself, and anyone who reaches it may press the buttons.
server.listen(port, 'localhost', () => {
  const running = site.targets.running.map(({ title }) => title).join(', ')
  console.log(`Strongroom demo: http://localhost:${(server.address() as AddressInfo).port}`)
  console.log(`It runs ${running}. Ctrl-C stops it.`)
  if (servers) startServers()
})
endOnSignal(server, site)

/** While the page is there already: databases take some seconds. */
async function startServers(): Promise<void> {
  await site.targets.start()
  for (const { title, state, why } of site.targets.absent) console.log(`${title}: ${state}. ${why}`.trim())
}

function describe({ message, cause }: Error): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message
}

function fail(code: number, message: string): never {
  console.error(`Strongroom demo: ${message}`)
  process.exit(code)
}
