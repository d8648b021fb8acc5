/**
 * A chat over WebSockets, for users alone. Anyone who logs out, here or on another device, is out of the chat.
 *
 *     npm install strongroom ws && node ws.ts
 */
import { createServer } from 'node:http'
import { createSessions } from 'strongroom'
import { withSessions } from 'strongroom/node'
import { strongroom } from 'strongroom/ws'
import { type WebSocket, WebSocketServer } from 'ws'

const sessions = createSessions<{ visits: number }>({ store: 'memory:', secrets: process.env.STRONGROOM_SECRETS })
const live = strongroom(sessions)

const server = createServer(
  withSessions(sessions, async (request, response) => {
    const session = await sessions.get(request)
    const [, action, handle = ''] = request.url?.split('/') ?? []
    session.update('visits', (visits = 0) => visits + 1)
    if (request.method === 'POST' && action === 'login') session.login('ada')
    if (request.method === 'POST' && action === 'logout') session.logout()
    if (action === 'devices' && session.userId) {
      const devices = sessions.of(session.userId)
      if (request.method === 'DELETE') await devices.revoke(handle)
      response.setHeader('Content-Type', 'application/json')
      return response.end(JSON.stringify(await devices.list(session)))
    }
    response.end(
      `${session.userId ?? 'stranger'}, visit ${session.get('visits') ?? 0}, ${chat.clients.size} in the chat\n`,
    )
  }),
)

const chat = new WebSocketServer({ noServer: true })
server.on('upgrade', live.upgrade(chat))

chat.on('connection', (socket: WebSocket, _request: unknown, session: Awaited<ReturnType<typeof sessions.read>>) => {
  socket.on('message', (text) => {
    for (const client of chat.clients) client.send(`${session.userId}: ${text}`)
  })
  // 4401 when the session has ended: the page shows its login then.
  socket.on('close', (code, reason) => console.log(`${session.userId} left: ${code} ${reason}`))
})

server.listen(3000)

/* try
GET /: 200 stranger, visit 1, 0 in the chat
UPGRADE /chat: 403
POST /login: 200 ada, visit 2
[phone] POST /login: 200 ada, visit 1
GET /devices: 200 /handle":"(?<handle>[\w-]+)","createdAt":"[^"]+","lastSeenAt":"[^"]+","expiresAt":"[^"]+","label":"[^"]+Android","current":false/
DELETE /devices/{handle}: 200 !Android
[phone] GET /: 200 stranger
POST /logout: 200 stranger
*/
