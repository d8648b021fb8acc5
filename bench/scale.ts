import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outputOf } from './children.ts'
import type { Figure } from './figures.ts'
import { type Cost, type Costs, costsOf, processorTimes, UNITS, VERBS, type Verb } from './scale/cost.ts'
import { startPostgres } from './scale/postgres.ts'
import { startRedis } from './scale/redis.ts'
import { type LargeSite, OWNED, sizeName } from './scale/seed.ts'

export interface ScaleOptions {
  /** Sessions in the small store and, for each engine of this machine, in the large one. */
  readonly few: number
  readonly many: Readonly<Record<'memory' | 'file' | 'sqlite', number>>
  /** Sessions in each of the stores on servers, the smallest first. */
  readonly onServers: readonly number[]
  readonly say: (line: string) => void
}

type Say = ScaleOptions['say']

/**
 * From so many sessions on, those in Redis have records of 200 bytes instead of 1.3 KB: it holds all of them in memory, and ten
 * million whole ones would take 20 GB.
 */
const SLIM = { from: 5_000_000, bytes: 200 } as const

/** A sweep is stopped after so many ms: what it has removed by then tells what the rest would cost. */
const LONGEST_SWEEP = 60_000

const PARTS = Object.keys(UNITS) as (keyof Cost)[]

/** What requests and the sweep cost with few sessions in the store and with many. Ratios are of few to many. */
export async function measureScale({ few, many, onServers, say }: ScaleOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [engine, count] of Object.entries(many)) figures.push(...(await measureLocal(engine, [few, count], say)))
  figures.push(...(await measureRedis(onServers, say)), ...(await measurePostgres(onServers, say)))
  return figures
}

async function measureLocal(engine: string, [few, many]: readonly [number, number], say: Say): Promise<Figure[]> {
  const costs = async (size: number) => {
    say(`scale, ${engine} with ${sizeName(size)}`)
    return localCosts(engine, size)
  }
  // The small store before and after the large one, so that a change of the machine's pace affects both.
  const [before, large, after] = [await costs(few), await costs(many), await costs(few)]
  return VERBS.flatMap((verb) =>
    figuresOf(engine, verb, [sizeName(few), sizeName(many)], [mean(before[verb], after[verb]), large[verb]]),
  )
}

async function localCosts(engine: string, count: number): Promise<Costs> {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-bench-'))
  try {
    return (await outputOf('./population.ts', [engine, `${count}`, directory], ['--max-old-space-size=8192'])) as Costs
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureRedis(sizes: readonly number[], say: Say): Promise<Figure[]> {
  const names = sizes.map((size) => `${sizeName(size)}${size < SLIM.from ? '' : ` of ${SLIM.bytes} bytes`}`)
  const sites: NonNullable<Awaited<ReturnType<typeof startRedis>>>[] = []
  try {
    for (const size of sizes) {
      say(`scale, filling Redis with ${sizeName(size)}`)
      const site = await startRedis(size, size < SLIM.from ? undefined : SLIM.bytes)
      if (!site) return []
      sites.push(site)
    }
    const memory = sites.map(async (site, i): Promise<Figure> => {
      const value = (await site.memory()) / (sizes[i] as number)
      const contender = `strongroom redis two-key, ${OWNED} sessions a user`
      return {
        bench: 'size',
        contender,
        route: names[i] as string,
        value,
        unit: 'bytes per session',
        ratioToLimit: null,
      }
    })
    return [...(await Promise.all(memory)), ...(await measureSites('redis', names, sites, say))]
  } finally {
    for (const site of sites) await site.stop()
  }
}

async function measurePostgres(sizes: readonly number[], say: Say): Promise<Figure[]> {
  const server = await startPostgres()
  if (!server) return []
  try {
    for (const size of sizes) {
      say(`scale, filling Postgres with ${sizeName(size)}`)
      await server.fill(`of_${size}`, size)
    }
    const sites = sizes.map((size) => server.open(`of_${size}`))
    const figures = await measureSites('postgres', sizes.map(sizeName), sites, say)
    for (const site of sites) await site.close()
    return figures
  } finally {
    await server.stop()
  }
}

async function measureSites(
  engine: string,
  names: readonly string[],
  sites: readonly LargeSite[],
  say: Say,
): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const verb of VERBS) {
    say(`scale, measuring ${engine}: ${verb}`)
    figures.push(...figuresOf(engine, verb, names, await costsOf(sites, verb)))
  }
  const sweeps: Partial<Cost>[] = []
  for (const [i, site] of sites.entries()) {
    say(`scale, measuring ${engine}: sweep among ${names[i]}`)
    sweeps.push(await sweepCost(site))
  }
  say(`scale, ${engine} is measured`)
  return [...figures, ...figuresOf(engine, 'removal of a session by a sweep', names, sweeps)]
}

/** For one session that is removed. */
async function sweepCost({ sweep, serverTime }: LargeSite): Promise<Partial<Cost>> {
  let removed = 0
  const { processor, server } = await processorTimes(serverTime, async () => {
    removed = await sweep(AbortSignal.timeout(LONGEST_SWEEP))
  })
  return { processor: processor / removed, server: server === null ? null : server / removed }
}

/** The first is the store that the others are compared with. */
function figuresOf(
  engine: string,
  what: Verb | string,
  names: readonly string[],
  costs: readonly Partial<Cost>[],
): Figure[] {
  const contender = `strongroom ${engine} two-key, no memo`
  return costs.flatMap((cost, i) =>
    PARTS.flatMap((part): Figure[] => {
      const [value, least] = [cost[part], costs[0]?.[part]]
      if (value == null || least == null) return []
      const route = `${what} among ${names[i]}`
      return [{ bench: 'scale', contender, route, value, unit: UNITS[part], ratioToLimit: least / value }]
    }),
  )
}

function mean(one: Cost, other: Cost): Cost {
  const of = (part: 'median' | 'p99' | 'processor') => (one[part] + other[part]) / 2
  return { median: of('median'), p99: of('p99'), processor: of('processor'), server: null }
}
