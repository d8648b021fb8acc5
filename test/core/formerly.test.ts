import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { AdoptionSource, SourceSession } from '../../packages/strongroom/src/adoption/source.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/create.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'

const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const OLDER = 'q8Zt1mWc6Yp3Rk9Jv4Hn7Bs2Lf5Dg0Xe-Ua_TiOyMwE'
const NOW = 1_700_000_000_000
const DAY = 86_400_000
const KEY = 'k'.repeat(32)

type Change = Partial<Pick<AdoptionSource, 'read' | 'end'>>

/** A framework that keeps its sessions in a Map, as a former one; and sessions that know it. */
function setUp({ options = {}, former: change = {} }: { options?: Partial<SessionsOptions>; former?: Change } = {}) {
  const clock = manualClock(NOW)
  const there = new Map<string, SourceSession>([
    [KEY, { userId: 'ada', values: { basket: ['tea'], '~own': 1 }, expiresAt: NOW + 14 * DAY }],
  ])
  const former: AdoptionSource = {
    name: 'old',
    until: new Date(NOW + 30 * DAY),
    clear: 'old=; Max-Age=0',
    keyIn: (cookies) => /(?:^|; )old=(\w+)/.exec(cookies)?.[1] ?? null,
    read: async (key) => there.get(key) ?? null,
    end: async (key) => there.delete(key),
    ...change,
  }
  const events: SessionEvent[] = []
  const store = memory({ clock })
  const make = (more: Partial<SessionsOptions> = {}) =>
    createSessions({
      ...{ store, secrets: SECRET, clock, sweep: false, adoptFrom: former, on: (event) => events.push(event) },
      ...options,
      ...more,
    } as SessionsOptions & { store: IndexedStore })
  return { clock, there, former, events, store, make, sessions: make() }
}

type Sessions = ReturnType<ReturnType<typeof setUp>['make']>

async function visit<T>(sessions: Sessions, cookie: string, work: (session: Session) => T) {
  const one = sessions.open({ cookie })
  const result = work(await one.get())
  const { setCookie, clears = [] } = await one.commit()
  return { result, cookie: /^(__Host-id=[^;]+)/.exec(setCookie ?? '')?.[1] ?? null, setCookie, clears }
}

const who = ({ userId }: Session) => userId
const OLD = `old=${KEY}`

suite('formerly', () => {
  test('a visitor of the former framework has the session here, at once, and changes cookies', async () => {
    const { sessions, there, events } = setUp()
    const first = await visit(sessions, OLD, (session) => [session.userId, session.get('basket'), session.keys()])
    assert.deepEqual(first.result, ['ada', ['tea'], ['basket']])
    assert.deepEqual(first.clears, ['old=; Max-Age=0'])
    assert.equal(there.size, 0)
    const next = await visit(sessions, String(first.cookie), who)
    assert.deepEqual([next.result, next.setCookie, next.clears], ['ada', null, []])
    assert.equal(events.filter(({ type }) => type === 'adopted').length, 1)
    assert.equal((await sessions.of('ada').list()).length, 1)
  })

  test('a request that does not ask for its session takes nothing over', async () => {
    const { sessions, there } = setUp()
    await sessions.open({ cookie: OLD }).commit()
    assert.equal(there.size, 1)
  })

  test('the session ends when it would have ended there, however long sessions live here', async () => {
    const { sessions, clock } = setUp({ options: { idle: '30m', absolute: '12h' } })
    const { cookie } = await visit(sessions, OLD, who)
    clock.advance(13 * DAY)
    assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
    clock.advance(DAY)
    assert.equal((await visit(sessions, String(cookie), who)).result, null)
  })

  test('fifty first requests at once, to two nodes, have one session, and lose nothing of each other', async () => {
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

  test('after a logout neither cookie opens anything', async () => {
    const { sessions } = setUp()
    const { cookie } = await visit(sessions, OLD, who)
    await visit(sessions, String(cookie), (session) => session.logout())
    for (const each of [OLD, String(cookie), `${OLD}; ${cookie}`])
      assert.equal((await visit(sessions, each, who)).result, null)
  })

  test('a logout in the very first request ends both', async () => {
    const { sessions, there } = setUp()
    const { clears } = await visit(sessions, OLD, (session) => session.logout())
    assert.deepEqual([there.size, clears], [0, ['old=; Max-Age=0']])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a slow request that read the session before it was ended here does not bring it back', async () => {
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    let slow = true
    const setup = setUp({
      former: {
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

  test('a login gives another token, and the former cookie opens nothing any more', async () => {
    const { sessions } = setUp()
    const { cookie } = await visit(sessions, OLD, who)
    const { cookie: renewed } = await visit(sessions, String(cookie), (session) => session.login('ada'))
    assert.notEqual(renewed, cookie)
    assert.equal((await visit(sessions, String(renewed), who)).result, 'ada')
    for (const each of [OLD, String(cookie)]) assert.equal((await visit(sessions, each, who)).result, null)
  })

  test('a former session that cannot be ended is the same here, with its own cookie, until it can', async () => {
    let down = true
    const setup = setUp({
      former: {
        async end(key) {
          if (down) throw new Error('down')
          return setup.there.delete(key)
        },
      },
    })
    const { sessions, events } = setup
    const first = await visit(sessions, OLD, (session) => session.set('more', 1).userId)
    assert.deepEqual([first.result, first.setCookie, first.clears], ['ada', null, []])
    assert.ok(events.some(({ type }) => type === 'storeError'))
    down = false
    const second = await visit(sessions, OLD, (session) => session.get('more'))
    assert.deepEqual([second.result, second.clears.length, setup.there.size], [1, 1, 0])
    assert.notEqual(second.cookie, null)
  })

  test('what was ended here stays ended although the former framework still has it', async () => {
    const { sessions, there } = setUp({ former: { end: () => Promise.reject(new Error('down')) } })
    await visit(sessions, OLD, (session) => session.logout())
    assert.equal(there.size, 1)
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('with two good cookies ours counts, and a logout ends both', async () => {
    const { sessions, there } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    const both = `${OLD}; ${cookie}`
    const { result, clears } = await visit(sessions, both, who)
    assert.deepEqual([result, clears, there.size], ['bob', [], 1])
    const end = await visit(sessions, both, (session) => session.logout())
    assert.deepEqual([end.clears, there.size], [['old=; Max-Age=0'], 0])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a logout with two good cookies holds although the former session cannot be ended', async () => {
    const { sessions, there } = setUp({ former: { end: () => Promise.reject(new Error('down')) } })
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    const { clears } = await visit(sessions, `${OLD}; ${cookie}`, (session) => session.logout())
    assert.deepEqual([clears, there.size], [[], 1])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a login with an old cookie beside ends that one, for it may be somebody else’s', async () => {
    const { sessions, there } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.set('theme', 'dark'))
    const { result, clears } = await visit(sessions, `${OLD}; ${cookie}`, (session) => {
      session.login('bob')
      return session.userId
    })
    assert.deepEqual([result, clears, there.size], ['bob', ['old=; Max-Age=0'], 0])
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('where there is no response, as at a socket’s upgrade, the session is there, and the next response changes cookies', async () => {
    const { sessions, there } = setUp()
    assert.equal((await sessions.read({ cookie: OLD })).userId, 'ada')
    assert.equal(there.size, 0)
    const { result, cookie, clears } = await visit(sessions, OLD, who)
    assert.deepEqual([result, clears.length], ['ada', 1])
    assert.notEqual(cookie, null)
  })

  test('who has a cookie of ours whose session is over gets none by an old one', async () => {
    const { sessions, clock } = setUp()
    const { cookie } = await visit(sessions, '', (session) => session.login('bob'))
    clock.advance(DAY)
    assert.equal((await visit(sessions, `${OLD}; ${cookie}`, who)).result, null)
  })

  test('what the former framework has ended is absent, and its cookie stays', async () => {
    const { sessions, there } = setUp()
    there.clear()
    const { result, setCookie, clears } = await visit(sessions, OLD, who)
    assert.deepEqual([result, setCookie, clears], [null, null, []])
  })

  test('what it refuses is nobody, with an event', async () => {
    const { sessions, events } = setUp({ former: { read: async () => ({ refused: 'credential' }) } })
    assert.equal((await visit(sessions, OLD, who)).result, null)
    assert.ok(events.some((event) => event.type === 'notOurs' && event.reason === 'credential'))
  })

  test('its outage is no logout: an error for who has its cookie alone, nothing for everybody else', async () => {
    let down = true
    const setup = setUp({
      former: {
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

  test('one that hangs is an error within the time limit of a store', async () => {
    const { sessions } = setUp({ options: { storeTimeout: 20 }, former: { read: () => new Promise(() => {}) } })
    await assert.rejects(visit(sessions, OLD, who), /"old" did not answer in 20 ms/)
  })

  test('a store that fails half way loses nobody: the next request goes on', async () => {
    for (const broken of [1, 2]) {
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

  test('an answer that was lost on the way back is not taken for another visitor', async () => {
    const { make, store } = setUp()
    let calls = 0
    const retrying = new Proxy(store, {
      get(target, name, receiver) {
        const found = Reflect.get(target, name, receiver)
        if (name !== 'create') return typeof found === 'function' ? found.bind(target) : found
        // A driver that sent its statement twice is told that the row is there.
        return async (...args: Parameters<Store['create']>) => {
          const made = await target.create(...args)
          calls += 1
          return calls === 2 ? false : made
        }
      },
    })
    const sessions = make({ store: retrying })
    assert.equal((await visit(sessions, OLD, who)).result, 'ada')
    assert.equal((await visit(sessions, OLD, who)).result, 'ada')
  })

  test('from its end date on the former cookie is ignored, and a warning says so once', async () => {
    const { sessions, clock, there } = setUp()
    const warnings: string[] = []
    const hear = (warning: Error & { code?: string }) => {
      if (warning.code === 'STRONGROOM_FORMERLY') warnings.push(warning.message)
    }
    process.on('warning', hear)
    there.set(KEY, { userId: 'ada', values: {}, expiresAt: NOW + 100 * DAY })
    clock.advance(30 * DAY)
    for (let i = 0; i < 3; i++) assert.equal((await visit(sessions, OLD, who)).result, null)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', hear)
    assert.equal(there.size, 1)
    assert.equal(warnings.length, 1)
    assert.match(String(warnings[0]), /"old" ended on 2023-12-14T22:13:20\.000Z.*take the option out/)
  })

  test('a session that was taken over under a retired secret is found by it', async () => {
    const { make } = setUp({ former: { end: () => Promise.reject(new Error('down')) } })
    await visit(make({ secrets: OLDER }), OLD, (session) => session.set('more', 1))
    const { result } = await visit(make({ secrets: [SECRET, OLDER] }), OLD, (session) => session.get('more'))
    assert.equal(result, 1)
  })

  test('a login stands on the credential of this moment', async () => {
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

  test('without the former storage, what was moved is found, once, and what was ended stays so', async () => {
    const { sessions, there, former, make } = setUp()
    const session = there.get(KEY) as SourceSession
    const copy = { former: 'old', key: KEY, session, as: 'copy' as const }
    assert.deepEqual(await sessions.adopt(copy), { outcome: 'created', compared: true })
    assert.deepEqual(await sessions.adopt(copy), { outcome: 'there', compared: true })
    const newer = { ...session, values: { basket: ['tea', 'milk'] } }
    assert.deepEqual(await sessions.adopt({ ...copy, session: newer }), { outcome: 'refreshed', compared: true })
    const { read: _, end: __, ...moved } = former
    const alone = make({ adoptFrom: moved })
    const visits = await Promise.all(
      Array.from({ length: 20 }, () => visit(alone, OLD, (session) => [session.handle, session.get('basket')])),
    )
    assert.deepEqual(visits[0]?.result[1], ['tea', 'milk'])
    assert.equal(new Set(visits.map(({ result }) => String(result[0]))).size, 1)
    await visit(alone, String(visits[0]?.cookie), (session) => session.logout())
    assert.equal((await visit(alone, OLD, who)).result, null)
    // Another node, which shares its reads for one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await sessions.adopt(copy)).outcome, 'there')
    assert.equal((await visit(alone, OLD, who)).result, null)
  })

  test('whenever the visitor comes while a copy is left, nobody is told of a fault, and no copy stays', async () => {
    let came = 0
    for (let at = 1; ; at += 1) {
      const { make, there, store } = setUp()
      const visitors = make()
      let calls = 0
      const slow = new Proxy(store, {
        get(target, name, receiver) {
          const found = Reflect.get(target, name, receiver)
          // Without it every read comes by here, and waits.
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
      const { outcome } = await make({ store: slow }).adopt({ former: 'old', key: KEY, session, as: 'copy' })
      if (calls < at) break
      came += 1
      assert.equal(outcome, 'there')
      const rest = []
      for await (const page of store.scan()) rest.push(...page)
      // The session, and the receipt that says so.
      assert.equal(rest.length, 2, `before call ${at}`)
      assert.deepEqual([(await visit(visitors, OLD, who)).result, there.size], ['ada', 0])
    }
    assert.ok(came >= 4)
  })

  test('while the former storage is asked, a copy counts for nothing', async () => {
    const { sessions, there } = setUp()
    const session = there.get(KEY) as SourceSession
    await sessions.adopt({ former: 'old', key: KEY, session, as: 'copy' })
    there.clear()
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('a session that was taken over without a request is found by its visitor', async () => {
    const { sessions, there } = setUp()
    const session = there.get(KEY) as SourceSession
    const taken = { former: 'old', key: KEY, session }
    assert.deepEqual(await sessions.adopt(taken), { outcome: 'created', compared: true })
    assert.deepEqual(await sessions.adopt(taken), { outcome: 'there', compared: false })
    there.clear()
    assert.equal((await visit(sessions, OLD, who)).result, 'ada')
    assert.equal((await sessions.of('ada').list()).length, 1)
  })

  test('options that cannot be meant are refused', async () => {
    const { former, there } = setUp()
    const refused = (formerly: unknown, store: unknown = memory()) =>
      assert.throws(
        () => createSessions({ store, secrets: SECRET, adoptFrom: formerly } as SessionsOptions & { store: Store }),
        ConfigError,
      )
    refused({ ...former, until: undefined })
    refused({ ...former, until: new Date('never') })
    refused({ ...former, until: Date.now() })
    refused({})
    refused(null)
    refused('old')
    refused(former, cookie())
    refused({ ...former, clear: '__Host-id=; Max-Age=0' })
    const carried = createSessions({ store: cookie(), secrets: SECRET })
    const session = there.get(KEY) as SourceSession
    await assert.rejects(carried.adopt({ former: 'old', key: KEY, session }), UnsupportedError)
    const { sessions } = setUp()
    await assert.rejects(sessions.adopt({ former: 'old', key: KEY, session, as: 'both' as never }), ConfigError)
  })
})
