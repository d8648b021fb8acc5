import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import {
  awaitsProof,
  type DeviceBoundOptions,
  deviceBound,
  proveAgain,
} from '../../packages/strongroom/src/device-bound/device-bound.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { listening } from '../adapters/serve.ts'

/** A request that a browser has made by itself. */
export interface OwnCall {
  readonly path: string
  readonly status: number
  readonly proof: string | undefined
  readonly id: string | undefined
}

export interface Site {
  readonly port: number
  readonly url: string
  readonly sessions: Sessions
  /** For another `createSessions` on the same store. */
  readonly shared: Pick<SessionsOptions, 'store' | 'secrets'> & { readonly clock: () => number }
  readonly events: SessionEvent[]
  readonly calls: OwnCall[]
  /** Moves the clock of the server, in ms. */
  wait(ms: number): void
  /** What the store does from now on at each call. */
  trouble: (() => Promise<void>) | null
  close(): Promise<void>
}

export interface SiteOptions {
  readonly bound?: DeviceBoundOptions
  readonly options?: Partial<SessionsOptions>
  /** For https. */
  readonly certificate?: { readonly key: Buffer; readonly cert: Buffer }
}

const MINUTE = 60_000
export const minutes = (count: number) => count * MINUTE

/** An application that shows who is signed in, behind the adapter for Node. */
export async function openSite({ bound = {}, options = {}, certificate }: SiteOptions = {}): Promise<Site> {
  const events: SessionEvent[] = []
  const calls: OwnCall[] = []
  let ahead = 0
  const clock = () => Date.now() + ahead
  const store = memory({ clock })
  const site: { trouble: Site['trouble'] } = { trouble: null }
  for (const verb of ['read', 'update', 'create'] as const) {
    const real = store[verb].bind(store) as (...args: unknown[]) => Promise<unknown>
    Object.assign(store, {
      [verb]: async (...args: unknown[]) => {
        await site.trouble?.()
        return real(...args)
      },
    })
  }
  // What is there synchronously would not fail.
  Object.assign(store, { readSync: undefined, updateSync: undefined })
  const shared = { store, secrets: randomBytes(32), clock }
  const sessions = createSessions({
    ...shared,
    ...(options as object),
    sweep: false,
    deviceBound: deviceBound(bound),
    on: (event) => events.push(event),
  })
  const handler = withSessions(sessions, (request, response) => respond(sessions, request, response))
  const logged = (request: IncomingMessage, response: ServerResponse) => {
    const path = new URL(request.url ?? '', 'https://site').pathname
    const { 'secure-session-response': proof, 'sec-secure-session-id': id } = request.headers as Record<string, string>
    if (path.startsWith('/device-bound/'))
      response.on('finish', () => calls.push({ path, status: response.statusCode, proof, id }))
    return handler(request, response)
  }
  const server = certificate ? createSecureServer(certificate, logged as never) : createServer(logged)
  const { url, close } = await listening(server)
  return Object.assign(site, {
    port: Number(new URL(url).port),
    url,
    sessions,
    shared,
    events,
    calls,
    wait(ms: number) {
      ahead += ms
    },
    close,
  })
}

async function respond(sessions: Sessions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'https://site')
  if (pathname === '/peek') {
    const left = await sessions.peek(request)
    response.end(JSON.stringify(left))
    return
  }
  const session = await sessions.get(request)
  const facts = () => {
    const { userId, deviceBound, deviceProvedAt, endsAt } = session
    return JSON.stringify({ userId, deviceBound, provedAt: deviceProvedAt, endsAt })
  }
  const html = (body: string) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(`<!doctype html><title>Site</title><link rel="icon" href="data:,">${body}`)
  }
  switch (pathname) {
    case '/login':
      session.login(searchParams.get('user') ?? 'ada', { remember: searchParams.has('remember') })
      return html('<p>Welcome</p>')
    case '/login-and-go':
      session.login('ada')
      response.writeHead(303, { Location: '/' })
      response.end()
      return
    case '/logout':
      session.logout()
      return html('<p>Bye</p>')
    case '/set':
      session.set('basket', searchParams.get('value') ?? 'full')
      return html(facts())
    case '/renew':
      session.renew()
      return html(facts())
    case '/login-as-eve-and-look':
      session.login('eve')
      return html(facts())
    case '/step-up':
      session.stepUp()
      return html(facts())
    case '/pay':
      session.requireFresh('5m', { deviceBound: true })
      return html('paid')
    case '/prove': {
      const provedAt = session.deviceProvedAt?.getTime() ?? 0
      if (!session.deviceBound) return html('not bound')
      if (provedAt < Number(searchParams.get('since') ?? 0)) {
        proveAgain(session)
        response.writeHead(307, { Location: request.url ?? '' })
        response.end()
        return
      }
      return html('proved')
    }
    case '/again':
      // A link of another site has led here, for which the browser has made no proof.
      return html(
        awaitsProof(session) ? '<meta http-equiv="refresh" content="0">' : `<p id="user">${session.userId}</p>`,
      )
    case '/facts':
      response.setHeader('Content-Type', 'application/json')
      response.end(facts())
      return
    default:
      return html(`<p id="user">${session.userId ?? 'nobody'}</p><form method="post" action="/set"></form>`)
  }
}
