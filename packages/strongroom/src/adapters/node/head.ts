import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { Socket } from 'node:net'
import type { ResponseHeaders } from '../shared/outcome.ts'

/** Any response of Node's servers: HTTP/1, and the compatibility API of HTTP/2. */
export type NodeResponse = ServerResponse | Http2ServerResponse

export const alreadySent = () =>
  Object.assign(new Error('Cannot set headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' })

export const afterEnd = () => Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' })

/** A status that Node sends; it refuses others. */
export const isStatus = (status: number): boolean => status >= 100 && status <= 999

export const invalidStatus = () =>
  Object.assign(new RangeError('The statusCode of the response is not a number from 100 to 999.'), {
    code: 'ERR_HTTP_INVALID_STATUS_CODE',
  })

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
  if (isOverHttp2(response)) return redefine(response, true)
  if (!Object.hasOwn(response, '_header')) return asStandIn(response, redefine(response, false))
  if ('toWebResponse' in response) return asStandIn(response, ignoreHeaders(response))
  const fields = response as unknown as Http1Fields
  return isStandIn(fields) ? asStandIn(response, pretendHeader(fields, false)) : pretendHeader(fields, true)
}

export const isOverHttp2 = (response: NodeResponse): response is Http2ServerResponse =>
  // An application may give a response of HTTP/1 a property with that name.
  !Object.hasOwn(response, '_header') && 'stream' in response

/**
 * Does the response collect its bytes for a host, such as serverless-http, instead of sending them? Such a host takes the bytes as soon as
 * the response says that it has ended, and has no connection that would wait for them: the visitor would get an empty page.
 */
const isStandIn = ({ socket }: Http1Fields) => socket !== null && !(socket instanceof Socket)

const HELD = Symbol('strongroom held')
type StandIn = NodeResponse & { [HELD]?: 'begun' | 'ended' | undefined }

/** Has the response ended, for the handler that wrote it? A stand-in does not say so while its end is held back. */
export const hasEnded = (response: NodeResponse): boolean =>
  response.writableEnded || (response as StandIn)[HELD] === 'ended'

/** Has the response begun, for the handler that wrote it? */
export const hasBegun = (response: NodeResponse): boolean =>
  response.headersSent || (response as StandIn)[HELD] !== undefined

function asStandIn(response: StandIn, { drop }: Disguise): Disguise {
  response[HELD] = 'begun'
  return {
    ended: () => {
      response[HELD] = 'ended'
    },
    drop: () => {
      response[HELD] = undefined
      drop()
    },
  }
}

interface Http1Fields {
  _header: string | null
  finished: boolean
  /** Null while an earlier response is being sent over the connection. */
  readonly socket: unknown
}

/**
 * For HTTP/1. Node refuses headers, and computes `headersSent` and `writableEnded`, by these two fields. Middleware for
 * compression and logging reads them too. Setting existing fields costs nothing; redefining the properties would cost as much
 * as the rest of the session.
 */
function pretendHeader(response: Http1Fields, mayEnd: boolean): Disguise {
  // That of serverless-http begins with an empty string, by which it knows that there is no header to cut off.
  const before = response._header
  response._header = 'held'
  return {
    ended: () => {
      response.finished = mayEnd
    },
    drop: () => {
      response._header = before
      response.finished = false
    },
  }
}

function redefine(response: NodeResponse, mayEnd: boolean): Disguise {
  let ended = false
  const refuse = () => {
    throw alreadySent()
  }
  const drop = override(response, refuse, {
    headersSent: { get: () => true, configurable: true },
    writableEnded: { get: () => ended, configurable: true },
  })
  return {
    ended: () => {
      ended = mayEnd
    },
    drop,
  }
}

/**
 * For the response of srvx. It becomes a Fetch response as soon as it says that its headers have been sent, so it must not say so. Changes of
 * headers are ignored: error handlers look at `headersSent` first, and would not expect an exception.
 */
function ignoreHeaders(response: NodeResponse): Disguise {
  return { ended: () => {}, drop: override(response, () => response, {}) }
}

const CHANGES = ['setHeader', 'appendHeader', 'setHeaders', 'removeHeader']

/** Replaces these properties, and the methods that change a header. Returns what restores them. */
function override(response: NodeResponse, change: () => unknown, properties: PropertyDescriptorMap): () => void {
  const disguise: PropertyDescriptorMap = {
    ...properties,
    ...Object.fromEntries(CHANGES.map((name) => [name, { value: change, configurable: true, writable: true }])),
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
