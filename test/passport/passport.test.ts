import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import express from 'express'
import passport from 'passport'
import { SessionLimitError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { passportSessions } from '../../packages/strongroom/src/passport/passport.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { login, loginRoute, type Site, type SiteOptions, site } from './site.ts'

const post = { method: 'POST' }
/** Another browser, from now on. */
const forget = ({ jar }: Visitor) => {
  const [name] = jar.header()?.split('=') ?? []
  jar.take([`${name}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax`])
}
/** For the sessions, whatever Passport says. */
const userId = async (visitor: Visitor) => JSON.parse((await visitor.must('/who')).text) as string | null
const down = () => {
  throw new Error('down')
}

for (const [over, dropIn] of [
  ['', false],
  [', with strongroom/express-session', true],
] as const) {
  const make = (t: TestContext, options: SiteOptions = {}) => site(t, { ...options, dropIn })

  /** A site with `/direct`, which signs in with these options and responds 200 whatever happens. */
  async function direct(t: TestContext, loginOptions: object, options: SiteOptions = {}) {
    let found: Site | null = null
    const { routes } = options
    const made = await make(t, {
      ...options,
      routes: (parts) => {
        routes?.(parts)
        loginRoute(parts, () => (found as Site).seen, loginOptions)
      },
    })
    found = made
    return made
  }

  suite(`a login of Passport is a login of these sessions${over}`, { timeout: 20_000 }, () => {
    test('the session is in the list of its user, and a cookie from before opens nothing', async (t) => {
      const { visitor, sessions, me } = await make(t)
      await visitor.must('/put?basket=tea')
      const planted = visitor.jar.header() ?? ''
      const page = await login(visitor)
      assert.equal(page.header('location'), '/me')
      assert.deepEqual((await me()).user, { id: 'ada' })
      assert.notEqual(visitor.jar.header(), planted)
      assert.deepEqual(await me(planted), { user: null, data: {} })
      const devices = await sessions.of('ada').list()
      assert.equal(devices.length, 1)
    })

    test('data of before is dropped, and kept with keepSessionInfo or keep', async (t) => {
      for (const [options, left] of [
        [{}, []],
        [{ keepSessionInfo: false }, []],
        [{ keepSessionInfo: true }, ['basket', 'seen']],
        [{ keep: ['basket'] }, ['basket']],
        [{ keepSessionInfo: true, keep: ['basket'] }, ['basket']],
      ] as const) {
        const { visitor, me } = await direct(t, options)
        await visitor.must('/put?basket=tea&seen=yes')
        await visitor.ask('/direct', post)
        const { data } = await me()
        assert.deepEqual(Object.keys(data).sort(), [...left, 'passport'].sort())
      }
    })

    test('req.login passes the options of login(), and loginOptions those of every login', async (t) => {
      const { visitor, sessions } = await direct(
        t,
        { remember: true, label: 'the tablet', limit: undefined },
        { passport: { loginOptions: async () => ({ label: 'never seen', limit: 1 }) } },
      )
      await visitor.ask('/direct', post)
      const page = await visitor.ask('/direct', { ...post, cookie: '' })
      assert.match(page.header('set-cookie') ?? '', dropIn ? /; Expires=/ : /; Max-Age=\d+/)
      const labels = (await sessions.of('ada').list()).map(({ label }) => label)
      assert.deepEqual(labels, ['the tablet'])
    })

    test('loginOptions sees the request and the user, and may keep data', async (t) => {
      const { visitor, me, sessions } = await make(t, {
        passport: {
          loginOptions: (request, user) => ({
            label: `${request.url?.slice(0, 6)} ${JSON.stringify(user)}`,
            keep: 'all',
          }),
        },
      })
      await visitor.must('/put?basket=tea')
      await login(visitor)
      assert.equal((await me()).data.basket, 'tea')
      assert.equal((await sessions.of('ada').list())[0]?.label, '/login {"id":"ada"}')
    })

    test('with session: false nobody is signed in beyond the request', async (t) => {
      const { visitor, sessions } = await direct(t, { session: false })
      const page = await visitor.ask('/direct', post)
      assert.equal(page.text, 'signed in')
      assert.deepEqual(page.all('set-cookie'), [])
      assert.deepEqual(await sessions.of('ada').list(), [])
    })

    test('a user is who serializeUser says, as JSON gives it back', async (t) => {
      const objectId = { toJSON: () => '507f1f77bcf86cd799439011' }
      for (const [made, userId, seen] of [
        ['ada', 'ada', 'ada'],
        [7, '7', 7],
        [0, '0', 0],
        [objectId, '507f1f77bcf86cd799439011', '507f1f77bcf86cd799439011'],
      ] as const) {
        const { visitor, sessions, me } = await make(t, { serialize: () => made })
        await login(visitor)
        assert.deepEqual((await me()).user, { id: seen })
        assert.equal((await sessions.of(userId).list()).length, 1)
      }
    })

    test('of an object, userId says who it is; without it, the login says what to write', async (t) => {
      const serialize = () => ({ account: 7, name: 'Ada' })
      const without = await direct(t, {}, { serialize })
      assert.equal((await without.visitor.ask('/direct', post)).text, 'refused')
      assert.match(String(without.seen.error), /userId: \(user\) => user\.id/)
      const userId = (user: Express.User, serialized: unknown) =>
        `${(user as { id: string }).id}-${(serialized as { account: number }).account}`
      const { visitor, sessions, me } = await direct(t, {}, { serialize, passport: { userId } })
      await visitor.ask('/direct', post)
      assert.deepEqual((await me()).user, { id: { account: 7, name: 'Ada' } })
      assert.equal((await sessions.of('ada-7').list()).length, 1)
    })

    test('a number that userId returns becomes a string, as the id of an adopted session does', async (t) => {
      const { visitor, sessions } = await direct(t, {}, { passport: { userId: () => 7 } })
      await visitor.ask('/direct', post)
      assert.equal((await sessions.of('7').list()).length, 1)
    })
  })

  suite(`a login that is refused signs nobody in, whatever the application responds${over}`, {
    timeout: 20_000,
  }, () => {
    test('at the limit of sessions: the error goes to the callback', async (t) => {
      const { visitor, sessions, seen, me } = await direct(t, { limit: 1, atLimit: 'refuse', keepSessionInfo: true })
      await visitor.ask('/direct', post)
      forget(visitor)
      await visitor.must('/put?basket=tea')
      assert.equal((await visitor.ask('/direct', post)).text, 'refused')
      assert.ok(seen.error instanceof SessionLimitError)
      assert.equal(seen.user, null)
      assert.deepEqual(await me(), { user: null, data: { basket: 'tea' } })
      assert.equal((await sessions.of('ada').list()).length, 1)
    })

    test('while the store is down: nor does the response sign in when it is back', async (t) => {
      const { visitor, watch, sessions, seen, me } = await direct(t, {})
      let failures = 0
      watch.before = (call) => {
        if (call === 'create' && failures++ === 0) down()
      }
      const page = await visitor.ask('/direct', post)
      assert.deepEqual([page.status, page.text], [200, 'refused'])
      assert.ok(seen.error instanceof StoreError)
      assert.deepEqual(await me(), { user: null, data: {} })
      assert.deepEqual(await sessions.of('ada').list(), [])
    })

    test('by a serializer that fails, a wrong option or a wrong user id', async (t) => {
      const { visitor, seen, me } = await direct(t, {}, { serialize: down })
      assert.equal((await visitor.ask('/direct', post)).text, 'refused')
      assert.match(String(seen.error), /down/)
      assert.deepEqual(await me(), { user: null, data: {} })
      const wrong = await direct(t, { remember: 'for ever' })
      assert.equal((await wrong.visitor.ask('/direct', post)).text, 'refused')
      for (const [wrongId, message] of [
        ['', /non-empty string, and got an empty one/],
        [7n, /got a bigint. Write String\(id\)/],
        [Number.NaN, /got a number/],
      ] as const) {
        const other = await direct(t, {}, { passport: { userId: () => wrongId as never } })
        assert.equal((await other.visitor.ask('/direct', post)).text, 'refused')
        assert.match(String(other.seen.error), message)
        assert.deepEqual(await other.me(), { user: null, data: {} })
      }
    })

    /** `/direct` signs in as Ada, who has a session elsewhere; `/login` signs in anybody. */
    async function atTheLimit(t: TestContext) {
      const made = await direct(t, { limit: 1, atLimit: 'refuse' })
      await login(made.visitor)
      forget(made.visitor)
      return made
    }

    test('at the limit, nothing changes: neither the data of a visitor, nor who was signed in', async (t) => {
      const { visitor, watch, seen, me } = await atTheLimit(t)
      await visitor.must('/put?basket=tea')
      assert.equal((await visitor.ask('/direct', post)).text, 'refused')
      assert.deepEqual(await me(), { user: null, data: { basket: 'tea' } })
      await login(visitor, 'bob')
      await visitor.must('/put?basket=jam')
      watch.calls.length = 0
      assert.equal((await visitor.ask('/direct', post)).text, 'refused')
      assert.ok(seen.error instanceof SessionLimitError)
      assert.deepEqual(await me(), { user: { id: 'bob' }, data: { basket: 'jam', passport: { user: 'bob' } } })
      assert.equal(await userId(visitor), 'bob')
    })

    test('a limit counts no session that the login replaces', async (t) => {
      const { visitor, me } = await direct(t, { limit: 1, atLimit: 'refuse' })
      for (const _ of [1, 2]) assert.equal((await visitor.ask('/direct', post)).text, 'signed in')
      assert.deepEqual((await me()).user, { id: 'ada' })
    })

    for (const keepSessionInfo of [false, true])
      test(`while the store is down, a visitor keeps the data, and the user who was signed in is nobody: keepSessionInfo ${keepSessionInfo}`, async (t) => {
        const { visitor, watch, sessions, seen, me } = await direct(t, { keepSessionInfo, remember: '30d' })
        const refused = async (method: string) => {
          let failures = 0
          watch.before = (call) => {
            if (call === method && failures++ === 0) down()
          }
          const page = await visitor.ask('/direct', post)
          assert.deepEqual([page.status, page.text, failures > 0], [200, 'refused', true])
          assert.ok(seen.error instanceof StoreError)
          watch.before = null
          return page
        }
        await visitor.must('/put?basket=tea')
        const page = await refused('create')
        assert.equal(/Expires|Max-Age/.test(page.header('set-cookie') ?? ''), false)
        assert.deepEqual(await me(), { user: null, data: { basket: 'tea' } })
        // The session of before could not be ended.
        await refused(dropIn ? 'delete' : 'update')
        assert.deepEqual((await me()).user, null)
        forget(visitor)
        await login(visitor, 'bob')
        await visitor.must('/put?basket=jam')
        await refused('create')
        assert.deepEqual(await me(), { user: null, data: {} })
        assert.equal(await userId(visitor), null)
        assert.deepEqual(await sessions.of('bob').list(), [])
        await login(visitor, 'bob')
        await refused(dropIn ? 'delete' : 'update')
        assert.deepEqual(await me(), { user: null, data: {} })
        assert.deepEqual(await sessions.of('bob').list(), [])
        assert.deepEqual(await sessions.of('ada').list(), [])
      })

    test('while the store stays down, no page can say that nobody is signed in', async (t) => {
      const { visitor, watch, me } = await direct(t, {})
      await login(visitor, 'bob')
      watch.before = (call) => call !== 'read' && down()
      assert.equal((await visitor.ask('/direct', post)).status, 503)
      watch.before = null
      assert.deepEqual((await me()).user, { id: 'bob' })
    })
  })

  suite(`a logout of Passport is a logout of these sessions${over}`, { timeout: 20_000 }, () => {
    test('the session ends, its cookie is removed, and a copy of it opens nothing', async (t) => {
      const { visitor, sessions, me, seen } = await make(t)
      await login(visitor)
      const copy = visitor.jar.header() ?? ''
      const page = await visitor.ask('/logout', post)
      // As in express-session, the other one begins immediately.
      assert.match(page.header('set-cookie') ?? '', dropIn ? /^connect\.sid=[^;]+/ : /Max-Age=0/)
      assert.deepEqual([seen.error, seen.user], [undefined, null])
      assert.deepEqual(await me(copy), { user: null, data: {} })
      assert.deepEqual(await sessions.of('ada').list(), [])
    })

    test('keepSessionInfo keeps the data, and not the user, in a session that has nothing in common', async (t) => {
      const { visitor, sessions, me } = await make(t)
      await login(visitor)
      await visitor.must('/put?theme=dark')
      const copy = visitor.jar.header() ?? ''
      await visitor.ask('/logout?keep', post)
      assert.deepEqual(await me(), { user: null, data: { theme: 'dark' } })
      assert.deepEqual(await me(copy), { user: null, data: {} })
      assert.deepEqual(await sessions.of('ada').list(), [])
    })

    test('while the store is down, the callback gets the error', async (t) => {
      const { visitor, watch, seen } = await make(t)
      await login(visitor)
      watch.before = (call) => call !== 'read' && down()
      await visitor.ask('/logout', post)
      assert.ok(seen.error instanceof StoreError)
      watch.before = null
      await visitor.ask('/logout', post)
      assert.equal(seen.error, undefined)
    })

    test('what is ended elsewhere is over for Passport, too', async (t) => {
      let password = 'the first'
      const { visitor, sessions, me } = await make(t, { sessions: { credential: () => password } })
      await login(visitor)
      await sessions.of('ada').revokeAll()
      assert.deepEqual(await me(), { user: null, data: {} })
      await login(visitor)
      assert.deepEqual((await me()).user, { id: 'ada' })
      password = 'the second'
      assert.equal((await me()).user, null)
    })
  })

  suite(`the session strategy${over}`, { timeout: 20_000 }, () => {
    test('forgets a user who is gone, and passes on the error of deserializeUser', async (t) => {
      let answer: unknown = null
      const { visitor, me } = await make(t, {
        before: (passport) => passport.deserializeUser((_id, done) => done(null, answer as Express.User)),
        routes: ({ passport }) => {
          // The first one of the site would know everybody.
          ;(passport as unknown as { _deserializers: unknown[] })._deserializers.shift()
        },
      })
      for (answer of [null, false]) {
        await login(visitor)
        assert.deepEqual(await me(), { user: null, data: { passport: {} } })
      }
      const failing = await make(t, {
        before: (passport) => passport.deserializeUser((_id, done) => done(new Error('no database'))),
        routes: ({ passport }) => {
          ;(passport as unknown as { _deserializers: unknown[] })._deserializers.shift()
        },
      })
      await login(failing.visitor)
      assert.equal((await failing.visitor.ask('/me')).status, 500)
      assert.match(String(failing.seen.page), /no database/)
    })

    test('uses the key of the option, or of its own', async (t) => {
      const own = await make(t, {
        before: (instance) =>
          instance.use(
            new passport.strategies.SessionStrategy(
              { key: 'account' },
              instance.deserializeUser.bind(instance) as never,
            ),
          ),
      })
      const given = await make(t, { passport: { key: 'account' } })
      for (const { visitor, me } of [own, given]) {
        await login(visitor)
        assert.deepEqual(await me(), { user: { id: 'ada' }, data: { account: { user: 'ada' } } })
      }
    })

    test('sets the property of initialize({ userProperty })', async (t) => {
      const { visitor } = await make(t, {
        routes: ({ app, passport }) => {
          app.use(passport.initialize({ userProperty: 'account' }), passport.session())
          app.get('/account', (request, response) => {
            response.json((request as unknown as { account: unknown }).account ?? null)
          })
        },
      })
      await login(visitor)
      assert.equal((await visitor.must('/account')).text, '{"id":"ada"}')
      await visitor.ask('/logout', post)
      assert.equal((await visitor.must('/account')).text, 'null')
    })

    test('costs no store call for a visitor without a session', async (t) => {
      const { visitor, watch } = await make(t, {
        routes: ({ app }) => app.get('/page', (_request, response) => void response.send('page')),
      })
      assert.deepEqual((await visitor.must('/page')).all('set-cookie'), [])
      assert.deepEqual(watch.calls, [])
    })
  })
}

test('passportSessions() refuses what is not Passport, not sessions, or a wrong option', () => {
  const sessions = createSessions({ secrets: randomBytes(32), store: 'memory:' })
  const instance = () => new passport.Passport()
  const refused = (work: () => void, message: RegExp) => assert.throws(work, { code: 'STRONGROOM_CONFIG', message })
  refused(() => passportSessions(undefined as never, sessions), /takes Passport 0\.7 as its first argument/)
  refused(() => passportSessions(express() as never, sessions), /takes Passport 0\.7/)
  refused(() => passportSessions(instance(), {} as never), /takes sessions/)
  refused(() => passportSessions(instance(), (() => {}) as never), /It got a function: call it/)
  refused(() => passportSessions(instance(), { sessions: 7 } as never), /takes sessions/)
  refused(() => passportSessions(instance(), sessions, { userid: () => '' } as never), /Did you mean "userId"/)
  refused(() => passportSessions(instance(), sessions, { userId: 'id' as never }), /"userId".*must be a function/)
  refused(() => passportSessions(instance(), sessions, { loginOptions: {} as never }), /"loginOptions".*a function/)
  for (const key of ['', '~flash', 'cookie', 7 as never])
    refused(() => passportSessions(instance(), sessions, { key }), /Option "key"/)
})
