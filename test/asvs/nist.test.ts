import assert from 'node:assert/strict'
import fc from 'fast-check'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { production } from '../adapters/site.ts'
import { secret } from '../core/fixtures/secret.ts'
import { sources } from '../support/planted.ts'
import { randomnessFromElsewhere } from '../support/rules.ts'
import { prove } from './prove.ts'
import { cookieOf, DAY, HOUR, MINUTE, NAME, type Site, setCookieOf, site, tokenOf, whoIs } from './site.ts'

/** The cookie that a login sets. */
const cookieAtLogin = async (shop: Site) => parseSetCookie(setCookieOf(await shop.visitor().must('/login')))

prove('NIST 5.1 (1)', async (t) => {
  const shop = await site(t)
  const browser = shop.visitor()
  await browser.must('/set?basket=tea')
  const before = cookieOf(browser)
  // Nobody but the server makes the secret, and it does so when somebody has authenticated.
  browser.jar.plant(NAME, 'A'.repeat(88))
  await browser.must('/login')
  const first = tokenOf(browser)
  assert.notEqual(first, 'A'.repeat(88))
  assert.equal(await whoIs(shop, before), null)
  await browser.must('/login')
  assert.notEqual(tokenOf(browser), first)
  assert.equal(await whoIs(shop, `${NAME}=${first}`), null)
})

prove('NIST 5.1 (2)', async (t) => {
  assert.deepEqual(randomnessFromElsewhere(sources), [])
  const shop = await site(t)
  const tokens = await Promise.all(Array.from({ length: 50 }, async () => tokenOf(await shop.signedIn())))
  const secrets = tokens.map((token) => Buffer.from(token, 'base64url').subarray(22, 54))
  // Longer than 64 bits in each of its quarters, of which no two are alike.
  const quarters = secrets.flatMap((bytes) => [0, 8, 16, 24].map((at) => bytes.toString('hex', at, at + 8)))
  assert.equal(new Set(quarters).size, 200)
})

prove('NIST 5.1 (3)', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const copy = cookieOf(browser)
  await browser.must('/logout')
  assert.equal(browser.jar.header(), undefined)
  assert.equal(await whoIs(shop, copy), null)
  assert.equal(shop.rows().length, 0)
})

prove('NIST 5.1 (4)', async (t) => {
  const shop = await site(t)
  for (const path of ['/login', '/renew', '/logout'])
    for (const line of (await (await shop.signedIn()).must(path)).all('set-cookie')) assert.match(line, /; Secure/)
  production(t)
  const make = (cookie: object) => createSessions({ store: memory(), secrets: secret('http'), cookie, sweep: false })
  for (const cookie of [{ secure: false }, { name: 'id', secure: false }, { name: '__Host-id', secure: false }])
    assert.throws(() => make(cookie), ConfigError)
})

prove('NIST 5.1 (5)', async (t) => {
  for (const [options, life] of [
    [{ idle: '15m', absolute: '12h' }, 15 * MINUTE],
    [{ idle: null, absolute: '24h' }, DAY],
  ] as const) {
    const shop = await site(t, options)
    const browser = await shop.signedIn()
    const copy = cookieOf(browser)
    shop.clock.advance(life - 1)
    assert.equal(await whoIs(shop, copy), 'ada')
    shop.clock.advance(life)
    assert.equal(await whoIs(shop, copy), null)
  }
})

prove('NIST 5.1, forged requests', async (t) => {
  const shop = await site(t, {
    csrf: true,
    routes: ({ sessions }) => ({ token: (_, __, request) => sessions.csrfToken(request) }),
  })
  const browser = await shop.signedIn()
  const token = JSON.parse((await browser.must('/token')).text)
  const status = async (method: string, given: string) =>
    (await browser.ask('/set?paid=yes', { method, headers: { 'x-csrf-token': given } })).status
  for (const method of ['POST', 'PUT']) {
    assert.equal(await status(method, ''), 403)
    assert.equal(await status(method, `${token.slice(0, -1)}${token.at(-1) === 'A' ? 'E' : 'A'}`), 403)
    assert.equal(await status(method, token), 200)
  }
  // One from before a login is not one of the session after it.
  await browser.must('/login?user=ada')
  const fresh = JSON.parse((await browser.must('/token')).text)
  await browser.must('/login?user=bob')
  for (const old of [token, fresh]) assert.equal(await status('POST', old), 403)
})

prove('NIST 5.1, log off', async (t) => {
  const shop = await site(t)
  const [own, other] = [await shop.signedIn(), await shop.signedIn()]
  const copy = cookieOf(own)
  const page = await own.must('/logout')
  assert.match(setCookieOf(page), /; Max-Age=0/)
  assert.equal(own.jar.header(), undefined)
  assert.equal(await whoIs(shop, copy), null)
  assert.equal((await other.must('/whoami')).text, '"ada"')
  // Also from a page that failed.
  const failing = await site(t, {
    routes: () => ({
      farewell(session, _, __, response) {
        session.logout()
        response.statusCode = 500
      },
    }),
  })
  const browser = await failing.signedIn()
  await browser.ask('/farewell')
  assert.equal((await browser.must('/whoami')).text, 'null')
})

prove('NIST 5.1.1 (1)', async (t) => {
  assert.ok((await cookieAtLogin(await site(t))).attributes.has('secure'))
})

prove('NIST 5.1.1 (2)', async (t) => {
  const { attributes } = await cookieAtLogin(await site(t))
  assert.equal(attributes.has('domain'), false)
  // A path of one's own needs a prefix that allows it.
  const shop = await site(t, { cookie: { name: '__Secure-id', path: '/login' } })
  assert.equal((await cookieAtLogin(shop)).attributes.get('path'), '/login')
})

prove('NIST 5.1.1 (3)', async (t) => {
  assert.ok((await cookieAtLogin(await site(t))).attributes.has('httponly'))
})

prove('NIST 5.1.1 (4)', async (t) => {
  const shop = await site(t, { remember: '2d' })
  assert.equal((await cookieAtLogin(shop)).attributes.has('max-age'), false)
  const page = await shop.visitor().must('/login?user=bob&remember')
  const { value, attributes } = parseSetCookie(setCookieOf(page))
  assert.equal(attributes.get('max-age'), String((2 * DAY) / 1000))
  // A client that keeps it for longer has kept nothing.
  shop.clock.advance(2 * DAY)
  assert.equal(await whoIs(shop, `${NAME}=${value}`), null)
})

prove('NIST 5.1.1 (5)', async (t) => {
  const { name, attributes } = await cookieAtLogin(await site(t))
  assert.match(name, /^__Host-/)
  assert.equal(attributes.get('path'), '/')
})

prove('NIST 5.1.1 (6)', async (t) => {
  for (const [cookie, expected] of [
    [{}, 'Lax'],
    [{ sameSite: 'strict' }, 'Strict'],
  ] as const)
    assert.equal((await cookieAtLogin(await site(t, { cookie }))).attributes.get('samesite'), expected)
})

prove('NIST 5.1.1 (7)', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn('lovelace@shop.example')
  await browser.must('/set?name=Ada%20Lovelace')
  await browser.must('/renew')
  const token = tokenOf(browser)
  assert.match(token, /^[\w-]{88}$/)
  for (const fact of ['lovelace', 'Lovelace', 'example'])
    assert.ok(!token.includes(fact) && !Buffer.from(token, 'base64url').includes(fact))
})

prove('NIST 5.2', async (t) => {
  // Against a model of the two limits, over HTTP: whatever a visitor does, and however long they wait in between.
  const [idle, absolute] = [30 * MINUTE, 3 * HOUR]
  const shop = await site(t, { idle, absolute })
  type Step = { path: '/whoami' | '/count' | '/renew' | '/login'; wait: number }
  const check = async (steps: Step[]) => {
    const browser = await shop.signedIn()
    let [used, began] = [shop.clock(), shop.clock()]
    for (const { path, wait } of steps) {
      const now = shop.clock.advance(wait)
      const alive = (await browser.must('/whoami')).text === '"ada"'
      if (now - used >= idle || now - began >= absolute) assert.equal(alive, false, 'it is over')
      // A read moves the idle deadline in steps of a tenth of the limit.
      else if (now - used < idle * 0.9) assert.equal(alive, true, 'it is alive')
      if (!alive) return
      await browser.must(path)
      used = now
      if (path === '/login') began = now
    }
  }
  const wait = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 20 * MINUTE }) },
    { weight: 1, arbitrary: fc.constantFrom(27 * MINUTE - 1, 30 * MINUTE - 1, 30 * MINUTE, 3 * HOUR - 1, 3 * HOUR) },
  )
  const path = fc.constantFrom<Step['path']>('/whoami', '/whoami', '/count', '/renew', '/login')
  const steps = fc.array(fc.record({ path, wait }), { minLength: 1, maxLength: 20 })
  await fc.assert(fc.asyncProperty(steps, check), { numRuns: 25 })
})
