import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type Application, writeApplication } from '../project.ts'
import { BASE, buildIn } from './application.ts'

const FILES = {
  'app/sessions.server.js': `import { createSessions } from 'strongroom'
    export const sessions = createSessions({ secrets: '${'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)}', store: 'memory:' })`,
  'app/root.jsx': `import { Outlet, Scripts } from 'react-router'
    import { strongroom } from 'strongroom/react-router'
    import { sessions } from './sessions.server'
    export const middleware = strongroom(sessions)
    export const Layout = ({ children }) => <html lang="en"><body>{children}<Scripts /></body></html>
    export default () => <Outlet />`,
  'app/routes.js': `import { index, route } from '@react-router/dev/routes'
    export default [index('home.jsx'), route('me', 'me.jsx')]`,
  'app/home.jsx': 'export default () => <p>welcome</p>',
  'app/me.jsx': `import { sessions } from './sessions.server'
    export const loader = async ({ context }) => (await sessions.get(context)).userId
    export default ({ loaderData }) => <p>user: {loaderData}</p>`,
}

function written(t: TestContext, config: string): Application {
  const application = writeApplication({ ...BASE, ...FILES, 'react-router.config.js': `export default ${config}` })
  t.after(application.remove)
  return application
}

suite('a page that React Router makes while it builds', { timeout: 60_000 }, () => {
  test('may be below the middleware', (t) => {
    const { folder } = written(t, "{ prerender: ['/'] }")
    buildIn(folder)
    assert.match(readFileSync(join(folder, 'build/client/index.html'), 'utf8'), /welcome/)
  })

  test('must not ask for the session: the build fails, and says why', (t) => {
    const { folder } = written(t, "{ prerender: ['/', '/me'] }")
    assert.throws(() => buildIn(folder), /A page that is prerendered asked for the session/)
  })

  test('cannot be the only kind of page: React Router refuses the middleware where there is no server', (t) => {
    const { folder } = written(t, '{ ssr: false }')
    assert.throws(() => buildIn(folder), /SPA Mode: 1 invalid route export\(s\) in `root.jsx`: `middleware`/)
  })
})
