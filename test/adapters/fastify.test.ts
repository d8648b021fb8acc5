import type { Http2Server } from 'node:http2'
import { Readable } from 'node:stream'
import { type FastifyReply, fastify } from 'fastify'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/fastify.ts'
import { StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { adapterSuite, type StartServer } from '../../packages/strongroom/src/testing/index.ts'
import { listening, listeningHttp2 } from './serve.ts'

const start =
  (http2: boolean): StartServer =>
  async (sessions, application, protection) => {
    const app = fastify({ forceCloseConnections: true, ...(http2 && { http2 }) } as object)
    app.register(strongroom(sessions))
    app.setErrorHandler((error, _request, reply) => {
      // Fastify's own handler sends the message of every error.
      if (error instanceof StrongroomError) throw error
      return reply.code(500).send('Internal Server Error')
    })
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))))
    })
    if (protection) app.addHook('preHandler', csrf(sessions, protection))
    app.all('*', async (request, reply: FastifyReply) => {
      const field = (name: string) => (request.body as Record<string, unknown> | null)?.[name]
      const { status, headers, body } = await application({ request, url: request.url, field })
      reply.code(status)
      for (const [name, value] of headers) reply.header(name, value)
      return reply.send(
        body === null ? undefined : typeof body === 'string' || body instanceof Uint8Array ? body : Readable.from(body),
      )
    })
    await app.ready()
    // Fastify's own close() waits for the streams of HTTP/2.
    return http2 ? listeningHttp2(app.server as unknown as Http2Server) : listening(app.server)
  }

adapterSuite('fastify', start(false))
adapterSuite('fastify, HTTP/2', start(true))
