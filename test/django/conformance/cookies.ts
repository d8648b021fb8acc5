import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { BadSignatureError, SignatureExpiredError } from '../../../packages/django/src/errors.ts'
import { signCookieValue, unsignCookieValue } from '../../../packages/django/src/signed-cookie.ts'
import { CookieRefusedError } from '../../../packages/strongroom/src/errors.ts'
import { parseSetCookie } from '../../../packages/strongroom/src/testing/jar.ts'
import type { Fixture } from './fixture.ts'
import { property } from './property.ts'

type Options = Parameters<ReturnType<Fixture['sessions']>['setSignedCookie']>[3]

/** A signed cookie that is set in one request and sent with the next. */
function signed(fixture: Fixture, name: string, value: string, options: Options = {}) {
  const sessions = fixture.sessions()
  const headers = new Headers()
  sessions.setSignedCookie(headers, name, value, options)
  const line = parseSetCookie(headers.getSetCookie()[0] ?? '')
  const under = (name: string, text = line.value) => ({ cookie: `${name}=${text}` })
  return { sessions, line, under }
}

const refused = (reason: CookieRefusedError['reason']) => (error: unknown) =>
  error instanceof CookieRefusedError && error.reason === reason

property('a signed cookie can be set and read', 'test_can_set_and_read_signed_cookies', (fixture) => {
  const { sessions, under } = signed(fixture, 'c', 'hello')
  assert.equal(sessions.getSignedCookie(under('c'), 'c'), 'hello')
})

property('a signed cookie can be read only with its salt', 'test_can_use_salt', (fixture) => {
  const { sessions, under } = signed(fixture, 'a', 'hello', { salt: 'one' })
  assert.equal(sessions.getSignedCookie(under('a'), 'a', { salt: 'one' }), 'hello')
  assert.throws(() => sessions.getSignedCookie(under('a'), 'a', { salt: 'two' }), refused('forged'))
})

property('name and salt cannot be confused with each other', 'test_salt_namespace_is_unambiguous', (fixture) => {
  const { sessions, under } = signed(fixture, 'a', 'hello', { salt: 'bc' })
  assert.throws(() => sessions.getSignedCookie(under('ab'), 'ab', { salt: 'c' }), refused('forged'))
})

property('a signed cookie that was tampered with is refused', 'test_detects_tampering', (fixture) => {
  const { sessions, line, under } = signed(fixture, 'c', 'hello')
  assert.throws(() => sessions.getSignedCookie(under('c', `${line.value.slice(0, -2)}$$`), 'c'), CookieRefusedError)
})

property('a default is returned instead of an error', 'test_default_argument_suppresses_exceptions', (fixture) => {
  const { sessions, line, under } = signed(fixture, 'c', 'hello')
  const altered = under('c', `${line.value.slice(0, -2)}$$`)
  assert.equal(sessions.getSignedCookie(altered, 'c', { default: null }), null)
  assert.equal(sessions.getSignedCookie({}, 'c', { default: null }), null)
})

property('the reader decides how old a signed cookie may be', 'test_max_age_argument', (fixture) => {
  const { sessions, under } = signed(fixture, 'c', 'hello')
  assert.equal(sessions.getSignedCookie(under('c'), 'c'), 'hello')
  fixture.clock.advance(11_000)
  for (const maxAge of ['12s', '11s', 11_000])
    assert.equal(sessions.getSignedCookie(under('c'), 'c', { maxAge }), 'hello')
  for (const maxAge of ['10s', 10_000])
    assert.throws(() => sessions.getSignedCookie(under('c'), 'c', { maxAge }), refused('expired'))
})

property(
  'the writer decides how long the browser keeps a signed cookie',
  'test_set_signed_cookie_max_age_argument',
  (fixture) => {
    for (const [maxAge, seconds] of [
      ['100s', '100'],
      ['2h', '7200'],
    ] as const)
      assert.equal(signed(fixture, 'c', 'value', { maxAge }).line.attributes.get('max-age'), seconds)
  },
)

property('a secret may be any bytes', 'test_signed_cookies_with_binary_key', (fixture) => {
  const sessions = fixture.sessions({ secrets: createHash('sha512').update(Uint8Array.of(0xe7)).digest() })
  const headers = new Headers()
  sessions.setSignedCookie(headers, 'c', 'hello')
  assert.equal(sessions.getSignedCookie({ cookie: headers.getSetCookie()[0]?.split(';')[0] }, 'c'), 'hello')
})

const NOW = 1_700_000_000_000
const django = (after = 0) => ({ key: 'test-secret-key-do-not-use', clock: () => NOW + after })

property.of(
  'a cookie in the legacy format of Django that is too old is refused as expired',
  'test_expired_legacy_cookie_raises_signature_expired',
  () => {
    const old = signCookieValue('hello', { ...django(), name: 'c', format: 'legacy' })
    const read = { ...django(11_000), name: 'c', maxAge: '10s', legacySalt: true }
    assert.throws(() => unsignCookieValue(old, read), SignatureExpiredError)
  },
)

property.of(
  'the legacy format of Django is read when asked for, even under a colliding name',
  'test_legacy_salt_namespace_is_accepted',
  () => {
    const old = signCookieValue('hello', { ...django(), name: 'a', salt: 'bc', format: 'legacy' })
    assert.equal(unsignCookieValue(old, { ...django(), name: 'a', salt: 'bc', legacySalt: true }), 'hello')
    assert.equal(unsignCookieValue(old, { ...django(), name: 'ab', salt: 'c', legacySalt: true }), 'hello')
  },
)

property.of(
  'the legacy format of Django is refused unless it is asked for',
  'test_legacy_salt_namespace_not_accepted',
  () => {
    const old = signCookieValue('hello', { ...django(), name: 'a', salt: 'bc', format: 'legacy' })
    assert.throws(() => unsignCookieValue(old, { ...django(), name: 'a', salt: 'bc' }), BadSignatureError)
  },
)

property.of(
  'a cookie of Django that is too old is not tried again in the legacy format',
  'test_expired_new_style_cookie_does_not_fallback_to_legacy_salt',
  () => {
    const value = signCookieValue('hello', { ...django(), name: 'c' })
    const read = { ...django(11_000), name: 'c', maxAge: '10s', legacySalt: true }
    assert.throws(() => unsignCookieValue(value, read), SignatureExpiredError)
  },
)
