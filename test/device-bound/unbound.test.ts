import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { deviceBound } from '../../packages/strongroom/src/device-bound/device-bound.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/index.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { Browser, boundBrowser } from './client.ts'
import { DeviceKeys } from './device.ts'
import { minutes, openSite, type SiteOptions } from './site.ts'

async function site(t: TestContext, unbound: NonNullable<SiteOptions['bound']>['unbound'], options = {}) {
  const opened = await openSite({ bound: { unbound }, options })
  t.after(opened.close)
  return opened
}

suite('a session of a browser that registers no key', () => {
  test('goes on as before by default', async (t) => {
    const shop = await site(t, undefined)
    const browser = new Browser(shop)
    await browser.signIn()
    for (let used = 0; used < 20; used++) {
      shop.wait(minutes(29))
      assert.equal((await browser.facts()).userId, 'ada')
    }
  })

  test('lives no longer than the option unbound says, whatever login() and remember say', async (t) => {
    const shop = await site(t, { idle: '10m', absolute: '1h' })
    for (const path of ['/login', '/login?remember']) {
      const browser = new Browser(shop)
      await browser.signIn(path)
      for (let used = 0; used < 6; used++) {
        shop.wait(minutes(9))
        assert.equal((await browser.facts()).userId, 'ada', `${path} ${used}`)
      }
      shop.wait(minutes(6))
      assert.equal((await browser.facts()).userId, null, path)
      await browser.signIn(path)
      shop.wait(minutes(10))
      assert.equal((await browser.facts()).userId, null, path)
    }
  })

  test('lives as long as ever once it is bound, and so does its cookie', async (t) => {
    const shop = await site(t, { idle: '10m', absolute: '1h' })
    const browser = new Browser(shop)
    const login = await browser.signIn('/login?remember')
    const lifeOf = (lines: readonly string[]) =>
      lines
        .map(parseSetCookie)
        .find(({ name }) => name === '__Host-id')
        ?.attributes.get('max-age')
    assert.match(lifeOf(login.headers.getSetCookie()) ?? '', /^3(?:600|59\d)$/)
    const registered = await browser.register()
    assert.ok(Number(lifeOf(registered.headers.getSetCookie())) > 13 * 86_400)
    const { endsAt } = await browser.facts()
    shop.wait(minutes(3 * 24 * 60))
    await browser.refresh()
    await browser.refresh()
    const later = await browser.facts()
    assert.deepEqual([later.userId, later.endsAt], ['ada', endsAt])
  })

  test('of a login without remember gets no lasting cookie when it is bound', async (t) => {
    const shop = await site(t, { idle: '10m', absolute: '1h' })
    const browser = new Browser(shop)
    await browser.signIn()
    const names = (await browser.register()).headers.getSetCookie().map((line) => parseSetCookie(line).name)
    assert.deepEqual(names, ['__Host-device'])
  })

  test('ends five minutes after the login where it is refused, however much it is used', async (t) => {
    const shop = await site(t, 'refuse')
    const [browser, bound] = [new Browser(shop), await boundBrowser(shop)]
    await browser.signIn()
    shop.wait(minutes(3))
    assert.equal((await browser.facts()).userId, 'ada')
    await browser.send('/set')
    shop.wait(minutes(2))
    assert.equal((await browser.facts()).userId, null)
    assert.equal((await bound.facts()).userId, 'ada')
  })

  test('is nobody: an anonymous session lives as long as ever', async (t) => {
    const shop = await site(t, 'refuse')
    const browser = new Browser(shop)
    await browser.send('/set?value=1')
    shop.wait(minutes(20))
    await browser.send('/facts')
    assert.ok((await browser.facts()).endsAt)
  })

  test('keeps what setExpiry() asks for until it is bound, and not a moment longer than the limit before', async (t) => {
    const clock = manualClock()
    const sessions = createSessions({
      store: memory({ clock }),
      secrets: randomBytes(32),
      clock,
      sweep: false,
      deviceBound: deviceBound({ unbound: { idle: '10m', absolute: '1h' } }),
    })
    t.after(() => sessions.close())
    const visit = sessions.open({})
    const session = await visit.get()
    session.login('ada')
    session.setExpiry({ idle: '2h', absolute: '3h' })
    const { setCookie, headers = [] } = await visit.commit()
    assert.equal(session.endsAt?.getTime(), clock.now() + minutes(60))
    assert.equal(session.expiresAt?.getTime(), clock.now() + minutes(10))
    const [, challenge = ''] = /challenge="([^"]+)"/.exec(headers[0]?.[1] ?? '') ?? []
    const cookie = setCookie?.split(';')[0] ?? ''
    const registration = new DeviceKeys().registration(challenge)
    const registered = await sessions.ownRequests?.fetch(
      new Request('https://shop.example/device-bound/register', {
        method: 'POST',
        headers: { cookie, 'secure-session-response': registration },
      }),
    )
    const device = registered?.headers.getSetCookie()[0]?.split(';')[0]
    const bound = await sessions.read({ cookie: `${cookie}; ${device}` })
    assert.equal(bound.endsAt?.getTime(), clock.now() + minutes(180))
    assert.equal(bound.expiresAt?.getTime(), clock.now() + minutes(120))
  })

  test('from before the option was there ends by it, too', async (t) => {
    const clock = manualClock()
    const common = { store: memory({ clock }), secrets: randomBytes(32), clock, sweep: false } as const
    const before = createSessions(common)
    const visit = before.open({})
    ;(await visit.get()).login('ada', { remember: true })
    const cookie = (await visit.commit()).setCookie?.split(';')[0] ?? ''
    const after = createSessions({ ...common, deviceBound: deviceBound({ unbound: { idle: '10m', absolute: '1h' } }) })
    t.after(() => Promise.all([before.close(), after.close()]))
    assert.equal((await after.read({ cookie })).userId, 'ada')
    clock.advance(minutes(60))
    assert.equal((await before.read({ cookie })).userId, 'ada')
    assert.equal((await after.read({ cookie })).userId, null)
  })
})
