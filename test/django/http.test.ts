import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { content, plain, seenOf } from './samples.ts'
import { runSequences, SEQUENCES } from './sequences.ts'
import { Browser, type Site, startSite } from './site.ts'
import { hashOf, storages } from './storages.ts'

const DAY = 86_400
const COUNT = 200

for (const storage of storages)
  suite(`a Django project and a Node application, one cookie jar: ${storage.name}`, { skip: storage.skip }, () => {
    let site: Site
    const cookies = storage.backend === 'signed_cookies'
    const irrevocable = cookies && 'a signed cookie cannot be revoked'

    before(async () => {
      site = await startSite(storage)
    })
    after(() => site?.close())

    /** Runs a trial with random sessions, and counts the failures. */
    async function compare(t: TestContext, trial: (text: string, i: number) => Promise<void>): Promise<void> {
      let differences = 0
      const rest = fc.sample(content, COUNT).entries()
      const worker = async () => {
        for (const [i, text] of rest)
          await trial(text, i).catch((error) => {
            t.diagnostic(String(error))
            differences++
          })
      }
      // One at a time where concurrent writers would block each other.
      await Promise.all(Array.from({ length: storage.name.includes('SQLite') ? 1 : 4 }, worker))
      t.diagnostic(`${COUNT} sessions, ${differences} differences`)
      assert.equal(differences, 0)
    }

    test(`Node reads ${COUNT} sessions that Django wrote, and adds to them without altering the rest`, (t) =>
      compare(t, async (text, i) => {
        const browser = new Browser()
        const written = (await browser.ask(site.django, '/put', text)).data
        const seen = (await browser.ask(site.node, '/state')).data
        await browser.ask(site.node, '/put', `{"by node":${i}}`)
        const now = (await browser.ask(site.django, '/state')).data
        assert.deepEqual(plain(seen), seenOf(written))
        assert.equal(now, `${written.slice(0, -1)},"by node":${i}}`)
      }))

    test(`Django reads ${COUNT} sessions that Node wrote, and Node reads what Django adds`, (t) =>
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
        test('a login is valid on the other side, under a new key, with the data from before', async () => {
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

        test('a logout is effective on the other side', async () => {
          const browser = new Browser()
          await browser.ask(other(), '/login?name=ada&password=secret')
          await browser.ask(one(), '/logout')
          assert.equal(browser.cookie, null)
          for (const base of [site.django, site.node])
            assert.deepEqual(await browser.ask(base, '/state'), { user: null, data: '{}' })
        })

        test('a logout ends the session for a copy of the cookie, too', { skip: irrevocable }, async () => {
          const browser = new Browser()
          await browser.ask(other(), '/login?name=ada&password=secret')
          const kept = browser.cookie
          await browser.ask(one(), '/logout')
          for (const base of [site.django, site.node])
            assert.deepEqual(await new Browser(kept).ask(base, '/state'), { user: null, data: '{}' })
        })

        test('a renewal leaves nothing under the old key', { skip: irrevocable }, async () => {
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

        test('a password change ends all sessions on both sides except the one that made it', async () => {
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

        test('an expiry that is set on one side is effective on the other', async () => {
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

        test('an expired session is gone on both sides', {
          skip:
            ['redis', 'cache', 'cached_db'].includes(storage.backend) &&
            'Redis expires keys by its own clock, which a test cannot set',
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

    test(`after each step of ${SEQUENCES} random sequences, by both sides in turn, both read the same session`, () =>
      runSequences(site, { revocable: !cookies }))

    test('a password change by another program ends sessions on both sides', async () => {
      await site.users.change("UPDATE auth_user SET password = ? WHERE username = 'bob'", [hashOf('secret')])
      const browser = new Browser()
      await browser.ask(site.node, '/login?name=bob&password=secret')
      assert.equal(await browser.user(site.django), await site.idOf('bob'))
      await site.users.change("UPDATE auth_user SET password = ? WHERE username = 'bob'", [
        hashOf('secret', 'anothersaltanothersalt'),
      ])
      const { cookie } = browser
      for (const base of [site.node, site.django]) assert.equal(await new Browser(cookie).user(base), null)
      assert.ok(site.events.some((event) => event.type === 'rejected' && event.reason === 'credential'))
    })

    test('an altered session is refused on both sides', {
      skip: storage.backend === 'cache' && 'Django does not sign what it caches',
    }, async () => {
      for (const base of [site.node, site.django]) {
        const browser = new Browser()
        await browser.ask(base, '/login?name=ada&password=secret')
        const key = browser.cookie as string
        if (site.tamper) await site.tamper(key)
        const altered = site.tamper ? key : key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
        site.events.length = 0
        for (const each of [site.node, site.django])
          assert.deepEqual(await new Browser(altered).ask(each, '/state'), { user: null, data: '{}' })
        assert.ok(site.events.some((event) => event.type === 'rejected' && event.reason === 'forged'))
      }
    })

    test('Django reads the changes of all of twenty concurrent requests to Node', {
      skip: cookies && 'of two cookies, the last one wins',
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
