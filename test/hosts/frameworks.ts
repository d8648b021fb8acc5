import 'reflect-metadata'
import fastifyExpress from '@fastify/express'
import middie from '@fastify/middie'
import { Controller, Get, Module, Req, type Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { fastify } from 'fastify'
import { fromNodeHandler, H3, type NodeMiddleware } from 'h3'
import { toNodeHandler } from 'h3/node'
import { createApp, eventHandler, fromNodeMiddleware, toNodeListener } from 'h3-1'
import Koa from 'koa'
import koaConnect from 'koa-connect'
import { answerFrom, socketSite, urlSite } from './site.ts'
import type { Application, Host, Site } from './suite.ts'

export function koaApp({ middleware, page }: Application): Koa {
  const app = new Koa()
  app.silent = true
  for (const one of middleware) app.use(koaConnect(one as never))
  return app.use(async (context) => {
    context.body = await page(context.req)
  })
}

async function fastifyApp({ middleware, page }: Application, bridge: typeof middie | typeof fastifyExpress) {
  const app = fastify()
  await app.register(bridge as typeof middie)
  for (const one of middleware) app.use(one as never)
  app.get('/', async (request) => page(request.raw))
  return app
}

async function listeningFastify(app: Awaited<ReturnType<typeof fastifyApp>>): Promise<Site> {
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const close = () => {
    app.server.closeAllConnections()
    return app.close()
  }
  return { ...urlSite(url), close }
}

/** Without decorators, which Node does not strip. */
function nestModule(page: (request: object) => Promise<string>): Type {
  class Pages {
    get(request: object) {
      return page('raw' in request ? (request.raw as object) : request)
    }
  }
  Req()(Pages.prototype, 'get', 0)
  Get()(Pages.prototype, 'get', Object.getOwnPropertyDescriptor(Pages.prototype, 'get') as PropertyDescriptor)
  Controller()(Pages)
  class Root {}
  Module({ controllers: [Pages] })(Root)
  return Root
}

async function nestSite({ middleware, page }: Application, adapter: ExpressAdapter | FastifyAdapter): Promise<Site> {
  const app = await NestFactory.create(nestModule(page), adapter, { logger: false })
  for (const one of middleware) app.use(one)
  await app.listen(0, '127.0.0.1')
  const server = app.getHttpServer()
  const close = () => {
    server.closeAllConnections()
    return app.close()
  }
  return { ...urlSite(`http://127.0.0.1:${server.address().port}`), close }
}

export const HOSTS: readonly Host[] = [
  {
    name: 'Koa, koa-connect',
    late: 'plain response',
    hangUp: 'saved',
    serve: (application) => socketSite(koaApp(application).callback()),
  },
  {
    name: 'Fastify, @fastify/middie',
    late: 'plain response',
    hangUp: 'saved',
    serve: async (application) => listeningFastify(await fastifyApp(application, middie)),
  },
  {
    name: 'Fastify, @fastify/express',
    late: 'plain response',
    hangUp: 'saved',
    serve: async (application) => listeningFastify(await fastifyApp(application, fastifyExpress)),
  },
  {
    name: 'Fastify, @fastify/middie, inject()',
    late: 'plain response',
    hangUp: 'no socket',
    async serve(application) {
      const app = await fastifyApp(application, middie)
      return {
        async ask(cookie) {
          const { statusCode, headers, payload } = await app.inject({ url: '/', headers: cookie ? { cookie } : {} })
          return answerFrom(statusCode, headers, payload)
        },
        close: () => app.close(),
      }
    },
  },
  {
    name: 'Nest 12 on Express',
    late: 'error handler',
    handled: /^\{"statusCode":50[03],"message":"(Internal Server Error|Service Unavailable)"\}$/,
    hangUp: 'saved',
    serve: (application) => nestSite(application, new ExpressAdapter()),
  },
  {
    name: 'Nest 12 on Fastify',
    late: 'plain response',
    hangUp: 'saved',
    serve: (application) => nestSite(application, new FastifyAdapter()),
  },
  {
    name: 'h3 1, toNodeListener()',
    late: 'plain response',
    hangUp: 'saved',
    serve({ middleware, page }) {
      const app = createApp()
      for (const one of middleware) app.use(fromNodeMiddleware(one))
      app.use(
        '/',
        eventHandler((event) => page(event.node.req)),
      )
      return socketSite(toNodeListener(app))
    },
  },
  {
    name: 'h3 2, toNodeHandler()',
    late: 'plain response',
    hangUp: 'saved',
    serve({ middleware, page }) {
      const app = new H3({ silent: true })
      for (const one of middleware) app.use(fromNodeHandler(one as NodeMiddleware))
      app.get('/', (event) => page(event.runtime?.node?.req as object))
      return socketSite(toNodeHandler(app) as never)
    },
  },
]
