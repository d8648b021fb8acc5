import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { application } from './app.ts'
import { readCommand } from './command.ts'
import { endOnSignal } from './ending.ts'
import { openVault, type Vault } from './vault.ts'

const { port, store, plainCookie } = readCommand(process.argv)

let vault: Vault
try {
  vault = await openVault({ store, plainCookie })
} catch (error) {
  fail(2, describe(error as Error))
}

const server = createServer(application(vault))
server.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EADDRINUSE')
    fail(1, `port ${port} is taken. Choose another: npm start -- --port ${port + 1}, or --port 0 for any free one.`)
  if (code === 'EACCES')
    fail(1, `port ${port} needs permissions that this user lacks. Choose one above 1023: --port 3000.`)
  fail(1, message)
})
// On this machine only, because the shop has no passwords.
server.listen(port, 'localhost', () => {
  console.log(`Strongroom demo: http://localhost:${(server.address() as AddressInfo).port}`)
  console.log(`Sessions are stored in: ${vault.storage}. Ctrl-C stops the demo.`)
})
endOnSignal(server, vault)

function describe({ message, cause }: Error): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message
}

function fail(code: number, message: string): never {
  console.error(`Strongroom demo: ${message}`)
  process.exit(code)
}
