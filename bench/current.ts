import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { createSessions } from 'strongroom'
import { memory } from 'strongroom/memory'
import { sessionFor } from 'strongroom/testing'
import { inOrder } from './counting/order.ts'
import { median } from './figures.ts'

// `node bench/current.ts [turns] [requests]`: µs of processor that a request costs more because of `sessions.current()`: for those who never
// call it, which is one AsyncLocalStorage.run around the handler, and for those who call it instead of `get(request)`.
const [turns = '30', requests = '20000'] = process.argv.slice(2)
const sessions = createSessions({ store: memory(), secrets: randomBytes(32) })
const headers = { cookie: (await sessionFor(sessions, { userId: 'ada' })).cookie }

type Ask = (request: object) => Promise<{ readonly userId: string | null }>
const byRequest: Ask = (request) => sessions.get(request)
const byContext: Ask = () => sessions.current()

/** What an adapter and a handler do, with the awaits of a small service. */
async function handle(request: object, ask: Ask): Promise<void> {
  await undefined
  const session = await ask(request)
  for (let layer = 0; layer < 5; layer++) await layer
  if (session.userId !== 'ada') throw new Error('The session is not the visitor’s.')
}

const direct = (request: object, ask: Ask) => handle(request, ask)
const within = (request: object, ask: Ask) => sessions.within(request, handle, request, ask)

async function requestOf(run: typeof direct, ask: Ask): Promise<void> {
  const request = {}
  const visit = sessions.open(headers)
  sessions.attach(request, visit)
  await run(request, ask)
  await visit.commit(200)
}

async function costOf(run: typeof direct, ask: Ask): Promise<number> {
  await slice(run, ask, Number(requests) / 4)
  const before = process.cpuUsage()
  await slice(run, ask, Number(requests))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / Number(requests)
}

async function slice(run: typeof direct, ask: Ask, count: number): Promise<void> {
  for (let done = 0; done < count; done += 32) {
    await Promise.all(Array.from({ length: 32 }, () => requestOf(run, ask)))
    await turn()
  }
}

// A server that is listening, as every application has: its own requests do not count.
const server = createServer().listen(0)
for (const [name, run, ask] of [
  ['never called', within, byRequest],
  ['called instead of get(request)', within, byContext],
] as const) {
  const more: number[] = []
  const without: number[] = []
  for (let at = -5; at < Number(turns); at++) {
    const pair = await inOrder(
      at,
      () => costOf(direct, byRequest),
      () => costOf(run, ask),
    )
    if (at < 0) continue
    without.push(pair.without)
    more.push(pair.with - pair.without)
  }
  const base = median(without)
  const cost = median(more)
  console.log(
    `current(), ${name}: ${cost.toFixed(2)} µs more than ${base.toFixed(2)} µs (${((100 * cost) / base).toFixed(1)} %)`,
  )
}
server.close()
