import { getDefaultHighWaterMark, type Readable } from 'node:stream'
import type { Outcome, Visit } from '../visit.ts'
import { applyOutcome, BODY_HEADERS } from './headers.ts'
import { alreadySent, type Disguise, moveHeaders, type NodeResponse, nodeHeaders, pretendSent } from './node/head.ts'

export type { NodeResponse } from './node/head.ts'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
const METHODS: readonly Method[] = ['writeHead', 'write', 'end', 'flushHeaders']
type Call = { readonly method: Method; args: unknown[] }
type Original = (...args: unknown[]) => unknown
/** The two kinds of response share these methods, and no type says so. */
type Methods = Record<Method, Original>

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

class Hold {
  readonly #visit: Pick<Visit<object>, 'commit' | 'save'>
  readonly #response: NodeResponse
  readonly #fail: (error: unknown) => void
  readonly #originals = {} as Methods
  readonly #sources: Readable[] = []
  #phase: 'waiting' | 'holding' | 'released' | 'failed' = 'waiting'
  #error: unknown
  #queue: Call[] = []
  #bytes = 0
  #disguise: Disguise | null = null

  constructor(visit: Pick<Visit<object>, 'commit' | 'save'>, response: NodeResponse, fail: (error: unknown) => void) {
    this.#visit = visit
    this.#response = response
    this.#fail = fail
    const methods = response as unknown as Methods
    for (const method of METHODS) {
      this.#originals[method] = methods[method]
      // The wrapper stays for good and lets everything through once released, for others may have wrapped it in turn.
      methods[method] = (...args) => this.#called({ method, args })
    }
    response.on('pipe', (source: Readable) => this.#sources.push(source))
    // The client went away before the response began: what the request did up to here is kept all the same.
    response.once('close', () => {
      if (this.#phase === 'waiting') this.#visit.save().catch(() => undefined)
    })
  }

  #called(call: Call): unknown {
    if (this.#phase === 'released') return this.#pass(call)
    if (this.#phase === 'failed') return this.#afterFailure(call)
    if (call.method === 'writeHead') {
      if (this.#phase === 'holding') throw alreadySent()
      const status = Number(call.args[0])
      // Node refuses this one by itself, and nothing has begun.
      if (!(status >= 100 && status <= 999)) return this.#pass(call)
      // Headers given to writeHead would replace ours of the same name; as headers of the response they stand beside them.
      call.args = moveHeaders(this.#response, call.args)
    }
    this.#queue.push(call)
    if (call.method === 'end') this.#disguise?.ended()
    if (this.#phase === 'waiting') this.#begin(call)
    return this.#isReleased() ? this.#replay() : this.#answer(call)
  }

  #begin(call: Call): void {
    const response = this.#response
    const status = call.method === 'writeHead' ? Number(call.args[0]) : response.statusCode
    let outcome: Outcome | Promise<Outcome>
    try {
      outcome = this.#visit.commit(status)
    } catch (error) {
      this.#failed(error)
      return
    }
    if (!(outcome instanceof Promise)) {
      this.#release(outcome)
      return
    }
    this.#phase = 'holding'
    this.#disguise = pretendSent(response)
    if (call.method === 'end') this.#disguise.ended()
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

  #isReleased(): boolean {
    return this.#phase === 'released'
  }

  #release(outcome: Outcome): void {
    this.#phase = 'released'
    applyOutcome(outcome, nodeHeaders(this.#response))
  }

  /** Makes the calls that were held, in order; the result of the last. */
  #replay(): unknown {
    let result: unknown
    let blocked = false
    for (const call of this.#queue.splice(0)) {
      result = this.#pass(call)
      if (call.method === 'write') blocked = result === false
    }
    return blocked ? false : result
  }

  #pass({ method, args }: Call): unknown {
    return this.#originals[method].apply(this.#response, args)
  }

  /** What a held call returns: a write says whether there is room for more, everything else is chained. */
  #answer({ method, args: [chunk] }: Call): unknown {
    if (method !== 'write') return this.#response
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.#bytes += chunk.length
    return this.#phase === 'holding' && this.#bytes < FULL
  }

  /** The error page goes through. What a handler goes on writing after it would be an error event that nobody listens to. */
  #afterFailure(call: Call): unknown {
    const { writableEnded, headersSent } = this.#response
    if (!writableEnded || !headersSent) return this.#pass(call)
    this.#drop(call)
    return this.#answer(call)
  }

  #drop({ args }: Call): void {
    const done = args.at(-1)
    if (typeof done === 'function') process.nextTick(done, this.#error)
  }

  #failed(error: unknown): void {
    const response = this.#response
    const wasReleased = this.#isReleased()
    this.#phase = 'failed'
    this.#error = error
    for (const call of this.#queue.splice(0)) this.#drop(call)
    // Whoever pipes a body into this response must not pipe it into the error page.
    for (const source of this.#sources) source.unpipe(response as never)
    if (!response.headersSent) {
      for (const name of BODY_HEADERS) response.removeHeader(name)
      response.statusCode = 500
    }
    if (!wasReleased) {
      // What save() had kept before is told with the error page.
      const outcome = this.#visit.commit()
      if (!(outcome instanceof Promise)) applyOutcome(outcome, nodeHeaders(response))
    }
    this.#fail(error)
  }
}
