import { createServer } from 'node:http'
import { after } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { csrf, withSessions } from '../../../packages/strongroom/src/adapters/tanstack-start.ts'
import { adapterSuite } from '../../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from '../../adapters/serve.ts'
import { build, GIVEN_SERVER } from './application.ts'

const application = build({
  ...GIVEN_SERVER,
  'src/routes/$.js': `import { createFileRoute } from '@tanstack/react-router'
    import { getRequest } from '@tanstack/react-start/server'
    const handle = () => globalThis.given.handle(getRequest())
    export const Route = createFileRoute('/$')({ server: { handlers: { ANY: handle } } })`,
})
after(application.remove)

adapterSuite('tanstack-start', async (sessions, run, protection) => {
  const check = protection && csrf(sessions, protection)
  const handler = await application.give({
    wrap: (fetch) =>
      withSessions(sessions, async (request, ...rest) => {
        await check?.(request)
        return fetch(request, ...rest)
      }),
    async handle(request: Request) {
      const field = async (name: string) => (await request.formData()).get(name)
      return toResponse(await run({ request, url: request.url, field }))
    },
  })
  return listening(createServer(getRequestListener((request) => handler(withoutSignal(request)))))
})

/** Start gives up a request whose signal says that the visitor has left: see functions.test.ts. Not every server has one. */
function withoutSignal({ url, method, headers, body }: Request): Request {
  return new Request(url, { method, headers, body, duplex: 'half' } as RequestInit)
}
