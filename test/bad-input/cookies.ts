import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { listening } from '../adapters/serve.ts'
import { ALL, bitFlips, fixture, idsIn, isAnonymous, MARK, SERVER_SIDE, secret, USER, valueIn } from './fixture.ts'

const NAME = '__Host-id'
const controls = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code === 32 ? 127 : code)).join('')

/** Cookie headers without a valid session cookie, made from a valid one. */
const HEADERS: readonly (readonly [title: string, header: (cookie: string) => string | undefined])[] = [
  ['none at all', () => undefined],
  ['an empty header', () => ''],
  ['no value', () => `${NAME}=`],
  ['no equals sign', () => NAME],
  ['only separators', () => ';;; ; =; = ;'],
  ['an empty name', (cookie) => `=${valueIn(cookie)}`],
  ['other cookies', () => 'theme=dark; lang=en'],
  ['a name that ends like ours', (cookie) => `x${cookie}`],
  ['a name in another case', (cookie) => cookie.replace(NAME, NAME.toUpperCase())],
  ['the cookie as the value of another', (cookie) => `theme=${cookie}`],
  ['NUL bytes', () => `${NAME}=${'\0'.repeat(64)}`],
  ['control bytes', () => `${NAME}=${controls}`],
  ['a NUL after the value', (cookie) => `${cookie}\0`],
  ['invalid percent codes', () => `${NAME}=%`],
  ['more invalid percent codes', () => `${NAME}=%zz%00%E0%A4%A%ff`],
  ['the value in percent codes', (cookie) => `${NAME}=%${Buffer.from(valueIn(cookie)).toString('hex')}`],
  ['the wrong alphabet', () => `${NAME}=${'+/'.repeat(32)}`],
  ['letters of other scripts', () => `${NAME}=${'й'.repeat(64)}`],
  ['padding', (cookie) => `${cookie}=`],
  ['quotes', (cookie) => `${NAME}="${valueIn(cookie)}"`],
  ['a blank in the value', (cookie) => `${NAME}=${valueIn(cookie).slice(0, 9)} ${valueIn(cookie).slice(9)}`],
  ['one character too many', (cookie) => `${cookie}A`],
  ['one character too few', (cookie) => cookie.slice(0, -1)],
  ['four characters too few', (cookie) => cookie.slice(0, -4)],
  ['the same characters in reverse order', (cookie) => `${NAME}=${[...valueIn(cookie)].reverse().join('')}`],
  ['a made-up value of the right length', (cookie) => `${NAME}=${'A'.repeat(valueIn(cookie).length)}`],
  ['64 KB of value', () => `${NAME}=${'A'.repeat(65_536)}`],
  ['64 KB of cookies', () => 'a=b; '.repeat(13_000)],
  ['64 KB of our name', () => `${NAME}=${'A'.repeat(64)}; `.repeat(850)],
  ['64 KB of separators', () => ';'.repeat(65_536)],
]

for (const backing of ALL)
  suite(`a cookie that is not ours, ${backing}`, () => {
    for (const [title, header] of HEADERS)
      test(`counts as no cookie, and makes no store call: ${title}`, async () => {
        const here = fixture(backing)
        const cookie = await here.session()
        here.watch.calls.length = 0
        isAnonymous(await here.request(header(cookie)))
        assert.deepEqual(here.watch.calls, [])
        // A visitor with such a cookie can begin a session like any other, with a new token.
        const begun = await here.request(header(cookie), (session) => session.set('a', 1))
        assert.equal((await here.request(begun.cookie)).session.get('a'), 1)
        assert.ok(!header(cookie)?.includes(valueIn(begun.cookie)))
        assert.equal((await here.request(cookie)).session.userId, USER)
      })

    test('is refused when any bit of a valid one is flipped', async () => {
      const here = fixture(backing)
      const cookie = await here.session({ a: 1 })
      const bytes = Buffer.from(valueIn(cookie), 'base64url')
      here.watch.calls.length = 0
      let flips = 0
      for (const flipped of bitFlips(bytes)) {
        isAnonymous(await here.request(`${NAME}=${flipped.toString('base64url')}`))
        flips += 1
      }
      assert.equal(flips, bytes.length * 8)
      if ((SERVER_SIDE as readonly string[]).includes(backing)) assert.equal(flips, 528)
      assert.deepEqual(here.watch.calls, [])
      const refused = here.events.filter(({ type }) => type === 'rejected')
      assert.equal(refused.length, flips)
      for (const event of refused)
        assert.match('reason' in event ? (event.reason ?? '') : '', /^(malformed|unknown-(key|version)|forged)$/)
    })

    test('is refused when any character of a valid one is replaced', async () => {
      const here = fixture(backing)
      const value = valueIn(await here.session({ a: 1 }))
      here.watch.calls.length = 0
      for (let at = 0; at < value.length; at += 1)
        for (const other of ['A', '-', '=', ' ', 'ñ'])
          if (value[at] !== other && !(at === value.length - 1 && /\s/.test(other)))
            isAnonymous(await here.request(`${NAME}=${value.slice(0, at)}${other}${value.slice(at + 1)}`))
      assert.deepEqual(here.watch.calls, [])
    })

    test('is refused when it was made with a key that we do not have', async () => {
      const here = fixture(backing)
      const foreign = fixture(backing, { secrets: secret('another') })
      isAnonymous(await here.request(await foreign.session()))
      assert.deepEqual(here.events, [{ type: 'rejected', what: 'cookie', reason: 'unknown-key' }])
      assert.deepEqual(here.watch.calls, [])
    })

    test('is refused when it was made for another cookie name', async () => {
      const here = fixture(backing, { cookie: { name: '__Host-other' } })
      const there = fixture(backing)
      const cookie = await there.session()
      isAnonymous(await here.request(cookie))
      if (backing.endsWith('cookie')) isAnonymous(await here.request(`__Host-other=${valueIn(cookie)}`))
      assert.deepEqual(here.watch.calls, [])
    })

    test('is refused whatever string it is', async () => {
      const here = fixture(backing)
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
          isAnonymous(await here.request(text))
          isAnonymous(await here.request(`${NAME}=${text.replaceAll(NAME, '')}`))
        }),
        { numRuns: 200 },
      )
      assert.deepEqual(here.watch.calls, [])
    })
  })

for (const backing of ALL)
  suite(`two cookies with our name, ${backing}`, () => {
    test('that are equal count as one', async () => {
      const here = fixture(backing)
      const cookie = await here.session()
      assert.equal((await here.request(`${cookie}; ${cookie}`)).session.userId, USER)
    })

    test('of which one is forged: the other counts, in either order', async () => {
      const here = fixture(backing)
      const cookie = await here.session()
      for (const forged of [`${NAME}=${'A'.repeat(64)}`, `${NAME}=`, `${cookie}A`])
        for (const header of [`${cookie}; ${forged}`, `${forged}; ${cookie}`, `${forged}; a=b; ${cookie}; ${forged}`])
          assert.equal((await here.request(header)).session.userId, USER)
    })

    test('and many more: eight are tried, and one event stands for the rest', async () => {
      const here = fixture(backing)
      const cookie = await here.session()
      const forged = Array.from({ length: 200 }, (_, i) => `${NAME}=${'A'.repeat(61)}${100 + i}`)
      for (const [header, user] of [
        [[...forged.slice(0, 7), cookie, ...forged], USER],
        [[...forged.slice(0, 8), cookie], null],
      ] as const) {
        here.events.length = here.watch.calls.length = 0
        const { session } = await here.request(header.join('; '))
        assert.equal(session.userId, user)
        const reasons = here.events.flatMap((event) => (event.type === 'rejected' ? [event.reason] : []))
        assert.equal(reasons.filter((reason) => reason === 'too-many').length, 1)
        assert.equal(reasons.length, user ? 8 : 9)
      }
    })

    test('that are both alive are ambiguous: neither is accepted', async () => {
      const here = fixture(backing)
      const [one, other] = [await here.session(), await here.session()]
      here.watch.calls.length = here.events.length = 0
      for (const header of [`${one}; ${other}`, `${other}; ${one}`, `${one}; ${one}; ${other}`]) {
        isAnonymous(await here.request(header))
        const rejected = here.events.splice(0).filter(({ type }) => type !== 'loaded')
        assert.deepEqual(rejected, [{ type: 'rejected', what: 'cookie', reason: 'ambiguous' }])
      }
      assert.equal((await here.request(one)).session.userId, USER)
    })
  })

suite('over HTTP', () => {
  test('none of these cookies causes an error or creates a record', { timeout: 20_000 }, async (t) => {
    const here = fixture('two-key')
    const listener = withSessions(here.sessions, async (request, response) => {
      response.end(String((await here.sessions.get(request)).userId))
    })
    const { url, close } = await listening(createServer({ maxHeaderSize: 131_072 }, listener))
    t.after(close)
    const client = http1(url)
    t.after(() => client.close())
    const visitor = new Visitor(client)
    const cookie = await here.session()
    const records = await idsIn(here.store)
    for (const [title, header] of HEADERS) {
      const sent = header(cookie) ?? ''
      // Node's client refuses to send these.
      if (/[^\t\x20-\x7e\x80-\xff]/.test(sent)) continue
      const page = await visitor.ask('/', { cookie: sent })
      assert.deepEqual([page.status, page.text, page.all('set-cookie')], [200, 'null', []], title)
    }
    assert.deepEqual(await idsIn(here.store), records)
    assert.ok(!here.events.some((event) => JSON.stringify(event).includes(MARK)))
  })
})
