import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ALL, idsIn, isNobody, STORED, USER, world } from './world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

for (const backing of ALL)
  suite(`a clock that jumps, ${backing}`, () => {
    test('forth: what it has passed is expired', async () => {
      for (const jump of [30 * MINUTE, HOUR, 12 * HOUR, YEAR, 100 * YEAR]) {
        const here = world(backing)
        const cookie = await here.session()
        here.clock.advance(jump)
        isNobody(await here.request(cookie))
      }
    })

    test('back: a session that lived goes on, and none of its deadlines is shortened', async () => {
      for (const jump of [MINUTE, HOUR, 24 * HOUR, YEAR]) {
        const here = world(backing)
        let cookie = await here.session({ a: 1 })
        const begun = here.clock()
        const work = [() => undefined, (session: { set(key: string, value: number): unknown }) => session.set('a', 2)]
        here.clock.advance(-jump)
        for (const visit of work) {
          const { session, ...answered } = await here.request(cookie, visit)
          assert.equal(session.userId, USER)
          assert.ok((session.expiresAt?.getTime() ?? 0) >= begun + 30 * MINUTE, 'what was promised is kept')
          assert.equal(session.endsAt?.getTime(), begun + 12 * HOUR)
          cookie = answered.cookie || cookie
        }
        here.clock.set(begun + 30 * MINUTE - 1)
        assert.equal((await here.request(cookie)).session.get('a'), 2)
      }
    })

    test('to and fro: the absolute deadline is where it was', async () => {
      const here = world(backing)
      let cookie = await here.session()
      const begun = here.clock()
      for (const at of [20 * MINUTE, -HOUR, 25 * MINUTE, -YEAR, 40 * MINUTE, 60 * MINUTE, 0, 80 * MINUTE]) {
        here.clock.set(begun + at)
        const answered = await here.request(cookie)
        assert.equal(answered.session.endsAt?.getTime(), begun + 12 * HOUR, `at ${at / MINUTE} minutes`)
        cookie = answered.cookie || cookie
      }
      here.clock.set(begun + 12 * HOUR)
      isNobody(await here.request(cookie))
    })

    test('to a moment that is none: nobody gets in, and nothing crashes', async () => {
      for (const moment of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const here = world(backing)
        const cookie = await here.session()
        here.clock.set(moment)
        isNobody(await here.request(cookie))
      }
    })
  })

for (const seal of STORED)
  test(`a login while the clock is behind is no shorter than any other, ${seal}`, async () => {
    const here = world(seal)
    const cookie = await here.session()
    here.clock.advance(-HOUR)
    const answered = await here.request(cookie, (session) => session.login('ada'))
    const { session } = await here.request(answered.cookie)
    assert.equal(session.endsAt?.getTime(), here.clock() + 12 * HOUR)
    assert.equal((await idsIn(here.store)).length, 1)
  })
