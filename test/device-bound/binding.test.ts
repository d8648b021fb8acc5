import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { devicesPage, studio } from '@strongroom/studio'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { Browser, boundBrowser, Client, offerIn } from './client.ts'
import { DeviceKeys } from './device.ts'
import { minutes, openSite, type SiteOptions } from './site.ts'

async function site(t: TestContext, options: SiteOptions = {}) {
  const opened = await openSite(options)
  t.after(opened.close)
  const typesOf = (...types: string[]) => opened.events.filter(({ type }) => types.includes(type))
  return Object.assign(opened, { typesOf })
}

suite('a session that is bound to a device', () => {
  test('is offered with the login, and only then', async (t) => {
    const shop = await site(t)
    const browser = new Browser(shop)
    const login = await browser.signIn()
    const offer = offerIn(login)
    assert.deepEqual([offer?.path, offer?.algorithms], ['/device-bound/register', ['ES256', 'RS256']])
    assert.equal(login.headers.get('cache-control'), 'no-store')
    for (const path of ['/facts', '/set', '/renew']) assert.equal(offerIn(await browser.send(path)), null, path)
    assert.equal(offerIn(await new Client(shop).send('/set')), null)
    assert.equal(offerIn(await browser.signIn('/login-and-go'))?.path, '/device-bound/register')
  })

  test('is registered with what the browser needs to know, and a cookie with exactly those attributes', async (t) => {
    const shop = await site(t)
    const browser = new Browser(shop)
    await browser.signIn()
    const { headers, text } = await browser.register()
    const instructions = JSON.parse(text)
    const [credential] = instructions.credentials
    const [line = ''] = headers.getSetCookie()
    const { name, attributes } = parseSetCookie(line)
    assert.deepEqual([name, credential.type], [credential.name, 'cookie'])
    assert.equal(attributes.get('max-age'), '600')
    const told = new Map(credential.attributes.split('; ').map((one: string) => one.toLowerCase().split('=')))
    const sent = new Map([...attributes].map(([key, value]) => [key, value.toLowerCase() || undefined]))
    sent.delete('max-age')
    assert.deepEqual(new Map([...told].map(([key, value]) => [key, value])), sent)
    assert.equal(instructions.refresh_url, '/device-bound/refresh')
    assert.deepEqual(instructions.scope, { include_site: false, scope_specification: [] })
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('content-type'), 'application/json')
    // As a token of structured fields, in which Chromium sends it back.
    assert.match(instructions.session_identifier, /^[A-Za-z]/)
    assert.deepEqual(
      shop.typesOf('bound').map((event) => ({ ...event, ms: 0, handle: '' })),
      [{ type: 'bound', handle: '', algorithm: 'ES256', ms: 0 }],
    )
    const facts = await browser.facts()
    assert.deepEqual([facts.userId, facts.deviceBound], ['ada', true])
  })

  test('can have a key for RS256', async (t) => {
    const shop = await site(t)
    const browser = new Browser(shop)
    browser.keys = new DeviceKeys('RS256')
    await browser.signIn()
    assert.equal((await browser.register()).status, 200)
    shop.wait(minutes(11))
    assert.equal((await browser.refresh()).status, 200)
    assert.equal((await browser.facts()).userId, 'ada')
  })

  test('needs the device cookie, and its own cookie is left alone without it', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const { cookies } = browser
    const thief = new Client(shop, [['__Host-id', cookies.get('__Host-id') ?? '']])
    assert.equal((await thief.facts()).userId, null)
    const { headers } = await thief.send('/set')
    assert.deepEqual(headers.getSetCookie(), [])
    assert.deepEqual(
      shop.typesOf('proofRefused').map((event) => event.type === 'proofRefused' && [event.what, event.reason]),
      [
        ['request', 'missing'],
        ['request', 'missing'],
      ],
    )
    assert.equal((await browser.facts()).userId, 'ada')
  })

  test('can be asked for a proof that is fresh by requireFresh(), which a thief with both cookies cannot give', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    assert.equal((await browser.send('/pay')).status, 200)
    shop.wait(minutes(6))
    assert.equal((await browser.send('/step-up')).status, 200)
    const thief = browser.copy()
    for (const [who, status] of [
      [thief, 401],
      [browser, 401],
    ] as const) {
      const refused = await who.send('/pay')
      assert.equal(refused.status, status)
      assert.match(refused.headers.getSetCookie().join('\n'), /^__Host-device=;.*Max-Age=0/m)
    }
    // The browser renews the cookie that it has been told to remove, before its next request.
    assert.equal((await browser.refresh()).status, 200)
    assert.equal((await browser.send('/pay')).status, 200)
    const asked = await thief.post('/device-bound/refresh', { 'sec-secure-session-id': browser.id })
    assert.equal(asked.status, 403)
    assert.equal((await thief.send('/pay')).status, 401)
    const unbound = new Browser(shop)
    await unbound.signIn()
    assert.equal((await unbound.send('/pay')).status, 401)
  })

  test('has the proof that its request has brought, and not a later one of the victim by which a thief would pass', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const thief = browser.copy()
    shop.wait(minutes(6))
    assert.equal((await browser.send('/step-up')).status, 200)
    for (const [name, value] of browser.cookies) if (name === '__Host-id') thief.cookies.set(name, value)
    assert.equal((await browser.send('/pay')).status, 401)
    assert.equal((await browser.refresh()).status, 200)
    assert.equal((await browser.send('/pay')).status, 200)
    const copied = Number(new Date((await thief.facts()).provedAt ?? 0))
    const own = Number(new Date((await browser.facts()).provedAt ?? 0))
    assert.ok(own - copied >= minutes(6) - 1000, `${own} ${copied}`)
    assert.equal((await thief.copy().send(`/prove?since=${own - 1000}`)).status, 307)
    assert.equal((await thief.send('/pay')).status, 401)
  })

  test('is bound with a login, whatever proofs of the user come between that and the registration', async (t) => {
    const shop = await site(t)
    const browser = new Browser(shop)
    await browser.signIn()
    shop.wait(1000)
    assert.equal((await browser.send('/step-up')).status, 200)
    assert.equal((await browser.register()).status, 200)
    assert.equal((await browser.facts()).deviceBound, true)
  })

  test('is not ended by a login of somebody else who has its cookie alone', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const thief = new Client(shop, [['__Host-id', browser.cookies.get('__Host-id') ?? '']])
    assert.equal((await thief.send('/login?user=mallory')).status, 200)
    assert.equal((await browser.facts()).userId, 'ada')
    // The user, who has just proved who they are, ends it.
    const own = new Client(shop, [['__Host-id', browser.cookies.get('__Host-id') ?? '']])
    assert.equal((await own.send('/login')).status, 200)
    assert.equal((await browser.facts()).userId, null)
  })

  test('refuses what a request without a proof saves that was sent before the session was bound', async (t) => {
    const shop = await site(t)
    const browser = new Browser(shop)
    await browser.signIn()
    const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
    const visit = shop.sessions.open({ cookie })
    const session = await visit.get()
    assert.equal((await browser.register()).status, 200)
    assert.equal(session.deviceBound, false)
    session.renew()
    await assert.rejects(async () => visit.commit(), { code: 'STRONGROOM_GONE' })
    assert.equal((await browser.facts()).userId, 'ada')
  })

  test('ends when nobody uses it, although its browser makes proofs for a page that only asks how long it lives', async (t) => {
    const shop = await site(t, { options: { idle: '30m', absolute: '12h' } })
    const browser = await boundBrowser(shop)
    const left = async () => JSON.parse((await browser.send('/peek')).text)?.expiresIn ?? null
    let before = await left()
    for (let asked = 0; asked < 2; asked++) {
      shop.wait(minutes(12))
      assert.equal((await browser.refresh()).status, 200)
      const now = await left()
      assert.ok(before - now >= minutes(12) - 1000, `${before} ${now}`)
      before = now
    }
    const [{ lastSeenAt } = { lastSeenAt: null }] = await shop.sessions.of('ada').list()
    assert.ok(lastSeenAt && shop.shared.clock() - lastSeenAt.getTime() >= minutes(23))
    shop.wait(minutes(7))
    assert.equal(await left(), null)
  })

  test('keeps the address that its list shows when its browser makes proofs', async (t) => {
    const address = () => '203.0.113.7'
    const shop = await site(t, { options: { address } })
    const browser = await boundBrowser(shop)
    const shown = async () => (await shop.sessions.of('ada').list()).map((device) => device.address)
    assert.deepEqual(await shown(), ['203.0.113.0/24'])
    shop.wait(minutes(9))
    assert.equal((await browser.refresh()).status, 200)
    assert.deepEqual(await shown(), ['203.0.113.0/24'])
  })

  test('is not said to be gone while its proof has not come: a page that asks how long it lives is told to ask again', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    browser.cookies.delete('__Host-device')
    assert.equal((await browser.send('/peek')).status, 503)
    assert.equal((await browser.refresh()).status, 200)
    assert.ok(JSON.parse((await browser.send('/peek')).text).expiresIn > 0)
  })

  test('says nothing of its device for another user, who signs in with the same request', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    assert.deepEqual(JSON.parse((await browser.send('/facts')).text).deviceBound, true)
    const { text } = await browser.send('/login-as-eve-and-look')
    assert.match(text, /"userId":"eve","deviceBound":false,"provedAt":null/)
  })

  test('is not called bound where the option is left out later, because nobody asks for a proof there', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
    const later = createSessions({ ...shop.shared, sweep: false }) as Sessions
    const visit = later.open({ cookie })
    const session = await visit.get()
    assert.deepEqual([session.userId, session.deviceBound, session.deviceProvedAt], ['ada', false, null])
    assert.throws(() => session.requireFresh('1h', { deviceBound: true }), { code: 'STRONGROOM_CONFIG' })
    await visit.commit()
    // What was registered is still there when the option is.
    assert.equal((await browser.facts()).deviceBound, true)
  })

  test('is worth nothing to a thief once the copied device cookie has run out', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const thief = browser.copy()
    assert.equal((await thief.facts()).userId, 'ada')
    shop.wait(minutes(10) + 9_000)
    assert.equal((await thief.facts()).userId, 'ada', 'a request may be on the way for a moment')
    shop.wait(2_000)
    assert.equal((await browser.refresh()).status, 200)
    assert.equal((await thief.facts()).userId, null)
    assert.equal((await browser.facts()).userId, 'ada')
  })

  test('takes no cookie of another session or of another key', async (t) => {
    const shop = await site(t)
    const [ada, bob] = [await boundBrowser(shop), await boundBrowser(shop, '/login?user=bob')]
    const mixed = ada.copy()
    mixed.cookies.set('__Host-device', bob.cookies.get('__Host-device') ?? '')
    const got = await mixed.send('/facts')
    assert.equal(JSON.parse(got.text).userId, null)
    // So that its browser asks for a good one.
    assert.match(got.headers.getSetCookie().join(), /^__Host-device=;.*Max-Age=0/)
    mixed.cookies.set('__Host-device', 'made-up')
    assert.equal((await mixed.facts()).userId, null)
    const reasons = shop.typesOf('proofRefused').map((event) => event.type === 'proofRefused' && event.reason)
    assert.deepEqual(reasons, ['forged', 'forged'])
  })

  test('is renewed by a proof, which answers the challenge that came with the last one', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    for (let round = 0; round < 3; round++) {
      const before = (await browser.facts()).provedAt ?? ''
      shop.wait(minutes(9))
      const { status, text, headers } = await browser.refresh()
      assert.deepEqual([status, text], [200, ''])
      assert.equal(headers.get('cache-control'), 'no-store')
      const after = (await browser.facts()).provedAt ?? ''
      assert.ok(after > before, `${after} ${before}`)
    }
    assert.equal(shop.typesOf('proofRefused').length, 0)
  })

  test('is renewed by a browser that has no challenge any more, with one that it asks for', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    shop.wait(minutes(11))
    browser.challenge = ''
    const asked = await browser.refresh(null)
    assert.equal(asked.status, 403)
    assert.notEqual(browser.challenge, '')
    assert.equal((await browser.refresh()).status, 200)
    assert.equal((await browser.facts()).userId, 'ada')
  })

  test('loses nothing to what other requests write meanwhile', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const proof = browser.keys.proof(browser.challenge)
    const [refreshed, ...written] = await Promise.all([
      browser.refresh(proof),
      ...Array.from({ length: 5 }, (_, i) => browser.send(`/set?value=${i}`)),
    ])
    assert.equal(refreshed.status, 200)
    assert.deepEqual(new Set(written.map(({ status }) => status)), new Set([200]))
    assert.deepEqual((await browser.facts()).userId, 'ada')
    assert.equal((await browser.refresh()).status, 200)
  })

  test('gives parallel proofs of one challenge the same, and later nothing', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const proof = browser.keys.proof(browser.challenge)
    const both = await Promise.all([browser.refresh(proof), browser.refresh(proof)])
    assert.deepEqual(
      both.map(({ status }) => status),
      [200, 200],
    )
    assert.equal((await browser.refresh(proof)).status, 200, 'its response may have been lost')
    shop.wait(31_000)
    const replayed = await browser.refresh(proof)
    assert.equal(replayed.status, 403)
    assert.deepEqual(replayed.headers.getSetCookie(), [])
    assert.deepEqual(
      shop.typesOf('proofRefused').map((event) => event.type === 'proofRefused' && event.reason),
      ['replayed'],
    )
    assert.equal((await browser.refresh()).status, 200)
  })

  test('gives a proof that is sent again no more time than it was worth', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const proof = browser.keys.proof(browser.challenge)
    await browser.refresh(proof)
    shop.wait(20_000)
    const [line = ''] = (await browser.refresh(proof)).headers.getSetCookie()
    assert.ok(Number(parseSetCookie(line).attributes.get('max-age')) <= 580, line)
  })

  test('can be told to prove itself again before the next request', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    shop.wait(1000)
    const since = Date.parse((await browser.facts()).provedAt ?? '') + 1
    const asked = await browser.send(`/prove?since=${since}`)
    assert.equal(asked.status, 307)
    assert.equal(browser.cookies.has('__Host-device'), false)
    await browser.refresh()
    assert.match((await browser.send(`/prove?since=${since}`)).text, /proved/)
    assert.match((await new Client(shop).send('/prove?since=1')).text, /not bound/)
  })

  test('goes on under a new token after renew(), with the cookie that its device has', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    await browser.send('/renew')
    assert.equal((await browser.facts()).userId, 'ada')
    assert.equal((await browser.refresh()).status, 200)
  })
})

suite('the end of a binding', () => {
  test('comes with the logout, which removes both cookies, and the browser is told when it asks', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const before = browser.copy()
    await browser.send('/logout')
    assert.deepEqual([...browser.cookies], [])
    const { status, text } = await browser.refresh()
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(text), { session_identifier: browser.id, continue: false })
    assert.equal((await before.facts()).userId, null)
  })

  test('comes with a logout without the device cookie, too', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const copy = browser.copy()
    browser.cookies.delete('__Host-device')
    await browser.send('/logout')
    assert.equal(browser.cookies.size, 0)
    assert.equal((await copy.facts()).userId, null)
  })

  test('comes with the login of somebody else, whose session is offered a binding of its own', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const old = browser.id
    const offer = offerIn(await browser.signIn('/login?user=bob'))
    assert.ok(offer)
    assert.equal(browser.cookies.has('__Host-device'), false, 'so that the browser asks what has become of the old one')
    assert.deepEqual(await browser.facts().then(({ userId, deviceBound }) => [userId, deviceBound]), ['bob', false])
    assert.equal(JSON.parse((await browser.refresh(null, old)).text).continue, false)
    browser.keys = new DeviceKeys()
    assert.equal((await browser.register()).status, 200)
    assert.notEqual(browser.id, old)
  })

  test('does not come with a login of the same user, who is here with the device: nothing is offered', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    assert.equal(offerIn(await browser.send('/login')), null)
    assert.deepEqual(await browser.facts().then(({ deviceBound }) => deviceBound), true)
    browser.cookies.delete('__Host-device')
    assert.equal((await browser.facts()).userId, null)
  })

  test('is a new session for a user who signs in without the device cookie, and the old one is over', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    const copy = browser.copy()
    browser.cookies.delete('__Host-device')
    assert.ok(offerIn(await browser.signIn()))
    assert.deepEqual(await browser.facts().then(({ userId, deviceBound }) => [userId, deviceBound]), ['ada', false])
    assert.equal((await copy.facts()).userId, null)
  })
})

suite('lists of sessions', () => {
  test('show which are bound, to their user, to an operator, and in the studio', async (t) => {
    const shop = await site(t)
    const browser = await boundBrowser(shop)
    await new Browser(shop).signIn()
    const devices = await shop.sessions.of('ada').list()
    assert.deepEqual(new Set(devices.map(({ deviceBound }) => deviceBound)), new Set([true, false]))
    for (const { handle, deviceBound } of devices) {
      assert.equal((await shop.sessions.find(handle))?.deviceBound, deviceBound)
      const page = await studio(shop.sessions, { guard: () => true }).fetch(
        new Request(`https://shop.example/studio/sessions?handle=${handle}`),
      )
      assert.equal((await page.text()).includes('to one device'), deviceBound)
    }
    const ofUser = await studio(shop.sessions, { guard: () => true }).fetch(
      new Request('https://shop.example/studio/sessions?user=ada'),
    )
    assert.equal((await ofUser.text()).match(/<span class="soft">bound</g)?.length, 1)
    const own = await devicesPage(shop.sessions, { signIn: '/login' }).fetch(
      new Request('https://shop.example/account/devices', {
        headers: { cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; ') },
      }),
    )
    assert.equal((await own.text()).match(/Bound to the device/g)?.length, 1)
    await browser.send('/logout')
    assert.deepEqual(
      (await shop.sessions.of('ada').list()).map(({ deviceBound }) => deviceBound),
      [false],
    )
  })
})
