/**
 * node:http alone, with a socket that only a logged-in user may open.
 *
 *     npm install strongroom && node node.ts
 */
import { createServer } from 'node:http'
import { createSessions } from 'strongroom'
import { withSessions } from 'strongroom/node'

const sessions = createSessions({ store: 'memory:', secrets: process.env.STRONGROOM_SECRETS })

const server = createServer(
  withSessions(sessions, async (request, response) => {
    const session = await sessions.get(request)
    if (request.method === 'POST' && request.url === '/login') session.login('ada', { remember: '30d' })
    if (request.method === 'POST' && request.url === '/logout') session.logout()
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    response.end(session.userId ? `Hello, ${session.userId}.\n` : 'Hello, stranger.\n')
  }),
)

server.on('upgrade', async (request, socket) => {
  // There is no response that could carry a cookie, so the session is read-only.
  const session = await sessions.read(request)
  if (!session.userId) return socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  socket.pipe(socket)
})

server.listen(3000)

/* try
GET /: 200 Hello, stranger.
UPGRADE /echo: 401
POST /login: 200 Hello, ada.
UPGRADE /echo: 101
POST /logout: 200 Hello, stranger.
UPGRADE /echo: 401
*/
