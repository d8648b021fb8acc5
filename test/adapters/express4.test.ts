import { createServer } from 'node:http'
import framework from 'express4'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { environment, listening, send } from './serve.ts'

adapterSuite('express 4', async (sessions, application) => {
  const app = framework().set('env', environment())
  app.use(strongroom(sessions))
  app.use((request, response, next) => {
    application({ request, url: request.url })
      .then((suiteResponse) => send(response, suiteResponse))
      .catch(next)
  })
  return listening(createServer(app))
})
