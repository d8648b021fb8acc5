import { fileURLToPath } from 'node:url'
import express, { type NextFunction, type Request, type Response } from 'express'
import { StrongroomError } from 'strongroom'
import { csrf, strongroom } from 'strongroom/express'
import { ownHostOnly, securityHeaders } from './guard.ts'
import { attackPages } from './pages/attacks.ts'
import { documentationPages } from './pages/documentation.ts'
import { errorPage } from './pages/error.ts'
import { labPages } from './pages/lab.ts'
import { startPages } from './pages/start.ts'
import type { Site } from './site.ts'

/** The whole application, as an Express app. */
export function application(site: Site): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(securityHeaders, ownHostOnly)
  app.use(express.static(fileURLToPath(new URL('./assets', import.meta.url)), { index: false, maxAge: '1m' }))
  app.use(express.urlencoded({ extended: false, limit: '8kb', parameterLimit: 20 }))
  app.use(strongroom(site.sessions), csrf(site.sessions))
  for (const pages of [startPages, attackPages, labPages, documentationPages]) app.use(pages(site))
  app.use((_request, response) => errorPage(response, 404, 'There is nothing at this address.'))
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    if (error instanceof StrongroomError && error.status < 500)
      return errorPage(response, error.status, error.publicMessage)
    const status = Number((error as { status?: unknown }).status ?? 500)
    if (status >= 500) console.error(error)
    return errorPage(response, status, EXCUSES[status] ?? EXCUSES[status < 500 ? 400 : 500])
  })
  return app
}

const EXCUSES: Readonly<Record<number, string>> = {
  400: 'The server could not understand that request.',
  413: 'That was more than the server accepts.',
  500: 'Something broke on the server. Its terminal shows more.',
  503: 'The session store does not answer. Nobody was signed out: try again in a moment.',
}
