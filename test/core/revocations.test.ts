import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { hasLabel, TOMBSTONE } from '../../packages/strongroom/src/backing/own-entries.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Clock, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { inCookies } from './fixtures/engines.ts'
import type { Anything } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { entriesIn } from './fixtures/listings.ts'
import { secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]

const node = (store: Store, clock: Clock) =>
  createSessions<Anything>({ secrets: secret('a'), store: cookie({ revocations: store }), clock, sweep: false })

const userOf = (guest: Visitor<Anything>) => guest.copy().visit((session) => session.userId)

describe('of servers whose clocks differ, with sessions in cookies', () => {
  for (const ahead of [1000, 5000, MINUTE])
    it(`an end of all sessions ends a login on one that is ${ahead} ms ahead, and no later login on any`, async () => {
      const clock = manualClock()
      const store = memory({ clock })
      const [here, there] = [node(store, clock), node(store, () => clock() + ahead)]
      const [thief, before] = [visitor(there), visitor(here)]
      for (const guest of [thief, before]) await guest.visit((session) => session.login('ada', { remember: '30d' }))
      clock.advance(ahead / 2)
      await here.of('ada').revokeAll()
      const [later, too] = [visitor(there), visitor(here)]
      for (const guest of [later, too]) await guest.visit((session) => session.login('ada', { remember: '30d' }))
      for (const passed of [0, ahead, DAY, 28 * DAY]) {
        clock.advance(passed)
        for (const sessions of [here, there]) {
          const at = (guest: Visitor<Anything>) => userOf(visitor(sessions, undefined, guest.cookie))
          assert.deepEqual([await at(thief), await at(before)], [null, null])
          assert.deepEqual([await at(later), await at(too)], ['ada', 'ada'])
        }
      }
    })

  it('a sweep by one that is ahead does not bring an ended session back for its last seconds', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'strongroom-revocations-'))
    const clock = manualClock()
    const [ahead, path] = [() => clock() + MINUTE, join(directory, 'revocations.db')]
    const stores = [sqlite({ path, clock }), sqlite({ path, clock: ahead })] as const
    const [here, there] = [node(stores[0], clock), node(stores[1], ahead)]
    const ends: Record<string, (guest: Visitor<Anything>) => Promise<unknown>> = {
      logout: (guest) => guest.copy().visit((session) => session.logout()),
      renewal: (guest) => guest.copy().visit((session) => session.renew()),
      'login of another user': (guest) => guest.copy().visit((session) => session.login('bob')),
      'end of all': () => here.of('ada').revokeAll(),
    }
    for (const [what, end] of Object.entries(ends)) {
      const guest = visitor(here)
      await guest.visit((session) => session.login('ada', { remember: '1h' }))
      await end(guest)
      clock.advance(HOUR - 1)
      await there.clearExpired()
      assert.equal(await userOf(guest), null, what)
    }
    for (const store of stores) await store.close()
    rmSync(directory, { recursive: true })
  })
})

describe('revokeOthers() of a session in its cookie', () => {
  it('does not survive somebody else’s end of all sessions between the call and the response', async () => {
    for (const also of ['nothing', 'write', 'renew', 'login'] as const) {
      const app = inCookies()
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      const before = guest.copy()
      const request = guest.begin()
      const session = await request.session()
      await app.sessions.of('ada').revokeOthers(session)
      if (also === 'write') session.set('a', 1)
      if (also === 'renew') session.renew()
      if (also === 'login') session.login('ada')
      await settle()
      await app.sessions.of('ada').revokeAll()
      const [result] = await Promise.allSettled([request.respond()])
      if (result?.status === 'rejected') assert.ok(result.reason instanceof SessionGoneError, result.reason)
      for (const copy of [guest, before]) assert.equal(await userOf(copy), null, also)
    }
  })

  it('does not survive one that came before the call either, and is told so', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    const session = await guest.begin().session()
    await app.sessions.of('ada').revokeAll()
    const later = app.visitor()
    await later.visit((session) => session.login('ada'))
    await assert.rejects(app.sessions.of('ada').revokeOthers(session), {
      code: 'STRONGROOM_GONE',
      message: /newer cookie, and the others were not ended\. Load the page again/,
    })
    assert.deepEqual([await userOf(guest), await userOf(later)], [null, 'ada'])
  })
})

describe('what the store has of a session in its cookie', () => {
  const marksIn = async (store: Parameters<typeof entriesIn>[0]) =>
    (await entriesIn(store)).filter((listing) => hasLabel(listing, TOMBSTONE))

  it('is nothing while its deadline stays, however often it is written to', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    for (let i = 0; i < 5; i++) {
      app.clock.advance(MINUTE)
      await guest.visit((session) => session.set('n', i))
    }
    assert.deepEqual(await marksIn(app.store), [])
  })

  it('is one tombstone at most, however often its deadline is moved or it is renewed', async () => {
    const app = inCookies()
    const guests = [app.visitor(), app.visitor()]
    for (const guest of guests) await guest.visit((session) => session.login('ada'))
    for (let i = 0; i < 500; i++) {
      app.clock.advance(1000)
      await guests[i % 2]?.visit((session) => {
        session.setExpiry({ absolute: `${1 + (i % 20)}d` })
        if (i % 10 === 0) session.renew()
      })
    }
    for (const guest of guests) assert.equal(await userOf(guest), 'ada')
    assert.equal((await marksIn(app.store)).length, 2)
    for (const guest of guests) await guest.visit((session) => session.logout())
    assert.equal((await marksIn(app.store)).length, 2)
  })

  it('that is to end sooner does so in every copy of its cookie, by one tombstone', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    const old = guest.copy()
    for (let i = 0; i < 5; i++) await guest.visit((session) => session.setExpiry({ absolute: '1h' }))
    assert.equal((await marksIn(app.store)).length, 1)
    assert.deepEqual([await userOf(old), await userOf(guest)], [null, 'ada'])
    app.clock.advance(HOUR)
    assert.equal(await userOf(guest), null)
  })

  it('outlives a cookie that was given a later deadline, although an older one logged out', async () => {
    for (const end of ['logout', 'renew'] as const) {
      const app = inCookies({ absolute: '1h', idle: null })
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      const old = guest.copy()
      await guest.visit((session) => session.setExpiry({ absolute: '30d' }))
      await old.visit((session) => session[end]())
      for (const passed of [0, 59 * MINUTE, DAY + HOUR, 28 * DAY]) {
        app.clock.advance(passed)
        await app.sessions.clearExpired()
        assert.equal(await userOf(guest), null, `${end} ${passed}`)
      }
    }
  })

  it('does not lock a visitor out by parallel requests of their own', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    const [one, other] = [guest.begin(), guest.begin()]
    const [first, second] = [await one.session(), await other.session()]
    first.setExpiry({ absolute: '30d' })
    second.set('a', 1)
    await one.respond()
    await other.respond()
    assert.equal(await userOf(guest), 'ada')
    const [renewing, writing] = [guest.begin(), guest.begin()]
    ;(await renewing.session()).renew()
    ;(await writing.session()).set('b', 1)
    await renewing.respond()
    const good = guest.cookie
    // A cookie cannot be merged: the later one is told, and its response leaves the newer cookie alone.
    await assert.rejects(writing.respond(), SessionGoneError)
    assert.equal(guest.cookie, good)
    assert.equal(await userOf(guest), 'ada')
  })
})

describe('of sessions in cookies', () => {
  const ENDS: Record<string, (guest: Visitor<Anything>, here: ReturnType<typeof node>) => Promise<unknown>> = {
    logout: (guest) => guest.visit((session) => session.logout()),
    renewal: (guest) => guest.visit((session) => session.renew()),
    'login of another user': (guest) => guest.visit((session) => session.login('bob')),
    'end of all': (_, here) => here.of('ada').revokeAll(),
  }
  it('an end is noticed by every server immediately, although the store of revocations is cached', async () => {
    for (const [name, end] of Object.entries(ENDS)) {
      const clock = manualClock()
      const durable = memory({ clock })
      const server = () => node(cached({ durable, cache: memory({ clock, evicts: true }), clock }), clock)
      const [here, there] = [server(), server()]
      // So that the user has an epoch, and the session a mark, of which there can be copies.
      await here.of('ada').revokeAll()
      const guest = visitor(here)
      await guest.visit((session) => session.login('ada'))
      await guest.visit((session) => session.renew())
      const copy = visitor(there, undefined, guest.cookie)
      for (let i = 0; i < 2; i++) assert.equal(await userOf(copy), 'ada')
      await end(guest, here)
      assert.equal(await userOf(copy), null, name)
    }
  })
})
