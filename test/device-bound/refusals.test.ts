import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { Browser, boundBrowser, offerIn } from './client.ts'
import { DeviceKeys, es256, jwsOf, rs256 } from './device.ts'
import { minutes, openSite, type Site } from './site.ts'

const TYP = 'dbsc+jwt'
const none = () => Buffer.alloc(0)

/** The key of an HMAC that somebody would check who takes the public key for a secret. */
const hs256 = ({ jwk }: DeviceKeys) => {
  const secret = Buffer.from(JSON.stringify(jwk))
  return (text: string) => createHmac('sha256', secret).update(text).digest()
}

type Forge = (device: DeviceKeys, challenge: string) => string

/** What is wrong with a registration, and what is said of it in the event. */
const REGISTRATIONS: Readonly<Record<string, readonly [reason: string, forge: Forge]>> = {
  'is no JSON Web Signature': ['malformed', () => 'eyJhbGciOiJFUzI1NiJ9.e30'],
  'has spaces in it': ['malformed', (d, c) => d.registration(c).replace('.', '. ')],
  'has a header that is no JSON': ['malformed', () => 'aaaa.bbbb.cccc'],
  'has a payload that is no JSON': ['malformed', (d) => d.sign({ alg: d.alg, typ: TYP, jwk: d.jwk }, 'no json')],
  'has a payload that is null': ['malformed', (d) => d.sign({ alg: d.alg, typ: TYP, jwk: d.jwk }, 'null')],
  'has a challenge that is no string': ['malformed', (d) => d.sign({ alg: d.alg, typ: TYP, jwk: d.jwk }, { jti: 1 })],
  'has another type': ['malformed', (d, c) => d.sign({ alg: d.alg, typ: 'jwt', jwk: d.jwk }, { jti: c })],
  'has no type': ['malformed', (d, c) => d.sign({ alg: d.alg, jwk: d.jwk }, { jti: c })],
  'asks for an extension that nobody knows': [
    'malformed',
    (d, c) => d.sign({ alg: d.alg, typ: TYP, jwk: d.jwk, crit: ['x'], x: 1 }, { jti: c }),
  ],
  'is signed by nobody': ['algorithm', (d, c) => jwsOf({ alg: 'none', typ: TYP, jwk: d.jwk }, { jti: c }, none)],
  'is signed with the public key as a secret': [
    'algorithm',
    (d, c) => jwsOf({ alg: 'HS256', typ: TYP, jwk: d.jwk }, { jti: c }, hs256(d)),
  ],
  'is signed by an algorithm that was not offered': [
    'algorithm',
    (d, c) => jwsOf({ alg: 'PS256', typ: TYP, jwk: new DeviceKeys('RS256').jwk }, { jti: c }, es256(d.privateKey)),
  ],
  'has no key': ['key', (d, c) => d.sign({ alg: d.alg, typ: TYP }, { jti: c })],
  'has a key of the other kind': [
    'key',
    (d, c) => d.sign({ alg: d.alg, typ: TYP, jwk: new DeviceKeys('RS256').jwk }, { jti: c }),
  ],
  'has a key with its private part': [
    'key',
    (d, c) => d.sign({ alg: d.alg, typ: TYP, jwk: d.privateKey.export({ format: 'jwk' }) as never }, { jti: c }),
  ],
  'has a key that is a secret': [
    'key',
    (d, c) => d.sign({ alg: d.alg, typ: TYP, jwk: { kty: 'oct', k: 'AAAA' } }, { jti: c }),
  ],
  'has a key on another curve': [
    'key',
    (d, c) => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
      return jwsOf({ alg: d.alg, typ: TYP, jwk: publicKey.export({ format: 'jwk' }) }, { jti: c }, es256(privateKey))
    },
  ],
  'has a point that is not on the curve': [
    'key',
    (d, c) => d.sign({ alg: d.alg, typ: TYP, jwk: { ...d.jwk, y: d.jwk.x } }, { jti: c }),
  ],
  'has an RSA key of 1024 bits': [
    'key',
    (_, c) => {
      const weak = new DeviceKeys('RS256', 1024)
      return weak.registration(c)
    },
  ],
  'has an RSA key whose exponent is 1': [
    'key',
    (_, c) => {
      const keys = new DeviceKeys('RS256')
      return keys.sign({ alg: 'RS256', typ: TYP, jwk: { ...keys.jwk, e: 'AQ' } }, { jti: c })
    },
  ],
  'is signed by another key than its own': [
    'signature',
    (d, c) => jwsOf({ alg: d.alg, typ: TYP, jwk: d.jwk }, { jti: c }, es256(new DeviceKeys().privateKey)),
  ],
  'has a signature in the form of ASN.1': [
    'signature',
    (d, c) => jwsOf({ alg: d.alg, typ: TYP, jwk: d.jwk }, { jti: c }, (text) => rs256(d.privateKey)(text)),
  ],
  'has a made-up challenge': ['challenge', (d) => d.registration('made-up')],
  'was made for another address': [
    'audience',
    (d, c) => d.registration(c, { aud: 'https://evil.test/device-bound/register' }),
  ],
  'was made for another path': [
    'audience',
    (d, c) => d.registration(c, { aud: 'https://127.0.0.1/device-bound/refresh' }),
  ],
}

/** The same of a proof. */
const PROOFS: Readonly<Record<string, readonly [reason: string, forge: Forge]>> = {
  'is no JSON Web Signature': ['malformed', () => 'x'],
  'has another type': ['malformed', (d, c) => d.sign({ alg: d.alg, typ: 'JWT' }, { jti: c })],
  'is signed by nobody': ['algorithm', (_, c) => jwsOf({ alg: 'none', typ: TYP }, { jti: c }, none)],
  'has no signature': ['signature', (d, c) => jwsOf({ alg: d.alg, typ: TYP }, { jti: c }, none)],
  'is signed with the public key as a secret': [
    'algorithm',
    (d, c) => jwsOf({ alg: 'HS256', typ: TYP }, { jti: c }, hs256(d)),
  ],
  'is signed by an RSA key, where the session has another': ['algorithm', (_, c) => new DeviceKeys('RS256').proof(c)],
  'is signed by a key of the thief': ['signature', (_, c) => new DeviceKeys().proof(c)],
  'brings the key of the thief': ['signature', (_, c) => new DeviceKeys().registration(c)],
  'brings the address of a key of the thief': [
    'signature',
    (_, c) => {
      const thief = new DeviceKeys()
      return thief.sign({ alg: 'ES256', typ: TYP, jku: 'https://evil.test/keys', kid: '1' }, { jti: c })
    },
  ],
  'was altered': ['signature', (d, c) => d.proof(c).replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))],
  'was made for another address': ['audience', (d, c) => d.proof(c, { aud: 'https://evil.test/device-bound/refresh' })],
}

const refusals = (events: readonly SessionEvent[], what: string) =>
  events.flatMap((event) => (event.type === 'proofRefused' && event.what === what ? [event.reason] : []))

suite('what is no proof of a device', () => {
  let site: Site
  before(async () => {
    site = await openSite()
  })
  after(() => site.close())

  for (const [what, [reason, forge]] of Object.entries(REGISTRATIONS))
    test(`a registration is refused that ${what}`, async () => {
      const browser = new Browser(site)
      await browser.signIn()
      site.events.length = 0
      const { status, headers, text } = await browser.register(forge(browser.keys, browser.challenge))
      assert.deepEqual([status, text, headers.getSetCookie()], [400, '', []])
      assert.deepEqual(refusals(site.events, 'registration'), [reason])
      assert.equal((await browser.facts()).deviceBound, false)
      // It was a forgery: the browser itself can still register.
      assert.equal((await browser.register()).status, 200)
    })

  for (const [what, [reason, forge]] of Object.entries(PROOFS))
    test(`a proof is refused that ${what}, and the session goes on for its device`, async () => {
      const browser = await boundBrowser(site)
      const thief = Object.assign(new Browser(site, browser.cookies), { id: browser.id })
      site.events.length = 0
      const asked = await thief.refresh(null)
      assert.equal(asked.status, 403)
      const { status, text, headers } = await thief.refresh(forge(browser.keys, thief.challenge))
      assert.deepEqual([status, text, headers.getSetCookie()], [400, '', []])
      assert.deepEqual(refusals(site.events, 'refresh'), [reason])
      assert.equal((await browser.refresh()).status, 200)
      assert.equal((await browser.facts()).userId, 'ada')
    })

  test('a challenge of another session is refused, and so is one of another login of the same session', async () => {
    const [ada, other] = [new Browser(site), new Browser(site)]
    await ada.signIn()
    await other.signIn()
    assert.equal((await ada.register(ada.keys.registration(other.challenge))).status, 400)
    const before = ada.challenge
    site.wait(5)
    await ada.signIn()
    assert.notEqual(ada.challenge, before)
    assert.equal((await ada.register(ada.keys.registration(before))).status, 400)
    assert.equal((await ada.register()).status, 200)
  })

  test('a proof for a challenge of another session, or of a registration, gets another challenge and no cookie', async () => {
    const [ada, bob] = [await boundBrowser(site), await boundBrowser(site, '/login?user=bob')]
    const offer = offerIn(await new Browser(site).signIn())?.challenge ?? ''
    for (const challenge of [bob.challenge, offer, 'made-up']) {
      site.events.length = 0
      const { status, headers } = await ada.refresh(ada.keys.proof(challenge))
      assert.deepEqual([status, headers.getSetCookie()], [403, []])
      assert.deepEqual(refusals(site.events, 'refresh'), ['challenge'])
    }
    assert.equal((await ada.refresh()).status, 200)
  })

  test('an offer that is older than five minutes is refused', async () => {
    const browser = new Browser(site)
    await browser.signIn()
    site.wait(minutes(5))
    assert.equal((await browser.register()).status, 400)
  })

  test('a challenge that is too old is no alarm: the browser gets another one', async () => {
    const browser = await boundBrowser(site)
    site.wait(minutes(16))
    site.events.length = 0
    assert.equal((await browser.refresh()).status, 403)
    assert.deepEqual(refusals(site.events, 'refresh'), [])
    assert.equal((await browser.refresh()).status, 200)
  })

  test('the proof of a registration binds nothing else, and nobody binds a bound session again', async () => {
    const browser = new Browser(site)
    await browser.signIn()
    const { challenge } = browser
    const registration = browser.keys.registration(challenge)
    const first = await browser.register(registration)
    const again = await browser.register(registration)
    assert.equal(again.status, 200, 'the response may have been lost')
    assert.equal(JSON.parse(again.text).session_identifier, JSON.parse(first.text).session_identifier)
    site.events.length = 0
    const thief = await browser.register(new DeviceKeys().registration(challenge))
    assert.deepEqual([thief.status, thief.headers.getSetCookie()], [400, []])
    assert.deepEqual(refusals(site.events, 'registration'), ['bound'])
  })

  test('of two that register in parallel, one has the session, and the other has nothing', async () => {
    const browser = new Browser(site)
    await browser.signIn()
    const thief = Object.assign(new Browser(site, browser.cookies), { challenge: browser.challenge })
    // Both have read the session before one of them writes.
    let reads = 0
    const read = new EventEmitter()
    site.trouble = async () => {
      reads++
      if (reads === 1) await once(read, 'second')
      else if (reads === 2) read.emit('second')
    }
    const both = await Promise.all([browser.register(), thief.register()])
    site.trouble = null
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 400])
  })

  test('nobody registers without a session, or with that of nobody', async () => {
    const browser = new Browser(site)
    assert.equal((await browser.register(browser.keys.registration('x'))).status, 403)
    await browser.send('/set')
    assert.equal((await browser.register(browser.keys.registration('x'))).status, 403)
  })

  test('a proof names its session, and one for another name is told that this is over', async () => {
    const browser = await boundBrowser(site)
    assert.deepEqual(JSON.parse((await browser.refresh(browser.keys.proof(browser.challenge), 'dx')).text), {
      session_identifier: 'dx',
      continue: false,
    })
    const without = await browser.post('/device-bound/refresh', { 'secure-session-response': 'a.b.c' })
    assert.equal(without.status, 400)
    assert.equal((await browser.refresh()).status, 200)
  })

  test('both forms of a header are read: as the draft has it, in quotation marks, and bare', async () => {
    const browser = new Browser(site)
    await browser.signIn()
    assert.equal((await browser.register(`"${browser.keys.registration(browser.challenge)}"`)).status, 200)
    const quoted = await browser.refresh(`"${browser.keys.proof(browser.challenge)}"`, `"${browser.id}"`)
    assert.equal(quoted.status, 200)
    assert.equal((await browser.refresh('(a b)')).status, 400)
    assert.equal((await browser.refresh('x'.repeat(8193))).status, 400)
    assert.equal((await browser.refresh(null, 'x'.repeat(8193))).status, 400)
  })

  test('an address that is right is no obstacle', async () => {
    const browser = new Browser(site)
    await browser.signIn()
    const { host } = new URL(site.url)
    const aud = (path: string) => ({ aud: `https://${host}/device-bound/${path}` })
    assert.equal((await browser.register(browser.keys.registration(browser.challenge, aud('register')))).status, 200)
    assert.equal((await browser.refresh(browser.keys.proof(browser.challenge, aud('refresh')))).status, 200)
  })

  test('other methods, and pages of other sites, get nothing', async () => {
    const browser = await boundBrowser(site)
    for (const path of ['/device-bound/register', '/device-bound/refresh?x=1']) {
      const got = await browser.send(path)
      assert.deepEqual([got.status, got.headers.get('allow')], [405, 'POST'])
    }
    const { status } = await browser.post('/device-bound/refresh', { 'sec-fetch-site': 'cross-site' })
    assert.equal(status, 403)
  })

  test('nothing that is said holds a token, a key or a challenge', async () => {
    const browser = await boundBrowser(site)
    await browser.refresh('x.y.z')
    const said = JSON.stringify(site.events)
    for (const secret of [...browser.cookies.values(), browser.id, browser.challenge, String(browser.keys.jwk.x)])
      assert.equal(said.includes(secret), false)
  })
})

suite('the address that a proof is for', () => {
  test('is the option origin, behind a proxy that changes Host', async (t) => {
    const site = await openSite({ bound: { origin: 'https://shop.example' } })
    t.after(site.close)
    const browser = new Browser(site)
    await browser.signIn()
    const aud = (origin: string) => ({ aud: `${origin}/device-bound/register` })
    const own = aud(site.url.replace('http:', 'https:'))
    assert.equal((await browser.register(browser.keys.registration(browser.challenge, own))).status, 400)
    const right = aud('https://shop.example')
    assert.equal((await browser.register(browser.keys.registration(browser.challenge, right))).status, 200)
  })
})
