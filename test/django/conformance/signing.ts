import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { BadSignatureError, SignatureExpiredError } from '../../../packages/django/src/errors.ts'
import { decode62, dumps, encode62, loads, Signer, TimestampSigner } from '../../../packages/django/src/signer.ts'
import { ConfigError } from '../../../packages/strongroom/src/errors.ts'
import { vectors } from '../vectors.ts'
import { property } from './property.ts'

const key = 'predictable-secret'
const NOW = 1_700_000_000_000
const at = (ms: number) => () => NOW + ms

/** Django's formula, written independently. */
const formula = (value: string, salt: string, secret: string) =>
  createHmac('sha256', createHash('sha256').update(`${salt}signer`).update(secret).digest())
    .update(value)
    .digest('base64url')

const THINGS = [['a', 'list'], 'a string ’', { a: 'dictionary' }]

property.of('a signature is the HMAC of value and salt, and differs under another key', 'test_signature', () => {
  const [one, two] = [new Signer({ key }), new Signer({ key: 'predictable-secret2' })]
  for (const value of ['hello', '3098247:529:087:', '’'.repeat(3)]) {
    assert.equal(one.signature(value), formula(value, 'django.core.signing.Signer', key))
    assert.notEqual(one.signature(value), two.signature(value))
  }
})

property.of('a signature depends on the salt', 'test_signature_with_salt', () => {
  assert.equal(new Signer({ key, salt: 'extra-salt' }).signature('hello'), formula('hello', 'extra-salt', key))
  assert.notEqual(
    new Signer({ key, salt: 'one' }).signature('hello'),
    new Signer({ key, salt: 'two' }).signature('hello'),
  )
})

property.of('another algorithm gives the same signature as in Django', 'test_custom_algorithm', () => {
  const signer = new Signer({ key: 'test-secret-key-do-not-use', algorithm: 'sha512' })
  assert.equal(signer.sign('foo'), vectors.signers['Signer sha512'])
})

property.of('an unknown algorithm is refused', 'test_invalid_algorithm', () => {
  assert.throws(() => new Signer({ key, algorithm: 'whatever' as never }), ConfigError)
})

property.of('a signed value comes back, including separators', 'test_sign_unsign', () => {
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

property.of('a value that is not a string can be signed as a string', 'test_sign_unsign_non_string', () => {
  const signer = new Signer({ key })
  for (const value of [123, 1.23, true, new Date(NOW).toISOString()])
    assert.equal(signer.unsign(signer.sign(String(value))), String(value))
})

property.of('an altered signed string is refused', 'test_unsign_detects_tampering', () => {
  const signer = new Signer({ key })
  const signed = signer.sign('Another string')
  for (const altered of [signed.toUpperCase(), `${signed}a`, `a${signed.slice(1)}`, signed.replaceAll(':', '')])
    assert.throws(() => signer.unsign(altered), BadSignatureError)
})

property.of('signed objects come back, compressed or not', 'test_sign_unsign_object', () => {
  const signer = new Signer({ key })
  for (const thing of THINGS)
    for (const compress of [false, true])
      assert.deepEqual(signer.unsignObject(signer.signObject(thing, { compress })), thing)
})

property.of('signed objects with a timestamp come back, compressed or not', 'test_dumps_loads', () => {
  for (const thing of THINGS)
    for (const compress of [false, true])
      assert.deepEqual(loads(dumps(thing, { key, compress, clock: at(0) }), { key, clock: at(0) }), thing)
})

property.of('an altered signed object is refused', 'test_decode_detects_tampering', () => {
  const signed = dumps({ foo: 'bar', baz: 1 }, { key, clock: at(0) })
  for (const altered of [signed.toUpperCase(), `${signed}a`, `a${signed.slice(1)}`, signed.replaceAll(':', '')])
    assert.throws(() => loads(altered, { key, clock: at(0) }), BadSignatureError)
})

property.of('a key may be any bytes', 'test_works_with_non_ascii_keys', () => {
  const signer = new Signer({ key: Uint8Array.of(0xe7) })
  assert.equal(signer.sign('foo'), vectors.signers['Signer(key=b"\\xe7").sign("foo")'])
})

property.of('the separator does not change the signature', 'test_valid_sep', () => {
  for (const sep of ['/', '*sep*', ',']) {
    const signer = new Signer({ key, sep })
    assert.equal(signer.sign('foo'), `foo${sep}${formula('foo', 'django.core.signing.Signer', key)}`)
  }
})

property.of('a separator that a signature could contain is refused', 'test_invalid_sep', () => {
  for (const sep of ['', '-', 'abc']) assert.throws(() => new Signer({ key, sep }), ConfigError)
})

property.of('one of several old keys verifies', 'test_verify_with_non_default_key', () => {
  const [old, now] = [new Signer({ key: 'secret' }), new Signer({ key: 'newest', fallbackKeys: ['oldest', 'secret'] })]
  assert.equal(now.unsign(old.sign('abc')), 'abc')
})

property.of('the current key verifies next to old ones', 'test_sign_unsign_multiple_keys', () => {
  const signer = new Signer({ key: 'secret', fallbackKeys: ['oldsecret'] })
  assert.equal(signer.unsign(signer.sign('abc')), 'abc')
})

property.of('without fallbacks, an old key verifies nothing', 'test_sign_unsign_ignore_secret_key_fallbacks', () => {
  const old = new Signer({ key: 'oldsecret' }).sign('abc')
  assert.throws(() => new Signer({ key: 'secret', fallbackKeys: [] }).unsign(old), BadSignatureError)
})

property.of('with fallbacks, an old key verifies', 'test_default_keys_verification', () => {
  const old = new Signer({ key: 'oldsecret' }).sign('abc')
  assert.equal(new Signer({ key: 'secret', fallbackKeys: ['oldsecret'] }).unsign(old), 'abc')
})

property.of('a timestamp is checked against the maximum age of the reader', 'test_timestamp_signer', () => {
  const signed = new TimestampSigner({ key, clock: at(0) }).sign('hello’')
  const later = new TimestampSigner({ key, clock: at(11_000) })
  assert.equal(later.unsign(signed, { maxAge: '12s' }), 'hello’')
  assert.equal(later.unsign(signed, { maxAge: 11_000 }), 'hello’')
  assert.throws(() => later.unsign(signed, { maxAge: '10s' }), SignatureExpiredError)
})

property.of('numbers survive base 62', 'test_base62', () => {
  const numbers = [-(10 ** 10), 10 ** 10, 1620378259, ...Array.from({ length: 200 }, (_, i) => i - 100)]
  for (const number of numbers) assert.equal(decode62(encode62(number)), number)
})

property.of('non-ASCII text survives signing', 'test_non_ascii_round_trip', () => {
  for (const text of ['café', 'cafe\u0301', '🐍', '清風'])
    assert.deepEqual(loads(dumps({ text }, { key, clock: at(0) }), { key, clock: at(0) }), { text })
})
