import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { text } from 'node:stream/consumers'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { listeningHttp2, send } from './serve.ts'

adapterSuite('node over HTTP/2', async (sessions, application, protection) => {
  const check = protection && csrf(sessions, protection)
  const handler = withSessions(sessions, async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const form = check && new URLSearchParams(await text(request))
    await check?.(request, form?.get(protection?.field ?? '_csrf'))
    const field = (name: string) => form?.get(name)
    send(response, await application({ request, url: request.url, field }))
  })
  return listeningHttp2(createServer(handler))
})
