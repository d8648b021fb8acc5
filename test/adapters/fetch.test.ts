import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from './serve.ts'

adapterSuite('fetch', async (sessions, application) => {
  const handler = withSessions(sessions, async (request) =>
    toResponse(await application({ request, url: request.url })),
  )
  return listening(createServer(getRequestListener(handler)))
})
