import { createServer, type RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createApp, eventHandler, readFormData, toNodeListener, toWebHandler } from 'h3-1'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/h3.ts'
import type { CsrfOptions } from '../../packages/strongroom/src/http/csrf.ts'
import type { BaseSessions } from '../../packages/strongroom/src/sessions.ts'
import { adapterSuite, type SuiteApplication } from '../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from './serve.ts'
import type { Values } from './site.ts'

type Made = (
  sessions: BaseSessions<Values>,
  application: SuiteApplication,
  protection: CsrfOptions | null,
) => RequestListener

function h31(sessions: BaseSessions<Values>, application: SuiteApplication, protection: CsrfOptions | null) {
  const app = withSessions(sessions, createApp())
  if (protection) app.use(csrf(sessions, protection))
  app.use(
    eventHandler(async (event) => {
      const field = async (name: string) => (await readFormData(event)).get(name)
      return toResponse(await application({ request: event, url: event.path, field }))
    }),
  )
  return app
}

const SERVERS: Readonly<Record<string, Made>> = {
  'h3 1 on Node': (...given) => toNodeListener(h31(...given)),
  'h3 1 by toWebHandler()': (...given) => getRequestListener(toWebHandler(h31(...given))),
}

console.error = () => {}
for (const [name, made] of Object.entries(SERVERS))
  adapterSuite(name, async (...given) => listening(createServer(made(...given))))
