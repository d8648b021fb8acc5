import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { ConfigError, CookieRefusedError, TooLargeError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'

const HOUR = 3_600_000
type Set = Parameters<ReturnType<typeof createSessions>['setSignedCookie']>

/** Sessions, the line that `setSignedCookie` adds, and a request that sends the cookie back. */
function open(options: Parameters<typeof fixture>[0] = {}) {
  const { sessions, clock } = fixture(options)
  const line = (name: string, value: string | null, options?: Set[3]): string => {
    const headers = new Headers()
    sessions.setSignedCookie(headers, name, value, options)
    return headers.getSetCookie()[0] ?? ''
  }
  const back = (name: string, value: string, options?: Set[3]) => ({ cookie: line(name, value, options).split(';')[0] })
  return { sessions, clock, line, back }
}

const refused = (reason: CookieRefusedError['reason']) => (error: unknown) =>
  error instanceof CookieRefusedError && error.reason === reason && error.status === 400

suite('a signed cookie', () => {
  test('returns any string unchanged', () => {
    const { sessions, back } = open()
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.string({ unit: 'grapheme' }), (text, salt) => {
        assert.equal(sessions.getSignedCookie(back('a', text, { salt }), 'a', { salt }), text)
      }),
    )
  })

  test('is found among eight of its name, and no more are tried', () => {
    const { sessions, back } = open()
    const good = back('a', 'hello').cookie
    const forged = Array.from({ length: 8 }, (_, i) => `a=forged${i}`)
    assert.equal(sessions.getSignedCookie({ cookie: [...forged.slice(1), good].join('; ') }, 'a'), 'hello')
    assert.throws(() => sessions.getSignedCookie({ cookie: [...forged, good].join('; ') }, 'a'), refused('malformed'))
  })

  test('that is absent is undefined, or the default', () => {
    const { sessions } = open()
    assert.equal(sessions.getSignedCookie({}, 'a'), undefined)
    assert.equal(sessions.getSignedCookie({ cookie: 'b=1; a=' }, 'a'), undefined)
    assert.equal(sessions.getSignedCookie(new Headers(), 'a', { default: null }), null)
  })

  test('with any one bit changed is refused', () => {
    const { sessions, back } = open()
    const [, text = ''] = back('a', 'hello').cookie?.split('=') ?? []
    const bytes = Buffer.from(text, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes)
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const request = { cookie: `a=${altered.toString('base64url')}` }
      assert.throws(() => sessions.getSignedCookie(request, 'a'), CookieRefusedError)
      assert.equal(sessions.getSignedCookie(request, 'a', { default: 'none' }), 'none')
    }
    for (const garbage of ['hello', 'hello:1r31eq:abc', text.slice(0, -1), `${text}A`, '%', '=='])
      assert.throws(() => sessions.getSignedCookie({ cookie: `a=${garbage}` }, 'a'), CookieRefusedError)
  })

  test('is refused under another name or salt, however the two are combined', () => {
    const { sessions, back } = open()
    const [, value] = back('a', 'x', { salt: 'bc' }).cookie?.split('=') ?? []
    for (const [name, salt] of [
      ['ab', 'c'],
      ['abc', ''],
      ['a', ''],
      ['a', 'b'],
      ['a', 'bc","'],
    ] as const)
      assert.throws(() => sessions.getSignedCookie({ cookie: `${name}=${value}` }, name, { salt }), refused('forged'))
    assert.equal(sessions.getSignedCookie({ cookie: `a=${value}` }, 'a', { salt: 'bc' }), 'x')
  })

  test('is refused in another namespace under the same secrets, which by default is the name of the session cookie', () => {
    const namespaces = ['shop', 'sho', 'shopa', '__Host-id', undefined]
    for (const mine of namespaces)
      for (const other of namespaces) {
        const made = open({ namespace: mine }).back('a', 'x', { salt: 's' })
        const read = () => open({ namespace: other }).sessions.getSignedCookie(made, 'a', { salt: 's' })
        if ((mine ?? '__Host-id') === (other ?? '__Host-id')) assert.equal(read(), 'x')
        else assert.throws(read, refused('forged'), `${mine} in ${other}`)
      }
    // Whatever the session cookies are called.
    const made = open({ namespace: 'shop', cookie: { name: '__Host-a' } }).back('a', 'x')
    assert.equal(open({ namespace: 'shop' }).sessions.getSignedCookie(made, 'a'), 'x')
    assert.throws(() => open({ cookie: { name: '__Host-a' } }).sessions.getSignedCookie(made, 'a'), refused('forged'))
  })

  test('is signed as it is documented', () => {
    const { back } = open({ namespace: 'shop' })
    const bytes = Buffer.from(back('a', 'x', { salt: 's' }).cookie?.slice(2) ?? '', 'base64url')
    const { value } = createKeyring(secret('fixture')).current
    const mac = createHmac('sha256', value)
      .update('\0\0\0\x04shop')
      .update('["a","s"]\n')
      .update(bytes.subarray(0, -32))
    assert.deepEqual(bytes.subarray(-32), mac.digest())
  })

  test('is not accepted as a session, and a session in a cookie is not accepted as a signed cookie', async () => {
    const clock = manualClock()
    const sessions = createSessions({ secrets: secret('fixture'), store: 'cookie:?protection=signed', clock })
    const visit = sessions.open({})
    ;(await visit.get()).set('a', 1)
    const [pair = ''] = (await visit.commit()).setCookie?.split(';') ?? []
    const value = pair.slice(pair.indexOf('=') + 1)
    assert.throws(() => sessions.getSignedCookie({ cookie: `a=${value}` }, 'a'), refused('malformed'))
    assert.throws(() => sessions.getSignedCookie({ cookie: pair }, '__Host-id'), /the name of the session cookie/)
    assert.throws(() => sessions.setSignedCookie(new Headers(), '__Host-id', 'x'), ConfigError)
    const headers = new Headers()
    sessions.setSignedCookie(headers, 'a', 'x')
    const forged = headers.getSetCookie()[0]?.split(';')[0]?.replace('a=', '__Host-id=')
    assert.equal((await sessions.read({ cookie: forged })).isNew, true)
  })

  test('expires at its own maxAge, or earlier at the maxAge of the reader', () => {
    const { sessions, clock, back } = open()
    const [long, short] = [back('a', 'x'), back('a', 'y', { maxAge: '1h' })]
    clock.advance(11_000)
    assert.equal(sessions.getSignedCookie(long, 'a', { maxAge: '12s' }), 'x')
    assert.equal(sessions.getSignedCookie(long, 'a', { maxAge: 11_000 }), 'x')
    assert.throws(() => sessions.getSignedCookie(long, 'a', { maxAge: '10s' }), refused('expired'))
    assert.equal(sessions.getSignedCookie(long, 'a', { maxAge: '10s', default: 'd' }), 'd')
    clock.advance(HOUR - 11_001)
    assert.equal(sessions.getSignedCookie(short, 'a'), 'y')
    clock.advance(1)
    // A copy of the cookie is not valid for longer than the browser stores the original.
    assert.throws(() => sessions.getSignedCookie(short, 'a'), refused('expired'))
    assert.equal(sessions.getSignedCookie(long, 'a'), 'x')
  })

  test('is accepted under a retired secret, and not under a removed one', async () => {
    const { sessions, back } = open({ secrets: secret('old') })
    const old = back('a', 'x')
    await sessions.reloadSecrets([secret('new'), secret('old')])
    assert.equal(sessions.getSignedCookie(old, 'a'), 'x')
    const fresh = back('a', 'y')
    await sessions.reloadSecrets(secret('new'))
    assert.equal(sessions.getSignedCookie(fresh, 'a'), 'y')
    assert.throws(() => sessions.getSignedCookie(old, 'a'), refused('unknown-key'))
  })

  test('of this format can always be read', () => {
    const { sessions, clock, line } = open()
    const made = 'BlIB0alKIAAB0amBDoBncsO8biDwn421moB2DfU91b9uqkh_i1S9PdtP39ec0hL-UcLW-WoQI1k'
    assert.equal(clock(), 2_000_000_000_000)
    assert.equal(sessions.getSignedCookie({ cookie: `tea=${made}` }, 'tea', { salt: 'shop' }), 'grün 🍵')
    assert.match(line('tea', 'grün 🍵', { salt: 'shop', maxAge: '1h' }), new RegExp(`^tea=${made};`))
  })

  test('that is sent twice: a forged one is ignored, and two valid ones that differ are refused', () => {
    const { sessions, back } = open()
    const [good, other] = [back('a', 'x').cookie, back('a', 'y').cookie]
    assert.equal(sessions.getSignedCookie({ cookie: `a=forged; ${good}; ${good}` }, 'a'), 'x')
    assert.throws(() => sessions.getSignedCookie({ cookie: `${good}; ${other}` }, 'a'), refused('ambiguous'))
  })

  test('has the attributes that were passed, and safe ones otherwise', () => {
    const { line } = open()
    const of = (text: string) => Object.fromEntries(parseSetCookie(text).attributes)
    assert.deepEqual(of(line('a', 'x')), { path: '/', httponly: '', secure: '', samesite: 'Lax' })
    assert.deepEqual(
      of(line('a', 'x', { maxAge: '2h', httpOnly: false, path: '/p', domain: 'a.example', sameSite: 'strict' })),
      { path: '/p', secure: '', samesite: 'Strict', domain: 'a.example', 'max-age': '7200' },
    )
    assert.deepEqual(of(line('a', 'x', { sameSite: 'none', partitioned: true })), {
      path: '/',
      httponly: '',
      secure: '',
      samesite: 'None',
      partitioned: '',
    })
    const plain = open({ cookie: { name: 'id', secure: false } })
    assert.equal('secure' in of(plain.line('a', 'x')), false)
  })

  test('is cleared by null, with the same attributes', () => {
    const { line } = open()
    const { attributes, value } = parseSetCookie(line('a', null, { path: '/p' }))
    assert.deepEqual([value, attributes.get('max-age'), attributes.get('path')], ['', '0', '/p'])
  })

  test('is refused when no browser would store it, and when options are wrong', () => {
    const { sessions, line } = open()
    assert.throws(() => line('a', 'x'.repeat(3100)), TooLargeError)
    assert.throws(() => line('__Host-a', 'x', { path: '/p' }), /path '\/' and no domain/)
    assert.throws(() => line('a b', 'x'), ConfigError)
    assert.throws(() => line('a', 'x', { maxage: '1h' } as never), /Unknown option "maxage".*maxAge/)
    assert.throws(() => line('a', 'x', { maxAge: 0 }), ConfigError)
    assert.throws(() => line('a', 7 as never), TypeError)
    assert.throws(() => line('', 'x'), TypeError)
    assert.throws(() => line('a', 'x', { salt: 1 as never }), ConfigError)
    assert.throws(() => sessions.getSignedCookie({}, 'a', { max_age: 1 } as never), /Unknown option "max_age"/)
    assert.throws(() => sessions.setSignedCookie({} as never, 'a', 'x'), /takes the response/)
  })
})
