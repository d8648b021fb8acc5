/**
 * Visits, a login, and "your devices" with Fastify.
 *
 *     npm install strongroom fastify && node fastify.ts
 */
import { fastify } from 'fastify'
import { createSessions, StrongroomError } from 'strongroom'
import { type SessionData, strongroom } from 'strongroom/fastify'

declare module 'strongroom/fastify' {
  interface SessionData {
    visits: number
  }
}

const sessions = createSessions<SessionData>({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})

const app = fastify()
app.register(strongroom(sessions))

app.setErrorHandler((error, request, reply) => {
  if (!(error instanceof StrongroomError)) throw error
  request.log.error(error)
  return reply.code(error.status).send({ error: error.code })
})

app.get('/', async (request) => {
  const session = await request.session
  return { visits: session.update('visits', (visits = 0) => visits + 1), user: session.userId }
})

app.post<{ Params: { user: string } }>('/login/:user', async (request, reply) => {
  const session = await request.session
  session.login(request.params.user) // check the password before
  return reply.code(204).send()
})

app.post('/logout', async (request, reply) => {
  const session = await request.session
  session.logout()
  return reply.code(204).send()
})

/** For those who are signed in. */
app.register(
  async (account) => {
    account.addHook('preHandler', async (request, reply) => {
      const { userId } = await request.session
      if (userId === null) return reply.code(401).send({ error: 'Sign in first.' })
    })

    account.get('/devices', async (request) => {
      const session = await request.session
      return sessions.of(String(session.userId)).list(session)
    })

    account.post<{ Params: { handle: string } }>('/devices/:handle/end', async (request, reply) => {
      const { userId } = await request.session
      const ended = await sessions.of(String(userId)).revoke(request.params.handle)
      return reply.code(ended ? 204 : 404).send()
    })
  },
  { prefix: '/account' },
)

await app.listen({ port: 3000 })

/* try
GET /: 200 {"visits":1,"user":null}
GET /account/devices: 401
POST /login/ada: 204
GET /: 200 {"visits":2,"user":"ada"}
[phone] POST /login/ada: 204
GET /account/devices: 200 /"handle":"(?<phone>[\w-]{16})"[^}]*"label":"Chrome on Android"/
[eve] POST /login/eve: 204
[eve] POST /account/devices/{phone}/end: 404
POST /account/devices/{phone}/end: 204
[phone] GET /account/devices: 401
POST /logout: 204
GET /: 200 {"visits":1,"user":null}
*/
