import type { Readable } from 'node:stream'
import type { NodeResponse } from './head.ts'

/** What puts a byte on the wire. */
export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'

/** Who is told, instead of the response, what is done with it. */
export interface Watcher {
  called(method: Method, args: unknown[]): unknown
  /** A body is being piped into the response. */
  piped(source: Readable): void
  closed(): void
}

type Methods = Record<Method, (this: NodeResponse, ...args: unknown[]) => unknown>
const METHODS: readonly Method[] = ['writeHead', 'write', 'end', 'flushHeaders']

/** A response's own methods, as they were before it was watched. */
export class Originals {
  readonly #response: NodeResponse
  readonly #writeHead: Methods['writeHead']
  readonly #write: Methods['write']
  readonly #end: Methods['end']
  readonly #flushHeaders: Methods['flushHeaders']

  constructor(response: NodeResponse) {
    const { writeHead, write, end, flushHeaders } = response as unknown as Methods
    this.#response = response
    this.#writeHead = writeHead
    this.#write = write
    this.#end = end
    this.#flushHeaders = flushHeaders
  }

  call(method: Method, args: unknown[]): unknown {
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
 * Tells the watcher from now on, for good: others may wrap the methods in turn, so they are never put back.
 *
 * All responses share the functions that do it. Closures of its own for each response would be tens of thousands a second,
 * and where V8 has come to allocate a part of them as old, as it does after a start under load, each keeps its request from
 * the quick collections.
 */
export function watch(response: NodeResponse, watcher: Watcher): Originals {
  const originals = new Originals(response)
  const methods = response as unknown as Methods
  if (WATCHER in response) {
    // Another adapter's sessions watch this response already.
    for (const method of METHODS) methods[method] = (...args) => watcher.called(method, args)
    response.on('pipe', (source: Readable) => watcher.piped(source))
    response.on('close', () => watcher.closed())
    return originals
  }
  ;(response as Watched)[WATCHER] = watcher
  methods.writeHead = writeHead
  methods.write = write
  methods.end = end
  methods.flushHeaders = flushHeaders
  response.on('pipe', piped)
  response.on('close', closed)
  return originals
}

const watcherOf = (response: NodeResponse) => (response as Watched)[WATCHER] as Watcher

function writeHead(this: NodeResponse, ...args: unknown[]): unknown {
  return watcherOf(this).called('writeHead', args)
}

function write(this: NodeResponse, ...args: unknown[]): unknown {
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

function closed(this: NodeResponse): void {
  watcherOf(this).closed()
}
