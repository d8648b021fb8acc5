import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import type { ServerHttp2Stream } from 'node:http2'
import { createServer } from 'node:http2'
import { suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { http2 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { gate, turns, until } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { listeningHttp2 } from './serve.ts'
import { http2Site, nodeSite, slowSessions } from './site.ts'

const here = fileURLToPath(import.meta.url)
const streamOf = (response: object) => (response as { stream: ServerHttp2Stream }).stream

const SENDERS: Readonly<Record<string, (stream: ServerHttp2Stream) => unknown>> = {
  'respond and end': (stream) => {
    stream.respond({ ':status': 200 })
    stream.write('the ')
    stream.end('page')
  },
  'respond alone': (stream) => stream.respond({ ':status': 204 }, { endStream: true }),
  respondWithFile: (stream) => stream.respondWithFile(here),
  'write without respond': (stream) => stream.write('the page') && stream.end(),
  'end without respond': (stream) => stream.end('the page'),
  pipe: (stream) => createReadStream(here).pipe(stream),
}

/** Each reason for a 500 becomes a warning. */
const silence = (t: TestContext) => t.mock.method(process, 'emitWarning', () => {})

suite("a page that is sent by response.stream, HTTP/2's own API", { timeout: 20_000 }, () => {
  for (const [title, send] of Object.entries(SENDERS)) {
    test(`by ${title} is refused with a clear error once the session was asked for, and nothing is saved`, async (t) => {
      silence(t)
      const site = await http2Site(t, async (request, response, sessions) => {
        ;(await sessions.get(request)).set('a', 1)
        send(streamOf(response))
      })
      const page = await site.visitor.ask('/')
      assert.equal(page.status, 500)
      assert.match(page.text, /response\.stream.*does not wait until the session is saved.*response\.writeHead\(\)/)
      assert.doesNotMatch(page.text, /the page|import/)
      assert.deepEqual(page.all('set-cookie'), [])
      await turns(20)
      assert.deepEqual(site.watch.calls, [])
    })

    test(`by ${title} passes when nobody asks for the session`, async (t) => {
      const site = await http2Site(t, (_request, response) => send(streamOf(response)))
      const page = await site.visitor.ask('/')
      assert.ok(page.status < 300)
      assert.ok(title === 'respond alone' || /the page|import/.test(page.text))
    })
  }

  test('is refused while the beginning of the page is held back, and later', async (t) => {
    silence(t)
    const site = await http2Site(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.writeHead(200)
      streamOf(response).write('past it')
      await turns(40)
      streamOf(response).end('later')
    })
    const page = await site.visitor.ask('/')
    assert.equal(page.status, 500)
    assert.doesNotMatch(page.text, /past it|later/)
  })

  test('passes after the head of the page was sent with its session', async (t) => {
    const site = await http2Site(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.writeHead(200)
      response.write('the ')
      await turns(40)
      streamOf(response).end('page')
    })
    const page = await site.visitor.ask('/')
    assert.deepEqual([page.status, page.text, page.all('set-cookie').length], [200, 'the page', 1])
  })

  test('does not count as sent when the client goes away, and Node ends the stream', async (t) => {
    const [arrived, closed] = [gate(), gate()]
    const site = await http2Site(t, async (request, response, sessions) => {
      const session = await sessions.get(request)
      session.set('a', request.url)
      if (request.url !== '/leave') return response.end()
      response.on('close', closed.open)
      arrived.open()
      await closed.opened
      response.end('too late')
    })
    await site.visitor.ask('/begin')
    const leaving = site.visitor.begin('/leave')
    await arrived.opened
    leaving.leave()
    await until(async () => (await site.visitor.ask('/read')).text === '{"a":"/leave"}')
  })

  test('is something else than a property of that name on a response of HTTP/1', async (t) => {
    const site = await nodeSite(t, async (request, response, sessions) => {
      Object.assign(response, { stream: (text: string) => response.end(text) })
      ;(await sessions.get(request)).set('a', 1)
      ;(response as unknown as { stream(text: string): void }).stream('the page')
      assert.equal(response.writableEnded, true)
    })
    const page = await site.visitor.ask('/')
    assert.deepEqual([page.status, page.text, page.all('set-cookie').length], [200, 'the page', 1])
  })

  test('is refused by two kinds of sessions, and passes after both were saved', async (t) => {
    silence(t)
    const [a, b] = [slowSessions({ cookie: { name: '__Host-a' } }), slowSessions({ cookie: { name: '__Host-b' } })]
    const inner = withSessions(b.sessions, async (request, response) => {
      for (const { sessions } of [a, b]) (await sessions.get(request)).set('a', 1)
      if (request.url !== '/direct') response.write('the ')
      await turns(60)
      streamOf(response).end('page')
    })
    const outer = withSessions(a.sessions, (request, response) => inner(request, response))
    const { url, close } = await listeningHttp2(createServer(outer as never))
    t.after(close)
    const client = http2(url)
    t.after(() => client.close())
    const visitor = new Visitor(client)
    assert.equal((await visitor.ask('/direct')).status, 500)
    const page = await visitor.ask('/')
    assert.deepEqual([page.text, page.all('set-cookie').length], ['the page', 2])
  })
})
