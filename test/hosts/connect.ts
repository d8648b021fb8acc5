import type { IncomingMessage, ServerResponse } from 'node:http'
import { App } from '@tinyhttp/app'
import connect, { type NextHandleFunction } from 'connect'
import express5, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import polka from 'polka'
import { handledAs, pageOf, socketSite } from './site.ts'
import type { Application, Host } from './suite.ts'

/** An application of Express, with an error handler. */
export function expressApp(make: typeof express5, { middleware, page }: Application) {
  const app = make().set('env', 'test')
  for (const one of middleware) app.use(one)
  app.get('/', (request, response, next) => {
    page(request).then((body) => response.send(body), next)
  })
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    const { status, body } = handledAs(error)
    response.status(status).send(body)
  }
  return app.use(onError)
}

export const expressOf4 = express4 as unknown as typeof express5

function connectApp(application: Application) {
  const app = connect()
  for (const one of [...application.middleware, pageOf(application)]) app.use(one as NextHandleFunction)
  return app.use(((error: unknown, _request: IncomingMessage, response: ServerResponse, _next: () => void) => {
    const { status, body } = handledAs(error)
    response.statusCode = status
    response.end(body)
  }) as never)
}

export const HOSTS: readonly Host[] = [
  {
    name: 'Express 5',
    late: 'error handler',
    hangUp: 'saved',
    serve: (application) => socketSite(expressApp(express5, application)),
  },
  {
    name: 'Express 4',
    late: 'error handler',
    hangUp: 'saved',
    serve: (application) => socketSite(expressApp(expressOf4, application)),
  },
  {
    name: 'Connect',
    late: 'error handler',
    hangUp: 'saved',
    serve: (application) => socketSite(connectApp(application)),
  },
  {
    name: "Connect, in a listener of one's own",
    late: 'plain response',
    hangUp: 'saved',
    serve(application) {
      const app = connectApp(application)
      return socketSite((request, response) => app(request, response))
    },
  },
  {
    name: 'polka',
    late: 'plain response',
    hangUp: 'saved',
    serve(application) {
      // Its own error page takes the code of an error for a status.
      const onError = (error: unknown, _request: unknown, response: ServerResponse) => {
        const { status, body } = handledAs(error)
        response.statusCode = status
        response.end(body)
      }
      const app = polka({ onError } as never).use(...(application.middleware as never[]))
      app.get('/', pageOf(application) as never)
      return socketSite(app.handler as never)
    },
  },
  {
    name: 'tinyhttp',
    late: 'plain response',
    hangUp: 'saved',
    serve({ middleware, page }) {
      const app = new App()
      for (const one of middleware) app.use(one as never)
      app.get('/', (request, response, next) => {
        page(request).then((body) => void response.send(body), next)
      })
      return socketSite(app.attach as never)
    },
  },
]
