/**
 * Visits, a login and "your devices" with Elysia on Node. On Bun, leave the adapter out.
 *
 *     npm install strongroom elysia @elysiajs/node && node elysia.ts
 */
import { node } from '@elysiajs/node'
import { Elysia, t } from 'elysia'
import { createSessions } from 'strongroom'
import { strongroom } from 'strongroom/elysia'

const sessions = createSessions<{ visits: number }>({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})

new Elysia({ adapter: node() })
  .use(strongroom(sessions))
  .get('/', async ({ request }) => {
    const session = await sessions.get(request)
    const visits = session.update('visits', (visits = 0) => visits + 1)
    return { user: session.userId, visits }
  })
  .post(
    '/login',
    async ({ request, body, status }) => {
      const session = await sessions.get(request)
      session.login(body.user) // check the password first
      return status(204)
    },
    { body: t.Object({ user: t.String() }) },
  )
  .post('/logout', async ({ request, status }) => {
    const session = await sessions.get(request)
    session.logout()
    return status(204)
  })
  .get('/devices', async ({ request, status }) => {
    const session = await sessions.get(request)
    if (!session.userId) return status(401)
    return sessions.of(session.userId).list(session)
  })
  .post('/devices/:handle/end', async ({ session, params, status }) => {
    const { userId } = await session // the same
    const ended = userId && (await sessions.of(userId).revoke(params.handle))
    return status(ended ? 204 : 404)
  })
  .listen(3000)

/* try
GET /: 200 {"user":null,"visits":1}
GET /devices: 401
POST /login user=ada: 204
GET /: 200 {"user":"ada","visits":2}
[phone] POST /login user=ada: 204
GET /devices: 200 /"handle":"(?<phone>[\w-]{16})"[^}]*"label":"Chrome on Android"/
POST /devices/{phone}/end: 204
[phone] GET /devices: 401
POST /logout: 204
GET /: 200 {"user":null,"visits":1}
*/
