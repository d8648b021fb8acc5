import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext } from 'node:test'
import { type Browser, type BrowserContext, chromium as engine, type Page } from 'playwright-core'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { running } from '../adapters/site.ts'
import { launch } from '../browser/person.ts'
import { secret } from '../core/fixtures/secret.ts'
import { need } from '../support/need.ts'
import { prove } from './prove.ts'
import { DAY, NAME, type Site, setCookieOf, site } from './site.ts'

/** What no client that was written for a test can show: what a browser stores, and what it sends along. */
const chromium = need('chromium')
const inChromium = { skip: chromium.skip }
let browser: Browser
before(async () => {
  if (!chromium.skip) browser = await launch(chromium.path)
})
after(() => browser?.close())

/** The profile of somebody new. */
async function profile(t: TestContext): Promise<BrowserContext> {
  const context = await browser.newContext()
  t.after(() => context.close())
  context.setDefaultTimeout(30_000)
  return context
}

/** The same server under another name: `localhost` and `127.0.0.1` are two sites, and so are `a.localhost` and `b.localhost`. */
const at = ({ url }: { readonly url: string }, host = 'localhost') => `http://${host}:${new URL(url).port}`

/** A server of somebody else: what it responds with, and what it sets. */
async function elsewhere(t: TestContext, html: string, cookies: readonly string[] = []) {
  return running(t, (_, response) => {
    response.setHeader('Content-Type', 'text/html')
    for (const line of cookies) response.appendHeader('Set-Cookie', line)
    response.end(`<!doctype html><title>Elsewhere</title>${html}`)
  })
}

/** What a page of the site says: its JSON. */
async function open(page: Page, url: string): Promise<unknown> {
  const response = await page.goto(url)
  return JSON.parse((await response?.text()) ?? '')
}

/** A tab of somebody who has signed in at the site. */
async function signedIn(t: TestContext, shop: Site, host = 'localhost', query = '') {
  const context = await profile(t)
  const page = await context.newPage()
  await page.goto(`${at(shop, host)}/login?user=ada${query}`)
  return { context, page }
}

/** The session's cookie as the browser has stored it. */
const stored = async (context: BrowserContext, name = NAME) =>
  (await context.cookies()).find((one) => one.name === name)

/** A tab with a page of another site that leads to the site as soon as it is opened: whom does the site see? */
async function arriving(
  t: TestContext,
  context: BrowserContext,
  target: string,
  how: 'form' | 'link',
): Promise<string> {
  const html = {
    form: `<form method="post" action="${target}"></form><script>document.forms[0].submit()</script>`,
    link: `<a href="${target}">go</a><script>document.querySelector('a').click()</script>`,
  }
  const evil = await elsewhere(t, html[how])
  const page = await context.newPage()
  const arrived = page.waitForResponse(target)
  await page.goto(at(evil, '127.0.0.1')).catch(() => undefined)
  return (await arrived).text()
}

prove(
  'ASVS 3.3.2',
  async (t) => {
    const shop = await site(t)
    const { context } = await signedIn(t, shop)
    assert.equal((await stored(context))?.sameSite, 'Lax')
    const target = `${at(shop)}/whoami`
    assert.equal(await arriving(t, context, target, 'form'), 'null')
    assert.equal(await arriving(t, context, target, 'link'), '"ada"')
  },
  inChromium,
)

prove(
  'ASVS 3.5.8',
  async (t) => {
    const seen: unknown[] = []
    const shop = await site(t, { routes: () => ({ photo: (session) => void seen.push(session.userId) }) })
    const { context, page } = await signedIn(t, shop)
    const image = (base: string) =>
      `<img src="${base}/photo"><iframe src="${base}/photo"></iframe><script src="${base}/photo"></script>`
    const evil = await elsewhere(t, image(at(shop)))
    const other = await context.newPage()
    await other.goto(at(evil, '127.0.0.1'), { waitUntil: 'networkidle' })
    assert.deepEqual(seen, [null, null, null])
    seen.length = 0
    await page.goto(`${at(shop)}/asset`)
    await page.setContent(image(at(shop)), { waitUntil: 'networkidle' })
    assert.deepEqual(seen, ['ada', 'ada', 'ada'])
  },
  inChromium,
)

prove(
  'OWASP Manual Session Expiration',
  async (t) => {
    const shop = await site(t)
    for (const query of ['', '&remember']) {
      const { context, page } = await signedIn(t, shop, 'localhost', query)
      assert.ok(await stored(context))
      await page.goto(`${at(shop)}/logout`)
      assert.deepEqual(await context.cookies(), [])
    }
    // It is removed with the attributes that it was set with, or some browsers would keep it.
    const visitor = shop.visitor()
    const [set, removed] = [await visitor.must('/login'), await visitor.must('/logout')].map((page) =>
      parseSetCookie(setCookieOf(page)),
    )
    const attributes = (from: typeof set) =>
      [...(from?.attributes ?? [])].filter(([name]) => !['max-age', 'expires'].includes(name))
    assert.deepEqual(attributes(removed), attributes(set))
    assert.equal(removed?.attributes.get('max-age'), '0')
  },
  inChromium,
)

prove(
  'NIST 5.1, persistence',
  async (t) => {
    const shop = await site(t)
    for (const [query, survives] of [
      ['', false],
      ['&remember', true],
    ] as const) {
      const folder = mkdtempSync(join(tmpdir(), 'strongroom-profile-'))
      t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
      const start = () =>
        engine.launchPersistentContext(folder, {
          executablePath: chromium.path,
          args: ['--no-sandbox', '--disable-gpu'],
        })
      const first = await start()
      await (await first.newPage()).goto(`${at(shop)}/login?user=ada${query}`)
      assert.ok(await stored(first))
      await first.close()
      const second = await start()
      assert.equal((await stored(second)) !== undefined, survives, query)
      assert.equal(await open(await second.newPage(), `${at(shop)}/whoami`), survives ? 'ada' : null)
      await second.close()
    }
  },
  inChromium,
)

prove(
  'RFC 6265bis, __Host-',
  async (t) => {
    const shop = await site(t)
    const context = await profile(t)
    const page = await context.newPage()
    // Another host of the same domain tries to plant a cookie of our name, in every spelling; a name without a prefix shows that it could.
    const domain = 'Domain=shop.localhost; Path=/'
    const evil = await elsewhere(t, '', [
      `planted=1; ${domain}`,
      ...['__Host-id', '__host-id', '__HOST-ID'].map((name) => `${name}=evil; ${domain}; Secure`),
    ])
    await page.goto(at(evil, 'evil.shop.localhost'))
    const names = async () => (await context.cookies(at(shop, 'www.shop.localhost'))).map(({ name }) => name)
    assert.deepEqual(await names(), ['planted'])
    for (const name of ['__Host-id', '__host-id'])
      await page.evaluate(`document.cookie = '${name}=evil; Secure; ${domain}'`)
    assert.deepEqual(await names(), ['planted'])
    // Ours is accepted, and goes to no other host.
    await page.goto(`${at(shop, 'www.shop.localhost')}/login`)
    assert.equal((await stored(context))?.domain, 'www.shop.localhost')
    assert.equal(await open(page, `${at(shop, 'www.shop.localhost')}/whoami`), 'ada')
    assert.equal(await open(page, `${at(shop, 'evil.shop.localhost')}/whoami`), null)
  },
  inChromium,
)

prove(
  'RFC 6265bis, __Secure-',
  async (t) => {
    const name = '__Secure-id'
    const shop = await site(t, { cookie: { name, domain: 'shop.localhost' } })
    const { context, page } = await signedIn(t, shop, 'www.shop.localhost')
    assert.equal((await stored(context, name))?.secure, true)
    assert.equal(await open(page, `${at(shop, 'admin.shop.localhost')}/whoami`), 'ada')
    const own = (await stored(context, name))?.value
    const evil = await elsewhere(t, '', [`${name}=evil; Path=/; Domain=shop.localhost`])
    await page.goto(at(evil, 'evil.shop.localhost'))
    assert.equal((await stored(context, name))?.value, own)
    assert.throws(
      () => createSessions({ store: 'memory:', secrets: secret('x'), cookie: { name, secure: false } }),
      ConfigError,
    )
  },
  inChromium,
)

prove(
  'RFC 6265bis, __Host-Http-',
  async (t) => {
    const name = '__Host-Http-id'
    const shop = await site(t, { cookie: { name } })
    const { context, page } = await signedIn(t, shop)
    const own = (await stored(context, name))?.value
    assert.ok(own)
    await context.clearCookies()
    const script = `document.cookie = '${name}=evil; Secure; Path=/'; document.cookie = 'other=1; Path=/'`
    await page.evaluate(script)
    assert.deepEqual(
      (await context.cookies()).map(({ name }) => name),
      ['other'],
    )
    await page.goto(`${at(shop)}/login`)
    assert.equal(await open(page, `${at(shop)}/whoami`), 'ada')
  },
  inChromium,
)

prove(
  'RFC 6265bis, SameSite=None',
  async (t) => {
    const shop = await site(t, { cookie: { sameSite: 'none' } })
    const { context } = await signedIn(t, shop)
    const cookie = await stored(context)
    assert.deepEqual([cookie?.sameSite, cookie?.secure], ['None', true])
    const wrong = { sameSite: 'none', name: 'id', secure: false } as const
    assert.throws(() => createSessions({ store: 'memory:', secrets: secret('x'), cookie: wrong }), ConfigError)
  },
  inChromium,
)

prove(
  'RFC 6265bis, SameSite=Strict',
  async (t) => {
    const shop = await site(t, { cookie: { sameSite: 'strict' } })
    const { context, page } = await signedIn(t, shop)
    const target = `${at(shop)}/whoami`
    for (const how of ['form', 'link'] as const) assert.equal(await arriving(t, context, target, how), 'null')
    assert.equal(await open(page, target), 'ada')
  },
  inChromium,
)

prove(
  'CHIPS, Partitioned',
  async (t) => {
    const shop = await site(t, { cookie: { partitioned: true, sameSite: 'none' } })
    const context = await profile(t)
    const top = await elsewhere(t, '<iframe></iframe>')
    const [one, two] = [await context.newPage(), await context.newPage()]
    await one.goto(at(top, 'one.localhost'))
    await two.goto(at(top, 'two.localhost'))
    /** What the site says in the frame of a page. */
    const inFrame = async (page: Page, path: string) => {
      const url = `${at(shop, 'shop.localhost')}${path}`
      const arrived = page.waitForResponse(url)
      await page.evaluate(`document.querySelector('iframe').setAttribute('src', '${url}')`)
      return (await arrived).text()
    }
    await inFrame(one, '/login?user=ada')
    assert.equal(await inFrame(one, '/whoami?1'), '"ada"')
    assert.equal(await inFrame(two, '/whoami?2'), 'null')
    await inFrame(two, '/login?user=bob')
    assert.equal(await inFrame(two, '/whoami?3'), '"bob"')
    await inFrame(one, '/logout?1')
    assert.deepEqual([await inFrame(one, '/whoami?4'), await inFrame(two, '/whoami?5')], ['null', '"bob"'])
    // The other one's cookie is all that is left.
    assert.equal((await context.cookies()).filter(({ name }) => name === NAME).length, 1)
  },
  inChromium,
)

prove(
  'RFC 6265bis, localhost',
  async (t) => {
    const shop = await site(t)
    const { context, page } = await signedIn(t, shop)
    assert.equal(await open(page, `${at(shop)}/whoami`), 'ada')
    const cookie = await stored(context)
    assert.deepEqual([cookie?.secure, cookie?.httpOnly, cookie?.expires], [true, true, -1])
    assert.equal(await page.evaluate('document.cookie'), '')
    assert.deepEqual(await page.evaluate('[Object.keys(localStorage), Object.keys(sessionStorage)]'), [[], []])
    await page.goto(`${at(shop)}/login?user=ada&remember`)
    assert.ok(Number((await stored(context))?.expires) * 1000 - Date.now() <= 400 * DAY)
  },
  inChromium,
)

prove(
  'RFC 6265bis, eviction',
  async (t) => {
    const shop = await site(t)
    const { context, page } = await signedIn(t, shop)
    // Hundreds of cookies of a script do not push it out.
    await page.evaluate("for (let i = 0; i < 400; i++) document.cookie = 'c' + i + '=1; Path=/'")
    assert.equal(await open(page, `${at(shop)}/whoami`), 'ada')
    await context.clearCookies()
    const response = await page.goto(`${at(shop)}/whoami`)
    assert.deepEqual([response?.status(), await response?.text()], [200, 'null'])
    await page.goto(`${at(shop)}/login?user=ada`)
    assert.equal(await open(page, `${at(shop)}/whoami`), 'ada')
  },
  inChromium,
)
