import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type NextFunction, type Request, type Response } from 'express'
import { KEY_HEADER } from './target.ts'

export interface Served {
  readonly url: string
  close(): Promise<void>
}

/** Serves an application on a free port of the loopback address, to those who know the key. */
export async function serve(application: express.Express, key: string): Promise<Served> {
  const app = express().disable('x-powered-by')
  app.use((request, response, next) => {
    if (request.headers[KEY_HEADER] === key) next()
    else response.status(404).json({ error: 'not found' })
  })
  app.use(application)
  app.use((error: { status?: number; message: string }, _: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error)
    else response.status(error.status ?? 500).json({ error: (error.status ?? 500) === 503 ? 'unavailable' : 'failed' })
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
