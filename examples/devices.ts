/**
 * "Your devices": a list, logging one out, logging all others out, a limit, and a fresh login before a dangerous action.
 *
 *     npm install strongroom express && node devices.ts
 */
import express, { type Request, type Response } from 'express'
import { createSessions } from 'strongroom'
import { strongroom } from 'strongroom/express'

const sessions = createSessions({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
  // Of the address, the list shows the network. Behind a proxy, set Express's "trust proxy".
  address: (request: Request) => request.ip,
  on: (event) => {
    if (event.type === 'revoked') console.log(`${event.count} ended: ${event.reason}`)
  },
})

const app = express()
app.use(strongroom(sessions))
app.use(express.urlencoded({ extended: false }))

/** The session of a logged-in user and the user's sessions, or null: then the response has been sent. */
async function signedIn(request: Request, response: Response) {
  const session = await sessions.get(request)
  if (session.userId !== null) return { session, user: sessions.of(session.userId) }
  response.sendStatus(401)
  return null
}

app.post('/login', async (request, response) => {
  const session = await sessions.get(request)
  // Check the password here. At most three devices: a fourth login ends the oldest session.
  session.login(String(request.body.name), { limit: 3 })
  response.sendStatus(204)
})

app.get('/devices', async (request, response) => {
  const found = await signedIn(request, response)
  if (found) response.json(await found.user.list(found.session))
})

app.post('/devices/:handle/end', async (request, response) => {
  const found = await signedIn(request, response)
  if (found) response.sendStatus((await found.user.revoke(request.params.handle)) ? 204 : 404)
})

app.post('/password', async (request, response) => {
  const found = await signedIn(request, response)
  if (!found) return
  const { session, user } = found
  // A 401, unless the password was typed in the last ten minutes.
  session.requireFresh('10m')
  await user.revokeOthers(session)
  session.renew()
  response.sendStatus(204)
})

app.listen(3000)

/* try
GET /devices: 401
POST /login name=ada: 204
[phone] POST /login name=ada: 204
GET /devices: 200 /"handle":"(?<phone>[\w-]{16})"[^}]*"label":"Chrome on Android"/
[eve] POST /login name=eve: 204
[eve] POST /devices/{phone}/end: 404
POST /devices/{phone}/end: 204
[phone] GET /devices: 401
[phone] POST /login name=ada: 204
POST /password: 204
[phone] GET /devices: 401
GET /devices: 200 "current":true,"address":"127.0.0.0/24"
*/
