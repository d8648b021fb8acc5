import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from './serve.ts'

adapterSuite('fetch', async (sessions, application, protection) => {
  const check = protection && csrf(sessions, protection)
  const handler = withSessions(sessions, async (request) => {
    await check?.(request)
    const field = async (name: string) => (await request.formData()).get(name)
    return toResponse(await application({ request, url: request.url, field }))
  })
  return listening(createServer(getRequestListener(handler)))
})
