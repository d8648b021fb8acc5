import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { listeningHttp2, send } from './serve.ts'

adapterSuite('node over HTTP/2', async (sessions, application) =>
  listeningHttp2(
    createServer(
      withSessions(sessions, async (request: Http2ServerRequest, response: Http2ServerResponse) => {
        send(response, await application({ request, url: request.url }))
      }),
    ),
  ),
)
