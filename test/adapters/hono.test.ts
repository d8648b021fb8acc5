import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/hono.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from './serve.ts'

adapterSuite('hono', async (sessions, application, protection) => {
  const app = new Hono()
  app.use(strongroom(sessions))
  if (protection) app.use(csrf(sessions, protection))
  app.all('*', async (c) => {
    const field = async (name: string) => (await c.req.parseBody())[name]
    return toResponse(await application({ request: c, url: c.req.url, field }))
  })
  return listening(createServer(getRequestListener(app.fetch)))
})
