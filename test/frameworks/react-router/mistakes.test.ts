import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createMemoryRouter, type MiddlewareFunction, RouterContextProvider } from 'react-router'
import { csrf, strongroom } from '../../../packages/strongroom/src/adapters/react-router.ts'
import { createSessions } from '../../../packages/strongroom/src/sessions.ts'
import { secret } from '../../core/fixtures/secret.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
type Anything = any

const sessions = createSessions({ store: 'memory:', secrets: secret('mistakes with React Router') })
const [asStrongroom, asCsrf] = [strongroom, csrf] as Anything[]

/** The export as React Router types it, which an application has in its root. */
export const middleware: MiddlewareFunction<Response>[] = [...strongroom(sessions), csrf(sessions)]

suite('a mistake with strongroom/react-router', { timeout: 20_000 }, () => {
  for (const [mistake, make, message] of [
    ['nothing', () => asStrongroom(), /then export const middleware = strongroom\(sessions\)\. It got undefined/],
    ['createSessions that was not called', () => asStrongroom(createSessions), /a function: call it/],
    ['csrf: nothing', () => asCsrf(), /middleware = \[\.\.\.strongroom\(sessions\), csrf\(sessions\)\]/],
    ['csrf: an unknown option', () => asCsrf(sessions, { origins: [] }), /origins/],
  ] as const)
    test(`is found when it is made: ${mistake}`, () => assert.throws(make, { name: 'ConfigError', message }))

  test('is found at the first request: the middleware itself instead of what it returns', async () => {
    const context = new RouterContextProvider()
    const args = { request: new Request('http://localhost/'), context } as Anything
    await assert.rejects(async () => asStrongroom(args, async () => new Response()), {
      name: 'ConfigError',
      message: /It got a request|It got something else/,
    })
  })

  test('is told in the browser, where there is no server', async () => {
    const routes = [{ path: '/', id: 'root', middleware: strongroom(sessions), loader: () => 'data' }] as Anything
    const router = createMemoryRouter(routes)
    if (!router.state.initialized)
      await new Promise<void>((resolve) => router.subscribe(({ initialized }) => initialized && resolve()))
    assert.match(String(router.state.errors?.root), /ConfigError: .*is server middleware of framework mode/)
    router.dispose()
  })

  test('is told by get(): a session that is asked for without the middleware', async () => {
    await assert.rejects(sessions.get(new RouterContextProvider()), {
      name: 'NotAttachedError',
      message: /Mount the adapter before the handler/,
    })
  })
})
