import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { root } from '../scripts/packages.ts'
import { Demo, folder, running } from './browser/running.ts'

const LIMIT = { timeout: 60_000 }

/** A client that keeps its cookies, as far as these tests need them. */
class Client {
  readonly #url: string
  readonly cookies = new Map<string, string>()

  constructor(url: string) {
    this.#url = url
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { headers })
  }

  /** As a browser sends a form of the page itself, unless `headers` say otherwise. */
  async post(path: string, fields: Record<string, string> = {}, headers?: Record<string, string>): Promise<Response> {
    const sent = headers ?? { 'sec-fetch-site': 'same-origin' }
    return this.#send(path, { method: 'POST', body: new URLSearchParams(fields), headers: sent })
  }

  async text(path: string): Promise<string> {
    return (await this.get(path)).text()
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...(init.headers as Record<string, string>), ...(cookie && { cookie }) }
    const response = await fetch(this.#url + path, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      this.cookies.set(name, value)
    }
    return response
  }
}

const NOTE = 'the canary sings under the third flowerpot'

suite('the demo’s command line', LIMIT, () => {
  const run = (t: TestContext, ...args: string[]) => new Demo(folder(t), args).ended

  test('--help says what can be chosen', async (t) => {
    const { code, stdout, stderr } = await run(t, '--help')
    assert.equal(code, 0)
    for (const option of ['--port', '--servers', '--store', '--report', '--plain-cookie'])
      assert.match(stdout, new RegExp(option))
    assert.match(stdout, /Examples:\n {2}npm start -- --servers\n/)
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
    ['a report that is not there', ['--report', './none.json'], /the report cannot be read: ENOENT/],
    ['a report that is none', ['--report', '/dev/null'], /strongroom lab --json/],
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
    const { code, stdout, stderr } = await run(t, '--port', String(port))
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
    test(`on ${signal}, immediately, with a connection open that waits for its next request`, async (t) => {
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

  test('and leaves nothing but .strongroom on the disk, in which no note can be read', async (t) => {
    const [cwd, tmp] = [folder(t), folder(t)]
    const { demo, url } = await running(t, [], cwd, { TMPDIR: tmp })
    const client = new Client(url)
    await client.post('/note', { note: NOTE })
    await client.post('/attacks/plant')
    assert.notDeepEqual(readdirSync(tmp), [])
    await demo.stop()
    assert.deepEqual(readdirSync(tmp), [])
    assert.deepEqual(readdirSync(cwd), ['.strongroom'])
    const left = readdirSync(join(cwd, '.strongroom'), { recursive: true, encoding: 'utf8', withFileTypes: true })
    for (const file of left.filter((entry) => entry.isFile()))
      assert.ok(!readFileSync(join(file.parentPath, file.name)).includes(NOTE), file.name)
  })
})

suite('the demo’s answers', LIMIT, () => {
  test('begin within a second of its start', async (t) => {
    const began = performance.now()
    const { url } = await running(t)
    assert.equal((await new Client(url).get('/')).status, 200)
    // A second on a machine of its own; the tests share one.
    assert.ok(performance.now() - began < 4000)
  })

  test('carry the headers that keep a page to itself', async (t) => {
    const { url } = await running(t)
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
    const { url } = await running(t)
    const client = new Client(url)
    const keep = async (headers: Record<string, string>) => (await client.post('/note', { note: NOTE }, headers)).status
    assert.equal(await keep({ 'sec-fetch-site': 'cross-site' }), 403)
    assert.equal(await keep({ 'sec-fetch-site': 'same-site', origin: url }), 403)
    assert.equal(await keep({ origin: 'https://example.com' }), 403)
    assert.equal(await keep({ origin: 'null' }), 403)
    assert.equal(client.cookies.size, 0)
    assert.equal(await keep({ origin: url }), 303)
    assert.equal(await keep({ 'sec-fetch-site': 'same-origin' }), 303)
  })

  test('refuse a request for another host, which a rebound name would be', async (t) => {
    const { url } = await running(t)
    const status = (host: string) =>
      new Promise((done, fail) =>
        get(url, { headers: { host } }, (response) => done(response.resume().statusCode)).on('error', fail),
      )
    const { port } = new URL(url)
    assert.equal(await status(`evil.example:${port}`), 421)
    assert.equal(await status('localhost.evil.example'), 421)
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
      assert.equal(await status(host), 200)
  })

  test('show a note as text, whatever it looks like, and wherever it is found', async (t) => {
    const { url } = await running(t)
    const client = new Client(url)
    const hostile = `<script>alert("1")</script>'"><img src=x onerror=alert(1)>&amp;`
    await client.post('/note', { note: hostile })
    for (const attack of ['come-back', 'flip', 'put-back']) await client.post(`/attacks/${attack}`)
    for (const path of ['/', '/attacks/come-back', '/attacks/flip', '/attacks/put-back']) {
      const page = await client.text(path)
      assert.ok(!page.includes('<script>'), path)
      assert.ok(!page.includes('<img'), path)
    }
    const page = await client.text('/')
    assert.ok(page.includes('&lt;script&gt;'))
    assert.match(page, /found in JSON|found as plain text/)
  })

  test('refuse a note that is too short to be looked for, and one that is too long', async (t) => {
    const { url } = await running(t)
    const client = new Client(url)
    for (const note of ['', '       ', 'seven c', 'x'.repeat(201)]) {
      assert.equal((await client.post('/note', { note })).status, 303)
      const page = await client.text('/')
      assert.match(page, /A note needs 8 to 200 characters/)
      assert.match(page, /Leave a secret above/)
    }
  })

  test('keep visitors apart: nobody sees the note or the results of another', async (t) => {
    const { url } = await running(t)
    const [ada, eve] = [new Client(url), new Client(url)]
    await ada.post('/note', { note: NOTE })
    await eve.post('/note', { note: 'the note of somebody else' })
    const { headers } = await ada.post('/attacks/come-back')
    const page = await eve.text('/')
    assert.doesNotMatch(page, /canary/)
    assert.match(page, /the note of somebody else/)
    assert.doesNotMatch(await eve.text('/attacks/come-back'), /What happened/)
    // Only who has the address of a run sees it, and nobody can guess one.
    assert.match(headers.get('location') ?? '', /^\/attacks\/come-back\?run=[\w-]{22}$/)
    const wrong = await eve.text('/attacks/come-back?run=AAAAAAAAAAAAAAAAAAAAAA')
    assert.match(wrong, /That run is not known any more/)
    assert.doesNotMatch(wrong, /What happened/)
  })

  test('let a browser without cookies attack, and tell it why its note is not kept', async (t) => {
    const { url } = await running(t)
    const post = (path: string, body = '') =>
      fetch(url + path, {
        method: 'POST',
        body: new URLSearchParams(body),
        headers: { 'sec-fetch-site': 'same-origin' },
        redirect: 'manual',
      })
    const attack = await post('/attacks/come-back')
    const location = attack.headers.get('location') ?? ''
    assert.match(location, /\?run=[\w-]{22}&kept$/)
    assert.match(await (await fetch(url + location)).text(), /What happened/)
    const note = await post('/note', `note=${NOTE}`)
    assert.equal(note.headers.get('location'), '/?kept#places')
    assert.match(await (await fetch(`${url}/?kept`)).text(), /--plain-cookie/)
  })

  test('run an attack that is started twice in parallel twice', async (t) => {
    const { url } = await running(t)
    const client = new Client(url)
    await client.post('/note', { note: NOTE })
    const replies = await Promise.all([1, 2, 3].map(() => client.post('/attacks/stop')))
    const locations = replies.map(({ headers }) => headers.get('location') ?? '')
    assert.equal(new Set(locations).size, 3)
    for (const location of locations) {
      const page = await client.text(location)
      assert.match(page, /An error \(503\) while it was away/)
      assert.doesNotMatch(page, /could not be finished/)
    }
  })

  test('refuse more attacks than can wait, and say when to come back', async (t) => {
    const { url } = await running(t)
    const replies = await Promise.all(Array.from({ length: 16 }, () => new Client(url).post('/attacks/stop')))
    const busy = replies.filter(({ status }) => status === 503)
    assert.ok(busy.length > 0 && busy.length < 16)
    assert.equal(busy[0]?.headers.get('retry-after'), '5')
    assert.match((await busy[0]?.text()) ?? '', /attacks are waiting for their turn/)
  })

  test('set __Host- cookies, Secure, or with --plain-cookie cookies for browsers that want neither', async (t) => {
    const setBy = async (...args: string[]) => {
      const { url } = await running(t, args)
      const lines = (await new Client(url).post('/note', { note: NOTE })).headers.getSetCookie()
      return lines.filter((line) => /sqlite=|id=/.test(line)).map((line) => line.replace(/=[^;]+/, '=…'))
    }
    const end = 'Path=/; HttpOnly; Secure; SameSite=Lax'
    assert.deepEqual((await setBy()).sort(), [`__Host-id=…; ${end}`, `__Host-sqlite=…; ${end}`])
    const plain = 'Path=/; HttpOnly; SameSite=Lax'
    assert.deepEqual((await setBy('--plain-cookie')).sort(), [`id=…; ${plain}`, `sqlite=…; ${plain}`])
  })

  test('are pages, also for what is not there and what is too much', async (t) => {
    const { url } = await running(t)
    const client = new Client(url)
    for (const [response, status] of [
      [await client.get('/nowhere'), 404],
      [await client.get('/attacks/nothing'), 404],
      [await client.post('/attacks/nothing'), 404],
      [await client.get('/docs/nothing.md'), 404],
      [await client.get('/docs/..%2fpackage.json'), 404],
      [await client.get('/lab/cell?row=x&attack=y'), 404],
      [await client.post('/note', { note: 'x'.repeat(10_000) }), 413],
    ] as const) {
      assert.equal(response.status, status)
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/)
      assert.match(await response.text(), /To the start page/)
    }
    assert.match(await client.text('/attacks/nothing'), /come-back, plant, flip, put-back, stop, race/)
  })

  test('show the visitor’s own store beside the others, and never stop it', async (t) => {
    const { url } = await running(t, ['--store', 'file:./mine'])
    const client = new Client(url)
    await client.post('/note', { note: NOTE })
    assert.match(await client.text('/'), /Your store/)
    await client.post('/attacks/stop')
    assert.match(await client.text('/attacks/stop'), /The demo stops no server that it has not started/)
    await client.post('/attacks/come-back')
    assert.match(await client.text('/attacks/come-back'), /id="own"/)
  })

  test('go on after a restart with what is on the disk, and say what memory has forgotten', async (t) => {
    const cwd = folder(t)
    const first = await running(t, [], cwd)
    const client = new Client(first.url)
    await client.post('/note', { note: NOTE })
    await first.demo.stop()
    const { url } = await running(t, [], cwd)
    const again = new Client(url)
    for (const [name, value] of client.cookies) again.cookies.set(name, value)
    const page = await again.text('/')
    assert.match(page, /canary/)
    assert.equal(page.match(/The session is gone: this engine forgets at a restart/g)?.length, 1)
    assert.equal(page.match(/The session is gone: what we compare with starts afresh/g)?.length, 2)
  })
})

test('the pictures of the demo are those that its page shows and that scripts/pictures.ts takes', () => {
  const read = (file: string) => readFileSync(join(root, file), 'utf8')
  const taken = [...read('scripts/pictures.ts').matchAll(/take\(page, '([\w-]+)'/g)].map(([, name]) => `${name}.png`)
  const images = readdirSync(join(root, 'docs/images')).filter((name) => name.startsWith('demo-'))
  assert.deepEqual(images.sort(), taken.sort())
  const page = read('docs/demo.md')
  for (const name of images) {
    assert.ok(page.includes(`images/${name}`), name)
    assert.deepEqual(
      readFileSync(join(root, 'docs/images', name))
        .subarray(1, 4)
        .toString(),
      'PNG',
    )
  }
})
