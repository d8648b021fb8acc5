import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { SourceSession } from '../../packages/strongroom/src/adoption/source.ts'
import { COPY, EPOCH, hasLabel, KEYS, RECEIPT } from '../../packages/strongroom/src/backing/own-entries.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { type IndexedStore, isSession } from '../../packages/strongroom/src/store.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { DAY, KEY, NOW, OLD, OLDER, rows, SECRET, setUp, visit, who } from './fixtures/other-framework.ts'

const IN_FLIGHT = 30_000
const ROTATED = [OLDER, SECRET]
const logout = (session: { logout(): void }) => session.logout()

suite('a key of the source, once its session was adopted', () => {
  test('leads to the same session for thirty seconds, and to nothing after that', async () => {
    const { sessions, clock } = setUp()
    const first = await visit(sessions, OLD, who)
    clock.advance(IN_FLIGHT - 1)
    const parallel = await visit(sessions, OLD, who)
    assert.deepEqual([parallel.result, parallel.cookie], ['ada', first.cookie])
    clock.advance(1)
    const late = await visit(sessions, OLD, who)
    assert.deepEqual([late.result, late.setCookie, late.clearCookies], [null, null, ['old=; Max-Age=0']])
    assert.equal((await visit(sessions, String(first.cookie), who)).result, 'ada')
  })

  test('ends nothing after that: a logout with it leaves the session alone', async () => {
    const { sessions, clock, store } = setUp()
    const { cookie } = await visit(sessions, OLD, who)
    clock.advance(IN_FLIGHT)
    const before = (await rows(store)).length
    await visit(sessions, OLD, logout)
    const other = await visit(sessions, '', (session) => session.login('bob'))
    await visit(sessions, `${OLD}; ${other.cookie}`, logout)
    assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
    assert.equal((await rows(store)).length, before)
  })

  test('stays spent although its source could not end the session, under every secret', async () => {
    const end = () => Promise.reject(new Error('down'))
    const { make, clock, there } = setUp({ source: { end } })
    const { cookie } = await visit(make({ secrets: OLDER }), OLD, who)
    const sessions = make({ secrets: [SECRET, OLDER] })
    clock.advance(13 * DAY)
    assert.equal(there.size, 1)
    assert.equal((await visit(sessions, OLD, who)).result, null)
    assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
  })

  test('creates nothing and sets nothing while the cookie of a renewal may be under way', async () => {
    const { sessions, store, clock } = setUp()
    const { cookie } = await visit(sessions, OLD, who)
    const renewed = await visit(sessions, String(cookie), (session) => session.login('ada'))
    const before = (await rows(store)).length
    const late = await visit(sessions, OLD, (session) => {
      session.set('csrf', 'x')
      return session.userId
    })
    assert.deepEqual([late.result, late.setCookie], [null, null])
    assert.equal((await rows(store)).length, before)
    clock.advance(IN_FLIGHT)
    await visit(sessions, OLD, logout)
    assert.equal((await visit(sessions, String(renewed.cookie), who)).result, 'ada')
  })

  test('waits for its visitor if there was no response, and is spent thirty seconds after the first one', async () => {
    for (const adopt of ['adopt', 'read'] as const) {
      const { sessions, clock, there } = setUp()
      if (adopt === 'read') assert.equal((await sessions.read({ cookie: OLD })).userId, 'ada')
      else await sessions.adopt({ source: 'old', key: KEY, session: there.get(KEY) as SourceSession })
      clock.advance(DAY)
      const { result, cookie } = await visit(sessions, OLD, who)
      assert.equal(result, 'ada')
      clock.advance(IN_FLIGHT - 1)
      assert.equal((await visit(sessions, OLD, who)).result, 'ada')
      clock.advance(1)
      assert.equal((await visit(sessions, OLD, who)).result, null)
      assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
    }
  })

  test('is not spent by a response that began before the session was loaded, because that has no cookie', async () => {
    const { sessions, clock } = setUp()
    const late = sessions.open({ cookie: OLD })
    await late.commit()
    assert.equal((await late.get()).userId, 'ada')
    clock.advance(DAY)
    const { result, cookie } = await visit(sessions, OLD, who)
    assert.equal(result, 'ada')
    assert.notEqual(cookie, null)
  })

  test('is spent thirty seconds after the first response, also if the session is adopted in advance at that moment', async () => {
    let came = 0
    for (let at = 1; ; at += 1) {
      const { make, sessions, store, clock, there } = setUp()
      const session = there.get(KEY) as SourceSession
      const watch = watched(store)
      watch.before = async () => {
        if (watch.calls.length === at) await sessions.adopt({ source: 'old', key: KEY, session })
      }
      const { result, cookie } = await visit(make({ store: watch.store as IndexedStore }), OLD, who)
      if (watch.calls.length < at) break
      came += 1
      assert.equal(result, 'ada', `before call ${at}`)
      clock.advance(IN_FLIGHT)
      assert.equal((await visit(sessions, OLD, who)).result, null, `before call ${at}`)
      assert.equal((await visit(sessions, String(cookie), who)).result, 'ada', `before call ${at}`)
      assert.equal((await sessions.of('ada').list()).length, 1, `before call ${at}`)
    }
    assert.ok(came >= 8)
  })

  test('of a session that was adopted in advance ends with a logout that names it beside our cookie', async () => {
    const { sessions, there } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    await sessions.adopt({ source: 'old', key: KEY, session: there.get(KEY) as SourceSession })
    await visit(sessions, `${OLD}; ${cookie}`, logout)
    assert.equal((await visit(sessions, OLD, who)).result, null)
    assert.deepEqual(await sessions.of('ada').list(), [])
  })

  test('of a session that was adopted in advance makes onLogout tell of its user, for a logout and for no login', async () => {
    for (const way of ['logout', 'login'] as const) {
      const told: string[] = []
      const { sessions, there, events } = setUp({
        options: { onLogout: ({ userId, handle }) => told.push(`${userId} ${handle}`) },
      })
      const session = there.get(KEY) as SourceSession
      await sessions.adopt({ source: 'old', key: KEY, session })
      const { cookie } = await visit(sessions, '', (one) => one.login('bob'))
      const own = await visit(sessions, String(cookie), (one) => one.handle)
      const [device] = await sessions.of('ada').list()
      await visit(sessions, `${OLD}; ${cookie}`, (one) => (way === 'logout' ? one.logout() : one.login('bob')))
      assert.equal((await sessions.of('ada').list()).length, 0)
      assert.ok(events.some((event) => event.type === 'revoked' && event.handle === device?.handle))
      assert.deepEqual(told, way === 'logout' ? [`ada ${device?.handle}`, `bob ${own.result}`] : [])
    }
  })

  test('is ended, whatever parallel adoption was faster, by a logout that names it beside our cookie', async () => {
    let came = 0
    for (let at = 1; ; at += 1) {
      const { make, store, sessions } = setUp()
      const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
      const watch = watched(store)
      watch.before = async () => {
        if (watch.calls.length === at) await visit(sessions, OLD, who)
      }
      await visit(make({ store: watch.store as IndexedStore }), `${OLD}; ${cookie}`, logout)
      if (watch.calls.length < at) break
      came += 1
      assert.equal((await visit(sessions, OLD, who)).result, null, `before call ${at}`)
      assert.deepEqual(await sessions.of('ada').list(), [], `before call ${at}`)
    }
    assert.ok(came >= 4)
  })
})

suite('a key that the source does not know', () => {
  const made = (i: number) => `old=madeup${i}`

  for (const [title, source] of [
    ['is absent there', {}],
    ['is refused there', { read: async () => ({ refused: 'forged' }) }],
    ['has no copy, once the storage of the source is gone', { read: undefined as never }],
  ] as const)
    test(`leaves nothing behind, however many log out and in with one: it ${title}`, async () => {
      const { sessions, store } = setUp({ source })
      for (let i = 0; i < 500; i++) await visit(sessions, made(i), logout)
      assert.equal((await rows(store)).length, 0)
      await visit(sessions, '', (session) => session.login('bob'))
      const usual = (await rows(store)).length
      for (let i = 0; i < 20; i++) await visit(sessions, made(i), (session) => session.login('bob'))
      const sessionsOfLogins = 20
      assert.equal((await rows(store)).length, usual + sessionsOfLogins)
    })

  test('is told apart from one whose login is over: that one stays ended when its user is let in again', async () => {
    let isActive = false
    const setup = setUp({
      source: {
        end: () => Promise.reject(new Error('down')),
        read: async (key) => (isActive ? (setup.there.get(key) ?? null) : { refused: 'credential', userId: 'ada' }),
      },
    })
    await visit(setup.sessions, OLD, logout)
    isActive = true
    assert.equal((await visit(setup.sessions, OLD, who)).result, null)
  })

  test('cannot be told while the source is down: a logout with both cookies rejects, has done nothing, and works later', async () => {
    let down = true
    const setup = setUp({
      source: {
        async read(key) {
          if (down) throw new Error('down')
          return setup.there.get(key) ?? null
        },
      },
    })
    const { sessions, store } = setup
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    const before = (await rows(store)).length
    await assert.rejects(visit(sessions, `${OLD}; ${cookie}`, logout), StoreError)
    assert.equal((await rows(store)).length, before)
    assert.equal((await visit(sessions, String(cookie), who)).result, 'bob')
    down = false
    await visit(sessions, `${OLD}; ${cookie}`, logout)
    for (const each of [OLD, String(cookie)]) assert.equal((await visit(sessions, each, who)).result, null)
  })
})

suite('when all sessions of a user were ended here', () => {
  test('no session of that user is adopted any more, until the end date of the source', async () => {
    const { sessions, clock, there, events } = setUp()
    there.set('other', { ...(there.get(KEY) as SourceSession), userId: 'bob' })
    await sessions.of('ada').revokeAll()
    for (const days of [0, 2, 11]) {
      clock.advance(days * DAY)
      there.set(KEY, { userId: 'ada', values: {}, expiresAt: NOW + 30 * DAY })
      const { result, setCookie, clearCookies } = await visit(sessions, OLD, who)
      assert.deepEqual([result, setCookie, clearCookies, there.has(KEY)], [null, null, ['old=; Max-Age=0'], false])
    }
    assert.ok(events.some((event) => event.type === 'rejected' && event.reason === 'revoked'))
    assert.equal((await visit(sessions, 'old=other', who)).result, 'bob')
  })

  test('nor when the others were ended by one of them', async () => {
    const { sessions, clock } = setUp()
    await visit(sessions, '', (session) => session.login('ada')).then(({ cookie }) =>
      visit(sessions, String(cookie), (session) => sessions.of('ada').revokeOthers(session)),
    )
    clock.advance(2 * DAY)
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('no adoption survives it, at whatever moment of the adoption that happens', async () => {
    let came = 0
    for (let at = 1; ; at += 1) {
      const { make, store, sessions } = setUp()
      const watch = watched(store)
      let revoked = false
      watch.before = async () => {
        if (watch.calls.length !== at) return
        await sessions.of('ada').revokeAll()
        revoked = true
      }
      const { cookie } = await visit(make({ store: watch.store as IndexedStore }), OLD, who)
      if (!revoked) break
      came += 1
      for (const each of [OLD, String(cookie)])
        assert.equal((await visit(sessions, each, who)).result, null, `before call ${at}`)
      assert.equal((await sessions.stats()).live, 0, `before call ${at}`)
    }
    assert.ok(came >= 8)
  })

  test('what was moved before is gone, and nothing more is moved', async () => {
    const { sessions, make, there, source } = setUp()
    const session = there.get(KEY) as SourceSession
    await sessions.adopt({ source: 'old', key: KEY, session, as: 'copy' })
    await sessions.of('ada').revokeAll()
    const { read: _, end: __, ...moved } = source
    assert.equal((await visit(make({ adoptFrom: moved }), OLD, who)).result, null)
    for (const as of ['copy', 'session'] as const)
      assert.deepEqual(await sessions.adopt({ source: 'old', key: KEY, session, as }), {
        outcome: 'ended',
        compared: false,
      })
    assert.equal((await sessions.stats()).live, 0)
  })
})

suite('a source whose sessions are in their cookies', () => {
  /** Two cookies of ada's: an older copy, and the one that her browser has. */
  const stateless = () => {
    const setup = setUp({ source: { stateless: true, end: undefined as never } })
    setup.there.set('older', { userId: 'ada', values: {}, expiresAt: NOW + 10 * DAY })
    setup.there.set('bobs', { userId: 'bob', values: {}, expiresAt: NOW + 10 * DAY })
    return setup
  }
  type Setup = ReturnType<typeof stateless>
  const ends: Record<string, (setup: Setup, cookie: string) => Promise<unknown>> = {
    'a logout': ({ sessions }, cookie) => visit(sessions, cookie, logout),
    'a logout under a retired secret': ({ make }, cookie) => visit(make({ secrets: ROTATED }), cookie, logout),
    'a login of somebody else in its place': ({ sessions }, cookie) =>
      visit(sessions, cookie, (session) => session.login('carl')),
    'a page about devices': async ({ sessions }) => {
      const [device] = await sessions.of('ada').list()
      assert.equal(await sessions.of('ada').revoke(String(device?.handle)), true)
    },
    'an operator': async ({ sessions }) => {
      const [device] = await sessions.of('ada').list()
      assert.equal(await sessions.revoke(String(device?.handle)), true)
    },
    'a limit': ({ sessions }) => visit(sessions, '', (session) => session.login('ada', { limit: 1 })),
  }

  for (const [by, end] of Object.entries(ends))
    test(`has no older copy that still works after its session was ended by ${by}`, async () => {
      const setup = stateless()
      const { cookie } = await visit(setup.sessions, OLD, who)
      await end(setup, String(cookie))
      setup.clock.advance(9 * DAY)
      for (const node of [setup.sessions, setup.make({ secrets: ROTATED })])
        assert.equal((await visit(node, 'old=older', who)).result, null)
      assert.equal((await visit(setup.sessions, 'old=bobs', who)).result, 'bob')
    })

  test('has no older copy that still works after a logout that named one of its cookies', async () => {
    const { sessions } = stateless()
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    await visit(sessions, `${OLD}; ${cookie}`, logout)
    assert.equal((await visit(sessions, 'old=older', who)).result, null)
  })

  test('has no copy that is adopted while the session is being ended, at whatever moment', async () => {
    let came = 0
    for (let at = 1; ; at += 1) {
      const { make, store, sessions } = stateless()
      const { cookie } = await visit(sessions, OLD, who)
      const watch = watched(store)
      let ended = false
      let isAdopted = false
      watch.before = async () => {
        if (watch.calls.length !== at) return
        await visit(sessions, String(cookie), logout)
        ended = true
        // With its receipt, after the session itself: a copy that was adopted before the logout is another session.
        isAdopted = watch.calls.filter((call) => call === 'create').length === 2
      }
      const { result } = await visit(make({ store: watch.store as IndexedStore }), 'old=older', who)
      if (!ended) break
      came += 1
      assert.equal(result, isAdopted ? 'ada' : null, `before call ${at}`)
    }
    assert.ok(came >= 8)
  })

  test('is not taken for ended by an adoption or a login that was undone', async () => {
    const { sessions, make } = stateless()
    const nodes = [sessions, make()]
    await Promise.all(Array.from({ length: 20 }, (_, i) => visit(nodes[i % 2] as typeof sessions, OLD, who)))
    await assert.rejects(
      visit(sessions, '', (session) => session.login('ada', { limit: 1, atLimit: 'refuse' })),
      { code: 'STRONGROOM_LIMIT' },
    )
    assert.equal((await visit(sessions, 'old=older', who)).result, 'ada')
  })

  test('costs the others nothing: where sessions have an identity, a logout ends one of them', async () => {
    const { sessions, there } = setUp()
    there.set('other', { userId: 'ada', values: {}, expiresAt: NOW + 10 * DAY })
    const { cookie } = await visit(sessions, OLD, who)
    await visit(sessions, String(cookie), logout)
    assert.equal((await visit(sessions, 'old=other', who)).result, 'ada')
  })
})

suite('what the library keeps for adoptions', () => {
  test('counts nowhere: not in stats, lists, uses of keys or by its handle', async () => {
    const { sessions, there, store } = setUp()
    await visit(sessions, OLD, who)
    const session = { userId: 'ada', values: { a: 1 }, expiresAt: NOW + 10 * DAY }
    there.set('moved', session)
    await sessions.adopt({ source: 'old', key: 'moved', session, as: 'copy' })
    await sessions.of('bob').revokeAll()
    const own = (await rows(store)).filter((row) => !isSession(row))
    for (const label of [RECEIPT, COPY, KEYS, EPOCH]) assert.ok(own.some((row) => hasLabel(row, label)))
    const { live, signedIn, anonymous, bytes, oldest } = await sessions.stats()
    const [mine] = (await rows(store)).filter(isSession)
    assert.deepEqual([live, signedIn, anonymous, bytes], [1, 1, 0, mine?.size])
    assert.equal(oldest?.getTime(), NOW)
    assert.equal((await sessions.of('ada').list()).length, 1)
    const { needed, unsealed } = await sessions.keyUse()
    assert.deepEqual([[...needed.values()], unsealed], [[1], 1])
  })

  test('cost nine calls of the store, and eleven where nobody can tell sessions apart', async () => {
    for (const [stateless, most] of [
      [false, 9],
      [true, 11],
    ] as const) {
      const { make, store } = setUp({ source: { stateless } })
      const watch = watched(store)
      const sessions = make({ store: watch.store as IndexedStore })
      // The key is registered by the first login that lives this long.
      await visit(sessions, '', (session) => session.login('bob', { remember: '20d' }))
      watch.calls.length = 0
      await visit(sessions, OLD, who)
      assert.equal(watch.calls.length, most, watch.calls.join())
    }
  })

  test('has no copy that belongs to nobody, or to someone else, once its visitor has signed in', async () => {
    for (const before of [null, 'bob']) {
      const { sessions, store, there } = setUp()
      const session = there.get(KEY) as SourceSession
      const copy = { source: 'old', key: KEY, as: 'copy' as const }
      await sessions.adopt({ ...copy, session: { ...session, userId: before } })
      assert.deepEqual(await sessions.adopt({ ...copy, session }), { outcome: 'created', compared: true })
      assert.deepEqual(await sessions.adopt({ ...copy, session }), { outcome: 'exists', compared: true })
      const copies = async () => (await rows(store)).filter((row) => hasLabel(row, COPY)).length
      if (before) await sessions.of(before).revokeAll()
      assert.equal(await copies(), 1)
      await sessions.of('ada').revokeAll()
      assert.equal(await copies(), 0)
    }
  })

  test('has a copy again where someone else has put what is none', async () => {
    const { sessions, store, there } = setUp({ options: { seal: 'two-key' } })
    const copy = { source: 'old', key: KEY, session: there.get(KEY) as SourceSession, as: 'copy' as const }
    await sessions.adopt(copy)
    const mine = (await rows(store)).find((row) => hasLabel(row, COPY))
    const found = mine && (await store.read(mine.id))
    assert.ok(mine && found)
    for (const change of [{ bytes: new Uint8Array(9) }, { owner: null }, { label: RECEIPT }]) {
      assert.equal(await store.delete(mine.id), true)
      assert.equal(await store.create(mine.id, { ...found.entry, ...change }), true)
      assert.deepEqual(await sessions.adopt(copy), { outcome: 'created', compared: true })
    }
  })

  test('cannot hide a session: a record whose label was altered opens nothing', async () => {
    const { sessions, store } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.login('ada'))
    const [mine] = (await rows(store)).filter(isSession)
    const found = mine && (await store.read(mine.id))
    assert.ok(mine && found)
    await store.update(mine.id, { ...found.entry, label: RECEIPT }, found.version)
    assert.deepEqual(await sessions.of('ada').list(), [])
    assert.equal((await visit(sessions, String(cookie), who)).result, null)
  })

  test('proves that a key is spent, even if it was altered', async () => {
    const { sessions, store } = setUp({ source: { end: () => Promise.reject(new Error('down')) } })
    await visit(sessions, OLD, who)
    const receipt = (await rows(store)).find((row) => hasLabel(row, RECEIPT))
    const found = receipt && (await store.read(receipt.id))
    assert.ok(receipt && found)
    const bytes = Buffer.from(found.entry.bytes)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
    await store.update(receipt.id, { ...found.entry, bytes }, found.version)
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })
})
