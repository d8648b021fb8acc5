import { createServer } from 'node:http'
import framework from 'express4'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { environment, listening, send } from './serve.ts'

adapterSuite('express 4', async (sessions, application, protection) => {
  const app = framework().set('env', environment())
  app.use(strongroom(sessions))
  if (protection) app.use(framework.urlencoded({ extended: false }), csrf(sessions, protection))
  app.use((request, response, next) => {
    const field = (name: string) => request.body?.[name]
    application({ request, url: request.url, field })
      .then((suiteResponse) => send(response, suiteResponse))
      .catch(next)
  })
  return listening(createServer(app))
})
