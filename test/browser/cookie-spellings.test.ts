import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, type TestContext, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { CookieSettings } from '../../packages/strongroom/src/http/cookie.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { need } from '../support/need.ts'
import { launch } from './person.ts'

const chromium = need('chromium')

/** Browsers take any name below "localhost" for this machine, and for as safe as https. */
const HOST = 'www.shop.localhost'
const SECURE = { name: '__Secure-id' }

/** What the options were when a visitor got the first cookie, and what they are now. */
const CHANGES: Readonly<Record<string, readonly [CookieSettings, CookieSettings]>> = {
  'from this host to its domain': [SECURE, { ...SECURE, domain: 'shop.localhost' }],
  'from its domain to this host': [{ ...SECURE, domain: 'shop.localhost' }, SECURE],
  'from a domain to a subdomain': [
    { ...SECURE, domain: 'shop.localhost' },
    { ...SECURE, domain: HOST },
  ],
  'from every path to one': [SECURE, { ...SECURE, path: '/app' }],
  'from one jar to a jar for each site': [{}, { partitioned: true }],
  'from a jar for each site to one jar': [{ partitioned: true }, {}],
  'in all three ways': [
    { ...SECURE, partitioned: true },
    { ...SECURE, domain: 'shop.localhost', path: '/app' },
  ],
}

interface Page {
  readonly user: string | null
  /** How many cookies of our name the browser has sent. */
  readonly sent: number
}

/** A site whose options change while it runs, and whose sessions stay. */
async function running(t: TestContext, first: CookieSettings) {
  const store = memory()
  const secrets = randomBytes(32)
  const made = (cookie: CookieSettings) => createSessions({ store, secrets, cookie, sweep: false })
  let sessions = made(first)
  const server = createServer((request, response) =>
    withSessions(sessions, async (request, response) => {
      const session = await sessions.get(request)
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
      if (pathname === '/app/login') session.login(String(searchParams.get('as')))
      if (pathname === '/app/logout') session.logout()
      const sent = request.headers.cookie?.split('; ').filter((pair) => /^__\w+-id=/.test(pair)).length ?? 0
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ user: session.userId, sent } satisfies Page))
    })(request, response),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `http://${HOST}:${(server.address() as AddressInfo).port}/app`
  return {
    change: (cookie: CookieSettings) => {
      sessions = made(cookie)
    },
    /** Another browser profile, with a tab. */
    async person(browser: Browser) {
      const context = await browser.newContext()
      t.after(() => context.close())
      const tab = await context.newPage()
      const visit = async (path = '/'): Promise<Page> => (await tab.goto(url + path))?.json()
      return { context, visit }
    },
  }
}

suite('a cookie whose options were changed, in a browser', { skip: chromium.skip, timeout: 600_000 }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch(chromium.path)
  })
  after(() => browser?.close())

  test('from one path to every path: a login works, beside the dead cookie, whose path nobody knows any more', async (t) => {
    const site = await running(t, { ...SECURE, path: '/app' })
    const { visit } = await site.person(browser)
    await visit('/login?as=bob')
    site.change(SECURE)
    assert.deepEqual(await visit(), { user: 'bob', sent: 1 }, 'his session goes on')
    for (const user of ['ada', 'eve']) {
      await visit(`/login?as=${user}`)
      assert.deepEqual(await visit(), { user, sent: 2 })
    }
  })

  for (const [change, [first, next]] of Object.entries(CHANGES)) {
    test(`${change}: a login works beside the dead cookie, and the next one removes that`, async (t) => {
      const site = await running(t, first)
      const { visit } = await site.person(browser)
      await visit('/login?as=bob')
      assert.deepEqual(await visit(), { user: 'bob', sent: 1 })
      site.change(next)
      assert.deepEqual(await visit(), { user: 'bob', sent: 1 }, 'his session goes on')
      await visit('/login?as=ada')
      assert.deepEqual(await visit(), { user: 'ada', sent: 2 }, 'bob’s cookie is sent, too, and is dead')
      await visit('/login?as=eve')
      assert.deepEqual(await visit(), { user: 'eve', sent: 1 })
      await visit('/logout')
      assert.deepEqual(await visit(), { user: null, sent: 0 })
    })

    test(`${change}: of two live cookies neither counts, and a login or a logout leaves none of them behind`, async (t) => {
      for (const [path, user, sent] of [
        ['/login?as=eve', 'eve', 1],
        ['/logout', null, 0],
      ] as const) {
        const site = await running(t, first)
        const [visitor, other] = [await site.person(browser), await site.person(browser)]
        await other.visit('/login?as=mallory')
        site.change(next)
        await visitor.visit('/login?as=ada')
        await visitor.context.addCookies(await other.context.cookies())
        assert.deepEqual(await visitor.visit(), { user: null, sent: 2 })
        await visitor.visit(path)
        assert.deepEqual(await visitor.visit(), { user, sent })
      }
    })
  }
})
