import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { afterEach, describe, it } from 'node:test'
import { Hono } from 'hono'
import { withSessions as fetch } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import {
  ConflictError,
  CookieRefusedError,
  CsrfError,
  createSessions,
  DataError,
  ReadOnlyError,
  SessionGoneError,
  SessionLimitError,
  StoreError,
  TooLargeError,
} from '../../packages/strongroom/src/index.ts'
import { listening } from './serve.ts'

const secrets = 'PZ1uKt5Jm0cXoDq7lYw3nRbE9hGv2sTf8aUiWk4jLxM'
const sessions = createSessions<{ secretPlan: unknown }>({ store: memory(), secrets })

async function viaNode(error: Error): Promise<number> {
  const listener = node(sessions, () => Promise.reject(error))
  const server = await listening(createServer(listener))
  const { status } = await globalThis.fetch(server.url)
  await server.close()
  return status
}

/** An application of Hono without an `onError`, whose handler fails, or whose session cannot be saved. */
function honoApp() {
  const ask = (app: Hono) => app.request('http://h/')
  return {
    onHandler(error: Error) {
      const app = new Hono()
      app.use(hono(sessions))
      app.get('/', () => Promise.reject(error))
      return ask(app)
    },
    onSave(error: Error) {
      const app = new Hono()
      app.use(hono({ ...sessions, attach: () => true, open: () => ({ commit: failOnce(error) }) } as never))
      app.get('/', (c) => c.text('fine'))
      return ask(app)
    },
  }
}

/** The commit of a visit: it fails, and then there is nothing left to save. */
function failOnce(error: Error) {
  let failed = false
  return async () => {
    if (failed) return { used: false }
    failed = true
    throw error
  }
}

describe('error responses', () => {
  const before = process.env.NODE_ENV
  afterEach(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })

  const failing = fetch(sessions, async (request) => {
    ;(await sessions.get(request)).set('secretPlan', 1n)
    return new Response('fine')
  })

  it('tell the developer what went wrong', async () => {
    process.env.NODE_ENV = 'development'
    const response = await failing(new Request('http://localhost/'))
    assert.equal(response.status, 500)
    assert.match(await response.text(), /'secretPlan' contains a value of type bigint/)
  })

  it('in production tell the visitor only that there was an error', async () => {
    process.env.NODE_ENV = 'production'
    const response = await failing(new Request('http://localhost/'))
    assert.equal(response.status, 500)
    assert.equal(await response.text(), 'Internal Server Error\n')
    assert.equal(new DataError('secretPlan', 'about secretPlan').publicMessage, 'Internal Server Error')
  })

  it('of a 5xx that is no outage leave one warning for each reason, under fetch, Hono and node', async (t) => {
    process.env.NODE_ENV = 'production'
    const seen: string[] = []
    t.mock.method(process, 'emitWarning', (message: string, { code }: { code: string }) =>
      seen.push(`${code} ${message}`),
    )
    const servers: Readonly<Record<string, (error: Error) => Promise<number>>> = {
      fetch: async (error) => (await fetch(sessions, () => Promise.reject(error))(new Request('http://h/'))).status,
      node: (error) => viaNode(error),
      hono: async (error) => (await honoApp().onHandler(error)).status,
      'hono, saving': async (error) => (await honoApp().onSave(error)).status,
    }
    for (const [name, ask] of Object.entries(servers)) {
      seen.length = 0
      const error = new DataError('secretPlan', `About ${name}.`)
      for (let times = 0; times < 2; times++) assert.equal(await ask(error), 500, name)
      assert.deepEqual(seen, [`STRONGROOM_HANDLER About ${name}.`], name)
      assert.equal(await ask(new StoreError(`Of ${name}.`)), 503, name)
      assert.equal(await ask(new SessionGoneError(`Of ${name}.`)), 409, name)
      assert.equal(seen.length, 1, name)
    }
  })

  it('have the fields by which frameworks know an HTTP error, and expose no message that is for developers', () => {
    const all = [
      new StoreError(''),
      new SessionGoneError(),
      new DataError('', ''),
      new ConflictError(),
      new TooLargeError(),
      new CookieRefusedError('forged'),
      new CsrfError('token'),
      new ReadOnlyError(),
      new SessionLimitError(),
    ]
    for (const error of all) {
      assert.equal(error.statusCode, error.status, error.name)
      assert.equal(error.expose, error.status < 500 && error.publicMessage === error.message, error.name)
    }
    assert.deepEqual(new Set(all.map(({ expose }) => expose)), new Set([true, false]))
  })

  it('are silent where onError handles the error', async (t) => {
    process.env.NODE_ENV = 'production'
    const warned = t.mock.method(process, 'emitWarning', () => {})
    const onError = () => new Response('handled', { status: 500 })
    const handled = fetch(sessions, () => Promise.reject(new DataError('a', 'Handled.')), { onError })
    assert.equal(await (await handled(new Request('http://h/'))).text(), 'handled')
    assert.equal(warned.mock.callCount(), 0)
  })

  it('the adapters for fetch and node refuse unknown options', () => {
    const unknown = { onErorr: () => new Response() }
    const known = { code: 'STRONGROOM_CONFIG', message: /"onErorr" .* Known: onError/ }
    assert.throws(() => fetch(sessions, () => new Response(), unknown as never), known)
    assert.throws(() => node(sessions, () => {}, unknown as never), known)
  })
})
