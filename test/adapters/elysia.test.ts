import { createServer } from 'node:http'
import { node } from '@elysiajs/node'
import { getRequestListener } from '@hono/node-server'
import { Elysia } from 'elysia'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/elysia.ts'
import { StrongroomError } from '../../packages/strongroom/src/errors.ts'
import type { CsrfOptions } from '../../packages/strongroom/src/http/csrf.ts'
import type { BaseSessions } from '../../packages/strongroom/src/sessions.ts'
import { adapterSuite, type SuiteApplication } from '../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from './serve.ts'
import type { Values } from './site.ts'

function elysia(sessions: BaseSessions<Values>, application: SuiteApplication, protection: CsrfOptions | null) {
  return (
    new Elysia({ adapter: node() })
      // Elysia sends the message of every error that no handler has responded to.
      .onError(({ error }) => (error instanceof StrongroomError ? error.publicMessage : 'Internal Server Error'))
      .use(strongroom(sessions))
      .use((app) => (protection ? app.use(csrf(sessions, protection)) : app))
      .all(
        '/*',
        async ({ request }) => {
          const field = async (name: string) => (await request.formData()).get(name)
          return toResponse(await application({ request, url: request.url, field }))
        },
        { parse: 'none' },
      )
  )
}

adapterSuite('elysia', async (...given) => listening(createServer(getRequestListener(elysia(...given).fetch))))
