import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { suite, test } from 'node:test'
import { fastify } from 'fastify'
import { strongroom } from '../../packages/strongroom/src/adapters/fastify.ts'
import { StoreError, type StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { gate, until } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { down, sessionOf, site } from './fastify-site.ts'
import { production, slowSessions, type Values } from './site.ts'

suite('a reply', { timeout: 20_000 }, () => {
  test('that was hijacked is held until the session is saved', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.get('/hijack', async (request, reply) => {
        reply.hijack()
        ;(await sessions.get(request)).set('a', 1)
        reply.raw.writeHead(201, { 'content-type': 'text/plain' })
        reply.raw.end('raw')
      })
    })
    const page = await visitor.ask('/hijack')
    assert.deepEqual([page.status, page.text], [201, 'raw'])
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
  })

  test('that was hijacked gets the status of an error of the save, and its body is dropped', async (t) => {
    const here = await site(t, (app, sessions) => {
      app.get('/hijack', async (request, reply) => {
        reply.hijack()
        ;(await sessions.get(request)).set('a', 1)
        reply.raw.end('raw')
      })
    })
    down(here)
    const page = await here.visitor.ask('/hijack')
    assert.equal(page.status, 503)
    assert.doesNotMatch(page.text, /raw/)
    assert.deepEqual(page.all('set-cookie'), [])
  })

  test('whose raw end() is read before the session is asked for is held all the same', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      const render = async (request: object) => {
        const session = await sessions.get(request)
        return `visit ${session.update('n', (n) => Number(n ?? 0) + 1)}`
      }
      app.get('/raw', async (request, reply) => {
        reply.hijack()
        reply.raw.end(await render(request))
      })
    })
    assert.equal((await visitor.must('/raw')).text, 'visit 1')
    assert.equal((await visitor.must('/raw')).text, 'visit 2')
  })

  test('that is a stream which fails before its first byte saves nothing, and gets the error handler', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.setErrorHandler((_error, _request, reply) => reply.code(500).send('my page'))
      app.get('/stream', async (request, reply) => {
        ;(await sessions.get(request)).set('a', 1)
        return reply.send(new Readable({ read: () => undefined }).destroy(new Error('no file')))
      })
    })
    const page = await visitor.ask('/stream')
    assert.deepEqual([page.status, page.text, page.all('set-cookie')], [500, 'my page', []])
    assert.deepEqual(await visitor.facts(), { userId: null })
  })

  test('that is a stream gets the error handler when the session cannot be saved', async (t) => {
    const destroyed = gate()
    const here = await site(t, (app, sessions) => {
      app.setErrorHandler((error: StrongroomError, _request, reply) => reply.code(error.status).send('my page'))
      app.get('/stream', async (request, reply) => {
        ;(await sessions.get(request)).set('a', 1)
        const body = Readable.from(['one', 'two'])
        body.on('close', destroyed.open)
        return reply.send(body)
      })
    })
    down(here)
    const page = await here.visitor.ask('/stream')
    assert.deepEqual([page.status, page.text], [503, 'my page'])
    await destroyed.opened
  })

  test('of the error handler is about the error of the save, which has its hooks and its status', async (t) => {
    const seen: unknown[] = []
    const here = await site(t, (app, sessions) => {
      app.addHook('onError', async (_request, _reply, error) => void seen.push(error.constructor))
      app.setErrorHandler((error: StrongroomError, _request, reply) => {
        seen.push(error instanceof StoreError)
        return reply.code(error.status).header('x-handled', 'yes').send({ code: error.code })
      })
      app.get('/set', async (request, reply) => {
        ;(await sessions.get(request)).set('a', 1)
        reply.header('etag', '"1"').header('cache-control', 'public').header('x-own', 'kept')
        return { body: true }
      })
    })
    down(here)
    const page = await here.visitor.ask('/set')
    assert.deepEqual([page.status, page.text], [503, '{"code":"STRONGROOM_STORE"}'])
    assert.deepEqual(seen, [StoreError, true])
    assert.deepEqual(['etag', 'x-own', 'x-handled'].map(page.header), [undefined, 'kept', 'yes'])
  })

  test('of the error handler that cannot be saved either is a plain line with the status of that', async (t) => {
    production(t)
    const here = await site(t, (app, sessions) => {
      app.get('/fails', async (request) => {
        ;(await sessions.get(request)).update('n', (n) => Number(n ?? 0) + 1)
        throw Object.assign(new Error('not here'), { statusCode: 404 })
      })
    })
    assert.equal((await here.visitor.ask('/fails')).status, 404)
    down(here)
    const page = await here.visitor.ask('/fails')
    assert.deepEqual([page.status, page.text], [503, 'Service Unavailable\n'])
  })

  test('of an error keeps the cookie of what was saved before', async (t) => {
    const here = await site(t, (app, sessions) => {
      app.get('/early', async (request, reply) => {
        const session = await sessions.get(request)
        session.login('ada')
        await sessions.save(request)
        session.set('odd', 1n)
        reply.header('set-cookie', 'theme=dark').header('vary', 'Accept')
        return 'saved'
      })
    })
    const page = await here.visitor.ask('/early')
    assert.equal(page.status, 500)
    assert.deepEqual(
      page.all('set-cookie').map((line) => line.split('=')[0]),
      ['theme', '__Host-id'],
    )
    assert.equal(page.header('vary'), 'Accept, Cookie')
    assert.equal((await here.visitor.facts()).userId, 'ada')
  })

  test('never shows in production where the store is, whatever fails', async (t) => {
    production(t)
    const here = await site(t, (app, sessions) => {
      app.get('/set', async (request) => void (await sessions.get(request)).set('a', 2))
      app.get('/pending', async (request) => (await sessionOf(request)).keys())
      app.register(async (scope) => {
        scope.setErrorHandler((error: Error, _request, reply) =>
          reply.code(503).type('text/html').send(`<p>${error.message}`),
        )
        scope.get('/echo', async (request) => (await sessions.get(request)).keys())
      })
    })
    const { cookie } = await sessionFor(here.sessions, { userId: 'ada' })
    down(here, ['read', 'update', 'create'])
    for (const path of ['/set', '/read', '/pending', '/echo']) {
      const page = await here.visitor.ask(path, { cookie })
      assert.equal(page.status, 503, path)
      assert.match(page.text, /Service Unavailable/, path)
      assert.doesNotMatch(page.text, /Redis|10\.0\.0\.1/, path)
    }
    const page = await here.visitor.ask('/set', { cookie: '' })
    assert.equal(page.text, '{"statusCode":503,"error":"Service Unavailable","message":"Service Unavailable"}')
  })

  test('that another onSend hook fails saves nothing', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.addHook('onSend', async (request) => {
        if (request.url === '/set') throw new Error('onSend')
      })
      app.get('/set', async (request) => {
        ;(await sessions.get(request)).login('ada')
        return 'saved'
      })
    })
    const page = await visitor.ask('/set')
    assert.deepEqual([page.status, page.all('set-cookie')], [500, []])
  })

  test('saves what another onSend hook changes', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.addHook('onSend', async (request) => {
        if (request.url === '/page') (await sessions.get(request)).set('last', request.url)
      })
      app.get('/page', async () => 'page')
    })
    await visitor.must('/page')
    assert.equal((await visitor.facts()).last, '/page')
  })

  test('has its session where no route is found, and is redirected, with the cookie', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.setNotFoundHandler(async (request, reply) => {
        ;(await sessions.get(request)).flash('from', request.url)
        return reply.redirect('/read')
      })
    })
    const page = await visitor.ask('/nowhere')
    assert.deepEqual([page.status, page.header('location'), page.all('set-cookie').length], [302, '/read', 1])
  })

  test('by the 404 handler of Fastify itself is sent as without the plugin', async (t) => {
    const { visitor } = await site(t, () => {})
    assert.equal((await visitor.ask('/nowhere')).status, 404)
  })

  test('to HEAD saves the session of the GET route', async (t) => {
    const { visitor } = await site(t, (app, sessions) => {
      app.get('/set', async (request) => {
        ;(await sessions.get(request)).set('a', 1)
        return 'saved'
      })
    })
    const page = await visitor.ask('/set', { method: 'HEAD' })
    assert.deepEqual([page.status, page.text, page.header('content-length')], [200, '', '5'])
    assert.equal((await visitor.facts()).a, 1)
  })

  test('to a client that has gone is saved if the handler responds, and dropped if it does not', async (t) => {
    const [arrived, gone] = [gate(), gate()]
    const here = await site(t, (app, sessions) => {
      app.addHook('onRequestAbort', async (_request) => gone.open())
      app.get('/slow', async (request) => {
        const session = await sessions.get(request)
        session.set((request.query as Values).key as string, 1)
        arrived.open()
        await gone.opened
        if ('fails' in (request.query as Values)) throw new Error('after all')
        return 'late'
      })
    })
    await here.visitor.ask('/read')
    const { cookie } = await sessionFor(here.sessions, { data: { begun: 1 } })
    const going = here.visitor.begin('/slow?key=a', { cookie })
    await arrived.opened
    going.leave()
    await until(async () => (await here.sessions.read({ cookie })).get('a') === 1)
    const failing = here.visitor.begin('/slow?key=b&fails', { cookie })
    await failing.head.catch(() => undefined)
    failing.leave()
    assert.equal((await here.sessions.read({ cookie })).get('b'), undefined)
  })

  test('to inject() has the session, and its errors', async (t) => {
    const here = await site(t, (app, sessions) => {
      app.get('/set', async (request) => {
        ;(await sessions.get(request)).set('a', 1)
        return 'saved'
      })
    })
    const page = await here.app.inject('/set')
    assert.deepEqual([page.statusCode, page.payload, page.cookies.length], [200, 'saved', 1])
    const cookie = `__Host-id=${page.cookies[0]?.value}`
    assert.equal((await here.app.inject({ url: '/read', headers: { cookie } })).payload, '{"userId":null,"a":1}')
    down(here)
    assert.equal((await here.app.inject('/set')).statusCode, 503)
  })

  test('over HTTP/2 of more than one frame arrives whole', async (t) => {
    const body = 'x'.repeat(300_000)
    const { sessions } = slowSessions()
    const app = fastify({ http2: true })
    app.register(strongroom(sessions))
    app.get('/', async (request) => {
      ;(await sessions.get(request)).set('a', 1)
      return body
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const client = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    t.after(async () => {
      client.destroy()
      await app.close()
    })
    const stream = client.request({ ':path': '/' })
    const [head] = await once(stream, 'response')
    assert.equal(head['set-cookie'].length, 1)
    let size = 0
    for await (const chunk of stream) size += chunk.length
    assert.equal(size, body.length)
  })
})
