import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { fastify } from 'fastify'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError, StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'

const MESSAGE = 'Redis cannot be reached: the connection to 127.0.0.1:6379 was refused.'

/** The page of an application in production whose store is down, with the error handler of docs/errors.md or without. */
async function pageOf(t: TestContext, path: '/loads' | '/saves', handled: boolean): Promise<[number, string]> {
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  const down = () => Promise.reject(new StoreError(MESSAGE))
  const store = Object.assign(
    memory(),
    path === '/loads' ? { read: down, readSync: undefined } : { create: down, update: down },
  )
  const sessions = createSessions({ secrets: secret('fastify'), store, sweep: false, on: () => {} })
  const app = fastify({ serverFactory: (handler) => createServer(withSessions(sessions, handler)) })
  t.after(async () => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
    await app.close()
    await sessions.close()
  })
  if (handled)
    app.setErrorHandler((error, request, reply) => {
      if (!(error instanceof StrongroomError)) throw error
      request.log.error(error)
      return reply.code(error.status).send({ message: error.publicMessage })
    })
  app.get('/fills', async (request) => (await sessions.get(request.raw)).set('a', 1))
  app.get('/loads', async (request) => ({ value: (await sessions.get(request.raw)).get('a') }))
  app.get('/saves', async (request) => {
    ;(await sessions.get(request.raw)).set('a', 2)
    return 'saved'
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const cookie = path === '/loads' ? await cookieFrom(`${url}/fills`) : ''
  const response = await fetch(url + path, { headers: { cookie } })
  return [response.status, await response.text()]
}

async function cookieFrom(url: string): Promise<string> {
  const { headers } = await fetch(url)
  return headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
}

suite('under Fastify, a visitor does not read where the store is', () => {
  test('when the session cannot be loaded, with the error handler of the documentation', async (t) =>
    assert.deepEqual(await pageOf(t, '/loads', true), [503, '{"message":"Service Unavailable"}']))

  test('when the session cannot be saved, with any error handler', async (t) =>
    assert.deepEqual(await pageOf(t, '/saves', false), [503, 'Service Unavailable\n']))

  test('while Fastify itself would show it, which is why docs/errors.md has that handler', async (t) => {
    const [status, body] = await pageOf(t, '/loads', false)
    assert.equal(status, 503)
    assert.ok(body.includes(MESSAGE), body)
  })
})
