import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SessionGoneError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/index.ts'
import { STORES } from './fixtures/engines.ts'
import { fixture, last } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'

const HOUR = 3_600_000

for (const [name, make] of Object.entries(STORES)) {
  const site = (options: Partial<SessionsOptions> = {}) => fixture(options as object, make)
  /** An anonymous visitor with a basket. */
  async function begun(options?: Partial<SessionsOptions>) {
    const app = site(options)
    const guest = app.visitor()
    await guest.visit((session) => session.set('basket', 1))
    await settle()
    return { app, guest }
  }

  describe(`on ${name}, of the requests of one page`, () => {
    it('none overwrites the cookie of a logout and login with an ended session', async () => {
      const { app, guest } = await begun()
      app.clock.advance(HOUR)
      const [early, late] = [guest.copy(), guest.copy()]
      const first = early.begin()
      ;(await first.session()).set('token', 'of a form')
      await guest.visit((session) => {
        session.logout()
        session.login('ada')
      })
      await first.respond()
      await settle()
      await late.visit((session) => session.set('token', 'of a form'))
      assert.deepEqual([early.setCookie, late.setCookie], [null, null])
      assert.equal((await sessionsIn(app.store)).length, 1)
      await app.store.close()
    })

    it('none that has saved already, and begins a session again, overwrites the cookie of a login', async () => {
      const { app, guest } = await begun()
      const tab = guest.copy()
      const request = tab.begin()
      const session = await request.session()
      session.clear()
      await request.save()
      await guest.visit((other) => other.login('ada'))
      await settle()
      session.set('token', 'of a form')
      assert.equal((await request.respond()).setCookie, null)
      assert.ok(last(app.events, 'gone'), 'what was set is lost, and an event must say so')
      assert.equal((await sessionsIn(app.store)).length, 1)
      await app.store.close()
    })

    it('none whose save was refused because of a login overwrites its cookie afterwards', async () => {
      const { app, guest } = await begun()
      const tab = guest.copy()
      const request = tab.begin()
      const session = await request.session()
      session.set('token', 'of a form')
      await guest.visit((other) => other.login('ada'))
      await settle()
      await assert.rejects(request.save(), SessionGoneError)
      session.set('token', 'of a form')
      assert.equal((await request.respond()).setCookie, null)
      await app.store.close()
    })

    it('none overwrites the cookie of a message that was left after a logout was saved', async () => {
      const { app, guest } = await begun()
      await guest.visit((session) => session.login('ada'))
      await settle()
      const late = guest.copy()
      await guest.visit(async (session, request) => {
        session.logout()
        await request.save()
        session.flash('note', 'Good bye.')
      })
      await settle()
      await late.visit((session) => session.set('token', 'of a form'))
      assert.equal(late.setCookie, null)
      await guest.visit((session) => assert.deepEqual(session.flash('note'), ['Good bye.']))
      await app.store.close()
    })

    it('none that is refused for its credential overwrites the cookie of the one that has renewed it', async () => {
      let password = 'one'
      const { app, guest } = await begun({ credential: () => password })
      await guest.visit((session) => session.login('ada'))
      await settle()
      const [tab, other] = [guest.begin(), guest.copy()]
      const session = await tab.session()
      password = 'two'
      const request = other.begin()
      const refused = await request.session()
      assert.equal(refused.userId, null)
      session.credentialChanged()
      await tab.respond()
      await settle()
      refused.set('token', 'of a form')
      assert.equal((await request.respond()).setCookie, null)
      await guest.visit((again) => assert.equal(again.userId, 'ada'))
      await app.store.close()
    })

    it('a login takes over what another one has stored in the session that was empty', async () => {
      const { app, guest } = await begun()
      const tab = guest.copy()
      await guest.visit((session) => session.clear())
      await settle()
      const login = guest.begin()
      ;(await login.session()).login('ada')
      await tab.visit((session) => session.set('basket', 2))
      await settle()
      await login.respond()
      await settle()
      await guest.visit((session) => assert.deepEqual([session.userId, session.get('basket')], ['ada', 2]))
      await app.store.close()
    })

    it('one that cannot ask whether another has logged in leaves no session behind', async () => {
      const { app, guest } = await begun()
      await guest.copy().visit((session) => session.logout())
      await settle()
      const request = guest.begin()
      ;(await request.session()).set('token', 'of a form')
      app.fail.when = (call) => (call === 'read' ? new Error('down') : null)
      await assert.rejects(async () => request.respond(), StoreError)
      app.fail.when = null
      assert.deepEqual(await sessionsIn(app.store), [])
      await app.store.close()
    })
  })

  describe(`on ${name}, an anonymous session that is emptied and filled again`, () => {
    it('ends when it would have ended', async () => {
      const { app, guest } = await begun({ idle: null, absolute: '1h' })
      for (let minutes = 0; minutes < 59; minutes += 20) {
        await guest.visit((session) => session.clear())
        await settle()
        await guest.visit((session) => session.set('basket', minutes))
        await settle()
        app.clock.advance(20 * 60_000)
      }
      await guest.visit((session) => assert.equal(session.isNew, true))
      await app.store.close()
    })

    it('is ended by nobody with a cookie from before its renewal', async () => {
      const { app, guest } = await begun()
      const thief = guest.copy()
      await guest.visit((session) => session.renew())
      await settle()
      await guest.visit((session) => session.clear())
      await settle()
      const login = thief.begin()
      ;(await login.session()).login('mallory')
      await guest.visit((session) => session.set('basket', 2))
      await login.respond()
      await settle()
      await guest.visit((session) => assert.equal(session.get('basket'), 2))
      await app.store.close()
    })

    it('is not reported as gone', async () => {
      const { app, guest } = await begun()
      const request = guest.copy().begin()
      const session = await request.session()
      await guest.visit((other) => other.clear())
      await settle()
      session.set('basket', 2)
      await request.respond()
      assert.equal(last(app.events, 'gone'), undefined)
      await app.store.close()
    })
  })
}
