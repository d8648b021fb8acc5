import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { filesOf } from '../guide.ts'
import { type Application, writeApplication } from '../project.ts'
import { BASE, buildIn } from './application.ts'

suite('the application of docs/tanstack-start.md', { timeout: 60_000 }, () => {
  let application: Application
  let handle: (request: Request) => Promise<Response>
  before(async () => {
    const files = filesOf('docs/tanstack-start.md')
    application = writeApplication({
      ...BASE,
      ...files,
      'src/server.ts': files['src/server-with-csrf.ts'] ?? '',
      // A database would be in the folder in which the tests run.
      'src/sessions.server.ts': (files['src/sessions.server.ts'] ?? '').replace('sqlite:./sessions.db', 'memory:'),
    })
    buildIn(application.folder)
    const secrets = process.env.STRONGROOM_SECRETS
    process.env.STRONGROOM_SECRETS = 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)
    const entry = await import(pathToFileURL(join(application.folder, 'dist/server/server.js')).href)
    handle = entry.default.fetch
    await handle(new Request('http://localhost/login'))
    if (secrets === undefined) delete process.env.STRONGROOM_SECRETS
    else process.env.STRONGROOM_SECRETS = secrets
  })
  after(() => application?.remove())

  let cookie = ''
  /** Follows no redirect. */
  async function ask(path: string, form?: Readonly<Record<string, string>>, site = 'same-origin') {
    const init = form ? { method: 'POST', body: new URLSearchParams(form) } : {}
    const headers = { cookie, 'sec-fetch-site': site }
    const response = await handle(new Request(`http://localhost${path}`, { ...init, headers }))
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    const text = (await response.text()).replaceAll('<!-- -->', '').split('<script')[0] ?? ''
    return { status: response.status, location: response.headers.get('location'), text }
  }
  const actionOf = ({ text }: { readonly text: string }) => /action="([^"]+)"/.exec(text)?.[1] ?? ''

  test('counts visits, which a server route shows', async () => {
    assert.match((await ask('/')).text, /Visits: 1</)
    assert.match((await ask('/')).text, /Visits: 2</)
    assert.equal((await ask('/api/visits')).text, '{"visits":2}')
  })

  test('signs in, shows a notice once, and ends a device', async () => {
    assert.equal((await ask('/account')).location, '/login')
    const signIn = actionOf(await ask('/login'))
    const [other, form] = [cookie, { user: 'ada' }]
    assert.equal((await ask(signIn, form)).location, '/account')
    assert.match((await ask('/account')).text, /Welcome! You are ada\./)
    const page = await ask('/account')
    assert.doesNotMatch(page.text, /Welcome!/)
    const own = cookie
    cookie = other
    await ask(signIn, form)
    const { text } = await ask('/account')
    const [handle = ''] = /(?<=value=")[\w-]+(?="[^>]*>End)/.exec(text.replace(/<button[^>]*disabled[^>]*>/g, '')) ?? []
    assert.equal((await ask(actionOf(page), { handle })).location, '/account')
    cookie = own
    assert.equal((await ask('/account')).location, '/login')
  })

  test('refuses what the page of another site sends', async () => {
    cookie = ''
    const signIn = actionOf(await ask('/login'))
    assert.equal((await ask(signIn, { user: 'ada' }, 'cross-site')).status, 403)
    assert.equal((await ask('/api/visits', {}, 'cross-site')).status, 403)
  })

  test('sends browsers nothing of this library', () => {
    const assets = globSync('dist/client/assets/*.js', { cwd: application.folder })
    assert.ok(assets.length > 0)
    for (const asset of assets)
      assert.doesNotMatch(readFileSync(join(application.folder, asset), 'utf8'), /strongroom/i, asset)
  })
})
