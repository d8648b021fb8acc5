import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { ResponseHeaders } from '../shared/outcome.ts'

export type NodeResponse = ServerResponse | Http2ServerResponse

export const alreadySent = () =>
  Object.assign(new Error('Cannot set headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' })

/** A response in disguise: `ended` is called when its end is held, `drop` before what was held is sent. */
export interface Disguise {
  ended(): void
  drop(): void
}

/**
 * While bytes are held, the response behaves as one whose headers are sent, so that nobody writes an error page over it or
 * changes a header that belongs to what is held.
 */
export function pretendSent(response: NodeResponse): Disguise {
  if (Object.hasOwn(response, '_header')) return pretendHeader(response as unknown as Innards)
  let over = false
  const restore = redefine(response, () => over)
  return {
    ended: () => {
      over = true
    },
    drop: restore,
  }
}

interface Innards {
  _header: string | null
  finished: boolean
}

/**
 * HTTP/1: Node itself refuses headers, and says `headersSent` and `writableEnded`, by these two fields, which compression and
 * logging look at as well. Setting fields that are there costs nothing; redefining properties costs as much as the session.
 */
function pretendHeader(response: Innards): Disguise {
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

/** Turns `writeHead(status, reason?, headers?)` into set headers and `writeHead(status, reason?)`. */
export function moveHeaders(response: NodeResponse, args: unknown[]): unknown[] {
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
  if (list.length % 2 !== 0) throw new TypeError('writeHead takes a list of as many header values as names.')
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
}
