import { setTimeout as wait } from 'node:timers/promises'
import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import { type Answer, NOTE_LENGTH, WORK } from './target.ts'

/** What express-session and cookie-session have in common. */
interface PeerSession {
  user?: string
  note?: string
  count?: number
  destroy?(done: (error?: unknown) => void): void
}
interface PeerRequest {
  session: PeerSession | null
}

/**
 * The same application on another library, as it is commonly written: the user is put into the session at a login, without the
 * call of `regenerate()` that express-session's documentation asks for, and a logout is what the library documents.
 */
export function peerApp(middleware: RequestHandler): Express {
  const app = express()
  app.use(express.urlencoded({ extended: false, limit: '8kb' }), middleware)
  const route = (path: string, work: (session: PeerSession, request: Request) => void | Promise<void>) =>
    app.post(path, async (request, response) => {
      await work(sessionOf(request), request)
      answer(request, response)
    })

  app.get('/me', answer)
  route('/login', (session, { body }) => {
    session.user = String(body.user)
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
  else await new Promise<void>((done, fail) => session.destroy?.((error) => (error ? fail(error) : done())))
}

function answer(request: Request, response: Response): void {
  const { user = null, note = null, count = 0 } = sessionOf(request)
  response.json({ user, note, count } satisfies Answer)
}
