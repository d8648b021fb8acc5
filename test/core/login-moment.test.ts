import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import { LoginMoment } from '../../packages/strongroom/src/session/login.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { inCookies, REVOCABLE } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture } from './fixtures/fixture.ts'
import { interrupt, settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const HOUR = 3_600_000

const isGone = (error: unknown) => error instanceof SessionGoneError && error.status === 409

/** Of a user; null where nobody can count them. */
const countOf = async (app: Fixture) =>
  app.sessions.policy.traits.engine.startsWith('cookie') ? null : (await sessionsIn(app.store)).length

for (const [name, make] of Object.entries(REVOCABLE))
  describe(`on ${name}, the moment at which a login begins`, () => {
    it('is that of login(): all sessions that are ended after it end this one, too, before it was ever used', async () => {
      const app = make()
      const guest = app.visitor()
      await guest.visit((session) => session.set('basket', [1]))
      await settle()
      const request = guest.begin()
      ;(await request.session()).login('ada')
      await settle()
      const before = await countOf(app)
      await app.sessions.of('ada').revokeAll()
      await assert.rejects(request.respond(), isGone)
      assert.equal(await countOf(app), before, 'it left a session')
      await settle()
      await guest.visit((session) => {
        assert.deepEqual([session.userId, session.get('basket')], [null, [1]])
        session.login('ada')
      })
      await settle()
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
      await app.store.close()
    })

    it('may be before the password was checked: `asOf`', async () => {
      const app = make()
      const users = app.sessions.of('ada')
      for (const revoked of [false, true]) {
        const asOf = await users.moment()
        if (revoked) await users.revokeAll()
        const guest = app.visitor()
        const login = guest.visit((session) => session.login('ada', { asOf }))
        if (revoked) await assert.rejects(login, isGone)
        else await login
        await settle()
        await guest.visit((session) => assert.equal(session.userId, revoked ? null : 'ada'))
      }
      await app.store.close()
    })

    it('does not make a session fresh whose user has ended all others since: the password may be the old one', async () => {
      const app = make()
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      await settle()
      const users = app.sessions.of('ada')
      const asOf = await users.moment()
      app.clock.advance(60_000)
      const other = guest.begin()
      await users.revokeOthers(await other.session())
      await other.respond()
      await settle()
      const authenticatedAt = await guest.visit((session) => Number(session.authenticatedAt))
      await assert.rejects(
        guest.visit((session) => session.login('ada', { asOf })),
        isGone,
      )
      await settle()
      await guest.visit((session) =>
        assert.deepEqual([session.userId, Number(session.authenticatedAt)], ['ada', authenticatedAt]),
      )
    })

    it('is of one user, and at most an hour ago, however little the store remembers', async () => {
      const app = make()
      const users = app.sessions.of('ada')
      const asOf = await users.moment()
      await app.visitor().visit((session) => {
        for (const wrong of [{ userId: 'ada' }, 'now', app.clock(), null])
          assert.throws(() => session.login('ada', { asOf: wrong as never }), /asOf must come from/)
        assert.throws(() => session.login('bob', { asOf }), /with the id of this user/)
        assert.equal(session.userId, null)
      })
      app.clock.advance(HOUR)
      await app.visitor().visit((session) => session.login('ada', { asOf }))
      app.clock.advance(1)
      await assert.rejects(
        app.visitor().visit((session) => session.login('ada', { asOf })),
        (error: Error) => isGone(error) && /more than an hour ago/.test(error.message),
      )
      await app.store.close()
    })

    it('is remembered by a value that never comes again, so that an epoch that was forgotten lets nobody in', async () => {
      const app = make()
      const users = app.sessions.of('ada')
      const first = await users.moment()
      await users.revokeAll()
      const second = await users.moment()
      await users.revokeAll()
      const third = await users.moment()
      for (const [one, other] of [
        [first, second],
        [second, third],
        [first, third],
      ] as const)
        assert.notDeepEqual(one.nonces, other.nonces)
      // Everything that the store remembered of them has expired.
      app.clock.advance(500 * 24 * HOUR)
      await app.sessions.clearExpired()
      await users.revokeAll()
      const fourth = await users.moment()
      for (const earlier of [first, second, third]) assert.notDeepEqual(earlier.nonces, fourth.nonces)
      await app.store.close()
    })

    it('of a login that ends the other sessions itself moves on with them, unless somebody else has ended all', async () => {
      for (const order of ['login first', 'login last'] as const)
        for (const elsewhere of [null, 'before', 'after'] as const) {
          const app = make()
          const users = app.sessions.of('ada')
          const [here, there] = [app.visitor(), app.visitor()]
          await there.visit((session) => session.login('ada'))
          await here.visit((session) => session.set('basket', [1]))
          await settle()
          const request = here.begin()
          const session = await request.session()
          if (order === 'login first') session.login('ada')
          await settle()
          if (elsewhere === 'before') await users.revokeAll()
          await users.revokeOthers(session)
          if (elsewhere === 'after') await users.revokeAll()
          if (order === 'login last') session.login('ada')
          await settle()
          const [result] = await Promise.allSettled([request.respond()])
          await settle()
          const survives = order === 'login last' || elsewhere === null
          await here.visit((session) => assert.equal(session.userId, survives ? 'ada' : null, `${order} ${elsewhere}`))
          assert.equal(result?.status, survives ? 'fulfilled' : 'rejected')
          if (result?.status === 'rejected') assert.ok(isGone(result.reason))
          await there.visit((session) => assert.equal(session.userId, null))
          await app.store.close()
        }
    })

    it('ends a login at whatever point of it all sessions of its user are ended, and leaves no session', async () => {
      let [alive, dead] = [0, 0]
      for (let at = 0, reached = true; reached; at++) {
        const app = make()
        const guest = app.visitor()
        await guest.visit((session) => session.set('basket', [1]))
        await settle()
        const users = app.sessions.of('ada')
        let [hasBegun, mustEnd] = [false, false]
        const login = async () => {
          const request = guest.begin()
          const session = await request.session()
          const asOf = await users.moment()
          hasBegun = true
          session.login('ada', { asOf })
          await request.respond()
        }
        const revokeAll = async () => {
          mustEnd = hasBegun
          await users.revokeAll()
        }
        const outcome = await interrupt(app.gates, login, revokeAll, at)
        await settle()
        const user = await guest.visit((session) => session.userId)
        if (mustEnd) assert.equal(user, null)
        if (outcome.result.status === 'rejected') assert.ok(isGone(outcome.result.reason))
        if (user === null) dead++
        else alive++
        if (!app.sessions.policy.traits.engine.startsWith('cookie'))
          assert.equal((await users.list()).length, user === null ? 0 : 1)
        await app.store.close()
        reached = outcome.reached
      }
      assert.ok(alive >= 2 && dead >= 3, `${alive} alive, ${dead} dead`)
    })
  })

describe('the moment at which a login begins', () => {
  it('goes on to the end that its own request has made, also if it was read while the epochs moved', () => {
    const moment = (...nonces: (string | null)[]) => new LoginMoment('ada', 0, new Map(nonces.entries()))
    const end = { before: moment(null, 'a'), after: moment('b', 'c') }
    for (const own of [moment(null, 'a'), moment('b', 'a'), moment(null, 'c'), moment('b', 'c')])
      assert.equal(own.goesOnTo(end), true)
    // Somebody else has ended all sessions in between, or there is another secret since.
    for (const own of [moment('d', 'a'), moment(null, 'd'), moment('d', 'c'), moment(null), moment(null, 'a', null)])
      assert.equal(own.goesOnTo(end), false)
  })
})

describe('the read that a login begins with', () => {
  it('is never shared with one that began earlier, which may be too old', async () => {
    for (const make of [fixture, inCookies as typeof fixture]) {
      const app = make()
      const users = app.sessions.of('ada')
      const early = app.gates.run('early', () => users.moment())
      await settle()
      // It has been answered, and not been told yet.
      await app.gates.held[0]?.open()
      await users.revokeAll()
      const late = await users.moment()
      await app.gates.held[0]?.open()
      assert.notDeepEqual((await early).nonces, late.nonces)
    }
  })

  it('is fresh: a copy on this server may be older than the end of all sessions on another', async () => {
    for (const engine of [(store: IndexedStore) => store, (store: IndexedStore) => cookie({ revocations: store })]) {
      const reads: (boolean | undefined)[] = []
      const clock = manualClock()
      const store = memory({ clock })
      const read = store.read.bind(store)
      const watched = Object.assign(store, {
        read(...[id, options]: Parameters<typeof read>) {
          reads.push(options?.fresh)
          return read(id, options)
        },
      })
      const sessions = createSessions<Anything>({ secrets: secret('a'), store: engine(watched) as IndexedStore, clock })
      await sessions.of('ada').moment()
      await visitor(sessions).visit((session) => session.login('ada'))
      assert.ok(reads.length > 2 && reads.every(Boolean))
    }
  })

  it('fails the login, and nothing else of a request that does not save it', async () => {
    const app = fixture()
    const guest = app.visitor()
    await guest.visit((session) => session.set('a', 1))
    await settle()
    const request = guest.begin()
    const session = await request.session()
    app.fail.when = () => new Error('down')
    session.login('ada')
    await settle()
    app.fail.when = null
    await assert.rejects(request.respond(), { code: 'STRONGROOM_STORE' })
    const other = guest.begin()
    const leaving = await other.session()
    app.fail.when = () => new Error('down')
    leaving.login('ada')
    await settle()
    app.fail.when = null
    leaving.logout()
    await other.respond()
    assert.equal(guest.cookie, null)
  })
})
