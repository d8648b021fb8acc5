import { getDefaultHighWaterMark, type Readable } from 'node:stream'
import type { Awaitable } from '../../base/awaitable.ts'
import { UnsupportedError } from '../../errors.ts'
import type { Outcome, Visit } from '../../request/visit.ts'
import { applyOutcome, dropBodyHeaders, hasLines } from '../shared/outcome.ts'
import type { Fail } from './fail.ts'
import {
  afterEnd,
  alreadySent,
  type Disguise,
  hasBegun,
  invalidStatus,
  isOverHttp2,
  isStatus,
  moveHeaders,
  NodeHeaders,
  type NodeResponse,
  pretendSent,
} from './head.ts'
import { type Gate, guard } from './stream.ts'
import { type Method, type Originals, type Watcher, watch } from './watch.ts'

export type { NodeResponse } from './head.ts'

type Call = { readonly method: Method; readonly args: unknown[] }

/**
 * Bytes that may be held before a writer is told to wait for `drain`. It is a stream's default, because compression middleware
 * takes `drain` listeners over from the response: by the time it gets one, its own buffer is full too, and will drain.
 */
const HIGH_WATER_MARK = getDefaultHighWaterMark(false)

/**
 * Holds back the first byte of a response until its session is saved. A client that follows a redirect immediately then finds
 * what was written, and the cookie is never too late. When no store call is needed, nothing is held.
 * When the session could not be saved, `fail` is called before anything has been sent.
 *
 * Returns what to call with the visit when the session is asked for; until then everything passes. The response is watched from
 * now on and not from then on, because of `response.end(await page())`: JavaScript reads `end` before it calls `page`, and a
 * page that is the first to ask for the session would be sent by the method that was there before.
 */
export function hold<Data extends object>(response: NodeResponse, fail: Fail): (visit: Visit<Data>) => Visit<Data> {
  const held = new Hold(response, fail)
  return (visit) => {
    if (!response.headersSent) held.begin(visit)
    // It is too late to save anything. Once the visit knows, a change to the session throws instead of being lost.
    // A promise only with `saveEveryRequest`, Django's included. Nobody waits for it, and a rejection that nobody handles would end
    // the process.
    else Promise.resolve(visit.commit()).catch(() => undefined)
    return visit
  }
}

const UNAWAITED =
  'This host takes a response before its session is saved: toWebHandler() and toPlainHandler() of h3 1, and what is built on node-mock-http, do not wait for a response of Node. Put withSessions() of strongroom/fetch around the web handler, and ask for the session of its Request: sessions.get(event.web.request).'

const OWN_STREAM =
  "The response was sent by response.stream, HTTP/2's own API, which does not wait until the session is saved. Begin it by response.writeHead(), response.write() or response.end(), or before the session is asked for."

class Hold implements Watcher, Gate {
  #visit: Pick<Visit<object>, 'commit'> | null = null
  readonly #response: NodeResponse
  readonly #fail: Fail
  readonly #originals: Originals
  #phase: 'waiting' | 'holding' | 'released' | 'failed' = 'waiting'
  #error: unknown
  #sources: Readable[] | null = null
  #queue: Call[] | null = null
  #bytes = 0
  #ended = false
  /** Of what has been stored, until a response begins. */
  #outcome: Outcome | null = null
  #disguise: Disguise | null = null

  constructor(response: NodeResponse, fail: Fail) {
    this.#response = response
    this.#fail = fail
    this.#originals = watch(response, this)
  }

  /** Throws `UnsupportedError` for a response whose host does not wait for it. */
  begin(visit: Pick<Visit<object>, 'commit'>): void {
    const response = this.#response
    if ('__unenv__' in response) throw new UnsupportedError(UNAWAITED)
    this.#visit = visit
    if (isOverHttp2(response)) this.#originals.stream = guard(response.stream, this)
  }

  /** May the application send what it likes, by HTTP/2's own API? */
  get isOpen(): boolean {
    return this.#phase === 'released'
  }

  refuse(): void {
    if (!this.#is('failed')) this.#failed(new UnsupportedError(OWN_STREAM))
  }

  piped(source: Readable): void {
    this.#sources ??= []
    this.#sources.push(source)
  }

  called(method: Method, given: unknown[]): unknown {
    const visit = this.#visit
    if (visit === null) return this.#originals.call(method, given)
    if (this.#phase === 'released') return this.#originals.call(method, this.#withOutcome(method, given))
    if (this.#phase === 'failed') return this.#afterFailure(method, given)
    let args = given
    if (method === 'writeHead') {
      if (this.#phase === 'holding') throw alreadySent()
      const status = Number(args[0])
      // Node itself refuses this status, and the response has not begun.
      if (!isStatus(status)) return this.#originals.call(method, args)
      // Headers passed to writeHead would replace ours of the same name. Set on the response, they are merged with ours.
      args = moveHeaders(this.#response, args)
    }
    if (this.#phase === 'waiting') this.#commit(visit, method, args)
    if (this.#is('released')) return this.#originals.call(method, args)
    // A guard such as `if (!response.writableEnded)` does not keep a second end from a stand-in, for which Node would emit an error.
    if (this.#ended || this.#is('failed')) this.#drop(args)
    else this.#queue?.push({ method, args })
    if (method === 'end') {
      this.#ended = true
      this.#disguise?.ended()
    }
    return this.#resultWhileHeld(method, args)
  }

  /** Commits the session. When no store call is needed, the response is released immediately. */
  #commit(visit: Pick<Visit<object>, 'commit'>, method: Method, args: unknown[]): void {
    const response = this.#response
    const status = method === 'writeHead' ? Number(args[0]) : response.statusCode
    let outcome: Awaitable<Outcome>
    try {
      // Node would throw this from `end`. The error page of polka 0.5 makes a status of an error's code, where nobody catches it.
      if (!isStatus(status)) throw invalidStatus()
      outcome = visit.commit(status)
    } catch (error) {
      // Not immediately: the handler is in the middle of its response, and what it goes on writing would end up in the error page.
      outcome = Promise.reject(error)
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
        if (this.#is('failed')) return
        this.#undisguise()
        response.statusCode = status
        this.#release(outcome)
        try {
          // The writer was told to wait, and nothing else will tell it to continue.
          if (this.#replay() !== false && this.#bytes >= HIGH_WATER_MARK && !response.writableEnded)
            response.emit('drain')
        } catch (error) {
          // Node would have thrown this at the caller, whose call has returned. Nobody else can catch it.
          this.#failed(error)
        }
      },
      (error) => {
        if (!this.#is('failed')) this.#failed(error)
      },
    )
  }

  #undisguise(): void {
    this.#disguise?.drop()
    this.#disguise = null
  }

  /** A method, because TypeScript assumes that no call in between has changed the phase. */
  #is(phase: 'released' | 'failed'): boolean {
    return this.#phase === phase
  }

  #release(outcome: Outcome): void {
    this.#phase = 'released'
    applyOutcome(outcome, new NodeHeaders(this.#response))
    this.#outcome = hasLines(outcome) ? outcome : null
  }

  /** Makes the held calls, in order. Returns false when the writer must wait for `drain`, and otherwise the last result. */
  #replay(): unknown {
    let result: unknown
    let blocked = false
    for (const { method, args } of this.#queue?.splice(0) ?? []) {
      result = this.#originals.call(method, args)
      if (method === 'write') blocked = result === false
    }
    return blocked ? false : result
  }

  /** What a held call returns: for a write, whether there is room for more; for the others the response, for chaining. */
  #resultWhileHeld(method: Method, [chunk]: unknown[]): unknown {
    if (method !== 'write') return this.#response
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.#bytes += chunk.length
    return this.#phase === 'holding' && this.#bytes < HIGH_WATER_MARK
  }

  /** The error page passes. What the handler writes after it is dropped: as a late write, it would emit an error that nobody handles. */
  #afterFailure(method: Method, args: unknown[]): unknown {
    const { writableEnded, headersSent } = this.#response
    if (!writableEnded || !headersSent) return this.#originals.call(method, this.#withOutcome(method, args))
    this.#drop(args)
    return this.#resultWhileHeld(method, args)
  }

  #drop(args: unknown[]): void {
    const done = args.at(-1)
    if (typeof done === 'function') process.nextTick(done, this.#error ?? afterEnd())
  }

  #failed(error: unknown): void {
    const response = this.#response
    const wasReleased = this.#is('released')
    this.#phase = 'failed'
    this.#undisguise()
    this.#error = error
    for (const { args } of this.#queue?.splice(0) ?? []) this.#drop(args)
    // A body that is being piped into this response must not end up in the error page.
    for (const source of this.#sources ?? []) source.unpipe(response as never)
    if (!response.headersSent) {
      dropBodyHeaders(new NodeHeaders(response))
      response.statusCode = 500
    }
    if (!wasReleased) this.#outcome = this.#earlierOutcome()
    this.#fail(error, response, this.#ended)
  }

  /** Whatever happens here, the visitor needs the error page. */
  #earlierOutcome(): Outcome | null {
    try {
      const outcome = this.#visit?.commit(500)
      if (!(outcome instanceof Promise)) return outcome ?? null
      outcome.catch(() => undefined)
    } catch {}
    return null
  }

  /**
   * The error page also sends the cookie of what is stored: by an earlier save(), or by these sessions, while others of the same response
   * could not be saved, or its head could not be sent. Not before it begins: Koa and Express remove all headers first, and those that
   * Fastify passes to `writeHead` would replace ours.
   */
  #withOutcome(method: Method, args: unknown[]): unknown[] {
    const outcome = this.#outcome
    if (outcome === null || hasBegun(this.#response)) return args
    if (this.#phase === 'failed') this.#outcome = null
    const rest = method === 'writeHead' ? moveHeaders(this.#response, args) : args
    const headers = new NodeHeaders(this.#response)
    const there = [this.#response.getHeader('Set-Cookie')].flat()
    const { setCookie, clearCookies = [] } = outcome
    applyOutcome(
      {
        ...outcome,
        setCookie: there.includes(setCookie ?? undefined) ? null : setCookie,
        clearCookies: clearCookies.filter((line) => !there.includes(line)),
        noStore: outcome.noStore === true || hasLines(outcome),
      },
      headers,
    )
    return rest
  }
}
