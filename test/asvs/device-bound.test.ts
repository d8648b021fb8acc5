import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import type { TestContext } from 'node:test'
import { boundBrowser, Client } from '../device-bound/client.ts'
import { DeviceKeys, es256, jwsOf } from '../device-bound/device.ts'
import { minutes, openSite, type SiteOptions } from '../device-bound/site.ts'
import { prove } from './prove.ts'

async function opened(t: TestContext, options: SiteOptions = {}) {
  const shop = await openSite(options)
  t.after(shop.close)
  return shop
}

prove('ASVS 9, proofs', async (t) => {
  const shop = await opened(t)
  const browser = await boundBrowser(shop)
  const { keys, challenge } = browser
  const other = new DeviceKeys()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const typ = 'dbsc+jwt'
  const forged = [
    jwsOf({ alg: 'none', typ }, { jti: challenge }, () => Buffer.alloc(0)),
    // With the public key as the secret of an HMAC.
    jwsOf({ alg: 'HS256', typ }, { jti: challenge }, (text) =>
      createHmac('sha256', JSON.stringify(keys.jwk)).update(text).digest(),
    ),
    // Of another key, which the proof brings along.
    jwsOf({ alg: 'ES256', typ, jwk: other.jwk }, { jti: challenge }, es256(other.privateKey)),
    jwsOf({ alg: 'ES256', typ }, { jti: challenge }, es256(privateKey)),
    // Of another kind, with another algorithm, for somebody else.
    keys.sign({ alg: 'ES256', typ: 'JWT' }, { jti: challenge }),
    keys.sign({ alg: 'RS256', typ }, { jti: challenge }),
    keys.proof(challenge, { aud: 'https://evil.example/device-bound/refresh' }),
  ]
  for (const jwt of forged) {
    const thief = browser.copy()
    const got = await thief.post('/device-bound/refresh', {
      'sec-secure-session-id': browser.id,
      'secure-session-response': jwt,
    })
    assert.notEqual(got.status, 200, jwt.slice(0, 40))
    assert.ok(!got.headers.getSetCookie().some((line) => !/max-age=0/i.test(line)))
  }
})

prove('OWASP Considerations When Using Multiple Cookies', async (t) => {
  const shop = await opened(t)
  const [ada, bob] = [await boundBrowser(shop, '/login?user=ada'), await boundBrowser(shop, '/login?user=bob')]
  const [session, bound] = [...ada.cookies.keys()]
  assert.ok(session && bound)
  const mixed = new Client(shop, [
    [session, ada.cookies.get(session) ?? ''],
    [bound, bob.cookies.get(bound) ?? ''],
  ])
  const alone = new Client(shop, [[session, ada.cookies.get(session) ?? '']])
  for (const client of [mixed, alone]) assert.equal((await client.facts()).userId, null)
  assert.deepEqual([(await ada.facts()).userId, (await bob.facts()).userId], ['ada', 'bob'])
})

prove('NIST 5.1, proof of possession', async (t) => {
  const shop = await opened(t)
  const browser = await boundBrowser(shop, '/login?remember')
  // The browser is closed, and everything that it had is copied meanwhile.
  const thief = browser.copy()
  shop.wait(minutes(11))
  assert.equal((await thief.facts()).userId, null)
  assert.equal((await browser.refresh()).status, 200)
  assert.equal((await browser.facts()).userId, 'ada')
  assert.equal((await thief.facts()).userId, null)
})
