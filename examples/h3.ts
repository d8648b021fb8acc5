/**
 * Visits, a login and "your devices" with h3 2. For Nuxt, see the folder nuxt.
 *
 *     npm install strongroom h3 && node h3.ts
 */
import { H3, type H3Event, HTTPError, readBody, redirect, serve } from 'h3'
import { createSessions } from 'strongroom'
import { strongroom } from 'strongroom/h3'

const sessions = createSessions<{ visits: number }>({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})

const app = new H3()
app.use(strongroom(sessions))

app.get('/', async (event) => {
  const session = await sessions.get(event)
  const visits = session.update('visits', (visits = 0) => visits + 1)
  return { user: session.userId, visits }
})

app.post('/login', async (event) => {
  const body = await readBody<{ user: string }>(event)
  const session = await sessions.get(event)
  session.login(body?.user ?? '') // check the password first
  return redirect('/', 303)
})

app.post('/logout', async (event) => {
  const session = await sessions.get(event)
  session.logout()
  return redirect('/', 303)
})

/** The session of a user who has signed in. */
async function signedIn(event: H3Event) {
  const session = await sessions.get(event)
  if (!session.userId) throw new HTTPError({ status: 401, message: 'Please sign in.' })
  return { session, user: sessions.of(session.userId) }
}

app.get('/devices', async (event) => {
  const { session, user } = await signedIn(event)
  return user.list(session)
})

app.post('/devices/:handle/end', async (event) => {
  const { user } = await signedIn(event)
  if (!(await user.revoke(event.context.params?.handle ?? ''))) throw new HTTPError({ status: 404 })
  return null
})

serve(app, { port: 3000 })

/* try
GET /: 200 {"user":null,"visits":1}
GET /devices: 401
POST /login user=ada: 303 /
GET /: 200 {"user":"ada","visits":2}
[phone] POST /login user=ada: 303 /
GET /devices: 200 /"handle":"(?<phone>[\w-]{16})"[^}]*"label":"Chrome on Android"/
POST /devices/{phone}/end: 200
[phone] GET /devices: 401
POST /logout: 303 /
GET /: 200 {"user":null,"visits":1}
*/
