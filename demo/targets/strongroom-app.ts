import { setTimeout as wait } from 'node:timers/promises'
import express, { type Express, type Request, type Response } from 'express'
import type { BaseSessions, Session } from 'strongroom'
import { strongroom } from 'strongroom/express'
import { type Answer, NOTE_LENGTH, WORK } from './target.ts'

export interface Data {
  readonly note: string
  readonly count: number
}

/** Changes a user's password. The stamp of the old one ends the user's other sessions. */
export type ChangePassword = (user: string) => string

/** The application that is attacked, as the documentation of Strongroom tells to write it. */
export function strongroomApp(sessions: BaseSessions<Data>, changePassword: ChangePassword): Express {
  const app = express()
  app.use(express.urlencoded({ extended: false, limit: '8kb' }), strongroom(sessions))
  const route = (path: string, work: (session: Session<Data>, request: Request) => void | Promise<void>) =>
    app.post(path, async (request, response) => {
      const session = await sessions.get(request)
      await work(session, request)
      answer(response, session)
    })

  app.get('/me', async (request, response) => answer(response, await sessions.get(request)))
  route('/login', (session, { body }) => session.login(String(body.user)))
  route('/logout', (session) => session.logout())
  route('/note', (session, { body }) => {
    session.set('note', String(body.note).slice(0, NOTE_LENGTH))
  })
  route('/add', async (session) => {
    await wait(WORK)
    session.update('count', (count = 0) => count + 1)
  })
  route('/password', (session) => {
    if (session.userId !== null) session.credentialChanged(changePassword(session.userId))
  })
  return app
}

function answer(response: Response, session: Session<Data>): void {
  const { userId: user } = session
  response.json({ user, note: session.get('note') ?? null, count: session.get('count') ?? 0 } satisfies Answer)
}
