import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Hono } from 'hono'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom } from '../../packages/strongroom/src/adapters/hono.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { serveFetch } from './serve.ts'

type Handler = (request: Request) => Response | Promise<Response>

const sessions = createSessions<{ visits: number }>({ store: cookie(), secrets: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2) })

/** Both count a visit, and respond with what `page` makes. */
const HANDLERS: Readonly<Record<string, (page: () => Response) => Handler>> = {
  fetch: (page) =>
    withSessions(sessions, async (request) => {
      const session = await sessions.get(request)
      session.set('visits', 1)
      return page()
    }),
  hono: (page) => {
    const app = new Hono().use(strongroom(sessions))
    app.get('/', async (c) => {
      const session = await sessions.get(c)
      session.set('visits', 1)
      return page()
    })
    return app.fetch
  },
}

/** Bun finds the type of a response when it sends it, by what its body was made of. */
export function textSuite(): void {
  for (const [name, handlerOf] of Object.entries(HANDLERS))
    describe(`a body without a type: ${name}`, () => {
      it('is text for the browser if it is a string, also when the session sets its cookie', async () => {
        const server = await serveFetch(handlerOf(() => new Response('Hello')))
        try {
          const response = await fetch(server.url)
          assert.match(response.headers.get('set-cookie') ?? '', /^__Host-id=/)
          assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
          assert.equal(await response.text(), 'Hello')
        } finally {
          await server.close()
        }
      })

      it('is cancelled if it is a stream, when the visitor leaves', async () => {
        let cancelled = () => {}
        const cancel = new Promise<void>((resolve) => {
          cancelled = resolve
        })
        const endless = () =>
          new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)), cancel: cancelled })
        const server = await serveFetch(handlerOf(() => new Response(endless())))
        try {
          const visitor = new AbortController()
          const response = await fetch(server.url, { signal: visitor.signal })
          await response.body?.getReader().read()
          visitor.abort()
          await cancel
        } finally {
          await server.close()
        }
      })
    })
}
