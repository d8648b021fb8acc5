import assert from 'node:assert/strict'
import type { Browser, Fixture } from './fixture.ts'
import { property } from './property.ts'

const first = (browser: Browser) => browser.visit((session) => session.set('a', 1))

property(
  'the cookie is Secure, and the response varies by Cookie and is not stored by caches',
  '103',
  async (fixture) => {
    const { setCookie, vary, headers } = await first(fixture.browser())
    assert.ok(setCookie?.attributes.has('secure'))
    assert.deepEqual([vary, headers.get('cache-control')], ['Cookie', 'no-store'])
  },
)

property('the cookie is HttpOnly, so that scripts cannot read it', '104', async (fixture) => {
  const { setCookie } = await first(fixture.browser())
  assert.ok(setCookie?.attributes.has('httponly'))
})

property('the cookie has the SameSite attribute of the option', '105', async (fixture) => {
  const lax = await first(fixture.browser())
  const strict = await first(fixture.browser({ cookie: { sameSite: 'strict' } }))
  assert.deepEqual(
    [lax, strict].map(({ setCookie }) => setCookie?.attributes.get('samesite')),
    ['Lax', 'Strict'],
  )
})

property('a cookie that scripts can read is refused', '106', (fixture) => {
  assert.throws(() => fixture.browser({ cookie: { httpOnly: false } as never }), /Unknown option "httpOnly" for cookie/)
})

property('a response with a server error saves no change', '107-108', async (fixture) => {
  const visitor = await fixture.visitor()
  for (const status of [500, 503]) {
    const page = await visitor.visit((session) => session.set('late', status), status)
    assert.deepEqual([page.status, page.setCookie, page.vary], [status, null, 'Cookie'])
  }
  assert.deepEqual(await visitor.read(), { a: 1 })
})

property(
  'changing a session that has ended in the meantime gives a 409, and no server error',
  { tests: '109', needs: 'revokes' },
  async (fixture) => {
    const visitor = await fixture.visitor()
    const page = await visitor.visit(async (session) => {
      session.set('late', 1)
      await visitor.copy().visit((same) => same.logout())
    })
    assert.deepEqual([page.status, page.setCookie], [409, null])
    assert.equal(fixture.happened('gone').length, 1)
  },
)

property('a logout removes the cookie, even one that opened nothing', '110', async (fixture) => {
  const browser = fixture.browser()
  browser.cookie = 'abc'
  const { setCookie, vary, maxAge } = await browser.visit((session) => session.logout())
  assert.deepEqual([setCookie?.value, maxAge, vary], ['', 0, 'Cookie'])
  const { path, expires, samesite } = Object.fromEntries(setCookie?.attributes ?? [])
  assert.deepEqual([path, expires, samesite], ['/', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Lax'])
})

property('the cookie is removed with the domain and path that it was set with', '111', async (fixture) => {
  const place = { name: '__Secure-id', domain: 'shop.example', path: '/example/' }
  const browser = fixture.browser({ cookie: place })
  browser.cookie = 'abc'
  const { setCookie } = await browser.visit((session) => session.logout())
  const { domain, path, 'max-age': life } = Object.fromEntries(setCookie?.attributes ?? [])
  assert.deepEqual([domain, path, life], ['shop.example', '/example/', '0'])
})

property('a logout without a cookie sets none', '112', async (fixture) => {
  const page = await fixture.browser().visit((session) => session.logout())
  assert.deepEqual([page.setCookie, page.vary], [null, 'Cookie'])
})

property(
  'saveEveryRequest extends the session and the cookie even if the page does not use them',
  '113',
  async (fixture) => {
    const visitor = await fixture.visitor({ a: 1 }, { saveEveryRequest: true, expireAtBrowserClose: false })
    await fixture.advance(60_000)
    const page = await visitor.visit()
    assert.deepEqual([page.maxAge, page.vary], [12 * 3600 - 60, 'Cookie'])
    await visitor.visit(({ expiresAt }) => assert.equal(expiresAt?.getTime(), fixture.clock() + 1_800_000))
  },
)

property(
  'a session that is emptied is removed for an anonymous visitor and stays for a user',
  '114',
  async (fixture) => {
    const stranger = await fixture.visitor({ foo: 'bar' })
    const page = await stranger.visit((session) => session.delete('foo'))
    // A login that is under way in another request must not lose its cookie. A cookie that cannot be revoked is removed.
    assert.deepEqual([page.maxAge, page.vary], [fixture.can('revokes') ? null : 0, 'Cookie'])
    assert.deepEqual(await stranger.read(), {})
    const user = await fixture.visitor({ foo: 'bar' })
    await user.visit((session) => session.login('ada'))
    const emptied = await user.visit((session) => session.delete('foo'))
    assert.notEqual(emptied.maxAge, 0)
    await user.visit((session) => assert.deepEqual([session.userId, session.keys()], ['ada', []]))
  },
)

property(
  'a page that only reads the session varies by Cookie, so that no shared cache serves it to others',
  'X2',
  async (fixture: Fixture) => {
    const visitor = await fixture.visitor()
    const [read, plain] = [await visitor.visit((session) => session.get('a')), await visitor.visit()]
    assert.deepEqual([read.setCookie, read.vary], [null, 'Cookie'])
    assert.deepEqual([plain.setCookie, plain.vary], [null, null])
    const unknown = fixture.browser()
    unknown.cookie = fixture.unknownCookie()
    const untouched = await unknown.visit()
    assert.deepEqual([untouched.setCookie, untouched.vary, fixture.happened('absent')], [null, null, []])
  },
)
