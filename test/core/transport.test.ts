import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseSetCookie } from 'cookie'
import fc from 'fast-check'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { type CookieSettings, cookieTransport } from '../../packages/strongroom/src/http/cookie.ts'
import { header } from '../../packages/strongroom/src/http/headers.ts'
import { fixture } from './fixtures/fixture.ts'

const DAY = 86_400_000

/** The attributes of a Set-Cookie line, as a browser parses it (RFC 6265 §5.2), in any order. */
const attributes = (line: string) => line.split('; ').slice(1).sort()

describe('the cookie of a session', () => {
  it('is by default for https, for this host, for no script, and until the browser closes', () => {
    const line = cookieTransport().set('abc')
    assert.equal(line.split(';')[0], '__Host-id=abc')
    assert.deepEqual(attributes(line), ['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure'])
  })

  it('has the attributes of the options, and always HttpOnly', () => {
    const forms: [CookieSettings, string[]][] = [
      [{ name: 'id', secure: false }, ['HttpOnly', 'Path=/', 'SameSite=Lax']],
      [{ sameSite: 'strict' }, ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure']],
      [{ sameSite: 'none', partitioned: true }, ['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure']],
      [
        { name: '__Secure-id', domain: 'example.com', path: '/app' },
        ['Domain=example.com', 'HttpOnly', 'Path=/app', 'SameSite=Lax', 'Secure'],
      ],
    ]
    for (const [settings, expected] of forms) {
      const transport = cookieTransport(settings)
      assert.deepEqual(attributes(transport.set('abc')), expected)
      // A browser clears a cookie only when path, domain and partition are the same.
      const gone = attributes(transport.clear())
      assert.deepEqual(gone, [...expected, 'Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'Max-Age=0'].sort())
      assert.match(transport.clear(), new RegExp(`^${transport.name}=;`))
    }
  })

  it('lasts for the given time in whole seconds, and is cleared when none is left', () => {
    const { set } = cookieTransport()
    const age = (ms: number) => parseSetCookie(set('abc', ms)).maxAge
    assert.deepEqual([age(14 * DAY), age(1999), age(999), age(0), age(-5)], [1_209_600, 1, 0, 0, 0])
    assert.deepEqual(attributes(set('abc', 1000)), ['HttpOnly', 'Max-Age=1', 'Path=/', 'SameSite=Lax', 'Secure'])
  })

  it('is refused when browsers would refuse it, or when others could read or set it', () => {
    const bad: CookieSettings[] = [
      { secure: false },
      { name: '__Secure-id', secure: false },
      { name: '__host-id', secure: false },
      { name: 'id', secure: false, sameSite: 'none' },
      { name: 'id', secure: false, partitioned: true },
      { domain: 'example.com' },
      { path: '/app' },
      { name: '__HOST-id', path: '/app' },
      { name: '' },
      { name: 'a b' },
      { name: 'a=b' },
      { name: 'a;b' },
      { name: 'ä' },
      { name: 'a\n' },
      { name: 'x'.repeat(257) },
      { name: '__Secure-id', path: 'app' },
      { name: '__Secure-id', path: '/a;b' },
      { name: '__Secure-id', path: '/a\r\nSet-Cookie: x=y' },
      { name: '__Secure-id', path: '/ä' },
      { name: '__Secure-id', domain: '' },
      { name: '__Secure-id', domain: 'example.com; Secure' },
      { name: '__Secure-id', domain: 'exa mple' },
      { name: '__Secure-id', domain: `${'a'.repeat(63)}.`.repeat(4) },
      { name: '__Secure-id', domain: 5 as never },
      { sameSite: 'Lax' as never },
      { sameSite: true as never },
      { secure: 1 as never },
      { partitioned: 'yes' as never },
      { httpOnly: false } as never,
    ]
    for (const settings of bad) assert.throws(() => cookieTransport(settings), ConfigError, JSON.stringify(settings))
    assert.throws(() => cookieTransport({ maxAge: 5 } as never), /Known: name, secure/)
  })

  it('is refused in production without a protected name and https', () => {
    const bad: CookieSettings[] = [{ name: 'id' }, { name: 'id', secure: false }, { name: 'Host-id' }]
    for (const settings of bad) assert.throws(() => cookieTransport(settings, true), ConfigError)
    for (const settings of [{}, { name: '__Secure-id', domain: 'example.com' }, { name: '__Host-s' }])
      cookieTransport(settings, true)
  })
})

describe('a Cookie header', () => {
  const { read } = cookieTransport({ name: 'id', secure: false })

  it('returns every value under our name, in order, and none under a similar name', () => {
    const forms: [string | null | undefined, string[]][] = [
      ['id=abc', ['abc']],
      ['a=1; id=abc; b=2', ['abc']],
      ['id=abc; id=def;id=ghi', ['abc', 'def', 'ghi']],
      ['  id=abc\t;\tid= def ', ['abc', 'def']],
      ['id="abc"', ['"abc"']],
      ['id=a=b', ['a=b']],
      ['id=%61', ['%61']],
      ['id=', []],
      ['id=; id= ;id=\t', []],
      ['id', []],
      ['ID=abc; xid=abc; id2=abc; =id=abc; x id=abc', []],
      ['=id', []],
      ['; ; ;id=abc; ;', ['abc']],
      ['', []],
      [null, []],
      [undefined, []],
    ]
    for (const [text, values] of forms) assert.deepEqual(read(text), values, JSON.stringify(text))
  })

  it('of any kind returns the same as splitting it, and quickly', () => {
    const piece = fc.oneof(
      fc.constantFrom('id=', 'id', '=', ';', '; ', ' ', '\t', 'id=v', '__Host-id=', ',', '"'),
      fc.string(),
    )
    const text = fc.oneof(
      fc.array(piece).map((all) => all.join('')),
      fc.string({ unit: 'binary' }),
    )
    const plainly = (given: string) =>
      given
        .split(';')
        .map((part) => part.replace(/^[ \t]+/, ''))
        .filter((part) => part.startsWith('id='))
        .map((part) => part.slice(3).trim())
        .filter(Boolean)
    fc.assert(
      fc.property(text, (given) => assert.deepEqual(read(given), plainly(given))),
      { numRuns: 1000 },
    )
    assert.equal(read('id=;'.repeat(1 << 20)).length, 0)
    assert.equal(read(' '.repeat(1 << 20)).length, 0)
    assert.equal(read(`${';'.repeat(1 << 20)}id=abc`).length, 1)
  })

  it('is found in headers of every kind, with several lines joined', () => {
    const request = new Headers({ Cookie: 'id=abc' })
    assert.equal(header(request, 'cookie'), 'id=abc')
    assert.equal(header(new Headers(), 'cookie'), undefined)
    assert.equal(header({ cookie: 'id=abc' }, 'cookie'), 'id=abc')
    assert.equal(header({ cookie: ['a=1', 'id=abc'] }, 'cookie'), 'a=1; id=abc')
    assert.equal(header({}, 'cookie'), undefined)
    assert.equal(header({ get: 'a header of that name', cookie: 'id=abc' }, 'cookie'), 'id=abc')
  })
})

describe('two cookies with our name', () => {
  const two = async (make: (mine: string, other: string) => string[]) => {
    const { sessions, visitor, events, calls } = fixture()
    const [ada, eve] = [visitor(), visitor()]
    await ada.visit((session) => session.login('ada'))
    await eve.visit((session) => session.login('eve'))
    events.length = calls.length = 0
    const name = sessions.policy.cookieName
    const values = make(ada.cookie ?? '', eve.cookie ?? '')
    const session = await sessions.read({ cookie: values.map((value) => `${name}=${value}`).join('; ') })
    return {
      user: session.userId,
      reasons: events.flatMap((event) => (event.type === 'rejected' ? event.reason : [])),
      calls,
    }
  }

  it('of which one is invalid or forged count as one', async () => {
    for (const make of [
      (mine: string) => ['junk', mine],
      (mine: string) => [mine, 'junk'],
      (mine: string) => [mine, mine.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))],
    ])
      assert.equal((await two(make)).user, 'ada')
  })

  it('that are equal count as one', async () => {
    assert.deepEqual(await two((mine) => [mine, mine]), { user: 'ada', reasons: [], calls: ['read'] })
  })

  it('that are both alive are ambiguous: neither is accepted', async () => {
    for (const make of [(mine: string, other: string) => [mine, other], (mine: string, other: string) => [other, mine]])
      assert.deepEqual(await two(make), { user: null, reasons: ['ambiguous'], calls: ['read', 'read'] })
  })
})
