/**
 * A Fetch handler: Bun and Deno serve it as it is, and Node with `serve` from @hono/node-server.
 *
 *     npm install strongroom && bun fetch.ts
 */
import { createSessions } from 'strongroom'
import { withSessions } from 'strongroom/fetch'

const sessions = createSessions<{ theme: 'light' | 'dark' }>({
  store: 'file:./sessions',
  secrets: process.env.STRONGROOM_SECRETS,
})

const handler = withSessions(sessions, async (request) => {
  const { pathname } = new URL(request.url)
  const session = await sessions.get(request)
  if (request.method === 'POST' && pathname === '/theme') {
    const { theme } = (await request.json()) as { theme?: unknown }
    if (theme !== 'light' && theme !== 'dark') return new Response('light or dark', { status: 400 })
    session.set('theme', theme)
    return new Response(null, { status: 204 })
  }
  return new Response(`The lamp is ${session.get('theme') === 'dark' ? 'off' : 'on'}.`)
})

export default { fetch: handler }

/* try
GET /: 200 The lamp is on.
POST /theme {"theme":"mauve"}: 400
POST /theme {"theme":"dark"}: 204
GET /: 200 The lamp is off.
*/
