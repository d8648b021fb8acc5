import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'
import { manualClock } from '../../packages/strongroom/src/testing/index.ts'
import { type Watched, watched } from '../../packages/strongroom/src/testing/watched.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

interface Data {
  theme: string
}

const ENGINES = {
  'a bare cookie': () => cookie(),
  'a signed cookie': () => cookie({ protection: 'signed' }),
  'a cookie with revocations': () => cookie({ revocations: memory() }),
} as const

type Visit = Visitor<Data>['visit']

/** What gives the session another cookie, whose theme is "new". */
const CHANGES = {
  'a change': (visit: Visit) => visit((session) => session.set('theme', 'new')),
  'a renewal': (visit: Visit) =>
    visit((session) => {
      session.set('theme', 'new')
      session.renew()
    }),
  'a change that lets it end sooner': (visit: Visit) =>
    visit((session) => {
      session.set('theme', 'new')
      session.setExpiry('5m')
    }),
}

for (const [engine, store] of Object.entries(ENGINES))
  describe(`two copies of ${engine} in one request`, () => {
    for (const [what, change] of Object.entries(CHANGES))
      for (const remember of [false, true])
        it(`before and after ${what}${remember ? ', without an idle limit' : ''}: the newer one counts`, async () => {
          const clock = manualClock()
          const events: SessionEvent[] = []
          const sessions = createSessions<Data>({
            store: store(),
            secrets: randomBytes(32),
            clock,
            on: (event) => events.push(event),
          })
          const guest = visitor(sessions)
          await guest.visit((session) => {
            session.set('theme', 'old')
            session.login('ada', { remember })
          })
          const before = guest.cookie
          clock.advance(1)
          await change(guest.visit)
          assert.notEqual(guest.cookie, before)
          for (const both of [
            [before, guest.cookie],
            [guest.cookie, before],
          ]) {
            const session = await sessions.read({ cookie: both.map((one) => `__Host-id=${one}`).join('; ') })
            assert.deepEqual([session.userId, session.get('theme')], ['ada', 'new'])
          }
          assert.ok(!events.some((event) => event.type === 'rejected'))
        })

    it('beside another session are ambiguous, and a logout ends each session once', async () => {
      const clock = manualClock()
      const events: SessionEvent[] = []
      const secrets = randomBytes(32)
      const sessions = createSessions<Data>({ store: store(), secrets, clock, on: (event) => events.push(event) })
      const [ada, mallory] = [visitor(sessions), visitor(sessions)]
      await ada.visit((session) => session.login('ada'))
      const before = ada.cookie
      clock.advance(1)
      await ada.visit((session) => session.set('theme', 'new'))
      await mallory.visit((session) => session.login('mallory'))
      const all = [before, mallory.cookie, ada.cookie].map((one) => `__Host-id=${one}`).join('; ')
      const visit = sessions.open({ cookie: all })
      const session = await visit.get()
      assert.equal(session.userId, null)
      session.logout()
      await visit.commit()
      assert.equal(events.filter((event) => event.type === 'rejected' && event.reason === 'ambiguous').length, 1)
      assert.equal(events.filter((event) => event.type === 'revoked').length, 2)
    })
  })

const STORES = {
  'on the server': (watch: Watched) => watch.store,
  'in its cookie, with revocations': (watch: Watched) => cookie({ revocations: watch.store }),
}

for (const [where, store] of Object.entries(STORES))
  describe(`superseded cookies of a session that is ${where}`, () => {
    /** The store calls of a logout with so many of them, once they were loaded. */
    async function logout(count: number): Promise<readonly string[]> {
      const watch = watched(memory())
      const sessions = createSessions<Data>({ store: store(watch), secrets: randomBytes(32) })
      const guest = visitor(sessions)
      await guest.visit((session) => session.login('ada'))
      const superseded: string[] = []
      for (let i = 0; i < count; i++) {
        superseded.push(`__Host-id=${guest.cookie}`)
        await guest.visit((session) => session.renew())
      }
      const visit = sessions.open({ cookie: superseded.join('; ') })
      const session = await visit.get()
      assert.equal(session.userId, null)
      session.logout()
      watch.calls.length = 0
      await visit.commit()
      const calls = [...watch.calls]
      await guest.visit((session) => assert.equal(session.userId, null))
      return calls
    }

    it('are of one session, which a logout with all of them ends once', async () => {
      const calls = await logout(1)
      assert.ok(calls.length > 0)
      for (const count of [2, 3]) assert.deepEqual(await logout(count), calls)
    })
  })
