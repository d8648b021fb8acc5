import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { SessionLimitError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { carried, STORES } from './kit/engines.ts'
import { type Anything, type Fixture, fixture } from './kit/fixture.ts'
import { Gates, race, settle } from './kit/gates.ts'
import { secret } from './kit/ring.ts'
import { visitor } from './kit/visitor.ts'

const count = async (world: Fixture) => (await world.sessions.of('ada').list()).length
type Policy = 'end-oldest' | 'refuse'

for (const [name, make] of Object.entries(STORES))
  describe(`on ${name}, a limit of a user's sessions`, () => {
    it('ends the oldest first, and never the one that is signing in', async () => {
      const world = fixture({}, make)
      const devices = ['one', 'two', 'three', 'four'].map((agent) => world.visitor(agent))
      for (const device of devices) {
        // The clock stands still for two of them: the newest is still the one that stays.
        if (device.userAgent !== 'four') world.clock.advance(1000)
        await device.visit((session) => session.login('ada', { limit: 2, label: device.userAgent }))
      }
      await settle()
      const labels = (await world.sessions.of('ada').list()).map(({ label }) => label)
      assert.deepEqual(labels.sort(), ['four', 'three'])
      for (const device of devices) {
        const alive = await device.visit((session) => session.userId === 'ada')
        assert.equal(alive, ['three', 'four'].includes(device.userAgent ?? ''))
      }
      await world.store.close()
    })

    it('refuses one too many, who keeps the session of a visitor, and counts those that have ended no more', async () => {
      const world = fixture({}, make)
      const [first, second, third] = [world.visitor(), world.visitor(), world.visitor()]
      const login = { limit: 1, atLimit: 'refuse' } as const
      await first.visit((session) => session.login('ada', login))
      await second.visit((session) => session.set('basket', [1]))
      await settle()
      await assert.rejects(
        second.visit((session) => session.login('ada', login)),
        (error: Error) => error instanceof SessionLimitError && error.status === 409,
      )
      assert.deepEqual(world.calls.slice(-2), ['read', 'list'], 'nothing was begun that had to be ended')
      await settle()
      await second.visit((session) => assert.deepEqual([session.userId, session.get('basket')], [null, [1]]))
      await settle()
      await first.visit((session) => session.login('ada', login))
      await settle()
      await first.visit((session) => session.logout())
      await second.visit((session) => session.login('ada', login))
      world.clock.advance(13 * 3_600_000)
      await third.visit((session) => session.login('ada', login))
      assert.equal(await count(world), 1)
      await world.store.close()
    })

    it('of another user, or of a login without one, changes nothing', async () => {
      const world = fixture({}, make)
      for (let i = 0; i < 3; i++) await world.visitor().visit((session) => session.login('ada'))
      await world.visitor().visit((session) => session.login('bob', { limit: 1 }))
      await world.visitor().visit((session) => session.login('bob', { limit: 1 }))
      assert.deepEqual([await count(world), (await world.sessions.of('bob').list()).length], [3, 1])
      await world.store.close()
    })

    it('is what is left of twenty logins at once, in this process', async () => {
      for (const atLimit of ['end-oldest', 'refuse'] as Policy[])
        for (const limit of [1, 3]) {
          const world = fixture({}, make)
          const guests = Array.from({ length: 20 }, () => world.visitor())
          const results = await Promise.allSettled(
            guests.map((guest) => guest.visit((session) => session.login('ada', { limit, atLimit }))),
          )
          await settle()
          assert.equal(await count(world), limit)
          const refused = results.filter(({ status }) => status === 'rejected').length
          assert.equal(refused, atLimit === 'refuse' ? 20 - limit : 0)
          await world.store.close()
        }
    })
  })

describe('a limit between two processes', () => {
  it('is never exceeded, whatever the order of their logins, and a login that is refused ends nobody', async () => {
    for (const atLimit of ['end-oldest', 'refuse'] as Policy[])
      for (let seed = 0; seed < 200; seed++) {
        const [gates, clock] = [new Gates(), manualClock()]
        const store = gates.around(memory({ clock, max: 100 }))
        const [here, there] = [1, 2].map(() => createSessions<Anything>({ secrets: secret('a'), store, clock }))
        assert.ok(here && there)
        const limit = 1 + (seed % 2)
        const [first, ...guests] = [here, here, here, there, there].map((sessions) => visitor(sessions))
        if (limit === 2) await first?.visit((session) => session.login('ada'))
        clock.advance(1)
        for (const guest of guests) await guest.visit((session) => session.set('basket', [1]))
        const logins = guests.map((guest) => async () => {
          const request = guest.begin()
          ;(await request.session()).login('ada', { limit, atLimit })
          await request.respond()
        })
        let state = seed + 1
        const results = await race(gates, logins, (count) => {
          state = (state * 1_103_515_245 + 12_345) % 2 ** 31
          return (state >> 8) % count
        })
        await settle()
        for (const [i, result] of results.entries())
          if (result.status === 'rejected')
            await guests[i]?.visit((session) => assert.deepEqual([session.userId, session.get('basket')], [null, [1]]))
        assert.ok((await here.of('ada').list()).length <= limit)
        if (limit === 2 && atLimit === 'refuse') await first?.visit((session) => assert.equal(session.userId, 'ada'))
      }
  })
})

describe('a limit that cannot be kept', () => {
  it('lets nobody in when the store fails while sessions are counted or ended, and leaves the visitor what he had', async () => {
    for (const atLimit of ['end-oldest', 'refuse'] as Policy[])
      for (let at = 0; ; at++) {
        const world = fixture()
        await world.visitor().visit((session) => session.login('ada'))
        const guest = world.visitor()
        await guest.visit((session) => session.set('basket', [1]))
        await settle()
        let [calls, failed] = [0, '']
        world.fail.when = (call) => {
          if (failed || calls++ !== at) return null
          failed = call
          return new Error('down')
        }
        const limit = atLimit === 'refuse' ? 2 : 1
        const login = guest.visit((session) => session.login('ada', { limit, atLimit }))
        const [result] = await Promise.allSettled([login])
        world.fail.when = null
        await settle()
        if (!failed) break
        assert.ok(result?.status === 'rejected' && result.reason instanceof StoreError, `${atLimit} ${at} ${failed}`)
        const live = (await world.sessions.of('ada').list()).length
        assert.ok(live <= 1, `${atLimit}: ${live} sessions after a failed ${failed} (call ${at})`)
        await guest.visit((session) => assert.equal(session.userId, null))
      }
  })

  it('is refused in words on an engine that cannot list', async () => {
    const { visitor } = carried()
    await assert.rejects(
      visitor().visit((session) => session.login('ada', { limit: 1 })),
      (error: Error) => error instanceof UnsupportedError && /cookie/.test(error.message),
    )
  })
})
