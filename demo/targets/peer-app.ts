import { setTimeout as wait } from 'node:timers/promises'
import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import { type Answer, NOTE_LENGTH, WORK } from './target.ts'

/** What express-session and cookie-session have in common. */
interface PeerSession {
  user?: string
  note?: string
  count?: number
  destroy?(done: Done): void
  regenerate?(done: Done): void
}
type Done = (error?: unknown) => void
interface PeerRequest {
  session: PeerSession | null
}

/**
 * The same application on another library. A login puts the user into the session; with `regenerates`, into a new one, as the README of
 * express-session does. Much code that is in use does not. A logout is what the library documents.
 */
export function peerApp(middleware: RequestHandler, { regenerates = false } = {}): Express {
  const app = express()
  app.use(express.urlencoded({ extended: false, limit: '8kb' }), middleware)
  const route = (path: string, work: (session: PeerSession, request: Request) => void | Promise<void>) =>
    app.post(path, async (request, response) => {
      await work(sessionOf(request), request)
      answer(request, response)
    })

  app.get('/me', answer)
  app.post('/login', async (request, response) => {
    if (regenerates) await done((callback) => sessionOf(request).regenerate?.(callback))
    // Not the one before: it is another object.
    sessionOf(request).user = String(request.body.user)
    answer(request, response)
  })
  app.post('/logout', async (request, response) => {
    await logOut(request as unknown as PeerRequest)
    answer(request, response)
  })
  route('/note', (session, { body }) => {
    session.note = String(body.note).slice(0, NOTE_LENGTH)
  })
  route('/add', async (session) => {
    const count = session.count ?? 0
    await wait(WORK)
    session.count = count + 1
  })
  // Neither library knows which sessions are the user's, so a new password ends none of them.
  route('/password', () => undefined)
  return app
}

const sessionOf = (request: Request): PeerSession => (request as unknown as PeerRequest).session ?? {}

async function logOut(request: PeerRequest): Promise<void> {
  const { session } = request
  if (!session?.destroy) request.session = null
  else await done((callback) => session.destroy?.(callback))
}

const done = (call: (callback: Done) => void): Promise<void> =>
  new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))

function answer(request: Request, response: Response): void {
  const { user = null, note = null, count = 0 } = sessionOf(request)
  response.json({ user, note, count } satisfies Answer)
}
