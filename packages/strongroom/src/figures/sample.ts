import type { Clock, Store } from '../store.ts'

/**
 * A number of entries, and how it was found: counted to the end, estimated from a sample, or counted up to a bound; `at most` where the
 * rest was counted up to a bound.
 */
export interface Sampled {
  readonly count: number
  readonly is: 'exact' | 'estimate' | 'at least' | 'at most'
}

/** What is in the store, of all applications that share it; null where it could not be told cheaply. */
export interface StoreSample {
  readonly at: number
  readonly live: Sampled | null
  /** Expired and not cleared yet; null where the store removes them by itself. */
  readonly expired: Sampled | null
}

/** No more entries than this are counted one by one. */
const MOST = 10_000
/** Nor for longer than this, in ms: a walk through files that finds nothing would not end. */
const LONGEST = 1000

type Countable = Pick<Store, 'traits' | 'clearExpired' | 'scan' | 'estimate'>

/** A bounded amount of work, whatever the store holds: never a walk through a table of a million rows. */
export async function sampleOf(store: Countable, clock: Clock): Promise<StoreSample> {
  const at = clock()
  const expired = store.traits.expiresByItself ? null : await expiredIn(store)
  return { at, live: await liveIn(store, expired), expired }
}

async function liveIn(store: Countable, expired: Sampled | null): Promise<Sampled | null> {
  const all = await store.estimate?.()
  if (all) {
    const is = expired?.is === 'at least' ? 'at most' : all.exact ? 'exact' : 'estimate'
    return { count: Math.max(0, all.count - (expired?.count ?? 0)), is }
  }
  if (!store.scan) return null
  let count = 0
  const until = performance.now() + LONGEST
  for await (const page of store.scan()) {
    count += page.length
    if (count >= MOST || performance.now() > until) return { count, is: 'at least' }
  }
  return { count, is: 'exact' }
}

async function expiredIn(store: Countable): Promise<Sampled> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), LONGEST)
  const onProgress = (count: number) => {
    if (count >= MOST) stop.abort()
  }
  try {
    const count = await store.clearExpired({ dryRun: true, signal: stop.signal, onProgress })
    return { count, is: stop.signal.aborted ? 'at least' : 'exact' }
  } finally {
    clearTimeout(timer)
  }
}
