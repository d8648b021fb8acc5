import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, suite, type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Browser, Page } from 'playwright-core'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/hono.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { listening } from '../adapters/serve.ts'
import { need } from '../support/need.ts'
import { launch } from './person.ts'

const chromium = need('chromium')

/** A site that counts the changes that visitors make; its cookie goes along with requests of every other site. */
async function shop(t: TestContext) {
  const events: SessionEvent[] = []
  const cookie = { sameSite: 'none' } as const
  const sessions = createSessions({
    store: memory(),
    secrets: randomBytes(32),
    cookie,
    sweep: false,
    on: (e) => events.push(e),
  })
  const changes: string[] = []
  const app = new Hono()
  app.use(strongroom(sessions), csrf(sessions))
  app.get('/', async (c) => {
    const token = await sessions.csrfToken(c)
    return c.html(`<!doctype html><title>Shop</title>
      <form method="post" action="/change"><input type="hidden" name="_csrf" value="${token}"><button>Change</button></form>
      <form method="post" action="/login"><button>Sign in</button></form>`)
  })
  app.post('/login', async (c) => {
    const session = await sessions.get(c)
    session.login('ada')
    return c.redirect('/', 303)
  })
  app.on(['POST', 'PUT'], '/change', async (c) => {
    changes.push((await sessions.get(c)).userId ?? 'nobody')
    return c.text('changed')
  })
  const answered = new EventEmitter()
  const handle = getRequestListener(app.fetch)
  const server = createServer((request, response) => {
    if (request.url === '/change') response.on('finish', () => answered.emit('change', response.statusCode))
    handle(request, response)
  })
  const { url, close } = await listening(server)
  t.after(close)
  const reasons = () =>
    events.flatMap((event) => (event.type === 'rejected' && event.what === 'request' ? [event.reason] : []))
  return { port: new URL(url).port, changes, reasons, answered }
}

/** What a page of an attacker does to `target` as soon as somebody opens it. */
const ATTACKS: Readonly<Record<string, (target: string) => string>> = {
  form: (target) => `<form method="post" action="${target}"></form><script>document.forms[0].submit()</script>`,
  'form without a referrer': (target) =>
    `<meta name="referrer" content="no-referrer"><form method="post" action="${target}"></form><script>document.forms[0].submit()</script>`,
  'form of text/plain': (target) =>
    `<form method="post" enctype="text/plain" action="${target}"><input name='{"a":"' value='"}'></form><script>document.forms[0].submit()</script>`,
  'form in a sandboxed frame': (target) =>
    `<iframe sandbox="allow-scripts allow-forms" srcdoc='<form method="post" action="${target}"></form><script>document.forms[0].submit()</script>'></iframe>`,
  'fetch without CORS': (target) =>
    `<script>fetch('${target}', { method: 'POST', mode: 'no-cors', credentials: 'include' }).finally(() => (document.title = 'done'))</script>`,
  'fetch without CORS and without a referrer': (target) =>
    `<script>fetch('${target}', { method: 'POST', mode: 'no-cors', credentials: 'include', referrerPolicy: 'no-referrer', body: '{"a":1}' })</script>`,
  'form that another page redirects': () =>
    `<form method="post" action="/redirect"></form><script>document.forms[0].submit()</script>`,
  'form in a frame of a data: address': (target) =>
    `<iframe src="data:text/html,${encodeURIComponent(`<form method=post action=${target}></form><script>document.forms[0].submit()</script>`)}"></iframe>`,
  'form in a frame of a blob: address': (target) =>
    `<body><script>const page = \`<form method=post action=${target}></form><script>document.forms[0].submit()<\\/script>\`
      const frame = document.body.appendChild(document.createElement('iframe'))
      frame.src = URL.createObjectURL(new Blob([page], { type: 'text/html' }))</script>`,
  'ping of a link': (target) =>
    `<a href="#here" ping="${target}">x</a><script>document.querySelector('a').click()</script>`,
  'report of a policy': () => `<img src="/x.png">`,
  WebSocket: (target) => `<script>new WebSocket('${target.replace('http', 'ws')}')</script>`,
  beacon: (target) => `<script>navigator.sendBeacon('${target}', new Blob(['{}'])); document.title = 'done'</script>`,
}

async function attacker(t: TestContext, target: string) {
  const server = createServer((request, response) => {
    if (request.url === '/redirect') {
      response.writeHead(307, { location: target }).end()
      return
    }
    const attack = ATTACKS[decodeURIComponent(request.url?.slice(1) ?? '')]
    response.setHeader('content-type', 'text/html; charset=utf-8')
    if (request.url?.startsWith('/report'))
      response.setHeader('content-security-policy', `img-src 'none'; report-uri ${target}`)
    response.end(`<!doctype html><title>Prizes</title>${attack?.(target) ?? ''}`)
  })
  const { url, close } = await listening(server)
  t.after(close)
  return new URL(url).port
}

suite('csrf in a real browser', { skip: chromium.skip }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch(chromium.path)
  })
  after(() => browser.close())

  async function signedIn(t: TestContext, port: string): Promise<Page> {
    const context = await browser.newContext()
    context.setDefaultTimeout(60_000)
    t.after(() => context.close())
    const page = await context.newPage()
    await page.goto(`http://localhost:${port}/`)
    await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Sign in' }).click()])
    return page
  }

  // 127.0.0.1 is another site than localhost; another port of localhost is the same site, and another origin.
  for (const [where, host] of [
    ['another site', '127.0.0.1'],
    ['another port', 'localhost'],
  ] as const)
    test(`what the page of ${where} sends is refused, and what the own page sends is not`, async (t) => {
      const { port, changes, reasons, answered } = await shop(t)
      const page = await signedIn(t, port)
      const evil = await attacker(t, `http://localhost:${port}/change`)
      // One tab for all of them: Chromium may hang when a tab is closed in the middle of what its page does.
      const victim = await page.context().newPage()
      for (const [at, name] of Object.keys(ATTACKS).entries()) {
        const arrives = once(answered, 'change', { signal: AbortSignal.timeout(60_000) })
        // The page may have sent its form, and be gone, before it counts as opened.
        const opened = victim.goto(`http://${host}:${evil}/${encodeURIComponent(name)}`).catch(() => undefined)
        assert.deepEqual(await arrives, [403], name)
        assert.equal(reasons().length, at + 1, name)
        await opened
      }
      assert.deepEqual(changes, [])
      await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Change' }).click()])
      assert.equal((await page.content()).includes('changed'), true)
      assert.deepEqual(changes, ['ada'])
    })

  test('a form of one tab is sent after a login in another, because the browser says where it comes from', async (t) => {
    const { port, changes } = await shop(t)
    const page = await signedIn(t, port)
    const other = await page.context().newPage()
    await other.goto(`http://localhost:${port}/`)
    await Promise.all([other.waitForEvent('load'), other.getByRole('button', { name: 'Sign in' }).click()])
    await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Change' }).click()])
    assert.deepEqual(changes, ['ada'])
  })

  test('in a browser that says nothing, the form from before a login is refused, and the one from after it is sent', async (t) => {
    const { port, changes, reasons } = await shop(t)
    const page = await signedIn(t, port)
    await silence(page)
    const other = await page.context().newPage()
    await other.goto(`http://localhost:${port}/`)
    await Promise.all([other.waitForEvent('load'), other.getByRole('button', { name: 'Sign in' }).click()])
    await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Change' }).click()])
    assert.deepEqual([changes, reasons()], [[], ['token']])
    await Promise.all([other.waitForEvent('load'), other.getByRole('button', { name: 'Change' }).click()])
    assert.deepEqual(changes, ['ada'])
  })

  test('the scripts of the own page may send JSON, with any method', async (t) => {
    const { port, changes } = await shop(t)
    const page = await signedIn(t, port)
    const status = await page.evaluate(async () => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch('/change', { method: 'PUT', headers, body: '{}' })).status
    })
    assert.deepEqual([status, changes], [200, ['ada']])
  })
})

/** From now on, a tab's requests are as those of a browser from before 2019. */
async function silence(page: Page): Promise<void> {
  await page.route('**/change', async (route) => {
    const headers = await route.request().allHeaders()
    const silent = Object.fromEntries(
      Object.entries(headers).filter(([name]) => !/^(origin|referer|sec-fetch-.*|:.*)$/.test(name)),
    )
    const {
      status,
      headers: received,
      body,
    } = await fromServer(route.request().url(), silent, route.request().postData())
    await route.fulfill({ status, headers: received, body })
  })
}

async function fromServer(url: string, headers: Readonly<Record<string, string>>, body: string | null) {
  const { ask } = await import('../csrf/sites.ts')
  const reply = await ask(url, { path: new URL(url).pathname, headers, body: body ?? undefined })
  return { status: reply.status, headers: { 'content-type': 'text/plain' }, body: reply.body }
}
