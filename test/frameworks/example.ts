import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { root } from '../../scripts/packages.ts'
import { launch } from '../browser/person.ts'
import { ran, type Server, served } from '../bundlers/program.ts'
import { type Project, packedProject } from '../bundlers/project.ts'
import { need } from '../support/need.ts'

const chromium = need('chromium')

export interface ExampleOptions {
  /** The subpaths that its files import, which must not need the framework. */
  readonly subpaths: readonly string[]
  /** The arguments of Node that build it. */
  readonly build: readonly string[]
  /** A program that serves what was built on any port, and prints "Ready" with its address. */
  readonly server: string
  /** Further packages that the server needs. */
  readonly borrowed?: readonly string[]
  /** Files that this repository needs, by their names. */
  readonly files?: Readonly<Record<string, string>>
}

/**
 * Builds `examples/NAME` with the library as npm delivers it, and drives it with a browser. The examples of all frameworks look the same.
 */
export function testExample(
  name: string,
  { subpaths, build, server: program, borrowed = [], files = {} }: ExampleOptions,
): void {
  suite(`examples/${name}`, { skip: chromium.skip, timeout: 120_000 }, () => {
    let project: Project
    let server: Server
    let browser: Browser

    before(async () => {
      project = await packedProject()
      cpSync(join(root, 'examples', name), project.folder, { recursive: true })
      for (const specifier of subpaths)
        ran(project.folder, ['--input-type=module', '--eval', `await import('${specifier}')`])
      const { dependencies, devDependencies } = JSON.parse(readFileSync(join(project.folder, 'package.json'), 'utf8'))
      for (const each of [...Object.keys({ ...dependencies, ...devDependencies }), ...borrowed])
        if (each !== 'strongroom') project.borrow(each)
      for (const [file, text] of Object.entries(files)) project.write(file, text)
      ran(project.folder, build)
      project.write('serve.js', program)
      server = await served(project.folder, ['serve.js'], {
        NODE_ENV: 'production',
        STRONGROOM_SECRETS: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2),
      })
      browser = await launch(chromium.path)
    })
    after(async () => {
      await browser?.close()
      await server?.stop()
      project?.remove()
    })

    /** A browser of its own. */
    async function open(t: TestContext): Promise<Page> {
      const context = await browser.newContext({ baseURL: server.url })
      context.setDefaultTimeout(20_000)
      t.after(() => context.close())
      return tab(await context.newPage(), '/')
    }

    test('counts the visits of a visitor, and starts with one for another', async (t) => {
      const page = await open(t)
      await page.getByText('Visits: 1').waitFor()
      await tab(page, '/')
      await page.getByText('Visits: 2').waitFor()
      await (await open(t)).getByText('Visits: 1').waitFor()
    })

    test('shows the user on every page after a login, without loading one from the server, and a notice once', async (t) => {
      const page = await open(t)
      await page.evaluate(() => Object.assign(globalThis, { isSame: true }))
      await signIn(page)
      await page.getByText('Welcome, ada!').waitFor()
      await page.getByRole('link', { name: 'Devices' }).click()
      await page.getByText('(this one)').waitFor()
      await page.getByText('ada', { exact: true }).waitFor()
      assert.equal(await page.getByText('Welcome, ada!').count(), 0)
      await page.getByRole('link', { name: 'Home' }).click()
      await page.getByText('Visits:').waitFor()
      assert.equal(await page.getByText('Welcome, ada!').count(), 0)
      assert.ok(await page.evaluate(() => 'isSame' in globalThis))
      await tab(page, '/')
      await page.getByText('ada', { exact: true }).waitFor()
      assert.equal(await page.getByText('Welcome, ada!').count(), 0)
    })

    test('signs in a browser without JavaScript, too', async (t) => {
      const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled: false })
      t.after(() => context.close())
      const page = await context.newPage()
      await page.goto('/login')
      await page.getByLabel('Name').fill('ada')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByText('Welcome, ada!').waitFor()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('link', { name: 'Sign in' }).waitFor()
    })

    test('signs out every tab for good', async (t) => {
      const page = await open(t)
      await signIn(page)
      const stolen = await page.context().cookies()
      const other = await tab(await page.context().newPage(), '/')
      await other.getByRole('button', { name: 'Sign out' }).click()
      await other.getByRole('link', { name: 'Sign in' }).waitFor()
      await page.getByRole('link', { name: 'Devices' }).click()
      await page.getByLabel('Name').waitFor()
      await page.context().addCookies(stolen)
      await tab(page, '/')
      await page.getByRole('link', { name: 'Sign in' }).waitFor()
    })

    test('lists the devices of a user, one of whom ends the other', async (t) => {
      const [page, other] = [await open(t), await open(t)]
      await signIn(page, 'eve')
      await signIn(other, 'eve')
      await page.getByRole('link', { name: 'Devices' }).click()
      await page.getByRole('button', { name: 'End' }).click()
      await page.getByRole('button', { name: 'End' }).waitFor({ state: 'detached' })
      await page.getByText('(this one)').waitFor()
      await other.getByRole('link', { name: 'Devices' }).click()
      await other.getByLabel('Name').waitFor()
    })
  })
}

/** Shows a page, and waits until React has taken it over: before, a link loads the whole page. */
async function tab(page: Page, path: string): Promise<Page> {
  await page.goto(path)
  await page.waitForFunction(() => {
    const nav = (globalThis as unknown as { document: { querySelector(name: string): object } }).document.querySelector(
      'nav',
    )
    return Object.keys(nav).some((key) => key.startsWith('__reactFiber'))
  })
  return page
}

async function signIn(page: Page, user = 'ada'): Promise<void> {
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByLabel('Name').fill(user)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}
