import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { secret } from '../core/fixtures/secret.ts'
import { prove } from './prove.ts'
import { cookieOf, DAY, NAME, setCookieOf, site, tokenOf, whoIs } from './site.ts'

prove('RFC 6265bis, size', async () => {
  // Whatever is in the session, a cookie is set that browsers store, or none.
  const sessions = createSessions({ store: cookie(), secrets: secret('size'), on: () => {} })
  for (const length of [100, 1000, 2500, 2900, 3000, 3050, 4000, 10_000]) {
    const visit = sessions.open({})
    ;(await visit.get()).set('text', randomBytes(length).toString('base64').slice(0, length))
    const outcome = await Promise.resolve()
      .then(() => visit.commit())
      .catch((error) => ({ setCookie: null, error }))
    const pair = outcome.setCookie?.split(';')[0]
    if (pair) assert.ok(pair.length - 1 <= 4096, `${length}: ${pair.length}`)
    else assert.equal('error' in outcome && outcome.error.code, 'STRONGROOM_TOO_LARGE')
  }
  // Nor is there an attribute that they would ignore.
  for (const [length, fits] of [
    [1024, true],
    [1025, false],
  ] as const) {
    const path = `/${'p'.repeat(length - 1)}`
    const make = () =>
      createSessions({ store: cookie(), secrets: secret('size'), cookie: { path, name: '__Secure-id' } })
    if (fits) assert.doesNotThrow(make)
    else assert.throws(make, ConfigError)
  }
})

prove('RFC 6265bis, 400 days', async (t) => {
  const shop = await site(t, { remember: '400d' })
  const { attributes } = parseSetCookie(setCookieOf(await shop.visitor().must('/login?user=ada&remember')))
  assert.equal(attributes.get('max-age'), String((400 * DAY) / 1000))
  for (const option of ['idle', 'absolute', 'remember'])
    assert.throws(() => createSessions({ store: memory(), secrets: secret('long'), [option]: '401d' }), ConfigError)
})

prove('RFC 6265bis, SameSite', async (t) => {
  for (const [given, expected] of [
    [{}, 'Lax'],
    [{ sameSite: 'strict' }, 'Strict'],
    [{ sameSite: 'none' }, 'None'],
    [{ name: '__Secure-id', path: '/' }, 'Lax'],
  ] as const) {
    const browser = (await site(t, { cookie: given })).visitor()
    let lines = 0
    for (const path of ['/set?a=1', '/login?user=ada&remember', '/renew', '/logout'])
      for (const line of (await browser.must(path)).all('set-cookie')) {
        assert.equal(parseSetCookie(line).attributes.get('samesite'), expected, path)
        lines++
      }
    assert.equal(lines, 4)
  }
  assert.throws(
    () => createSessions({ store: memory(), secrets: secret('x'), cookie: { sameSite: 'bogus' as never } }),
    ConfigError,
  )
})

prove('RFC 6265bis, octets', async (t) => {
  const shop = await site(t)
  const carried = createSessions({ store: cookie(), secrets: secret('octets'), on: () => {} })
  const signed = createSessions({ store: cookie({ protection: 'signed' }), secrets: secret('octets'), on: () => {} })
  for (const user of ['ada', 'ada lovelace; Path=/x', 'a\r\nSet-Cookie: x=y', '"', '\u00e9\u{1f36a}', '\t']) {
    const lines: string[] = []
    for (const sessions of [shop.sessions, carried, signed]) {
      const visit = sessions.open({})
      const session = await visit.get()
      session.login(user)
      session.set(user, user)
      lines.push((await visit.commit()).setCookie ?? assert.fail())
    }
    // One line each, with nothing in its value that is not of base64url.
    for (const line of lines) assert.match(line, /^__Host-id=[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
  }
})

prove('RFC 6265bis, cookies without a name', async (t) => {
  const shop = await site(t)
  const [ada, bob] = [await shop.signedIn(), await shop.signedIn('bob')]
  const token = tokenOf(ada)
  for (const header of [`=${NAME}=${token}`, `${token}`, `=${token}`, `x${NAME}=${token}`, `${NAME} =${token}x`])
    assert.equal(await whoIs(shop, header), null, header.replaceAll(token, 'TOKEN'))
  shop.events.length = 0
  assert.equal(await whoIs(shop, `${cookieOf(ada)}; ${cookieOf(bob)}`), null)
  assert.ok(shop.events.some((event) => event.type === 'rejected' && event.reason === 'ambiguous'))
  // What is made up does not keep the good one from being found, in either order.
  const made = `${NAME}=${randomBytes(66).toString('base64url')}`
  assert.equal(await whoIs(shop, `${made}; ${cookieOf(ada)}`), 'ada')
  assert.equal(await whoIs(shop, `${cookieOf(ada)}; ${made}`), 'ada')
})
