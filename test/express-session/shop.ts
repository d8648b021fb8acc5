import type { ErrorRequestHandler, Express, Request } from 'express'
import session, { type SessionOptions } from 'strongroom/express-session'
import { secret } from '../core/fixtures/secret.ts'
import { site, type Visitor } from './site.ts'

export type Data = Record<string, unknown>
export const dataOf = (request: Request) => request.session as unknown as Data

export const BASE: SessionOptions = {
  secret: secret('1'),
  resave: false,
  saveUninitialized: false,
  cookie: { secure: false, sameSite: 'lax' },
}

/** The pages that most tests need. */
export async function shop(options: SessionOptions = {}, more: (app: Express) => void = () => undefined) {
  const middleware = session({ ...BASE, ...options })
  const errors: unknown[] = []
  const running = await site((app) => {
    app.use(middleware)
    app.get('/set/:key/:value', ({ params, ...rest }, response) => {
      void rest
      response.locals.key = params.key
      dataOf(response.req)[params.key] = params.value
      response.json('set')
    })
    app.get('/see', (request, response) => {
      const { cookie: _, ...data } = dataOf(request)
      response.json({ id: request.sessionID, data })
    })
    app.get('/nothing', (_request, response) => response.json(null))
    app.get('/destroy', (request, response) => request.session.destroy((error) => response.json(error ?? null)))
    app.get('/regenerate', (request, response) =>
      request.session.regenerate((error) => response.json(error ?? request.sessionID)),
    )
    more(app)
    const report: ErrorRequestHandler = (error, _request, response, next) => {
      errors.push(error)
      if (response.headersSent) next(error)
      else response.status(error.status ?? 500).send('failed')
    }
    app.use(report)
  })
  return { ...running, middleware, errors }
}

export const see = (visitor: Visitor) => visitor.json<{ id: string; data: Data }>('/see')

/** Holds a handler back until the test opens it. */
export const gate = () => {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}
