import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, type TestContext, test } from 'node:test'
import { devicesPage, type ServedStudio, serveStudio } from '@strongroom/studio'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import type { Sessions } from '../../packages/strongroom/src/sessions.ts'
import { shop, signIn, userOf } from '../studio/browserless.ts'
import { allPanels } from '../studio/panels.ts'
import { need } from '../support/need.ts'
import { launch, Person, shown, type Tab } from './person.ts'

const chromium = need('chromium')

const PAGES = [
  '/',
  '/sessions',
  '/sessions?user=42',
  '/sessions?user=nobody',
  '/figures',
  '/lab?of=all',
  '/lab/cell?row=postgres&attack=read-a-backup',
  '/advisor',
  '/advisor?answered=&properties=durable&servers=several',
  '/doctor/examine',
  '/everybody',
]

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What axe finds, a line each. */
async function problems(page: Page): Promise<string[]> {
  // Past the CSP of the page, which refuses strings as scripts.
  await page.evaluate(axe.source)
  const found = (await page.evaluate(
    `axe.run(document, { runOnly: { type: 'tag', values: ${JSON.stringify(TAGS)} } })`,
  )) as axe.AxeResults
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

/** The application beside it: a way to sign in, and the devices page. */
async function startShop(sessions: Sessions) {
  const attach = strongroom(sessions)
  const devices = devicesPage(sessions, { signIn: '/signed-out' })
  const server = createServer((request, response) =>
    attach(request, response, async () => {
      if (request.url?.startsWith('/account/devices')) return devices.node(request, response)
      if (request.url === '/sign-in') (await sessions.get(request)).login('42')
      response.setHeader('Content-Type', 'text/html')
      response.end(
        `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><p>${request.url}</p>`,
      )
    }),
  )
  server.listen(0, 'localhost')
  await once(server, 'listening')
  return { server, url: `http://localhost:${(server.address() as AddressInfo).port}` }
}

suite('the studio in a browser', { skip: chromium.skip, timeout: 600_000 }, () => {
  let browser: Browser
  let sessions: Sessions
  let studio: ServedStudio
  before(async () => {
    browser = await launch(chromium.path)
    sessions = shop()
    studio = await serveStudio(sessions, { write: true, title: 'shop, production', ...allPanels() })
  })
  after(async () => {
    await studio?.close()
    await browser?.close()
  })

  /** Somebody who has opened the link, in a browser in which no error may occur and which asks nobody else for anything. */
  async function operator(t: TestContext, options: BrowserContextOptions = {}): Promise<Tab> {
    const person = await Person.at(browser, studio.origin, options)
    const elsewhere: string[] = []
    person.context.on('request', (request) => {
      if (!request.url().startsWith(studio.origin) && !request.url().startsWith('data:')) elsewhere.push(request.url())
    })
    t.after(async () => {
      await person.context.close()
      assert.deepEqual([person.complaints, elsewhere], [[], []])
    })
    const tab = await person.tab(studio.link())
    await tab.page.waitForURL(`${studio.url}/`)
    return tab
  }

  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [360, 1280, 3840])
      test(`axe finds nothing on any page, and none is wider than the window (${colorScheme}, ${width} px)`, async (t) => {
        await sessions.of('42').revokeAll()
        for (const agent of [undefined, 'curl/8.0']) await signIn(sessions, '42', agent)
        const { page } = await operator(t, { colorScheme, viewport: { width, height: 800 } })
        for (const path of PAGES) {
          await page.goto(studio.url + path)
          if (path === '/figures') await page.waitForSelector('.u-wrap')
          assert.deepEqual(await problems(page), [], path)
          assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${path} is too wide`)
          assert.equal(await page.evaluate('getComputedStyle(document.documentElement).colorScheme'), 'light dark')
        }
      })

  test('an operator finds a user, ends one device, then the others, then all', async (t) => {
    const cookies = [
      await signIn(sessions, 'ada'),
      await signIn(sessions, 'ada', 'curl/8.0'),
      await signIn(sessions, 'ada', 'Mozilla/5.0 (iPhone) Safari/604.1'),
    ]
    const alive = async () =>
      (await Promise.all(cookies.map((cookie) => userOf(sessions, cookie)))).map((user) => user === 'ada')
    const tab = await operator(t)
    await tab.page.getByLabel('A user’s sessions').fill('ada')
    await tab.press('Show')
    const rows = tab.page.locator('tbody tr')
    assert.equal(await rows.count(), 3)
    await tab.click(rows.filter({ hasText: 'curl' }).getByRole('button', { name: /^End curl/ }))
    assert.match(await tab.text(), /The session has ended/)
    assert.deepEqual(await alive(), [true, false, true])
    await tab.click(rows.filter({ hasText: 'iPhone' }).getByRole('button', { name: /^End the others/ }))
    assert.match(await tab.text(), /Ended 1 other session/)
    assert.deepEqual(await alive(), [false, false, true])
    await tab.page.getByText('End all sessions of this user').first().click()
    await tab.press('End all sessions of this user')
    assert.match(await tab.text(), /Ended 1 session: all of this user/)
    assert.deepEqual(await alive(), [false, false, false])
    await tab.page.reload()
    assert.match(await tab.text(), /No live sessions/)
  })

  test('everything can be reached by keyboard: the first stop skips to the content', async (t) => {
    const { page } = await operator(t)
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.id'), 'user')
    await page.keyboard.type('nobody')
    await Promise.all([page.waitForURL(/user=nobody/), page.keyboard.press('Enter')])
    await page.goto(`${studio.url}/lab`)
    await page.getByRole('link', { name: 'held' }).first().focus()
    await Promise.all([page.waitForURL(/\/lab\/cell/), page.keyboard.press('Enter')])
  })

  test('a theme that is chosen holds on every page, from its first byte, whatever the system says', async (t) => {
    const tab = await operator(t, { colorScheme: 'light' })
    const ground = () => tab.page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await ground()
    await tab.click(tab.page.getByRole('link', { name: 'Dark' }))
    const dark = await ground()
    assert.notEqual(dark, light)
    await tab.go(`${studio.url}/doctor`)
    assert.equal(await ground(), dark)
    await tab.click(tab.page.getByRole('link', { name: 'Light' }))
    assert.equal(new URL(tab.page.url()).pathname, `${new URL(studio.url).pathname}/doctor`)
    assert.equal(await ground(), light)
  })

  test('with the keyboard and without scripts, one session of many is ended, and the next Tab is in the list', async (t) => {
    for (let i = 0; i < 102; i++) await signIn(sessions, 'crowd')
    const { page } = await operator(t, { javaScriptEnabled: false })
    await page.goto(`${studio.url}/sessions?user=crowd`)
    const follow = (name: string) => page.getByRole('link', { name, exact: true }).first()
    await follow('Older').focus()
    await Promise.all([page.waitForURL(/older=/), page.keyboard.press('Enter')])
    assert.equal(await page.locator('tbody tr').count(), 2)
    await page
      .getByRole('button', { name: /^End Firefox/ })
      .first()
      .focus()
    await Promise.all([page.waitForURL(/older=.*done=one/), page.keyboard.press('Enter')])
    assert.match(await shown(page.locator('main')), /The session has ended[\s\S]*101 live sessions/)
    await page.keyboard.press('Tab')
    // The first link of the list, and not the one that skips to the content.
    assert.equal(await page.locator(':focus').textContent(), 'Newest')
  })

  test('a search by handle that takes long goes on by itself, without scripts, until it has found', async (t) => {
    const slow = shop()
    await signIn(slow, '42')
    const [device] = await slow.of('42').list()
    let release = () => {}
    const gate = new Promise<void>((open) => (release = open))
    const find = slow.find.bind(slow)
    const served = await serveStudio(Object.assign(slow, { find: (handle: string) => gate.then(() => find(handle)) }))
    t.after(() => served.close())
    const person = await Person.at(browser, served.origin, { javaScriptEnabled: false })
    t.after(() => person.context.close())
    const tab = await person.tab(served.link())
    await tab.page.waitForURL(`${served.url}/`)
    await tab.go(`${served.url}/sessions`)
    await tab.page.getByLabel('One session, by its handle').fill(device?.handle ?? '')
    await tab.press('Find')
    assert.match(await tab.text(), /Reading the store for/)
    release()
    await tab.page.getByRole('heading', { name: 'One session' }).waitFor()
  })

  test('the advisor is a form that works without scripts', async (t) => {
    const tab = await operator(t, { javaScriptEnabled: false })
    await tab.go(`${studio.url}/advisor`)
    await tab.page.getByLabel('What was ended stays ended').check()
    await tab.page.getByLabel('Several').check()
    await tab.press('Advise')
    assert.match(await tab.text(), /postgres, two-key/)
    assert.ok(await tab.page.getByLabel('What was ended stays ended').isChecked())
  })

  test('a page of another origin cannot end anything, even with the cookies of the operator', async (t) => {
    const victim = await signIn(sessions, 'victim')
    const tab = await operator(t)
    const evil = await startShop(shop())
    const context = await browser.newContext({ storageState: await tab.page.context().storageState() })
    t.after(async () => {
      await context.close()
      evil.server.close()
    })
    const page = await context.newPage()
    await page.goto(`${evil.url}/`)
    const form = `<form method="post" action="${studio.url}/sessions/end-all"><input name="user" value="victim"><button>Win</button></form>`
    await page.setContent(form)
    await Promise.all([page.waitForURL(/end-all/), page.getByRole('button').click()])
    assert.match(await shown(page.locator('body')), /came from another site/)
    assert.equal(await userOf(sessions, victim), 'victim')
  })

  test('the link that was used says so, and how to get another', async (t) => {
    const link = studio.link()
    const first = await Person.at(browser, studio.origin)
    const second = await Person.at(browser, studio.origin)
    t.after(() => Promise.all([first.context.close(), second.context.close()]))
    const tab = await first.tab(link)
    await tab.page.waitForURL(`${studio.url}/`)
    const late = await second.tab(link)
    assert.match(await late.text(), /This link was used.*press Enter in the terminal/s)
    assert.deepEqual(await problems(late.page), [])
  })

  suite('and the devices page', () => {
    for (const [colorScheme, width] of [
      ['light', 360],
      ['dark', 1280],
      ['dark', 3840],
    ] as const)
      test(`a user signs out another device without scripts; axe finds nothing (${colorScheme}, ${width} px)`, async (t) => {
        const own = shop()
        const other = await signIn(own, '42', 'curl/8.0')
        const { server, url } = await startShop(own)
        t.after(() => server.close())
        const options = { colorScheme, viewport: { width, height: 800 } }
        const person = await Person.at(browser, url, options)
        t.after(() => person.context.close())
        const tab = await person.tab('/sign-in')
        await tab.go('/account/devices')
        assert.deepEqual(await problems(tab.page), [])
        assert.ok(await tab.page.evaluate('document.documentElement.scrollWidth <= innerWidth'))
        const plain = await Person.at(browser, url, {
          ...options,
          javaScriptEnabled: false,
          storageState: await person.context.storageState(),
        })
        t.after(() => plain.context.close())
        const page = await plain.tab('/account/devices')
        await page.press('Sign out: curl')
        assert.match(await page.text(), /That device is signed out/)
        assert.equal(await userOf(own, other), null)
        await page.press(/^Sign out here/)
        assert.match(await page.text(), /\/signed-out/)
        assert.deepEqual([...person.complaints, ...plain.complaints], [])
      })
  })
})
