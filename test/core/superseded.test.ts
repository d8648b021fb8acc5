import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { inCookies, REVOCABLE, STORES } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture, last } from './fixtures/fixture.ts'
import { interrupt, settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

type S = Session<Anything>

const HALF_A_MINUTE = 30_000

/** How a cookie is superseded, and the way back to a session of one's own. */
const WAYS: Record<string, (session: S) => void> = {
  'a renewal': (session) => session.renew(),
  'a login': (session) => session.login('ada'),
}

async function superseded(app: Fixture, way: string) {
  const guest = app.visitor()
  await guest.visit((session) => session.set('theirs', 1))
  await settle()
  const old = guest.copy()
  await guest.visit(WAYS[way] ?? assert.fail())
  await settle()
  return { guest, old }
}

const ENGINES: Record<string, (options?: Parameters<typeof fixture>[0]) => Fixture> = {
  ...Object.fromEntries(
    Object.entries(STORES).map(([name, make]) => [
      name,
      (options: Parameters<typeof fixture>[0]) => fixture(options, make),
    ]),
  ),
  'cookie with revocations': inCookies,
}

for (const [name, make] of Object.entries(ENGINES))
  for (const way of Object.keys(WAYS))
    describe(`on ${name}, a cookie that ${way} has superseded`, () => {
      it('creates nothing for half a minute, in which the newer one may still be on its way, and then it may', async () => {
        const app = make()
        const { guest, old } = await superseded(app, way)
        const sessions = async () => (name === 'cookie with revocations' ? null : (await sessionsIn(app.store)).length)
        const before = await sessions()
        for (const passed of [0, HALF_A_MINUTE - 1000]) {
          app.clock.advance(passed)
          await settle()
          app.calls.length = 0
          const outcome = await old.copy().visit(async (session, request) => {
            assert.deepEqual([session.userId, session.isNew, session.get('theirs')], [null, true, undefined])
            session.set('token', 'of a form')
            return request.respond()
          })
          assert.deepEqual([outcome.setCookie, await sessions()], [null, before])
          assert.ok(!app.calls.includes('create'), 'a session was created, and had to be removed again')
        }
        app.clock.advance(1000)
        await settle()
        const later = old.copy()
        await later.visit((session) => session.set('token', 'of a form'))
        assert.notEqual(later.cookie, old.cookie)
        await settle()
        await later.visit((session) => assert.deepEqual(session.keys(), ['token']))
        await guest.visit((session) => assert.equal(session.get('theirs'), 1))
        await app.store.close()
      })

      it('can be used to sign in at any time', async () => {
        const app = make()
        const { guest, old } = await superseded(app, way)
        await old.visit((session) => session.set('mine', 1).login('bob'))
        await settle()
        await old.visit((session) => assert.deepEqual([session.userId, session.keys()], ['bob', ['mine']]))
        await guest.visit((session) => assert.equal(session.get('theirs'), 1))
        await app.store.close()
      })
    })

for (const [name, make] of Object.entries(ENGINES))
  describe(`on ${name}, a response to which nothing was written`, () => {
    it('is the same for a cookie that was superseded, whose session ended, or that was tampered with', async () => {
      for (const saveEveryRequest of [false, true])
        for (const status of [200, 404, 500]) {
          const app = make({ saveEveryRequest })
          const facts = async (old: Visitor<Anything>) => {
            await settle()
            const request = old.begin()
            const session = await request.session()
            const { userId, isNew, handle, createdAt, expiresAt } = session
            const seen = {
              userId,
              isNew,
              handle,
              createdAt,
              expiresAt,
              keys: session.keys(),
              flash: session.flash('x'),
            }
            return { seen, ...(await request.respond(status)) }
          }
          const renewed = (await superseded(app, 'a renewal')).old
          const replaced = (await superseded(app, 'a login')).old
          const ended = app.visitor()
          await ended.visit((session) => session.set('a', 1))
          await settle()
          await ended.copy().visit((session) => session.logout())
          const tampered = app.visitor()
          tampered.cookie = `${ended.cookie?.slice(0, -2)}AA`
          const [first, ...others] = [
            await facts(tampered),
            await facts(ended),
            await facts(renewed),
            await facts(replaced),
          ]
          assert.deepEqual([first?.setCookie, first?.used], [null, true])
          for (const other of others) assert.deepEqual(other, first)
          await app.store.close()
        }
    })
  })

describe('a page does not sign itself out', () => {
  const parallel: Record<string, (session: S) => void> = {
    'keeps something': (session) => session.set('token', 'of a form'),
    'empties the session': (session) => session.clear(),
    'only reads': () => undefined,
    'renews the session': (session) => session.renew(),
  }
  for (const [name, make] of Object.entries(STORES))
    for (const [what, change] of Object.entries(parallel))
      it(`by an anonymous request that ${what} while another one logs in, on ${name}, in any order`, async () => {
        let met = 0
        for (const slow of ['login', 'request'] as const)
          for (let at = 0, reached = true; reached; at++) {
            const app = fixture({}, make)
            const guest = app.visitor()
            await guest.visit((session) => session.set('basket', [1]))
            await settle()
            // Two requests of one page, whose responses may arrive in any order.
            const [tab, form] = [guest.copy(), guest.copy()]
            const login = async () => {
              const request = form.begin()
              ;(await request.session()).login('ada')
              await request.respond()
            }
            const other = async () => {
              const request = tab.begin()
              change(await request.session())
              await request.respond().catch((error) => assert.ok(error instanceof SessionGoneError, error))
            }
            const [slowly, suddenly] = slow === 'login' ? [login, other] : [other, login]
            const outcome = await interrupt(app.gates, slowly, suddenly, at)
            if (!outcome.reached) await suddenly()
            assert.equal(outcome.result.status, 'fulfilled')
            await settle()
            await form.visit((session) => assert.equal(session.userId, 'ada'))
            // Except where its own renewal came first, it sends no cookie that could arrive last.
            if (what !== 'renews the session') assert.equal(tab.setCookie, null)
            if (last(app.events, 'gone') || last(app.events, 'absent') || last(app.events, 'conflict')) met++
            assert.equal((await app.sessions.of('ada').list()).length, 1)
            await app.store.close()
            reached = outcome.reached
          }
        if (what !== 'only reads') assert.ok(met > 0, 'they never met')
      })

  it('by a request that was sent before the login and arrives after it, on sessions in cookies with revocations', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await guest.visit((session) => session.set('basket', [1]))
    const late = guest.begin()
    await guest.visit((session) => session.login('ada'))
    const good = guest.cookie
    ;(await late.session()).set('token', 'of a form')
    assert.equal((await late.respond()).setCookie, null)
    assert.equal(guest.cookie, good)
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
  })

  /** What becomes of the anonymous session meanwhile, so that the login finds nothing to replace. */
  const MEANWHILE: Record<string, (app: Fixture, tab: Visitor<Anything>) => Promise<unknown>> = {
    'emptied by another request': (_, tab) => tab.visit((session) => session.clear()),
    'ended by another request': (_, tab) => tab.visit((session) => session.logout()),
    'ended by its handle': async (app, tab) => app.sessions.revoke((await tab.visit(({ handle }) => handle)) ?? ''),
    expired: async (app) => app.clock.advance(3_600_000),
  }
  for (const [name, make] of Object.entries(STORES))
    for (const [what, happens] of Object.entries(MEANWHILE))
      for (const when of ['before', 'during'] as const)
        it(`by a request with the cookie of a session that was ${what} ${when} the login, on ${name}`, async () => {
          const app = fixture({}, make)
          const guest = app.visitor()
          await guest.visit((session) => session.set('basket', [1]))
          await settle()
          const [tab, early, late, form] = [guest.copy(), guest.copy(), guest.copy(), guest.copy()]
          const login = form.begin()
          if (when === 'during') (await login.session()).login('ada')
          await happens(app, tab)
          await settle()
          // Both were sent with the old cookie: one is loaded before the login and one after it.
          const [first, second] = [early.begin(), late.begin()]
          ;(await first.session()).set('token', 'of a form')
          if (when === 'before') (await login.session()).login('ada')
          await login.respond()
          await first.respond()
          await settle()
          ;(await second.session()).set('token', 'of a form')
          await second.respond()
          assert.deepEqual([early.setCookie, late.setCookie], [null, null])
          assert.equal((await sessionsIn(app.store)).length, 1)
          await form.visit((session) => assert.equal(session.userId, 'ada'))
          await app.store.close()
        })

  for (const [name, make] of Object.entries(STORES))
    it(`by a request that was sent before a logout that leaves a message, or signs somebody else in, on ${name}`, async () => {
      const goesOn: Record<string, (session: S) => unknown> = {
        message: (session) => session.flash('note', 'Good bye.'),
        login: (session) => session.login('bob'),
      }
      for (const [what, goOn] of Object.entries(goesOn)) {
        const app = fixture({}, make)
        const guest = app.visitor()
        await guest.visit((session) => session.login('ada'))
        await settle()
        const [early, late] = [guest.copy(), guest.copy()]
        const first = early.begin()
        ;(await first.session()).set('token', 'of a form')
        await guest.visit((session) => {
          session.logout()
          goOn(session)
        })
        await assert.rejects(async () => first.respond(), SessionGoneError)
        await settle()
        await late.visit((session) => session.set('token', 'of a form'))
        assert.deepEqual([early.setCookie, late.setCookie], [null, null])
        await guest.visit((session) =>
          assert.deepEqual(
            [session.userId, session.flash('note')],
            what === 'login' ? ['bob', []] : [null, ['Good bye.']],
          ),
        )
        await app.store.close()
      }
    })

  it('and what a parallel request has saved before the login is not lost', async () => {
    for (const make of Object.values(REVOCABLE)) {
      const app = make()
      if (app.sessions.policy.traits.engine.startsWith('cookie')) continue
      const guest = app.visitor()
      await guest.visit((session) => session.set('basket', [1]))
      await settle()
      const request = guest.begin()
      const session = await request.session()
      await guest.copy().visit((other) => other.set('token', 'of a form'))
      session.login('ada')
      await request.respond()
      await settle()
      await guest.visit((session) =>
        assert.deepEqual([session.userId, session.get('basket'), session.get('token')], ['ada', [1], 'of a form']),
      )
      await app.store.close()
    }
  })

  it('and an emptied session leaves its cookie alone, unless nothing else could end it', async () => {
    for (const make of [fixture, inCookies as typeof fixture]) {
      const app = make()
      const guest = app.visitor()
      await guest.visit((session) => session.set('a', 1))
      await settle()
      const before = guest.cookie
      const outcome = await guest.visit(async (session, request) => {
        session.delete('a')
        return request.respond()
      })
      assert.deepEqual([outcome.setCookie, guest.cookie], [null, before])
      await settle()
      await guest.visit((session) => assert.equal(session.isNew, true))
    }
    const guest = visitor<Anything>(createSessions({ secrets: secret('a'), store: 'cookie:' }))
    await guest.visit((session) => session.set('a', 1))
    await guest.visit((session) => session.delete('a'))
    assert.equal(guest.cookie, null)
  })
})

for (const [name, make] of Object.entries(STORES))
  describe(`on ${name}, a session that its visitor's own requests left empty`, () => {
    async function emptied() {
      const app = fixture({}, make)
      const guest = app.visitor()
      await guest.visit((session) => session.set('message', 1))
      await settle()
      const [old, late] = [guest.copy(), guest.copy()]
      const request = late.begin()
      await request.session()
      return { app, guest, old, request }
    }
    const empty = async (guest: Visitor<Anything>) => {
      await guest.visit((session) => session.delete('message'))
      await settle()
    }

    it('can be filled again for half a minute: nobody wanted to end it', async () => {
      const { app, guest, request } = await emptied()
      await empty(guest)
      assert.equal((await sessionsIn(app.store)).length, 0)
      await guest.copy().visit((session) => assert.deepEqual([session.isNew, session.handle], [true, null]))
      await settle()
      ;(await request.session()).set('basket', [1])
      await request.respond()
      await settle()
      await guest.visit((session) => session.set('n', 1))
      await settle()
      await guest.visit((session) => assert.deepEqual(session.keys().sort(), ['basket', 'n']))
      assert.equal((await sessionsIn(app.store)).length, 1)
      await app.store.close()
    })

    it('and not later, under a cookie from before a renewal, or once it was ended', async () => {
      const ways: Record<string, (app: Fixture, guest: Visitor<Anything>) => Promise<unknown>> = {
        later: async (app, guest) => {
          await empty(guest)
          app.clock.advance(HALF_A_MINUTE)
        },
        renewed: async (_, guest) => {
          await guest.visit((session) => session.renew())
          await settle()
          await empty(guest)
        },
        ended: async (_, guest) => {
          await empty(guest)
          await guest.visit((session) => session.set('a', 1))
          await settle()
          await guest.visit((session) => session.logout())
        },
      }
      for (const [what, happens] of Object.entries(ways)) {
        const { app, guest, request } = await emptied()
        await happens(app, guest)
        await settle()
        ;(await request.session()).set('basket', [1])
        await assert.rejects(async () => request.respond(), SessionGoneError, what)
        assert.equal((await sessionsIn(app.store)).length, 0, what)
        await app.store.close()
      }
    })

    it('leaves nothing that opens, is listed or counts, and nothing at all after half a minute', async () => {
      const { app, guest } = await emptied()
      await empty(guest)
      assert.equal((await app.sessions.stats()).live, 0)
      app.clock.advance(HALF_A_MINUTE)
      await app.store.clearExpired()
      for await (const page of app.store.scan()) assert.deepEqual(page, [])
      await app.store.close()
    })
  })
