import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import express, { type RequestHandler } from 'express'

export const NOT_ASKED = 'not asked for'

export interface Handlers {
  /** Responds with `{ value }`: the session's name. */
  readonly read: RequestHandler
  /** Responds with `{ value }`: the number of the first article in the session's cart. */
  readonly readObject: RequestHandler
  /** Adds one to the session's `n` and responds with `{ value, n }`: its index and the new `n`. */
  readonly write: RequestHandler
  /** Fills the session of `request.params.index`. */
  readonly login: RequestHandler
  /** Ends the session. */
  readonly logout?: RequestHandler
  /** Begins to count with `figures`, or, with `off` as `request.params.state`, ends that. Responds with `{ value }`: what was counted. */
  readonly figures?: RequestHandler
}

/** The same Express application for every kind of session, with Express's own defaults. */
export async function serve(handlers: Handlers, ...before: RequestHandler[]): Promise<Server> {
  const app = express()
  for (const middleware of before) app.use(middleware)
  app.get('/untouched', (_request, response) => {
    response.json({ value: NOT_ASKED })
  })
  app.get('/read', handlers.read)
  app.get('/read-object', handlers.readObject)
  app.get('/write', handlers.write)
  app.get('/login/:index', handlers.login)
  if (handlers.logout) app.get('/logout', handlers.logout)
  if (handlers.figures) app.get('/figures/:state', handlers.figures)
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
