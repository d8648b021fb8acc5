import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { strongroom } from '../../packages/strongroom/src/adapters/hono.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from './serve.ts'

adapterSuite('hono', async (sessions, application) => {
  const app = new Hono()
  app.use(strongroom(sessions))
  app.all('*', async (c) => toResponse(await application({ request: c, url: c.req.url })))
  return listening(createServer(getRequestListener(app.fetch)))
})
