import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ALL, fixture, idsIn, isAnonymous, SERVER_SIDE, USER } from './fixture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

for (const backing of ALL)
  suite(`a clock that jumps, ${backing}`, () => {
    test('forward: sessions whose deadline it has passed are expired', async () => {
      for (const jump of [30 * MINUTE, HOUR, 12 * HOUR, YEAR, 100 * YEAR]) {
        const here = fixture(backing)
        const cookie = await here.session()
        here.clock.advance(jump)
        isAnonymous(await here.request(cookie))
      }
    })

    test('backward: a live session continues, and none of its deadlines moves closer', async () => {
      for (const jump of [MINUTE, HOUR, 24 * HOUR, YEAR]) {
        const here = fixture(backing)
        let cookie = await here.session({ a: 1 })
        const begun = here.clock()
        const work = [() => undefined, (session: { set(key: string, value: number): unknown }) => session.set('a', 2)]
        here.clock.advance(-jump)
        for (const visit of work) {
          const { session, ...result } = await here.request(cookie, visit)
          assert.equal(session.userId, USER)
          assert.ok(
            (session.expiresAt?.getTime() ?? 0) >= begun + 30 * MINUTE,
            'the deadline is not earlier than before',
          )
          assert.equal(session.endsAt?.getTime(), begun + 12 * HOUR)
          cookie = result.cookie || cookie
        }
        here.clock.set(begun + 30 * MINUTE - 1)
        assert.equal((await here.request(cookie)).session.get('a'), 2)
      }
    })

    test('back and forth: the absolute deadline does not move', async () => {
      const here = fixture(backing)
      let cookie = await here.session()
      const begun = here.clock()
      for (const at of [20 * MINUTE, -HOUR, 25 * MINUTE, -YEAR, 40 * MINUTE, 60 * MINUTE, 0, 80 * MINUTE]) {
        here.clock.set(begun + at)
        const result = await here.request(cookie)
        assert.equal(result.session.endsAt?.getTime(), begun + 12 * HOUR, `at ${at / MINUTE} minutes`)
        cookie = result.cookie || cookie
      }
      here.clock.set(begun + 12 * HOUR)
      isAnonymous(await here.request(cookie))
    })

    test('to a moment that is no number: every session is refused, and nothing crashes', async () => {
      for (const moment of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const here = fixture(backing)
        const cookie = await here.session()
        here.clock.set(moment)
        isAnonymous(await here.request(cookie))
      }
    })
  })

for (const seal of SERVER_SIDE)
  test(`a login while the clock is behind lasts as long as any other, ${seal}`, async () => {
    const here = fixture(seal)
    const cookie = await here.session()
    here.clock.advance(-HOUR)
    const result = await here.request(cookie, (session) => session.login('ada'))
    const { session } = await here.request(result.cookie)
    assert.equal(session.endsAt?.getTime(), here.clock() + 12 * HOUR)
    assert.equal((await idsIn(here.store)).length, 1)
  })
