import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import { createDeflate, deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { sessionAuthHash, verifySessionAuthHash } from '../../packages/django/src/auth.ts'
import { BadPayloadError, BadSignatureError, SignatureExpiredError } from '../../packages/django/src/errors.ts'
import { compressLikePython } from '../../packages/django/src/payload.ts'
import { signCookieValue, unsignCookieValue } from '../../packages/django/src/signed-cookie.ts'
import { decode62, dumps, encode62, loads, Signer, TimestampSigner } from '../../packages/django/src/signer.ts'
import { ConfigError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { Django, djangoNeed, NO_LEGACY, NOW, OLD_SECRET, SECRET } from './peer.ts'
import { vectors } from './vectors.ts'

const clock = () => NOW
const common = { key: SECRET, clock }
const timed = (options: object = {}) => new TimestampSigner({ ...common, ...options })
const signers: Record<string, () => string> = {
  'dumps default salt {"a":1}': () => dumps({ a: 1 }, common),
  'dumps default salt "hello"': () => dumps('hello', common),
  'Signer().sign("foo")': () => new Signer({ key: SECRET }).sign('foo'),
  'TimestampSigner().sign("foo")': () => timed().sign('foo'),
  'Signer(key=b"\\xe7").sign("foo")': () => new Signer({ key: Uint8Array.of(0xe7) }).sign('foo'),
  'Signer(salt="extra").sign("v:1")': () => new Signer({ key: SECRET, salt: 'extra' }).sign('v:1'),
  'get_cookie_signer() default salt sign("x")': () =>
    timed({ key: `django.http.cookies${SECRET}`, salt: 'django.core.signing.get_cookie_signer' }).sign('x'),
  'Signer sha512': () => new Signer({ key: SECRET, algorithm: 'sha512' }).sign('foo'),
}

suite('signatures are byte for byte those of Django 5.2', () => {
  for (const [name, expected] of Object.entries(vectors.signers))
    test(`${name} gives the signature of Django`, () => assert.equal(signers[name]?.(), expected))

  for (const kind of ['session_data', 'signed_cookies'] as const) {
    const salt = vectors.salts[kind]
    for (const { name, signed, json } of vectors[kind])
      test(`${name} in ${kind} is read`, () =>
        assert.equal(JSON.stringify(loads(signed, { ...common, salt }), bigAsText), JSON.stringify(reviveBig(json))))
  }

  for (const [number, text] of Object.entries(vectors.base62))
    test(`${number} in base 62 is written and read like in Django`, () => {
      assert.equal(encode62(Number(number)), text)
      assert.equal(decode62(text), Number(number))
    })

  test('a signature in which the case of one letter was changed is refused', () => {
    const signer = new Signer({ key: SECRET })
    const signed = signer.sign('value')
    const at = signed.indexOf(':') + 1
    let changed = 0
    for (let i = at; i < signed.length; i += 1) {
      const letter = signed[i] as string
      const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
      if (other === letter) continue
      changed += 1
      assert.throws(() => signer.unsign(signed.slice(0, i) + other + signed.slice(i + 1)), BadSignatureError)
    }
    assert.ok(changed > 20)
    assert.equal(signer.unsign(signed), 'value')
  })

  test('an empty salt is that of the class, as in Django', async (t) => {
    const timed = { ...common, salt: '' }
    const own = { ...common, salt: 'django.core.signing.TimestampSigner' }
    assert.equal(dumps({ a: 1 }, timed), dumps({ a: 1 }, own))
    assert.deepEqual(loads(dumps({ a: 1 }, own), timed), { a: 1 })
    assert.equal(new Signer({ key: SECRET, salt: '' }).sign('x'), new Signer({ key: SECRET }).sign('x'))
    if (djangoNeed.skip) return t.diagnostic(djangoNeed.skip)
    const django = await Django.start()
    await django.ask('at', [NOW])
    assert.equal(await django.ask('dumps', ['{"a":1}'], { salt: '' }), dumps({ a: 1 }, timed))
    assert.equal(await django.ask('sign', ['x'], { salt: '' }), new TimestampSigner(timed).sign('x'))
    await django.stop()
  })

  for (const { name, salt, value_in, cookie_value } of vectors.set_signed_cookie_v2)
    test(`set_signed_cookie(${name}, ${value_in}, salt=${salt}) is written and read`, () => {
      assert.equal(signCookieValue(value_in, { ...common, name, salt }), cookie_value)
      assert.equal(unsignCookieValue(cookie_value, { ...common, name, salt }), value_in)
    })

  for (const { name, salt, value_in, cookie_value } of vectors.set_signed_cookie_legacy)
    test(`set_signed_cookie(${name}, ${value_in}, salt=${salt}) of Django before 5.2.15 is written, and read when asked for`, () => {
      assert.equal(signCookieValue(value_in, { ...common, name, salt, format: 'legacy' }), cookie_value)
      assert.throws(() => unsignCookieValue(cookie_value, { ...common, name, salt }), BadSignatureError)
      assert.equal(unsignCookieValue(cookie_value, { ...common, name, salt, legacySalt: true }), value_in)
    })

  test('the hash of a login is that of Django, and is verified', () => {
    const { password_field, hash } = vectors.session_auth_hash
    assert.equal(sessionAuthHash(password_field, { secretKey: SECRET }), hash)
    assert.equal(verifySessionAuthHash(hash, password_field, { secretKey: SECRET }), 'current')
    const rotated = { secretKey: 'another', secretKeyFallbacks: [SECRET] }
    assert.equal(verifySessionAuthHash(hash, password_field, rotated), 'fallback')
    assert.equal(verifySessionAuthHash(hash, 'another password', { secretKey: SECRET }), null)
    assert.equal(verifySessionAuthHash(undefined, password_field, { secretKey: SECRET }), null)
  })
})

suite('a signature is checked', () => {
  const { rotation, reader_cases, salts } = vectors
  const salt = salts.session_data

  test('an old key verifies while it is among the fallbacks, and no longer signs', () => {
    const old = rotation.session_data_signed_with_old
    const options = { ...common, salt }
    assert.throws(() => loads(old, options), BadSignatureError)
    assert.deepEqual(loads(old, { ...options, fallbackKeys: ['x', OLD_SECRET] }), rotation.payload)
    assert.equal(dumps(rotation.payload, { ...options, fallbackKeys: [OLD_SECRET] }), rotation.reencoded_with_new)
    const cookie = rotation.set_signed_cookie_v2_c_hello_signed_with_old
    assert.throws(() => unsignCookieValue(cookie, { ...common, name: 'c' }), BadSignatureError)
    assert.equal(unsignCookieValue(cookie, { ...common, name: 'c', fallbackKeys: [OLD_SECRET] }), 'hello')
  })

  for (const { name, input, decoded } of reader_cases)
    test(`loads() of ${name} returns what Django reads`, () => {
      if (name === 'empty timestamp') assert.throws(() => loads(input, { ...common, salt }), BadSignatureError)
      else assert.deepEqual(loads(input, { ...common, salt }), decoded)
    })

  test('a signed string with an extra, missing or changed character is refused', () => {
    const signed = new Signer({ key: SECRET }).sign('Another string')
    for (const forged of [signed.toUpperCase(), `${signed}a`, `a${signed.slice(1)}`, signed.replace(':', ''), '', ':'])
      assert.throws(() => new Signer({ key: SECRET }).unsign(forged), BadSignatureError)
  })

  test('a value can contain the separator', () => {
    for (const value of ['hello', '3098247:529:087:', 'jkw osanteuh ,rcuh nthu aou oauh ,ud du', '\u2019']) {
      const signer = new Signer({ key: SECRET })
      assert.equal(signer.unsign(signer.sign(value)), value)
    }
  })

  test('a separator that could be a part of the signature is refused', () => {
    for (const sep of ['', '-', 'abc', '_', '^', '\\', '`'])
      assert.throws(() => new Signer({ key: SECRET, sep }), ConfigError)
    for (const sep of ['/', '*sep*', ',']) {
      const signer = new Signer({ key: SECRET, sep })
      assert.equal(signer.unsign(signer.sign('a')), 'a')
    }
  })

  test('missing keys, unknown algorithms and unknown options are refused', () => {
    for (const key of ['', new Uint8Array(), undefined, 7])
      assert.throws(() => new Signer({ key } as never), ConfigError)
    assert.throws(() => new Signer({ key: SECRET, algorithm: 'whatever' as never }), ConfigError)
    assert.throws(() => new Signer({ key: SECRET, seperator: ':' } as never), ConfigError)
    assert.throws(() => new Signer({ key: SECRET, fallbackKeys: 'x' as never }), ConfigError)
    assert.throws(() => unsignCookieValue('a', { key: SECRET, name: 'a', max_age: 1 } as never), ConfigError)
  })

  test('a misspelt option, such as max_age, is refused by every function, and is not taken for no limit', () => {
    const signer = timed()
    const [signed, object] = [signer.sign('hello'), signer.signObject({})]
    const wrong = { max_age: 60 } as never
    assert.throws(() => signer.unsign(signed, wrong), /Unknown option "max_age" for unsign\(\).*Known: maxAge\./)
    assert.throws(() => signer.unsignObject(object, wrong), /"max_age" for unsignObject\(\).*Known: maxAge, maxSize\./)
    const plain = new Signer({ key: SECRET })
    assert.throws(() => plain.unsignObject(plain.signObject({}), wrong), /"max_age" for unsignObject\(\)/)
    const options = { key: SECRET, max_age: 60 } as never
    assert.throws(() => loads(dumps({}, { key: SECRET }), options), /"max_age" for loads\(\).*maxAge/)
    assert.throws(() => dumps({}, options), /"max_age" for dumps\(\)/)
    assert.throws(() => loads('a', { key: SECRET, sep: '/' } as never), /"sep" for loads\(\)/)
    assert.throws(() => dumps({}, undefined as never), ConfigError)
    assert.throws(() => signCookieValue('a', { key: SECRET, name: 'a', max_age: 60 } as never), ConfigError)
    const keys = { secretKey: SECRET, secretKeyFallback: [OLD_SECRET] } as never
    assert.throws(() => sessionAuthHash('p', keys), /Did you mean "secretKeyFallbacks"/)
    assert.throws(() => verifySessionAuthHash('h', 'p', keys), /Did you mean "secretKeyFallbacks"/)
  })

  test('an option of the wrong type is refused by every function', () => {
    for (const legacy of [1, 'yes']) {
      assert.throws(() => new Signer({ key: SECRET, legacy: legacy as never }), /Signer: legacy/)
      assert.throws(() => verifySessionAuthHash('h', 'p', { secretKey: SECRET, legacy: legacy as never }), ConfigError)
    }
    assert.throws(() => new Signer({ key: SECRET }).signObject({}, { compress: 'yes' as never }), ConfigError)
    assert.throws(() => timed().unsign(timed().sign('a'), { maxAge: null as never }), ConfigError)
    assert.throws(() => timed().unsign('no signature', { maxAge: 'soon' as never }), ConfigError)
    const name = { ...common, name: 'c' }
    assert.throws(() => signCookieValue('a', { ...name, format: 'v3' as never }), /signCookieValue\(\): format/)
    assert.throws(() => unsignCookieValue('a', { ...name, legacySalt: 'no' as never }), /legacySalt/)
  })

  test('a string in place of a list of fallbacks is refused: each of its characters would be a key', () => {
    const forged = sessionAuthHash('p', { secretKey: 'x' })
    const wrong = { secretKey: SECRET, secretKeyFallbacks: 'xyz' as never }
    assert.throws(() => verifySessionAuthHash(forged, 'p', wrong), ConfigError)
    assert.throws(() => unsignCookieValue('a', { key: SECRET, name: 'c', fallbackKeys: 'xyz' as never }), ConfigError)
  })

  test('an empty key signs nothing, not even with the prefix that cookies add to it', () => {
    assert.throws(() => signCookieValue('a', { key: '', name: 'c' }), ConfigError)
    assert.throws(() => unsignCookieValue('a', { key: SECRET, name: 'c', fallbackKeys: [''] }), ConfigError)
    assert.throws(() => sessionAuthHash('p', { secretKey: '' }), ConfigError)
  })

  test('a signature of exactly the maximum age is accepted', () => {
    const signed = timed().sign('hello')
    const later = (ms: number) => timed({ clock: () => NOW + ms })
    assert.equal(later(11_000).unsign(signed, { maxAge: '11s' }), 'hello')
    assert.equal(later(11_000).unsign(signed, { maxAge: 12_000 }), 'hello')
    assert.throws(() => later(11_000).unsign(signed, { maxAge: '10s' }), SignatureExpiredError)
    assert.throws(() => later(10_500).unsign(signed, { maxAge: '10s' }), SignatureExpiredError)
    assert.throws(() => later(1).unsign(signed, { maxAge: 0 }), SignatureExpiredError)
    assert.equal(later(-1e9).unsign(signed, { maxAge: '10s' }), 'hello')
  })

  test('a cookie that is too old is not tried again in the legacy format', () => {
    const options = { ...common, name: 'c', clock: () => NOW + 20_000, maxAge: '10s', legacySalt: true }
    const fresh = signCookieValue('hello', { ...common, name: 'c' })
    const legacy = signCookieValue('hello', { ...common, name: 'c', format: 'legacy' })
    assert.throws(() => unsignCookieValue(fresh, options), SignatureExpiredError)
    assert.throws(() => unsignCookieValue(legacy, options), SignatureExpiredError)
  })

  test('a cookie signed as (a, bc) is refused as (ab, c), also when the salt is an emoji', () => {
    const value = signCookieValue('x', { ...common, name: 'a', salt: 'bc' })
    assert.throws(() => unsignCookieValue(value, { ...common, name: 'ab', salt: 'c' }), BadSignatureError)
    const snake = signCookieValue('x', { ...common, name: 'a', salt: '🐍' })
    assert.ok(timed({ key: `django.http.cookies${SECRET}`, salt: 'django.http.cookies.v2:1:🐍a' }).unsign(snake))
  })

  test('an error contains nothing of the signed string', () => {
    for (const text of ['secret-value:sig', 'secret-value'])
      assert.throws(
        () => loads(text, common),
        (error: Error) => !error.message.includes('secret-value'),
      )
  })
})

suite('a signed payload that cannot be read is a BadPayloadError', () => {
  const sign = (body: string | Buffer, dot = '') =>
    timed({ salt: 'django.core.signing' }).sign(dot + Buffer.from(body).toString('base64url'))
  const read = (text: string, options = {}) => loads(text, { ...common, ...options })

  test('a payload that is not JSON is refused', () => {
    for (const body of [
      '',
      '{',
      '{"a":1,}',
      "{'a':1}",
      '[1,]',
      '01',
      '1.',
      '.5',
      '+1',
      '"\u0001"',
      '"\\x"',
      '"\\u12g4"',
      'nul',
      '1 2',
      '\ufeff{}',
    ])
      assert.throws(() => read(sign(body)), BadPayloadError, body)
  })

  test('a payload that is not a zlib stream, or a truncated one, is refused', () => {
    assert.throws(() => read(sign('no zlib', '.')), BadPayloadError)
    assert.throws(() => read(sign(deflateSync('{"a":"aaaaaaaaaa"}').subarray(0, 12), '.')), BadPayloadError)
  })

  test('a few bytes that would expand beyond the limit are refused', () => {
    const bomb = sign(deflateSync(`"${'a'.repeat(2 ** 21)}"`), '.')
    assert.ok(bomb.length < 4096)
    assert.throws(() => read(bomb), BadPayloadError)
    assert.equal((read(bomb, { maxSize: 2 ** 22 }) as string).length, 2 ** 21)
    assert.throws(() => read(sign(`"${'a'.repeat(200)}"`), { maxSize: 100 }), BadPayloadError)
  })

  test('what expands beyond the limit is refused before it is in memory', async () => {
    const chunk = Buffer.alloc(2 ** 20, ' ')
    const deflate = createDeflate({ level: 1 })
    const bomb = buffer(Readable.from(Array.from({ length: 256 }, () => chunk)).pipe(deflate))
    const signed = sign(await bomb, '.')
    // In a process of its own: the most memory that it ever had counts, whatever is collected in the meantime.
    const script = `
      import { readFileSync } from 'node:fs'
      import { loads } from ${JSON.stringify(import.meta.resolve('../../packages/django/src/signer.ts'))}
      const text = readFileSync(0, 'latin1')
      const before = process.resourceUsage().maxRSS
      let name = ''
      try {
        loads(text, { key: ${JSON.stringify(SECRET)} })
      } catch (error) {
        name = error.name
      }
      console.log(name, Math.round((process.resourceUsage().maxRSS - before) / 1024))`
    const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      input: signed,
      encoding: 'utf8',
    })
    const [name, megabytes] = run.stdout.trim().split(' ')
    assert.equal(name, 'BadPayloadError', run.stderr)
    assert.ok(Number(megabytes) < 100, `${megabytes} MB`)
  })

  test('excessive nesting is refused', () => {
    assert.throws(() => read(sign('['.repeat(200_000))), BadPayloadError)
    const deep: unknown[] = []
    deep.push(deep)
    assert.throws(() => dumps(deep, common))
  })

  test('an integer with more digits than Python accepts is refused', () => {
    assert.throws(() => read(sign('9'.repeat(4301))), BadPayloadError)
    assert.equal(read(sign('9'.repeat(400))), BigInt('9'.repeat(400)))
  })

  test('a pickle is refused with advice for Django’s settings', () => {
    assert.throws(
      () => read(sign(Buffer.from('80059510', 'hex'))),
      (error) => error instanceof UnsupportedError && /JSONSerializer/.test(error.message),
    )
  })

  test('NaN and the infinities are numbers, as in Python', () => {
    assert.deepEqual(read(sign('[NaN,Infinity,-Infinity,-0,1e999]')), [Number.NaN, Infinity, -Infinity, 0, Infinity])
  })

  test('a key named __proto__ is data', () => {
    const value = read(sign('{"__proto__":{"admin":true},"constructor":1}')) as Record<string, unknown>
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor'])
    assert.equal(({} as Record<string, unknown>).admin, undefined)
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
  })

  test('of a repeated key, the last value counts', () =>
    assert.deepEqual(read(sign('{"a":1,"b":2,"a":3}')), { a: 3, b: 2 }))
})

suite('compared with a real Django', { skip: djangoNeed.skip }, () => {
  let django: Django
  before(async () => {
    django = await Django.start()
    await django.ask('at', [NOW])
  })
  after(() => django.stop())

  test('compressed bytes are those of Python’s zlib', async () => {
    const word = fc.constantFrom(
      '"_auth_user_id"',
      ':',
      '","',
      'aaaa',
      'b',
      '\\u00e9',
      '{',
      '}',
      'django.contrib',
      '0',
      '17',
    )
    const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number) => fc.sample(arbitrary, { numRuns: count, seed: 42 })
    const random = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    const inputs = [
      // Python's documents, and any text.
      ...sample(fc.array(word, { maxLength: 400 }), 200).map((parts) => Buffer.from(parts.join(''))),
      ...sample(fc.array(fc.string({ unit: 'grapheme', maxLength: 9 }), { maxLength: 60 }), 200).map((parts) =>
        Buffer.from(parts.join('')),
      ),
      // Bytes that do not compress, at all lengths around the empty one.
      ...Array.from({ length: 40 }, (_, length) => Buffer.from(sample(random(length), 1)[0] as Uint8Array)),
      // Repetitions at all lengths around the longest match, 258.
      ...Array.from({ length: 40 }, (_, i) => Buffer.alloc(240 + i, 'a')),
      // Longer than a window (32 KB), a stored block (64 KB) and the buffers inside, repetitive, random and in between.
      ...[32_768, 65_535, 65_536, 100_000, 300_000, 2_500_000].map((length) => Buffer.alloc(length, 'abcdé🐍')),
      ...[33_000, 70_000, 1_200_000].map((length) => Buffer.from(sample(random(length), 1)[0] as Uint8Array)),
      Buffer.from(JSON.stringify(sample(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), 4000))),
      Buffer.from(
        sample(fc.array(word, { minLength: 400, maxLength: 400 }), 600)
          .flat()
          .join(''),
      ),
    ]
    assert.ok(inputs.length > 490)
    const theirs = await django.ask('compress', [inputs.map((each) => each.toString('hex'))])
    for (const [i, each] of inputs.entries())
      assert.ok(Buffer.from(theirs[i], 'hex').equals(compressLikePython(each)), `input ${i}, ${each.length} bytes`)
  })

  test('any value can be read by the other side, compressed or not', async () => {
    const json = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ unit: 'binary' }), json), fc.boolean(), async (value, compress) => {
        const theirs = await django.ask('dumps', [JSON.stringify(value), compress])
        assert.deepEqual(toNumbers(loads(theirs, common)), JSON.parse(JSON.stringify(value)))
        const ours = dumps(value, { ...common, compress })
        const back = await django.ask('loads', [ours])
        // Stringified again, because Python keeps the sign of a zero and JSON.stringify does not.
        assert.deepEqual(JSON.parse(JSON.stringify(JSON.parse(back))), JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 150 },
    )
  })

  test('values are written with the same bytes as Django’s when both have the same numbers', async () => {
    const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null))
    const key = fc.string().filter((text) => !/^\d+$/.test(text))
    const value = fc.dictionary(key, fc.oneof(scalar, fc.array(scalar), fc.dictionary(key, scalar)), { maxKeys: 30 })
    await fc.assert(
      fc.asyncProperty(value, async (given) =>
        assert.equal(
          dumps(given, { ...common, compress: true }),
          await django.ask('dumps', [JSON.stringify(given), true]),
        ),
      ),
      { numRuns: 150 },
    )
  })

  test('signatures are the same with every algorithm, separator and salt', async () => {
    for (const algorithm of [
      'md5',
      'sha1',
      'sha224',
      'sha256',
      'sha384',
      'sha512',
      'sha3_224',
      'sha3_256',
      'sha3_384',
      'sha3_512',
      'blake2b',
      'blake2s',
    ] as const)
      for (const [sep, salt] of [
        [':', 'x'],
        ['/', 'salt é 🐍'],
        ['*sep*', ''],
      ] as const) {
        const options = { algorithm, sep, ...(salt && { salt }) }
        const value = `value é 🐍 ${sep} x`
        assert.equal(timed(options).sign(value), await django.ask('sign', [value], options))
        assert.equal(await django.ask('unsign', [timed(options).sign(value), 60], options), value)
      }
  })

  test('an altered or expired value is refused by both', async () => {
    const signed = timed().sign('value')
    await assert.rejects(django.ask('unsign', [`${signed}x`]), { name: 'BadSignature' })
    assert.throws(() => timed().unsign(`${signed}x`), BadSignatureError)
    await django.ask('at', [NOW + 11_000])
    await assert.rejects(django.ask('unsign', [signed, 10]), { name: 'SignatureExpired' })
    await django.ask('at', [NOW])
  })

  test('signed cookies of Django 3.2 are read and written', async () => {
    const theirs = await django.ask('set_signed_cookie', ['basket', 'é:3', 'shop'])
    const options = { ...common, name: 'basket', salt: 'shop' }
    assert.equal(unsignCookieValue(theirs, { ...options, legacySalt: true }), 'é:3')
    const ours = signCookieValue('é:3', { ...options, format: 'legacy' })
    assert.equal(await django.ask('get_signed_cookie', ['basket', ours, 'shop']), 'é:3')
  })

  test('SHA-1 signatures of Django before 3.1 are read when asked for', async (test) => {
    if (!(await django.writesLegacy())) return test.skip(NO_LEGACY)
    const old = await django.ask('legacy_sign', ['value'])
    assert.throws(() => timed().unsign(old), BadSignatureError)
    assert.equal(timed({ legacy: true }).unsign(old), 'value')
    const hash = await django.ask('auth_hash', ['pbkdf2$x', true])
    assert.equal(verifySessionAuthHash(hash, 'pbkdf2$x', { secretKey: SECRET }), null)
    assert.equal(verifySessionAuthHash(hash, 'pbkdf2$x', { secretKey: SECRET, legacy: true }), 'fallback')
  })
})

/** `JSON.stringify` writes large floats like integers, so that Python made integers of them. */
const toNumbers = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(toNumbers)
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toNumbers(each)]))
    : value
}
const bigAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
const reviveBig = (json: string) => JSON.parse(json.replace(':12345678901234567890', ':"12345678901234567890"'))
