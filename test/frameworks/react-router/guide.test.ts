import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createRequestHandler, type ServerBuild } from 'react-router'
import { filesOf } from '../guide.ts'
import { type Application, writeApplication } from '../project.ts'
import { BASE, buildIn } from './application.ts'

suite('the application of docs/react-router.md', { timeout: 60_000 }, () => {
  let application: Application
  let handle: (request: Request) => Promise<Response>
  before(async () => {
    const files = filesOf('docs/react-router.md')
    application = writeApplication({
      ...BASE,
      ...files,
      // A database would be in the folder in which the tests run.
      'app/sessions.server.ts': (files['app/sessions.server.ts'] ?? '').replace('sqlite:./sessions.db', 'memory:'),
      'app/routes.ts': `import { index, route } from '@react-router/dev/routes'
        const pages = ['login', 'account'].map((name) => route(name, 'routes/' + name + '.tsx'))
        export default [index('routes/home.tsx'), ...pages, route('logout', 'routes/logout.ts')]`,
    })
    buildIn(application.folder)
    const secrets = process.env.STRONGROOM_SECRETS
    process.env.STRONGROOM_SECRETS = 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)
    handle = createRequestHandler(await application.load<ServerBuild>('build/server/index.js'))
    if (secrets === undefined) delete process.env.STRONGROOM_SECRETS
    else process.env.STRONGROOM_SECRETS = secrets
  })
  after(() => application?.remove())

  let cookie = ''
  /** Follows no redirect. */
  async function ask(path: string, form?: Readonly<Record<string, string>>) {
    const init = form ? { method: 'POST', body: new URLSearchParams(form) } : {}
    const response = await handle(new Request(`http://localhost${path}`, { ...init, headers: { cookie } }))
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    const text = (await response.text()).replaceAll('<!-- -->', '').split('<script')[0]
    return { status: response.status, location: response.headers.get('location'), text }
  }

  test('counts visits', async () => {
    assert.match((await ask('/')).text ?? '', /Visits: 1</)
    assert.match((await ask('/')).text ?? '', /Visits: 2</)
  })

  test('signs in and out, shows a notice once, and ends a device', async () => {
    assert.deepEqual((await ask('/account')).location, '/login')
    const other = cookie
    assert.equal((await ask('/login', { user: 'ada' })).location, '/account')
    assert.match((await ask('/account')).text ?? '', /Welcome! You are ada\./)
    assert.doesNotMatch((await ask('/account')).text ?? '', /Welcome!/)
    const own = cookie
    cookie = other
    await ask('/login', { user: 'ada' })
    const [handle] =
      /(?<=value=")[\w-]+(?="[^>]*>End)/.exec(
        (await ask('/account')).text?.replace(/<button[^>]*disabled[^>]*>/g, '') ?? '',
      ) ?? []
    assert.ok(handle)
    assert.equal((await ask('/account', { handle })).status, 200)
    cookie = own
    assert.equal((await ask('/account')).location, '/login')
    assert.equal((await ask('/logout', {})).location, '/')
  })
})
