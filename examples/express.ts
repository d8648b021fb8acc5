/**
 * A guest book with Express: each visitor sees their own lines until the session ends.
 *
 *     npm install strongroom express && node express.ts
 */
import express, { type ErrorRequestHandler } from 'express'
import { createSessions, StoreError } from 'strongroom'
import { strongroom } from 'strongroom/express'

const sessions = createSessions<{ lines: string[] }>({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})

const app = express()
app.use(strongroom(sessions))
app.use(express.urlencoded({ extended: false }))

app.get('/', async (request, response) => {
  const session = await sessions.get(request)
  response.json({ lines: session.get('lines') ?? [], notices: session.flash('notice') })
})

app.post('/lines', async (request, response) => {
  const session = await sessions.get(request)
  const line = String(request.body.line)
  // With a function: of two parallel requests, neither loses its line.
  session.update('lines', (lines = []) => [...lines, line])
  session.flash('notice', 'Written.')
  response.redirect('/')
})

const onError: ErrorRequestHandler = (error, _request, response, next) => {
  if (error instanceof StoreError) response.status(503).send('The book is closed for a minute.')
  else next(error)
}
app.use(onError)

const server = app.listen(3000, () => console.log('http://localhost:3000'))

// Expired sessions are removed in the background, once an hour by default (the option `sweep`). `close` stops that as well.
process.once('SIGTERM', () => {
  server.close(() => sessions.close())
})

/* try
GET /: 200 {"lines":[],"notices":[]}
POST /lines line=hello: 302 /
POST /lines line=again: 302 /
GET /: 200 {"lines":["hello","again"],"notices":["Written.","Written."]}
GET /: 200 {"lines":["hello","again"],"notices":[]}
[phone] GET /: 200 {"lines":[],"notices":[]}
*/
