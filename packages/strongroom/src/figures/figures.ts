import { randomInt } from 'node:crypto'
import { booleanOption, checkOptions, clockOption } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import { ConfigError, StoreError } from '../errors.ts'
import type { BaseSessions } from '../sessions.ts'
import type { Clock, Store } from '../store.ts'
import { addBlock, type Block, type BlockName, Blocks } from './blocks.ts'
import { Counter } from './counter.ts'
import { History } from './history.ts'
import { percentile } from './latency.ts'
import { addPoint, emptyPoint, type Point } from './point.ts'
import { type Sampled, type StoreSample, sampleOf } from './sample.ts'
import { blocksOf, SCALES, type ScaleName, startOf } from './scales.ts'

export type { Sampled, StoreSample }

/** Options of `figures`. */
export interface FiguresOptions {
  /**
   * How often this process adds what it has counted to the history in the store, and looks at how much is stored. Default `'1m'`; false
   * keeps the figures in this process alone.
   */
  readonly every?: Duration | false | undefined
  /**
   * Count the store calls of this process, and their failures? Default true; false for a program that operators look with, whose calls
   * would be taken for those of the application.
   */
  readonly calls?: boolean | undefined
  /** Show the history in the store, and write nothing to the store? Default false. */
  readonly readOnly?: boolean | undefined
  /** Returns the time in ms; for tests. */
  readonly clock?: Clock | undefined
}

/** The calls of one method of the store: how many, how many of them failed, and within which time, in ms, so many were over. */
export interface CallFigures {
  readonly count: number
  readonly failed: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** One interval. What did not happen in it is left out. */
export interface FiguresPoint {
  /** When it began, in ms since 1970. */
  readonly at: number
  readonly counts: Readonly<Record<string, number>>
  readonly calls: Readonly<Record<string, CallFigures>>
  /** Live sessions and expired rows, as they were last seen; null if nobody looked, or where that cannot be told. */
  readonly live: number | null
  readonly expired: number | null
}

/** What happened in each interval of a span of time. */
export interface FiguresSeries {
  /** The length of an interval, in ms. */
  readonly every: number
  /** The oldest first; the last one is not over yet. One for each interval, also for those in which nothing happened. */
  readonly points: readonly FiguresPoint[]
  /** All of them together. */
  readonly total: Omit<FiguresPoint, 'at'>
}

/** All figures of one moment. */
export interface FiguresSnapshot {
  readonly at: number
  /**
   * Is the history in the store, with that of all processes, or of this process alone? `read-only`: in the store, where this process
   * adds nothing to it.
   */
  readonly history: 'store' | 'read-only' | 'process'
  /** Why the history could not be read or written; null if it could. Then the figures are those of this process. */
  readonly problem: string | null
  /** What is in the store; null before somebody has looked, and where nothing is on the server. */
  readonly stored: StoreSample | null
  readonly hour: FiguresSeries
  readonly day: FiguresSeries
  readonly month: FiguresSeries
}

/** Counts what happens to the sessions of one `createSessions`, and keeps a history of it. */
export interface Figures extends AsyncDisposable {
  /** The last hour by 10 s, the last day by 5 min, and the last 30 days by the hour. Can be sent as JSON. Never rejects. */
  snapshot(): Promise<FiguresSnapshot>
  /** Adds what was counted to the history now, and looks at how much is stored. Rejects with `StoreError`; nothing that was counted is lost then. */
  flush(): Promise<void>
  /** Stops counting, after a last `flush`. Does not close the sessions. */
  close(): Promise<void>
}

const DEFAULT_EVERY = 60_000
/** Of one entry; other entries have to fit beside it. */
const LIMIT = 64 * 1024
/** How long a block that may still change is taken from memory, in ms, so that a page that is reloaded does not ask the store again. */
const BELIEVED = 5_000
/** Of a snapshot during which a flush has begun. */
const ATTEMPTS = 3

/** Starts to count. Throws `ConfigError` for what is not sessions, and for a wrong option. */
export function figures<Data extends object>(sessions: BaseSessions<Data>, options: FiguresOptions = {}): Figures {
  if (typeof sessions?.observe !== 'function')
    throw new ConfigError('figures() takes sessions: const sessions = createSessions({ … }), then figures(sessions).')
  checkOptions('figures()', options, ['every', 'calls', 'readOnly', 'clock'])
  const every = options.every === false ? null : milliseconds(options.every ?? DEFAULT_EVERY, 'every')
  if (every !== null && every < 1000) throw new ConfigError("figures(): every must be at least '1s', or false.")
  return new CountedFigures(sessions, {
    every,
    calls: booleanOption('figures(): calls', options.calls, true),
    readOnly: booleanOption('figures(): readOnly', options.readOnly, false),
    clock: clockOption('figures()', options.clock),
  })
}

interface Settings {
  readonly every: number | null
  readonly calls: boolean
  readonly readOnly: boolean
  readonly clock: Clock
}

class CountedFigures implements Figures {
  readonly #clock: Clock
  readonly #counter: Counter
  /** What was counted here: all of it without a history, and with one, what was not handed to it yet. */
  readonly #here = new Blocks()
  readonly #history: History | null
  readonly #readOnly: boolean
  readonly #store: Store | null
  readonly #stop: () => void
  readonly #read = new Map<string, { readonly block: ReadonlyMap<number, Point>; readonly until: number }>()
  readonly #timer: NodeJS.Timeout | undefined
  /** Counts what was handed to the history. */
  #generation = 0
  #stored: StoreSample | null = null
  /** Of the last flush, and of the last snapshot, which may succeed before the next flush does. */
  #problem: { flush: string | null; read: string | null } = { flush: null, read: null }
  #flushing: Promise<void> | null = null

  constructor(sessions: Pick<BaseSessions<object>, 'observe'>, { every, calls, readOnly, clock }: Settings) {
    this.#clock = clock
    this.#readOnly = readOnly
    this.#counter = new Counter(clock, (at, point) => this.#here.add(at, point))
    const { stop, store, entries, namespace } = sessions.observe({
      event: (event) => {
        if (calls || event.type !== 'storeError') this.#counter.event(event)
      },
      ...(calls && { call: (method: string, ms: number, failed: boolean) => this.#counter.call(method, ms, failed) }),
    })
    this.#stop = stop
    this.#store = store
    const limit = Math.min(LIMIT, store?.traits.sizeLimit ?? LIMIT)
    this.#history = entries && every !== null ? new History({ store: entries, namespace, clock, limit }) : null
    if (every !== null) this.#timer = flushing(this, every)
  }

  async snapshot(): Promise<FiguresSnapshot> {
    for (let attempt = 0; ; attempt++) {
      const generation = this.#generation
      this.#counter.handOver(true)
      const now = this.#clock()
      this.#problem.read = null
      const [hour, day, month] = await Promise.all([
        this.#series('hour', now),
        this.#series('day', now),
        this.#series('month', now),
      ])
      // What a flush has handed over meanwhile would be missing.
      if (generation !== this.#generation && attempt < ATTEMPTS) continue
      const history = !this.#history ? 'process' : this.#readOnly ? 'read-only' : 'store'
      const problem = this.#problem.read ?? this.#problem.flush
      return { at: now, history, problem, stored: this.#stored, hour, day, month }
    }
  }

  get isFlushing(): boolean {
    return this.#flushing !== null
  }

  async flush(): Promise<void> {
    // One after another: what is pending must not be written twice. And not the one that is under way instead, which has already
    // taken what it writes: what was counted after that would be lost when the process ends.
    const mine = (this.#flushing ?? Promise.resolve()).catch(() => undefined).then(() => this.#flush())
    this.#flushing = mine
    try {
      await mine
    } finally {
      if (this.#flushing === mine) this.#flushing = null
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop()
    if (!this.#readOnly) await this.flush()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #flush(): Promise<void> {
    try {
      this.#counter.handOver(true)
      this.#here.prune(this.#clock())
      if (this.#history && !this.#readOnly) {
        this.#history.add(this.#here.take())
        this.#generation += 1
        this.#read.clear()
        await this.#history.flush()
      }
      // Last: a store that cannot list is no reason not to write.
      await this.#look()
      this.#problem.flush = null
    } catch (error) {
      this.#problem.flush = messageOf(error)
      throw error instanceof StoreError ? error : new StoreError('The figures could not be written.', { cause: error })
    }
  }

  /** At what is stored. A store that cannot be asked has no count, and not a count of zero. */
  async #look(): Promise<void> {
    if (!this.#store) return
    // Until it is known, what was seen before: a page that is loaded meanwhile would say that nobody knows.
    const sample = await sampleOf(this.#store, this.#clock).catch((error) => {
      this.#stored = null
      throw error
    })
    this.#stored = sample
    const stored = [sample.live?.count ?? null, sample.expired?.count ?? null] as const
    this.#here.add(startOf(this.#clock(), SCALES.hour.every), { ...emptyPoint(), stored })
  }

  async #series(scale: ScaleName, now: number): Promise<FiguresSeries> {
    const { every, span } = SCALES[scale]
    const counted: Block = new Map()
    const names = blocksOf(SCALES[scale], now).map((start) => ({ scale, start }))
    for (const block of await Promise.all(names.map((name) => this.#block(name)))) addBlock(counted, block)
    for (const name of names) addBlock(counted, this.#here.get(name) ?? new Map())
    const points: FiguresPoint[] = []
    const total = emptyPoint()
    for (let at = startOf(now - span, every) + every; at <= now; at += every) {
      const point = counted.get(at) ?? emptyPoint()
      points.push({ at, ...shownOf(point) })
      addPoint(total, point)
    }
    return { every, points, total: shownOf(total) }
  }

  /** What the history has of a block; what this process knows, when it cannot be read. */
  async #block(name: BlockName): Promise<ReadonlyMap<number, Point>> {
    if (!this.#history) return new Map()
    const key = `${name.scale} ${name.start}`
    const known = this.#read.get(key)
    if (known && performance.now() < known.until) return known.block
    const generation = this.#generation
    try {
      const block = await this.#history.read(name)
      if (generation === this.#generation) this.#read.set(key, { block, until: performance.now() + BELIEVED })
      return block
    } catch (error) {
      this.#problem.read = messageOf(error)
      return this.#history.pendingOf(name)
    }
  }
}

function shownOf({ counts, calls, failed, stored }: Point): Omit<FiguresPoint, 'at'> {
  const shown = Object.entries(calls).map(([method, histogram]) => {
    const count = Object.values(histogram).reduce((sum, n) => sum + n, 0)
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(histogram, share)) as [number, number, number]
    return [method, { count, failed: failed[method] ?? 0, p50, p95, p99 }] as const
  })
  return { counts, calls: Object.fromEntries(shown), live: stored?.[0] ?? null, expired: stored?.[1] ?? null }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : 'The history could not be read.')

/** With a weak reference and without keeping the process alive: figures that nobody holds any more must not count for ever. */
function flushing(figures: CountedFigures, every: number): NodeJS.Timeout {
  const weak = new WeakRef(figures)
  // Processes that were started together must not write together.
  const timer = setInterval(
    () => {
      const found = weak.deref()
      // The snapshot says what went wrong.
      if (!found) clearInterval(timer)
      // A store that is slower than the timer must not gather flushes that wait.
      else if (!found.isFlushing) found.flush().catch(() => undefined)
    },
    Math.round(every * (0.9 + randomInt(201) / 1000)),
  )
  return timer.unref()
}
