import { createServer } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import Koa from 'koa'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/koa.ts'
import { adapterSuite, type StartServer } from '../../packages/strongroom/src/testing/index.ts'
import { listening, listeningHttp2 } from './serve.ts'

const start =
  (http2: boolean): StartServer =>
  async (sessions, application, protection) => {
    const app = new Koa()
    app.silent = true
    app.use(strongroom(sessions))
    app.use(async (ctx, next) => {
      if (ctx.get('Content-Type').includes('urlencoded'))
        Object.assign(ctx.request, { body: Object.fromEntries(new URLSearchParams(await text(ctx.req))) })
      await next()
    })
    if (protection) app.use(csrf(sessions, protection))
    app.use(async (ctx) => {
      const field = (name: string) => (ctx.request as { body?: Record<string, unknown> }).body?.[name]
      const { status, headers, body } = await application({ request: ctx, url: ctx.url, field })
      ctx.status = status
      ctx.body =
        body === null || typeof body === 'string'
          ? body
          : body instanceof Uint8Array
            ? Buffer.from(body)
            : Readable.from(body)
      for (const [name, value] of headers)
        if (name === 'Set-Cookie') ctx.append(name, value)
        else ctx.set(name, value)
      ctx.status = status
    })
    return http2 ? listeningHttp2(createServer2(app.callback() as never)) : listening(createServer(app.callback()))
  }

adapterSuite('koa', start(false))
adapterSuite('koa, HTTP/2', start(true))
