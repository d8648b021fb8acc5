import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { type ManualClock, manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { root } from '../../scripts/packages.ts'
import { need } from '../support/need.ts'
import { launch, Person } from './person.ts'

const chromium = need('chromium')
const MINUTE = 60_000

const source = (file: string) => pathToFileURL(join(root, 'packages/strongroom/src', file)).href

let started = 0

/** The example as it is, but for where its library is, its port, and its clock, which is that of the test. */
async function example(t: TestContext) {
  const clock = manualClock()
  const store = memory({ clock })
  const read = store.read.bind(store)
  let isDown = false
  Object.assign(store, {
    readSync: undefined,
    read: async (...given: Parameters<typeof read>) => {
      if (isDown) throw new Error('down')
      return read(...given)
    },
  })
  const key = `idleWarning${started++}`
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-idle-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const replaced = Object.entries({
    "'strongroom'": `'${source('index.ts')}'`,
    "'strongroom/node'": `'${source('adapters/node.ts')}'`,
    "store: 'memory:', secrets: process.env.STRONGROOM_SECRETS": `...globalThis.${key}`,
    'server.listen(3000)': 'export default server.listen(0)',
  }).reduce(
    (code, [from, to]) => {
      assert.equal(code.split(from).length, 2, from)
      return code.replace(from, () => to)
    },
    readFileSync(join(root, 'examples/idle-warning.ts'), 'utf8'),
  )
  const file = join(folder, 'example.ts')
  writeFileSync(file, replaced)
  Object.assign(globalThis, { [key]: { store, clock, secrets: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2), sweep: false } })
  const { default: server }: { default: Server } = await import(pathToFileURL(file).href)
  if (!server.listening) await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return { url: `http://localhost:${port}`, clock, setDown: (down: boolean) => (isDown = down) }
}

/** Lets time pass for the server and in the browser, as it does for somebody who does nothing. */
async function pass(ms: number, clock: ManualClock, ...pages: readonly Page[]) {
  clock.advance(ms)
  for (const page of pages) await checked(page, () => page.clock.fastForward(ms))
}

/** The timer of the page's script, if it has one. */
const timerOf = (page: Page) => page.evaluate<unknown>("typeof timer === 'undefined' ? undefined : timer")

/** Until the page has been told how long is left, and has set the next timer by that: time that passes before would pass for nobody. */
async function checked(page: Page, act: () => Promise<void>): Promise<void> {
  const before = await timerOf(page)
  await Promise.all([page.waitForResponse((response) => new URL(response.url()).pathname === '/session'), act()])
  for (;;) {
    const now = await timerOf(page)
    if (now !== undefined && now !== before) return
    await delay(10)
  }
}

async function signedIn(t: TestContext, browser: Browser, url: string) {
  const person = await Person.at(browser, url)
  t.after(() => person.context.close())
  await person.context.clock.install()
  const page = await person.context.newPage()
  await page.goto('/')
  await checked(page, () => page.getByRole('button', { name: 'Sign in' }).click())
  return { person, page }
}

const dialog = (page: Page) => page.getByRole('dialog')
const heading = (page: Page) => page.getByRole('heading', { name: 'The accounts of ada' })
const shows = (page: Page, text: RegExp) => dialog(page).getByText(text).waitFor()
const isSignedOut = (page: Page) => page.getByRole('button', { name: 'Sign in' }).waitFor()

suite('the page of examples/idle-warning.ts, in a real browser', { skip: chromium.skip, timeout: 600_000 }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch(chromium.path)
  })
  after(() => browser?.close())

  test('warns two minutes before the end, and does not keep the session alive by looking', async (t) => {
    const { url, clock } = await example(t)
    const { person, page } = await signedIn(t, browser, url)
    assert.equal(await dialog(page).isVisible(), false)
    await pass(13 * MINUTE + 200, clock, page)
    await shows(page, /signed out in 2 minutes/)
    for (let i = 0; i < 7; i++) await pass(MINUTE / 6, clock, page)
    await shows(page, /signed out within a minute/)
    assert.deepEqual(person.complaints, [])
    clock.advance(MINUTE)
    await page.clock.fastForward(MINUTE)
    await isSignedOut(page)
    assert.equal(await heading(page).count(), 0)
  })

  test('extends the session of a visitor who is still there, by an ordinary request', async (t) => {
    const { url, clock } = await example(t)
    const { page } = await signedIn(t, browser, url)
    await pass(13 * MINUTE + 200, clock, page)
    await shows(page, /signed out in 2 minutes/)
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    await dialog(page).waitFor({ state: 'hidden' })
    // Later than the session would have ended.
    clock.advance(12 * MINUTE)
    await page.reload()
    await heading(page).waitFor()
  })

  test('takes the warning back when another tab has extended the session', async (t) => {
    const { url, clock } = await example(t)
    const { person, page } = await signedIn(t, browser, url)
    await pass(13 * MINUTE + 200, clock, page)
    await shows(page, /signed out in 2 minutes/)
    const other = await person.context.newPage()
    await other.goto('/')
    await pass(MINUTE / 5, clock, page)
    await dialog(page).waitFor({ state: 'hidden' })
  })

  test('signs nobody out while the store is down', async (t) => {
    const { url, clock, setDown } = await example(t)
    const { page } = await signedIn(t, browser, url)
    setDown(true)
    await pass(13 * MINUTE + 200, clock, page)
    await pass(MINUTE / 5, clock, page)
    await heading(page).waitFor()
    setDown(false)
    await pass(MINUTE / 5, clock, page)
    await shows(page, /signed out in 2 minutes/)
  })

  test('hides what it shows when a machine wakes up after the end', async (t) => {
    const { url, clock } = await example(t)
    const { page } = await signedIn(t, browser, url)
    // Timers do not run while a machine sleeps.
    clock.advance(16 * MINUTE)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await isSignedOut(page)
    assert.equal(await heading(page).count(), 0)
  })
})
