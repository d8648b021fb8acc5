import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { listening } from '../adapters/serve.ts'
import { ALL, bitFlips, idsIn, isNobody, MARK, STORED, secret, USER, valueIn, world } from './world.ts'

const NAME = '__Host-id'
const controls = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code === 32 ? 127 : code)).join('')

/** Cookie headers in which no session is to be found, given one in which there is. */
const HEADERS: readonly (readonly [title: string, header: (cookie: string) => string | undefined])[] = [
  ['none at all', () => undefined],
  ['an empty header', () => ''],
  ['no value', () => `${NAME}=`],
  ['no equals sign', () => NAME],
  ['only separators', () => ';;; ; =; = ;'],
  ['a name that is nothing', (cookie) => `=${valueIn(cookie)}`],
  ['other cookies', () => 'theme=dark; lang=en'],
  ['a name that ends like ours', (cookie) => `x${cookie}`],
  ['a name in another case', (cookie) => cookie.replace(NAME, NAME.toUpperCase())],
  ['a value within another', (cookie) => `theme=${cookie}`],
  ['NUL bytes', () => `${NAME}=${'\0'.repeat(64)}`],
  ['control bytes', () => `${NAME}=${controls}`],
  ['a NUL after the value', (cookie) => `${cookie}\0`],
  ['percent junk', () => `${NAME}=%`],
  ['more percent junk', () => `${NAME}=%zz%00%E0%A4%A%ff`],
  ['the value in percent codes', (cookie) => `${NAME}=%${Buffer.from(valueIn(cookie)).toString('hex')}`],
  ['the wrong alphabet', () => `${NAME}=${'+/'.repeat(32)}`],
  ['letters of other scripts', () => `${NAME}=${'й'.repeat(64)}`],
  ['padding', (cookie) => `${cookie}=`],
  ['quotes', (cookie) => `${NAME}="${valueIn(cookie)}"`],
  ['a blank in the value', (cookie) => `${NAME}=${valueIn(cookie).slice(0, 9)} ${valueIn(cookie).slice(9)}`],
  ['one character too many', (cookie) => `${cookie}A`],
  ['one character too few', (cookie) => cookie.slice(0, -1)],
  ['four characters too few', (cookie) => cookie.slice(0, -4)],
  ['the same characters from the back', (cookie) => `${NAME}=${[...valueIn(cookie)].reverse().join('')}`],
  ['the right length, made up', (cookie) => `${NAME}=${'A'.repeat(valueIn(cookie).length)}`],
  ['64 KB of value', () => `${NAME}=${'A'.repeat(65_536)}`],
  ['64 KB of cookies', () => 'a=b; '.repeat(13_000)],
  ['64 KB of our name', () => `${NAME}=${'A'.repeat(64)}; `.repeat(850)],
  ['64 KB of separators', () => ';'.repeat(65_536)],
]

for (const backing of ALL)
  suite(`a cookie that is not ours, ${backing}`, () => {
    for (const [title, header] of HEADERS)
      test(`is a stranger's, and asks nothing of the store: ${title}`, async () => {
        const here = world(backing)
        const cookie = await here.session()
        here.watch.calls.length = 0
        isNobody(await here.request(header(cookie)))
        assert.deepEqual(here.watch.calls, [])
        // Whoever comes with one can begin a session like anybody, under a token of its own.
        const begun = await here.request(header(cookie), (session) => session.set('a', 1))
        assert.equal((await here.request(begun.cookie)).session.get('a'), 1)
        assert.ok(!header(cookie)?.includes(valueIn(begun.cookie)))
        assert.equal((await here.request(cookie)).session.userId, USER)
      })

    test('whatever bit of a good one is flipped', async () => {
      const here = world(backing)
      const cookie = await here.session({ a: 1 })
      const bytes = Buffer.from(valueIn(cookie), 'base64url')
      here.watch.calls.length = 0
      let flips = 0
      for (const flipped of bitFlips(bytes)) {
        isNobody(await here.request(`${NAME}=${flipped.toString('base64url')}`))
        flips += 1
      }
      assert.equal(flips, bytes.length * 8)
      if ((STORED as readonly string[]).includes(backing)) assert.equal(flips, 384)
      assert.deepEqual(here.watch.calls, [])
      const refused = here.events.filter(({ type }) => type === 'notOurs')
      assert.equal(refused.length, flips)
      for (const event of refused)
        assert.match('reason' in event ? event.reason : '', /^(malformed|unknown-(key|version)|forged)$/)
    })

    test('whatever character of a good one is another', async () => {
      const here = world(backing)
      const value = valueIn(await here.session({ a: 1 }))
      here.watch.calls.length = 0
      for (let at = 0; at < value.length; at += 1)
        for (const other of ['A', '-', '=', ' ', 'ñ'])
          if (value[at] !== other && !(at === value.length - 1 && /\s/.test(other)))
            isNobody(await here.request(`${NAME}=${value.slice(0, at)}${other}${value.slice(at + 1)}`))
      assert.deepEqual(here.watch.calls, [])
    })

    test('one that was made under a key that we do not have', async () => {
      const here = world(backing)
      const foreign = world(backing, { secrets: secret('another') })
      isNobody(await here.request(await foreign.session()))
      assert.deepEqual(here.events, [{ type: 'notOurs', what: 'cookie', reason: 'unknown-key' }])
      assert.deepEqual(here.watch.calls, [])
    })

    test('one that was made for another name', async () => {
      const here = world(backing, { cookie: { name: '__Host-other' } })
      const there = world(backing)
      const cookie = await there.session()
      isNobody(await here.request(cookie))
      if (backing.endsWith('cookie')) isNobody(await here.request(`__Host-other=${valueIn(cookie)}`))
      assert.deepEqual(here.watch.calls, [])
    })

    test('any text at all', async () => {
      const here = world(backing)
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
          isNobody(await here.request(text))
          isNobody(await here.request(`${NAME}=${text.replaceAll(NAME, '')}`))
        }),
        { numRuns: 200 },
      )
      assert.deepEqual(here.watch.calls, [])
    })
  })

for (const backing of ALL)
  suite(`two cookies of our name, ${backing}`, () => {
    test('that are equal are one', async () => {
      const here = world(backing)
      const cookie = await here.session()
      assert.equal((await here.request(`${cookie}; ${cookie}`)).session.userId, USER)
    })

    test('of which one is forged: the other counts, whichever comes first', async () => {
      const here = world(backing)
      const cookie = await here.session()
      for (const forged of [`${NAME}=${'A'.repeat(64)}`, `${NAME}=`, `${cookie}A`])
        for (const header of [`${cookie}; ${forged}`, `${forged}; ${cookie}`, `${forged}; a=b; ${cookie}; ${forged}`])
          assert.equal((await here.request(header)).session.userId, USER)
    })

    test('that are both ours are ambiguous: nobody is guessed, and nothing asked', async () => {
      const here = world(backing)
      const [one, other] = [await here.session(), await here.session()]
      here.watch.calls.length = here.events.length = 0
      for (const header of [`${one}; ${other}`, `${other}; ${one}`, `${one}; ${one}; ${other}`]) {
        isNobody(await here.request(header))
        assert.deepEqual(here.events.splice(0), [{ type: 'notOurs', what: 'cookie', reason: 'ambiguous' }])
      }
      assert.deepEqual(here.watch.calls, [])
      assert.equal((await here.request(one)).session.userId, USER)
    })
  })

suite('over HTTP', () => {
  test('none of these is answered with an error, and none makes a record', { timeout: 20_000 }, async (t) => {
    const here = world('two-key')
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
      // A client of Node's own refuses to send these.
      if (/[^\t\x20-\x7e\x80-\xff]/.test(sent)) continue
      const page = await visitor.ask('/', { cookie: sent })
      assert.deepEqual([page.status, page.text, page.all('set-cookie')], [200, 'null', []], title)
    }
    assert.deepEqual(await idsIn(here.store), records)
    assert.ok(!here.events.some((event) => JSON.stringify(event).includes(MARK)))
  })
})
