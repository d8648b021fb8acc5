import { Hono } from 'hono'
import { csrf as fetchCsrf, withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { csrf as honoCsrf, strongroom } from '../../packages/strongroom/src/adapters/hono.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import {
  adapterSuite,
  manualClock,
  type RunningServer,
  storeSuite,
} from '../../packages/strongroom/src/testing/index.ts'
import { type Watched, watched } from '../../packages/strongroom/src/testing/watched.ts'
import { toResponse } from '../adapters/serve.ts'
import { collected, outcomeOf } from './collect.ts'
import { SITE } from './worker-client.ts'

type Handler = (request: Request) => Response | Promise<Response>

let origin = ''
let sites = 0
const handlers = new Map<string, Handler>()

async function served(handler: Handler): Promise<RunningServer> {
  const name = String(++sites)
  handlers.set(name, handler)
  return { url: `${origin}#${name}`, close: async () => void handlers.delete(name) }
}

adapterSuite('fetch', async (sessions, application, protection) => {
  const check = protection && fetchCsrf(sessions, protection)
  return served(
    withSessions(sessions, async (request) => {
      await check?.(request)
      const field = async (name: string) => (await request.formData()).get(name)
      return toResponse(await application({ request, url: request.url, field }))
    }),
  )
})

adapterSuite('hono', async (sessions, application, protection) => {
  const app = new Hono()
  app.use(strongroom(sessions))
  if (protection) app.use(honoCsrf(sessions, protection))
  app.all('*', async (c) => {
    const field = async (name: string) => (await c.req.parseBody())[name]
    return toResponse(await application({ request: c, url: c.req.url, field }))
  })
  return served((request) => app.fetch(request))
})

storeSuite('memory', async () => {
  const clock = manualClock()
  const store = memory({ clock })
  return { store, clock, close: () => store.close() }
})

async function run(url: URL): Promise<Response> {
  origin = url.origin
  const test = collected[Number(url.pathname.slice('/run/'.length))]
  return test ? Response.json(await outcomeOf(test)) : new Response('There is no such test.', { status: 404 })
}

const secrets = 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)

function facts(): Response {
  const { cipher, crypto } = createSessions({ store: memory(), secrets }).policy
  return Response.json({ cipher, crypto })
}

/** One store for two requests: the first is over when it stops answering. */
let stops: { readonly handler: Handler; readonly watch: Watched } | undefined

async function slow({ origin }: URL): Promise<Response> {
  const watch = watched(memory())
  const sessions = createSessions({ store: watch.store, secrets, storeTimeout: '500ms' })
  const handler = withSessions(sessions, async (request) =>
    Response.json((await sessions.get(request)).update('visits', (visits = 0) => Number(visits) + 1)),
  )
  stops = { handler, watch }
  const first = await fetch(`${origin}/stops`)
  const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? ''
  await first.text()
  watch.before = () => new Promise(() => undefined)
  const second = await fetch(`${origin}/stops`, { headers: { cookie } })
  return Response.json({ first: first.status, second: second.status })
}

async function respond(request: Request): Promise<Response> {
  const url = new URL(request.url)
  if (url.pathname === '/list') return Response.json(collected.map(({ path }) => path))
  if (url.pathname === '/facts') return facts()
  if (url.pathname === '/slow') return slow(url)
  if (url.pathname === '/stops' && stops) return stops.handler(request)
  return run(url)
}

export default {
  async fetch(request: Request): Promise<Response> {
    const site = request.headers.get(SITE)
    // The paths of a conversation are its own.
    if (site === null) return respond(request)
    const headers = new Headers(request.headers)
    headers.delete(SITE)
    const handler = handlers.get(site)
    if (!handler) return new Response('There is no such site.', { status: 404 })
    try {
      return await handler(new Request(request, { headers }))
    } catch {
      // In place of the page of the development server, which has the error on it.
      return new Response('failed', { status: 500 })
    }
  },
}
