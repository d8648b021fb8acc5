import { after, before, suite } from 'node:test'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { toResponse } from '../adapters/serve.ts'
import { csrf, withSessions } from './next/adapter.ts'
import { type BuiltShell, builtShell, install } from './next/shell.ts'

suite('route handlers of a built application', { timeout: 550_000 }, () => {
  let built: BuiltShell
  before(
    async () => {
      built = await builtShell()
    },
    { timeout: 400_000 },
  )
  after(() => built?.remove())

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
