/**
 * A basket with Hono, its sessions in sealed cookies: any number of servers, and no database for them. A small store of
 * revocations makes a logout final.
 *
 *     npm install strongroom hono @hono/node-server && node hono.ts
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createSessions } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { strongroom } from 'strongroom/hono'
import { sqlite } from 'strongroom/sqlite'

const sessions = createSessions<{ basket: Record<string, number> }>({
  store: cookie({ revocations: sqlite('./revocations.db') }),
  secrets: process.env.STRONGROOM_SECRETS,
})

const app = new Hono()
app.use(strongroom(sessions))

app.get('/basket', async (c) => {
  const session = await sessions.get(c)
  return c.json(session.get('basket') ?? {})
})

app.post('/basket/:item', async (c) => {
  const session = await sessions.get(c)
  const item = c.req.param('item')
  session.update('basket', (basket = {}) => ({ ...basket, [item]: (basket[item] ?? 0) + 1 }))
  return c.redirect('/basket')
})

app.post('/login/:user', async (c) => {
  const session = await sessions.get(c)
  session.login(c.req.param('user')) // the visitor's basket becomes the user's
  return c.redirect('/basket')
})

app.post('/logout', async (c) => {
  const session = await sessions.get(c)
  session.logout()
  return c.redirect('/basket')
})

serve({ fetch: app.fetch, port: 3000 })

/* try
POST /basket/tea: 302 /basket
POST /basket/tea: 302 /basket
POST /login/ada: 302 /basket
GET /basket: 200 {"tea":2}
POST /logout: 302 /basket
GET /basket: 200 {}
*/
