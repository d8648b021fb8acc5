import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Elysia } from 'elysia'
import { csrf, strongroom } from '../../packages/strongroom/src/adapters/elysia.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { ConfigError, type StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { slowSessions } from './site.ts'

const request = (path = '/', headers: Readonly<Record<string, string>> = {}) =>
  new Request(`http://localhost${path}`, { headers })

suite('strongroom/elysia, used in a wrong way', { timeout: 20_000 }, () => {
  test('refuses what is not sessions, and unknown options', () => {
    const { sessions } = slowSessions()
    for (const wrong of [undefined, {}, () => sessions]) {
      assert.throws(() => strongroom(wrong as never), ConfigError)
      assert.throws(() => csrf(wrong as never), ConfigError)
    }
    assert.throws(() => csrf(sessions, { orgin: 'https://shop.example' } as never), /Did you mean "origin"/)
  })

  test('with aot: false, a session that nobody would save is an error that says what to write', async () => {
    const { sessions } = slowSessions()
    const errors: Error[] = []
    const app = new Elysia({ aot: false })
      .onError(({ error }) => {
        errors.push(error as Error)
      })
      .use(strongroom(sessions))
      .get('/', async ({ session }) => {
        ;(await session).set('a', 1)
        return 'page'
      })
    assert.equal((await app.handle(request())).status, 500)
    assert.match(errors[0]?.message ?? '', /withSessions\(sessions, app\.fetch\) of strongroom\/fetch/)
    const response = await withSessions(sessions, (request: Request) => app.fetch(request))(request())
    assert.deepEqual([await response.text(), response.headers.getSetCookie().length], ['page', 1])
  })

  test('a route before the plugin has no session in its context', async () => {
    const { sessions } = slowSessions()
    const app = new Elysia()
      .get('/early', (context) => String('session' in context))
      .use(strongroom(sessions))
      .get('/late', (context) => String('session' in context))
    assert.equal(await (await app.handle(request('/early'))).text(), 'false')
    assert.equal(await (await app.handle(request('/late'))).text(), 'true')
  })

  test('two sessions in one application are kept apart, and both are saved', async () => {
    const [one, two] = [
      slowSessions({ cookie: { name: '__Host-one' } }),
      slowSessions({ cookie: { name: '__Host-two' } }),
    ]
    const app = new Elysia()
      .use(new Elysia().use(strongroom(one.sessions)))
      .use(new Elysia().use(strongroom(two.sessions)))
      .get('/', async ({ request }) => {
        ;(await one.sessions.get(request)).set('a', 1)
        ;(await two.sessions.get(request)).set('a', 2)
        return 'page'
      })
    const response = await app.handle(request())
    const names = response.headers.getSetCookie().map((line) => line.split('=')[0])
    assert.deepEqual(names.sort(), ['__Host-one', '__Host-two'])
  })

  test('in production, neither the page of a save that failed nor that of a load shows more than that', async (t) => {
    const { env } = process
    const before = env.NODE_ENV
    env.NODE_ENV = 'production'
    t.after(() => {
      if (before === undefined) delete env.NODE_ENV
      else env.NODE_ENV = before
    })
    const warnings = t.mock.method(process, 'emitWarning', () => {})
    const { sessions, watch } = slowSessions()
    const app = new Elysia().use(strongroom(sessions)).get('/', async ({ session }) => {
      ;(await session).set('secretPlan', 'x'.repeat(100_000))
      return 'page'
    })
    const large = await app.handle(request())
    assert.deepEqual([large.status, await large.text()], [500, 'Internal Server Error'])
    const shown = warnings.mock.calls.map(({ arguments: [warning] }) => String(warning))
    assert.ok(shown.some((warning) => /The session needs/.test(warning)))
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    watch.before = () => {
      throw new Error('secretHost')
    }
    const down = await app.handle(request('/', { cookie }))
    assert.deepEqual([down.status, await down.text()], [503, 'Service Unavailable'])
  })

  test('an error handler gets an error of its class, whose cause is the one that happened', async (t) => {
    const { env } = process
    const before = env.NODE_ENV
    env.NODE_ENV = 'production'
    t.after(() => {
      if (before === undefined) delete env.NODE_ENV
      else env.NODE_ENV = before
    })
    const { sessions } = slowSessions()
    const errors: StrongroomError[] = []
    const app = new Elysia()
      .onError(({ error }) => {
        errors.push(error as StrongroomError)
      })
      .use(strongroom(sessions))
      .get('/', async ({ session }) => {
        ;(await session).set('secretPlan', 1n)
        return 'page'
      })
    await app.handle(request())
    const [error] = errors
    assert.deepEqual([error?.name, error?.code, error?.status], ['DataError', 'STRONGROOM_DATA', 500])
    assert.ok(error instanceof Error)
    assert.equal(error.message, 'Internal Server Error')
    assert.match((error.cause as Error).message, /secretPlan/)
  })

  test('an error handler that throws saves nothing but a logout', async () => {
    const { sessions } = slowSessions()
    const app = new Elysia()
      .onError(() => {
        throw new Error('the error handler failed')
      })
      .use(strongroom(sessions))
      .get('/', async ({ session, query }) => {
        const mine = await session
        mine.set('a', 2)
        if (query.logout) mine.logout()
        throw new Error('failed')
      })
    const { cookie } = await sessionFor(sessions, { userId: 'ada', data: { a: 1 } })
    await assert.rejects(async () => app.handle(request('/', { cookie })), /the error handler failed/)
    assert.equal((await sessions.read({ cookie })).get('a'), 1)
    await assert.rejects(async () => app.handle(request('/?logout=1', { cookie })))
    assert.equal((await sessions.read({ cookie })).userId, null)
  })

  test('a hook that repeats an earlier response does not repeat one whose session could not be saved', async () => {
    const { sessions } = slowSessions()
    const kept = new Map<string, string>()
    const keyOf = (request: Request) => String(request.headers.get('idempotency-key'))
    const app = new Elysia()
      .onRequest(({ request }) => {
        const before = kept.get(keyOf(request))
        if (before) return new Response(before)
      })
      .onAfterHandle(({ request, responseValue }) => {
        kept.set(keyOf(request), String(responseValue))
      })
      .use(strongroom(sessions))
      .get('/', async ({ session }) => {
        ;(await session).set('a', 'x'.repeat(100_000))
        return 'saved'
      })
    const response = await app.handle(request('/', { 'idempotency-key': '1' }))
    assert.equal(kept.get('1'), 'saved')
    assert.equal(response.status, 500)
    assert.match(await response.text(), /^The session needs/)
  })

  test('a page that is asked for an upgrade, and sent all the same, is stored for nobody else', async () => {
    const { sessions } = slowSessions()
    const app = new Elysia()
      .use(strongroom(sessions))
      .get('/me', async ({ session }) => (await session).userId)
      .get('/all', () => 'everybody')
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const mine = await app.handle(request('/me', { cookie, upgrade: 'websocket' }))
    assert.deepEqual([await mine.text(), mine.headers.get('vary')], ['ada', 'Cookie'])
    const all = await app.handle(request('/all', { cookie, upgrade: 'websocket' }))
    assert.equal(all.headers.get('vary'), null)
  })
})
