import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { CookieRefusedError } from '../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from '../core/fixtures/secret.ts'
import { prove } from './prove.ts'
import { HOUR, NAME } from './site.ts'

/** What contains its facts: sessions in cookies, sealed and signed, and signed cookies. */
const secrets = secret('tokens')
const ENGINES = { sealed: cookie(), signed: cookie({ protection: 'signed' }) }

/** Sessions in cookies, and a cookie of ada's. */
async function carried(protection: keyof typeof ENGINES, options: Partial<SessionsOptions> = {}) {
  const clock = manualClock()
  const given = { secrets, clock, on: () => {}, ...options }
  const sessions = createSessions({ ...given, store: ENGINES[protection] })
  const visit = sessions.open({})
  const session = await visit.get()
  session.login('ada')
  session.set('role', 'reader')
  const value = /=([^;]+)/.exec((await visit.commit()).setCookie ?? '')?.[1] ?? ''
  const userOf = async (text: string, by = sessions) => (await by.read({ cookie: `${NAME}=${text}` })).userId
  return { sessions, clock, value, userOf, given }
}

/** A signed cookie, and what a request with a value of that name gets. */
function signedCookies(options: Partial<SessionsOptions> = {}) {
  const clock = manualClock()
  const sessions = createSessions({ store: memory(), secrets, clock, sweep: false, ...options })
  const sign = (name: string, value: string, more: { salt?: string; maxAge?: number } = {}) => {
    const headers = new Headers()
    sessions.setSignedCookie(headers, name, value, more)
    return /=([^;]*)/.exec(headers.getSetCookie()[0] ?? '')?.[1] ?? ''
  }
  const open = (name: string, value: string, more: { salt?: string } = {}) =>
    sessions.getSignedCookie(new Headers({ cookie: `${name}=${value}` }), name, more)
  return { clock, sign, open }
}

/** Each byte of a value altered. */
function* alterations(value: string): Generator<string> {
  const bytes = Buffer.from(value, 'base64url')
  for (const [at, byte] of bytes.entries()) {
    const altered = Buffer.from(bytes)
    altered[at] = byte ^ 0x01
    yield altered.toString('base64url')
  }
}

prove('ASVS 9.1.1', async () => {
  for (const protection of ['sealed', 'signed'] as const) {
    const { value, userOf } = await carried(protection)
    assert.equal(await userOf(value), 'ada')
    for (const altered of alterations(value)) assert.equal(await userOf(altered), null)
  }
  const { sign, open } = signedCookies()
  const value = sign('seen', 'tour')
  assert.equal(open('seen', value), 'tour')
  for (const altered of alterations(value)) assert.throws(() => open('seen', altered), CookieRefusedError)
})

prove('ASVS 9.1.2', async () => {
  const payload = (text: string) => Buffer.from(text).toString('base64url')
  const facts = payload(JSON.stringify({ sub: 'ada', exp: 9_999_999_999 }))
  const forged = [
    `${payload('{"alg":"none"}')}.${facts}.`,
    `${payload('{"alg":"NoNe","typ":"JWT"}')}.${facts}.x`,
    // Signed with what everybody knows of the server.
    `${payload('{"alg":"HS256"}')}.${facts}.${createHmac('sha256', NAME).update(facts).digest('base64url')}`,
  ]
  for (const protection of ['sealed', 'signed'] as const) {
    const { value, userOf } = await carried(protection)
    const bytes = Buffer.from(value, 'base64url')
    for (const text of forged) assert.equal(await userOf(text), null)
    // The first byte says how it was made. Whatever else it says, the rest does not open by it.
    for (let version = 0; version < 256; version++) {
      if (version === bytes[0]) continue
      const other = Buffer.from(bytes)
      other[0] = version
      assert.equal(await userOf(other.toString('base64url')), null)
    }
    assert.equal(await userOf(value), 'ada')
  }
})

prove('ASVS 9.1.3', async () => {
  for (const protection of ['sealed', 'signed'] as const) {
    const { value, userOf, given } = await carried(protection)
    // Under another secret, with the key id of ours written into it.
    const attacker = await carried(protection, { secrets: secret('of an attacker') })
    const forged = Buffer.from(attacker.value, 'base64url')
    forged[1] = Buffer.from(value, 'base64url')[1] as number
    assert.equal(await userOf(attacker.value), null)
    assert.equal(await userOf(forged.toString('base64url')), null)
    const brought = Buffer.from(JSON.stringify({ alg: 'ES256', jwk: { kty: 'EC' }, jku: 'https://evil.example' }))
    assert.equal(await userOf(`${brought.toString('base64url')}.e30.x`), null)
    // A server without the secret accepts nothing.
    const other = createSessions({ ...given, secrets: secret('another'), store: ENGINES[protection] })
    assert.equal(await userOf(value, other), null)
  }
})

prove('ASVS 9.2.1', async () => {
  for (const protection of ['sealed', 'signed'] as const) {
    const { clock, value, userOf } = await carried(protection, { idle: null, absolute: '1h' })
    clock.advance(HOUR - 1)
    assert.equal(await userOf(value), 'ada')
    clock.advance(1)
    assert.equal(await userOf(value), null)
  }
  const { clock, sign, open } = signedCookies()
  const value = sign('seen', 'tour', { maxAge: HOUR })
  clock.advance(HOUR - 1)
  assert.equal(open('seen', value), 'tour')
  clock.advance(1)
  assert.throws(() => open('seen', value), { reason: 'expired' })
})

prove('ASVS 9.2.2', async () => {
  const { sign, open } = signedCookies()
  const value = sign('seen', 'ada', { salt: 'hints' })
  assert.throws(() => open('seen', value), CookieRefusedError)
  assert.throws(() => open('user', value, { salt: 'hints' }), CookieRefusedError)
  const sealed = await carried('sealed')
  const signed = await carried('signed')
  assert.equal(await sealed.userOf(value), null)
  assert.throws(() => open('seen', sealed.value), CookieRefusedError)
  assert.throws(() => open('seen', signed.value), CookieRefusedError)
  // Sealed is no signature, and a token of a store is neither.
  assert.equal(await signed.userOf(sealed.value), null)
  const stored = createSessions({ store: memory(), secrets, sweep: false })
  const visit = stored.open({})
  ;(await visit.get()).login('ada')
  const token = /=([^;]+)/.exec((await visit.commit()).setCookie ?? '')?.[1] ?? ''
  assert.deepEqual([await sealed.userOf(token), await signed.userOf(token)], [null, null])
  await stored.close()
})

prove('ASVS 9.2.3', async () => {
  for (const protection of ['sealed', 'signed'] as const) {
    const { value, userOf, given } = await carried(protection)
    const admin = createSessions({ ...given, namespace: 'admin', store: ENGINES[protection] })
    assert.equal(await userOf(value, admin), null)
    assert.equal(await userOf(value), 'ada')
  }
})

prove('ASVS 9.2.4', async () => {
  const shop = signedCookies({ namespace: 'shop' })
  const admin = signedCookies({ namespace: 'admin' })
  const value = shop.sign('seen', 'tour')
  assert.equal(shop.open('seen', value), 'tour')
  assert.throws(() => admin.open('seen', value), CookieRefusedError)
  const store = memory()
  const of = (namespace: string) => createSessions({ store, secrets, namespace, sweep: false, on: () => {} })
  const visit = of('shop').open({})
  ;(await visit.get()).login('ada')
  const cookie = (await visit.commit()).setCookie?.split(';')[0] ?? ''
  assert.equal((await of('admin').read({ cookie })).userId, null)
  assert.equal((await of('shop').read({ cookie })).userId, 'ada')
  // They list and end their own sessions alone.
  assert.equal(await of('admin').of('ada').revokeAll(), 0)
  assert.equal((await of('shop').of('ada').list()).length, 1)
  await store.close()
})
