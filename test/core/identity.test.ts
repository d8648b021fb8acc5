import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Found, IndexedStore, Listing } from '../../packages/strongroom/src/store.ts'
import { inCookies, REVOCABLE, STORES } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture, last } from './fixtures/fixture.ts'
import { interrupt, race, settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

/** As memcached: what finds sessions by their owner is missing. */
const withoutIndex = (): Fixture =>
  fixture({}, STORES.memory, ({ byOwner: _, ...store }) => store as unknown as IndexedStore)

const ENGINES: Record<string, () => Fixture> = { ...REVOCABLE, 'a store without an owner index': withoutIndex }

async function signedIn(app: Fixture): Promise<Visitor<Anything>> {
  const guest = app.visitor()
  await guest.visit((session) => session.set('secret', 1).login('ada'))
  await settle()
  return guest
}

async function opens(app: Fixture, cookie: string | null) {
  await settle()
  const copy = app.visitor()
  copy.cookie = cookie
  return copy.visit((session) => !session.isNew)
}

const renewing = (guest: Visitor<Anything>, cookies: (string | null)[], times: number) => async () => {
  for (let i = 0; i < times; i++) {
    const request = guest.begin()
    ;(await request.session()).renew()
    await request.respond().catch((error) => assert.ok(error instanceof SessionGoneError, error))
    cookies.push(guest.cookie)
  }
}

for (const [name, make] of Object.entries(ENGINES))
  describe(`on ${name}, a session is one session until it ends`, () => {
    it('a logout is final for a copy that was renewed before it, during it, or both', async () => {
      const check = async (order: number[]) => {
        const app = make()
        const owner = await signedIn(app)
        const cookies = [owner.cookie]
        const thief = renewing(owner.copy(), cookies, 3)
        const logout = async () => {
          const request = owner.begin()
          ;(await request.session()).logout()
          await request.respond()
        }
        let turn = 0
        const choose = (count: number) => (order[turn++ % order.length] as number) % count
        for (const result of await race(app.gates, [thief, logout], choose))
          if (result.status === 'rejected') throw result.reason
        for (const cookie of cookies) assert.equal(await opens(app, cookie), false)
        assert.equal(owner.cookie, null)
        await app.store.close()
      }
      const numRuns = name === 'file' || name === 'sqlite' ? 30 : 150
      await fc.assert(fc.asyncProperty(fc.array(fc.nat(3), { minLength: 6, maxLength: 20 }), check), { numRuns })
    })

    it('a logout is final for an anonymous copy that is renewed during it', async () => {
      for (let at = 0, reached = true; reached; at++) {
        const app = make()
        const owner = app.visitor()
        await owner.visit((session) => session.set('secret', 1))
        await settle()
        const cookies = [owner.cookie]
        const thief = owner.copy()
        const request = owner.begin()
        ;(await request.session()).logout()
        await settle()
        const outcome = await interrupt(app.gates, () => request.respond(), renewing(thief, cookies, 2), at)
        assert.equal(outcome.result.status, 'fulfilled')
        for (const cookie of cookies) assert.equal(await opens(app, cookie), false)
        await app.store.close()
        reached = outcome.reached
      }
    })

    it('a superseded cookie ends a session with a user, and not an anonymous one, which may have been planted', async () => {
      for (const user of ['ada', null]) {
        const app = make()
        const guest = app.visitor()
        await guest.visit((session) => session.set('a', 1))
        if (user) await guest.visit((session) => session.login(user))
        await settle()
        const old = guest.copy()
        for (let i = 0; i < 2; i++) {
          await guest.visit((session) => session.renew())
          await settle()
        }
        app.events.length = 0
        await old.visit((session) => session.logout())
        assert.equal(old.cookie, null)
        await settle()
        await guest.visit((session) => assert.equal(session.isNew, user !== null))
        assert.deepEqual(
          app.events.slice(0, 2).map((event) => event.type),
          user ? ['superseded', 'revoked'] : ['superseded', 'loaded'],
        )
        await app.store.close()
      }
    })

    it('anyone who has just typed the password is signed in, whatever a thief with a copy did before or meanwhile', async () => {
      for (const times of [1, 2])
        for (let at = 0, reached = true; reached; at++) {
          const app = make()
          const owner = await signedIn(app)
          const cookies = [owner.cookie]
          const thief = owner.copy()
          const login = async () => {
            const request = owner.begin()
            ;(await request.session()).set('b', 1).login('ada')
            await request.respond()
          }
          const outcome = await interrupt(app.gates, login, renewing(thief, cookies, times), at)
          assert.equal(outcome.result.status, 'fulfilled')
          await settle()
          await owner.visit((session) => assert.deepEqual([session.userId, session.get('b')], ['ada', 1]))
          // The session that was renewed is not left to the thief, although its cookie is not the one that was presented.
          for (const cookie of cookies) assert.equal(await opens(app, cookie), false)
          await settle()
          if (name in STORES) assert.equal((await app.sessions.of('ada').list()).length, 1)
          await app.store.close()
          reached = outcome.reached
        }
    })

    it('a login as another user with a superseded cookie ends the session, as a logout with it would', async () => {
      const app = make()
      const guest = await signedIn(app)
      const old = guest.copy()
      await guest.visit((session) => session.renew())
      await settle()
      await old.visit((session) => session.login('bob'))
      await settle()
      await guest.visit((session) => assert.equal(session.userId, null))
      await old.visit((session) => assert.deepEqual([session.userId, session.has('secret')], ['bob', false]))
      await app.store.close()
    })

    it('a visitor whose response with the new cookie was lost signs in again', async () => {
      for (const lost of ['renewal', 'login'] as const) {
        const app = make()
        const guest = app.visitor()
        await guest.visit((session) => session.set('a', 1))
        if (lost === 'renewal') await guest.visit((session) => session.login('ada'))
        await settle()
        const elsewhere = guest.copy()
        await elsewhere.visit((session) => (lost === 'login' ? session.login('ada') : session.renew()))
        await settle()
        await guest.visit((session) => {
          assert.deepEqual([session.userId, session.isNew], [null, true])
          session.login('ada')
        })
        await settle()
        await guest.visit((session) => assert.equal(session.userId, 'ada'))
        await app.store.close()
      }
    })

    it('a superseded cookie opens nothing, although what its session contains is remembered', async () => {
      const app = make()
      const guest = await signedIn(app)
      for (let i = 0; i < 3; i++) {
        const old = guest.copy()
        assert.equal(await opens(app, old.cookie), true)
        await guest.visit((session) => session.renew())
        await settle()
        // Both are asked for in one turn, and the bytes under their id are the same.
        const [now, before] = await Promise.all([guest.copy().begin().session(), old.begin().session()])
        assert.deepEqual([now.userId, before.userId, before.has('secret')], ['ada', null, false])
        assert.equal(last(app.events, 'superseded')?.handle, now.handle)
      }
      await app.store.close()
    })
  })

for (const [name, make] of Object.entries(STORES))
  describe(`on ${name}, the handle of a session`, () => {
    it('lasts as long as the session, and ends it however often it was renewed since the list was shown', async () => {
      const app = fixture({}, make)
      const guest = await signedIn(app)
      const cookies = [guest.cookie]
      const [device] = await app.sessions.of('ada').list()
      await renewing(guest, cookies, 2)()
      await guest.visit((session) => session.login('ada'))
      cookies.push(guest.cookie)
      await settle()
      assert.equal(await guest.visit((session) => session.handle), device?.handle)
      assert.equal(await app.sessions.of('ada').revoke(device?.handle ?? ''), true)
      for (const cookie of cookies) assert.equal(await opens(app, cookie), false)
      await app.store.close()
    })

    it('is another one after a login, but for one of the same user, so that nothing of a planted cookie is left', async () => {
      const app = fixture({}, make)
      const guest = app.visitor()
      await guest.visit((session) => session.set('a', 1))
      await settle()
      const handles = [await guest.visit((session) => session.handle)]
      for (const user of ['ada', 'bob']) {
        await guest.visit((session) => session.login(user))
        await settle()
        handles.push(await guest.visit((session) => session.handle))
      }
      assert.equal(new Set(handles).size, 3)
      assert.deepEqual(await app.sessions.of('ada').list(), [])
      await app.store.close()
    })
  })

describe('on a server whose copies are older than the store', () => {
  /** Reads return what was there first, unless they are fresh. */
  function behind() {
    const copies = new Map<Id, Found>()
    return fixture({}, undefined, (inner) => ({
      ...inner,
      async read(id, options) {
        const found = (!options?.fresh && copies.get(id)) || (await inner.read(id, options))
        if (found && !copies.has(id)) copies.set(id, found)
        return found
      },
    }))
  }

  it('nobody is refused who has the newest cookie', async () => {
    const app = behind()
    const ahead = createSessions<Anything>({ secrets: secret('fixture'), store: app.store, clock: app.clock })
    const guest = await signedIn(app)
    assert.equal(await opens(app, guest.cookie), true)
    const elsewhere = visitor(ahead, undefined, guest.cookie)
    await elsewhere.visit((session) => session.set('b', 1).renew())
    await settle()
    guest.cookie = elsewhere.cookie
    await guest.visit((session) => assert.deepEqual([session.userId, session.get('b')], ['ada', 1]))
    assert.equal(last(app.events, 'rejected'), undefined)
  })

  it('a cookie that is newer than a store which was rolled back is refused, and the event tells that apart', async () => {
    const app = fixture()
    const guest = await signedIn(app)
    const [{ id }] = (await sessionsIn(app.store)) as [Listing]
    const before = (await app.store.read(id)) as Found
    await guest.visit((session) => session.renew())
    const now = (await app.store.read(id)) as Found
    await app.store.update(id, before.entry, now.version)
    assert.equal(await opens(app, guest.cookie), false)
    assert.deepEqual(last(app.events, 'rejected'), { type: 'rejected', what: 'record', reason: 'ahead' })
  })
})

describe('a session that began under a retired secret', () => {
  const [OLD, NEW] = [secret('old'), secret('new')]

  it('stays under it: it is listed and ended with the others, written and renewed or not', async () => {
    const app = fixture({ secrets: [OLD] })
    const [written, renewed] = [await signedIn(app), await signedIn(app)]
    const tag = ownerTag(ringOf('old').current, app.sessions.policy.cookieName, 'ada')
    const handles = async () => (await app.sessions.of('ada').list()).map(({ handle }) => handle).sort()
    const before = await handles()
    await app.sessions.reloadSecrets([NEW, OLD])
    await written.visit((session) => session.set('a', 1).setExpiry('1h'))
    await renewed.visit((session) => session.set('a', 1).renew())
    await settle()
    assert.deepEqual(await handles(), before)
    assert.ok((await sessionsIn(app.store)).every(({ owner }) => owner === tag))
    // A server that has not met the new secret yet finds them, too.
    const behind = createSessions<Anything>({ secrets: [OLD], store: app.store, clock: app.clock })
    assert.equal((await behind.of('ada').list()).length, 2)
    assert.equal(await app.sessions.of('ada').revokeAll(), 2)
    for (const guest of [written, renewed]) assert.equal(await opens(app, guest.cookie), false)
  })

  it('in its cookie, ends with the others, although its cookie is sealed under the new one', async () => {
    const app = inCookies({ secrets: [OLD] })
    const [written, renewed] = [await signedIn(app), await signedIn(app)]
    await app.sessions.reloadSecrets([NEW, OLD])
    await written.visit((session) => session.set('a', 1))
    await renewed.visit((session) => session.renew())
    for (const guest of [written, renewed]) {
      assert.equal(Buffer.from(guest.cookie ?? '', 'base64url')[1], ringOf('new').current.kid)
      assert.equal(await opens(app, guest.cookie), true)
    }
    await app.sessions.of('ada').revokeAll()
    for (const guest of [written, renewed]) assert.equal(await opens(app, guest.cookie), false)
  })
})
