import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { SessionGoneError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions, type SessionsOptions } from '../../packages/strongroom/src/index.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { inCookies, STORES } from './fixtures/engines.ts'
import { type Anything, fixture, last } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { secret } from './fixtures/secret.ts'

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

    it('none sends the cookie of an earlier save() if another one has logged in since', async () => {
      const ways: Record<string, (session: Session<Anything>) => void> = {
        'created it': (session) => session.set('token', 'of a form'),
        'renewed it': (session) => session.set('token', 'of a form').renew(),
        'filled it': (session) => session.set('token', 'of a form'),
      }
      for (const [what, change] of Object.entries(ways)) {
        const { app, guest } = await begun()
        const elsewhere = guest.copy()
        if (what === 'created it') await elsewhere.visit((session) => session.logout())
        if (what === 'filled it') await elsewhere.visit((session) => session.clear())
        await settle()
        const [tab, late] = [guest.copy(), guest.copy()]
        const request = tab.begin()
        change(await request.session())
        await request.save()
        if (what === 'renewed it') late.cookie = (await request.respond().then(() => tab.cookie)) as string
        await late.visit((session) => session.login('ada'))
        await settle()
        const before = tab.setCookie
        await request.respond()
        if (what !== 'renewed it') assert.equal(tab.setCookie, null, what)
        else assert.equal(tab.setCookie, before)
        await late.visit((session) => assert.equal(session.userId, 'ada'))
        await app.store.close()
      }
    })

    it('its own login is sent, although it was saved before the response', async () => {
      const { app, guest } = await begun()
      await guest.visit(async (session, request) => {
        session.login('ada')
        await request.save()
      })
      await settle()
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
      const again = guest.copy()
      await again.visit(async (session, request) => {
        session.logout()
        await request.save()
        session.login('bob')
        await request.save()
      })
      await settle()
      await again.visit((session) => assert.equal(session.userId, 'bob'))
      await app.store.close()
    })

    it('none with a cookie that a renewal superseded long ago overwrites the cookie of a login with it', async () => {
      const { app, guest } = await begun()
      await guest.visit((session) => session.login('ada'))
      await settle()
      const old = guest.copy()
      await guest.visit((session) => session.renew())
      app.clock.advance(31_000)
      await settle()
      const [early, late] = [old.copy(), old.copy()]
      const request = early.begin()
      ;(await request.session()).set('token', 'of a form')
      await old.visit((session) => session.login('ada'))
      await request.respond()
      await settle()
      await late.visit((session) => session.set('token', 'of a form'))
      assert.deepEqual([early.setCookie, late.setCookie], [null, null])
      await app.store.close()
    })

    it('none with two cookies of which both are alive overwrites the cookie of a login with them', async () => {
      const { app, guest } = await begun()
      const other = app.visitor()
      await other.visit((session) => session.set('basket', 2))
      await settle()
      const { cookieName } = app.sessions.policy
      const headers = { cookie: `${cookieName}=${guest.cookie}; ${cookieName}=${other.cookie}` }
      const [tab, form] = [app.sessions.open(headers), app.sessions.open(headers)]
      ;(await tab.get()).set('token', 'of a form')
      ;(await form.get()).login('ada')
      assert.notEqual((await form.commit()).setCookie, null)
      assert.equal((await tab.commit()).setCookie, null)
      await app.store.close()
    })

    it('a logout ends what was left empty as well, so that none fills it again', async () => {
      const { app, guest } = await begun()
      const late = guest.copy().begin()
      const session = await late.session()
      await guest.copy().visit((other) => other.clear())
      await settle()
      await guest.copy().visit((other) => other.logout())
      session.set('basket', 2)
      await assert.rejects(async () => late.respond(), SessionGoneError)
      assert.deepEqual(await sessionsIn(app.store), [])
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

describe('of the requests of a page whose session is adopted', () => {
  it('none that only reads overwrites the cookie of a login', async () => {
    const there = new Set(['k1'])
    const source = {
      name: 'old',
      until: new Date(Date.now() + 86_400_000),
      clear: 'old=; Max-Age=0; Path=/',
      keyIn: (cookies: string) => /old=(\w+)/.exec(cookies)?.[1] ?? null,
      read: async (key: string) =>
        there.has(key) ? { userId: 'ada', values: {}, expiresAt: Date.now() + 3_600_000 } : null,
      end: async (key: string) => there.delete(key),
    }
    const sessions = createSessions<Anything>({ secrets: secret('a'), store: memory(), adoptFrom: source as never })
    const [tab, form] = [sessions.open({ cookie: 'old=k1' }), sessions.open({ cookie: 'old=k1' })]
    await tab.get()
    ;(await form.get()).login('ada')
    const { setCookie } = await form.commit()
    await settle()
    assert.equal((await tab.commit()).setCookie, null)
    const [cookie] = `${setCookie}`.split(';', 1)
    assert.equal((await sessions.read({ cookie: `${cookie}` })).userId, 'ada')
  })
})

describe('in cookies with revocations, of the requests of one page', () => {
  it('none whose session has ended overwrites the cookie of a login', async () => {
    const ends: Record<string, (app: ReturnType<typeof inCookies>) => Promise<unknown>> = {
      'a logout': (app) => app.visitor().visit(() => undefined),
      'an end of all': (app) => app.sessions.of('ada').revokeAll(),
    }
    for (const [what, end] of Object.entries(ends)) {
      const app = inCookies()
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      await settle()
      if (what === 'a logout') await guest.copy().visit((session) => session.logout())
      await end(app)
      await settle()
      const early = guest.copy()
      const request = early.begin()
      ;(await request.session()).set('token', 'of a form')
      await guest.visit((session) => session.login('ada'))
      await request.respond()
      assert.equal(early.setCookie, null, what)
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
    }
  })
})
