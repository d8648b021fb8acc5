import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { suite, test } from 'node:test'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { gate, turns } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { http2Site, nodeSite, running, slowSessions, type Values } from './site.ts'

type Done = (error?: Error) => void
const SENT = { code: 'ERR_HTTP_HEADERS_SENT' }
const CLOSED = { code: 'STRONGROOM_CLOSED' }

suite('a page that is the first to ask for the session', { timeout: 20_000 }, () => {
  for (const [protocol, open] of [
    ['HTTP/1', nodeSite],
    ['HTTP/2', http2Site],
  ] as const)
    for (const [method, send] of [
      ['end', async (response, page) => response.end(await page())],
      ['write', async (response, page) => response.write(await page()) && response.end()],
    ] as const satisfies [string, (response: ServerResponse, page: () => Promise<string>) => unknown][])
      test(`waits for its session even when ${method} was read before (${protocol})`, async (t) => {
        const site = await open(t, async (request, response, sessions) => {
          await send(response, async () => {
            ;(await sessions.get(request)).set('a', 1)
            return 'the page'
          })
        })
        const page = await site.visitor.ask('/')
        assert.deepEqual([page.status, page.text, page.all('set-cookie').length], [200, 'the page', 1])
        assert.equal((await site.visitor.ask('/read')).text, '{"a":1}')
      })
})

suite('callbacks are called exactly once', { timeout: 20_000 }, () => {
  const senders: readonly [string, (response: ServerResponse, done: Done) => unknown][] = [
    ['end(callback)', (response, done) => response.end(done)],
    ['end(chunk, callback)', (response, done) => response.end('text', done)],
    ['end(chunk, encoding, callback)', (response, done) => response.end('dGV4dA==', 'base64', done)],
    ['write(chunk, callback)', (response, done) => response.write('text', (error) => done(error ?? undefined))],
    [
      'write(chunk, encoding, callback)',
      (response, done) => response.write('dGV4dA==', 'base64', (error) => done(error ?? undefined)),
    ],
  ]
  for (const [title, send] of senders)
    for (const kind of ['sent immediately', 'held back', 'failed'] as const)
      for (const [protocol, open] of [
        ['HTTP/1', nodeSite],
        ['HTTP/2', http2Site],
      ] as const)
        test(`${title}, ${kind}, ${protocol}`, async (t) => {
          const calls: unknown[] = []
          const called = gate()
          const site = await open(t, async (request, response, sessions) => {
            const session = await sessions.get(request)
            if (kind !== 'sent immediately') session.set('a', 1)
            send(response, (error) => {
              calls.push(error)
              called.open()
            })
            if (title.startsWith('write')) response.end()
          })
          if (kind === 'failed')
            site.watch.before = () => {
              throw new Error('down')
            }
          const page = await site.visitor.ask('/')
          assert.equal(page.status, kind === 'failed' ? 503 : 200)
          if (kind !== 'failed' && title !== 'end(callback)') assert.equal(page.text, 'text')
          await called.opened
          await turns(20)
          assert.equal(calls.length, 1)
          assert.equal(calls[0] instanceof StoreError, kind === 'failed')
        })
})

suite('while a response is held back it behaves as one that is being sent', { timeout: 20_000 }, () => {
  test('headers can no longer be changed, and the head is written once', async (t) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.setHeader('X-App', '1')
      assert.equal(response.headersSent, false)
      response.write('held')
      assert.equal(response.headersSent, true)
      assert.throws(() => response.setHeader('X-App', '2'), SENT)
      assert.throws(() => response.appendHeader('X-App', '2'), SENT)
      assert.throws(() => response.removeHeader('X-App'), SENT)
      assert.throws(() => response.writeHead(404), SENT)
      response.statusCode = 404
      response.flushHeaders()
      await turns(40)
      assert.equal(response.headersSent, true)
      assert.throws(() => response.setHeader('X-App', '2'), SENT)
      assert.throws(() => response.writeHead(404), SENT)
      response.end()
    })
    const page = await visitor.ask('/')
    assert.deepEqual([page.status, page.text, page.all('x-app')], [200, 'held', ['1']])
  })

  test('it counts as ended after end(), and a second end() is ignored', async (t) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      assert.equal(response.writableEnded, false)
      response.write('once')
      assert.equal(response.writableEnded, false)
      response.end()
      assert.equal(response.writableEnded, true)
      response.end()
      await turns(40)
      assert.equal(response.writableEnded, true)
    })
    assert.equal((await visitor.ask('/')).text, 'once')
  })

  test('a write returns false when the buffer is full, and drain is emitted once', async (t) => {
    let drains = 0
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.on('drain', () => {
        drains += 1
      })
      assert.equal(response.write('one '), true)
      assert.equal(response.write('x'.repeat(100_000)), false)
      await once(response, 'drain')
      assert.equal(response.write(' two'), true)
      response.end(' three')
    })
    assert.equal((await visitor.ask('/')).text.replace(/x+/, 'x'), 'one x two three')
    assert.equal(drains, 1)
  })

  test('trailers that are added while it is held back are sent', async (t) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.setHeader('Trailer', 'X-Sum')
      response.write('text')
      response.addTrailers({ 'X-Sum': '4' })
      response.end()
    })
    const page = await visitor.ask('/')
    assert.equal(page.text, 'text')
  })
})

suite('a response whose session is never asked for', { timeout: 20_000 }, () => {
  test('is passed on: nothing is added to it, and nothing is held back', async (t) => {
    let heldBack = true
    const { visitor } = await nodeSite(t, (_request, response) => {
      response.writeHead(200, ['X-One', '1', 'X-One', '2', 'Connection', 'close'])
      response.write('a page')
      heldBack = response.getHeader('x-one') !== undefined || !response.headersSent
      response.end()
    })
    const page = await visitor.ask('/')
    assert.equal(heldBack, false)
    assert.deepEqual([page.text, page.all('x-one'), page.all('vary')], ['a page', ['1', '2'], []])
  })
})

suite('a session that is asked for too late', { timeout: 20_000 }, () => {
  test('when the headers have been sent, it can be read but not changed', async (t) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      if (request.url === '/write') {
        ;(await sessions.get(request)).set('a', 1)
        response.end()
        return
      }
      response.write('it is ')
      const session = await sessions.get(request)
      assert.throws(() => session.set('a', 2), CLOSED)
      response.end(String(session.get('a')))
    })
    await visitor.ask('/write')
    assert.equal((await visitor.ask('/')).text, 'it is 1')
    assert.equal((await visitor.ask('/read')).text, '{"a":1}')
  })

  test('when the response ends before it is loaded, it can be read but not changed', async (t) => {
    const got = gate()
    let late: Session<Values> | undefined
    const site = await nodeSite(t, async (request, response, sessions) => {
      if (request.url === '/write') (await sessions.get(request)).set('a', 1)
      else
        sessions.get(request).then((session) => {
          late = session
          got.open()
        })
      response.end('done')
    })
    await site.visitor.ask('/write')
    site.watch.before = () => turns(10)
    assert.equal((await site.visitor.ask('/')).text, 'done')
    await got.opened
    assert.throws(() => late?.set('a', 2), CLOSED)
    assert.equal((await site.visitor.ask('/read')).text, '{"a":1}')
  })

  test('when the store is down but the handler does not wait for it, the response is sent', async (t) => {
    const site = await nodeSite(t, async (request, response, sessions) => {
      if (request.url === '/write') (await sessions.get(request)).set('a', 1)
      else sessions.get(request).catch(() => undefined)
      response.end('done')
    })
    await site.visitor.ask('/write')
    site.watch.before = async () => {
      await turns(5)
      throw new Error('down')
    }
    const page = await site.visitor.ask('/')
    assert.deepEqual([page.status, page.text, page.all('set-cookie')], [200, 'done', []])
  })
})

suite('errors of the session', { timeout: 20_000 }, () => {
  test('reach onError with the error, the request, and a response that is still empty', async (t) => {
    const site = await nodeSite(
      t,
      async (request, response, sessions) => {
        ;(await sessions.get(request)).set('a', 1)
        response.writeHead(200, { ETag: '"1"', 'Content-Length': 4, 'Content-Disposition': 'attachment' })
        response.write('body')
        response.end()
      },
      {
        onError(error, request, response) {
          assert.ok(error instanceof StoreError)
          assert.equal(response.headersSent, false)
          assert.deepEqual(response.getHeaderNames(), [])
          response.writeHead(418, { 'X-Url': request.url })
          response.end('my page')
        },
      },
    )
    site.watch.before = () => {
      throw new Error('down')
    }
    const page = await site.visitor.ask('/some')
    assert.deepEqual([page.status, page.text, page.header('x-url')], [418, 'my page', '/some'])
    assert.deepEqual([page.header('etag'), page.header('vary')], [undefined, 'Cookie'])
  })

  test('after the first byte close the connection, because no error page can be sent any more', async (t) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      const session = await sessions.get(request)
      response.write('begun')
      await turns(5)
      session.set('late', 1)
    })
    await assert.rejects(visitor.ask('/'))
  })

  test('an error that is not ours reaches onError, too', async (t) => {
    const { sessions } = slowSessions()
    const handler = async (request: IncomingMessage) => {
      await sessions.get(request)
      throw new RangeError('not ours')
    }
    const onError = (error: unknown, _request: IncomingMessage, response: ServerResponse) => {
      response.end(`${error}`)
    }
    const { visitor } = await running(t, withSessions(sessions, handler, { onError }))
    assert.equal((await visitor.ask('/')).text, 'RangeError: not ours')
  })
})
