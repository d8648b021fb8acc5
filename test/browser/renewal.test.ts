import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { after, before, suite, type TestContext, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { listening } from '../adapters/serve.ts'
import { need } from '../support/need.ts'
import { launch, shown } from './person.ts'

const chromium = need('chromium')

const [SECOND, MINUTE] = [1000, 60_000]
const NAME = 'id'

/** A worker of its own for each path: it asks the server for what its page asks it for. */
const WORKER = `self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('message', (event) =>
  event.waitUntil(fetch('/count', { method: 'POST' }).then((r) => r.text()).then((text) => event.source.postMessage(text))))`

/** In the page: registers the worker of its path, and waits until it answers for the page. */
const REGISTER = `(async () => {
  const { serviceWorker } = navigator
  const controlled = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
  await serviceWorker.register(location.pathname + 'worker.js', { scope: location.pathname })
  if (!serviceWorker.controller) await controlled
})()`

/** In the page: has the worker ask the server. */
const ASK = `new Promise((resolve) => {
  navigator.serviceWorker.addEventListener('message', ({ data }) => resolve(data), { once: true })
  navigator.serviceWorker.startMessages()
  navigator.serviceWorker.controller.postMessage('count')
})`

/** A site whose clock the test moves, and which can lose a response, or hold it back. */
async function site(t: TestContext) {
  let passed = 0
  const clock = () => Date.now() + passed
  const events: SessionEvent[] = []
  const sessions = createSessions<{ n: number }>({
    store: memory({ clock }),
    secrets: randomBytes(32),
    cookie: { name: NAME, secure: false },
    clock,
    sweep: false,
    idle: '8h',
    renewEvery: '15m',
    onReuse: 'end',
    on: (event) => void events.push(event),
  })
  /** What is done to responses of these paths instead of sending them. */
  const instead = new Map<string, (response: ServerResponse) => void>()
  const handler = withSessions(sessions, async (request, response) => {
    const path = request.url ?? '/'
    if (path === '/favicon.ico') return void response.writeHead(204).end()
    if (path.endsWith('worker.js')) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(WORKER)
      return
    }
    const session = await sessions.get(request)
    if (path === '/login') session.login('ada')
    if (path === '/count') session.update('n', (n = 0) => n + 1)
    const body = `<!doctype html><title>Site</title><p id="user">${session.userId ?? 'nobody'}</p>`
    response.setHeader('content-type', 'text/html')
    response.end(path === '/count' ? `${session.userId} ${session.get('n')}` : body)
  })
  const server = createServer((request, response) => {
    const act = instead.get(request.url ?? '/')
    if (act) {
      instead.delete(request.url ?? '/')
      act(response)
    }
    handler(request, response)
  })
  const { url, close } = await listening(server)
  t.after(close)
  return {
    url: url.replace('127.0.0.1', 'localhost'),
    events,
    instead,
    pass: (ms: number) => {
      passed += ms
    },
    of: (type: SessionEvent['type']) => events.filter((event) => event.type === type),
  }
}

type Site = Awaited<ReturnType<typeof site>>

suite('renewal by time in a real browser', { skip: chromium.skip }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch(chromium.path)
  })
  after(() => browser.close())

  async function signedIn(t: TestContext) {
    const here = await site(t)
    const context = await browser.newContext()
    context.setDefaultTimeout(60_000)
    t.after(() => context.close())
    const page = await context.newPage()
    await page.goto(`${here.url}/login`)
    await page.goto(`${here.url}/`)
    return { here, context, page }
  }

  const cookieOf = async (context: BrowserContext) => (await context.cookies()).find(({ name }) => name === NAME)?.value
  const userOn = (page: Page) => shown(page.locator('#user'))
  const count = (page: Page, times: number): Promise<string[]> =>
    page.evaluate(
      (n) =>
        Promise.all(Array.from({ length: n }, () => fetch('/count', { method: 'POST' }).then((reply) => reply.text()))),
      times,
    )

  /** It goes on, with all that was counted, and nothing was taken for a theft. */
  async function isFine(here: Site, page: Page, counted: number) {
    await page.goto(`${here.url}/`)
    assert.equal(await userOn(page), 'ada')
    if (counted > 0) assert.deepEqual(await count(page, 1), [`ada ${counted + 1}`])
    assert.deepEqual(here.of('reused'), [])
    assert.deepEqual(here.of('superseded'), [])
  }

  test('twenty parallel requests of one page, of which one renews the session, lose nothing', async (t) => {
    const { here, context, page } = await signedIn(t)
    let counted = 0
    for (let renewal = 1; renewal <= 4; renewal++) {
      const before = await cookieOf(context)
      here.pass(16 * MINUTE)
      const replies = await count(page, 20)
      counted += 20
      assert.ok(
        replies.every((reply) => reply.startsWith('ada ')),
        replies.join(),
      )
      assert.ok(replies.includes(`ada ${counted}`))
      assert.notEqual(await cookieOf(context), before)
      // Each is seen, and its grace passes.
      await page.reload()
      here.pass(31 * SECOND)
    }
    assert.ok(here.of('renewed').filter((event) => event.type === 'renewed' && event.reason === 'time').length >= 4)
    await isFine(here, page, counted)
  })

  test('two tabs that reload in parallel go on, whichever response comes last', async (t) => {
    const { here, context, page } = await signedIn(t)
    const other = await context.newPage()
    await other.goto(`${here.url}/`)
    for (let i = 0; i < 5; i++) {
      here.pass(16 * MINUTE)
      await Promise.all([page.reload(), other.reload(), count(page, 2).catch(() => undefined)])
      assert.deepEqual([await userOn(page), await userOn(other)], ['ada', 'ada'])
      here.pass(31 * SECOND)
      await Promise.all([page.reload(), other.reload()])
    }
    await isFine(here, page, 0)
  })

  test('a response with the new cookie that is lost costs nothing, although the browser comes hours later', async (t) => {
    const { here, context, page } = await signedIn(t)
    const before = await cookieOf(context)
    here.pass(16 * MINUTE)
    // The connection breaks when the response begins.
    here.instead.set('/count', (response) => {
      const { socket } = response
      response.writeHead = () => {
        // Without a byte, Chromium would send the request again by itself.
        socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n')
        socket?.destroySoon()
        return response
      }
    })
    const replies = await count(page, 1).catch(() => [])
    assert.deepEqual(replies.join(''), '')
    assert.equal(here.of('renewed').length, 1)
    assert.equal(await cookieOf(context), before)
    here.pass(5 * 60 * MINUTE)
    await page.goto(`${here.url}/`)
    assert.equal(await userOn(page), 'ada')
    assert.notEqual(await cookieOf(context), before)
    here.pass(5 * MINUTE)
    await isFine(here, page, 1)
  })

  test('a tab that sleeps for hours, and the back button, use the cookie that the browser has then', async (t) => {
    const { here, context, page } = await signedIn(t)
    const sleeping = await context.newPage()
    await sleeping.goto(`${here.url}/`)
    await sleeping.goto(`${here.url}/next`)
    await page.goto(`${here.url}/next`)
    for (let i = 0; i < 6; i++) {
      here.pass(40 * MINUTE)
      await page.reload()
    }
    here.pass(MINUTE)
    await sleeping.goBack()
    assert.equal(await userOn(sleeping), 'ada')
    assert.deepEqual(await count(sleeping, 1), ['ada 1'])
    await page.goBack()
    assert.deepEqual(await count(page, 1), ['ada 2'])
    await isFine(here, page, 2)
  })

  test('two service workers that ask in parallel, while a page does, are sent one cookie', async (t) => {
    const { here, context, page } = await signedIn(t)
    const other = await context.newPage()
    for (const [tab, path] of [
      [page, '/a/'],
      [other, '/b/'],
    ] as const) {
      await tab.goto(`${here.url}${path}`)
      await tab.evaluate(REGISTER)
    }
    const ask = (tab: Page) => tab.evaluate<string>(ASK)
    let counted = 0
    for (let i = 0; i < 4; i++) {
      here.pass(16 * MINUTE)
      const replies = (await Promise.all([ask(page), ask(other), count(page, 3)])).flat()
      counted += 5
      assert.ok(replies.includes(`ada ${counted}`), replies.join())
      await page.reload()
      here.pass(31 * SECOND)
    }
    await isFine(here, page, counted)
  })

  test('a thief who has copied the cookie is found out, and both are signed out', async (t) => {
    const { here, context, page } = await signedIn(t)
    const copied = await cookieOf(context)
    const thief = async () => {
      const reply = await fetch(`${here.url}/`, { headers: { cookie: `${NAME}=${copied}` } })
      return { text: await reply.text(), sent: reply.headers.getSetCookie() }
    }
    assert.match((await thief()).text, /ada/)
    here.pass(16 * MINUTE)
    for (let i = 0; i < 2; i++) await page.goto(`${here.url}/`)
    const within = await thief()
    assert.match(within.text, /ada/)
    assert.deepEqual(within.sent, [])
    here.pass(31 * SECOND)
    assert.match((await thief()).text, /nobody/)
    const [alarm, ...others] = here.of('reused')
    assert.ok(alarm?.type === 'reused' && others.length === 0)
    assert.deepEqual([alarm.loginDevice, alarm.device, alarm.ended], ['Chrome on Linux', null, true])
    await page.goto(`${here.url}/`)
    assert.equal(await userOn(page), 'nobody')
  })
})
