import { createServer } from 'node:http'
import { after } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import type { LoaderFunctionArgs } from 'react-router'
import { csrf, strongroom } from '../../../packages/strongroom/src/adapters/react-router.ts'
import { adapterSuite } from '../../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from '../../adapters/serve.ts'
import { build } from './application.ts'

const application = build({
  'app/root.jsx': `import { Outlet } from 'react-router'
    export const middleware = globalThis.given.middleware
    export default () => <Outlet />`,
  'app/routes.js': `import { route } from '@react-router/dev/routes'
    export default [route('*', 'everything.js')]`,
  'app/everything.js': `const { handle } = globalThis.given
    export const loader = (args) => handle(args)
    export const action = (args) => handle(args)`,
})
after(application.remove)

adapterSuite('react-router', async (sessions, run, protection) => {
  const middleware = strongroom(sessions)
  if (protection) middleware.push(csrf(sessions, protection))
  const handle = async ({ request, context }: LoaderFunctionArgs) => {
    const field = async (name: string) => (await request.formData()).get(name)
    return toResponse(await run({ request: context, url: request.url, field }))
  }
  const handler = await application.serve({ middleware, handle })
  return listening(createServer(getRequestListener((request) => handler(withoutSignal(request)))))
})

/** React Router gives up a request whose signal says that the visitor has left: see visitors.test.ts. Not every server has one. */
function withoutSignal({ url, method, headers, body }: Request): Request {
  return new Request(url, { method, headers, body, duplex: 'half' } as RequestInit)
}
