import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseSetCookie } from 'cookie'
import { createSeal, type SealName } from '../../packages/strongroom/src/crypto/seal.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { SessionGoneError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { aead } from './fixtures/aead.ts'
import { STORES } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture, last } from './fixtures/fixture.ts'
import { interrupt, settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

type S = Session<Anything>

const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000]
const EVERY = { renewEvery: '15m', idle: '8h', absolute: '7d' } as const
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

const read = (session: S) => session.get('a')

/** Somebody who is signed in, with a session whose token is old. */
async function due(app: Fixture, browser = app.visitor(FIREFOX)) {
  await browser.visit((session) => session.set('a', 1).login('ada'))
  await pass(app, 15 * MINUTE)
  return browser
}

/** The same, whose token has been renewed. `old` has the cookie before. */
async function renewed(app: Fixture) {
  const browser = await due(app)
  const old = browser.copy()
  await browser.visit(read)
  assert.notEqual(browser.cookie, old.cookie)
  await settle()
  return { browser, old }
}

/** The same, who has come with the new cookie. */
async function seen(app: Fixture) {
  const people = await renewed(app)
  await people.browser.visit(read)
  await settle()
  return people
}

async function pass({ clock }: Pick<Fixture, 'clock'>, ms: number) {
  clock.advance(ms)
  await settle()
}

/** What a cookie leads to, and what is sent for it. */
async function look({ copy }: Visitor<Anything>, work: (session: S) => unknown = read) {
  const other = copy()
  await other.visit(work)
  await settle()
  const { userId } = await other.visit((session) => ({ userId: session.userId }))
  await settle()
  return { userId, sent: other.setCookie && (parseSetCookie(other.setCookie).value ?? '') }
}

const alarms = ({ events }: Pick<Fixture, 'events'>) => events.filter(({ type }) => type === 'reused')

async function bytesOf({ store }: Fixture) {
  const [only] = await sessionsIn(store)
  return (await store.read(only?.id ?? assert.fail()))?.entry.bytes ?? assert.fail()
}

/** Is the old token's way to the new one still stored? */
async function hasPointer(app: Fixture) {
  const seal = createSeal(app.sessions.policy.seal as SealName, ringOf('any'), aead)
  return seal.headerOf(await bytesOf(app))?.pointer !== undefined
}

for (const [name, make] of Object.entries(STORES))
  describe(`renewEvery, on ${name}`, () => {
    const open = (options: Parameters<typeof fixture>[0] = {}) => fixture({ ...EVERY, ...options }, make)

    it('gives the session in use a new token when the one it has is so old, and not sooner', async () => {
      const app = open()
      const browser = app.visitor()
      await browser.visit((session) => session.set('a', 1).login('ada'))
      const [cookie, handle] = [browser.cookie, await browser.visit((session) => session.handle)]
      await pass(app, 15 * MINUTE - SECOND)
      await browser.visit(read)
      assert.equal(browser.cookie, cookie)
      await pass(app, SECOND)
      app.calls.length = 0
      await browser.visit(read)
      assert.deepEqual(app.calls, ['read', 'update'])
      assert.notEqual(browser.cookie, cookie)
      assert.deepEqual(last(app.events, 'renewed'), { type: 'renewed', handle, previous: handle, reason: 'time' })
      await settle()
      await browser.visit((session) => assert.deepEqual([session.userId, session.get('a')], ['ada', 1]))
      assert.equal(await browser.visit((session) => session.handle), handle)
      assert.equal((await app.sessions.of('ada').list()).length, 1)
      await app.store.close()
    })

    it('gives the session of a request that writes the new token with that one write', async () => {
      const app = open()
      const browser = await due(app)
      app.calls.length = 0
      await browser.visit((session) => session.set('a', 2))
      assert.deepEqual(app.calls, ['read', 'update'])
      assert.equal(last(app.events, 'renewed')?.reason, 'time')
      await settle()
      assert.equal(await browser.visit(read), 2)
      await app.store.close()
    })

    it('renews nothing where no cookie can be sent, nor for a response that saves nothing', async () => {
      const app = open()
      const browser = await due(app)
      const before = browser.cookie
      const headers = { cookie: `${app.sessions.policy.cookieName}=${before}` }
      assert.equal((await app.sessions.read(headers)).userId, 'ada')
      await browser.visit(read, 500)
      assert.deepEqual(await browser.begin().respond(), { setCookie: null, used: false })
      const streams = app.sessions.open(headers)
      await streams.commit()
      assert.equal((await streams.get()).userId, 'ada')
      const saves = browser.begin()
      await saves.session()
      await saves.save()
      assert.equal(browser.cookie, before)
      assert.equal(last(app.events, 'renewed'), undefined)
      await settle()
      await saves.respond()
      assert.notEqual(browser.cookie, before)
      await app.store.close()
    })

    it('lets a browser that never got the new cookie go on for hours, and sends it the same one again', async () => {
      const app = open()
      const { browser, old } = await renewed(app)
      for (const later of [0, 20 * SECOND, MINUTE, HOUR, 4 * HOUR]) {
        await pass(app, later)
        const tab = old.copy()
        await tab.visit((session) => assert.deepEqual([session.userId, session.get('a')], ['ada', 1]))
        assert.equal(tab.cookie, browser.cookie)
        await settle()
      }
      // And what it writes is not lost.
      await old.visit((session) => session.set('a', 2))
      await settle()
      assert.equal(old.cookie, browser.cookie)
      assert.equal(await browser.visit(read), 2)
      assert.deepEqual(alarms(app), [])
      await app.store.close()
    })

    it('remembers with one write that the new cookie was seen; from then on the old one opens for the grace, and is sent nothing', async () => {
      const app = open({ expireAtBrowserClose: false })
      const { browser, old } = await renewed(app)
      app.calls.length = 0
      await browser.visit(read)
      await settle()
      await browser.visit(read)
      assert.deepEqual(app.calls, ['read', 'update', 'read'])
      const changes: readonly ((session: S) => unknown)[] = [
        read,
        (session) => session.set('a', 2),
        (session) => session.setExpiry({ absolute: '3d', remember: true }),
      ]
      for (const change of changes) {
        await pass(app, 9 * SECOND)
        assert.deepEqual(await look(old, change), { userId: 'ada', sent: null })
      }
      await pass(app, 3 * SECOND)
      assert.deepEqual(await look(old), { userId: null, sent: null })
      assert.equal(await browser.visit(read), 2)
      await app.store.close()
    })

    it('does not send it with saveEveryRequest either', async () => {
      const app = open({ saveEveryRequest: true })
      const { browser, old } = await seen(app)
      assert.deepEqual(await look(old), { userId: 'ada', sent: null })
      assert.equal((await look(browser)).sent, browser.cookie)
      await app.store.close()
    })

    it('says with an event when a cookie comes back after its grace, and with whose', async () => {
      const app = open()
      const { browser, old } = await seen(app)
      const handle = (await browser.visit((session) => session.handle)) ?? ''
      await pass(app, 30 * SECOND)
      const thief = visitor(app.sessions, 'curl/8.5.0', old.cookie)
      await thief.visit((session) => assert.equal(session.userId, null))
      assert.deepEqual(alarms(app), [
        {
          type: 'reused',
          handle,
          supersededFor: 30 * SECOND,
          renewals: 1,
          sessionAge: 15 * MINUTE + 30 * SECOND,
          loginDevice: 'Firefox on Linux',
          device: 'curl',
          ended: false,
        },
      ])
      await settle()
      await browser.visit((session) => assert.equal(session.userId, 'ada'))
      await app.store.close()
    })

    it("ends the session then with onReuse: 'end', and with it what a thief has", async () => {
      const app = open({ onReuse: 'end' })
      const { browser, old } = await seen(app)
      await pass(app, 29 * SECOND)
      await old.copy().visit((session) => assert.equal(session.userId, 'ada'))
      await pass(app, SECOND)
      await old.visit((session) => assert.equal(session.userId, null))
      assert.deepEqual([alarms(app).length, last(app.events, 'reused')?.ended], [1, true])
      assert.deepEqual(last(app.events, 'revoked')?.reason, 'reuse')
      await settle()
      await browser.visit((session) => assert.deepEqual([session.userId, session.isNew], [null, true]))
      assert.equal((await sessionsIn(app.store)).length, 0)
      await app.store.close()
    })

    it('does not end a session in which nobody is signed in: anybody may have planted its cookie', async () => {
      const app = open({ onReuse: 'end' })
      const browser = app.visitor()
      await browser.visit((session) => session.set('a', 1))
      await pass(app, 15 * MINUTE)
      const old = browser.copy()
      await browser.visit(read)
      await settle()
      await browser.visit(read)
      await pass(app, 30 * SECOND)
      await old.visit((session) => assert.equal(session.isNew, true))
      assert.deepEqual([last(app.events, 'reused')?.ended, last(app.events, 'reused')?.loginDevice], [false, null])
      await settle()
      assert.equal(await browser.visit(read), 1)
      await app.store.close()
    })

    it('does not refuse a request because the session could not be ended, which the next one tries again', async () => {
      const app = open({ onReuse: 'end' })
      const { browser, old } = await seen(app)
      await pass(app, 30 * SECOND)
      app.fail.when = (call) => (call === 'delete' ? new Error('down') : null)
      await old.copy().visit((session) => assert.equal(session.userId, null))
      assert.equal(last(app.events, 'reused')?.ended, false)
      assert.ok(last(app.events, 'storeError'))
      app.fail.when = null
      await settle()
      await old.copy().visit((session) => assert.equal(session.userId, null))
      assert.equal(last(app.events, 'reused')?.ended, true)
      await settle()
      await browser.visit((session) => assert.equal(session.userId, null))
      await app.store.close()
    })

    it('does not give it another one before the last one was seen, and the old cookie is over', async () => {
      const app = open()
      const { browser, old } = await renewed(app)
      const [{ cookie }, first] = [browser, old.cookie]
      for (let i = 0; i < 3; i++) {
        await pass(app, 20 * MINUTE)
        await old.visit((session) => session.set('a', i))
        assert.equal(old.cookie, cookie)
        old.cookie = first
        await settle()
        // A page that fails saves nothing, not even that.
        await browser.visit(read, 500)
        await settle()
      }
      await browser.visit(read)
      for (const [passed, isNext] of [
        [29 * SECOND, false],
        [SECOND, true],
      ] as const) {
        await pass(app, passed)
        await browser.visit(read)
        assert.equal(browser.cookie !== cookie, isNext)
      }
      await app.store.close()
    })

    it('erases the way from the old cookie with the first write after the grace', async () => {
      const app = open()
      const { browser } = await seen(app)
      await pass(app, 29 * SECOND)
      await browser.visit((session) => session.set('a', 2))
      assert.equal(await hasPointer(app), true)
      await pass(app, SECOND)
      await browser.visit(read)
      assert.equal(await hasPointer(app), true, 'there was nothing to write')
      await browser.visit((session) => session.set('a', 3))
      assert.equal(await hasPointer(app), false)
      await app.store.close()
    })

    it('erases it with a touch, too', async () => {
      const app = open({ renewEvery: '2h', idle: '1h' })
      const browser = app.visitor()
      await browser.visit((session) => session.login('ada'))
      for (let i = 0; i < 3; i++) {
        await pass(app, 40 * MINUTE)
        await browser.visit(read)
        await settle()
      }
      await browser.visit(read)
      await settle()
      assert.equal(await hasPointer(app), true)
      await pass(app, 6 * MINUTE)
      const { cookie } = browser
      await browser.visit(read)
      await settle()
      assert.deepEqual([await hasPointer(app), browser.cookie], [false, cookie])
      await browser.visit((session) => assert.equal(session.userId, 'ada'))
      await app.store.close()
    })

    it('gives a session with renew() or a login no grace', async () => {
      const ways: Record<string, (session: S) => unknown> = {
        'renew()': (session) => session.renew(),
        'a login': (session) => session.login('ada'),
      }
      for (const [what, work] of Object.entries(ways))
        for (const make of [renewed, seen]) {
          const app = open()
          const { browser, old } = await make(app)
          const second = browser.copy()
          await browser.visit(work)
          await settle()
          assert.equal(await hasPointer(app), false)
          for (const thief of [old, second]) {
            const { userId, sent } = await look(thief)
            assert.deepEqual([userId, sent], [null, null], what)
          }
          await browser.visit((session) => assert.equal(session.userId, 'ada'))
          await app.store.close()
        }
    })

    it('lets a request that came with the old cookie in its grace log out, renew and sign in, as any other', async () => {
      const ways: Record<string, (session: S) => unknown> = {
        logout: (session) => session.logout(),
        renew: (session) => session.renew(),
        login: (session) => session.login('ada'),
        another: (session) => session.login('bob'),
      }
      for (const [what, work] of Object.entries(ways)) {
        const app = open()
        const { browser, old } = await seen(app)
        await old.visit(work)
        await settle()
        const expected = what === 'logout' ? null : what === 'another' ? 'bob' : 'ada'
        await old.visit((session) => assert.equal(session.userId, expected, what))
        await browser.visit((session) => assert.equal(session.userId, null, what))
        await app.store.close()
      }
    })

    it('loses nothing of two parallel requests, in any order, whichever of them renews the session', async () => {
      let met = 0
      for (const slow of ['one', 'other'] as const)
        for (let at = 0, reached = true; reached; at++) {
          const app = open()
          const browser = await due(app)
          const old = browser.copy()
          const tabs = { one: browser.copy(), other: browser.copy() }
          const add = (tab: Visitor<Anything>, key: string) => async () => {
            const request = tab.begin()
            const session = await request.session()
            session.set(key, 1).update('n', (n = 0) => n + 1)
            await request.respond()
          }
          const [first, second] = [add(tabs[slow], 'slow'), add(tabs[slow === 'one' ? 'other' : 'one'], 'quick')]
          const outcome = await interrupt(app.gates, first, second, at)
          if (!outcome.reached) await second()
          assert.equal(outcome.result.status, 'fulfilled')
          await settle()
          // Each was sent the same cookie, or none, and so the order in which the responses arrive makes no difference.
          const cookies = new Set([tabs.one.cookie, tabs.other.cookie].filter((cookie) => cookie !== old.cookie))
          assert.equal(cookies.size, 1)
          for (const tab of [tabs.one, tabs.other, old]) {
            await tab.visit((session) =>
              assert.deepEqual(
                [session.userId, session.get('slow'), session.get('quick'), session.get('n')],
                ['ada', 1, 1, 2],
              ),
            )
            await settle()
          }
          if (last(app.events, 'conflict')) met++
          assert.equal(app.events.filter(({ type }) => type === 'renewed').length, 1)
          assert.deepEqual(alarms(app), [])
          await app.store.close()
          reached = outcome.reached
        }
      assert.ok(met > 0, 'they never met')
    })

    it('writes once for a page of parallel requests that only read', async () => {
      const app = open()
      const browser = await due(app)
      const tabs = Array.from({ length: 12 }, () => browser.copy())
      const requests = tabs.map((tab) => tab.begin())
      await Promise.all(requests.map((request) => request.session()))
      await Promise.all(requests.map((request) => request.respond()))
      await settle()
      assert.equal(app.events.filter(({ type }) => type === 'renewed').length, 1)
      assert.equal(app.events.filter(({ type }) => type === 'conflict').length, 0)
      assert.equal(new Set(tabs.map(({ cookie }) => cookie)).size, 2)
      for (const tab of tabs) {
        await tab.visit((session) => assert.equal(session.userId, 'ada'))
        await settle()
      }
      await app.store.close()
    })

    it('begins no session for a request that is late by less than half a minute, whose cookie would replace the new one', async () => {
      const app = open()
      const { browser, old } = await renewed(app)
      await pass(app, MINUTE)
      await browser.visit(read)
      await pass(app, 31 * SECOND)
      const late = old.copy()
      await late.visit((session) => {
        assert.equal(session.userId, null)
        session.set('b', 1)
      })
      assert.equal(late.cookie, old.cookie)
      assert.equal(app.events.filter(({ type }) => type === 'created').length, 1)
      assert.equal(await browser.visit((session) => session.userId), 'ada')
      await app.store.close()
    })

    it('saves what a request has changed that came in time, and takes longer than the grace', async () => {
      const app = open()
      const browser = await due(app)
      const late = browser.copy().begin()
      const [session, later] = [await late.session(), browser.copy().begin()]
      const reader = await later.session()
      await browser.visit(read)
      await settle()
      await browser.visit(read)
      await pass(app, 20 * MINUTE)
      session.set('late', 1)
      const outcome = await late.respond()
      assert.equal(outcome.setCookie, null)
      await settle()
      assert.equal(await browser.visit((session) => session.get('late')), 1)
      // That write has erased the way: what comes even later is refused, and not lost without a word.
      reader.set('later', 1)
      await assert.rejects(async () => later.respond(), SessionGoneError)
      assert.deepEqual(alarms(app), [])
      await app.store.close()
    })

    it('does not take a request for one with the new cookie because it lost a race', async () => {
      const app = open()
      const { browser, old } = await renewed(app)
      const [first, second] = [old.copy().begin(), old.copy().begin()]
      for (const request of [first, second]) (await request.session()).update('n', (n = 0) => n + 1)
      for (const request of [first, second]) await request.respond()
      assert.ok(last(app.events, 'conflict'))
      await pass(app, HOUR)
      await old.visit((session) => assert.equal(session.get('n'), 2))
      assert.equal(old.cookie, browser.cookie)
      await app.store.close()
    })

    it('keeps a cookie back that a slow response would send after it was seen, or after a login', async () => {
      const ways: Record<string, (browser: Visitor<Anything>) => Promise<unknown>> = {
        seen: (browser) => browser.visit(read),
        'signed in again': (browser) => browser.visit((session) => session.login('ada')),
        'somebody else': (browser) => browser.visit((session) => session.login('bob')),
        'signed out': (browser) => browser.visit((session) => session.logout()),
      }
      for (const [what, happens] of Object.entries(ways)) {
        const app = open()
        const { browser, old } = await renewed(app)
        const slow = old.begin()
        await slow.session()
        await happens(browser)
        await settle()
        assert.equal((await slow.respond()).setCookie, null, what)
        await app.store.close()
      }
    })

    it('sends a cookie that outlives the browser with what is left of it', async () => {
      const app = open()
      const browser = app.visitor()
      await browser.visit((session) => session.login('ada', { remember: '10d' }))
      await pass(app, HOUR)
      const old = browser.copy()
      await browser.visit(read)
      await pass(app, HOUR)
      await old.visit(read)
      for (const [line, hours] of [
        [browser.setCookie, 239],
        [old.setCookie, 238],
      ] as const)
        assert.equal(parseSetCookie(line ?? '').maxAge, hours * 3600)
      await app.store.close()
    })

    it('does not fail a page that only reads because the store cannot write', async () => {
      const app = open()
      const browser = await due(app)
      const { cookie } = browser
      app.fail.when = (call) => (call === 'update' ? new StoreError('down') : null)
      app.calls.length = 0
      await browser.visit((session) => assert.equal(session.userId, 'ada'))
      // Tried once: a page must not wait three times for a store that is down.
      assert.deepEqual([app.calls, browser.cookie], [['read', 'update'], cookie])
      assert.ok(last(app.events, 'storeError'))
      app.fail.when = null
      await settle()
      await browser.visit(read)
      assert.notEqual(browser.cookie, cookie)
      await app.store.close()
    })

    it('goes on with the old cookie when the store has written, and its answer was lost', async () => {
      let isLost = true
      const app = fixture(EVERY, (clock) => {
        const store = make(clock)
        const update = store.update.bind(store)
        return Object.assign(store, {
          update: async (...given: Parameters<typeof update>) => {
            const version = await update(...given)
            if (!isLost) return version
            isLost = false
            throw new StoreError('lost')
          },
        })
      })
      const browser = await due(app)
      const { cookie } = browser
      await browser.visit((session) => assert.equal(session.userId, 'ada'))
      assert.deepEqual([isLost, browser.cookie], [false, cookie])
      for (let i = 0; i < 2; i++) {
        await settle()
        await browser.visit((session) => assert.equal(session.userId, 'ada'))
        assert.notEqual(browser.cookie, cookie)
      }
      assert.equal(app.events.filter(({ type }) => type === 'renewed').length, 0)
      await app.store.close()
    })

    it('opens the old cookie neither for another session nor for another secret', async () => {
      const app = open()
      const { old, browser } = await renewed(app)
      const other = await due(app)
      const [a, b] = (await sessionsIn(app.store)).map(({ id }) => id)
      const [one, two] = [await app.store.read(a ?? assert.fail()), await app.store.read(b ?? assert.fail())]
      // An attacker who can write to the store exchanges the records.
      await app.store.update(a ?? assert.fail(), two?.entry ?? assert.fail(), one?.version ?? assert.fail())
      await app.store.update(b ?? assert.fail(), one?.entry ?? assert.fail(), two?.version ?? assert.fail())
      for (const cookie of [old, browser, other]) assert.equal((await look(cookie)).userId, null)
      await app.store.close()
    })
  })

describe('a browser that did nothing wrong raises no alarm', () => {
  const open = () => fixture({ ...EVERY, onReuse: 'end' })
  const goesOn = async (app: Fixture, browser: Visitor<Anything>) => {
    await settle()
    await browser.visit((session) => assert.equal(session.userId, 'ada'))
    assert.deepEqual(alarms(app), [])
  }

  it('when the response with the new cookie was lost, however long it waits before it comes again', async () => {
    const app = open()
    const { old } = await renewed(app)
    await pass(app, 7 * HOUR)
    await goesOn(app, old)
    await pass(app, HOUR)
    await goesOn(app, old)
  })

  it('when it sleeps for hours, and each of its tabs comes with the cookie that it has then', async () => {
    const app = open()
    const { browser } = await seen(app)
    for (let i = 0; i < 5; i++) {
      await pass(app, 6 * HOUR)
      const tabs = [browser.copy(), browser.copy(), browser.copy()]
      const requests = tabs.map((tab) => tab.begin())
      for (const request of requests) await request.session()
      // The responses arrive in the reverse order.
      for (const [at, request] of [...requests.entries()].reverse()) {
        await request.respond()
        browser.cookie = tabs[at]?.cookie ?? null
      }
      await goesOn(app, browser)
    }
  })

  it('when its requests of the same moment arrive one after another, within the grace', async () => {
    const app = open()
    const browser = await due(app)
    const worker = browser.copy()
    await browser.visit(read)
    await settle()
    for (let passed = 0; passed < 29; passed += 7) {
      await browser.visit(read)
      await settle()
      await worker.visit((session) => assert.equal(session.userId, 'ada'))
      await pass(app, 7 * SECOND)
    }
    assert.deepEqual(alarms(app), [])
  })

  it('when it also sends an old cookie that it has for another path', async () => {
    const app = open()
    const { browser, old } = await seen(app)
    await pass(app, HOUR)
    const name = app.sessions.policy.cookieName
    for (const header of [
      `${name}=${old.cookie}; ${name}=${browser.cookie}`,
      `${name}=${browser.cookie}; ${name}=${old.cookie}`,
    ]) {
      const visit = app.sessions.open({ cookie: header })
      assert.equal((await visit.get()).userId, 'ada')
      await visit.commit()
      await settle()
    }
    assert.deepEqual(alarms(app), [])
  })

  it('when a renewal that was demanded was a moment ago', async () => {
    const app = open()
    const browser = app.visitor()
    await browser.visit((session) => session.login('ada'))
    const old = browser.copy()
    await browser.visit((session) => session.renew())
    await pass(app, 29 * SECOND)
    await old.copy().visit((session) => assert.equal(session.userId, null))
    assert.deepEqual(alarms(app), [])
    await pass(app, SECOND)
    await old.visit((session) => assert.equal(session.userId, null))
    assert.equal(alarms(app).length, 1)
  })

  it('when the store was rolled back to before the renewal', async () => {
    const app = open()
    const browser = await due(app)
    const [{ id } = assert.fail()] = await sessionsIn(app.store)
    const before = (await app.store.read(id)) ?? assert.fail()
    await browser.visit(read)
    await settle()
    await browser.visit(read)
    const now = (await app.store.read(id)) ?? assert.fail()
    await app.store.update(id, before.entry, now.version)
    await pass(app, HOUR)
    await browser.visit((session) => assert.equal(session.userId, null))
    assert.deepEqual(alarms(app), [])
  })
})

describe('renewEvery on several servers', () => {
  const clock = manualClock()

  it('is understood by a server that does not have the option, as in the middle of a deployment', async () => {
    const store = memory({ clock })
    const events: SessionEvent[] = []
    const common = {
      store,
      clock,
      secrets: secret('a'),
      idle: '8h',
      on: (event: SessionEvent) => void events.push(event),
    } as const
    const [renewing, plain] = [
      createSessions<Anything>({ ...common, renewEvery: '15m' }),
      createSessions<Anything>(common),
    ]
    const on = (sessions: typeof plain, { cookie }: Visitor<Anything>) => visitor(sessions, FIREFOX, cookie)
    const browser = visitor(plain, FIREFOX)
    await browser.visit((session) => session.login('ada'))
    await pass({ clock }, 15 * MINUTE)
    const there = on(renewing, browser)
    await there.visit(read)
    await settle()
    // The old cookie opens here, too, and what it writes does not break the way to the new one.
    await browser.visit((session) => session.set('a', 1))
    await settle()
    const again = on(renewing, browser)
    assert.equal(await again.visit(read), 1)
    assert.equal(again.cookie, there.cookie)
    await settle()
    // The new cookie is seen here, by a write.
    await on(plain, there).visit((session) => session.set('a', 2))
    await pass({ clock }, 29 * SECOND)
    assert.equal(await on(plain, browser).visit(read), 2)
    await pass({ clock }, SECOND)
    for (const sessions of [plain, renewing])
      await on(sessions, browser).visit((session) => assert.equal(session.userId, null))
    assert.equal(events.filter(({ type }) => type === 'reused').length, 1)
  })

  it('goes on when a copy of the session on another one is older than the renewal', async () => {
    const durable = memory({ clock })
    const events: SessionEvent[] = []
    const node = () =>
      createSessions<Anything>({
        store: cached({ durable, cache: memory({ clock, evicts: true }), clock }) as IndexedStore & ScannableStore,
        clock,
        secrets: secret('a'),
        on: (event) => void events.push(event),
        ...EVERY,
      })
    const [here, there] = [node(), node()]
    const on = (sessions: typeof here, { cookie }: Visitor<Anything>) => visitor(sessions, FIREFOX, cookie)
    const browser = visitor(here, FIREFOX)
    await browser.visit((session) => session.set('a', 1).login('ada'))
    await pass({ clock }, 15 * MINUTE)
    const { cookie: first } = browser
    // The other one has a copy from before the renewal.
    assert.equal(await on(there, browser).visit(read, 500), 1)
    await settle()
    await browser.visit(read)
    await settle()
    assert.notEqual(browser.cookie, first)
    const tab = on(there, browser)
    assert.equal(await tab.visit(read), 1)
    await settle()
    // It was seen there; here is a copy from before that, which must not hand the new cookie to the old one again.
    const old = visitor(here, FIREFOX, first)
    await old.visit((session) => assert.equal(session.userId, 'ada'))
    assert.equal(old.setCookie, null)
    await pass({ clock }, MINUTE)
    for (const sessions of [here, there]) {
      await visitor(sessions, FIREFOX, first).visit((session) => assert.equal(session.userId, null))
      await settle()
      await on(sessions, browser).visit((session) => assert.equal(session.userId, 'ada'))
    }
  })

  it('needs neither the memo nor the secret that was current at the renewal', async () => {
    for (const memo of [false, undefined] as const) {
      const store = memory({ clock })
      const make = (secrets: SessionsOptions['secrets']) =>
        createSessions<Anything>({ store, clock, secrets, seal: 'two-key', ...EVERY, ...(memo === false && { memo }) })
      const [a, b] = [secret('a'), secret('b')]
      const sessions = make([a])
      const browser = visitor(sessions)
      await browser.visit((session) => session.login('ada'))
      await pass({ clock }, 15 * MINUTE)
      const old = browser.copy()
      // The session stays under the secret that it began under; the record, and the way, are under the current one.
      const rotated = visitor(make([b, a]), undefined, browser.cookie)
      await rotated.visit(read)
      await settle()
      await old.visit((session) => assert.equal(session.userId, null, 'a server that does not know the new secret yet'))
      const back = visitor(make([b, a]), undefined, old.cookie)
      await back.visit((session) => assert.equal(session.userId, 'ada'))
      assert.equal(back.cookie, rotated.cookie)
    }
  })
})
