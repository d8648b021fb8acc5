import { after, before, suite } from 'node:test'

import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { toResponse } from '../adapters/serve.ts'
import { actions } from './next/actions.ts'
import { csrf, withSessions } from './next/adapter.ts'
import { pages } from './next/pages.ts'
import { proxies } from './next/proxies.ts'
import { routes } from './next/routes.ts'
import { type BuiltShell, builtShell, install } from './next/shell.ts'

suite('strongroom/next', { timeout: 550_000 }, () => {
  let built: BuiltShell
  before(
    async () => {
      built = await builtShell()
    },
    { timeout: 400_000 },
  )
  after(() => built?.remove())

  suite('in pages', () => pages(() => built))
  suite('in route handlers', () => routes(() => built))
  suite('in actions', () => actions(() => built))
  suite('in the proxy', () => proxies(() => built))

  adapterSuite('next', async (sessions, application, protection) => {
    const check = protection && csrf(sessions, protection)
    const route = withSessions(sessions, async (request: Request) => {
      await check?.(request)
      const field = async (name: string) => (await request.formData()).get(name)
      return toResponse(await application({ request, url: request.url, field }))
    })
    install({ route })
    return built.listen()
  })
})
