import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { REVOCABLE, STORES } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture } from './fixtures/fixture.ts'
import { race, settle } from './fixtures/gates.ts'
import type { Visitor } from './fixtures/visitor.ts'

type S = Session<Anything>

const CHANGES: Record<string, (session: S) => void> = {
  write: (session) => session.set('a', 2),
  renew: (session) => session.renew(),
  'write and renew': (session) => session.set('a', 3).renew(),
  expire: (session) => session.setExpiry({ absolute: '5h' }),
  clear: (session) => session.clear(),
  touch: () => undefined,
}

async function signedIn(app: Fixture): Promise<Visitor<Anything>> {
  const victim = app.visitor()
  await victim.visit((session) => session.set('secret', 1).login('ada'))
  app.clock.advance(4 * 60_000)
  await settle()
  return victim
}

async function stateOf(app: Fixture, cookie: string | null) {
  await settle()
  const thief = app.visitor()
  thief.cookie = cookie
  return thief.visit((session) => ({ user: session.userId, secret: session.has('secret') }))
}

const DEAD = { user: null, secret: false }

for (const [name, make] of Object.entries(REVOCABLE)) {
  const numRuns = name === 'file' || name === 'sqlite' ? 30 : 200

  describe(`on ${name}, in any order of all store calls`, () => {
    it('a logout of a live session is final, whatever two other requests do to it', async () => {
      let met = 0
      const check = async (changes: string[], order: number[]) => {
        const app = make()
        const elsewhere = app.visitor()
        await elsewhere.visit((session) => session.login('ada', { remember: true }))
        app.clock.advance(1)
        const victim = await signedIn(app)
        const before = victim.cookie
        const others = changes.map(() => victim.copy())
        let live = false
        const requests = others.map((other, i) => async () => {
          const request = other.begin()
          CHANGES[changes[i] as string]?.(await request.session())
          await request.respond()
        })
        const logout = async () => {
          const request = victim.begin()
          const session = await request.session()
          live = session.userId === 'ada'
          session.logout()
          await request.respond()
        }
        let turn = 0
        await race(app.gates, [...requests, logout], (count) => (order[turn++ % order.length] as number) % count)
        if (live) met++
        const cookies = others.map(({ cookie }) => cookie)
        if (live) for (const cookie of [before, ...cookies]) assert.deepEqual(await stateOf(app, cookie), DEAD)
        // It ends this session only, not the user's other sessions.
        assert.equal((await stateOf(app, elsewhere.cookie)).user, 'ada')
        await app.store.close()
      }
      const change = fc.constantFrom(...Object.keys(CHANGES))
      const order = fc.array(fc.nat(5), { minLength: 6, maxLength: 30 })
      await fc.assert(fc.asyncProperty(fc.tuple(change, change), order, check), { numRuns })
      assert.ok(met > numRuns / 4)
    })

    it('a login is not undone by a logout of the session that it replaced, nor by an earlier one of the same user', async () => {
      for (const user of ['ada', 'bob'])
        for (let seed = 0; seed < (numRuns < 100 ? 10 : 100); seed++) {
          const app = make()
          const [victim, tab] = [await signedIn(app), app.visitor()]
          tab.cookie = victim.cookie
          let hasLoggedOut = false
          // Of the same user it is one session, and a logout that is not over yet may be the later of the two.
          let isLast = user === 'bob'
          const login = async () => {
            const request = tab.begin()
            ;(await request.session()).login(user)
            isLast ||= hasLoggedOut
            await request.respond()
          }
          const logout = async () => {
            const request = victim.begin()
            ;(await request.session()).logout()
            await request.respond()
            hasLoggedOut = true
          }
          const before = victim.cookie
          let bits = seed * 2_654_435_761
          const results = await race(app.gates, [login, logout], (count) => {
            bits = Math.floor(bits / 2)
            return bits % count
          })
          assert.deepEqual(
            results.map(({ status }) => status),
            ['fulfilled', 'fulfilled'],
          )
          const { user: found } = await stateOf(app, tab.cookie)
          assert.ok(found === user || (found === null && !isLast), `${user} ${seed}: ${found}`)
          assert.deepEqual(await stateOf(app, before), DEAD)
          await app.store.close()
        }
    })

    it('a revocation of all sessions ends those that existed when it began, and no later login', async () => {
      const check = async (changes: string[], order: number[]) => {
        const app = make()
        const victim = await signedIn(app)
        const before = victim.cookie
        const others = changes.map(() => victim.copy())
        const [fresh, late] = [app.visitor(), app.visitor()]
        let revoked = false
        let afterwards = false
        const requests = others.map((other, i) => async () => {
          const request = other.begin()
          CHANGES[changes[i] as string]?.(await request.session())
          await request.respond()
        })
        const revoke = async () => {
          await app.sessions.of('ada').revokeAll()
          revoked = true
        }
        const login = async () => {
          const request = fresh.begin()
          ;(await request.session()).login('ada')
          afterwards = revoked
          await request.respond()
        }
        let turn = 0
        const tasks = [...requests, revoke, login]
        const results = await race(app.gates, tasks, (count) => {
          // The clock moves on, so that a session which begins just after the start of a revocation is newer than it.
          app.clock.advance(1)
          return (order[turn++ % order.length] as number) % count
        })
        const [revocation, signIn] = [results.at(-2), results.at(-1)]
        assert.equal(revocation?.status, 'fulfilled')
        // A login that was under way may end with the others, and is told so.
        if (signIn?.status === 'rejected') assert.ok(!afterwards && signIn.reason instanceof SessionGoneError)
        const cookies = others.map(({ cookie }) => cookie)
        for (const cookie of [before, ...cookies]) assert.deepEqual(await stateOf(app, cookie), DEAD)
        if (afterwards) assert.equal((await stateOf(app, fresh.cookie)).user, 'ada')
        if (signIn?.status === 'rejected') assert.equal(fresh.cookie, null)
        await late.visit((session) => session.login('ada'))
        assert.equal((await stateOf(app, late.cookie)).user, 'ada')
        await app.store.close()
      }
      const change = fc.constantFrom(...Object.keys(CHANGES))
      const order = fc.array(fc.nat(5), { minLength: 6, maxLength: 30 })
      await fc.assert(fc.asyncProperty(fc.tuple(change, change), order, check), { numRuns })
    })
  })
}

for (const [name, make] of Object.entries(STORES))
  describe(`on ${name}, a renewal concurrent with writes`, () => {
    it('loses nothing that was acknowledged, including changes of the expiry, and leaves one session', async () => {
      let together = 0
      const check = async (order: number[]) => {
        const app = fixture({}, make)
        const victim = await signedIn(app)
        const renewing = victim.copy()
        const renewal = async () => {
          const request = renewing.begin()
          const session = await request.session()
          session.update('n', (n = 0) => n + 1)
          session.renew()
          await request.respond()
        }
        /** Resolves to true when the change was acknowledged. */
        const writer = (change: (session: S) => void) => async () => {
          const request = victim.copy().begin()
          const session = await request.session()
          if (session.userId === null) return false
          change(session)
          await request.respond()
          return true
        }
        const write = writer((session) => session.set('b', 2).setExpiry('20m'))
        const count = writer((session) => session.update('n', (n = 0) => n + 1))
        let turn = 0
        const results = await race<unknown>(
          app.gates,
          [renewal, write, count],
          (count) => (order[turn++ % order.length] as number) % count,
        )
        const [renewed, wrote, counted] = results.map((result) => result.status === 'fulfilled' && result.value)
        assert.equal(renewed, undefined, 'the renewal was done')
        if (wrote && counted) together++
        await settle()
        await renewing.visit((session) => {
          assert.deepEqual([session.userId, session.get('secret')], ['ada', 1])
          assert.equal(session.get('n'), counted ? 2 : 1)
          assert.equal(session.get('b'), wrote ? 2 : undefined)
          assert.equal(Number(session.expiresAt), app.clock() + (wrote ? 20 : 30) * 60_000)
        })
        assert.equal((await app.sessions.of('ada').list()).length, 1)
        await app.store.close()
      }
      const order = fc.array(fc.nat(5), { minLength: 6, maxLength: 30 })
      const numRuns = name === 'memory' ? 200 : 30
      await fc.assert(fc.asyncProperty(order, check), { numRuns })
      assert.ok(together > 0)
    })

    it('that cannot be completed leaves the old session as the only one', async () => {
      for (const failing of ['read', 'update'] as const) {
        const app = fixture({}, make)
        const victim = await signedIn(app)
        const [renewing, writing] = [victim.begin(), victim.begin()]
        const [session, other] = await Promise.all([renewing.session(), writing.session()])
        session.renew()
        other.set('b', 1)
        await writing.respond()
        app.fail.when = (call) => (call === failing ? new Error('the store is down') : null)
        await assert.rejects(renewing.respond(), { code: 'STRONGROOM_STORE' })
        app.fail.when = null
        await settle()
        assert.equal((await app.sessions.of('ada').list()).length, 1, failing)
        await victim.visit((session) => assert.deepEqual([session.userId, session.get('b')], ['ada', 1]))
        await app.store.close()
      }
    })

    it('whose acknowledgement was lost is completed all the same, with the one token that opens the session', async () => {
      for (const isStored of [true, false])
        for (const isContended of [true, false]) {
          /** How many updates are acknowledged before one is not. */
          let until = -1
          const app = fixture({}, (clock) => {
            const store = make(clock)
            const update = store.update.bind(store)
            return Object.assign(store, {
              async update(...args: Parameters<typeof update>) {
                if (until-- !== 0) return update(...args)
                if (isStored) await update(...args)
                throw new Error('the connection was lost')
              },
            })
          })
          const victim = await signedIn(app)
          const [before, renewing, other] = [victim.copy(), victim.begin(), victim.copy()]
          ;(await renewing.session()).set('a', 1).renew()
          if (isContended) await other.visit((session) => session.set('b', 2))
          // In a contended renewal, the first one loses its compare-and-set.
          until = isContended ? 1 : 0
          await renewing.respond()
          assert.ok(until < 0)
          await settle()
          await victim.visit((session) =>
            assert.deepEqual(
              [session.userId, session.get('a'), session.get('b')],
              ['ada', 1, isContended ? 2 : undefined],
            ),
          )
          await before.visit((session) => assert.equal(session.userId, null))
          assert.equal((await app.sessions.of('ada').list()).length, 1)
          await app.store.close()
        }
    })
  })

describe('a store that deletes a user’s sessions one by one', () => {
  it('also ends a session that was renewed during the deletion', async () => {
    const memory = STORES.memory ?? assert.fail()
    let between: (() => Promise<unknown>) | null = null
    const app = fixture({}, (clock) => {
      const store = memory(clock)
      const { byOwner } = store
      // As the file engine works: it lists the sessions first, then deletes each.
      const deleteAll = async (owner: string, except?: Id) => {
        const ids = (await listed(byOwner, owner)).map(({ id }) => id).filter((id) => id !== except)
        await between?.()
        between = null
        return (await Promise.all(ids.map((id) => store.delete(id)))).filter(Boolean).length
      }
      return Object.assign(store, { byOwner: { ...byOwner, deleteAll } })
    })
    const victim = await signedIn(app)
    const before = victim.cookie
    const request = victim.begin()
    ;(await request.session()).renew()
    between = () => request.respond()
    assert.equal(await app.sessions.of('ada').revokeAll(), 1)
    assert.notEqual(victim.cookie, before)
    for (const cookie of [before, victim.cookie]) assert.deepEqual(await stateOf(app, cookie), DEAD)
  })
})
