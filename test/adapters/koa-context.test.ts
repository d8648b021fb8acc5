import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { suite, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import Koa, { type DefaultContext, type DefaultState } from 'koa'
import compose from 'koa-compose'
import { csrf, type SessionContext, strongroom } from '../../packages/strongroom/src/adapters/koa.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { gate, until } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { production, type Running, running, slowSessions, type Values } from './site.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
type Anything = any

type Sessions = ReturnType<typeof slowSessions>['sessions']
type App = Koa<DefaultState, DefaultContext & SessionContext<Values>>

interface Site extends Running {
  readonly sessions: Sessions
  readonly watch: ReturnType<typeof slowSessions>['watch']
  /** What the application's `error` event was emitted with. */
  readonly errors: Error[]
}

/** An application whose middleware is used. `/read` responds with the data. */
async function site(t: TestContext, build: (app: App, sessions: Sessions) => unknown): Promise<Site> {
  const { sessions, watch } = slowSessions()
  const errors: Error[] = []
  const app = new Koa().use(strongroom(sessions)) as unknown as App
  app.on('error', (error) => errors.push(error))
  app.use(async (ctx, next) => {
    if (ctx.path !== '/read') return next()
    const session = await ctx.session
    ctx.body = { userId: session.userId, ...Object.fromEntries(session.keys().map((key) => [key, session.get(key)])) }
  })
  build(app, sessions)
  return { sessions, watch, errors, ...(await running(t, createServer(app.callback()))) }
}

const down = ({ watch }: Pick<Site, 'watch'>, calls = ['update', 'create']) => {
  watch.before = (call) => {
    if (calls.includes(call)) throw new StoreError('Redis at 10.0.0.1:6379 refused the connection.')
  }
}

suite('ctx.session', { timeout: 20_000 }, () => {
  test('is a promise of the session that sessions.get(ctx) and sessions.get(ctx.req) resolve to', async (t) => {
    const { visitor, watch } = await site(t, (app, sessions) =>
      app.use(async (ctx) => {
        const session = await sessions.get(ctx.req)
        session.set('a', 1)
        ctx.body = [await sessions.get(ctx), await ctx.session].map((other) => other === session)
      }),
    )
    assert.equal((await visitor.must('/')).text, '[true,true]')
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
    assert.deepEqual(watch.calls, ['create', 'read'])
  })

  for (const [misuse, use] of [
    ['read without await', (ctx: Anything) => ctx.session.userId],
    ['counted, as with koa-session', (ctx: Anything) => ++ctx.session.views],
    ['written to', (ctx: Anything) => void Object.assign(ctx.session, { user: 'ada' })],
    ['set to null, which ends a session of koa-session', (ctx: Anything) => void Object.assign(ctx, { session: null })],
  ] as const)
    test(`says what to write when it is ${misuse}`, async (t) => {
      const { visitor, errors } = await site(t, (app) =>
        app.use((ctx) => {
          ctx.body = String(use(ctx))
        }),
      )
      assert.equal((await visitor.ask('/')).status, 500)
      assert.match(String(errors[0]), /TypeError: .*await ctx\.session/)
    })

  test('of other sessions is refused until it is left alone', async (t) => {
    const admin = slowSessions({ cookie: { name: '__Host-admin' } }).sessions
    const twice = await site(t, (app) => app.use(strongroom(admin)))
    assert.equal((await twice.visitor.ask('/')).status, 500)
    assert.match(String(twice.errors[0]), /ConfigError: ctx\.session is taken already.*decorate: false/)
    const { visitor } = await site(t, (app) =>
      app.use(strongroom(admin, { decorate: false })).use(async (ctx) => {
        ;(await ctx.session).login('ada')
        ;(await admin.get(ctx)).login('root')
        ctx.body = 'both'
      }),
    )
    assert.equal((await visitor.must('/')).all('set-cookie').length, 2)
    assert.equal((await visitor.facts()).userId, 'ada')
  })

  test('of koa-session, which is on the prototype of the context, is not replaced', async (t) => {
    const { sessions } = slowSessions()
    const errors: Error[] = []
    const app = new Koa()
    Object.defineProperty(app.context, 'session', { get: () => ({ views: 1 }), configurable: true })
    app.use(strongroom(sessions)).on('error', (error) => errors.push(error))
    const { visitor } = await running(t, createServer(app.callback()))
    assert.equal((await visitor.ask('/')).status, 500)
    assert.match(String(errors[0]), /ConfigError: ctx\.session is taken already/)
  })
})

suite('the middleware', { timeout: 20_000 }, () => {
  test('on the application and on a router has one session and sends one cookie', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.use(async (ctx, next) => {
        ;(await ctx.session).set('outer', 1)
        await next()
      })
      const router = new Router({ prefix: '/shop' })
      router.use(strongroom(sessions) as never)
      router.get('/page', async (ctx) => {
        const session = await sessions.get(ctx)
        session.login('ada')
        ctx.body = String(session.get('outer'))
      })
      app.use(router.routes() as never)
    })
    const page = await visitor.must('/shop/page')
    assert.equal(page.text, '1')
    assert.equal(page.all('set-cookie').length, 1)
    assert.equal((await visitor.facts()).userId, 'ada')
  })

  test('of an application within an application has the same session', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      // What koa-mount does.
      const inner = new Koa().use(strongroom(sessions)).use(async (ctx) => {
        const session = await ctx.session
        ctx.body = String(session.update('n', (n) => Number(n ?? 0) + 1))
      })
      app.use(compose(inner.middleware) as never)
    })
    assert.equal((await visitor.must('/')).text, '1')
    assert.equal((await visitor.must('/')).text, '2')
  })

  test('is missed by what runs before it: the error says that it belongs before the handler', async (t) => {
    const { sessions } = slowSessions()
    const errors: Error[] = []
    const app = new Koa()
      .use(async (ctx) => void (await sessions.get(ctx)))
      .use(strongroom(sessions))
      .on('error', (error) => errors.push(error)) as unknown as Koa
    const { visitor } = await running(t, createServer(app.callback()))
    assert.equal((await visitor.ask('/')).status, 500)
    assert.match(String(errors[0]), /NotAttachedError: .*Mount the adapter before the handler/)
  })

  for (const [mistake, make, message] of [
    ['nothing', () => (strongroom as Anything)(), /takes sessions/],
    [
      'the context, because it was used itself',
      () => (strongroom as Anything)({ req: {} }, () => {}),
      /It got a request: it was mounted itself/,
    ],
    ['an unknown option', () => strongroom(slowSessions().sessions, { key: 'koa:sess' } as Anything), /"key"/],
    [
      'a wrong option',
      () => strongroom(slowSessions().sessions, { decorate: 1 } as Anything),
      /"decorate" of strongroom\(\) must be one of/,
    ],
    ['csrf with an unknown option', () => csrf(slowSessions().sessions, { fields: 'x' } as Anything), /"fields"/],
  ] as const)
    test(`refuses ${mistake}`, () => assert.rejects(async () => make(), { name: 'ConfigError', message }))
})

suite('a response', { timeout: 20_000 }, () => {
  test('whose status middleware decides after next is saved by that status', async (t) => {
    const { visitor } = await site(t, (app) => {
      app.use(async (ctx, next) => {
        await next()
        if (ctx.path === '/fails') ctx.status = 500
        else (await ctx.session).set('after', 1)
      })
      app.use(async (ctx) => {
        ;(await ctx.session).set('a', ctx.path)
        ctx.body = 'page'
      })
    })
    assert.deepEqual((await visitor.ask('/fails')).all('set-cookie'), [])
    await visitor.must('/works')
    assert.deepEqual(await visitor.facts(), { userId: null, a: '/works', after: 1 })
  })

  test('to an error after next saves nothing but a logout, whose cookie is sent', async (t) => {
    const { visitor, sessions } = await site(t, (app) => {
      app.use(async (_ctx, next) => {
        await next()
        throw new Error('after next')
      })
      app.use(async (ctx) => {
        const session = await ctx.session
        if (ctx.path === '/logout') session.logout()
        else session.set('a', 1)
        ctx.body = 'page'
      })
    })
    const page = await visitor.ask('/set')
    assert.deepEqual([page.status, page.text, page.all('set-cookie')], [500, 'Internal Server Error', []])
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const left = await visitor.ask('/logout', { cookie })
    assert.equal(left.status, 500)
    assert.match(left.all('set-cookie').join(), /^__Host-id=;/)
    assert.equal((await sessions.read({ cookie })).userId, null)
  })

  test('of ctx.throw saves what was changed below 500, as every response does', async (t) => {
    const { visitor } = await site(t, (app) =>
      app.use(async (ctx) => {
        ;(await ctx.session).update('tries', (n) => Number(n ?? 0) + 1)
        ctx.throw(ctx.path === '/bad' ? 422 : 500, 'wrong')
      }),
    )
    const page = await visitor.ask('/bad')
    assert.deepEqual([page.status, page.text, page.all('set-cookie').length], [422, 'wrong', 1])
    assert.equal((await visitor.ask('/worse')).status, 500)
    assert.deepEqual(await visitor.facts(), { userId: null, tries: 1 })
  })

  test('that cannot be saved is an error event of the application, and its status is the one of the error', async (t) => {
    production(t)
    const here = await site(t, (app) =>
      app.use(async (ctx) => {
        ;(await ctx.session).set('a', 1)
        ctx.set('ETag', '"1"')
        ctx.body = 'the body'
      }),
    )
    down(here)
    const page = await here.visitor.ask('/')
    assert.deepEqual([page.status, page.text], [503, 'Service Unavailable'])
    assert.deepEqual([page.header('etag'), page.all('set-cookie')], [undefined, []])
    assert.deepEqual(
      here.errors.map((error) => error instanceof StoreError),
      [true],
    )
  })

  test('of an error keeps the cookie of what was saved before', async (t) => {
    const { visitor } = await site(t, (app, sessions) =>
      app.use(async (ctx) => {
        const session = await ctx.session
        session.login('ada')
        await sessions.save(ctx)
        session.set('odd', 1n)
        ctx.body = 'saved'
      }),
    )
    const page = await visitor.ask('/')
    assert.deepEqual([page.status, page.all('set-cookie').length, page.header('vary')], [500, 1, 'Cookie'])
    assert.equal((await visitor.facts()).userId, 'ada')
  })

  test('is sent although a listener of the error event fails', async (t) => {
    const here = await site(t, (app) => {
      app.prependListener('error', () => {
        throw new Error('the listener')
      })
      app.use(async (ctx) => {
        ;(await ctx.session).set('a', 1)
        ctx.body = 'the body'
      })
    })
    t.mock.method(process, 'emitWarning', () => {})
    down(here)
    assert.equal((await here.visitor.ask('/')).status, 500)
  })

  for (const [kind, body] of [
    ['a stream of Node', () => Readable.from(['one ', 'two'])],
    ['a web stream', () => ReadableStream.from(['one ', 'two'])],
    ['a Blob', () => new Blob(['one ', 'two'])],
    ['a Response', () => new Response('one two')],
  ] as const) {
    test(`that is ${kind} is held until the session is saved`, async (t) => {
      const { visitor } = await site(t, (app) =>
        app.use(async (ctx) => {
          ;(await ctx.session).set('a', 1)
          ctx.body = body()
        }),
      )
      assert.equal((await visitor.must('/')).text, 'one two')
      assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
    })

    test(`that is ${kind} is not sent when the session cannot be saved`, async (t) => {
      const here = await site(t, (app) =>
        app.use(async (ctx) => {
          ;(await ctx.session).set('a', 1)
          ctx.body = body()
        }),
      )
      down(here)
      const page = await here.visitor.ask('/')
      assert.equal(page.status, 503)
      assert.doesNotMatch(page.text, /one|two/)
    })
  }

  test('that Koa does not send, with ctx.respond = false, is held until the session is saved', async (t) => {
    const here = await site(t, (app) =>
      app.use(async (ctx) => {
        ctx.respond = false
        ;(await ctx.session).update('n', (n) => Number(n ?? 0) + 1)
        ctx.res.writeHead(201, { 'X-Raw': 'yes' })
        ctx.res.end('raw')
      }),
    )
    const page = await here.visitor.ask('/')
    assert.deepEqual([page.status, page.text, page.header('x-raw')], [201, 'raw', 'yes'])
    assert.equal((await here.visitor.facts()).n, 1)
    down(here)
    assert.equal((await here.visitor.ask('/')).status, 503)
  })

  test('to a client that has gone is saved if the handler responds, and dropped if it fails', async (t) => {
    const here = await site(t, (app) =>
      app.use(async (ctx) => {
        const session = await ctx.session
        session.set(String(ctx.query.key), 1)
        arrived.open()
        await gone.opened
        if ('fails' in ctx.query) throw new Error('after all')
        ctx.body = 'late'
      }),
    )
    let [arrived, gone] = [gate(), gate()]
    const { cookie } = await sessionFor(here.sessions, { data: { begun: 1 } })
    for (const query of ['key=a', 'key=b&fails', 'key=c']) {
      ;[arrived, gone] = [gate(), gate()]
      const going = here.visitor.begin(`/?${query}`, { cookie })
      await arrived.opened
      going.leave()
      gone.open()
    }
    await until(async () => (await here.sessions.read({ cookie })).get('c') === 1)
    const session = await here.sessions.read({ cookie })
    assert.deepEqual([session.get('a'), session.get('b')], [1, undefined])
  })
})
