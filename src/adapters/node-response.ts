import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Readable } from 'node:stream'
import type { Outcome, Visit } from '../visit.ts'
import { applyOutcome, type ResponseHeaders } from './headers.ts'

export type NodeResponse = ServerResponse | Http2ServerResponse

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
const METHODS: readonly Method[] = ['writeHead', 'write', 'end', 'flushHeaders']
type Call = { readonly method: Method; args: unknown[] }
type Original = (...args: unknown[]) => unknown
/** The two kinds of response share these methods, and no type says so. */
type Methods = Record<Method, Original>

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
    // Too late to keep anything. Closing the visit makes a change of the session throw instead of getting lost.
    queueMicrotask(() => Promise.resolve(visit.commit()).catch(() => undefined))
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
  #phase: 'waiting' | 'holding' | 'released' = 'waiting'
  #queue: Call[] = []

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
    this.#queue.push(call)
    if (this.#phase === 'waiting') this.#begin(call)
    // Something is left in the queue unless it failed at once: then the error page is written, and this call is nobody's.
    return this.#isReleased() && this.#queue.length > 0 ? this.#replay() : this.#stale(call)
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
    const restore = pretendSent(response, () => this.#queue.some(({ method }) => method === 'end'))
    outcome.then(
      (outcome) => {
        restore()
        if (call.method !== 'writeHead') response.statusCode = status
        this.#release(outcome)
        const wrote = this.#queue.some(({ method }) => method === 'write')
        // The writer was told to wait, and now nothing else would tell it to go on.
        if (this.#replay() !== false && wrote && !response.writableEnded) response.emit('drain')
      },
      (error) => {
        restore()
        this.#failed(error)
      },
    )
  }

  #isReleased(): boolean {
    return this.#phase === 'released'
  }

  #release(outcome: Outcome): void {
    this.#phase = 'released'
    const first = this.#queue[0]
    // Headers given to writeHead would replace ours of the same name; as headers of the response they stand beside them.
    if (first?.method === 'writeHead') first.args = moveHeaders(this.#response, first.args)
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

  /** What a held call returns: a write says that the buffer is full, everything else is chained. */
  #stale({ method }: Call): unknown {
    return method === 'write' ? false : this.#response
  }

  #failed(error: unknown): void {
    const response = this.#response
    this.#phase = 'released'
    this.#queue = []
    // Whoever pipes a body into this response must not pipe it into the error page.
    for (const source of this.#sources) source.unpipe(response as never)
    for (const name of BODY_HEADERS) response.removeHeader(name)
    response.statusCode = 500
    this.#fail(error)
  }
}

/** Headers that speak of a body that will not be sent, or of a place that must not be gone to. */
const BODY_HEADERS = [
  'Content-Length',
  'Content-Type',
  'Content-Encoding',
  'Content-Range',
  'ETag',
  'Last-Modified',
  'Location',
]

/**
 * While bytes are held, the response behaves as one whose headers are sent, so that nobody writes an error page over it or
 * changes a header that belongs to what is held. Returns what undoes it.
 */
function pretendSent(response: NodeResponse, ended: () => boolean): () => void {
  const refuse = () => {
    throw Object.assign(new Error('Cannot set headers after they are sent to the client'), {
      code: 'ERR_HTTP_HEADERS_SENT',
    })
  }
  const disguise: PropertyDescriptorMap = {
    headersSent: { get: () => true, configurable: true },
    writableEnded: { get: ended, configurable: true },
    ...Object.fromEntries(
      ['setHeader', 'appendHeader', 'setHeaders', 'removeHeader'].map((name) => [
        name,
        { value: refuse, configurable: true, writable: true },
      ]),
    ),
  }
  const before = Object.keys(disguise).map((name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const)
  Object.defineProperties(response, disguise)
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(response, name, descriptor)
      else delete (response as unknown as Record<string, unknown>)[name]
    }
  }
}

/** Turns `writeHead(status, reason?, headers?)` into set headers and `writeHead(status, reason?)`. */
function moveHeaders(response: NodeResponse, args: unknown[]): unknown[] {
  const last = args.at(-1)
  if (args.length < 2 || typeof last !== 'object' || last === null) return args
  if (Array.isArray(last)) moveList(response, last)
  else
    for (const [name, value] of Object.entries(last as OutgoingHttpHeaders))
      if (value !== undefined) response.setHeader(name, value as string)
  return args.slice(0, -1).filter((arg) => arg !== undefined)
}

/** A flat list of names and values, or a list of pairs, in which a name may stand several times. */
function moveList(response: NodeResponse, list: unknown[]): void {
  const flat = list.flat() as OutgoingHttpHeader[]
  const values = new Map<string, { name: string; lines: string[] }>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i])
    const known = values.get(name.toLowerCase()) ?? { name, lines: [] }
    known.lines.push(String(flat[i + 1]))
    values.set(name.toLowerCase(), known)
  }
  for (const { name, lines } of values.values())
    response.setHeader(name, lines.length === 1 ? (lines[0] as string) : lines)
}

function nodeHeaders(response: NodeResponse): ResponseHeaders {
  return {
    get: (name) => {
      const value = response.getHeader(name)
      return value === undefined ? undefined : Array.isArray(value) ? value.join(', ') : String(value)
    },
    set: (name, value) => response.setHeader(name, value),
    append: (name, value) => {
      const before = response.getHeader(name)
      response.setHeader(name, before === undefined ? value : [before as string | string[], value].flat())
    },
  }
}
