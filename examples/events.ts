/**
 * Server-Sent Events with a Fetch handler: the stream of a user ends with the session.
 *
 *     npm install strongroom hono @hono/node-server && node events.ts
 */
import { serve } from '@hono/node-server'
import { createSessions } from 'strongroom'
import { withSessions } from 'strongroom/fetch'
import { strongroom } from 'strongroom/ws'

const sessions = createSessions({ store: 'memory:', secrets: process.env.STRONGROOM_SECRETS })
const live = strongroom(sessions)

/** The time, every second. */
function clock(): ReadableStream<Uint8Array> {
  let timer: NodeJS.Timeout
  return new ReadableStream({
    start(controller) {
      const tell = () => controller.enqueue(new TextEncoder().encode(`data: ${new Date().toISOString()}\n\n`))
      tell()
      timer = setInterval(tell, 1000)
    },
    cancel: () => clearInterval(timer),
  })
}

const fetch = withSessions(sessions, async (request) => {
  const session = await sessions.get(request)
  const { pathname } = new URL(request.url)
  if (request.method === 'POST' && pathname === '/login') session.login('ada')
  if (request.method === 'POST' && pathname === '/logout') session.logout()
  if (pathname !== '/events') return new Response(session.userId ?? 'stranger')
  // Not 200: an EventSource that has been cut off asks again, and gives up when it gets this.
  if (session.userId === null) return new Response('Sign in first.', { status: 401 })
  const stream = live.watchStream(session, clock())
  if (request.method === 'HEAD') await stream.cancel()
  return new Response(request.method === 'HEAD' ? null : stream, { headers: { 'Content-Type': 'text/event-stream' } })
})

serve({ fetch, port: 3000 })

/* try
GET /events: 401
POST /login: 200 ada
HEAD /events: 200
POST /logout: 200 stranger
GET /events: 401
*/
