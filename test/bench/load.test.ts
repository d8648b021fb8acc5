import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { contenderOf } from '../../bench/http/contenders.ts'
import type { Running } from '../../bench/http/fleet.ts'
import { foreignShare, ticksOf } from '../../bench/http/foreign.ts'
import { load, quietest, type Slice } from '../../bench/http/load.ts'
import { meter } from '../../bench/http/usage.ts'
import { need } from '../support/need.ts'

const VISITORS = 500

/** Runs `work` against a server with visitors whose cookies are `id=INDEX.0`. */
async function withServer(listener: RequestListener, work: (running: Running) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-load-'))
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cookies = join(directory, 'cookies')
  writeFileSync(cookies, Array.from({ length: VISITORS }, (_, index) => `id=${index}.0\n`).join(''))
  const { begin, end } = meter(server)
  try {
    await work({
      contender: contenderOf('limit: memory'),
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      directory,
      cookies,
      begin: async () => begin(),
      end: async () => end(),
      stop: async () => {},
    })
  } finally {
    server.close()
    server.closeAllConnections()
    rmSync(directory, { recursive: true, force: true })
  }
}

const wrk = need('wrk')
suite('the load', { skip: wrk.skip }, () => {
  test('visitors present the newest cookie that they were given, in the next slice as well', async () => {
    const newest = new Map<number, number>()
    let [behind, ofLogin] = [0, 0]
    const listener: RequestListener = (request, response) => {
      const [index = 0, given = 0] = (request.headers.cookie ?? '').slice(3).split('.').map(Number)
      behind = Math.max(behind, (newest.get(index) ?? 0) - given)
      if (given === 0) ofLogin += 1
      newest.set(index, given + 1)
      response.setHeader('Set-Cookie', `id=${index}.${given + 1}; Path=/`)
      response.end(JSON.stringify({ value: index }))
    }
    await withServer(listener, async (running) => {
      await load(running, 'write', 0.3)
      // Each visitor came twice, so that one lost response leaves a cookie that is newer than the login's.
      while (Math.min(...newest.values()) < 2) await load(running, 'write', 0.3)
      const stored = readFileSync(running.cookies, 'utf8').trim().split('\n')
      assert.ok(stored.every((line, index) => line.startsWith(`id=${index}.`) && !line.endsWith('.0')))
      ofLogin = 0
      await load(running, 'write', 0.3)
      assert.equal(ofLogin, 0)
      // Those responses that were under way at the end of a slice never arrived.
      assert.ok(behind <= 1, `${behind}`)
    })
  })

  test('a visitor with two cookies keeps both', async () => {
    const seen = new Set<string>()
    const listener: RequestListener = (request, response) => {
      seen.add(request.headers.cookie ?? '')
      response.setHeader('Set-Cookie', ['id=new', 'id.sig=new'])
      response.end('{"value":0}')
    }
    await withServer(listener, async (running) => {
      writeFileSync(running.cookies, 'id=a; id.sig=b\n')
      await load(running, 'write', 0.1)
      assert.deepEqual([...seen], ['id=a; id.sig=b'])
    })
  })

  test('a response without the visitor’s data fails the slice, and so does an error', async () => {
    await withServer(
      (_request, response) => response.end('{}'),
      async (running) => {
        await assert.rejects(load(running, 'read', 0.1), /visitors on read had no session/)
        await load(running, 'untouched', 0.1)
      },
    )
    await withServer(
      (_request, response) => response.writeHead(500).end('{"value":0}'),
      async (running) => assert.rejects(load(running, 'read', 0.1), /requests for read failed/),
    )
  })
})

suite('a slice', () => {
  /** What is measured one after the other: the foreign load, or a failure. */
  const counts = async (...measured: (number | 'failed')[]) => {
    const { foreign } = await quietest(async () => {
      const next = measured.shift()
      if (typeof next === 'number') return { foreign: next } as Slice
      throw new Error(next)
    })
    return { foreign, left: measured.length }
  }

  test('is measured again if others had more than 8 % of the processor', async () => {
    assert.deepEqual(await counts(0.08, 0), { foreign: 0.08, left: 1 })
    assert.deepEqual(await counts(0.09, 0.2, 0.01, 0), { foreign: 0.01, left: 1 })
  })

  test('counts if it is the quietest of three that were all disturbed', async () => {
    assert.deepEqual(await counts(0.3, 0.1, 0.2, 0), { foreign: 0.1, left: 1 })
  })

  test('may fail once, and not twice', async () => {
    assert.deepEqual(await counts('failed', 0.01), { foreign: 0.01, left: 0 })
    await assert.rejects(counts('failed', 'failed', 0.01), /failed/)
  })
})

suite('what a server used', () => {
  test('every request that it received since the beginning counts', () => {
    const server = createServer()
    const { begin, end } = meter(server)
    server.emit('request')
    begin()
    for (let i = 0; i < 3; i++) server.emit('request')
    assert.equal(end().requests, 3)
  })

  test('bytes count as allocated whether or not they were collected meanwhile', () => {
    const { begin, end } = meter(createServer())
    const [count, length] = [50_000, 125]
    const allocate = () => {
      let last: number[] = []
      for (let i = 0; i < count; i++) last = new Array(length).fill(i)
      return last
    }
    allocate()
    begin()
    allocate()
    const { allocated, collections } = end()
    const expected = count * length * 8
    assert.ok(collections > 0)
    assert.ok(allocated > expected && allocated < 1.15 * expected, `${allocated} of ${expected}`)
  })
})

suite('foreign load', () => {
  const stat = `cpu  9 9 9 9 9 9 9 9 0 0
cpu0 100 20 30 4000 50 6 7 8 0 0
cpu1 1 1 1 1 1 1 1 1 0 0
`
  test('busy is what a program or an interrupt had, and neither idle time nor waiting for a disk', () =>
    assert.deepEqual(ticksOf(stat, 0), { busy: 1_630_000, stolen: 80_000 }))

  const [before, elapsed] = [{ busy: 0, stolen: 0 }, 1_000_000]

  test('the server’s own time is not foreign', () => {
    assert.equal(foreignShare(before, { busy: 900_000, stolen: 0 }, 900_000, elapsed), 0)
    assert.equal(foreignShare(before, { busy: 900_000, stolen: 0 }, 600_000, elapsed), 0.3)
  })

  test('what the hypervisor took is foreign, even where it counts as the server’s own', () => {
    assert.equal(foreignShare(before, { busy: 800_000, stolen: 100_000 }, 900_000, elapsed), 0.1)
  })

  test('where the system does not say, nothing is foreign', () => {
    assert.equal(foreignShare(null, null, 1, elapsed), 0)
  })
})
