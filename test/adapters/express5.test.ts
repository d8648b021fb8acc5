import { createServer } from 'node:http'
import framework from 'express'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { environment, listening, send } from './serve.ts'

adapterSuite('express 5', async (sessions, application) => {
  const app = framework().set('env', environment())
  app.use(strongroom(sessions))
  app.use(async (request, response) => {
    await send(response, await application({ request, url: request.url }))
  })
  return listening(createServer(app))
})
