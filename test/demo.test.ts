import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { Demo, folder, running } from './browser/running.ts'
import { Client } from './demo/client.ts'

const LIMIT = { timeout: 300_000 }

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

  test('a folder that cannot be made is one clear line that says what to do', async (t) => {
    const dir = folder(t)
    writeFileSync(join(dir, '.strongroom'), '')
    const { code, stdout, stderr } = await new Demo(dir, ['--port', '0']).ended
    assert.match(stderr, /^Strongroom demo: .*cannot \(EEXIST\)\. Start it where you may write\.\n$/)
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

  test('on SIGINT, after a second, although a request never comes to its end', async (t) => {
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
    const readable = join(cwd, '.strongroom/engines/express-session')
    await client.post('/note', { note: NOTE })
    await client.post('/attacks/plant')
    assert.ok(readdirSync(readable).length > 0)
    await demo.stop()
    assert.deepEqual(readdirSync(tmp), [])
    assert.ok(!existsSync(readable))
    assert.deepEqual(readdirSync(cwd), ['.strongroom'])
    const left = readdirSync(join(cwd, '.strongroom'), { recursive: true, encoding: 'utf8', withFileTypes: true })
    for (const file of left.filter((entry) => entry.isFile()))
      assert.ok(!readFileSync(join(file.parentPath, file.name)).includes(NOTE), file.name)
  })
})

test('a demo that was killed leaves readable sessions until the next one begins', LIMIT, async (t) => {
  const cwd = folder(t)
  const readable = join(cwd, '.strongroom/engines/express-session')
  const first = await running(t, [], cwd)
  await new Client(first.url).post('/note', { note: NOTE })
  await first.demo.stop('SIGKILL')
  assert.equal(readdirSync(readable).length, 1)
  await running(t, [], cwd)
  assert.deepEqual(readdirSync(readable), [])
})
