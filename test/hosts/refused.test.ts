import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { fromNodeHandler, H3 } from 'h3'
import { createApp, eventHandler, fromNodeMiddleware, toPlainHandler, toWebHandler } from 'h3-1'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { slowSessions, type Values } from '../adapters/site.ts'
import { secret } from '../core/fixtures/secret.ts'

const MESSAGE = /do not wait for a response of Node\. Put withSessions\(\) of strongroom\/fetch around/

/** An application of h3 1 with the middleware, and its errors. */
function appOfH3(sessions: ReturnType<typeof slowSessions>['sessions']) {
  const errors: Error[] = []
  const app = createApp({ onError: (error) => void errors.push(error) })
  app.use(fromNodeMiddleware(strongroom(sessions)))
  app.use(
    '/asks',
    eventHandler(async (event) => {
      ;(await sessions.get(event.node.req)).set('a', 1)
      return 'the page'
    }),
  )
  app.use(
    '/plain',
    eventHandler(() => 'the page'),
  )
  return { app, errors }
}

const silent = (t: TestContext) => t.mock.method(console, 'error', () => {})

suite('hosts that do not wait for a response of Node get a clear error instead of an empty page', () => {
  for (const [name, sessionsOf] of [
    ['a store that takes time', () => slowSessions().sessions],
    // It would work here, and fail in production with the first other store.
    ['a store in memory', () => createSessions<Values>({ secrets: secret('h3'), store: memory() })],
  ] as const) {
    test(`the web handler of h3 1, with ${name}`, async (t) => {
      silent(t)
      const { app, errors } = appOfH3(sessionsOf())
      const handler = toWebHandler(app)
      const response = await handler(new Request('http://localhost/asks'))
      assert.equal(response.status, 500)
      assert.notEqual(await response.text(), '')
      assert.deepEqual(response.headers.getSetCookie(), [])
      assert.match(errors[0]?.message ?? '', MESSAGE)
      assert.equal(await (await handler(new Request('http://localhost/plain'))).text(), 'the page')
    })

    test(`the plain handler of h3 1, with ${name}`, async (t) => {
      silent(t)
      const { app, errors } = appOfH3(sessionsOf())
      const { status, body } = await toPlainHandler(app)({ method: 'GET', path: '/asks', headers: [] })
      assert.equal(status, 500)
      assert.ok(body)
      assert.match(errors[0]?.message ?? '', MESSAGE)
    })
  }

  test('what the error advises works: the fetch adapter around the web handler of h3 1', async () => {
    const { sessions } = slowSessions()
    const app = createApp()
    app.use(
      eventHandler(async (event) => {
        const session = await sessions.get(event.web?.request as Request)
        return String(session.update('n', (n) => Number(n ?? 0) + 1))
      }),
    )
    const web = toWebHandler(app)
    const handler = withSessions(sessions, (request: Request) => web(request))
    const first = await handler(new Request('http://localhost/'))
    assert.equal(await first.text(), '1')
    const cookie = first.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    assert.equal(await (await handler(new Request('http://localhost/', { headers: { cookie } }))).text(), '2')
  })

  test('the fetch handler of h3 2 refuses Node middleware itself, and works with the fetch adapter', async (t) => {
    silent(t)
    const { sessions } = slowSessions()
    const refusing = new H3().use(fromNodeHandler(strongroom(sessions))).get('/', () => 'the page')
    const response = await refusing.request('/')
    assert.equal(response.status, 500)
    assert.doesNotMatch(await response.text(), /the page/)
    const app = new H3().get('/', async (event) => {
      ;(await sessions.get(event.req)).set('a', 1)
      return 'the page'
    })
    const page = await withSessions(
      sessions,
      (request: Request) => app.fetch(request) as Promise<Response>,
    )(new Request('http://localhost/'))
    assert.deepEqual([await page.text(), page.headers.getSetCookie().length], ['the page', 1])
  })
})
