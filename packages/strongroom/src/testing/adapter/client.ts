import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { Readable } from 'node:stream'

export interface Outgoing {
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** A response as it was received: nothing is decoded, joined or followed. */
export interface Incoming {
  readonly status: number
  /** Header lines in order, names in lower case. */
  readonly lines: readonly (readonly [name: string, value: string])[]
  readonly body: Readable
}

export interface Exchange {
  /** Resolves when the head of the response has arrived. */
  readonly response: Promise<Incoming>
  /** Disconnects the client, whatever the state of the exchange. */
  leave(): void
}

export interface Client {
  begin(request: Outgoing): Exchange
  close(): void
}

/** Connections are reused, and there may be any number of them, as with all tabs of a browser together. */
export function http1(url: string): Client {
  const agent = new Agent({ keepAlive: true })
  return {
    begin({ path, method, headers, body }) {
      const outgoing = request(new URL(path, url), { method, headers, agent })
      const response = new Promise<Incoming>((resolve, reject) => {
        outgoing.on('response', (message) => {
          message.on('error', () => undefined)
          resolve({ status: message.statusCode ?? 0, lines: linesOf(message), body: message })
        })
        outgoing.on('error', reject)
      })
      outgoing.end(body)
      return { response, leave: () => outgoing.destroy() }
    },
    close: () => agent.destroy(),
  }
}

function linesOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const lines: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    lines.push([rawHeaders[i]?.toLowerCase() ?? '', rawHeaders[i + 1] ?? ''])
  return lines
}

export function http2(url: string): Client {
  const connection = connect(url)
  connection.on('error', () => undefined)
  return {
    begin({ path, method, headers, body }) {
      const stream = connection.request({ ...headers, ':path': path, ':method': method })
      const response = new Promise<Incoming>((resolve, reject) => {
        stream.on('response', (head) =>
          resolve({ status: head[':status'] ?? 0, lines: linesOfHttp2(head), body: stream }),
        )
        stream.on('error', reject)
        stream.on('close', () => reject(new Error('The stream ended before a response.')))
      })
      stream.end(body)
      return { response, leave: () => stream.destroy() }
    },
    close: () => connection.destroy(),
  }
}

const linesOfHttp2 = (head: IncomingHttpHeaders) =>
  Object.entries(head).flatMap(([name, value]) => [value ?? []].flat().map((line) => [name, line] as const))
