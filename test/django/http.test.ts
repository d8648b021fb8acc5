import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { hashOf, places } from './places.ts'
import { Browser, type Site, startSite } from './site.ts'

const DAY = 86_400
const COUNT = 200

const scalar = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.integer().map(String),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((number) => JSON.stringify(number)),
  // Integers that a number of Node's cannot hold, and floats that are whole.
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc.integer({ min: -1000, max: 1000 }).map((number) => `${number}.0`),
  fc.boolean().map(String),
  fc.constant('null'),
  fc.date({ noInvalidDate: true }).map((date) => JSON.stringify(date)),
)
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((key) => !/^[~_]/.test(key))
const listOf = (item: fc.Arbitrary<string>) => fc.array(item, { maxLength: 4 }).map((items) => `[${items.join(',')}]`)
const objectOf = (key: fc.Arbitrary<string>, item: fc.Arbitrary<string>, minKeys = 0) =>
  fc
    .uniqueArray(fc.tuple(key, item), { selector: ([key]) => key, minLength: minKeys, maxLength: 5 })
    .map((pairs) => `{${pairs.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`)
/** JSON texts of sessions, as Python may write them; small enough for a cookie. */
const content = objectOf(
  name,
  fc.oneof(scalar, listOf(scalar), objectOf(name, fc.oneof(scalar, listOf(scalar)))),
  1,
).filter((text) => JSON.stringify(Buffer.from(text).toString('latin1')).length < 1200)

/** What Node is to see of a JSON text: an integer that a number cannot hold is its digits. */
const seenOf = (text: string): unknown =>
  JSON.parse(text, (_, value, context?: { source: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source as string).toString()
      : value,
  )
const plain = (text: string): unknown => JSON.parse(text, (_, value) => (Object.is(value, -0) ? 0 : value))

for (const place of places)
  suite(`a Django project and a Node application, one cookie jar: ${place.name}`, { skip: place.skip }, () => {
    let site: Site
    const cookies = place.backend === 'signed_cookies'
    const noWayBack = cookies && 'a signed cookie cannot be taken back'

    before(async () => {
      site = await startSite(place)
    })
    after(() => site?.close())

    /** Puts random sessions to a trial, and counts those that fail it. */
    async function compare(t: TestContext, trial: (text: string, i: number) => Promise<void>): Promise<void> {
      let differences = 0
      const rest = fc.sample(content, COUNT).entries()
      const hand = async () => {
        for (const [i, text] of rest)
          await trial(text, i).catch((error) => {
            t.diagnostic(String(error))
            differences++
          })
      }
      // One at a time where two that write are in each other's way.
      await Promise.all(Array.from({ length: place.name === 'db on SQLite' ? 1 : 4 }, hand))
      t.diagnostic(`${COUNT} sessions, ${differences} differences`)
      assert.equal(differences, 0)
    }

    test(`${COUNT} sessions that Django wrote: Node sees them, and adds to them without altering a letter`, (t) =>
      compare(t, async (text, i) => {
        const browser = new Browser()
        const written = (await browser.ask(site.django, '/put', text)).data
        const seen = (await browser.ask(site.node, '/state')).data
        await browser.ask(site.node, '/put', `{"by node":${i}}`)
        const now = (await browser.ask(site.django, '/state')).data
        assert.deepEqual(plain(seen), seenOf(written))
        assert.equal(now, `${written.slice(0, -1)},"by node":${i}}`)
      }))

    test(`${COUNT} sessions that Node wrote: Django sees them, and what it adds Node sees`, (t) =>
      compare(t, async (text, i) => {
        const given = plain(text) as Record<string, unknown>
        const browser = new Browser()
        await browser.ask(site.node, '/put', JSON.stringify(given))
        const seen = (await browser.ask(site.django, '/state')).data
        await browser.ask(site.django, '/put', `{"by Django":${i}}`)
        const now = (await browser.ask(site.node, '/state')).data
        assert.deepEqual(plain(seen), given)
        assert.deepEqual(JSON.parse(now), { ...given, 'by Django': i })
      }))

    for (const [title, one, other] of [
      ['Django', () => site.django, () => site.node],
      ['Node', () => site.node, () => site.django],
    ] as const)
      suite(`by ${title}`, () => {
        test('a login is one for the other, under a new key, with what was there before', async () => {
          const browser = new Browser()
          await browser.ask(one(), '/put', '{"basket":3}')
          const anonymous = browser.cookie
          await browser.ask(one(), '/login?name=ada&password=secret')
          assert.notEqual(browser.cookie, anonymous)
          const ada = await site.idOf('ada')
          assert.deepEqual(await browser.ask(other(), '/state'), { user: ada, data: '{"basket":3}' })
          await browser.ask(other(), '/put', '{"basket":4}')
          assert.deepEqual(await browser.ask(one(), '/state'), { user: ada, data: '{"basket":4}' })
          if (cookies) return
          for (const base of [site.django, site.node])
            assert.deepEqual(await new Browser(anonymous).ask(base, '/state'), { user: null, data: '{}' })
        })

        test('a logout is one for the other', async () => {
          const browser = new Browser()
          await browser.ask(other(), '/login?name=ada&password=secret')
          await browser.ask(one(), '/logout')
          assert.equal(browser.cookie, null)
          for (const base of [site.django, site.node])
            assert.deepEqual(await browser.ask(base, '/state'), { user: null, data: '{}' })
        })

        test('a logout is one for whoever has kept the cookie', { skip: noWayBack }, async () => {
          const browser = new Browser()
          await browser.ask(other(), '/login?name=ada&password=secret')
          const kept = browser.cookie
          await browser.ask(one(), '/logout')
          for (const base of [site.django, site.node])
            assert.deepEqual(await new Browser(kept).ask(base, '/state'), { user: null, data: '{}' })
        })

        test('a renewal leaves nothing under the old key', { skip: noWayBack }, async () => {
          const browser = new Browser()
          await browser.ask(other(), '/login?name=ada&password=secret')
          const old = browser.cookie
          await browser.ask(one(), '/renew')
          assert.notEqual(browser.cookie, old)
          for (const base of [site.django, site.node]) {
            assert.equal(await browser.user(base), await site.idOf('ada'))
            assert.equal(await new Browser(old).user(base), null)
          }
        })

        test('a change of the password ends all sessions on both sides but the one that made it', async () => {
          await site.users.change("UPDATE auth_user SET password = ? WHERE username = 'bob'", [hashOf('secret')])
          const [changing, byDjango, byNode] = [new Browser(), new Browser(), new Browser()]
          for (const [browser, base] of [
            [changing, one()],
            [byDjango, site.django],
            [byNode, site.node],
          ] as const)
            await browser.ask(base, '/login?name=bob&password=secret')
          await changing.ask(one(), '/put', '{"basket":1}')
          await changing.ask(one(), '/password?to=other')
          const bob = await site.idOf('bob')
          for (const base of [other(), one()])
            assert.deepEqual(await changing.ask(base, '/state'), { user: bob, data: '{"basket":1}' })
          for (const browser of [byDjango, byNode])
            for (const base of [site.node, site.django]) assert.equal(await browser.user(base), null)
          for (const base of [site.node, site.django]) {
            const again = new Browser()
            await again.ask(base, '/login?name=bob&password=other')
            assert.equal(await again.user(base === site.node ? site.django : site.node), bob)
          }
        })

        test('what an expiry is set to, is one for the other', async () => {
          const at = new Date((Math.floor(Date.now() / 1000) + DAY) * 1000)
          const forms = [
            ['300', '300', 300, false],
            ['0', '"browser"', 14 * DAY, true],
            ['null', 'null', 14 * DAY, false],
            [JSON.stringify(at.toISOString().replace('.000Z', '+00:00')), JSON.stringify({ at }), DAY, false],
          ] as const
          for (const [django, node, age, closing] of forms) {
            const browser = new Browser()
            await browser.ask(site.django, '/put', '{"a":1,"_session_expiry":77}')
            const to = one() === site.django ? django : node === '300' ? '"5m"' : node
            await browser.ask(one(), `/expiry?to=${encodeURIComponent(to)}`)
            assertLife(browser.line, age, closing)
            const [left, closes] = JSON.parse((await browser.ask(site.django, '/expiry')).data)
            assert.ok(left <= age && left > age - 60, `${left} of ${age}`)
            assert.equal(closes, closing)
            await browser.ask(other(), '/put', '{"b":1}')
            assertLife(browser.line, age, closing)
            const lasts = await site.left?.(browser.cookie as string)
            if (lasts !== undefined) assert.ok(lasts <= age && lasts > age - 60, `${lasts} of ${age}`)
          }
        })

        test('a session whose time is over is nobody’s for both', {
          skip: place.backend === 'redis' && 'Redis removes what is over by its own clock, which no test can set',
        }, async () => {
          const browser = new Browser()
          await browser.ask(one(), '/login?name=ada&password=secret')
          const { cookie } = browser
          const users = async (seconds: number) => {
            await site.ahead(seconds)
            return [await new Browser(cookie).user(site.node), await new Browser(cookie).user(site.django)]
          }
          try {
            const ada = await site.idOf('ada')
            assert.deepEqual(await users(14 * DAY - 60), [ada, ada])
            assert.deepEqual(await users(14 * DAY + 60), [null, null])
          } finally {
            await site.ahead(0)
          }
        })
      })

    test('a change of the password by another program ends sessions on both sides', async () => {
      await site.users.change("UPDATE auth_user SET password = ? WHERE username = 'bob'", [hashOf('secret')])
      const browser = new Browser()
      await browser.ask(site.node, '/login?name=bob&password=secret')
      assert.equal(await browser.user(site.django), await site.idOf('bob'))
      await site.users.change("UPDATE auth_user SET password = ? WHERE username = 'bob'", [
        hashOf('secret', 'anothersaltanothersalt'),
      ])
      const { cookie } = browser
      for (const base of [site.node, site.django]) assert.equal(await new Browser(cookie).user(base), null)
      assert.ok(site.events.some((event) => event.type === 'notOurs' && event.reason === 'credential'))
    })

    test('what somebody has altered is refused by both', async () => {
      for (const base of [site.node, site.django]) {
        const browser = new Browser()
        await browser.ask(base, '/login?name=ada&password=secret')
        const key = browser.cookie as string
        if (site.tamper) await site.tamper(key)
        const altered = site.tamper ? key : key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
        site.events.length = 0
        for (const each of [site.node, site.django])
          assert.deepEqual(await new Browser(altered).ask(each, '/state'), { user: null, data: '{}' })
        assert.ok(site.events.some((event) => event.type === 'notOurs' && event.reason === 'forged'))
      }
    })

    test('twenty requests at once to Node leave Django all of their changes', {
      skip: cookies && 'between two cookies the last one wins',
    }, async () => {
      const browser = new Browser()
      await browser.ask(site.node, '/put', '{"start":1}')
      const { cookie } = browser
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => new Browser(cookie).ask(site.node, '/put', `{"n${i}":${i}}`)),
      )
      assert.equal(Object.keys((await browser.data(site.django)) as object).length, 21)
    })
  })

function assertLife(line: string | null, age: number, closing: boolean): void {
  const seconds = Number(/max-age=(\d+)/i.exec(String(line))?.[1])
  assert.ok(closing ? Number.isNaN(seconds) : seconds <= age && seconds > age - 60, `${line}: not ${age}`)
}
