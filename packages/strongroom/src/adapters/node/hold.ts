import { getDefaultHighWaterMark, type Readable } from 'node:stream'
import type { Outcome, Visit } from '../../request/visit.ts'
import { applyOutcome, BODY_HEADERS } from '../shared/outcome.ts'
import { alreadySent, type Disguise, moveHeaders, NodeHeaders, type NodeResponse, pretendSent } from './head.ts'
import { type Method, type Originals, type Watcher, watch } from './watch.ts'

export type { NodeResponse } from './head.ts'

type Call = { readonly method: Method; readonly args: unknown[] }

/**
 * Bytes that may be held before a writer is told to wait. As many as a stream holds by default: compression, which takes
 * `drain` listeners away from the response, then has a full buffer of its own by the time it gets them, and drains it.
 */
const FULL = getDefaultHighWaterMark(false)

/**
 * Holds back the first byte of a response until its session is kept, so that a client that follows a redirect at once finds
 * what was written, and a cookie never comes too late. Where nothing has to be asked of the store, nothing is held.
 * `fail` is called, with nothing sent, when the session could not be kept.
 */
export function hold<Data extends object>(
  visit: Visit<Data>,
  response: NodeResponse,
  fail: (error: unknown) => void,
): Visit<Data> {
  if (response.headersSent) {
    // Too late to keep anything: a visit that is told so makes a change of the session throw instead of getting lost.
    visit.commit()
    return visit
  }
  new Hold(visit, response, fail)
  return visit
}

class Hold implements Watcher {
  readonly #visit: Pick<Visit<object>, 'commit' | 'save'>
  readonly #response: NodeResponse
  readonly #fail: (error: unknown) => void
  readonly #originals: Originals
  #phase: 'waiting' | 'holding' | 'released' | 'failed' = 'waiting'
  #error: unknown
  #sources: Readable[] | null = null
  #queue: Call[] | null = null
  #bytes = 0
  #disguise: Disguise | null = null

  constructor(visit: Pick<Visit<object>, 'commit' | 'save'>, response: NodeResponse, fail: (error: unknown) => void) {
    this.#visit = visit
    this.#response = response
    this.#fail = fail
    this.#originals = watch(response, this)
  }

  piped(source: Readable): void {
    this.#sources ??= []
    this.#sources.push(source)
  }

  /** The client went away before the response began: what the request did up to here is kept all the same. */
  closed(): void {
    if (this.#phase === 'waiting') this.#visit.save().catch(() => undefined)
  }

  called(method: Method, given: unknown[]): unknown {
    if (this.#phase === 'released') return this.#originals.call(method, given)
    if (this.#phase === 'failed') return this.#afterFailure(method, given)
    let args = given
    if (method === 'writeHead') {
      if (this.#phase === 'holding') throw alreadySent()
      const status = Number(args[0])
      // Node refuses this one by itself, and nothing has begun.
      if (!(status >= 100 && status <= 999)) return this.#originals.call(method, args)
      // Headers given to writeHead would replace ours of the same name; as headers of the response they stand beside them.
      args = moveHeaders(this.#response, args)
    }
    if (this.#phase === 'waiting') this.#begin(method, args)
    if (this.#is('released')) return this.#originals.call(method, args)
    if (this.#is('failed')) this.#drop(args)
    else this.#queue?.push({ method, args })
    if (method === 'end') this.#disguise?.ended()
    return this.#answer(method, args)
  }

  /** Where nothing has to be asked of the store, the response is released at once. */
  #begin(method: Method, args: unknown[]): void {
    const response = this.#response
    const status = method === 'writeHead' ? Number(args[0]) : response.statusCode
    let outcome: Outcome | Promise<Outcome>
    try {
      outcome = this.#visit.commit(status)
    } catch (error) {
      this.#failed(error)
      return
    }
    if (outcome instanceof Promise) this.#holdUntil(outcome, status)
    else this.#release(outcome)
  }

  #holdUntil(outcome: Promise<Outcome>, status: number): void {
    const response = this.#response
    this.#phase = 'holding'
    this.#queue = []
    this.#disguise = pretendSent(response)
    outcome.then(
      (outcome) => {
        this.#undisguise()
        response.statusCode = status
        this.#release(outcome)
        try {
          // The writer was told to wait, and now nothing else would tell it to go on.
          if (this.#replay() !== false && this.#bytes >= FULL && !response.writableEnded) response.emit('drain')
        } catch (error) {
          // What Node would have thrown at the caller, who is gone: nobody else is there to catch it.
          this.#failed(error)
        }
      },
      (error) => {
        this.#undisguise()
        this.#failed(error)
      },
    )
  }

  #undisguise(): void {
    this.#disguise?.drop()
    this.#disguise = null
  }

  /** As a call, for the compiler takes it that no call changes the phase. */
  #is(phase: 'released' | 'failed'): boolean {
    return this.#phase === phase
  }

  #release(outcome: Outcome): void {
    this.#phase = 'released'
    applyOutcome(outcome, new NodeHeaders(this.#response))
  }

  /** Makes the calls that were held, in order; the result of the last. */
  #replay(): unknown {
    let result: unknown
    let blocked = false
    for (const { method, args } of this.#queue?.splice(0) ?? []) {
      result = this.#originals.call(method, args)
      if (method === 'write') blocked = result === false
    }
    return blocked ? false : result
  }

  /** What a held call returns: a write says whether there is room for more, everything else is chained. */
  #answer(method: Method, [chunk]: unknown[]): unknown {
    if (method !== 'write') return this.#response
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.#bytes += chunk.length
    return this.#phase === 'holding' && this.#bytes < FULL
  }

  /** The error page goes through. What a handler goes on writing after it would be an error event that nobody listens to. */
  #afterFailure(method: Method, args: unknown[]): unknown {
    const { writableEnded, headersSent } = this.#response
    if (!writableEnded || !headersSent) return this.#originals.call(method, args)
    this.#drop(args)
    return this.#answer(method, args)
  }

  #drop(args: unknown[]): void {
    const done = args.at(-1)
    if (typeof done === 'function') process.nextTick(done, this.#error)
  }

  #failed(error: unknown): void {
    const response = this.#response
    const wasReleased = this.#is('released')
    this.#phase = 'failed'
    this.#error = error
    for (const { args } of this.#queue?.splice(0) ?? []) this.#drop(args)
    // Whoever pipes a body into this response must not pipe it into the error page.
    for (const source of this.#sources ?? []) source.unpipe(response as never)
    if (!response.headersSent) {
      for (const name of BODY_HEADERS) response.removeHeader(name)
      response.statusCode = 500
    }
    if (!wasReleased) {
      // What save() had kept before is told with the error page.
      const outcome = this.#visit.commit()
      if (!(outcome instanceof Promise)) applyOutcome(outcome, new NodeHeaders(response))
    }
    this.#fail(error)
  }
}
