import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { suite, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { NotAttachedError } from '../../packages/strongroom/src/errors.ts'
import { running, slowSessions } from './site.ts'

const post = () => new Request('https://shop.example/', { method: 'POST', body: 'tea' })

suite('a request that was copied or frozen', () => {
  const { sessions } = slowSessions()
  const count = async (request: object) =>
    Response.json((await sessions.get(request)).update('n', (n) => Number(n ?? 0) + 1))

  test('has the same session as its clones, and theirs', async () => {
    const handler = withSessions(sessions, async (request) => {
      const copy = request.clone()
      assert.equal(await request.text(), 'tea')
      const second = copy.clone()
      assert.equal(await copy.text(), 'tea')
      assert.equal(await sessions.get(second), await sessions.get(request))
      return count(copy)
    })
    const response = await handler(post())
    assert.equal(await response.text(), '1')
    assert.match(String(response.headers.get('set-cookie')), /^__Host-id=/)
  })

  test('has the same session as its clones behind a server of Node', async (t) => {
    const handler = withSessions(sessions, async (request) => count(request.clone()))
    const { visitor } = await running(t, createServer(getRequestListener(handler)))
    assert.equal((await visitor.must('/')).text, '1')
    assert.equal((await visitor.must('/')).text, '2')
  })

  test('is a clone of one class with its request', async () => {
    class Special extends Request {}
    // Not in the class: by its types, Request has it as a property.
    Object.defineProperty(Special.prototype, 'clone', {
      value: function clone(this: Request) {
        return new Special(Request.prototype.clone.call(this))
      },
    })
    const handler = withSessions(sessions, async (request) => {
      const copy = request.clone()
      assert.ok(copy instanceof Special)
      return count(copy)
    })
    assert.equal(await (await handler(new Special(post()))).text(), '1')
  })

  test('is told apart by the error when it was made of another one by hand', async () => {
    const handler = withSessions(sessions, async (request) => count(new Request(request)))
    await assert.rejects(
      async () => {
        const response = await handler(post())
        throw Object.assign(new NotAttachedError(await response.text()), { status: response.status })
      },
      {
        status: 500,
        message: /new Request\(request\) or by mount\(\) of Hono without replaceRequest: false, is another request/,
      },
    )
  })

  test('may be frozen before it comes, and after', async () => {
    const handler = withSessions(sessions, async (request) => count(Object.freeze(request)))
    for (const request of [Object.freeze(post()), Object.preventExtensions(post()), post()])
      assert.equal(await (await handler(request)).text(), '1')
  })

  test('may be frozen before its session is asked for, which is loaded once all the same', async () => {
    const request = {}
    let begun = 0
    const begin = () => {
      begun++
      return sessions.open({})
    }
    assert.equal(sessions.attach(request, begin), true)
    const session = await sessions.get(Object.freeze(request))
    assert.equal(await sessions.get(request), session)
    assert.equal(sessions.attach(request, begin), false)
    assert.equal(begun, 1)
  })

  test('has a session in Hono by its context, whatever a middleware makes of the request', async () => {
    const app = new Hono()
      .use(hono(sessions))
      .use(bodyLimit({ maxSize: 100 }))
      .post('/', (c) => count(c))
      .post('/clone', (c) => count(c.req.raw.clone()))
    for (const path of ['/', '/clone']) {
      const response = await app.request(path, { method: 'POST', body: 'tea', headers: { 'content-length': '3' } })
      assert.equal(await response.text(), '1')
      assert.match(String(response.headers.get('set-cookie')), /^__Host-id=/)
    }
  })
})
