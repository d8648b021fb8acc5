import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { createSessions, type Sessions } from 'strongroom'
import { memory } from 'strongroom/memory'
import { sessionFor } from 'strongroom/testing'
import { inOrder } from './counting/order.ts'
import { median } from './figures.ts'

// `node bench/renewal.ts [turns] [requests]`: µs of processor that a request which reads its session costs more because of `renewEvery`: with
// a token that is not due, which is nearly every request; the same while the previous token still opens; and with that previous token.
const [turns = '30', requests = '20000'] = process.argv.slice(2)

let now = Date.now()
const clock = () => now
const common = { secrets: randomBytes(32), clock, seal: 'two-key', idle: '8h' } as const
const plain = createSessions({ ...common, store: memory({ clock }) })
const renewing = createSessions({ ...common, store: memory({ clock }), renewEvery: '15m' })

interface Case {
  readonly name: string
  readonly sessions: Sessions
  readonly cookie: string
}

async function read({ sessions, cookie }: Pick<Case, 'sessions' | 'cookie'>): Promise<string | null> {
  const visit = sessions.open({ cookie })
  const session = await visit.get()
  if (session.userId !== 'ada') throw new Error('The session is not the visitor’s.')
  const { setCookie } = await visit.commit(200)
  return setCookie?.split(';', 1)[0] ?? null
}

/** A session whose token was renewed, and seen, a moment ago. */
async function inGrace(): Promise<{ readonly before: string; readonly after: string }> {
  const { cookie: before } = await sessionFor(renewing, { userId: 'ada' })
  now += 15 * 60_000
  const after = await read({ sessions: renewing, cookie: before })
  if (after === null) throw new Error('The token was not renewed.')
  await turn()
  await read({ sessions: renewing, cookie: after })
  return { before, after }
}

const { before, after } = await inGrace()
const without: Case = { name: '', sessions: plain, cookie: (await sessionFor(plain, { userId: 'ada' })).cookie }
const cases: readonly Case[] = [
  { name: 'not due', sessions: renewing, cookie: (await sessionFor(renewing, { userId: 'ada' })).cookie },
  { name: 'in the grace, with the new token', sessions: renewing, cookie: after },
  { name: 'in the grace, with the previous token', sessions: renewing, cookie: before },
]

async function costOf(one: Case): Promise<number> {
  await slice(one, Number(requests) / 4)
  const began = process.cpuUsage()
  await slice(one, Number(requests))
  const { user, system } = process.cpuUsage(began)
  return (user + system) / Number(requests)
}

async function slice(one: Case, count: number): Promise<void> {
  for (let done = 0; done < count; done += 32) {
    await Promise.all(Array.from({ length: 32 }, () => read(one)))
    await turn()
  }
}

// A server that is listening, as every application has: its own requests do not count.
const server = createServer().listen(0)
for (const one of cases) {
  const [more, base]: [number[], number[]] = [[], []]
  for (let at = -5; at < Number(turns); at++) {
    const pair = await inOrder(
      at,
      () => costOf(without),
      () => costOf(one),
    )
    if (at < 0) continue
    base.push(pair.without)
    more.push(pair.with - pair.without)
  }
  const [cost, usual] = [median(more), median(base)]
  console.log(
    `renewEvery, ${one.name}: ${cost.toFixed(2)} µs more than ${usual.toFixed(2)} µs (${((100 * cost) / usual).toFixed(1)} %)`,
  )
}
server.close()
