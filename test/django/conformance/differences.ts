import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { ConfigError, StoreError, UnsupportedError } from '../../../packages/strongroom/src/errors.ts'
import { secret } from '../../core/fixtures/secret.ts'
import { type AnySession, Browser, type Fixture } from './fixture.ts'
import type { Difference } from './property.ts'
import type { Ability, Engine } from './subject.ts'

const [SECOND, MINUTE, AGE] = [1000, 60_000, 14 * 86_400_000]

const overTheBridge = ({ format }: Engine) => format.name === 'django'
const named = (name: string) => (engine: Engine) => engine.name.startsWith(name)
const without = (ability: Ability) => (engine: Engine) => overTheBridge(engine) && !engine.abilities.includes(ability)
/** Where the sessions are in cookies that cannot be revoked, own ones included. */
const irrevocable = ({ abilities }: Engine) => !abilities.includes('revokes')
const signedCookies = named('django signed_cookies')
const cachedDb = named('django cached_db')

const userOf = async (browser: Browser) => (await browser.visit((session) => session.userId)).result
const handleIn = async (browser: Browser) => String((await browser.visit((session) => session.handle)).result)

async function refusesHandles(fixture: Fixture): Promise<void> {
  const handle = await handleIn(await fixture.visitor())
  const sessions = fixture.sessions()
  for (const ask of [() => sessions.find(handle), () => sessions.revoke(handle)])
    await assert.rejects(async () => ask(), UnsupportedError)
}

/** Lets the cache refuse to remove anything while `work` runs. */
async function withoutCache(fixture: Fixture, work: () => Promise<void>): Promise<void> {
  const { cache } = fixture.started
  if (!cache) assert.fail()
  cache.before = () => {
    throw new StoreError('the cache is read-only')
  }
  try {
    await work()
  } finally {
    cache.before = null
  }
}

/** While the cache cannot be told, a change is refused; after that, it is not. */
async function refusesChange(fixture: Fixture): Promise<void> {
  const visitor = await fixture.visitor({ v: 1 })
  await withoutCache(fixture, async () => {
    const page = await visitor.visit((session) => session.set('v', 2))
    assert.deepEqual([page.status, page.setCookie, fixture.happened('gone')], [503, null, []])
    assert.equal(fixture.happened('storeError').length, 1)
    assert.deepEqual(await visitor.read(), { v: 1 })
  })
  await visitor.visit((session) => session.set('v', 3))
  assert.deepEqual(await visitor.read(), { v: 3 })
}

/** Returns the Max-Age of the cookie of a new session. */
async function lifeOf(fixture: Fixture, expireAtBrowserClose: boolean, change: (session: AnySession) => void) {
  const page = await fixture.browser({ expireAtBrowserClose }).visit((session) => {
    session.set('a', 1)
    change(session)
  })
  return page.maxAge
}

/** Where sessions that are shared with Django, or are in cookies, differ from the properties. docs/django.md has the same table. */
export const DIFFERENCES: readonly Difference[] = [
  {
    property: 'a session that is revoked by its handle is gone',
    on: without('scan'),
    why: 'a session key cannot be found by a handle: find() and revoke() are refused',
    check: refusesHandles,
  },
  {
    property: 'an operator finds a session by its handle, and sees its metadata but not its data',
    on: without('scan'),
    why: 'a session key cannot be found by a handle: find() and revoke() are refused',
    check: refusesHandles,
  },
  {
    property: 'a session is listed under its user from the login to the logout',
    on: without('index'),
    why: 'Django stores the user inside session_data: lists are refused, and a password change ends the sessions of a user',
    async check(fixture) {
      const hashes = new Map([['ada', 'one']])
      const sessions = fixture.sessions({ credential: (userId) => hashes.get(userId) ?? null })
      const visitor = new Browser(sessions)
      await visitor.visit((session) => session.login('ada'))
      await assert.rejects(async () => sessions.of('ada').list(), UnsupportedError)
      await assert.rejects(async () => sessions.of('ada').revokeAll(), UnsupportedError)
      hashes.set('ada', 'two')
      assert.equal(await userOf(visitor), null)
    },
  },
  {
    property: 'renew does not change the handle of a session',
    on: overTheBridge,
    why: 'a handle is derived from the session key, which cycle_key() replaces',
    async check(fixture) {
      const visitor = await fixture.visitor()
      const before = await handleIn(visitor)
      await fixture.advance(SECOND)
      await visitor.visit((session) => session.renew())
      assert.notEqual(await handleIn(visitor), before)
    },
  },
  {
    property: 'writing does not change the handle of a session',
    on: signedCookies,
    why: 'a handle is derived from the cookie, and each write makes another one',
    async check(fixture) {
      const visitor = await fixture.visitor()
      const before = await handleIn(visitor)
      assert.equal(await handleIn(visitor), before)
      await visitor.visit((session) => session.set('b', 2))
      assert.notEqual(await handleIn(visitor), before)
    },
  },
  {
    property: 'an idle limit of its own is counted from each use',
    on: overTheBridge,
    why: 'Django counts seconds from each save, and reading is none',
    async check(fixture) {
      const visitor = await fixture.visitor()
      await visitor.visit((session) => session.setExpiry('20s'))
      await visitor.visit(({ expiresAt, endsAt }) =>
        assert.deepEqual([fixture.from(expiresAt), fixture.from(endsAt)], [20 * SECOND, 20 * SECOND]),
      )
      await fixture.advance(10 * SECOND)
      await visitor.visit((session) => session.set('b', 2))
      await fixture.advance(10 * SECOND)
      assert.equal((await visitor.read()).b, 2)
      await fixture.advance(11 * SECOND)
      assert.deepEqual(await visitor.read(), {})
    },
  },
  {
    property: 'the cookie ends with the browser if the option or the session says so',
    on: overTheBridge,
    why: 'as in Django, a session with an end of its own has a cookie that stays until then, whatever the option says',
    async check(fixture) {
      const at = () => new Date(fixture.clock() + 10 * SECOND)
      for (const [option, standard] of [
        [true, 'browser'],
        [false, AGE / SECOND],
      ] as const) {
        assert.equal(await lifeOf(fixture, option, (session) => session.setExpiry(at())), 10)
        assert.equal(await lifeOf(fixture, option, (session) => session.setExpiry('browser')), 'browser')
        assert.equal(await lifeOf(fixture, option, (session) => session.setExpiry(null)), standard)
      }
    },
  },
  {
    property: 'saveEveryRequest extends the session and the cookie even if the page does not use them',
    on: overTheBridge,
    why: 'the whole lifetime begins again, once per tenth of it',
    async check(fixture) {
      const visitor = await fixture.visitor({ a: 1 }, { saveEveryRequest: true })
      await fixture.advance(MINUTE)
      assert.equal((await visitor.visit()).setCookie, null)
      await fixture.advance(AGE / 10)
      const page = await visitor.visit()
      assert.deepEqual([page.maxAge, page.vary], [AGE / SECOND, 'Cookie'])
      await visitor.visit(({ expiresAt }) => assert.equal(fixture.from(expiresAt), AGE))
    },
  },
  {
    property: 'a login under an old secret stays valid, also through a renewal, and ends when that secret is removed',
    on: overTheBridge,
    why: 'as in Django, the next save signs with the new key, and the old one can then be removed',
    async check(fixture) {
      const [before, after] = [secret('old'), secret('new')]
      const browsers = [
        new Browser(fixture.sessions({ secrets: before })),
        new Browser(fixture.sessions({ secrets: before })),
      ]
      for (const browser of browsers) await browser.visit((session) => session.login('ada'))
      const both = fixture.sessions({ secrets: [after, before] })
      const [renewed, unused] = browsers.map(({ cookie }) => new Browser(both, cookie)) as [Browser, Browser]
      await renewed.visit((session) => session.renew())
      assert.deepEqual([await userOf(renewed), await userOf(unused)], ['ada', 'ada'])
      const now = fixture.sessions({ secrets: after })
      assert.equal(await userOf(new Browser(now, renewed.cookie)), 'ada')
      // What is in a cache has no signature, but a login has its hash.
      assert.equal(await userOf(new Browser(now, unused.cookie)), null)
    },
  },
  {
    property:
      'of two cookies with our name, a forged one is ignored, and two valid ones give an empty session and an event',
    on: overTheBridge,
    why: 'as in Django, the last one counts; an event reports the others',
    async check(fixture) {
      const [one, two] = [await fixture.visitor({ one: 1 }), await fixture.visitor({ two: 2 })]
      const both = (first: string | null, last: string | null) => {
        const browser = fixture.browser()
        browser.cookie = `${first}; ${fixture.cookieName}=${last}`
        return browser.read()
      }
      assert.deepEqual(await both('forged', one.cookie), { one: 1 })
      assert.deepEqual(await both(one.cookie, two.cookie), { two: 2 })
      assert.deepEqual(fixture.happened('rejected').at(-1), { type: 'rejected', what: 'cookie', reason: 'duplicate' })
      assert.deepEqual(await both(one.cookie, 'forged'), {})
    },
  },
  {
    property: 'a record that opens but cannot be parsed gives an empty session, and no error',
    on: ({ name }) => name === 'django cache',
    why: 'what is no JSON may be a pickle: an UnsupportedError, and the session stays',
    async check(fixture) {
      const visitor = await fixture.visitor()
      await fixture.rewrite(visitor, '{"c":1}\n{')
      assert.deepEqual(await visitor.read(), {})
      assert.equal(fixture.happened('rejected').length, 1)
      await fixture.rewrite(visitor, '\u0080\u0004}.')
      const page = await visitor.visit((session) => session.isNew)
      assert.deepEqual([page.status, page.setCookie], [500, null])
    },
  },
  {
    property: 'a directory can be given as a URL',
    on: named('django file'),
    why: 'djangoFiles() takes a path, like SESSION_FILE_PATH; only the command line takes URLs',
    check({ started: { files } }) {
      const { dir, open } = files ?? assert.fail()
      for (const given of [pathToFileURL(dir), Buffer.from(dir)]) assert.throws(() => open(given as never), ConfigError)
    },
  },
  {
    property: 'written data is read from the cache',
    on: cachedDb,
    why: 'the copies in the cache are pickles: the table is read, which has every session',
    async check(fixture) {
      const visitor = await fixture.visitor()
      const { durable } = fixture.started
      if (!durable) assert.fail()
      await new Browser(fixture.sessions({ store: durable.store }), visitor.cookie).visit((session) =>
        session.set('a', 2),
      )
      durable.calls.length = 0
      assert.deepEqual(await visitor.read(), { a: 2 })
      assert.deepEqual(durable.calls, ['read'])
    },
  },
  {
    property: 'a cache that refuses writes is no error, and saved data can be read back',
    on: cachedDb,
    why: 'a change that the cache cannot be told of is a StoreError, because Django would go on with its copy',
    check: refusesChange,
  },
  {
    property: 'a cache that missed a write never returns the old data',
    on: cachedDb,
    why: 'a change that the cache cannot be told of is a StoreError, because Django would go on with its copy',
    check: refusesChange,
  },
  {
    property: 'a read-only cache is no error, and a logout is final',
    on: cachedDb,
    why: 'a logout that the cache cannot be told of is a StoreError, and works once the cache answers',
    async check(fixture) {
      const visitor = await fixture.visitor()
      const thief = visitor.copy()
      await withoutCache(fixture, async () => {
        const page = await visitor.visit((session) => session.logout())
        assert.deepEqual([page.status, page.setCookie], [503, null])
      })
      assert.deepEqual(await thief.read(), { a: 1 })
      await visitor.visit((session) => session.logout())
      assert.deepEqual(await thief.read(), {})
    },
  },
  {
    property: 'a session that was removed behind the cache is served for maxAge at most',
    on: cachedDb,
    why: 'the table is read, so it is not served at all',
    async check(fixture) {
      const visitor = await fixture.visitor()
      const { durable } = fixture.started
      if (!durable) assert.fail()
      await visitor.read()
      await new Browser(fixture.sessions({ store: durable.store }), visitor.cookie).visit((session) => session.logout())
      assert.deepEqual(await visitor.read(), {})
    },
  },
  ...inCookies(),
]

/** Sessions in their cookies. */
function inCookies(): Difference[] {
  const [gone, last] = [
    'a signed cookie cannot end: a copy has the session until it is too old',
    'of two cookies, the one that the browser received last has the session',
  ]
  return [
    {
      property: 'changing a session that has ended in the meantime gives a 409, and no server error',
      on: irrevocable,
      why: gone,
      check: livesOn,
    },
    {
      property: 'a save does not resurrect a session logged out in another context',
      on: irrevocable,
      why: gone,
      check: livesOn,
    },
    {
      property: 'two concurrent requests lose none of each other’s changes',
      on: ({ abilities }) => !abilities.includes('versions'),
      why: last,
      async check(fixture) {
        const visitor = await fixture.visitor({ x: 0 })
        const other = visitor.copy()
        await visitor.visit(async (session) => {
          session.set('from_a', 1)
          await other.visit((same) => same.set('from_b', 1))
        })
        assert.deepEqual(await visitor.read(), { x: 0, from_a: 1 })
        assert.deepEqual(await other.read(), { x: 0, from_b: 1 })
      },
    },
    {
      property: 'a record that was rewritten in the store is read again',
      on: signedCookies,
      why: 'the cookie is the record, and another one that Django has signed counts',
      async check(fixture) {
        const visitor = await fixture.visitor({ a: 1 })
        await fixture.rewrite(visitor, { b: 2 })
        assert.deepEqual(await visitor.read(), { b: 2 })
      },
    },
    {
      property: 'a record that opens but cannot be parsed gives an empty session, and no error',
      on: signedCookies,
      why: 'the cookie is the record, and one that cannot be parsed is ignored',
      async check(fixture) {
        for (const text of ['no line feed', '{"c":1}\n{', '\u0000']) {
          const visitor = await fixture.visitor()
          await fixture.rewrite(visitor, text)
          const page = await visitor.visit((session) => session.isNew)
          assert.deepEqual([page.status, page.result], [200, true])
        }
        assert.equal(fixture.happened('rejected').length, 3)
      },
    },
    {
      property: 'sessions are stored in the given store and in no other',
      on: signedCookies,
      why: 'every application with the key reads the cookie, and one with another key does not',
      async check(fixture) {
        const { cookie } = await fixture.visitor()
        assert.deepEqual(await new Browser(fixture.sessions(), cookie).read(), { a: 1 })
        assert.deepEqual(await new Browser(fixture.sessions({ secrets: secret('other') }), cookie).read(), {})
      },
    },
    ...[
      'a store that cannot write is a 503, and not a session that is gone',
      'a store that cannot be read is a 503 that keeps the cookie and logs nobody out',
    ].map((property) => ({
      property,
      on: signedCookies,
      why: 'there is no store: nothing is asked',
      async check(fixture: Fixture) {
        const visitor = await fixture.visitor()
        await visitor.visit((session) => session.login('ada'))
        assert.equal(await userOf(visitor), 'ada')
        assert.equal(await fixture.sessions().clearExpired(), 0)
        assert.deepEqual(fixture.happened('storeError'), [])
      },
    })),
    {
      property: 'at its deadline, a session is over for reads and for sweeps',
      on: signedCookies,
      why: 'as in Django, a signed cookie is too old only after its last moment',
      async check(fixture) {
        await fixture.advance(SECOND - (fixture.clock() % SECOND))
        const visitor = await fixture.visitor()
        await visitor.visit((session) => session.setExpiry('1m'))
        await fixture.advance(MINUTE)
        assert.equal((await visitor.read()).a, 1)
        await fixture.advance(1)
        assert.deepEqual(await visitor.read(), {})
      },
    },
  ]
}

/** A session that another request has ended is written all the same. */
async function livesOn(fixture: Fixture): Promise<void> {
  const visitor = await fixture.visitor({ foo: 'bar' })
  const other = visitor.copy()
  const page = await visitor.visit(async (session) => {
    session.set('late', 1)
    await other.copy().visit((same) => same.logout())
  })
  assert.deepEqual([page.status, fixture.happened('gone')], [200, []])
  assert.deepEqual([await visitor.read(), await other.read()], [{ foo: 'bar', late: 1 }, { foo: 'bar' }])
}
