import { createServer } from 'node:http'
import { node } from '../../src/adapters/node.ts'
import { adapterSuite } from '../../src/testing/index.ts'
import { listening, send } from './serve.ts'

adapterSuite('node', async (sessions, application) =>
  listening(
    createServer(
      node(sessions, async (request, response) => {
        send(response, await application({ request, url: request.url ?? '' }))
      }),
    ),
  ),
)
