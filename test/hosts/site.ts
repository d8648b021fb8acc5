import { request as begin, createServer, type RequestListener, type Server } from 'node:http'
import { listening } from '../adapters/serve.ts'
import type { Answer, Application, Middleware, Site } from './suite.ts'

/** A host that listens on a port. */
export async function socketSite(server: Server | RequestListener, close?: () => unknown): Promise<Site> {
  const running = await listening(typeof server === 'function' ? createServer(server) : server)
  return {
    ...urlSite(running.url),
    close: async () => {
      await close?.()
      await running.close()
    },
  }
}

/** A host that listens on a port by itself. */
export const urlSite = (url: string): Site => ({
  async ask(cookie) {
    return answerOf(await fetch(url, { headers: cookie ? { cookie } : {}, redirect: 'manual' }))
  },
  askAndLeave(cookie, left) {
    const outgoing = begin(url, { headers: { cookie } }).on('error', () => {})
    left.then(() => outgoing.destroy())
    outgoing.end()
  },
})

export const answerOf = async (response: Response): Promise<Answer> => ({
  status: response.status,
  body: await response.text(),
  cookies: response.headers.getSetCookie().map(pairOf),
  vary: response.headers.get('vary'),
})

/** What a browser sends back of a Set-Cookie line. */
const pairOf = (line: string) => line.split(';')[0] ?? ''

/** The headers of a response stand-in. */
export function answerFrom(status: number, headers: Readonly<Record<string, unknown>>, body: string): Answer {
  const lines = [headers['set-cookie'] ?? []].flat().map(String)
  return { status, body, cookies: lines.map(pairOf), vary: headers.vary ? String(headers.vary) : null }
}

/** What an error handler of the suite's applications sends. */
export const handledAs = (error: unknown) => {
  const { status = 500, code } = error as { status?: number; code?: string }
  return { status, body: `handled ${code}` }
}

/** The page as the last middleware of a host that has only middleware. */
export const pageOf =
  ({ page }: Application): Middleware =>
  (request, response, next) => {
    page(request).then((body) => response.end(body), next)
  }
