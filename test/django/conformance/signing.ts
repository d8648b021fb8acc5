import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { decode62, encode62 } from '../../../packages/django/src/base62.ts'
import { BadSignatureError, SignatureExpiredError } from '../../../packages/django/src/errors.ts'
import { dumps, loads, Signer, TimestampSigner } from '../../../packages/django/src/signer.ts'
import { ConfigError } from '../../../packages/strongroom/src/errors.ts'
import { vectors } from '../vectors.ts'
import { property } from './property.ts'

const key = 'predictable-secret'
const NOW = 1_700_000_000_000
const at = (ms: number) => () => NOW + ms

/** Django's formula, written down a second time. */
const formula = (value: string, salt: string, secret: string) =>
  createHmac('sha256', createHash('sha256').update(`${salt}signer`).update(secret).digest())
    .update(value)
    .digest('base64url')

const THINGS = [['a', 'list'], 'a string ’', { a: 'dictionary' }]

property.of('a signature is the HMAC of value and salt, and another under another key', 'test_signature', () => {
  const [one, two] = [new Signer({ key }), new Signer({ key: 'predictable-secret2' })]
  for (const value of ['hello', '3098247:529:087:', '’'.repeat(3)]) {
    assert.equal(one.signature(value), formula(value, 'django.core.signing.Signer', key))
    assert.notEqual(one.signature(value), two.signature(value))
  }
})

property.of('a signature has the salt in it', 'test_signature_with_salt', () => {
  assert.equal(new Signer({ key, salt: 'extra-salt' }).signature('hello'), formula('hello', 'extra-salt', key))
  assert.notEqual(
    new Signer({ key, salt: 'one' }).signature('hello'),
    new Signer({ key, salt: 'two' }).signature('hello'),
  )
})

property.of('another algorithm gives what it gives in Django', 'test_custom_algorithm', () => {
  const signer = new Signer({ key: 'test-secret-key-do-not-use', algorithm: 'sha512' })
  assert.equal(signer.sign('foo'), vectors.signers['Signer sha512'])
})

property.of('an algorithm that there is not is refused', 'test_invalid_algorithm', () => {
  assert.throws(() => new Signer({ key, algorithm: 'whatever' as never }), ConfigError)
})

property.of('what was signed comes back, separators and all', 'test_sign_unsign', () => {
  const signer = new Signer({ key })
  for (const value of [
    'q;wjmbk;wkmb',
    '3098247529087',
    '3098247:529:087:',
    'jkw osanteuh ,rcuh nthu aou oauh ,ud du',
    '’',
  ]) {
    assert.notEqual(signer.sign(value), value)
    assert.equal(signer.unsign(signer.sign(value)), value)
  }
})

property.of('what is no text is signed as the text that it is given as', 'test_sign_unsign_non_string', () => {
  const signer = new Signer({ key })
  for (const value of [123, 1.23, true, new Date(NOW).toISOString()])
    assert.equal(signer.unsign(signer.sign(String(value))), String(value))
})

property.of('a signed text that was altered is refused', 'test_unsign_detects_tampering', () => {
  const signer = new Signer({ key })
  const signed = signer.sign('Another string')
  for (const altered of [signed.toUpperCase(), `${signed}a`, `a${signed.slice(1)}`, signed.replaceAll(':', '')])
    assert.throws(() => signer.unsign(altered), BadSignatureError)
})

property.of('objects come back, compressed or not', 'test_sign_unsign_object', () => {
  const signer = new Signer({ key })
  for (const thing of THINGS)
    for (const compress of [false, true])
      assert.deepEqual(signer.unsignObject(signer.signObject(thing, { compress })), thing)
})

property.of('objects with a time come back, compressed or not', 'test_dumps_loads', () => {
  for (const thing of THINGS)
    for (const compress of [false, true])
      assert.deepEqual(loads(dumps(thing, { key, compress, clock: at(0) }), { key, clock: at(0) }), thing)
})

property.of('a signed object that was altered is refused', 'test_decode_detects_tampering', () => {
  const signed = dumps({ foo: 'bar', baz: 1 }, { key, clock: at(0) })
  for (const altered of [signed.toUpperCase(), `${signed}a`, `a${signed.slice(1)}`, signed.replaceAll(':', '')])
    assert.throws(() => loads(altered, { key, clock: at(0) }), BadSignatureError)
})

property.of('a key may be any bytes', 'test_works_with_non_ascii_keys', () => {
  const signer = new Signer({ key: Uint8Array.of(0xe7) })
  assert.equal(signer.sign('foo'), vectors.signers['Signer(key=b"\\xe7").sign("foo")'])
})

property.of('a separator leaves the signature as it is', 'test_valid_sep', () => {
  for (const sep of ['/', '*sep*', ',']) {
    const signer = new Signer({ key, sep })
    assert.equal(signer.sign('foo'), `foo${sep}${formula('foo', 'django.core.signing.Signer', key)}`)
  }
})

property.of('a separator that a signature could hold is refused', 'test_invalid_sep', () => {
  for (const sep of ['', '-', 'abc']) assert.throws(() => new Signer({ key, sep }), ConfigError)
})

property.of('an old key of several opens', 'test_verify_with_non_default_key', () => {
  const [old, now] = [new Signer({ key: 'secret' }), new Signer({ key: 'newest', fallbackKeys: ['oldest', 'secret'] })]
  assert.equal(now.unsign(old.sign('abc')), 'abc')
})

property.of('the current key opens beside old ones', 'test_sign_unsign_multiple_keys', () => {
  const signer = new Signer({ key: 'secret', fallbackKeys: ['oldsecret'] })
  assert.equal(signer.unsign(signer.sign('abc')), 'abc')
})

property.of('without fallbacks an old key opens nothing', 'test_sign_unsign_ignore_secret_key_fallbacks', () => {
  const old = new Signer({ key: 'oldsecret' }).sign('abc')
  assert.throws(() => new Signer({ key: 'secret', fallbackKeys: [] }).unsign(old), BadSignatureError)
})

property.of('with fallbacks it does', 'test_default_keys_verification', () => {
  const old = new Signer({ key: 'oldsecret' }).sign('abc')
  assert.equal(new Signer({ key: 'secret', fallbackKeys: ['oldsecret'] }).unsign(old), 'abc')
})

property.of('a signed time is looked at by who says how old it may be', 'test_timestamp_signer', () => {
  const signed = new TimestampSigner({ key, clock: at(0) }).sign('hello’')
  const later = new TimestampSigner({ key, clock: at(11_000) })
  assert.equal(later.unsign(signed, { maxAge: '12s' }), 'hello’')
  assert.equal(later.unsign(signed, { maxAge: 11_000 }), 'hello’')
  assert.throws(() => later.unsign(signed, { maxAge: '10s' }), SignatureExpiredError)
})

property.of('numbers come back from base 62', 'test_base62', () => {
  const numbers = [-(10 ** 10), 10 ** 10, 1620378259, ...Array.from({ length: 200 }, (_, i) => i - 100)]
  for (const number of numbers) assert.equal(decode62(encode62(number)), number)
})

property.of('letters of all the world come back', 'test_non_ascii_round_trip', () => {
  for (const text of ['café', 'cafe\u0301', '🐍', '清風'])
    assert.deepEqual(loads(dumps({ text }, { key, clock: at(0) }), { key, clock: at(0) }), { text })
})
