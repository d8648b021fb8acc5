import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import type { Found } from '../../packages/strongroom/src/store.ts'
import { STORES } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture } from './fixtures/fixture.ts'
import { interrupt, settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

const remember = (session: Session<Anything>) => session.setExpiry({ idle: '14d', absolute: '30d' })

async function deadlineOf({ store }: Fixture): Promise<number> {
  const [listing] = await sessionsIn(store)
  return listing?.expiresAt ?? 0
}

for (const [name, make] of Object.entries(STORES)) {
  describe(`a touch on ${name}`, () => {
    it('does not cut a session that is given another lifetime while it is under way, at whatever point', async () => {
      let [points, touches] = [0, 0]
      for (let reached = true; reached; points += 1) {
        const app = fixture({ idle: '30m', absolute: '12h' }, make)
        const guest = app.visitor()
        await guest.visit((session) => session.login('ada'))
        app.clock.advance(10 * MINUTE)
        await settle()
        const tab = guest.copy()
        const read = () => guest.visit((session) => session.get('basket'))
        const outcome = await interrupt(app.gates, read, () => tab.visit(remember), points)
        assert.equal(outcome.result.status, 'fulfilled')
        if (outcome.reached) assert.equal(await deadlineOf(app), app.clock() + 14 * DAY)
        if (app.calls.includes('touch')) touches += 1
        reached = outcome.reached
        await app.store.close()
      }
      assert.ok(points > 4 && touches > 2, `${points} points, ${touches} touches`)
    })
  })
}

describe('a touch', () => {
  /** A request that has created its session, and has not responded yet. */
  const begin = async () => {
    const app = fixture({ idle: '30m', absolute: '12h' })
    const request = app.visitor().begin()
    ;(await request.session()).login('ada')
    await request.save()
    return { app, request }
  }

  it('by the request that created the session moves its deadline', async () => {
    const { app, request } = await begin()
    app.clock.advance(10 * MINUTE)
    await request.respond()
    assert.equal(await deadlineOf(app), app.clock() + 30 * MINUTE)
  })

  it('by the request that created the session does not cut it when it was given another lifetime since', async () => {
    const { app, request } = await begin()
    for (const { id } of await sessionsIn(app.store)) {
      const found = (await app.store.read(id)) as Found
      await app.store.update(id, { ...found.entry, expiresAt: app.clock() + 14 * DAY }, found.version)
    }
    const deadline = await deadlineOf(app)
    app.clock.advance(10 * MINUTE)
    await request.respond()
    assert.ok(app.calls.includes('read'))
    assert.equal(await deadlineOf(app), deadline)
  })

  it('that came too late is not reported, unless the session has ended', async () => {
    for (const [sudden, expected] of [
      [remember, ['loaded', 'loaded', 'updated']],
      [(session: Session<Anything>) => session.logout(), ['loaded', 'loaded', 'revoked', 'gone']],
    ] as const) {
      const app = fixture({ idle: '30m', absolute: '12h' })
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      app.clock.advance(10 * MINUTE)
      await settle()
      app.events.length = 0
      const request = guest.begin()
      await request.session()
      await guest.copy().visit(sudden)
      await request.respond()
      assert.deepEqual(
        app.events.map(({ type }) => type),
        expected,
      )
    }
  })
})

describe('a request that has lost a compare-and-set', () => {
  const changes: Record<string, (session: Session<Anything>) => void> = {
    write: (session) => session.set('mine', 1),
    renewal: (session) => session.set('mine', 1).renew(),
    login: (session) => session.set('mine', 1).login('bob'),
  }
  for (const [verb, change] of Object.entries(changes))
    it(`does not load the copy again that it has lost with (${verb})`, async () => {
      /** Reads return what was there first, as a cache on another node would, unless they are fresh. */
      const copies = new Map<Id, Found>()
      const app = fixture({}, undefined, (inner) => ({
        ...inner,
        async read(id, options) {
          const found = (!options?.fresh && copies.get(id)) || (await inner.read(id, options))
          if (found && !copies.has(id)) copies.set(id, found)
          return found
        },
      }))
      const [guest, elsewhere] = [app.visitor(), app.visitor()]
      await guest.visit((session) => (verb === 'login' ? session.set('basket', 1) : session.login('ada')))
      await settle()
      elsewhere.cookie = guest.cookie
      await elsewhere.visit((session) => session.set('theirs', 2))
      await settle()
      await guest.visit(change)
      copies.clear()
      await settle()
      await guest.visit((session) => assert.deepEqual([session.get('theirs'), session.get('mine')], [2, 1]))
    })
})
