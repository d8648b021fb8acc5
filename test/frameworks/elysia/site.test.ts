import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, suite, test } from 'node:test'
import { WebSocket } from 'ws'
import { type Client, http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import { root } from '../../../scripts/packages.ts'

const RUNTIMES = {
  Node: process.execPath,
  Bun: join(root, 'node_modules', 'bun', 'bin', 'bun.exe'),
}

/** What a route that sets `a` to 1 responds. */
const OUTCOMES: Readonly<Record<string, readonly [status: number, body: string | RegExp]>> = {
  text: [200, 'text'],
  json: [200, '{"a":1}'],
  status: [418, 'tea'],
  thrown: [403, 'no'],
  response: [204, ''],
  file: [200, 'a file'],
  generator: [200, 'one SessionClosedError'],
  cookie: [200, 'cookie'],
  validated: [422, /./],
  group: [200, 'group'],
  all: [200, 'all'],
}

for (const [runtime, program] of Object.entries(RUNTIMES))
  suite(`Elysia on ${runtime}`, { timeout: 60_000 }, () => {
    let child: ChildProcess
    let url: string
    let client: Client
    before(async () => {
      const { NODE_TEST_CONTEXT: _, ...env } = process.env
      child = spawn(program, [join(import.meta.dirname, 'site.ts')], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      const [line] = await once(createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }), 'line')
      url = String(line).replace(' Ready', '')
      client = http1(url)
    })
    after(async () => {
      client?.close()
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    })
    const visitor = () => new Visitor(client)
    const facts = (someone: Visitor) => someone.facts()

    test('saves the session with every kind of response below 500, and sends one cookie', async () => {
      for (const [name, [status, body]] of Object.entries(OUTCOMES)) {
        // @elysiajs/node sends a file with a Content-Length and a Transfer-Encoding, which no client accepts, with and without a session.
        if (name === 'file' && runtime === 'Node') continue
        const someone = visitor()
        const page = await someone.ask(`/set/${name}`)
        assert.equal(page.status, status, `${name}: ${page.text}`)
        if (typeof body === 'string') assert.equal(page.text, body, name)
        assert.equal(page.all('set-cookie').length, name === 'cookie' ? 2 : 1, name)
        assert.equal(page.header('vary'), 'Cookie', name)
        assert.deepEqual(await facts(someone), { userId: null, a: 1 }, name)
      }
    })

    test('a response that a handler returns to every visitor has no cookie of another', async () => {
      const [one, two] = [await visitor().ask('/set/response'), await visitor().ask('/set/response')]
      assert.deepEqual([one.all('set-cookie').length, two.all('set-cookie').length], [1, 1])
      assert.notEqual(one.header('set-cookie'), two.header('set-cookie'))
    })

    test('a request that does not ask for its session gets no header of ours', async () => {
      for (const path of ['/plain', '/constant']) {
        const page = await visitor().must(path)
        assert.deepEqual([page.all('vary'), page.all('set-cookie')], [[], []], path)
      }
      const missing = await visitor().ask('/nowhere')
      assert.deepEqual([missing.status, missing.text, missing.all('set-cookie')], [404, 'own 404', []])
    })

    test('a response of 500 saves nothing but a logout, whatever made it', async () => {
      const someone = visitor()
      await someone.must('/set/text')
      for (const path of ['/fails/500', '/fails/circular']) assert.equal((await someone.ask(path)).status, 500)
      assert.deepEqual(await facts(someone), { userId: null, a: 1 })
      await someone.must('/login')
      const page = await someone.ask('/logout-fails')
      assert.deepEqual([page.status, page.text, page.all('set-cookie').length], [500, 'own 500', 1])
      assert.equal((await facts(someone)).userId, null)
    })

    test('an error of the save reaches onError with its code, its status and its request', async () => {
      const large = await visitor().ask('/large', { headers: { 'x-own': 'mine' } })
      const { message, ...rest } = JSON.parse(large.text)
      assert.deepEqual(rest, { code: 'STRONGROOM_TOO_LARGE', path: '/large', header: 'mine' })
      assert.match(message, /needs/)
      assert.deepEqual([large.status, large.all('set-cookie')], [500, []])
      const someone = visitor()
      await someone.must('/down/yes')
      for (const path of ['/set/text', '/set/generator', '/child/login']) {
        const page = await someone.ask(path)
        assert.deepEqual([page.status, JSON.parse(page.text).code], [503, 'STRONGROOM_STORE'], path)
        assert.deepEqual(page.all('set-cookie'), [])
      }
      await someone.must('/down/no')
    })

    test('an application that uses the plugin itself shares the session, and loses no login', async () => {
      const someone = visitor()
      const page = await someone.must('/child/login')
      assert.deepEqual([page.text, page.all('set-cookie').length], ['1', 1])
      assert.deepEqual(await facts(someone), { userId: 'ada', basket: 1 })
    })

    test('without await, session is an error instead of a visitor who is not signed in', async () => {
      assert.equal((await visitor().ask('/misuse')).status, 500)
    })

    test('a mounted handler has no session of ours, and may have one by withSessions()', async () => {
      assert.equal((await visitor().must('/mounted/x')).text, 'NotAttachedError')
      const someone = visitor()
      assert.equal((await someone.must('/wrapped/x')).all('set-cookie').length, 1)
      assert.deepEqual(await facts(someone), { userId: null, a: 1 })
    })

    test('a WebSocket has the session of its upgrade, which cannot be changed', async (t) => {
      const someone = visitor()
      await someone.must('/login')
      const cookie = someone.jar.header() ?? ''
      const socket = new WebSocket(`${url.replace('http', 'ws')}/live`, { headers: { cookie } })
      t.after(() => socket.terminate())
      const [message] = await once(socket, 'message')
      assert.equal(String(message), 'ada ReadOnlyError')
    })
  })
