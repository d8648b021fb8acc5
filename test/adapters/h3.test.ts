import { createServer, type RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { H3 } from 'h3'
import { toNodeHandler } from 'h3/node'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/h3.ts'
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

function h3(sessions: BaseSessions<Values>, application: SuiteApplication, protection: CsrfOptions | null): H3 {
  const app = new H3({ silent: true })
  app.use(strongroom(sessions))
  if (protection) app.use(csrf(sessions, protection))
  app.all('/**', async (event) => {
    const field = async (name: string) => (await event.req.formData()).get(name)
    return toResponse(await application({ request: event, url: event.req.url, field }))
  })
  return app
}

const SERVERS: Readonly<Record<string, Made>> = {
  'h3 2 on Node': (...given) => toNodeHandler(h3(...given)) as RequestListener,
  'h3 2 by its fetch handler': (...given) => getRequestListener(h3(...given).fetch as never),
}

console.error = () => {}
for (const [name, made] of Object.entries(SERVERS))
  adapterSuite(name, async (...given) => listening(createServer(made(...given))))
