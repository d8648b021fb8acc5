/**
 * Two levels: a password is enough to sign in and to change an address, within ten minutes of typing it. A payout needs a code from the
 * user's phone, within five minutes. A page that is refused says what to ask for, and its form can be sent again after that.
 *
 *     npm install strongroom express && node step-up.ts
 */
import express, { type NextFunction, type Request, type Response } from 'express'
import { createSessions, FreshLoginRequiredError } from 'strongroom'
import { strongroom } from 'strongroom/express'

const sessions = createSessions({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
  on: (event) => {
    if (event.type === 'renewed' && event.reason === 'step-up') console.log(`${event.handle}: ${event.method} again`)
  },
})

const PASSWORD = { method: 'password', level: 1 }
const CODE = { method: 'totp', level: 2 }
// Yours compares a hash, and computes the code with a library for RFC 6238.
const users = new Map([['ada', { password: 'correct horse', code: '492039' }]])

const app = express()
app.use(strongroom(sessions))
app.use(express.urlencoded({ extended: false }))

app.post('/login', async (request, response) => {
  const { name, password } = request.body
  const session = await sessions.get(request)
  if (users.get(name)?.password !== password) {
    sessions.loginFailed(request, { userId: name, reason: 'password' })
    return response.status(401).send('Wrong name or password.')
  }
  session.login(name, PASSWORD)
  response.sendStatus(204)
})

/** For who is signed in already: the password once more, or the code. */
app.post('/confirm', async (request, response) => {
  const { password, code } = request.body
  const session = await sessions.get(request)
  // The user of this session, and nobody else who has a password here.
  const user = users.get(session.userId ?? '')
  const proof = user && (user.code === code ? CODE : user.password === password ? PASSWORD : null)
  if (!proof) {
    sessions.loginFailed(request, { userId: session.userId, reason: 'confirm' })
    return response.status(401).send('Wrong password or code.')
  }
  session.stepUp(proof)
  response.sendStatus(204)
})

app.post('/address', async (request, response) => {
  const session = await sessions.get(request)
  session.requireFresh('10m')
  response.send(`Letters go to ${request.body.to} now.`)
})

app.post('/payout', async (request, response) => {
  const session = await sessions.get(request)
  session.requireFresh('5m', { level: CODE.level })
  response.send(`${request.body.amount} is on its way.`)
})

/** What the page's script gets, which shows the right form for it. Without this, the response is a 401 with a sentence. */
app.use((error: Error, _request: Request, response: Response, next: NextFunction) => {
  if (!(error instanceof FreshLoginRequiredError)) return next(error)
  const ask = error.reason === 'anonymous' ? 'login' : error.requiredLevel === CODE.level ? 'code' : 'password'
  response.status(error.status).json({ ...error.toJSON(), ask })
})

app.listen(3000)

/* try
POST /payout amount=5: 401 "ask":"login"
POST /login name=ada&password=guessed: 401
POST /login name=ada&password=correct+horse: 204
POST /address to=Turin: 200 Letters go to Turin now.
POST /payout amount=5: 401 "reason":"level"
POST /confirm code=000000: 401
POST /payout amount=5: 401 "ask":"code"
POST /confirm code=492039: 204
POST /payout amount=5: 200 5 is on its way.
[thief] POST /confirm code=492039: 401
*/
