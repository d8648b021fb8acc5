import { createServer } from 'node:http'
import framework from 'express'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { environment, listening, send } from './serve.ts'

adapterSuite('express 5', async (sessions, application, protection) => {
  const app = framework().set('env', environment())
  app.use(strongroom(sessions))
  if (protection) app.use(framework.urlencoded(), csrf(sessions, protection))
  app.use(async (request, response) => {
    const field = (name: string) => request.body?.[name]
    await send(response, await application({ request, url: request.url, field }))
  })
  return listening(createServer(app))
})
