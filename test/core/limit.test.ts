import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { SessionLimitError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { inCookies, STORES } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture, last } from './fixtures/fixture.ts'
import { Gates, race, settle } from './fixtures/gates.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const count = async (app: Fixture) => (await app.sessions.of('ada').list()).length
type Policy = 'end-oldest' | 'refuse'

for (const [name, make] of Object.entries(STORES))
  describe(`on ${name}, a limit on a user's sessions`, () => {
    it('ends the oldest first, and never the one that is logging in', async () => {
      const app = fixture({}, make)
      const devices = ['one', 'two', 'three', 'four'].map((agent) => app.visitor(agent))
      for (const device of devices) {
        // The clock does not move between two of them, and the newest still stays.
        if (device.userAgent !== 'four') app.clock.advance(1000)
        await device.visit((session) => session.login('ada', { limit: 2, label: device.userAgent }))
      }
      await settle()
      const labels = (await app.sessions.of('ada').list()).map(({ label }) => label)
      assert.deepEqual(labels.sort(), ['four', 'three'])
      for (const device of devices) {
        const alive = await device.visit((session) => session.userId === 'ada')
        assert.equal(alive, ['three', 'four'].includes(device.userAgent ?? ''))
      }
      await app.store.close()
    })

    it('refuses one login too many, which keeps its anonymous session, and does not count ended sessions', async () => {
      const app = fixture({}, make)
      const [first, second, third] = [app.visitor(), app.visitor(), app.visitor()]
      const login = { limit: 1, atLimit: 'refuse' } as const
      await first.visit((session) => session.login('ada', login))
      await second.visit((session) => session.set('basket', [1]))
      await settle()
      await assert.rejects(
        second.visit((session) => session.login('ada', login)),
        (error: Error) => error instanceof SessionLimitError && error.status === 409,
      )
      assert.deepEqual(app.calls.slice(-2), ['read', 'list'], 'nothing was started that had to be undone')
      await settle()
      await second.visit((session) => assert.deepEqual([session.userId, session.get('basket')], [null, [1]]))
      await settle()
      await first.visit((session) => session.login('ada', login))
      await settle()
      await first.visit((session) => session.logout())
      await second.visit((session) => session.login('ada', login))
      app.clock.advance(13 * 3_600_000)
      await third.visit((session) => session.login('ada', login))
      assert.equal(await count(app), 1)
      await app.store.close()
    })

    it('of another user, or a login without a limit, changes nothing', async () => {
      const app = fixture({}, make)
      for (let i = 0; i < 3; i++) await app.visitor().visit((session) => session.login('ada'))
      await app.visitor().visit((session) => session.login('bob', { limit: 1 }))
      await app.visitor().visit((session) => session.login('bob', { limit: 1 }))
      assert.deepEqual([await count(app), (await app.sessions.of('bob').list()).length], [3, 1])
      await app.store.close()
    })

    it('does not count sessions whose credential has changed, and neither are they listed', async () => {
      for (const atLimit of ['refuse', 'end-oldest'] as Policy[]) {
        const hashes = new Map([['ada', 'hash one']])
        const app = fixture({ credential: (userId) => hashes.get(userId) ?? null }, make)
        const thieves = [app.visitor(), app.visitor()]
        for (const thief of thieves) await thief.visit((session) => session.login('ada', { limit: 2, atLimit }))
        app.clock.advance(1000)
        await settle()
        assert.equal(await count(app), 2)
        // The owner has set another password, and has as many sessions as before.
        hashes.set('ada', 'hash two')
        assert.equal(await count(app), 0)
        const owners = [app.visitor(), app.visitor()]
        app.events.length = 0
        for (const owner of owners) await owner.visit((session) => session.login('ada', { limit: 2, atLimit }))
        await settle()
        assert.deepEqual([await count(app), last(app.events, 'limit')], [2, undefined])
        for (const owner of owners) await owner.visit((session) => assert.equal(session.userId, 'ada'))
        for (const thief of thieves) await thief.visit((session) => assert.equal(session.userId, null))
        if (atLimit === 'refuse')
          await assert.rejects(
            app.visitor().visit((session) => session.login('ada', { limit: 2, atLimit })),
            SessionLimitError,
          )
        await app.store.close()
      }
    })

    it('does not count what the session itself becomes: a login again, or with a cookie that was superseded', async () => {
      const app = fixture({}, make)
      const guest = app.visitor()
      const login = { limit: 1, atLimit: 'refuse' } as const
      await guest.visit((session) => session.login('ada', login))
      await settle()
      await guest.visit((session) => session.login('ada', login))
      await settle()
      const old = guest.copy()
      await guest.visit((session) => session.renew())
      await settle()
      await old.visit((session) => session.login('ada', login))
      await settle()
      await old.visit((session) => assert.equal(session.userId, 'ada'))
      await guest.visit((session) => assert.equal(session.userId, null))
      assert.equal(await count(app), 1)
      await app.store.close()
    })

    it('is not exceeded by twenty concurrent logins in one process', async () => {
      for (const atLimit of ['end-oldest', 'refuse'] as Policy[])
        for (const limit of [1, 3]) {
          const app = fixture({}, make)
          const guests = Array.from({ length: 20 }, () => app.visitor())
          const results = await Promise.allSettled(
            guests.map((guest) => guest.visit((session) => session.login('ada', { limit, atLimit }))),
          )
          await settle()
          assert.equal(await count(app), limit)
          const refused = results.filter(({ status }) => status === 'rejected').length
          assert.equal(refused, atLimit === 'refuse' ? 20 - limit : 0)
          await app.store.close()
        }
    })
  })

describe('a limit across two processes', () => {
  it('is never exceeded, whatever the order of their store calls, and a refused login ends no session', async () => {
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

describe('a limit on a login that replaces several sessions', () => {
  it('counts none of those whose cookies the request has', async () => {
    for (const atLimit of ['refuse', 'end-oldest'] as Policy[]) {
      const app = fixture()
      const [one, two, device] = [app.visitor(), app.visitor(), app.visitor()]
      for (const guest of [device, one, two]) {
        app.clock.advance(1000)
        await guest.visit((session) => session.login('ada'))
      }
      const { cookieName } = app.sessions.policy
      const visit = app.sessions.open({ cookie: `${cookieName}=${one.cookie}; ${cookieName}=${two.cookie}` })
      ;(await visit.get()).login('ada', { limit: 2, atLimit })
      await visit.commit()
      await settle()
      assert.equal((await app.sessions.of('ada').list()).length, 2)
      await device.visit((session) => assert.equal(session.userId, 'ada'))
    }
  })
})

describe('a limit that was lowered', () => {
  it('leaves one of the sessions that sign in again at the same time, whatever the order of their store calls', async () => {
    for (let seed = 0; seed < 200; seed++) {
      const [gates, clock] = [new Gates(), manualClock()]
      const store = gates.around(memory({ clock, max: 100 }))
      const [here, there] = [1, 2].map(() => createSessions<Anything>({ secrets: secret('a'), store, clock }))
      assert.ok(here && there)
      const guests = [here, there, there].map((sessions) => visitor(sessions))
      for (const guest of guests) await guest.visit((session) => session.login('ada'))
      clock.advance(1)
      await settle()
      const again = guests.map((guest) => async () => {
        const request = guest.begin()
        ;(await request.session()).login('ada', { limit: 1 })
        await request.respond()
      })
      let state = seed + 1
      const results = await race(gates, again, (count) => {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31
        return (state >> 8) % count
      })
      assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(['fulfilled']))
      await settle()
      assert.equal((await here.of('ada').list()).length, 1)
      const signedIn: boolean[] = []
      for (const guest of guests) signedIn.push(await guest.visit((session) => session.userId === 'ada'))
      assert.equal(signedIn.filter(Boolean).length, 1)
    }
  })
})

describe('a limit that cannot be enforced', () => {
  it('refuses the login when the store fails while sessions are counted or ended, and the visitor keeps the old session', async () => {
    for (const atLimit of ['end-oldest', 'refuse'] as Policy[])
      for (let at = 0; ; at++) {
        const app = fixture()
        await app.visitor().visit((session) => session.login('ada'))
        const guest = app.visitor()
        await guest.visit((session) => session.set('basket', [1]))
        await settle()
        let [calls, failed] = [0, '']
        app.fail.when = (call) => {
          if (failed || calls++ !== at) return null
          failed = call
          return new Error('down')
        }
        const limit = atLimit === 'refuse' ? 2 : 1
        const login = guest.visit((session) => session.login('ada', { limit, atLimit }))
        const [result] = await Promise.allSettled([login])
        app.fail.when = null
        await settle()
        if (!failed) break
        assert.ok(result?.status === 'rejected' && result.reason instanceof StoreError, `${atLimit} ${at} ${failed}`)
        const live = (await app.sessions.of('ada').list()).length
        assert.ok(live <= 1, `${atLimit}: ${live} sessions after a failed ${failed} (call ${at})`)
        await guest.visit((session) => assert.equal(session.userId, null))
      }
  })

  it('is refused with an explanation on an engine that cannot list sessions', async () => {
    const { visitor } = inCookies()
    await assert.rejects(
      visitor().visit((session) => session.login('ada', { limit: 1 })),
      (error: Error) => error instanceof UnsupportedError && /cookie/.test(error.message),
    )
  })
})

test('a login that is refused leaves the user who is signed in what there was', async () => {
  const sessions = createSessions({ store: memory(), secrets: secret('1'), cookie: { name: 'id', secure: false } })
  const login = { limit: 1, atLimit: 'refuse' } as const
  const signedIn = async (userId: string) => {
    const visit = sessions.open({})
    const session = await visit.get()
    session.login(userId, login)
    session.set('basket', [userId])
    return { cookie: (await visit.commit()).setCookie?.split(';')[0] ?? '' }
  }
  await signedIn('ada')
  const bob = await signedIn('bob')
  const visit = sessions.open(bob)
  const session = await visit.get()
  session.set('note', 'of bob')
  session.login('ada', login)
  session.set('basket', ['of ada'])
  await assert.rejects(visit.save(), SessionLimitError)
  assert.deepEqual([session.userId, session.get('basket'), session.get('note')], ['bob', ['bob'], 'of bob'])
  await visit.commit()
  const after = await sessions.read(bob)
  assert.deepEqual([after.userId, after.get('basket'), after.get('note')], ['bob', ['bob'], 'of bob'])
})
