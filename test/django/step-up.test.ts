import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { createDjangoSessions, djangoCookies } from '../../packages/django/src/index.ts'
import { DataError } from '../../packages/strongroom/src/errors.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { NOW, SECRET } from './peer.ts'
import { Browser, type Site, startSite } from './site.ts'
import { storages } from './storages.ts'
import { Visitor } from './visitor.ts'

const SHARED = /^(?:db on SQLite|db on PostgreSQL|file|signed_cookies)$/
const TOTP = 'method=totp&level=2'
const LOGIN = '/login?name=ada&password=secret'

const chosen = storages.filter(({ name }) => SHARED.test(name))

for (const storage of chosen)
  suite(`a proof in a session that is shared with Django: ${storage.name}`, { skip: storage.skip }, () => {
    let site: Site
    before(async () => {
      site = await startSite(storage)
    })
    after(() => site?.close())

    /** 200, or 401 where a fresh proof is needed. */
    async function danger(browser: Browser, level = 1): Promise<number> {
      const headers = { cookie: `sessionid=${browser.cookie}` }
      const response = await fetch(`${site.node}/danger?level=${level}`, { headers })
      await response.text()
      return response.status
    }
    /** What Django has under the key. */
    const stored = async (browser: Browser) =>
      ((await browser.data(site.django)) as { _strongroom_proof?: { user: string; proofs: unknown[][] } })
        ._strongroom_proof

    test('nobody knows when a user signed in at Django, so what is dangerous asks for a proof', async () => {
      const browser = new Browser()
      assert.equal(await danger(browser), 401)
      await browser.ask(site.django, LOGIN)
      await browser.ask(site.node, '/put', '{"basket":3}')
      assert.equal(await danger(browser), 401)
      await browser.ask(site.node, '/step-up?method=password')
      assert.equal(await danger(browser), 200)
      assert.equal(await danger(browser, 2), 401)
    })

    test('a login here stores one if it is told a method or a level, and otherwise what Django stores', async () => {
      const browser = new Browser()
      await browser.ask(site.node, LOGIN)
      assert.equal(await stored(browser), undefined)
      assert.equal(await danger(browser), 401)
      await browser.ask(site.node, `${LOGIN}&${TOTP}`)
      const { user, proofs } = (await stored(browser)) ?? assert.fail('nothing is stored')
      assert.equal(user, await site.idOf('ada'))
      // As docs/step-up.md shows it.
      const shown = JSON.parse(/```json\n(.*)\n```/.exec(readFileSync('docs/step-up.md', 'utf8'))?.[1] ?? '')
      assert.deepEqual(Object.keys(shown), ['user', 'proofs'])
      assert.deepEqual(
        { user, proofs: proofs.map(([, ...rest]) => rest) },
        { user, proofs: [shown.proofs[0].slice(1)] },
      )
      assert.equal(typeof shown.proofs[0][0], typeof proofs[0]?.[0])
      assert.equal(await danger(browser, 2), 200)
      await browser.ask(site.node, LOGIN)
      assert.equal(await stored(browser), undefined)
    })

    test('stays through writes and renewals of both sides, gets old, and is given again under a new key', async () => {
      const browser = new Browser()
      await browser.ask(site.node, LOGIN)
      await browser.ask(site.node, `/step-up?${TOTP}`)
      for (const base of [site.django, site.node]) {
        await browser.ask(base, '/put', '{"basket":3}')
        await browser.ask(base, '/renew')
        assert.equal(await danger(browser, 2), 200)
      }
      await site.ahead(11 * 60)
      assert.equal(await danger(browser), 401)
      const before = browser.cookie
      await browser.ask(site.node, `/step-up?${TOTP}`)
      assert.notEqual(browser.cookie, before)
      assert.equal(await danger(browser, 2), 200)
      assert.equal(await browser.user(site.django), await site.idOf('ada'))
      if (storage.backend !== 'signed_cookies') assert.equal(await new Browser(before).user(site.django), null)
    })

    test('is of one user: a login of another, here or at Django, leaves nothing of it', async () => {
      for (const base of [site.django, site.node]) {
        const browser = new Browser()
        await browser.ask(site.node, `${LOGIN}&${TOTP}`)
        await browser.ask(base, '/login?name=bob&password=secret')
        assert.equal(await stored(browser), undefined)
        assert.equal(await danger(browser), 401)
        await browser.ask(site.node, `${LOGIN}&${TOTP}`)
        await browser.ask(base, '/logout')
        await browser.ask(base, LOGIN)
        assert.equal(await danger(browser), 401)
      }
    })

    test('of Django\u2019s own views counts here, for the user that it names', async () => {
      const browser = new Browser()
      await browser.ask(site.django, LOGIN)
      await browser.ask(site.django, `/prove?user=${await site.idOf('bob')}`)
      assert.equal(await danger(browser), 401)
      await browser.ask(site.django, '/prove')
      assert.equal(await danger(browser), 200)
      assert.equal(await danger(browser, 2), 401)
      await browser.ask(site.node, '/put', '{"basket":3}')
      assert.deepEqual((await stored(browser))?.proofs[0]?.slice(1), [1, 'password'])
    })

    test('is not seen among the data, and cannot be written as one of them', async () => {
      const browser = new Browser()
      await browser.ask(site.node, `${LOGIN}&${TOTP}`)
      await browser.ask(site.node, '/put', '{"basket":3}')
      assert.deepEqual(await browser.data(site.node), { basket: 3 })
      const forged = { user: await site.idOf('ada'), proofs: [[Date.now(), 9, 'forged']] }
      await assert.rejects(browser.ask(site.node, '/put', JSON.stringify({ _strongroom_proof: forged })))
      assert.equal(await danger(browser, 3), 401)
    })
  })

suite('a proof in a session of Django', () => {
  const clock = manualClock(NOW)
  const sessions = createDjangoSessions({
    store: djangoCookies(),
    secretKey: SECRET,
    password: () => 'pbkdf2$1',
    clock,
  })

  test('tells level, method and moment; without one the moment is not known', async () => {
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.login('7'))
    clock.advance(1000)
    await visitor.visit(({ level, method, authenticatedAt }) =>
      assert.deepEqual([level, method, authenticatedAt], [1, null, null]),
    )
    await visitor.visit((session) => session.stepUp({ method: 'totp', level: 2 }))
    const at = clock()
    clock.advance(1000)
    await visitor.visit((session) => session.set('a', 1))
    await visitor.visit((session) => session.stepUp({ method: 'password' }))
    await visitor.visit((session) => {
      assert.deepEqual([session.level, session.method, session.authenticatedAt?.getTime()], [2, 'password', clock()])
      assert.throws(() => session.requireFresh(999, { level: 2 }), { reason: 'stale', authenticatedAt: new Date(at) })
    })
  })

  test('the key is refused as a value, with the call to make instead', async () => {
    const visitor = new Visitor(sessions)
    await assert.rejects(
      visitor.visit((session) => void session.set('_strongroom_proof', { user: '7', proofs: [] })),
      (error) => error instanceof DataError && /call login\(\) or stepUp\(\) instead/.test(error.message),
    )
  })

  test('what is no proof counts as none', async () => {
    const { proofsIn } = await import('../../packages/django/src/proofs.ts')
    const { readDocument } = await import('../../packages/django/src/document.ts')
    const good = { user: '7', proofs: [[1, 1, null]] }
    for (const [given, count] of [
      [good, 1],
      [{ ...good, user: '8' }, 0],
      [{ ...good, user: 7 }, 0],
      [{ proofs: good.proofs }, 0],
      [{ user: '7' }, 0],
      [{ user: '7', proofs: [[1, 10, null]] }, 0],
      [{ user: '7', proofs: [['1', 1, null]] }, 0],
      [{ user: '7', proofs: [[1, 1, 5]] }, 0],
      [{ user: '7', proofs: [1] }, 0],
      [{ user: '7', proofs: {} }, 0],
      ['7', 0],
      [null, 0],
    ] as const)
      assert.equal(proofsIn(readDocument(JSON.stringify({ _strongroom_proof: given })), '7').length, count)
    assert.equal(proofsIn(readDocument('{}'), '7').length, 0)
    assert.equal(proofsIn(readDocument(JSON.stringify({ _strongroom_proof: good })), null).length, 0)
  })
})
