import { AsyncLocalStorage } from 'node:async_hooks'
import type { Readable } from 'node:stream'
import type { NodeResponse } from './head.ts'
import type { GuardedStream } from './stream.ts'

/** The methods that send a byte to the client. */
export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'

/** Receives the calls that were made on a response. */
export interface Watcher {
  called(method: Method, args: unknown[]): unknown
  /** A body is piped into the response. */
  piped(source: Readable): void
}

type Methods = Record<Method, (this: NodeResponse, ...args: unknown[]) => unknown>
const METHODS: readonly Method[] = ['writeHead', 'write', 'end', 'flushHeaders']

/** The methods of a response, as they were before it was watched. */
export class Originals {
  readonly #response: NodeResponse
  readonly #writeHead: Methods['writeHead']
  readonly #write: Methods['write']
  readonly #end: Methods['end']
  readonly #flushHeaders: Methods['flushHeaders']
  /** Over HTTP/2, once the session was asked for. */
  stream: GuardedStream | null = null

  constructor(response: NodeResponse) {
    const { writeHead, write, end, flushHeaders } = response as unknown as Methods
    this.#response = response
    this.#writeHead = writeHead
    this.#write = write
    this.#end = end
    this.#flushHeaders = flushHeaders
  }

  call(method: Method, args: unknown[]): unknown {
    const { stream } = this
    if (stream === null) return this.#call(method, args)
    stream.sending += 1
    try {
      return this.#call(method, args)
    } finally {
      stream.sending -= 1
    }
  }

  #call(method: Method, args: unknown[]): unknown {
    switch (method) {
      case 'writeHead':
        return this.#writeHead.apply(this.#response, args)
      case 'write':
        return this.#write.apply(this.#response, args)
      case 'end':
        return this.#end.apply(this.#response, args)
      case 'flushHeaders':
        return this.#flushHeaders.apply(this.#response, args)
    }
  }
}

const WATCHER = Symbol('strongroom watcher')
type Watched = NodeResponse & { [WATCHER]?: Watcher }

/**
 * Sends all calls to the watcher from now on. This is never undone, because others may have wrapped the methods again.
 *
 * All responses share the functions that do it. Closures for each response would be tens of thousands a second. After a start
 * under load, V8 allocates some of them directly in the old generation, and from there each one keeps its whole request alive
 * through every minor garbage collection.
 */
export function watch(response: NodeResponse, watcher: Watcher): Originals {
  const originals = new Originals(response)
  const methods = response as unknown as Methods
  if (WATCHER in response) {
    // The sessions of another adapter already watch this response.
    for (const method of METHODS) methods[method] = (...args) => watcher.called(method, args)
    response.on('pipe', (source: Readable) => watcher.piped(source))
    return originals
  }
  ;(response as Watched)[WATCHER] = watcher
  methods.writeHead = writeHead
  methods.write = write
  methods.end = end
  methods.flushHeaders = flushHeaders
  response.on('pipe', piped)
  return originals
}

const watcherOf = (response: NodeResponse) => (response as Watched)[WATCHER] as Watcher

function writeHead(this: NodeResponse, ...args: unknown[]): unknown {
  return watcherOf(this).called('writeHead', args)
}

function write(this: NodeResponse, ...args: unknown[]): unknown {
  // Node calls back from the connection, and on that from within the response before this one: see `ownEvents`.
  const last = args.length - 1
  if (typeof args[last] === 'function') args[last] = AsyncLocalStorage.bind(args[last] as () => void)
  return watcherOf(this).called('write', args)
}

function end(this: NodeResponse, ...args: unknown[]): unknown {
  return watcherOf(this).called('end', args)
}

function flushHeaders(this: NodeResponse, ...args: unknown[]): unknown {
  return watcherOf(this).called('flushHeaders', args)
}

function piped(this: NodeResponse, source: Readable): void {
  watcherOf(this).piped(source)
}
