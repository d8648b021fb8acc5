import { setImmediate as turn } from 'node:timers/promises'
import { type Figures, figures } from 'strongroom/figures'
import { contenderOf } from '../http/contenders.ts'
import { endCounting, SELDOM } from '../http/strongroom.ts'
import { begin, readOnce, writeOnce } from '../micro/sessions.ts'
import { checkCounted, type Pair } from './figures.ts'
import { inOrder } from './order.ts'

// `node bench/counting/process.ts NAME TURNS MS DIRECTORY`: prints, as JSON, what requests cost without HTTP, with and without figures,
// and what a flush of the figures costs.
const [name = '', turns = '1', ms = '50', directory = '.'] = process.argv.slice(2)
const urls = JSON.parse(process.env.STRONGROOM_BENCH_URLS ?? '{}')
const opened = contenderOf(name).open?.({ directory, urls })
if (!opened) throw new Error(`"${name}" has no sessions of ours.`)
const sessions = opened

/** As many at a time as there are connections over HTTP. */
const VISITORS = 32
const everybody = Array.from({ length: VISITORS }, (_, visitor) => visitor)
/** Turns that do not count: the compiler needs thousands of requests. */
const WARM_UP = 12
const cookies = await beginMany(VISITORS)

async function beginMany(count: number): Promise<string[]> {
  const made: string[] = []
  for (let from = 0; from < count; from += VISITORS)
    made.push(...(await Promise.all(everybody.map((visitor) => begin(sessions, from + visitor)))))
  return made
}

type Request = 'read' | 'write'
const REQUESTS: Readonly<Record<Request, (visitor: number) => Promise<unknown>>> = {
  read: (visitor) => readOnce(sessions, cookies[visitor] as string),
  async write(visitor) {
    cookies[visitor] = await writeOnce(sessions, cookies[visitor] as string)
  },
}

/** One request of everybody, and a turn of the event loop: within a turn, reads of one session are shared. */
async function all(request: Request): Promise<void> {
  await Promise.all(everybody.map(REQUESTS[request]))
  await turn()
}

async function requestsFor(request: Request, ms: number): Promise<number> {
  const until = performance.now() + ms
  let count = 0
  do {
    await all(request)
    count += VISITORS
  } while (performance.now() < until)
  return count
}

/** As many requests as fit into a slice, and the µs of processor for one of them. */
async function sliceOf(request: Request) {
  // What the compiler had made of the other way has to be made again first.
  await requestsFor(request, Number(ms) / 2)
  let count = 0
  const used = await processorOf(async () => {
    count = await requestsFor(request, Number(ms))
  })
  return { count, cost: used / count }
}

async function processorOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

async function costWithFigures(request: Request): Promise<number> {
  const counting = figures(sessions, { every: SELDOM })
  const { count, cost } = await sliceOf(request)
  checkCounted(name, await endCounting(counting), count)
  return cost
}

async function pairsOf(request: Request): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let turn = -WARM_UP; turn < Number(turns); turn++) {
    const pair = await inOrder(
      turn,
      async () => (await sliceOf(request)).cost,
      () => costWithFigures(request),
    )
    if (turn >= 0) pairs.push(pair)
  }
  return pairs
}

/** More than are looked at to estimate how many a store has. */
const STORED = 3200
/** What is written together covers ten minutes, so that a flush costs more with each of them. */
const MINUTES = 10

/** µs of processor for a flush of each minute, after a first ten of them. */
async function flushesOf(): Promise<number[]> {
  await beginMany(STORED)
  let now = Date.now()
  const counting = figures(sessions, { every: SELDOM, clock: () => now })
  for (let minute = 0; minute < MINUTES; minute++) await minuteOf(counting)
  const costs: number[] = []
  for (let minute = 0; minute < MINUTES; minute++) costs.push(await minuteOf(counting))
  await counting.close()
  return costs

  /** With requests in every interval of it. */
  async function minuteOf(counting: Figures): Promise<number> {
    for (let interval = 0; interval < 6; interval++) {
      await all('read')
      await all('write')
      now += 10_000
    }
    return processorOf(() => counting.flush())
  }
}

const pairs = { read: await pairsOf('read'), write: await pairsOf('write') }
console.log(JSON.stringify({ pairs, flushes: await flushesOf() }))
process.exit()
