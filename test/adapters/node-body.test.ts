import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, before, suite, test } from 'node:test'
import { createGzip, gunzipSync } from 'node:zlib'
import { hold, type NodeResponse } from '../../packages/strongroom/src/adapters/node/hold.ts'
import { StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { gate, turns, until } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { http2Site, nodeSite, running, slowSessions, type Values } from './site.ts'

const content = randomBytes(1_000_000)
let folder = ''
let file = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-'))
  file = join(folder, 'file')
  await writeFile(file, content)
})
after(() => rm(folder, { recursive: true }))

const down = () => {
  throw new Error('down')
}

const SENDERS: readonly [string, (response: ServerResponse) => unknown][] = [
  ['pipe', (response) => createReadStream(file).pipe(response)],
  ['pipeline', (response) => pipeline(createReadStream(file), response).catch(() => undefined)],
  ['pipeline of a generator', (response) => pipeline(slices(), response).catch(() => undefined)],
  [
    'write and drain',
    async (response) => {
      for (const slice of slices()) if (!response.write(slice)) await once(response, 'drain')
      response.end()
    },
  ],
  [
    'many small writes',
    async (response) => {
      for (let at = 0; at < content.length; at += 1000) {
        if (!response.write(content.subarray(at, at + 1000))) await once(response, 'drain')
        if (at % 50_000 === 0) await turns(1)
      }
      response.end()
    },
  ],
  [
    'write without waiting',
    (response) => {
      for (const slice of slices()) response.write(slice)
      response.end()
    },
  ],
]

function* slices() {
  for (let at = 0; at < content.length; at += 50_000) yield content.subarray(at, at + 50_000)
}

suite('a large body is sent complete', { timeout: 60_000 }, () => {
  for (const [title, sendBody] of SENDERS)
    for (const [protocol, open] of [
      ['HTTP/1', nodeSite],
      ['HTTP/2', http2Site],
    ] as const)
      test(`by ${title} over ${protocol}`, async (t) => {
        const { visitor } = await open(t, async (request, response, sessions) => {
          const session = await sessions.get(request)
          if (request.url === '/write') session.set('a', 1)
          await sendBody(response)
        })
        for (const path of ['/write', '/look']) {
          const page = await visitor.ask(path)
          assert.equal(page.status, 200)
          assert.ok(page.bytes.equals(content))
        }
        assert.equal((await visitor.ask('/read')).text, '{"a":1}')
      })
})

suite('when the session cannot be saved, nothing of the body is sent', { timeout: 60_000 }, () => {
  for (const [title, sendBody] of SENDERS)
    for (const [protocol, open] of [
      ['HTTP/1', nodeSite],
      ['HTTP/2', http2Site],
    ] as const)
      test(`by ${title} over ${protocol}`, async (t) => {
        const site = await open(t, async (request, response, sessions) => {
          const session = await sessions.get(request)
          if (request.url !== '/look') session.set('a', 1)
          response.setHeader('Content-Length', content.length)
          response.setHeader('Content-Encoding', 'identity')
          sendBody(response)
        })
        site.watch.before = async () => {
          await turns(10)
          down()
        }
        const page = await site.visitor.ask('/write')
        assert.equal(page.status, 503)
        assert.match(page.text, /^The session store failed/)
        assert.deepEqual(page.all('content-encoding'), [])
        // The connection still works.
        assert.equal((await site.visitor.ask('/look')).bytes.length, content.length)
      })

  test('and a pipeline rejects and destroys its source', async (t) => {
    const ended = gate()
    let source: Readable | undefined
    const site = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      source = createReadStream(file)
      await assert.rejects(pipeline(source, response))
      ended.open()
    })
    site.watch.before = down
    assert.equal((await site.visitor.ask('/')).status, 503)
    await ended.opened
    assert.equal(source?.destroyed, true)
  })
})

suite('a handler that continues after the error page', { timeout: 20_000 }, () => {
  for (const [protocol, open] of [
    ['HTTP/1', nodeSite],
    ['HTTP/2', http2Site],
  ] as const)
    for (const kind of ['a value that cannot be saved', 'a store that is down'])
      test(`writes to nowhere, and its callbacks get the error: ${kind} (${protocol})`, async (t) => {
        const [done, errors] = [gate(), [] as unknown[]]
        const site = await open(t, async (request, response, sessions) => {
          ;(await sessions.get(request)).set('a', kind.startsWith('a value') ? 1n : 1)
          const callback = (error?: unknown) => {
            errors.push(error)
          }
          response.on('error', (error) => assert.fail(error))
          response.writeHead(200, { 'Content-Length': 12 })
          response.write('one ', callback)
          await turns(50)
          assert.equal(response.write('two ', callback), false)
          assert.equal(response.end('four', callback), response)
          response.end()
          await turns(5)
          done.open()
        })
        site.watch.before = down
        const page = await site.visitor.ask('/')
        assert.equal(page.status, kind.startsWith('a value') ? 500 : 503)
        assert.doesNotMatch(page.text, /one|four/)
        await done.opened
        assert.equal(errors.length, 3)
        assert.ok(errors.every((error) => error instanceof StrongroomError))
      })
})

suite('a connection that breaks', { timeout: 60_000 }, () => {
  for (const [protocol, open] of [
    ['HTTP/1', nodeSite],
    ['HTTP/2', http2Site],
  ] as const) {
    test(`before the response began, has its session saved when the handler has answered (${protocol})`, async (t) => {
      const [arrived, closed, answering] = [gate(), gate(), gate()]
      const site = await open(t, async (request, response, sessions) => {
        const session = await sessions.get(request)
        session.set('a', request.url)
        if (request.url !== '/leave') return response.end()
        response.on('close', closed.open)
        arrived.open()
        await answering.opened
        response.end('too late')
      })
      await site.visitor.ask('/begin')
      const response = site.visitor.begin('/leave')
      await arrived.opened
      response.leave()
      await closed.opened
      await turns(20)
      assert.equal((await site.visitor.ask('/read')).text, '{"a":"/begin"}')
      answering.open()
      await until(async () => (await site.visitor.ask('/read')).text === '{"a":"/leave"}')
    })

    test(`while the response is held back, has its session saved (${protocol})`, async (t) => {
      const [writing, left] = [gate(), gate()]
      const site = await open(t, async (request, response, sessions) => {
        ;(await sessions.get(request)).set('a', request.url)
        if (request.url !== '/leave') return response.end()
        response.on('error', (error) => assert.fail(error))
        response.write('one')
        response.on('close', left.open)
        writing.open()
        await left.opened
        response.write('two')
        response.end('three')
      })
      await site.visitor.ask('/begin')
      site.watch.before = (call) => (call === 'update' ? left.opened.then(() => turns(10)) : undefined)
      const response = site.visitor.begin('/leave')
      await writing.opened
      response.leave()
      await left.opened
      await turns(40)
      site.watch.before = null
      assert.equal((await site.visitor.ask('/read')).text, '{"a":"/leave"}')
    })

    test(`in the middle of the body, has its session saved (${protocol})`, async (t) => {
      const site = await open(t, async (request, response, sessions) => {
        ;(await sessions.get(request)).set('a', request.url)
        if (request.url !== '/leave') return response.end()
        response.write('some', () => response.destroy())
      })
      await site.visitor.ask('/begin')
      // Over HTTP/2 the client sees a stream that was reset without an error.
      await site.visitor.ask('/leave').catch(() => undefined)
      assert.equal((await site.visitor.ask('/read')).text, '{"a":"/leave"}')
    })
  }
})

suite('middleware that also wraps the response', { timeout: 60_000 }, () => {
  for (const place of ['before', 'after'] as const)
    for (const [title, sendBody] of [
      ...SENDERS,
      ['one end', (response: ServerResponse) => response.end(content)] as const,
    ])
      test(`compresses the body when it is ${place} the session: ${title}`, async (t) => {
        const { sessions } = slowSessions()
        const { visitor } = await running(t, async (request, response) => {
          const begin = hold<Values>(response, (error) => assert.fail(`${error}`))
          sessions.attach(request, () => begin(sessions.open(request.headers)))
          if (place === 'before') compress(response)
          const session = await sessions.get(request)
          if (place === 'after') compress(response)
          if (request.url === '/write') session.set('a', 1)
          response.setHeader('Vary', 'Accept')
          response.setHeader('Content-Length', content.length)
          sendBody(response)
        })
        for (const path of ['/write', '/look']) {
          const page = await visitor.ask(path)
          assert.deepEqual(page.all('content-encoding'), ['gzip'])
          assert.ok(gunzipSync(page.bytes).equals(content))
          assert.deepEqual(page.header('vary')?.split(', ').sort(), ['Accept', 'Accept-Encoding', 'Cookie'])
          assert.equal(page.all('set-cookie').length, path === '/write' ? 1 : 0)
        }
      })
})

/** A short form of what the package `compression` does: `on-headers`, with write, end and on redirected through gzip. */
function compress(response: NodeResponse): void {
  const target = response as ServerResponse & { _header: unknown; _implicitHeader(): void }
  const { write, end, writeHead, on } = target
  const gzip = createGzip()
  let headersFired = false
  target.writeHead = ((...args: unknown[]) => {
    if (!headersFired) {
      headersFired = true
      target.setHeader('Vary', `${target.getHeader('Vary')}, Accept-Encoding`)
      target.setHeader('Content-Encoding', 'gzip')
      target.removeHeader('Content-Length')
      gzip.on('data', (chunk) => {
        if ((write as (chunk: unknown) => boolean).call(target, chunk) === false) gzip.pause()
      })
      gzip.on('end', () => (end as () => unknown).call(target))
      on.call(target, 'drain', () => gzip.resume())
    }
    return (writeHead as (...args: unknown[]) => ServerResponse).apply(target, args)
  }) as typeof writeHead
  target.write = ((chunk: Buffer) => {
    if (!target._header) target._implicitHeader()
    return gzip.write(chunk)
  }) as typeof write
  target.end = ((chunk?: Buffer) => {
    if (!target._header) target._implicitHeader()
    gzip.end(chunk)
    return target
  }) as typeof end
  target.on = ((event: string, listener: () => void) => {
    if (event !== 'drain') return on.call(target, event, listener)
    gzip.on(event, listener)
    return target
  }) as typeof on
}
