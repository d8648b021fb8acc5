import type { IncomingMessage, ServerResponse } from 'node:http'
import { configure } from '@vendia/serverless-express'
import express5 from 'express'
import { inject } from 'light-my-request'
import { createMocks } from 'node-mocks-http'
import serverless from 'serverless-http'
import { toFetchHandler } from 'srvx/node'
import { expressApp, expressOf4 } from './connect.ts'
import { koaApp } from './frameworks.ts'
import { answerFrom, answerOf as answerOfFetch, pageOf } from './site.ts'
import type { Answer, Application, Host, Site } from './suite.ts'

/** What API Gateway sends to a function. */
const event = (cookie?: string) => ({
  version: '2.0',
  routeKey: '$default',
  rawPath: '/',
  rawQueryString: '',
  headers: { host: 'localhost' },
  ...(cookie && { cookies: [cookie] }),
  requestContext: {
    http: { method: 'GET', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
    stage: '$default',
  },
  isBase64Encoded: false,
})

interface Result {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, unknown>>
  readonly cookies?: readonly string[]
  readonly body: string
  readonly isBase64Encoded?: boolean
}

function answerOf({ statusCode, headers, cookies, body, isBase64Encoded }: Result): Answer {
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString() : body
  return answerFrom(statusCode, { ...headers, ...(cookies?.length && { 'set-cookie': cookies }) }, text)
}

const lambda = (handler: unknown): Site => ({
  ask: async (cookie) =>
    answerOf(await (handler as (event: object, context: object) => Promise<Result>)(event(cookie), {})),
})

const ofFetch = (listener: (request: IncomingMessage, response: ServerResponse) => unknown): Site => ({
  async ask(cookie) {
    const handler = toFetchHandler(listener as never)
    return answerOfFetch(
      await handler(new Request('http://localhost/', { headers: cookie ? { cookie } : {} }) as never),
    )
  },
})

/** Middleware and a page, without a framework; an error of the page is handled as a test of an application would. */
function plain(application: Application): (request: IncomingMessage, response: ServerResponse) => void {
  const all = [...application.middleware, pageOf(application)]
  return (request, response) => {
    const next = (at: number) => (error?: unknown) => {
      if (error) {
        response.statusCode = 503
        response.end('not loaded')
      } else all[at]?.(request, response, next(at + 1))
    }
    next(0)()
  }
}

export const HOSTS: readonly Host[] = [
  ...([express5, expressOf4] as const).map(
    (make, at): Host => ({
      name: `serverless-http, Express ${5 - at}`,
      late: 'error handler',
      hangUp: 'no socket',
      serve: (application) => lambda(serverless(expressApp(make, application))),
    }),
  ),
  {
    name: 'serverless-http, Koa',
    late: 'plain response',
    hangUp: 'no socket',
    serve: (application) => lambda(serverless(koaApp(application))),
  },
  {
    name: '@vendia/serverless-express, Express 5',
    late: 'error handler',
    hangUp: 'no socket',
    serve: (application) => lambda(configure({ app: expressApp(express5, application) })),
  },
  {
    name: '@vendia/serverless-express, Koa',
    late: 'plain response',
    hangUp: 'no socket',
    serve: (application) => lambda(configure({ app: koaApp(application) as never })),
  },
  {
    name: 'srvx toFetchHandler(), Express 5',
    late: 'error handler',
    hangUp: 'no socket',
    serve: (application) => ofFetch(expressApp(express5, application)),
  },
  {
    name: 'srvx toFetchHandler(), a listener',
    late: 'plain response',
    hangUp: 'no socket',
    serve: (application) => ofFetch(plain(application)),
  },
  {
    name: 'light-my-request, Express 5',
    late: 'error handler',
    hangUp: 'no socket',
    serve(application) {
      const app = expressApp(express5, application)
      return {
        async ask(cookie) {
          const { statusCode, headers, payload } = await inject(app, { url: '/', headers: cookie ? { cookie } : {} })
          return answerFrom(statusCode, headers, payload)
        },
      }
    },
  },
  {
    name: 'light-my-request, a listener',
    late: 'plain response',
    hangUp: 'no socket',
    serve(application) {
      return {
        async ask(cookie) {
          const { statusCode, headers, payload } = await inject(plain(application) as never, {
            url: '/',
            headers: cookie ? { cookie } : {},
          })
          return answerFrom(statusCode, headers, payload)
        },
      }
    },
  },
  {
    name: 'node-mocks-http',
    late: 'plain response',
    hangUp: 'no socket',
    serve: (application) => ({
      async ask(cookie) {
        const { EventEmitter } = await import('node:events')
        const { req, res } = createMocks(
          { url: '/', headers: cookie ? { cookie } : {} },
          { eventEmitter: EventEmitter },
        )
        const ended = new Promise((resolve) => res.on('end', resolve))
        plain(application)(req as never, res as never)
        await ended
        return answerFrom(res.statusCode, res._getHeaders(), res._getData())
      },
    }),
  },
]
