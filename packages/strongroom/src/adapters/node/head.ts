import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { ResponseHeaders } from '../shared/outcome.ts'

export type NodeResponse = ServerResponse | Http2ServerResponse

export const alreadySent = () =>
  Object.assign(new Error('Cannot set headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' })

/** `ended` is called when the end of the response is held back, and `drop` before the calls that were held are made. */
export interface Disguise {
  ended(): void
  drop(): void
}

/**
 * Makes the response behave as if its headers had been sent. Otherwise, while bytes are held, an error handler would write its
 * page into the middle of them, or change a header that belongs to them.
 */
export function pretendSent(response: NodeResponse): Disguise {
  if (Object.hasOwn(response, '_header')) return pretendHeader(response as unknown as Http1Fields)
  let ended = false
  const restore = redefine(response, () => ended)
  return {
    ended: () => {
      ended = true
    },
    drop: restore,
  }
}

interface Http1Fields {
  _header: string | null
  finished: boolean
}

/**
 * For HTTP/1. Node refuses headers, and computes `headersSent` and `writableEnded`, by these two fields. Middleware for
 * compression and logging reads them too. Setting existing fields costs nothing; redefining the properties would cost as much
 * as the rest of the session.
 */
function pretendHeader(response: Http1Fields): Disguise {
  response._header = 'held'
  return {
    ended: () => {
      response.finished = true
    },
    drop: () => {
      response._header = null
      response.finished = false
    },
  }
}

function redefine(response: NodeResponse, ended: () => boolean): () => void {
  const refuse = () => {
    throw alreadySent()
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

/** Sets the headers of `writeHead(status, reason?, headers?)` on the response. Returns the other arguments. */
export function moveHeaders(response: NodeResponse, args: unknown[]): unknown[] {
  const last = args.at(-1)
  if (args.length < 2 || typeof last !== 'object' || last === null) return args
  if (Array.isArray(last)) moveList(response, last)
  else
    for (const [name, value] of Object.entries(last as OutgoingHttpHeaders))
      if (value !== undefined) response.setHeader(name, value as string)
  return args.slice(0, -1).filter((arg) => arg !== undefined)
}

/** The list is flat, with names and values in turn, or a list of pairs. A name may occur several times. */
function moveList(response: NodeResponse, list: unknown[]): void {
  const pairs = Array.isArray(list[0]) ? (list as [string, OutgoingHttpHeader][]) : pairsOf(list)
  const values = new Map<string, { name: string; lines: string[] }>()
  for (const [name, value] of pairs) {
    const known = values.get(name.toLowerCase()) ?? { name, lines: [] }
    known.lines.push(...[value].flat().map(String))
    values.set(name.toLowerCase(), known)
  }
  for (const { name, lines } of values.values())
    response.setHeader(name, lines.length === 1 ? (lines[0] as string) : lines)
}

function pairsOf(list: unknown[]): [string, OutgoingHttpHeader][] {
  if (list.length % 2 !== 0) throw new TypeError('The list of headers for writeHead must have a value for each name.')
  return Array.from({ length: list.length / 2 }, (_, i) => [String(list[2 * i]), list[2 * i + 1] as OutgoingHttpHeader])
}

export class NodeHeaders implements ResponseHeaders {
  readonly #response: NodeResponse

  constructor(response: NodeResponse) {
    this.#response = response
  }

  get(name: string): string | undefined {
    const value = this.#response.getHeader(name)
    return value === undefined ? undefined : Array.isArray(value) ? value.join(', ') : String(value)
  }

  set(name: string, value: string): void {
    this.#response.setHeader(name, value)
  }

  append(name: string, value: string): void {
    const before = this.#response.getHeader(name)
    this.#response.setHeader(name, before === undefined ? value : [before as string | string[], value].flat())
  }

  delete(name: string): void {
    this.#response.removeHeader(name)
  }

  names(): string[] {
    return this.#response.getHeaderNames()
  }
}
