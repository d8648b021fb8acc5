import { do_not_optimize, measure } from 'mitata'
import { type Figure, median } from '../figures.ts'
import type { Case } from './case.ts'
import { parts } from './parts.ts'
import { sealing } from './sealing.ts'
import { whole } from './whole.ts'

export interface MicroOptions {
  readonly rounds: number
  /** For one case in one round. */
  readonly seconds: number
  readonly say: (line: string) => void
}

/** Cases take turns as the servers do, and their figures are medians over the rounds too. */
export async function measureMicro({ rounds, seconds, say }: MicroOptions): Promise<Figure[]> {
  const cases = [...sealing(), ...parts(), ...(await whole())]
  const times = new Map<string, number[]>(cases.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    say(`micro, round ${round} of ${rounds}`)
    for (const each of cases) times.get(each.name)?.push(await (each.cold ? coldTimeOf(each) : timeOf(each, seconds)))
  }
  return cases.map((each) => figureOf(each, times))
}

/** In µs: the median of samples, each of which is the mean of a thousand calls, including the garbage that they make. */
async function timeOf({ run, waits = false }: Case, seconds: number): Promise<number> {
  // Warmed up first, because mitata measures differently if the first call takes long.
  for (let i = 0; i < 3000; i++) await run()
  const batched = { batch_threshold: Number.POSITIVE_INFINITY, batch_samples: 1024 }
  const timed = waits ? async () => do_not_optimize(await run()) : () => do_not_optimize(run())
  const { p50 } = await measure(timed, { ...batched, min_cpu_time: seconds * 1e9 })
  return p50 / 1000
}

/** In µs: the median of single calls, each after a walk through more memory than the caches hold. */
async function coldTimeOf({ run }: Case): Promise<number> {
  const other = new Float64Array((32 << 20) / Float64Array.BYTES_PER_ELEMENT)
  const times: number[] = []
  for (let i = 0; i < 300; i++) {
    // One number in each line of 64 bytes.
    for (let at = 0; at < other.length; at += 8) other[at] = (other[at] as number) + 1
    const began = performance.now()
    do_not_optimize(run())
    times.push((performance.now() - began) * 1000)
  }
  return median(times)
}

function figureOf({ name, limit }: Case, times: ReadonlyMap<string, readonly number[]>): Figure {
  const mine = times.get(name) as readonly number[]
  const theirs = limit === undefined ? null : (times.get(limit) as readonly number[])
  const ratios = theirs && mine.map((time, round) => (theirs[round] as number) / time)
  return {
    bench: 'micro',
    contender: 'strongroom',
    route: name,
    value: median(mine),
    unit: 'µs',
    ratioToLimit: ratios && median(ratios),
  }
}
