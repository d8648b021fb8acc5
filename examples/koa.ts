/**
 * Visits, a login, and "your devices" with Koa.
 *
 *     npm install strongroom koa @koa/router && node koa.ts
 */
import Router from '@koa/router'
import Koa from 'koa'
import { createSessions } from 'strongroom'
import { strongroom } from 'strongroom/koa'

const sessions = createSessions<{ visits: number }>({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})

const router = new Router()

router.get('/', async (ctx) => {
  const session = await sessions.get(ctx)
  ctx.body = { visits: session.update('visits', (visits = 0) => visits + 1), user: session.userId }
})

router.post('/login/:user', async (ctx) => {
  const session = await sessions.get(ctx)
  session.login(String(ctx.params.user)) // check the password before
  ctx.status = 204
})

router.post('/logout', async (ctx) => {
  const session = await sessions.get(ctx)
  session.logout()
  ctx.status = 204
})

router.get('/devices', async (ctx) => {
  const session = await sessions.get(ctx)
  if (session.userId === null) return ctx.throw(401)
  ctx.body = await sessions.of(session.userId).list(session)
})

router.post('/devices/:handle/end', async (ctx) => {
  const { userId } = await sessions.get(ctx)
  if (userId === null) return ctx.throw(401)
  const ended = await sessions.of(userId).revoke(String(ctx.params.handle))
  ctx.status = ended ? 204 : 404
})

const app = new Koa()
app.use(strongroom(sessions))
app.use(router.routes())

app.listen(3000)

/* try
GET /: 200 {"visits":1,"user":null}
GET /devices: 401
POST /login/ada: 204
GET /: 200 {"visits":2,"user":"ada"}
[phone] POST /login/ada: 204
GET /devices: 200 /"handle":"(?<phone>[\w-]{16})"[^}]*"label":"Chrome on Android"/
[eve] POST /login/eve: 204
[eve] POST /devices/{phone}/end: 404
POST /devices/{phone}/end: 204
[phone] GET /devices: 401
POST /logout: 204
GET /: 200 {"visits":1,"user":null}
*/
