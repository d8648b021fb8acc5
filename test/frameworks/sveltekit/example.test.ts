import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { root } from '../../../scripts/packages.ts'
import { listening } from '../../adapters/serve.ts'
import { launch } from '../../browser/person.ts'
import { ran } from '../../bundlers/program.ts'
import { type Project, packedProject } from '../../bundlers/project.ts'
import { need } from '../../support/need.ts'
import { handlerOf, VITE } from './built.ts'

const chromium = need('chromium')
const EXAMPLE = join(root, 'examples', 'sveltekit')
const FRAMEWORK = ['@sveltejs/adapter-node', '@sveltejs/kit', '@sveltejs/vite-plugin-svelte', 'svelte', 'vite']

suite('the example for SvelteKit, built', { timeout: 180_000 }, () => {
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
    ran(project.folder, [VITE, 'build'])
    process.env.STRONGROOM_SECRETS = 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)
    process.chdir(project.folder)
    server = await listening(createServer(await handlerOf(project.folder)))
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
    async function person(scripts: boolean): Promise<Page> {
      const context = await browser.newContext({
        baseURL: server.url.replace('127.0.0.1', 'localhost'),
        javaScriptEnabled: scripts,
      })
      context.setDefaultTimeout(20_000)
      const page = await context.newPage()
      await page.goto('/')
      // Until then, a form is sent without SvelteKit.
      if (scripts) await page.waitForLoadState('networkidle')
      return page
    }
    const signIn = async (page: Page) => {
      await page.getByLabel('Name').fill('ada')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByText('Signed in as ada').waitFor()
    }

    for (const scripts of [true, false])
      test(`it counts visits, logs in and out, and ends another device, ${scripts ? 'with' : 'without'} scripts`, async () => {
        const [laptop, phone] = [await person(scripts), await person(scripts)]
        await laptop.goto('/')
        await laptop.getByRole('heading', { name: 'Visit 2' }).waitFor()
        await signIn(laptop)
        await signIn(phone)
        await laptop.goto('/')
        if (scripts) await laptop.waitForLoadState('networkidle')
        assert.equal(await laptop.getByRole('listitem').count(), 2)
        await laptop.getByRole('button', { name: 'End' }).click()
        await laptop.getByRole('button', { name: 'End' }).waitFor({ state: 'detached' })
        assert.equal(await laptop.getByRole('listitem').count(), 1)
        await phone.goto('/')
        await phone.getByLabel('Name').waitFor()
        await laptop.getByRole('button', { name: 'Sign out' }).click()
        await laptop.getByLabel('Name').waitFor()
        await laptop.context().close()
        await phone.context().close()
      })
  })

  test('SvelteKit itself refuses a form of another site, before any hook', async () => {
    const page = await fetch(`${server.url}/?/login`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: new URLSearchParams({ name: 'eve' }),
    })
    assert.equal(page.status, 403)
    assert.deepEqual(page.headers.getSetCookie(), [])
  })
})

test('docs/sveltekit.md shows the pages of the example as they are', () => {
  const text = readFileSync(join(root, 'docs', 'sveltekit.md'), 'utf8')
  assert.ok(text.includes(readFileSync(join(EXAMPLE, 'src', 'routes', '+page.svelte'), 'utf8')))
})
