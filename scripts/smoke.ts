/**
 * `npm run smoke`: does `npm start` serve its page on a free port, keep a note on every engine, find it where it can be read, and
 * end cleanly on SIGINT?
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { root } from './packages.ts'

const START = 60_000
const END = 10_000

// A group of its own, so that SIGINT reaches npm and the application together, as it does from a terminal. bash becomes the
// command that it is given, where sh stays in between, gets the signal too, and hides the application's exit code.
const server = spawn('npm', ['start', '--script-shell=bash', '--', '--port', '0'], { cwd: root, detached: true })
const ended = once(server, 'exit') as Promise<[code: number | null, signal: string | null]>
let output = ''
for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk))
const signal = (name: NodeJS.Signals) => process.kill(-(server.pid as number), name)

try {
  const address = await within(START, 'printed no address', addressPrinted())
  await look(address)
  signal('SIGINT')
  const [code, by] = await within(END, 'did not end after SIGINT', ended)
  if (code !== 0) throw new Error(`ended with ${by ?? `exit code ${code}`} after SIGINT`)
  console.log(`npm start served ${address} and ended cleanly`)
} catch (error) {
  console.error(`npm start ${(error as Error).message}\n${output}`)
  if (server.exitCode === null && server.signalCode === null) signal('SIGKILL')
  process.exitCode = 1
}

/** What a visitor does first. */
async function look(address: string): Promise<void> {
  const signal = AbortSignal.timeout(END)
  const first = await fetch(address, { signal })
  if (first.status !== 200) throw new Error(`GET / returned ${first.status}`)
  if (!(await first.text()).includes('<h1')) throw new Error('GET / returned a page without a heading')
  const body = new URLSearchParams({ note: 'a note of the smoke test' })
  const kept = await fetch(`${address}/note`, {
    method: 'POST',
    body,
    signal,
    redirect: 'manual',
    headers: { 'sec-fetch-site': 'same-origin' },
  })
  if (kept.status !== 303) throw new Error(`POST /note returned ${kept.status}`)
  const cookie = kept.headers.getSetCookie().map((line) => line.split(';', 1)[0])
  const page = await (await fetch(address, { headers: { cookie: cookie.join('; ') }, signal })).text()
  for (const words of ['not found', 'found in base64', 'found as plain text'])
    if (!page.includes(words)) throw new Error(`The page does not say "${words}" of a note`)
}

async function addressPrinted(): Promise<string> {
  for (;;) {
    const [address] = /http:\/\/\S+/.exec(output) ?? []
    if (address) return address
    if (server.exitCode !== null) throw new Error(`ended with exit code ${server.exitCode}`)
    await wait(50)
  }
}

function within<T>(limit: number, complaint: string, promise: Promise<T>): Promise<T> {
  const late = wait(limit, undefined, { ref: false }).then(() => {
    throw new Error(`${complaint} within ${limit / 1000} s`)
  })
  return Promise.race([promise, late])
}
