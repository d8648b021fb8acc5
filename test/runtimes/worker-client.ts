import { Readable } from 'node:stream'
import type { Client, Incoming } from '../../packages/strongroom/src/testing/adapter/client.ts'

/** Names the site that a request is for: a Worker cannot listen, and so all of them have one address. */
export const SITE = 'x-strongroom-site'

/** In place of the client of the suite, because a Worker has `fetch` alone. Each request goes through the network, to the Worker itself. */
export function http1(url: string): Client {
  const { origin, hash } = new URL(url)
  return {
    begin({ path, method, headers, body }) {
      const leaving = new AbortController()
      const sent = fetch(new URL(path, origin), {
        method,
        headers: { ...headers, [SITE]: hash.slice(1) },
        redirect: 'manual',
        signal: leaving.signal,
        ...(body !== undefined && { body }),
      })
      const response = sent.then(
        ({ status, headers, body }): Incoming => ({
          status,
          lines: [...headers].map(([name, value]) => [name.toLowerCase(), value] as const),
          body: body ? Readable.fromWeb(body as never) : Readable.from([]),
        }),
      )
      return { response, leave: () => leaving.abort() }
    },
    close: () => undefined,
  }
}

export const http2 = (url: string): Client => http1(url)
