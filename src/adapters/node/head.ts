import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { ResponseHeaders } from '../headers.ts'

export type NodeResponse = ServerResponse | Http2ServerResponse

export const alreadySent = () =>
  Object.assign(new Error('Cannot set headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' })

/**
 * While bytes are held, the response behaves as one whose headers are sent, so that nobody writes an error page over it or
 * changes a header that belongs to what is held. Returns what undoes it.
 */
export function pretendSent(response: NodeResponse, ended: () => boolean): () => void {
  const refuse = () => {
    throw alreadySent()
  }
  const disguise: PropertyDescriptorMap = {
    headersSent: { get: () => true, configurable: true },
    // What compression and logging look at; to Node it is the text of the head that was sent.
    _header: { value: 'held', configurable: true, writable: true },
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

export function nodeHeaders(response: NodeResponse): ResponseHeaders {
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
