import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { REVOCABLE, STORES } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture } from './fixtures/fixture.ts'
import { interrupt, race, settle } from './fixtures/gates.ts'
import type { Visitor } from './fixtures/visitor.ts'

type S = Session<Anything>
type Phase = 'before' | 'during' | 'after'

/** As the file engine works, and Redis with its index in another slot: others run between any two of its steps. */
const stepwise = (): Fixture =>
  fixture({}, STORES.memory, (store) => ({
    ...store,
    byOwner: {
      list: store.byOwner.list,
      async deleteAll(owner: string, except?: Id) {
        let count = 0
        for await (const page of store.byOwner.list(owner))
          for (const { id } of page) if (id !== except && (await store.delete(id))) count += 1
        return count
      },
    },
  }))

const ENGINES: Record<string, () => Fixture> = { ...REVOCABLE, 'a store that ends sessions one by one': stepwise }

const CHANGES: Record<string, (session: S) => void> = {
  write: (session) => session.update('n', (n = 0) => n + 1),
  renew: (session) => session.renew(),
  'write and renew': (session) => session.set('a', 1).renew(),
  expire: (session) => session.setExpiry({ absolute: '5h' }),
}

async function signedIn(app: Fixture): Promise<Visitor<Anything>> {
  const guest = app.visitor()
  await guest.visit((session) => session.set('secret', 1).login('ada'))
  app.clock.advance(1)
  await settle()
  return guest
}

async function userOf(app: Fixture, cookie: string | null) {
  await settle()
  const copy = app.visitor()
  copy.cookie = cookie
  return copy.visit((session) => session.userId)
}

const chooser = (order: readonly number[], app: Fixture) => {
  let turn = 0
  return (count: number) => {
    app.clock.advance(1)
    return (order[turn++ % order.length] as number) % count
  }
}

const orders = fc.array(fc.nat(7), { minLength: 6, maxLength: 40 })

for (const [name, make] of Object.entries(ENGINES)) {
  // Node 22 needs ten times as long for them as later ones.
  const isSlow = Number.parseInt(process.versions.node, 10) < 24
  const numRuns = name === 'file' || name === 'sqlite' || isSlow ? 30 : 150

  describe(`on ${name}, in any order of all store calls`, () => {
    for (const verb of ['revokeAll', 'revokeOthers'] as const)
      it(`no renewal outruns ${verb}(), however often it is renewed`, async () => {
        const check = async (changes: string[][], order: number[]) => {
          const app = make()
          const here = await signedIn(app)
          const victim = await signedIn(app)
          const cookies = [victim.cookie]
          const thieves = changes.map((list) => async () => {
            const thief = victim.copy()
            for (const change of list) {
              const request = thief.begin()
              CHANGES[change]?.(await request.session())
              // Another thief may have been faster, or the revocation.
              await request.respond().catch((error) => assert.ok(error instanceof SessionGoneError, error))
              cookies.push(thief.cookie)
            }
          })
          const revoke = async () => {
            if (verb === 'revokeAll') return void (await app.sessions.of('ada').revokeAll())
            const request = here.begin()
            await app.sessions.of('ada').revokeOthers(await request.session())
            await request.respond()
          }
          const results = await race(app.gates, [...thieves, revoke], chooser(order, app))
          for (const result of results) if (result.status === 'rejected') throw result.reason
          for (const cookie of cookies) assert.equal(await userOf(app, cookie), null)
          assert.equal(await userOf(app, here.cookie), verb === 'revokeOthers' ? 'ada' : null)
          if (app.sessions.policy.traits.engine !== 'cookie (sealed)')
            assert.equal((await app.sessions.of('ada').list()).length, verb === 'revokeOthers' ? 1 : 0)
          await app.store.close()
        }
        const change = fc.constantFrom('renew', 'renew', ...Object.keys(CHANGES))
        const list = fc.array(change, { minLength: 2, maxLength: 4 })
        await fc.assert(fc.asyncProperty(fc.tuple(list, list), orders, check), { numRuns })
      })

    it('a client that renews its session between any two steps of revokeAll() does not survive it', async () => {
      for (const times of [1, 2]) {
        const app = make()
        const thief = await signedIn(app)
        const cookies = [thief.cookie]
        const renew = async () => {
          for (let i = 0; i < times; i++) {
            const renewal = thief.visit((session) => session.renew())
            await renewal.catch((error) => assert.ok(error instanceof SessionGoneError, error))
            cookies.push(thief.cookie)
            await settle()
          }
        }
        let result: PromiseSettledResult<unknown> | undefined
        Promise.allSettled([app.gates.run('revoke', () => app.sessions.of('ada').revokeAll())]).then(([only]) => {
          result = only
        })
        for (let steps = 0; !result; steps++) {
          assert.ok(steps < 1000, 'it never ends')
          await app.gates.free(renew)
          await app.gates.held[0]?.open()
          await settle()
        }
        assert.equal(result.status, 'fulfilled')
        assert.ok(new Set(cookies).size > 2, 'it was renewed meanwhile')
        for (const cookie of cookies) assert.equal(await userOf(app, cookie), null)
        await app.store.close()
      }
    })

    it('a login that began before revokeAll() ends with the others and is told so, and a later one is not affected', async () => {
      const seen = { before: 0, during: 0, after: 0 }
      const check = async (kinds: string[], order: number[]) => {
        const app = make()
        const users = app.sessions.of('ada')
        const guests = kinds.map(() => app.visitor())
        const basket = async (guest: Visitor<Anything>) => guest.visit((session) => session.set('basket', 1))
        await Promise.all(guests.map(basket))
        /** Store calls that do nothing, so that others may come first. */
        const wait = async (calls: number) => {
          for (let i = 0; i < calls; i++) await app.sessions.of('bob').moment()
        }
        let state = 'before' as Phase
        const began: Phase[] = []
        const logins = kinds.map((kind, i) => async () => {
          const request = guests[i]?.begin() ?? assert.fail()
          const session = await request.session()
          if (kind === 'late') await wait(8)
          // It begins when the store answers, which is some time between these two.
          const called = state
          const asOf = kind === 'asOf' ? await users.moment() : undefined
          if (called === 'after') began[i] = 'after'
          else began[i] = asOf && state === 'before' ? 'before' : 'during'
          session.login('ada', { asOf })
          await request.respond()
        })
        const revoke = async () => {
          await wait(2)
          state = 'during'
          await users.revokeAll()
          state = 'after'
        }
        const results = await race(app.gates, [...logins, revoke], chooser(order, app))
        let live = 0
        for (const [i, guest] of guests.entries()) {
          const result = results[i]
          const user = await userOf(app, guest.cookie)
          if (result?.status === 'rejected') {
            assert.ok(result.reason instanceof SessionGoneError && result.reason.status === 409)
            assert.equal(user, null)
          }
          if (began[i] === 'before') assert.equal(user, null, 'it survived')
          if (began[i] === 'after') assert.equal(user, 'ada', 'it was ended')
          if (user === 'ada') live++
          seen[began[i] ?? 'during']++
        }
        if (app.sessions.policy.traits.engine !== 'cookie (sealed)')
          assert.equal((await users.list()).length, live, 'a session that no visitor has')
        await app.store.close()
      }
      const kinds = fc.array(fc.constantFrom('asOf', 'asOf', 'plain', 'late'), { minLength: 2, maxLength: 3 })
      await fc.assert(fc.asyncProperty(kinds, orders, check), { numRuns })
      for (const [phase, count] of Object.entries(seen)) assert.ok(count > 0, `none began ${phase}`)
    })

    it('a session that ends the others does not survive revokeAll() at any point of it, and rejects if it had ended', async () => {
      for (const slow of ['revokeOthers', 'revokeAll'] as const)
        for (let at = 0, reached = true; reached; at++) {
          const app = make()
          const guests = [await signedIn(app), await signedIn(app)]
          const [here, there] = guests as [Visitor<Anything>, Visitor<Anything>]
          let hasEnded = false
          const all = async () => {
            await app.sessions.of('ada').revokeAll()
            hasEnded = true
          }
          const others = async () => {
            const request = here.begin()
            const session = await request.session()
            const wasOver = hasEnded && session.userId !== null
            const result = app.sessions.of('ada').revokeOthers(session)
            if (wasOver) await assert.rejects(result, SessionGoneError)
            else await result.catch((error) => assert.ok(error instanceof SessionGoneError, error))
            await request.respond().catch((error) => assert.ok(error instanceof SessionGoneError, error))
          }
          const [slowly, suddenly] = slow === 'revokeAll' ? [all, others] : [others, all]
          const outcome = await interrupt(app.gates, slowly, suddenly, at)
          if (!outcome.reached) await suddenly()
          assert.equal(outcome.result.status, 'fulfilled')
          assert.deepEqual([await userOf(app, here.cookie), await userOf(app, there.cookie)], [null, null])
          await app.store.close()
          reached = outcome.reached
        }
    })

    it('of two revokeOthers() at least one ends the other session, and no session is left that was told it had ended', async () => {
      const check = async (order: number[]) => {
        const app = make()
        const guests = [await signedIn(app), await signedIn(app), await signedIn(app)]
        const [first, second, third] = guests as [Visitor<Anything>, Visitor<Anything>, Visitor<Anything>]
        const revokeOthers = (guest: Visitor<Anything>) => async () => {
          const request = guest.begin()
          await app.sessions.of('ada').revokeOthers(await request.session())
          await request.respond()
        }
        const results = await race(app.gates, [revokeOthers(first), revokeOthers(second)], chooser(order, app))
        const users = [await userOf(app, first.cookie), await userOf(app, second.cookie)]
        assert.ok(users.includes(null), 'both survived')
        for (const [i, result] of results.entries())
          if (result.status === 'rejected') {
            assert.ok(result.reason instanceof SessionGoneError, result.reason)
            assert.equal(users[i], null)
          }
        assert.equal(await userOf(app, third.cookie), null)
        await app.store.close()
      }
      await fc.assert(fc.asyncProperty(orders, check), { numRuns: Math.min(numRuns, 60) })
    })
  })
}

/** What a request may do to its session. */
const OWN_CHANGES: typeof CHANGES = { ...CHANGES, 'change in place': (session) => session.get('list').push('x') }

for (const [name, make] of Object.entries(ENGINES))
  describe(`on ${name}, revokeAll() of the user of a request`, () => {
    async function open() {
      const app = make()
      const guest = await signedIn(app)
      await guest.visit((session) => session.set('list', ['y']))
      await settle()
      const { cookie } = guest
      const request = guest.begin()
      const session = await request.session()
      return { app, guest, cookie, request, session, revokeAll: () => app.sessions.of('ada').revokeAll() }
    }

    for (const [title, change] of Object.entries(OWN_CHANGES))
      it(`refuses what it changes before or after that (${title}), although userId stays`, async () => {
        for (const when of ['before', 'after'] as const) {
          const { app, cookie, request, session, revokeAll } = await open()
          if (when === 'before') change(session)
          await revokeAll()
          assert.equal(session.userId, 'ada')
          if (when === 'after') change(session)
          await assert.rejects(request.respond(), SessionGoneError, when)
          assert.equal(await userOf(app, cookie), null)
          await app.store.close()
        }
      })

    it('leaves it to logout() to sign the request out', async () => {
      for (const logsOut of [true, false]) {
        const { app, guest, cookie, request, session, revokeAll } = await open()
        await revokeAll()
        assert.equal(session.userId, 'ada')
        if (logsOut) session.logout()
        assert.equal(session.userId, logsOut ? null : 'ada')
        await request.respond()
        assert.equal(guest.cookie, logsOut ? null : cookie)
        assert.equal(await userOf(app, cookie), null)
        await app.store.close()
      }
    })

    it('ends a login of the request from before that, and none from after it', async () => {
      for (const when of ['before', 'after'] as const) {
        const { app, guest, request, session, revokeAll } = await open()
        if (when === 'before') session.login('ada')
        await settle()
        await revokeAll()
        if (when === 'after') session.login('ada')
        if (when === 'before') await assert.rejects(request.respond(), SessionGoneError)
        else await request.respond()
        assert.equal(await userOf(app, guest.cookie), when === 'before' ? null : 'ada')
        await app.store.close()
      }
    })
  })
