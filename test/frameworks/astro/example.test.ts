import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { root } from '../../../scripts/packages.ts'
import { listening } from '../../adapters/serve.ts'
import { launch } from '../../browser/person.ts'
import { ran } from '../../bundlers/program.ts'
import { type Project, packedProject } from '../../bundlers/project.ts'
import { need } from '../../support/need.ts'
import { ASTRO } from './built.ts'

const chromium = need('chromium')
const EXAMPLE = join(root, 'examples', 'astro')
const FRAMEWORK = ['@astrojs/node', 'astro']

suite('the example for Astro, built', { timeout: 180_000 }, () => {
  let project: Project
  let server: Awaited<ReturnType<typeof listening>>
  const { STRONGROOM_SECRETS } = process.env
  const folder = process.cwd()
  before(async () => {
    // As a user has it, who has installed strongroom as npm delivers it.
    project = await packedProject()
    for (const name of FRAMEWORK) project.borrow(name)
    cpSync(EXAMPLE, project.folder, { recursive: true })
    // Without secrets, which the server alone has.
    ran(project.folder, [ASTRO, 'build'])
    process.env.STRONGROOM_SECRETS = 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)
    process.env.ASTRO_NODE_AUTOSTART = 'disabled'
    process.chdir(project.folder)
    const { handler } = await import(pathToFileURL(join(project.folder, 'dist', 'server', 'entry.mjs')).href)
    server = await listening(createServer(handler))
  })
  after(async () => {
    await server?.close()
    process.chdir(folder)
    if (STRONGROOM_SECRETS === undefined) delete process.env.STRONGROOM_SECRETS
    else process.env.STRONGROOM_SECRETS = STRONGROOM_SECRETS
    project.remove()
  })

  suite('in a browser', { skip: chromium.skip }, () => {
    let browser: Browser
    before(async () => {
      browser = await launch(chromium.path)
    })
    after(() => browser?.close())

    /** Another browser profile, with a tab. */
    async function person(): Promise<Page> {
      const context = await browser.newContext({ baseURL: server.url.replace('127.0.0.1', 'localhost') })
      context.setDefaultTimeout(20_000)
      const page = await context.newPage()
      await page.goto('/')
      return page
    }
    const signIn = async (page: Page) => {
      await page.getByLabel('Name').fill('ada')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByText('Signed in as ada').waitFor()
    }

    test('it counts visits, logs in and out, and ends another device', async () => {
      const [laptop, phone] = [await person(), await person()]
      await laptop.goto('/')
      await laptop.getByRole('heading', { name: 'Visit 2' }).waitFor()
      await signIn(laptop)
      await signIn(phone)
      await laptop.goto('/')
      assert.equal(await laptop.getByRole('listitem').count(), 2)
      await laptop.getByRole('button', { name: 'End' }).click()
      await laptop.getByRole('button', { name: 'End' }).waitFor({ state: 'detached' })
      assert.equal(await laptop.getByRole('listitem').count(), 1)
      await phone.goto('/')
      await phone.getByLabel('Name').waitFor()
      await laptop.getByRole('button', { name: 'Sign out' }).click()
      await laptop.getByLabel('Name').waitFor()
    })
  })

  test('Astro itself refuses a form of another site, before any middleware', async () => {
    const page = await fetch(`${server.url}/?_action=login`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: new URLSearchParams({ name: 'eve' }),
    })
    assert.equal(page.status, 403)
    assert.deepEqual(page.headers.getSetCookie(), [])
  })
})

test('docs/astro.md shows the page of the example as it is', () => {
  const text = readFileSync(join(root, 'docs', 'astro.md'), 'utf8')
  assert.ok(text.includes(readFileSync(join(EXAMPLE, 'src', 'pages', 'index.astro'), 'utf8')))
})
