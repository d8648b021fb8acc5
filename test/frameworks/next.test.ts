import { after, before, suite } from 'node:test'
import { actions } from './next/actions.ts'
import { pages } from './next/pages.ts'
import { proxies } from './next/proxies.ts'
import { routes } from './next/routes.ts'
import { type BuiltShell, builtShell } from './next/shell.ts'

suite('strongroom/next in a built application', { timeout: 550_000 }, () => {
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
})
