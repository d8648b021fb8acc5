import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { root } from '../../scripts/packages.ts'
import { launch, Person, shown } from '../browser/person.ts'
import { ran, type Server, served } from '../bundlers/program.ts'
import { type Project, packedProject } from '../bundlers/project.ts'
import { readPage } from '../support/docs/page.ts'
import { need } from '../support/need.ts'

const chromium = need('chromium')
const NEXT = join('node_modules', 'next', 'dist', 'bin', 'next')
// What was borrowed is outside of the project. Types are checked elsewhere.
const CONFIG = "export default { turbopack: { root: '/' }, typescript: { ignoreBuildErrors: true } }"

suite('the example for Next, built', { timeout: 550_000 }, () => {
  let project: Project
  let server: Server
  let browser: Browser | undefined
  before(async () => {
    project = await packedProject()
    for (const name of ['next', 'react', 'react-dom', 'typescript', '@types/node']) project.borrow(name)
    // Next asks for it before it does not check types.
    project.write('node_modules/@types/react/package.json', '{ "name": "@types/react", "version": "19.0.0" }')
    project.write('node_modules/@types/react/index.d.ts', 'export {}')
    cpSync(join(root, 'examples', 'next'), project.folder, { recursive: true })
    project.write('next.config.mjs', CONFIG)
    ran(project.folder, [NEXT, 'build'])
    server = await served(project.folder, [NEXT, 'start', '-p', '0'], {
      STORE: 'sqlite:./sessions.db',
      STRONGROOM_SECRETS: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2),
    })
    if (!chromium.skip) browser = await launch(chromium.path)
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    project?.remove()
  })

  /** A browser profile, and its first tab. */
  async function person(t: TestContext, options: BrowserContextOptions = {}) {
    const who = await Person.at(browser as Browser, server.url, options)
    t.after(() => who.context.close())
    // The example has no icon.
    await who.context.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }))
    const page = await who.context.newPage()
    await page.goto('/')
    return { who, page }
  }

  async function signIn(page: Page, name: string): Promise<void> {
    await page.goto('/login')
    await page.getByLabel('Name').fill(name)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText(`Signed in as ${name}`).waitFor()
  }

  const text = (page: Page) => shown(page.locator('body'))
  const signOut = (page: Page) => page.getByRole('navigation').getByRole('button', { name: 'Sign out' }).click()

  suite('in a real browser', { skip: chromium.skip }, () => {
    test('a server action signs in, and layout and page show it, without an error in the browser', async (t) => {
      const { who, page } = await person(t)
      await page.getByRole('button', { name: 'Count a visit' }).click()
      await page.getByText('Visits: 1').waitFor()
      await signIn(page, 'ada')
      assert.match(await text(page), /Signed in as ada[\s\S]*Visits: 1/)
      const cookie = await who.cookie()
      assert.deepEqual([cookie?.secure, cookie?.httpOnly, cookie?.sameSite], [true, true, 'Lax'])
      await page.getByRole('button', { name: 'Count a visit' }).click()
      await page.getByText('Visits: 2').waitFor()
      assert.deepEqual(who.complaints, [])
    })

    for (const javaScriptEnabled of [true, false])
      test(`a flash message is shown once, ${javaScriptEnabled ? 'with' : 'without'} scripts: not after a reload, nor after going back`, async (t) => {
        const { page } = await person(t, { javaScriptEnabled })
        await signIn(page, 'ada')
        await page.getByText('Welcome, ada.').waitFor()
        await page.reload()
        assert.doesNotMatch(await text(page), /Welcome/)
        await page.goto('/account')
        await page.goBack()
        assert.match(await text(page), /Signed in as ada/)
        assert.doesNotMatch(await text(page), /Welcome/)
      })

    test('a device can be signed out from another one', async (t) => {
      const [desk, phone] = [await person(t), await person(t, { userAgent: 'Mozilla/5.0 (Android 15) Firefox/140.0' })]
      await signIn(desk.page, 'eve')
      await signIn(phone.page, 'eve')
      await desk.page.goto('/account')
      await desk.page.getByRole('main').getByRole('button', { name: 'Sign out' }).click()
      await desk.page.getByText('That device was signed out.').waitFor()
      assert.equal(await desk.page.getByRole('listitem').count(), 1)
      await phone.page.goto('/account')
      assert.equal(new URL(phone.page.url()).pathname, '/login')
      assert.match(await text(desk.page), /Signed in as eve/)
    })

    test('a logout in another tab is final: for links, actions, the back button and the old cookie', async (t) => {
      const { who, page } = await person(t)
      await signIn(page, 'joe')
      await page.goto('/account')
      await page.goto('/')
      const cookie = await who.cookie()
      const other = await who.context.newPage()
      await other.goto('/')
      await signOut(other)
      await other.getByRole('link', { name: 'Sign in' }).waitFor()
      assert.equal(await who.cookie(), undefined)
      // The first tab still shows the old page.
      await page.getByRole('button', { name: 'Count a visit' }).click()
      await page.getByText('Visits: 1').waitFor()
      assert.doesNotMatch(await text(page), /Signed in as/)
      await page.goto('/account')
      await page.getByRole('heading', { name: 'Sign in' }).waitFor()
      const old = await fetch(`${server.url}/account`, {
        headers: { cookie: `${cookie?.name}=${cookie?.value}` },
        redirect: 'manual',
      })
      assert.deepEqual([old.status, old.headers.get('location')], [307, '/login'])
    })

    test('two tabs of one visitor lose no change', async (t) => {
      const { who, page } = await person(t)
      await signIn(page, 'two')
      const other = await who.context.newPage()
      await other.goto('/')
      const count = (tab: Page) => tab.getByRole('button', { name: 'Count a visit' }).click()
      for (const _ of [1, 2, 3]) await Promise.all([count(page), count(other)])
      await page.getByText(/Visits: \d/).waitFor()
      for (let tries = 0; tries < 100; tries += 1) {
        await page.reload()
        if (/Visits: 6/.test(await text(page))) break
      }
      assert.match(await text(page), /Visits: 6/)
    })
  })

  test('docs/next.md shows its files as they are', () => {
    const files = readPage('docs/next.md').blocks.filter(({ file }) => file !== null)
    assert.ok(files.length >= 7)
    for (const { file, code } of files)
      assert.equal(`${code}\n`, readFileSync(join(root, file as string), 'utf8'), file ?? '')
  })

  test('its route handler counts, and refuses what another site sends', async () => {
    const post = (headers: Record<string, string>) => fetch(`${server.url}/visits`, { method: 'POST', headers })
    const first = await post({ origin: server.url })
    const cookie = String(first.headers.get('set-cookie')).split(';')[0] as string
    assert.deepEqual(await first.json(), { visits: 1 })
    assert.deepEqual(await (await post({ cookie, origin: server.url })).json(), { visits: 2 })
    assert.equal((await post({ cookie, origin: 'https://evil.example' })).status, 403)
    assert.deepEqual(await (await fetch(`${server.url}/visits`, { headers: { cookie } })).json(), { visits: 2 })
  })

  test('a client component that imports the adapter is not built, and Next says which it is', () => {
    const folder = join(project.folder, 'wrong')
    project.write('wrong/package.json', '{ "type": "module" }')
    project.write('wrong/next.config.mjs', "export default { turbopack: { root: '/' } }")
    project.write('wrong/app/layout.jsx', 'export default ({ children }) => <html><body>{children}</body></html>')
    project.write(
      'wrong/app/page.jsx',
      `'use client'
      import { read } from 'strongroom/next'
      export default () => <p>{String(read)}</p>`,
    )
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { status, stdout, stderr } = spawnSync(process.execPath, [join('..', NEXT), 'build'], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...env, NEXT_TELEMETRY_DISABLED: '1', CI: 'true' },
    })
    assert.equal(status, 1)
    for (const said of [
      "Export read doesn't exist",
      'strongroom/dist/adapters/next/only-on-servers.js',
      'wrong/app/page.jsx',
    ])
      assert.ok((stdout + stderr).includes(said), `${said}: ${stdout}${stderr}`)
  })
})
