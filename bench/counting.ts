import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { checkCounted, countingFigures, type Pair } from './counting/figures.ts'
import { inOrder } from './counting/order.ts'
import type { Figure } from './figures.ts'
import { ask } from './http/client.ts'
import type { Contender } from './http/contender.ts'
import { contenderOf } from './http/contenders.ts'
import { type Running, start } from './http/fleet.ts'
import { load, type Slice, warmUp, wrk, wrkMissing } from './http/load.ts'
import { SERVER, spawnOn } from './processors.ts'
import { installed, startServers, type Urls } from './servers.ts'

export interface CountingOptions {
  /** Starts of each server. */
  readonly rounds: number
  /** Pairs of slices on each route in one round. */
  readonly turns: number
  /** Of one slice over HTTP. */
  readonly seconds: number
  readonly sessions: number
  readonly contenders?: RegExp | undefined
  readonly say: (line: string) => void
}

/** The cheapest requests that there are, and engines whose calls have to be waited for. */
export const COUNTED = [
  'strongroom memory none',
  'strongroom memory two-key',
  'strongroom sqlite two-key',
  'strongroom cookie sealed',
  'strongroom redis two-key',
  'strongroom postgres two-key',
] as const

const ROUTES = ['read', 'write'] as const

const MAIN = fileURLToPath(new URL('./counting/process.ts', import.meta.url))
/** Of one slice without HTTP. */
const SLICE = 60
/** Without HTTP a slice costs no start of a load generator. */
const MORE_TURNS = 3

/**
 * What `figures(sessions)` costs a request. One server is measured with and without it, in slices that take turns: two servers would
 * differ by more than what is looked for, because the compiler's results differ from one start to the next. Each round starts the server
 * again, and what it says is one measurement of those that the interval is computed from.
 */
export async function measureCounting(options: CountingOptions): Promise<Figure[]> {
  const { rounds, say, contenders } = options
  const wanted = COUNTED.map(contenderOf).filter(({ name }) => contenders?.test(name) ?? true)
  const chosen = wanted.filter(({ needs }) => !needs || installed(needs))
  for (const { name, needs } of wanted)
    if (needs && !installed(needs)) say(`${name} is left out: ${needs} is not installed`)
  if (!wrk) say(wrkMissing)
  const servers = await startServers(chosen.flatMap(({ needs }) => needs ?? []))
  const taken = new Map(chosen.map((contender) => [contender, new Measured()] as const))
  try {
    for (let round = 1; round <= rounds; round++)
      for (const [contender, measured] of taken) {
        say(`counting, round ${round} of ${rounds}: ${contender.name}`)
        const inside = await withoutHttp(contender, options, servers.urls)
        measured.add('without HTTP', inside.pairs)
        measured.flushes.push(...inside.flushes)
        if (wrk) measured.add('over HTTP', await overHttp(contender, options, servers.urls))
      }
  } finally {
    await servers.stop()
  }
  return [...taken].flatMap(([{ name }, { rounds, flushes }]) => countingFigures(name, rounds, flushes))
}

type Pairs = Readonly<Record<(typeof ROUTES)[number], readonly Pair[]>>

class Measured {
  readonly rounds = new Map<string, (readonly Pair[])[]>()
  readonly flushes: number[] = []

  add(how: string, pairs: Pairs): void {
    for (const route of ROUTES) {
      const key = `${route} ${how}`
      const starts = this.rounds.get(key) ?? []
      starts.push(pairs[route])
      this.rounds.set(key, starts)
    }
  }
}

async function withoutHttp({ name }: Contender, { turns }: CountingOptions, urls: Urls) {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-bench-'))
  try {
    const args = [MAIN, name, `${turns * MORE_TURNS}`, `${SLICE}`, directory]
    const child = spawnOn(SERVER, process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_ENV: 'production', STRONGROOM_BENCH_URLS: JSON.stringify(urls) },
    })
    const [said, [status]] = await Promise.all([text(child.stdout as Readable), once(child, 'exit')])
    if (status !== 0) throw new Error(`${name}: the process that counts failed.`)
    return JSON.parse(said) as { pairs: Pairs; flushes: number[] }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function overHttp(contender: Contender, { sessions, turns, seconds }: CountingOptions, urls: Urls) {
  const running = await start(contender, { sessions, urls })
  try {
    const pairs: Partial<Record<(typeof ROUTES)[number], Pair[]>> = {}
    for (const route of ROUTES) {
      // What the compiler had made of the other way has to be made again first.
      const slice = async () => {
        await load(running, route, seconds / 2)
        return load(running, route, seconds)
      }
      const without = async () => (await slice()).cost
      const withFigures = () => counted(running, slice)
      await warmUp(running, route)
      const measured: Pair[] = []
      for (let turn = 0; turn < turns; turn++) measured.push(await inOrder(turn, without, withFigures))
      pairs[route] = measured
    }
    return pairs as Pairs
  } finally {
    await running.stop()
  }
}

/** What it costs while the server counts, which has to be seen in what it has counted. */
async function counted({ origin, contender }: Running, work: () => Promise<Pick<Slice, 'cost' | 'requests'>>) {
  await ask(origin, '/figures/on')
  const { cost, requests } = await work()
  const { value } = (await ask(origin, '/figures/off')).body
  checkCounted(contender.name, Number(value), requests)
  return cost
}
