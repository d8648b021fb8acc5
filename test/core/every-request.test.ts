import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseSetCookie } from 'cookie'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { REVOCABLE } from './fixtures/engines.ts'
import { fixture, last } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000]
const maxAgeOf = (line: string | null) => (line === null ? null : (parseSetCookie(line).maxAge ?? 'browser'))

for (const [name, app] of Object.entries(REVOCABLE))
  suite(`saveEveryRequest, on ${name}`, () => {
    const open = () => app({ saveEveryRequest: true, idle: '30m', absolute: '12h' })

    test('a request that only reads moves the deadline to the millisecond, and sends the cookie again', async () => {
      const { visitor, clock, events } = open()
      const guest = visitor()
      await guest.visit((session) => session.set('a', 1))
      for (const step of [SECOND, 29 * MINUTE, 29 * MINUTE]) {
        clock.advance(step)
        const { session, respond } = guest.begin()
        await session()
        const { setCookie } = await respond()
        assert.notEqual(setCookie, null)
        await guest.visit((session) => assert.equal(session.expiresAt?.getTime(), clock() + 30 * MINUTE))
      }
      assert.equal(events.filter(({ type }) => type === 'updated').length, 6)
    })

    test('a request that never asks for its session keeps it alive too', async () => {
      const { visitor, clock } = open()
      const guest = visitor()
      await guest.visit((session) => session.set('a', 1))
      for (let i = 0; i < 4; i++) {
        clock.advance(29 * MINUTE)
        const { setCookie, used } = await guest.begin().respond()
        assert.deepEqual([setCookie !== null, used], [true, true])
      }
      await guest.visit((session) => assert.equal(session.get('a'), 1))
    })

    test('the absolute deadline still holds', async () => {
      const { visitor, clock } = open()
      const guest = visitor()
      await guest.visit((session) => session.set('a', 1))
      for (let i = 0; i < 25; i++) {
        clock.advance(29 * MINUTE)
        await guest.begin().respond()
      }
      await guest.visit((session) => assert.equal(session.isNew, true))
    })

    test('nothing is created for a visitor without a cookie, or with a cookie that opens nothing', async () => {
      const { visitor, store } = open()
      const [newcomer, forger] = [visitor(), visitor()]
      forger.cookie = 'A'.repeat(64)
      for (const guest of [newcomer, forger])
        assert.deepEqual(await guest.begin().respond(), { setCookie: null, used: false })
      for await (const page of store.scan()) assert.deepEqual(page, [])
    })

    test('a response of 500 or above saves nothing', async () => {
      const { visitor, clock } = open()
      const guest = visitor()
      await guest.visit((session) => session.set('a', 1))
      clock.advance(MINUTE)
      assert.equal((await guest.begin().respond(500)).setCookie, null)
    })

    test('a request that only reads loses no concurrent change, and does not fail when the session ends concurrently', async () => {
      const { visitor } = open()
      const guest = visitor()
      await guest.visit((session) => session.set('a', 1))
      const reading = guest.begin()
      await reading.session()
      const [writer, leaver] = [guest.copy(), guest.copy()]
      await writer.visit((session) => session.set('b', 2))
      await reading.respond()
      if (name !== 'cookie with revocations')
        await guest.visit((session) => assert.deepEqual(session.keys(), ['a', 'b']))
      const slow = guest.begin()
      await slow.session()
      leaver.cookie = guest.cookie
      await leaver.visit((session) => session.logout())
      assert.equal((await slow.respond()).setCookie, null)
      await guest.visit((session) => assert.equal(session.isNew, true))
    })
  })

suite('saveEveryRequest', () => {
  test('a page that does not need its session does not fail when the store does', async () => {
    const { visitor, fail, events } = fixture({ saveEveryRequest: true })
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    fail.when = () => new StoreError('down')
    assert.deepEqual(await guest.begin().respond(), { setCookie: null, used: false })
    assert.ok(last(events, 'storeError'))
    fail.when = null
    await settle()
    await guest.visit((session) => assert.equal(session.get('a'), 1))
  })

  test('without it a request that never asks for its session costs nothing', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    calls.length = 0
    assert.deepEqual(await guest.begin().respond(), { setCookie: null, used: false })
    assert.deepEqual(calls, [])
  })

  test('must be true or false', () => {
    assert.throws(() => fixture({ saveEveryRequest: 1 as never }), /saveEveryRequest must be one of: true, false/)
  })
})

suite('expireAtBrowserClose: false', () => {
  const open = () => fixture({ expireAtBrowserClose: false, idle: '1h', absolute: '14d' })

  test('cookies last as long as their sessions may, with and without a user', async () => {
    const { visitor, clock } = open()
    const [guest, user] = [visitor(), visitor()]
    await guest.visit((session) => session.set('a', 1))
    assert.equal(maxAgeOf(guest.setCookie), 14 * 86_400)
    clock.advance(HOUR / 2)
    await guest.visit((session) => session.login('ada'))
    assert.equal(maxAgeOf(guest.setCookie), 14 * 86_400)
    await user.visit((session) => session.login('bob', { remember: '2d' }))
    assert.equal(maxAgeOf(user.setCookie), 2 * 86_400)
  })

  test('one login or one session can override it', async () => {
    const { visitor } = open()
    const [library, guest] = [visitor(), visitor()]
    await library.visit((session) => session.login('ada', { remember: false }))
    assert.equal(maxAgeOf(library.setCookie), 'browser')
    await guest.visit((session) => session.set('a', 1))
    await guest.visit((session) => session.setExpiry('browser'))
    assert.equal(maxAgeOf(guest.setCookie), 'browser')
    await guest.visit((session) => assert.ok((session.endsAt?.getTime() ?? 0) > Date.now() + 13 * DAY))
    await guest.visit((session) => session.setExpiry(null))
    assert.equal(maxAgeOf(guest.setCookie), 14 * 86_400)
  })

  test('with a Date the cookie ends with the session', async () => {
    const { visitor, clock } = open()
    const guest = visitor()
    await guest.visit((session) => {
      session.set('a', 1)
      session.setExpiry(new Date(clock() + HOUR))
    })
    assert.equal(maxAgeOf(guest.setCookie), 3600)
  })

  test('is part of the policy, and must be true or false', () => {
    assert.equal(open().sessions.policy.persistent, true)
    assert.equal(fixture().sessions.policy.persistent, false)
    assert.throws(
      () => fixture({ expireAtBrowserClose: 'no' as never }),
      /expireAtBrowserClose must be one of: true, false/,
    )
  })
})
