import assert from 'node:assert/strict'
import { property } from './property.ts'
import type { Browser, World } from './world.ts'

const first = (browser: Browser) => browser.visit((session) => session.set('a', 1))

property('the cookie is secure, and the response varies by it and is stored by nobody', '103', async (world) => {
  const { setCookie, vary, headers } = await first(world.browser())
  assert.ok(setCookie?.attributes.has('secure'))
  assert.deepEqual([vary, headers.get('cache-control')], ['Cookie', 'no-store'])
})

property('no script can read the cookie', '104', async (world) => {
  const { setCookie } = await first(world.browser())
  assert.ok(setCookie?.attributes.has('httponly'))
})

property('the cookie is for the sites that the option says', '105', async (world) => {
  const lax = await first(world.browser())
  const strict = await first(world.browser({ cookie: { sameSite: 'strict' } }))
  assert.deepEqual(
    [lax, strict].map(({ setCookie }) => setCookie?.attributes.get('samesite')),
    ['Lax', 'Strict'],
  )
})

property('a cookie that scripts can read is not to be had', '106', (world) => {
  assert.throws(() => world.browser({ cookie: { httpOnly: false } as never }), /Unknown option "httpOnly" for cookie/)
})

property('a response that failed keeps no change', '107-108', async (world) => {
  const visitor = await world.visitor()
  for (const status of [500, 503]) {
    const page = await visitor.visit((session) => session.set('late', status), status)
    assert.deepEqual([page.status, page.setCookie, page.vary], [status, null, 'Cookie'])
  }
  assert.deepEqual(await visitor.read(), { a: 1 })
})

property(
  'who changes a session that was ended meanwhile is told so, with a status that is no fault of the server',
  { rows: '109', needs: 'revokes' },
  async (world) => {
    const visitor = await world.visitor()
    const page = await visitor.visit(async (session) => {
      session.set('late', 1)
      await visitor.copy().visit((same) => same.logout())
    })
    assert.deepEqual([page.status, page.setCookie], [409, null])
    assert.equal(world.happened('gone').length, 1)
  },
)

property('a logout takes the cookie away, also one that opened nothing', '110', async (world) => {
  const browser = world.browser()
  browser.cookie = 'abc'
  const { setCookie, vary, maxAge } = await browser.visit((session) => session.logout())
  assert.deepEqual([setCookie?.value, maxAge, vary], ['', 0, 'Cookie'])
  const { path, expires, samesite } = Object.fromEntries(setCookie?.attributes ?? [])
  assert.deepEqual([path, expires, samesite], ['/', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Lax'])
})

property('it is taken away where it was put: the same domain and path', '111', async (world) => {
  const place = { name: '__Secure-id', domain: 'shop.example', path: '/example/' }
  const browser = world.browser({ cookie: place })
  browser.cookie = 'abc'
  const { setCookie } = await browser.visit((session) => session.logout())
  const { domain, path, 'max-age': life } = Object.fromEntries(setCookie?.attributes ?? [])
  assert.deepEqual([domain, path, life], ['shop.example', '/example/', '0'])
})

property('a logout of who had no cookie sets none', '112', async (world) => {
  const page = await world.browser().visit((session) => session.logout())
  assert.deepEqual([page.setCookie, page.vary], [null, 'Cookie'])
})

property('saveEveryRequest renews session and cookie of who does not ask for them', '113', async (world) => {
  const visitor = await world.visitor({ a: 1 }, { saveEveryRequest: true, expireAtBrowserClose: false })
  world.clock.advance(60_000)
  const page = await visitor.visit()
  assert.deepEqual([page.maxAge, page.vary], [12 * 3600 - 60, 'Cookie'])
  await visitor.visit(({ expiresAt }) => assert.equal(expiresAt?.getTime(), world.clock() + 1_800_000))
})

property('a session that is emptied is not kept for a stranger, and stays for a user', '114', async (world) => {
  const stranger = await world.visitor({ foo: 'bar' })
  const page = await stranger.visit((session) => session.delete('foo'))
  assert.deepEqual([page.maxAge, page.vary], [0, 'Cookie'])
  const user = await world.visitor({ foo: 'bar' })
  await user.visit((session) => session.login('ada'))
  const emptied = await user.visit((session) => session.delete('foo'))
  assert.notEqual(emptied.maxAge, 0)
  await user.visit((session) => assert.deepEqual([session.userId, session.keys()], ['ada', []]))
})

property('a page that only read is kept by no shared cache for somebody else', 'X2', async (world: World) => {
  const visitor = await world.visitor()
  const [read, plain] = [await visitor.visit((session) => session.get('a')), await visitor.visit()]
  assert.deepEqual([read.setCookie, read.vary], [null, 'Cookie'])
  assert.deepEqual([plain.setCookie, plain.vary], [null, null])
  const unknown = world.browser()
  unknown.cookie = world.unknownCookie()
  const untouched = await unknown.visit()
  assert.deepEqual([untouched.setCookie, untouched.vary, world.happened('absent')], [null, null, []])
})
