import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import { fastify } from 'fastify'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/fastify.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { down, sessionOf, site } from './fastify-site.ts'
import { slowSessions } from './site.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
type Anything = any

suite('request.session', { timeout: 20_000 }, () => {
  test('is a promise of the session that sessions.get(request) and sessions.get(request.raw) resolve to', async (t) => {
    const { visitor, watch } = await site(t, (app, sessions) => {
      app.get('/same', async (request) => {
        const session = await sessionOf(request)
        session.set('a', 1)
        return [await sessions.get(request), await sessions.get(request.raw)].map((other) => other === session)
      })
    })
    assert.equal((await visitor.must('/same')).text, '[true,true]')
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
    assert.deepEqual(watch.calls, ['create', 'read'])
  })

  test('is the same session when the request of Node is asked first', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.get('/same', async (request) => {
        const session = await sessions.get(request.raw)
        session.set('a', 1)
        return (await sessionOf(request)) === session
      })
    })
    assert.equal((await visitor.must('/same')).text, 'true')
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
  })

  test('loads nothing, and fails nothing, when it is not awaited', async (t) => {
    const here = await site(t, (app) => {
      app.get('/looks', async (request) => Boolean((request as Anything).session))
    })
    await here.visitor.must('/read')
    const { cookie } = await sessionFor(here.sessions, { userId: 'ada' })
    here.watch.calls.length = 0
    down(here, ['read'])
    assert.equal((await here.visitor.ask('/looks', { cookie })).text, 'true')
    assert.deepEqual(here.watch.calls, [])
  })

  test('is shown as nothing by what prints all of a request', async (t) => {
    const { visitor } = await site(t, (app) => {
      app.get('/shown', async ({ session }: Anything) => `${JSON.stringify({ session })} ${inspect({ session })}`)
    })
    // Node 26 says that it is a proxy.
    assert.match(
      (await visitor.must('/shown')).text,
      /^{"session":{}} { session: (?:Waiting {}|Proxy\(Waiting {}\)) }$/,
    )
  })

  for (const [misuse, use] of [
    ['read without await', (request: Anything) => request.session.userId],
    ['asked for a value without await', (request: Anything) => request.session.get('a')],
    ['spread without await', (request: Anything) => ({ ...request.session }).userId],
    ['asked for its properties without await', (request: Anything) => Object.keys(request.session)],
    ['asked whether it has a property', (request: Anything) => Object.hasOwn(request.session, 'userId')],
    ['written to', (request: Anything) => void Object.assign(request.session, { user: 'ada' })],
    ['set to null', (request: Anything) => void Object.assign(request, { session: null })],
  ] as const)
    test(`says what to write when it is ${misuse}`, async (t) => {
      const { visitor } = await site(t, (app) => {
        app.get('/misuse', async (request) => String(use(request)))
      })
      const page = await visitor.ask('/misuse')
      assert.equal(page.status, 500)
      assert.match(page.text, /await request\.session/)
    })
})

suite('the plugin', { timeout: 20_000 }, () => {
  test('is for the instance that it is registered on, and what is registered there later', async (t) => {
    const { visitor } = await site(
      t,
      (app, sessions) => {
        app.register(async (scope) => {
          scope.register(strongroom(sessions))
          scope.register(async (within) => {
            within.get('/scope/within', async (request) => (await sessionOf(request)).keys())
          })
          scope.get('/scope', async (request) => (await sessionOf(request)).keys())
        })
        app.get('/beside', async (request) => String((request as Anything).session))
      },
      { plugin: false },
    )
    assert.equal((await visitor.must('/scope')).text, '[]')
    assert.equal((await visitor.must('/scope/within')).text, '[]')
    assert.equal((await visitor.must('/beside')).text, 'undefined')
    const page = await visitor.ask('/read')
    assert.equal(page.status, 500)
    assert.match(page.text, /did not come through an adapter/)
  })

  test('registered on the application and in a scope has one session and sends one cookie', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.addHook('preHandler', async (request) => void (await sessions.get(request)).set('outer', 1))
      app.register(async (scope) => {
        scope.register(strongroom(sessions))
        scope.get('/twice', async (request) => {
          const session = await sessionOf(request)
          session.login('ada')
          return String(session.get('outer'))
        })
      })
    })
    const page = await visitor.must('/twice')
    assert.equal(page.text, '1')
    assert.equal(page.all('set-cookie').length, 1)
    assert.equal((await visitor.facts()).userId, 'ada')
  })

  test('under withSessions of the node adapter has one session and sends one cookie', async (t) => {
    const { sessions } = slowSessions()
    const app = fastify({ serverFactory: (handler) => createServer(withSessions(sessions, handler)) })
    app.register(strongroom(sessions))
    app.get('/', async (request) => {
      ;(await sessions.get(request.raw)).set('a', 1)
      return String((await sessionOf(request)).get('a'))
    })
    t.after(() => app.close())
    const page = await fetch(await app.listen({ host: '127.0.0.1', port: 0 }))
    assert.equal(await page.text(), '1')
    assert.equal(page.headers.getSetCookie().length, 1)
  })

  test('is found when a hook asks before the plugin: the error says what the order is', async (t) => {
    const { visitor } = await site(
      t,
      async (app, sessions) => {
        app.addHook('onRequest', async (request) => void (await sessions.get(request)))
        await app.register(strongroom(sessions))
      },
      { plugin: false },
    )
    const page = await visitor.ask('/read')
    assert.equal(page.status, 500)
    assert.match(page.text, /register it before the hooks and plugins that ask for the session/)
  })

  test('reaches a scope that was registered before it', async (t) => {
    const { visitor } = await site(
      t,
      async (app, sessions) => {
        await app.register(async (scope) => {
          scope.get('/early', async (request) => (await sessionOf(request)).keys())
        })
        await app.register(strongroom(sessions))
      },
      { plugin: false },
    )
    assert.equal((await visitor.must('/early')).text, '[]')
  })

  test('of a second createSessions is refused until it leaves request.session alone', async (t) => {
    const { sessions } = slowSessions()
    const admin = slowSessions({ cookie: { name: '__Host-admin' } }).sessions
    await assert.rejects(async () => fastify().register(strongroom(sessions)).register(strongroom(admin)).ready(), {
      name: 'ConfigError',
      message: /taken already, by other sessions\. Write .*decorate: false/,
    })
    const { visitor } = await site(t, (app) => {
      app.register(strongroom(admin, { decorate: false }))
      app.get('/both', async (request) => {
        ;(await sessionOf(request)).login('ada')
        ;(await admin.get(request)).login('root')
        return 'both'
      })
      app.get('/who', async (request) => (await admin.get(request)).userId)
    })
    assert.equal((await visitor.must('/both')).all('set-cookie').length, 2)
    assert.equal((await visitor.facts()).userId, 'ada')
    assert.equal((await visitor.must('/who')).text, 'root')
  })

  const load = createRequire(import.meta.url)
  test('beside @fastify/session says that request.session is taken, and can leave it alone', async (t) => {
    const { sessions } = slowSessions()
    const secret = 'x'.repeat(32)
    const beside = () =>
      fastify({ forceCloseConnections: true })
        .register(load('@fastify/cookie'))
        .register(load('@fastify/session'), { secret, cookie: { secure: false } } as object)
    await assert.rejects(async () => beside().register(strongroom(sessions)).ready(), {
      name: 'ConfigError',
      message: /taken already, by another plugin, such as @fastify\/session/,
    })
    const app = beside().register(strongroom(sessions, { decorate: false }))
    app.get('/', async (request) => {
      ;(await sessions.get(request)).set('a', 1)
      ;(request as Anything).session.b = 2
      return 'both'
    })
    t.after(() => app.close())
    const page = await app.inject('/')
    assert.deepEqual(page.cookies.map(({ name }) => name).sort(), ['__Host-id', 'sessionId'])
  })

  test('leaves the cookies of @fastify/cookie beside its own', async (t) => {
    const { visitor } = await site(t, (app) => {
      app.register(load('@fastify/cookie'))
      app.get('/cookies', async (request, reply) => {
        ;(await sessionOf(request)).set('a', 1)
        ;(reply as Anything).setCookie('theme', 'dark').setCookie('lang', 'de')
        return 'ok'
      })
    })
    const lines = (await visitor.must('/cookies')).all('set-cookie')
    assert.deepEqual(
      lines.map((line) => line.split('=')[0]),
      ['theme', 'lang', '__Host-id'],
    )
  })

  test('is refused by another version of Fastify', async () => {
    const { sessions } = slowSessions()
    const older = Object.assign(fastify(), {})
    Object.defineProperty(older, 'version', { value: '4.29.0' })
    await assert.rejects(
      async () => older.register(strongroom(sessions)).ready(),
      /strongroom.*expected '5\.x'.*'4\.29\.0'/,
    )
  })

  for (const [mistake, make, message] of [
    ['nothing', () => (strongroom as Anything)(), /takes sessions: .*app\.register\(strongroom\(sessions\)\)/],
    [
      'an unknown option',
      () => strongroom(slowSessions().sessions, { decorates: false } as Anything),
      /"decorates".*Did you mean "decorate"/,
    ],
    [
      'a wrong option',
      () => strongroom(slowSessions().sessions, { decorate: 'no' } as Anything),
      /"decorate" of strongroom\(\) must be one of/,
    ],
    [
      'itself, and not what it returns',
      () => (strongroom as Anything)(fastify()),
      /It got an application: it was registered itself/,
    ],
    [
      'options in the wrong place',
      () =>
        fastify()
          .register(strongroom(slowSessions().sessions), { decorate: false } as Anything)
          .ready(),
      /Unknown option "decorate".*Write app\.register\(strongroom\(sessions, \{ decorate \}\)\)/,
    ],
    ['csrf as a plugin', () => (csrf(slowSessions().sessions) as Anything)(fastify(), {}), /is a hook, and no plugin/],
    ['csrf with an unknown option', () => csrf(slowSessions().sessions, { fields: 'x' } as Anything), /"fields"/],
  ] as const)
    test(`refuses ${mistake}`, () => assert.rejects(async () => make(), { name: 'ConfigError', message }))
})
