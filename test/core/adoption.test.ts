import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { SourceSession } from '../../packages/strongroom/src/adoption/source.ts'
import { COPY, hasLabel, RECEIPT } from '../../packages/strongroom/src/backing/own-entries.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { type IndexedStore, isSession, type Store } from '../../packages/strongroom/src/store.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import {
  DAY,
  KEY,
  NOW,
  OLD,
  OLDER,
  rows,
  SECRET,
  type Sessions,
  setUp,
  visit,
  who,
} from './fixtures/other-framework.ts'

suite('adoptFrom', () => {
  test('a visitor of the other framework has the same session here from the first request, with a cookie of ours', async () => {
    const { sessions, there, events } = setUp()
    const first = await visit(sessions, OLD, (session) => [session.userId, session.get('basket'), session.keys()])
    assert.deepEqual(first.result, ['ada', ['tea'], ['basket']])
    assert.deepEqual(first.clearCookies, ['old=; Max-Age=0'])
    assert.equal(there.size, 0)
    const next = await visit(sessions, String(first.cookie), who)
    assert.deepEqual([next.result, next.setCookie, next.clearCookies], ['ada', null, []])
    assert.equal(events.filter(({ type }) => type === 'adopted').length, 1)
    assert.equal((await sessions.of('ada').list()).length, 1)
  })

  test('a request that does not ask for its session adopts nothing', async () => {
    const { sessions, there } = setUp()
    await sessions.open({ cookie: OLD }).commit()
    assert.equal(there.size, 1)
  })

  test('an adopted session ends when it would have ended in its source, however long sessions live here', async () => {
    const { sessions, clock } = setUp({ options: { idle: '30m', absolute: '12h' } })
    const { cookie } = await visit(sessions, OLD, who)
    clock.advance(13 * DAY)
    assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
    clock.advance(DAY)
    assert.equal((await visit(sessions, String(cookie), who)).result, null)
  })

  test('an adopted session with an idle limit ends when it is not used for so long, also as a copy', async () => {
    const { sessions, there, clock, source, make } = setUp()
    const session = { ...(there.get(KEY) as SourceSession), idle: DAY }
    there.set(KEY, session)
    const { cookie } = await visit(sessions, OLD, who)
    for (let day = 0; day < 5; day++) {
      clock.advance(DAY - 1000)
      assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
    }
    clock.advance(DAY + 1000)
    assert.equal((await visit(sessions, String(cookie), who)).result, null)
    for (const idle of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      await assert.rejects(sessions.adopt({ source: 'old', key: 'other', session: { ...session, idle } }), TypeError)
    const copy = { source: 'old', key: 'copied', session, as: 'copy' as const }
    for (const outcome of ['created', 'exists']) assert.equal((await sessions.adopt(copy)).outcome, outcome)
    const { read: _, end: __, ...moved } = source
    clock.advance(DAY + 1000)
    assert.equal((await visit(make({ adoptFrom: moved }), 'old=copied', who)).result, null)
  })

  test('fifty concurrent first requests to two nodes have one session, and lose no change', async () => {
    const { make, sessions } = setUp()
    const nodes = [sessions, make()]
    const visits = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        visit(nodes[i % 2] as Sessions, OLD, (session) => {
          session.set(`n${i}`, i)
          return session.handle
        }),
      ),
    )
    assert.equal(new Set(visits.map(({ result }) => result)).size, 1)
    assert.equal(new Set(visits.map(({ cookie }) => cookie)).size, 1)
    assert.equal((await sessions.of('ada').list()).length, 1)
    const { result } = await visit(sessions, String(visits[0]?.cookie), (session) => session.keys().length)
    assert.equal(result, 51)
  })

  test('after a logout neither cookie opens a session', async () => {
    const { sessions } = setUp()
    const { cookie } = await visit(sessions, OLD, who)
    await visit(sessions, String(cookie), (session) => session.logout())
    for (const each of [OLD, String(cookie), `${OLD}; ${cookie}`])
      assert.equal((await visit(sessions, each, who)).result, null)
  })

  test('a logout in the very first request ends the session in both places', async () => {
    const { sessions, there } = setUp()
    const { clearCookies } = await visit(sessions, OLD, (session) => session.logout())
    assert.deepEqual([there.size, clearCookies], [0, ['old=; Max-Age=0']])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a slow request that read the session before it ended here does not bring it back', async () => {
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    let slow = true
    const setup = setUp({
      source: {
        async read(key) {
          const found = setup.there.get(key) ?? null
          if (slow) {
            slow = false
            await held
          }
          return found
        },
      },
    })
    const late = visit(setup.sessions, OLD, who)
    const { cookie } = await visit(setup.make(), OLD, who)
    await visit(setup.sessions, String(cookie), (session) => session.logout())
    go()
    assert.equal((await late).result, null)
    assert.equal((await setup.sessions.stats()).signedIn, 0)
  })

  test('a login renews the token, and the cookie of the source no longer opens a session', async () => {
    const { sessions } = setUp()
    const { cookie } = await visit(sessions, OLD, who)
    const { cookie: renewed } = await visit(sessions, String(cookie), (session) => session.login('ada'))
    assert.notEqual(renewed, cookie)
    assert.equal((await visit(sessions, String(renewed), who)).result, 'ada')
    for (const each of [OLD, String(cookie)]) assert.equal((await visit(sessions, each, who)).result, null)
  })

  test('a session whose source cannot delete it is the same one here, and the cookie of the source stays until it can', async () => {
    let down = true
    const setup = setUp({
      source: {
        async end(key) {
          if (down) throw new Error('down')
          return setup.there.delete(key)
        },
      },
    })
    const { sessions, events } = setup
    const first = await visit(sessions, OLD, (session) => session.set('more', 1).userId)
    assert.deepEqual([first.result, first.clearCookies], ['ada', []])
    assert.notEqual(first.cookie, null)
    assert.ok(events.some(({ type }) => type === 'storeError'))
    down = false
    const second = await visit(sessions, OLD, (session) => session.get('more'))
    assert.deepEqual([second.result, second.clearCookies.length, setup.there.size], [1, 1, 0])
    assert.equal(second.cookie, first.cookie)
  })

  test('a session that ended here stays ended although its source still has it', async () => {
    const { sessions, there } = setUp({ source: { end: () => Promise.reject(new Error('down')) } })
    await visit(sessions, OLD, (session) => session.logout())
    assert.equal(there.size, 1)
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('with two valid cookies ours counts, and a logout ends both sessions', async () => {
    const { sessions, there } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    const both = `${OLD}; ${cookie}`
    const { result, clearCookies } = await visit(sessions, both, who)
    assert.deepEqual([result, clearCookies, there.size], ['bob', [], 1])
    const end = await visit(sessions, both, (session) => session.logout())
    assert.deepEqual([end.clearCookies, there.size], [['old=; Max-Age=0'], 0])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a logout with two valid cookies is final although the source cannot delete its session', async () => {
    const { sessions, there } = setUp({ source: { end: () => Promise.reject(new Error('down')) } })
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    const { clearCookies } = await visit(sessions, `${OLD}; ${cookie}`, (session) => session.logout())
    assert.deepEqual([clearCookies, there.size], [[], 1])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a login ends the session of an old cookie that is sent with it, because it may belong to another user', async () => {
    const { sessions, there } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.set('theme', 'dark'))
    const { result, clearCookies } = await visit(sessions, `${OLD}; ${cookie}`, (session) => {
      session.login('bob')
      return session.userId
    })
    assert.deepEqual([result, clearCookies, there.size], ['bob', ['old=; Max-Age=0'], 0])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('without a response, as in the upgrade of a socket, the session is adopted, and the next response sets its cookie', async () => {
    const { sessions, there } = setUp()
    assert.equal((await sessions.read({ cookie: OLD })).userId, 'ada')
    assert.equal(there.size, 0)
    const { result, cookie, clearCookies } = await visit(sessions, OLD, who)
    assert.deepEqual([result, clearCookies.length], ['ada', 1])
    assert.notEqual(cookie, null)
  })

  test('a visitor whose session with our cookie has ended gets none from an old cookie', async () => {
    const { sessions, clock } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    clock.advance(DAY)
    assert.equal((await visit(sessions, `${OLD}; ${cookie}`, who)).result, null)
  })

  test('a session that the source has ended is absent, and the cookie of the source stays', async () => {
    const { sessions, there } = setUp()
    there.clear()
    const { result, setCookie, clearCookies } = await visit(sessions, OLD, who)
    assert.deepEqual([result, setCookie, clearCookies], [null, null, []])
  })

  test('a cookie that the source refuses opens nothing, and causes an event', async () => {
    const { sessions, events } = setUp({ source: { read: async () => ({ refused: 'credential' }) } })
    assert.equal((await visit(sessions, OLD, who)).result, null)
    assert.ok(events.some((event) => event.type === 'rejected' && event.reason === 'credential'))
  })

  test('an outage of the source logs nobody out: only visitors without a cookie of ours get an error', async () => {
    let down = true
    const setup = setUp({
      source: {
        async read(key) {
          if (down) throw new Error('down')
          return setup.there.get(key) ?? null
        },
      },
    })
    await assert.rejects(visit(setup.sessions, OLD, who), StoreError)
    const { cookie } = await visit(setup.sessions, '', (session) => session.login('bob'))
    assert.equal((await visit(setup.sessions, `${OLD}; ${cookie}`, who)).result, 'bob')
    down = false
    assert.equal((await visit(setup.sessions, OLD, who)).result, 'ada')
  })

  test('a source that hangs causes an error within the time limit of a store', async () => {
    const { sessions } = setUp({ options: { storeTimeout: 20 }, source: { read: () => new Promise(() => {}) } })
    await assert.rejects(visit(sessions, OLD, who), /"old" did not answer within 20 ms/)
  })

  test('a store that fails during an adoption loses no session: the next request continues', async () => {
    // Of the registered key, the session and the receipt.
    for (const broken of [1, 2, 3]) {
      const { make, store } = setUp()
      let calls = 0
      const failing = new Proxy(store, {
        get(target, name, receiver) {
          const found = Reflect.get(target, name, receiver)
          if (name !== 'create') return typeof found === 'function' ? found.bind(target) : found
          return async (...args: Parameters<Store['create']>) => {
            calls += 1
            if (calls === broken) throw new StoreError('cut off')
            return target.create(...args)
          }
        },
      })
      const sessions = make({ store: failing })
      await assert.rejects(visit(sessions, OLD, who), StoreError)
      assert.equal((await visit(sessions, OLD, who)).result, 'ada')
    }
  })

  test('a store that fails at any read of an adoption leaves no second session behind', async () => {
    let failed = 0
    for (let at = 1; ; at += 1) {
      const { make, store, sessions } = setUp()
      const watch = watched(store)
      watch.before = (call) => {
        if (call === 'read' && watch.calls.filter((one) => one === 'read').length === at)
          throw new StoreError('cut off')
      }
      const node = make({ store: watch.store as IndexedStore })
      const isDone = await visit(node, OLD, who).then(
        () => true,
        (error) => !(error instanceof StoreError),
      )
      if (isDone) break
      failed += 1
      assert.equal((await visit(sessions, OLD, who)).result, 'ada', `after read ${at}`)
      assert.equal((await sessions.of('ada').list()).length, 1, `after read ${at}`)
    }
    assert.ok(failed >= 5)
  })

  test('a create whose acknowledgement was lost is not taken for the session of another visitor', async () => {
    const { make, store } = setUp()
    let lost = 0
    const retrying = new Proxy(store, {
      get(target, name, receiver) {
        const found = Reflect.get(target, name, receiver)
        if (name !== 'create') return typeof found === 'function' ? found.bind(target) : found
        // A driver that sent its statement twice finds the row it created itself.
        return async (...args: Parameters<Store['create']>) => {
          const made = await target.create(...args)
          if (!hasLabel(args[1], RECEIPT) || lost > 0) return made
          lost += 1
          return false
        }
      },
    })
    const sessions = make({ store: retrying })
    assert.equal((await visit(sessions, OLD, who)).result, 'ada')
    assert.equal(lost, 1)
    assert.equal((await visit(sessions, OLD, who)).result, 'ada')
  })

  test('from the end date on the cookie of the source is ignored, with one warning', async () => {
    const { sessions, clock, there } = setUp()
    const warnings: string[] = []
    const hear = (warning: Error & { code?: string }) => {
      if (warning.code === 'STRONGROOM_ADOPT_FROM') warnings.push(warning.message)
    }
    process.on('warning', hear)
    there.set(KEY, { userId: 'ada', values: {}, expiresAt: NOW + 100 * DAY })
    clock.advance(30 * DAY)
    for (let i = 0; i < 3; i++) assert.equal((await visit(sessions, OLD, who)).result, null)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', hear)
    assert.equal(there.size, 1)
    assert.equal(warnings.length, 1)
    assert.match(String(warnings[0]), /"old" ended on 2023-12-14T22:13:20\.000Z.*remove the option/)
  })

  test('a session that was adopted under a retired secret is still found', async () => {
    const { make } = setUp({ source: { end: () => Promise.reject(new Error('down')) } })
    await visit(make({ secrets: OLDER }), OLD, (session) => session.set('more', 1))
    const { result } = await visit(make({ secrets: [SECRET, OLDER] }), OLD, (session) => session.get('more'))
    assert.equal(result, 1)
  })

  test('an adopted login depends on the current credential', async () => {
    let password: string | null = 'one'
    const { sessions, there } = setUp({ options: { credential: () => password } })
    const session = there.get(KEY) as SourceSession
    const { cookie } = await visit(sessions, OLD, who)
    assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
    password = 'two'
    assert.equal((await visit(sessions, String(cookie), who)).result, null)
    password = null
    there.set('other', session)
    assert.equal((await visit(sessions, 'old=other', who)).result, null)
  })

  test('without the storage of the source, a session that was moved is found, once, and one that ended stays ended', async () => {
    const { sessions, there, source, make } = setUp()
    const session = there.get(KEY) as SourceSession
    const copy = { source: 'old', key: KEY, session, as: 'copy' as const }
    assert.deepEqual(await sessions.adopt(copy), { outcome: 'created', compared: true })
    assert.deepEqual(await sessions.adopt(copy), { outcome: 'exists', compared: true })
    const newer = { ...session, values: { basket: ['tea', 'milk'] } }
    assert.deepEqual(await sessions.adopt({ ...copy, session: newer }), { outcome: 'refreshed', compared: true })
    const { read: _, end: __, ...moved } = source
    const alone = make({ adoptFrom: moved })
    const visits = await Promise.all(
      Array.from({ length: 20 }, () => visit(alone, OLD, (session) => [session.handle, session.get('basket')])),
    )
    assert.deepEqual(visits[0]?.result[1], ['tea', 'milk'])
    assert.equal(new Set(visits.map(({ result }) => String(result[0]))).size, 1)
    await visit(alone, String(visits[0]?.cookie), (session) => session.logout())
    assert.equal((await visit(alone, OLD, who)).result, null)
    // Another node. Each shares its reads within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await sessions.adopt(copy)).outcome, 'exists')
    assert.equal((await visit(alone, OLD, who)).result, null)
  })

  test('a visitor who comes at any moment while a copy exists gets no error, and no copy is left behind', async () => {
    let came = 0
    for (let at = 1; ; at += 1) {
      const { make, there, store } = setUp()
      const visitors = make()
      let calls = 0
      const slow = new Proxy(store, {
        get(target, name, receiver) {
          const found = Reflect.get(target, name, receiver)
          // Without the memo every read reaches this point and waits.
          if (name === 'readSync') return undefined
          if (!['read', 'create', 'update', 'delete'].includes(String(name)))
            return typeof found === 'function' ? found.bind(target) : found
          return async (...args: unknown[]) => {
            calls += 1
            if (calls === at) assert.equal((await visit(visitors, OLD, who)).result, 'ada')
            return found.apply(target, args)
          }
        },
      })
      const session = there.get(KEY) as SourceSession
      const { outcome } = await make({ store: slow }).adopt({ source: 'old', key: KEY, session, as: 'copy' })
      if (calls < at) break
      came += 1
      assert.equal(outcome, 'exists')
      const left = await rows(store)
      assert.equal(left.filter(isSession).length, 1, `before call ${at}`)
      assert.equal(left.filter((one) => hasLabel(one, RECEIPT)).length, 1, `before call ${at}`)
      assert.equal(left.filter((one) => hasLabel(one, COPY)).length, 0, `before call ${at}`)
      assert.deepEqual([(await visit(visitors, OLD, who)).result, there.size], ['ada', 0])
    }
    assert.ok(came >= 4)
  })

  test('while the storage of the source is asked, a copy has no effect', async () => {
    const { sessions, there } = setUp()
    const session = there.get(KEY) as SourceSession
    await sessions.adopt({ source: 'old', key: KEY, session, as: 'copy' })
    there.clear()
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a session that was adopted without a request is found by its visitor', async () => {
    const { sessions, there } = setUp()
    const session = there.get(KEY) as SourceSession
    const taken = { source: 'old', key: KEY, session }
    assert.deepEqual(await sessions.adopt(taken), { outcome: 'created', compared: true })
    assert.deepEqual(await sessions.adopt(taken), { outcome: 'exists', compared: false })
    there.clear()
    assert.equal((await visit(sessions, OLD, who)).result, 'ada')
    assert.equal((await sessions.of('ada').list()).length, 1)
  })

  test('wrong options are refused', async () => {
    const { source, there } = setUp()
    const refused = (adoptFrom: unknown, store: unknown = memory(), message = /adoptFrom/) =>
      assert.throws(
        () => createSessions({ store, secrets: SECRET, adoptFrom } as SessionsOptions & { store: Store }),
        (error: Error) => error instanceof ConfigError && message.test(error.message),
      )
    refused({ name: 'old', until: new Date() }, memory(), /lacks keyIn \(a function\), clear \(a Set-Cookie line\)/)
    refused({ ...source, until: undefined }, memory(), /"old" lacks until/)
    refused({ ...source, until: new Date('never') })
    refused({ ...source, until: Date.now() })
    refused({})
    refused(null)
    refused('old')
    refused(source, cookie())
    refused({ ...source, clear: ['old=; Max-Age=0', null] }, memory(), /lacks clear \(a Set-Cookie line\)/)
    const carried = createSessions({ store: cookie(), secrets: SECRET })
    const session = there.get(KEY) as SourceSession
    await assert.rejects(carried.adopt({ source: 'old', key: KEY, session }), UnsupportedError)
    const { sessions } = setUp()
    await assert.rejects(sessions.adopt({ source: 'old', key: KEY, session, as: 'both' as never }), ConfigError)
  })
})
