import type { SessionEvent } from '../events.ts'
import type { Clock } from '../store.ts'
import { BUCKETS, bucketOf } from './latency.ts'
import { emptyPoint, type Point } from './point.ts'
import { FINEST, startOf } from './scales.ts'

/** What is counted once for each event of its type; null for what is counted by its reason, or by how many it stands for. */
const PLAIN: Readonly<Record<SessionEvent['type'], string | null>> = {
  created: 'created',
  loaded: 'loaded',
  adopted: 'adopted',
  updated: 'updated',
  touched: 'touched',
  renewed: 'renewed',
  absent: 'absent',
  superseded: 'superseded',
  reused: 'reused',
  bound: 'bound',
  proofRefused: 'proofsRefused',
  guessing: 'guessing',
  conflict: 'conflicts',
  mismatch: 'mismatches',
  upgraded: 'upgraded',
  gone: 'gone',
  signal: 'signals',
  limit: 'limits',
  loginFailed: 'loginsFailed',
  storeError: 'storeErrors',
  anonymousRefused: null,
  revoked: null,
  expired: null,
  rejected: null,
  cleared: null,
}

/** A store's method, and how long its calls took, in this interval. */
interface Calls {
  readonly buckets: Uint32Array
  failed: number
}

/**
 * Counts what happens in the present interval. Every request comes through here, so nothing is allocated, and an interval that is over is
 * handed on when the next one begins.
 */
export class Counter {
  readonly #clock: Clock
  readonly #over: (at: number, point: Point) => void
  readonly #calls = new Map<string, Calls>()
  #counts = new Map<string, number>()
  #startedAt: number

  constructor(clock: Clock, over: (at: number, point: Point) => void) {
    this.#clock = clock
    this.#over = over
    this.#startedAt = startOf(clock(), FINEST.every)
  }

  event(event: SessionEvent): void {
    this.handOver(false)
    const plain = PLAIN[event.type]
    if (plain !== null) this.#add(plain, 1)
    if (event.type === 'created' && event.authenticated) this.#add('logins', 1)
    else if (event.type === 'renewed' && event.reason === 'login') this.#add('logins', 1)
    else if (event.type === 'revoked') this.#add(`ended.${event.reason}`, event.count)
    else if (event.type === 'expired') this.#add(`expired.${event.reason}`, 1)
    else if (event.type === 'rejected') this.#add(`rejected.${event.what}`, 1)
    else if (event.type === 'cleared' || event.type === 'anonymousRefused') this.#add(event.type, event.count)
  }

  call(method: string, ms: number, failed: boolean): void {
    this.handOver(false)
    let calls = this.#calls.get(method)
    if (!calls) {
      calls = { buckets: new Uint32Array(BUCKETS), failed: 0 }
      this.#calls.set(method, calls)
    }
    const bucket = bucketOf(ms)
    calls.buckets[bucket] = (calls.buckets[bucket] as number) + 1
    if (failed) calls.failed += 1
  }

  /** Hands on an interval that is over; with `now`, also the part of the present one. */
  handOver(now: boolean): void {
    const at = this.#clock()
    const startedAt = this.#startedAt
    // A clock that is put back begins an interval again, which is added to what was counted in it before.
    if (!now && at >= startedAt && at < startedAt + FINEST.every) return
    this.#startedAt = startOf(at, FINEST.every)
    const point = this.#take()
    if (point) this.#over(startedAt, point)
  }

  #add(name: string, count: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
  }

  #take(): Point | null {
    const point = emptyPoint()
    for (const [name, count] of this.#counts) if (count > 0) point.counts[name] = count
    for (const [method, { buckets, failed }] of this.#calls) {
      const histogram = Object.fromEntries([...buckets.entries()].filter(([, count]) => count > 0))
      if (Object.keys(histogram).length > 0) point.calls[method] = histogram
      if (failed > 0) point.failed[method] = failed
    }
    const isEmpty = this.#counts.size + this.#calls.size === 0
    this.#counts = new Map()
    this.#calls.clear()
    return isEmpty ? null : point
  }
}
