import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createRequire } from 'node:module'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import { RedisStore } from 'connect-redis'
import expressFramework from 'express-session'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { type ExpressSessionOptions, expressSession } from '../../packages/strongroom/src/adoption/express-session.ts'
import type { SessionValues } from '../../packages/strongroom/src/adoption/foreign-values.ts'
import type { ConnectStore } from '../../packages/strongroom/src/base/connect.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { DAY, NOW, SECRET, visit, who } from './fixtures/other-framework.ts'

const MySqlStore: unknown = createRequire(import.meta.url)('express-mysql-session')(expressFramework)

const SID = 'q8Zr0Yc3mWb5TtJk1nXe7uVs2LgPhDaF'
const THEIR_SECRET = 'keyboard cat'
const HOUR = 3_600_000

/** The cookie as express-session writes it. */
function cookieOf(sid: string, secret: string | Buffer = THEIR_SECRET): string {
  const signature = createHmac('sha256', secret).update(sid).digest('base64').replaceAll('=', '')
  return encodeURIComponent(`s:${sid}.${signature}`)
}

const OLD = `connect.sid=${cookieOf(SID)}`

const record = (more: object = {}, cookie: object = {}) => ({
  cookie: { originalMaxAge: HOUR, expires: new Date(NOW + HOUR).toISOString(), httpOnly: true, path: '/', ...cookie },
  passport: { user: 'ada' },
  cart: ['tea'],
  ...more,
})

function setUp({
  records = { [SID]: record() },
  source: given = {},
  sessions: more = {},
}: {
  records?: Record<string, unknown>
  source?: Partial<ExpressSessionOptions>
  sessions?: Partial<SessionsOptions>
} = {}) {
  const there = new Map<string, unknown>(Object.entries(records))
  const clock = manualClock(NOW)
  const store: Pick<ConnectStore, 'get' | 'destroy'> = {
    get: (sid, callback) => setImmediate(() => callback(null, there.get(sid))),
    destroy: (sid, callback) => setImmediate(() => callback?.(there.delete(sid) ? null : undefined)),
  }
  const events: SessionEvent[] = []
  const source = expressSession({
    ...{ store, secret: THEIR_SECRET, until: new Date(NOW + 30 * DAY), clock },
    ...given,
  })
  const ours = memory({ clock })
  const make = (options: Partial<SessionsOptions> = {}) =>
    createSessions({
      ...{ store: ours, secrets: SECRET, clock, sweep: false, adoptFrom: source },
      on: (event: SessionEvent) => void events.push(event),
      ...more,
      ...options,
    } as SessionsOptions & { store: ReturnType<typeof memory> })
  return { there, clock, store, source, events, make, sessions: make() }
}

/** The messages of the warnings that `work` causes. */
async function warnings(work: () => unknown): Promise<string[]> {
  const heard: string[] = []
  const hear = ({ message }: Error) => void heard.push(message)
  process.on('warning', hear)
  await work()
  // A warning is emitted in the next turn.
  await new Promise(setImmediate)
  process.off('warning', hear)
  return heard
}

const dataOf = (session: { keys(): readonly string[]; get(key: string): unknown }) =>
  Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))

suite('expressSession()', () => {
  test('its visitor is signed in here with the data, and the session in its store has ended', async () => {
    const { sessions, there } = setUp()
    const first = await visit(sessions, OLD, (session) => [session.userId, dataOf(session)])
    assert.deepEqual(first.result, ['ada', { passport: { user: 'ada' }, cart: ['tea'] }])
    assert.equal(there.size, 0)
    assert.match(String(first.clearCookies[0]), /^connect\.sid=; Max-Age=0; Path=\/; /)
    assert.equal((await visit(sessions, String(first.cookie), who)).result, 'ada')
  })

  test('a cookie counts if any of the secrets has signed it, a string or a Buffer', async () => {
    const secret = ['new', Buffer.from([0, 1, 2, 255]), THEIR_SECRET]
    for (const one of secret) {
      const { sessions } = setUp({ source: { secret } })
      assert.equal((await visit(sessions, `connect.sid=${cookieOf(SID, one)}`, who)).result, 'ada')
    }
  })

  test('a cookie that is unsigned, altered, cut off or signed with another secret names no session', () => {
    const { source } = setUp()
    const good = decodeURIComponent(cookieOf(SID))
    const last = good.at(-1) === 'A' ? 'B' : 'A'
    const wrong = [
      ...['', 's:', `s:${SID}`, `s:${SID}.`, SID, `j:${SID}`, 's:.', '%', '%zz', 'A'.repeat(88)],
      ...[good.slice(2), good.slice(0, -1), `${good}=`, good.slice(0, -1) + last, good.replace('.', '!')],
      ...[good.replace('q', 'Q'), `S${good.slice(1)}`, decodeURIComponent(cookieOf(SID, 'other'))],
    ]
    for (const value of wrong) {
      assert.equal(source.keyIn(`connect.sid=${encodeURIComponent(value)}`), null, value)
      assert.equal(source.keyIn(`connect.sid=${value}`), null, value)
    }
    assert.equal(source.keyIn(`other=1; connect.sid=${encodeURIComponent(good)}`), SID)
    assert.equal(source.keyIn(`connect.sid=${good}`), SID)
    assert.equal(source.keyIn(`xconnect.sid=${good}`), null)
  })

  test('an id may contain dots and colons, as genid can make them', () => {
    const { source } = setUp()
    assert.equal(source.keyIn(`connect.sid=${cookieOf('user:7.a.b')}`), 'user:7.a.b')
  })

  test('of several cookies of the name, the first that a secret signed counts, among the first eight', () => {
    const { source } = setUp()
    const planted = (count: number) => Array.from({ length: count }, (_, i) => `connect.sid=planted${i}; `).join('')
    assert.equal(source.keyIn(`${planted(7)}${OLD}; connect.sid=${cookieOf('second')}`), SID)
    assert.equal(source.keyIn(`${planted(8)}${OLD}`), null)
  })

  test('its cookie can have another name, path and domain, and is removed with them', () => {
    const { source } = setUp({
      source: { name: 'sid', cookie: { path: '/shop', domain: 'example.com', sameSite: 'strict' } },
    })
    assert.equal(source.keyIn(`sid=${cookieOf(SID)}`), SID)
    assert.equal(source.keyIn(OLD), null)
    assert.match(String(source.clear), /^sid=; Max-Age=0; Domain=example\.com; Path=\/shop; .*SameSite=Strict/)
  })

  test('a session ends when its cookie says, which also tells whether it outlives the browser', async () => {
    const { source } = setUp()
    assert.deepEqual(await source.read?.(SID), {
      ...{ userId: 'ada', values: { passport: { user: 'ada' }, cart: ['tea'] } },
      ...{ expiresAt: NOW + HOUR, persistent: true },
    })
    const date = setUp({ records: { [SID]: record({}, { expires: new Date(NOW + 5) }) } })
    assert.partialDeepStrictEqual(await date.source.read?.(SID), { expiresAt: NOW + 5 })
  })

  test('one without an end ends with the browser, and here a day later, or what "lifetime" says', async () => {
    for (const expires of [null, undefined, false]) {
      const records = { [SID]: record({}, { expires, originalMaxAge: null }) }
      assert.partialDeepStrictEqual(await setUp({ records }).source.read?.(SID), {
        ...{ expiresAt: NOW + DAY, persistent: false },
      })
      const { source } = setUp({ records, source: { lifetime: '2h' } })
      assert.partialDeepStrictEqual(await source.read?.(SID), { expiresAt: NOW + 2 * HOUR })
    }
  })

  test('a record that has expired does not count although its store returns it', async () => {
    const { source, sessions, clock } = setUp()
    clock.set(NOW + HOUR)
    assert.equal(await source.read?.(SID), null)
    assert.equal((await visit(sessions, OLD, who)).result, null)
  })

  test('with "rolling", a record counts for as long as its store returns it, because a touch does not change it', async () => {
    const { source, sessions, clock } = setUp({ source: { rolling: true } })
    clock.set(NOW + 3 * HOUR)
    const ends = { idle: HOUR, expiresAt: NOW + 15 * HOUR, persistent: true }
    assert.partialDeepStrictEqual(await source.read?.(SID), ends)
    const { cookie } = await visit(sessions, OLD, who)
    // As before, each request begins the hour again.
    for (let minutes = 0; minutes < 600; minutes += 50) {
      clock.advance(50 * 60_000)
      assert.equal((await visit(sessions, String(cookie), who)).result, 'ada', `after ${minutes} minutes`)
    }
    clock.advance(HOUR)
    assert.equal((await visit(sessions, String(cookie), who)).result, null)
  })

  test('with "rolling", "absolute" is the end that no use moves, and never before maxAge', async () => {
    const { sessions, clock } = setUp({ source: { rolling: true, absolute: '90m' } })
    const { cookie } = await visit(sessions, OLD, who)
    clock.advance(50 * 60_000)
    assert.equal((await visit(sessions, String(cookie), who)).result, 'ada')
    clock.advance(40 * 60_000)
    assert.equal((await visit(sessions, String(cookie), who)).result, null)
    const { source } = setUp({ source: { rolling: true, absolute: '1m' } })
    assert.partialDeepStrictEqual(await source.read?.(SID), { expiresAt: NOW + HOUR })
  })

  test('Passport says whose session it is, if its user is an id', async () => {
    const users: [unknown, string | null][] = [
      ['ada', 'ada'],
      [7, '7'],
      [0, '0'],
      ['', null],
      [{ id: 7 }, null],
      [null, null],
      [true, null],
    ]
    for (const [user, expected] of users) {
      const { source } = setUp({ records: { [SID]: record({ passport: { user } }) } })
      assert.partialDeepStrictEqual(await source.read?.(SID), { userId: expected }, inspect(user))
    }
    for (const passport of [undefined, null, {}, 'ada', ['ada']]) {
      const { source } = setUp({ records: { [SID]: record({ passport }) } })
      assert.partialDeepStrictEqual(await source.read?.(SID), { userId: null })
    }
  })

  test('the application can say whose session it is, also later, and what of it is adopted', async () => {
    const records = { [SID]: record({ account: 12, '~flash': 'a', big: 'x'.repeat(100) }) }
    const { sessions } = setUp({
      records,
      source: {
        userId: async ({ account, cookie }) => (cookie === undefined ? (account as number) : null),
        values: ({ cart, account }) => ({ cart, account, flash: undefined }),
      },
    })
    const { result } = await visit(sessions, OLD, (session) => [session.userId, dataOf(session)])
    assert.deepEqual(result, ['12', { cart: ['tea'], account: 12 }])
  })

  test('data arrives as JSON has it; keys with "~", and what session-file-store notes for itself, stay behind', async () => {
    const more = { since: new Date(NOW), seen: new Map([[1, 2]]), gone: undefined, '~x': 1, __lastAccess: NOW }
    const nested = JSON.parse('{"__proto__":{"admin":true},"a":{"constructor":1}}')
    const { sessions } = setUp({ records: { [SID]: record({ ...more, nested }) } })
    const { result } = await visit(sessions, OLD, (session) => JSON.stringify(dataOf(session)))
    assert.equal(
      result,
      `{"passport":{"user":"ada"},"cart":["tea"],"since":"2023-11-14T22:13:20.000Z","seen":{},"nested":{"__proto__":{"admin":true},"a":{"constructor":1}}}`,
    )
  })

  test('what is no session, or what JSON cannot carry, is refused with an event, and asks nobody for an error page', async () => {
    const circle: Record<string, unknown> = {}
    circle.self = circle
    const deep = JSON.parse(`${'['.repeat(300)}${']'.repeat(300)}`)
    const malformed = [
      ...['text', 7, [], {}, { cookie: null }, { cookie: 'x' }, record({}, { expires: 'never' }), record({ big: 1n })],
      ...[record({ circle }), record({ deep }), record({}, { expires: {} })],
    ]
    for (const each of malformed) {
      const { sessions, events } = setUp({ records: { [SID]: each } })
      assert.equal((await visit(sessions, OLD, who)).result, null)
      assert.ok(events.some((event) => event.type === 'rejected' && event.reason === 'malformed'))
    }
  })

  test('fifty parallel first requests become one session, and an outage of its store is no logout', async () => {
    const { sessions, there, store } = setUp()
    const { get } = store
    store.get = (_sid, callback) => callback(new Error('down'))
    await assert.rejects(visit(sessions, OLD, who), StoreError)
    store.get = get
    const visits = await Promise.all(
      Array.from({ length: 50 }, (_, i) => visit(sessions, OLD, (session) => session.set(`n${i}`, i).handle)),
    )
    assert.equal(new Set(visits.map(({ result }) => result)).size, 1)
    assert.equal(there.size, 0)
    assert.equal((await visit(sessions, String(visits[0]?.cookie), (session) => session.keys().length)).result, 52)
  })

  test('a store that never calls back fails within the time limit, and the next request finds the session', async () => {
    const { sessions, store } = setUp({ sessions: { storeTimeout: 20 } })
    const { get } = store
    store.get = () => undefined
    await assert.rejects(visit(sessions, OLD, who), /"express-session" did not answer within 20 ms/)
    store.get = get
    assert.equal((await visit(sessions, OLD, who)).result, 'ada')
  })

  test('the id of a session is in no event and in no error, whatever its store puts into its own', async () => {
    const { sessions, store, events } = setUp()
    store.destroy = (sid, callback) => callback?.(new Error(`EACCES: unlink '/sessions/${sid}.json'`))
    await visit(sessions, OLD, who)
    const { store: failing, make, events: later, source } = setUp()
    failing.get = (sid) => {
      throw Object.assign(new Error(`EACCES: open ${sid}`), { path: `/sessions/${sid}.json` })
    }
    const error = await visit(make(), OLD, who).catch((reason) => reason)
    assert.ok(error instanceof StoreError && error.cause instanceof Error)
    assert.match(String(error.cause), /EACCES: open \[session id\]/)
    const ended = await Promise.resolve(source.end?.(SID)).catch((reason) => reason)
    const seen = inspect([events, later, error, ended], { depth: 12, showHidden: true })
    assert.match(seen, /storeError/)
    assert.ok(!seen.includes(SID))
  })

  test('a session file that is gone already has ended', async () => {
    const { source, store } = setUp()
    store.destroy = (_sid, callback) => callback?.(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
    assert.equal(await source.end?.(SID), undefined)
  })

  test('without its store, it finds what was copied by the id that a secret signed', async () => {
    const { sessions, source, make, there } = setUp()
    const session = await source.read?.(SID)
    assert.ok(session && !('refused' in session))
    await sessions.adopt({ source: 'express-session', key: SID, session, as: 'copy' })
    there.clear()
    const adoptFrom = expressSession({ secret: ['newer', THEIR_SECRET], until: new Date(NOW + 30 * DAY) })
    const alone = make({ adoptFrom })
    assert.equal((await visit(alone, `connect.sid=${cookieOf(SID, 'guess')}`, who)).result, null)
    const { result, clearCookies } = await visit(alone, OLD, who)
    assert.deepEqual([result, clearCookies.length], ['ada', 1])
  })

  test('its keys are listed as its store can: by ids, by all, or by files, in pages', async () => {
    const lists: object[] = [
      { ids: (done: (...given: unknown[]) => void) => done(null, ['a', 'b', 'c']) },
      { ids: async () => ['a', 'b', 'c'] },
      { all: (done: (...given: unknown[]) => void) => done(null, { a: {}, b: {}, c: {} }) },
      { all: async () => [{ id: 'a' }, { id: 'b' }, { id: 'c' }] },
      { list: (done: (...given: unknown[]) => void) => done(null, ['a.json', 'b.json', '.tmp', 'c.json']) },
    ]
    for (const list of lists) {
      const { source } = setUp({ source: { store: { get: () => null, destroy: () => null, ...list } } })
      const pages: (readonly string[])[] = []
      for await (const page of source.keys?.({ page: 2 }) ?? []) pages.push(page)
      assert.deepEqual(pages, [['a', 'b'], ['c']])
    }
    assert.equal(setUp().source.keys, undefined)
    const anonymous = { get: () => null, destroy: () => null, all: async () => [{ cookie: {} }] }
    const { source } = setUp({ source: { store: anonymous } })
    await assert.rejects(async () => {
      for await (const _ of source.keys?.() ?? []);
    }, /lists its sessions without their ids/)
  })

  test('wrong options are refused with what to do', () => {
    const { store } = setUp()
    const good = { store, secret: THEIR_SECRET, until: new Date(NOW) }
    const refused = (options: unknown, message: RegExp) =>
      assert.throws(
        () => createSessions({ store: memory(), secrets: SECRET, adoptFrom: expressSession(options as never) }),
        (error: Error) => error instanceof ConfigError && message.test(error.message),
      )
    for (const wrong of [undefined, null, 'redis://localhost', {}, class {}, { get: () => null }])
      refused({ ...good, store: wrong }, /store must be the store that express-session has/)
    const redis = { get: () => null, set: () => null, destroy: () => null, sendCommand: () => null }
    refused({ ...good, store: redis }, /It got a client of Redis: pass new RedisStore\(\{ client \}\), with the prefix/)
    refused({ ...good, store: createClient() }, /It got a client of Redis/)
    const ioredis = new Redis({ lazyConnect: true })
    refused({ ...good, store: ioredis }, /It got a client of Redis/)
    ioredis.disconnect()
    refused({ ...good, store: RedisStore }, /It got a class: pass an instance, which is made with new/)
    refused({ ...good, store: MySqlStore }, /It got a class/)
    refused({ ...good, store: memory() }, /It got a store of Strongroom/)
    refused({ ...good, store: Promise.resolve(store) }, /It got a promise: await it/)
    for (const secret of [undefined, null, '', [], [''], ['a', undefined], 7, Buffer.alloc(0)])
      refused({ ...good, secret }, /secret must be the secret of express-session/)
    refused({ ...good, until: undefined }, /"express-session" lacks until/)
    refused({ ...good, lifetime: 'soon' }, /lifetime/)
    refused({ ...good, rolling: 'yes' }, /rolling/)
    refused({ ...good, absolute: '12h' }, /absolute is for rolling: true/)
    refused({ ...good, rolling: true, absolute: 'soon' }, /absolute/)
    refused({ ...good, userId: 'ada' }, /userId must be a function/)
    refused({ ...good, values: {} }, /values must be a function/)
    refused({ ...good, name: 'a b' }, /name/)
    refused({ ...good, cookie: { path: 'shop' } }, /path/)
    refused({ ...good, cookie: { name: 'sid' } }, /Unknown option "name" for expressSession\(\): cookie/)
    refused({ ...good, resave: false }, /Unknown option "resave"/)
    refused(
      { secret: 'a', until: good.until, lifetime: '1d' },
      /Unknown option "lifetime" for expressSession\(\) without/,
    )
    refused('redis://localhost', /takes its options as an object/)
  })

  test('what userId or values throws is an error of the application, and no outage of a store', async () => {
    const cause = new TypeError('no account')
    const thrown = () => {
      throw cause
    }
    const outage = new StoreError('The database of the users is down.')
    for (const option of ['userId', 'values']) {
      const { sessions, there } = setUp({ source: { [option]: thrown }, sessions: { onStoreError: 'anonymous' } })
      await assert.rejects(visit(sessions, OLD, who), (error: Error) => {
        assert.ok(error instanceof ConfigError)
        assert.deepEqual([error.status, error.cause], [500, cause])
        assert.match(error.message, new RegExp(`^expressSession\\(\\): ${option} threw an error`))
        return true
      })
      assert.equal(there.size, 1)
    }
    const { sessions } = setUp({ source: { userId: () => Promise.reject(outage) } })
    await assert.rejects(visit(sessions, OLD, who), outage)
  })

  test('one warning says that a Passport user is an object, of which no user follows', async () => {
    const records = Object.fromEntries(
      ['a', 'b'].map((sid) => [sid, record({ passport: { user: { id: 7, name: 'Ada' } } })]),
    )
    const { source } = setUp({ records })
    const heard = await warnings(async () => {
      for (const sid of ['a', 'b']) assert.partialDeepStrictEqual(await source.read?.(sid), { userId: null })
    })
    assert.equal(heard.length, 1)
    assert.match(String(heard[0]), /serializeUser .* as nobody's\. Name the id, such as userId: /)
    assert.doesNotMatch(String(heard[0]), /Ada/)
    const named = { userId: ({ passport }: SessionValues) => (passport as { user: { id: number } }).user.id }
    const { source: other } = setUp({ records, source: named })
    const silent = await warnings(async () => assert.partialDeepStrictEqual(await other.read?.('a'), { userId: '7' }))
    assert.deepEqual(silent, [])
  })

  test('a lifetime that looks like seconds causes a warning that says how to write them', async () => {
    const heard = (source: Partial<ExpressSessionOptions>) => warnings(() => void setUp({ source }))
    const [seconds, none] = await heard({ lifetime: 86_400 })
    assert.match(String(seconds), /lifetime: 86400\. A number is milliseconds.* write '86400s'/)
    assert.equal(none, undefined)
    assert.match(String(await heard({ rolling: true, absolute: 43_200 })), /absolute: 43200/)
    assert.equal((await heard({ lifetime: 1_209_600 })).length, 1)
    for (const lifetime of [15 * 60_000, HOUR, DAY, '30s'] as const) assert.deepEqual(await heard({ lifetime }), [])
  })

  suite('many visitors, none of whom stays signed in', () => {
    const sids = Array.from({ length: 25 }, (_, i) => `${SID}${i}`)
    const come = async (sessions: ReturnType<typeof setUp>['sessions'], secret = THEIR_SECRET) => {
      for (const sid of sids) await visit(sessions, `connect.sid=${cookieOf(sid, secret)}`, who)
    }

    test('cause one warning, about the secret that has signed none of their cookies', async () => {
      const { sessions } = setUp()
      const heard = await warnings(async () => {
        await come(sessions, 'another secret')
        await come(sessions)
      })
      assert.equal(heard.length, 1)
      assert.match(String(heard[0]), /none of them is signed with a secret of expressSession\(\).*Compare its secret/)
      for (const sid of sids) assert.ok(!String(heard[0]).includes(sid))
    })

    test('cause one warning, about the store that knows none of them', async () => {
      const { sessions } = setUp()
      const heard = await warnings(async () => {
        await come(sessions)
        await come(sessions)
      })
      assert.equal(heard.length, 1)
      assert.match(String(heard[0]), /the store of expressSession\(\) knows the session of none.*prefix or table/)
      for (const sid of sids) assert.ok(!String(heard[0]).includes(sid))
    })

    test('cause none where one of them was adopted, one secret is right, or it is one visitor all the time', async () => {
      const adopted = setUp()
      const signed = setUp()
      const one = setUp({ records: {} })
      const heard = await warnings(async () => {
        await visit(adopted.sessions, OLD, who)
        await come(adopted.sessions)
        await come(adopted.sessions, 'another secret')
        await visit(signed.sessions, `connect.sid=${cookieOf('unknown')}`, who)
        await come(signed.sessions, 'another secret')
        for (const _ of sids) await visit(one.sessions, OLD, who)
      })
      assert.deepEqual(heard, [])
    })
  })

  test('a userId that returns no id is an error of the application, and no session is adopted', async () => {
    for (const wrong of [{}, '', true, Number.NaN]) {
      const { sessions, there } = setUp({ source: { userId: () => wrong as never } })
      await assert.rejects(visit(sessions, OLD, who), /userId must return the user's id/)
      assert.equal(there.size, 1)
    }
    const { sessions } = setUp({ source: { values: () => ({ big: 1n }) } })
    await assert.rejects(visit(sessions, OLD, who), /values must return an object that JSON can hold/)
  })
})
