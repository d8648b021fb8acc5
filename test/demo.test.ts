import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { Demo, folder, running } from './browser/running.ts'

const LIMIT = { timeout: 60_000 }

/** A client that keeps the cookie, as far as these tests need one. */
class Client {
  readonly #url: string
  cookie = ''

  constructor(url: string) {
    this.#url = url
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { headers })
  }

  async post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { method: 'POST', body: new URLSearchParams(fields), headers })
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string>), ...(this.cookie && { cookie: this.cookie }) }
    const response = await fetch(this.#url + path, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) this.cookie = line.split(';', 1)[0] ?? ''
    return response
  }
}

suite('the demo’s command line', LIMIT, () => {
  const run = (t: TestContext, ...args: string[]) => new Demo(folder(t), args).ended

  test('--help says what can be chosen', async (t) => {
    const { code, stdout, stderr } = await run(t, '--help')
    assert.equal(code, 0)
    for (const option of ['--port', '--store', '--plain-cookie']) assert.match(stdout, new RegExp(option))
    assert.equal(stderr, '')
  })

  for (const [title, args, line] of [
    ['an option that there is not', ['--stor', 'memory:'], /--stor/],
    ['a word too many', ['memory:'], /argument/],
    ['a port that is no number', ['--port', 'x'], /0 to 65535/],
    ['a port out of range', ['--port', '65536'], /0 to 65535/],
    ['a store of an unknown kind', ['--store', 'redish://x'], /memory:, file:, sqlite:, cookie:/],
    ['a store without a scheme', ['--store', './x.db'], /memory:, file:, sqlite:, cookie:/],
    ['an option that the store does not know', ['--store', 'memory:?size=3'], /max/],
    ['a cookie engine with a path', ['--store', 'cookie:x'], /'cookie:'/],
    [
      'a database in a folder that is not there',
      ['--store', 'sqlite:./none/x.db'],
      /folder of the session database does not exist/,
    ],
  ] as const)
    test(`${title} is one clear line and exit code 2`, async (t) => {
      const { code, stdout, stderr } = await run(t, '--port', '0', ...args)
      assert.match(stderr, /^Strongroom demo: .+\n$/)
      assert.match(stderr, line)
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
    })

  test('a port that is taken is one clear line that says how to choose another', async (t) => {
    const other = createServer().listen(0, 'localhost')
    t.after(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, stdout, stderr } = await run(t, '--port', String(port), '--store', 'memory:')
    assert.equal(
      stderr,
      `Strongroom demo: port ${port} is taken. Choose another: npm start -- --port ${port + 1}, or --port 0 for any free one.\n`,
    )
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  })

  test('the key is made once, in a file that only its owner may read', async (t) => {
    const cwd = folder(t)
    const started = async () => {
      const { demo } = await running(t, [], cwd)
      await demo.stop()
      return readFileSync(join(cwd, '.strongroom/demo.key'), 'utf8')
    }
    const first = await started()
    assert.equal(statSync(join(cwd, '.strongroom/demo.key')).mode & 0o777, 0o600)
    assert.equal(statSync(join(cwd, '.strongroom')).mode & 0o777, 0o700)
    assert.equal(await started(), first)
  })
})

suite('the demo ends', LIMIT, () => {
  const timed = async (work: Promise<unknown>) => {
    const began = performance.now()
    await work
    return performance.now() - began
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    test(`on ${signal}, at once, with a connection open that waits for its next request`, async (t) => {
      const { demo, url } = await running(t)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      t.after(() => agent.destroy())
      const [response] = await once(get(url, { agent }), 'response')
      response.resume()
      await once(response, 'end')
      const ended = demo.stop(signal)
      assert.ok((await timed(ended)) < 2000)
      assert.deepEqual(await ended.then(({ code, stderr }) => ({ code, stderr })), { code: 0, stderr: '' })
    })

  test('on SIGINT, after a second of patience, with a request that never comes to its end', async (t) => {
    const { demo, url } = await running(t)
    const socket = connect({ host: 'localhost', port: Number(new URL(url).port) })
    t.after(() => socket.destroy())
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\n')
    await once(socket, 'data')
    const { code, stderr } = await demo.stop()
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  })
})

suite('the demo’s answers', LIMIT, () => {
  test('carry the headers that keep a page to itself', async (t) => {
    const { url } = await running(t, ['--store', 'memory:'])
    const { headers } = await new Client(url).get('/')
    assert.match(
      headers.get('content-security-policy') ?? '',
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    )
    assert.doesNotMatch(headers.get('content-security-policy') ?? '', /unsafe/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('x-powered-by'), null)
    assert.equal(headers.get('set-cookie'), null)
  })

  test('refuse a form from another site, by what the browser says of it', async (t) => {
    const { url } = await running(t, ['--store', 'memory:'])
    const client = new Client(url)
    const add = async (headers: Record<string, string>) =>
      (await client.post('/basket/add', { sku: 'brass-padlock' }, headers)).status
    assert.equal(await add({ 'sec-fetch-site': 'cross-site' }), 403)
    assert.equal(await add({ 'sec-fetch-site': 'same-site', origin: url }), 403)
    assert.equal(await add({ origin: 'https://example.com' }), 403)
    assert.equal(await add({ origin: 'null' }), 403)
    assert.equal(client.cookie, '')
    assert.equal(await add({ origin: url }), 303)
    assert.equal(await add({ 'sec-fetch-site': 'same-origin' }), 303)
    assert.equal(await add({}), 303)
  })

  test('show a name as text, whatever it looks like', async (t) => {
    const { url } = await running(t, ['--store', 'memory:'])
    const client = new Client(url)
    await client.post('/sign-in', { name: '<script>alert("1")</script>' })
    for (const path of ['/', '/session', '/thief', '/devices']) {
      const page = await (await client.get(path)).text()
      assert.ok(page.includes('&lt;script&gt;'), path)
      assert.ok(!page.includes('<script>'), path)
    }
  })

  test('lead nowhere but to pages of the demo after a sign-in', async (t) => {
    const { url } = await running(t, ['--store', 'memory:'])
    const after = async (next: string) =>
      (await new Client(url).post('/sign-in', { name: 'Ada', next })).headers.get('location')
    assert.equal(await after('/devices'), '/devices?kept')
    for (const next of ['//example.com', 'https://example.com', '/\\example.com', '', '/nowhere'])
      assert.equal(await after(next), '/?kept')
  })

  test('say so when the browser did not keep the cookie', async (t) => {
    const { url } = await running(t, ['--store', 'memory:'])
    assert.match(await (await new Client(url).get('/?kept')).text(), /--plain-cookie/)
    const client = new Client(url)
    await client.post('/basket/add', { sku: 'cash-box' })
    assert.doesNotMatch(await (await client.get('/?kept')).text(), /--plain-cookie/)
  })

  test('set __Host-id, Secure, or with --plain-cookie a cookie for browsers that want neither', async (t) => {
    const setBy = async (...args: string[]) => {
      const { url } = await running(t, ['--store', 'memory:', ...args])
      const [line = ''] = (await new Client(url).post('/sign-in', { name: 'Ada' })).headers.getSetCookie()
      return line.replace(/=[^;]+/, '=…')
    }
    assert.equal(await setBy(), '__Host-id=…; Path=/; HttpOnly; Secure; SameSite=Lax')
    assert.equal(await setBy('--plain-cookie'), 'id=…; Path=/; HttpOnly; SameSite=Lax')
  })

  test('are pages, also for what is not there and what is too much', async (t) => {
    const { url } = await running(t, ['--store', 'memory:'])
    const client = new Client(url)
    for (const [response, status] of [
      [await client.get('/nowhere'), 404],
      [await client.post('/basket/note', { note: 'x'.repeat(10_000) }), 413],
    ] as const) {
      assert.equal(response.status, status)
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/)
      assert.match(await response.text(), /To the shop/)
    }
  })

  test('sign nobody out while the store does not answer', async (t) => {
    const cwd = folder(t)
    const { url } = await running(t, ['--store', 'file:./sessions'], cwd)
    const client = new Client(url)
    await client.post('/sign-in', { name: 'Ada' })
    renameSync(join(cwd, 'sessions'), join(cwd, 'away'))
    writeFileSync(join(cwd, 'sessions'), 'no directory')
    const response = await client.get('/session')
    assert.equal(response.status, 503)
    assert.match(await response.text(), /Nobody was signed out/)
    assert.deepEqual(response.headers.getSetCookie(), [])
    rmSync(join(cwd, 'sessions'))
    renameSync(join(cwd, 'away'), join(cwd, 'sessions'))
    assert.match(await (await client.get('/session')).text(), /signed in as/)
  })

  test('work with sessions in files', async (t) => {
    const { url } = await running(t, ['--store', 'file:./sessions'])
    const client = new Client(url)
    await client.post('/sign-in', { name: 'Ada' })
    await client.post('/basket/note', { note: 'under the flowerpot' })
    assert.match(await (await client.get('/thief')).text(), /Nothing of yours can be found/)
    assert.match(await (await client.get('/devices')).text(), /This device/)
  })
})
