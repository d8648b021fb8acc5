import { momentIn } from '../../base/retry.ts'
import { LONGEST_TIMER } from '../../base/time-limit.ts'

/** The most calls in one batch, and the most bytes, unless a single call has more. */
const [MAX_CALLS, MAX_BYTES] = [64, 2 ** 18]
/** The most batches of one kind that are under way at a time. Calls that are made in the meantime wait for the next batch. */
const MAX_BATCHES = 4

/** A connection, checked out for one batch. */
export interface Pipeline<Q, R> {
  /** The most calls that fit in one batch, where that is fewer than usual. */
  readonly maxCalls?: number
  /** All requests take effect or, after an error, none does. There is one result for each request, in the same order. */
  send(requests: readonly Q[], done: (error: unknown, results?: readonly R[]) => void): void
  release(destroy: boolean): void
}

/** How the calls of one kind reach the server. */
export interface BatcherOptions<Q, R> {
  connect(done: (error: unknown, pipeline: Pipeline<Q, R> | null) => void): void
  /** Sends one request by itself, with a time limit in ms. */
  sendOne(request: Q, limit: number): Promise<R>
  /** Can one request be the reason why the batch failed? Then each of its requests is sent again by itself. */
  isDueToOne(error: unknown): boolean
  tooLate(limit: number): Error
  /** The id of the row that the request is about. */
  keyOf(request: Q): Uint8Array
  sizeOf(request: Q): number
  /** The most bytes in one batch, where that is fewer than usual. */
  readonly maxBytes?: number
}

/** A request and the caller that waits for its result. */
class Call<Q, R> {
  readonly request: Q
  readonly until: number
  isOver = false
  /** Tells the batch that this caller no longer waits: perhaps nobody else waits for it either. */
  leaveBatch: (() => void) | undefined
  /** Ends the call when its time is up. */
  timer: NodeJS.Timeout | undefined
  readonly #resolve: (result: R) => void
  readonly #reject: (error: unknown) => void

  constructor(request: Q, limit: number, resolve: (result: R) => void, reject: (error: unknown) => void) {
    this.request = request
    this.until = momentIn(limit)
    this.#resolve = resolve
    this.#reject = reject
  }

  succeed(result: R): void {
    if (this.end()) this.#resolve(result)
  }

  fail(error: unknown): void {
    if (this.end()) this.#reject(error)
  }

  /** False when it was over before. */
  end(): boolean {
    if (this.isOver) return false
    this.isOver = true
    clearTimeout(this.timer)
    this.leaveBatch?.()
    return true
  }
}

/**
 * Batches the calls of one kind. Calls that are made in the same turn of the event loop, or while earlier batches are under
 * way, go to the server in one message and one transaction, which waits for the disk once. A single call is sent by itself,
 * without delay.
 */
export class Batcher<Q, R> {
  readonly #options: BatcherOptions<Q, R>
  readonly #waiting: Call<Q, R>[] = []
  #isScheduled = false
  #batches = 0

  constructor(options: BatcherOptions<Q, R>) {
    this.#options = options
  }

  /** Resolves or rejects within `limit` ms. */
  run(request: Q, limit: number): Promise<R> {
    return new Promise((resolve, reject) => {
      const call = new Call<Q, R>(request, limit, resolve, reject)
      call.timer = setTimeout(() => call.fail(this.#options.tooLate(limit)), Math.min(limit, LONGEST_TIMER))
      this.#waiting.push(call)
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#isScheduled || this.#batches === MAX_BATCHES || this.#waiting.length === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#begin()
    })
  }

  /** The batch is filled when there is a connection: more calls may be waiting by then. */
  #begin(): void {
    this.#batches += 1
    this.#options.connect((error, pipeline) => {
      const calls = this.#take(pipeline?.maxCalls ?? MAX_CALLS)
      this.#schedule()
      if (pipeline && calls.length > 0) return this.#send(pipeline, calls)
      pipeline?.release(false)
      for (const call of calls) call.fail(error)
      this.#end()
    })
  }

  #end(): void {
    this.#batches -= 1
    this.#schedule()
  }

  #send(pipeline: Pipeline<Q, R>, calls: readonly Call<Q, R>[]): void {
    let [left, isOver] = [calls.length, false]
    const end = (destroy: boolean) => {
      if (isOver) return
      isOver = true
      pipeline.release(destroy)
      this.#end()
    }
    // Results that nobody waits for may still arrive, and the next batch must not receive them: the connection is closed.
    const leave = () => {
      left -= 1
      if (left === 0) end(true)
    }
    for (const call of calls) call.leaveBatch = leave
    pipeline.send(
      calls.map(({ request }) => request),
      (error, results) => {
        end(!results)
        if (results) for (const [index, call] of calls.entries()) call.succeed(results[index] as R)
        else if (calls.length > 1 && this.#options.isDueToOne(error)) for (const call of calls) this.#sendAgain(call)
        else for (const call of calls) call.fail(error)
      },
    )
  }

  #sendAgain(call: Call<Q, R>): void {
    if (call.isOver) return
    this.#options.sendOne(call.request, call.until - performance.now()).then(
      (result) => call.succeed(result),
      (error) => call.fail(error),
    )
  }

  #take(maxCalls: number): readonly Call<Q, R>[] {
    const { keyOf, sizeOf, maxBytes = MAX_BYTES } = this.#options
    const taken: Call<Q, R>[] = []
    let seen = 0
    for (let bytes = 0; seen < this.#waiting.length && taken.length < maxCalls; seen += 1) {
      const call = this.#waiting[seen] as Call<Q, R>
      if (call.isOver) continue
      bytes += sizeOf(call.request)
      if (bytes > maxBytes && taken.length > 0) break
      taken.push(call)
    }
    this.#waiting.splice(0, seen)
    // Every batch locks its rows in this order, so that no two batches wait for each other.
    return taken.sort((a, b) => Buffer.compare(keyOf(a.request), keyOf(b.request)))
  }
}
