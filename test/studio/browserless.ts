import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { type BaseSessions, createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'

export const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'

export const shop = (options: Omit<SessionsOptions, 'store'> = {}): Sessions =>
  createSessions({ store: memory(), secrets: SECRET, ...options })

type AnySessions = BaseSessions<Record<string, unknown>>

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

/** Signs a user in on a device of their own, and returns the cookie: "__Host-id=…". */
export async function signIn(sessions: AnySessions, user: string, agent = FIREFOX): Promise<string> {
  const login = withSessions(sessions, async (given) => {
    ;(await sessions.get(given)).login(user)
    return new Response()
  })
  const response = await login(new Request('http://shop.test/', { headers: { 'user-agent': agent } }))
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

/** Is anybody signed in with this cookie? */
export const userOf = async (sessions: AnySessions, cookie: string): Promise<string | null> =>
  (await sessions.read({ headers: { cookie } })).userId

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

export interface Site {
  readonly port: number
  /** Sends what is given and nothing else, so that headers can be forged, and Host as well. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** As a form of the site itself; other headers replace those. */
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string | null>>,
  ): Promise<Answer>
}

type Ending = { after(done: () => unknown): void }

/** Serves on a free port of the loopback address, until the test is over. */
export async function serving(t: Ending, listener: RequestListener): Promise<Site> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return siteAt((server.address() as AddressInfo).port)
}

/** The studio that this link opens: paths are those below its own. */
export function siteOf(link: string): Site {
  const { port, pathname } = new URL(link)
  return siteAt(Number(port || 80), pathname.split('/open/')[0])
}

export function siteAt(port: number, base = ''): Site {
  const below = (path: string) => (path.startsWith(base) ? path : base + path)
  const origin = `http://127.0.0.1:${port}`
  return {
    port,
    // What comes after # stays in the browser.
    get: (path, headers = {}) => send(port, { method: 'GET', path: below(path.replace(/#.*/, '')), headers }),
    post(path, fields, given = {}) {
      const body = String(new URLSearchParams(fields))
      const all = {
        'content-type': 'application/x-www-form-urlencoded',
        origin,
        'sec-fetch-site': 'same-origin',
        ...given,
      }
      const headers = Object.fromEntries(Object.entries(all).filter((one): one is [string, string] => one[1] !== null))
      return send(port, { method: 'POST', path: below(path), headers, body })
    },
  }
}

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

async function send(port: number, { method, path, headers, body }: Sent): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port, method, path, headers })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

/** The cookies that an answer sets, as a Cookie header. */
export const cookiesOf = ({ headers }: Answer): string =>
  (headers['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; ')
