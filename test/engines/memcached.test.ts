import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { after, before, describe, it, suite } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { type MemcachedOptions, memcached } from '../../packages/strongroom/src/engines/memcached/memcached.ts'
import { Replies } from '../../packages/strongroom/src/engines/memcached/replies.ts'
import { exptimeFor } from '../../packages/strongroom/src/engines/memcached/store.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Store, Version } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { bytes, DAY, everyByte, HOUR, newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { type MemcachedServer, memcachedNeed, startMemcached } from '../servers/memcached.ts'

const at = (...servers: readonly { port: number }[]) => servers.map(({ port }) => `127.0.0.1:${port}`)
const entry = (text = 'a session', fields = {}) => {
  return {
    bytes: bytes(text),
    expiresAt: Date.now() + HOUR,
    owner: null,
    label: null,
    createdAt: Date.now(),
    ...fields,
  }
}
const text = async (store: Store, id: Parameters<Store['read']>[0]) => {
  const found = await store.read(id)
  return found && Buffer.from(found.entry.bytes).toString()
}

suite('memcached', { skip: memcachedNeed.skip }, () => {
  let server: MemcachedServer
  before(async () => {
    server = await startMemcached()
  })
  after(() => server.stop())

  let count = 0
  storeSuite('memcached', async () => {
    const clock = manualClock()
    const prefix = `suite-${count++}:`
    const made: Store[] = []
    const another = (more: Partial<MemcachedOptions> = {}) => {
      const store = memcached({ servers: at(server), timeout: 500, clock, prefix, ...more })
      made.push(store)
      return store
    }
    let paused = false
    return {
      store: another(),
      clock,
      peer: async () => another(),
      sibling: async () => another({ prefix: `suite-${count++}:` }),
      breakBackend: async () => {
        paused = true
        await hang(server)
      },
      close: async () => {
        if (paused) server.resume()
        await Promise.all(made.map((store) => store.close()))
      },
    }
  })

  it('a server that hangs, is killed or comes back: errors within the time limit, then results, from the same store', async () => {
    const store = memcached({ servers: at(server), timeout: 300 })
    const id = newId()
    await store.create(id, entry())
    await hang(server)
    const began = performance.now()
    const all = Promise.all(Array.from({ length: 20 }, () => store.read(id)))
    await assert.rejects(
      all.finally(() => server.resume()),
      StoreError,
    )
    assert.ok(performance.now() - began < 1500)
    assert.equal(await text(store, id), 'a session')
    await server.kill()
    // The old connection may still have to find out that the server is gone. A new one is refused.
    await assert.rejects(
      store.read(id),
      /did not answer: (ECONNRESET|ECONNREFUSED|EPIPE|connection closed)\. Check that it is running, and the host and port\.$/,
    )
    for (let times = 0; times < 2; times++) await assert.rejects(store.read(id), /did not answer: ECONNREFUSED\. Check/)
    await server.start()
    assert.equal(await store.read(id), null)
    assert.equal(await store.create(id, entry('after')), true)
    assert.equal(await text(store, id), 'after')
    await store.close()
  })

  it('a write to a server that hangs is an error and may have been made, which the version shows', async () => {
    const store = memcached({ servers: at(server), timeout: 100 })
    const id = newId()
    await store.create(id, entry('first'))
    const version = (await store.read(id))?.version as Version
    await hang(server)
    const late = store.update(id, entry('second'), version)
    await assert.rejects(
      late.finally(() => server.resume()),
      StoreError,
    )
    const found = await memcached({ servers: at(server) }).read(id)
    assert.notEqual(await store.update(id, entry('third'), found?.version as Version), null)
    assert.equal(await text(store, id), 'third')
    await store.close()
  })

  it('saves a session of exactly sizeLimit, with a full label and the longest prefix, and loses nothing to a larger one', async () => {
    const store = memcached({ servers: at(server), prefix: 'p'.repeat(186) })
    const [id, limit] = [newId(), store.traits.sizeLimit as number]
    const full = { label: new Uint8Array(512).fill(7), owner: 'f'.repeat(64), expiresAt: Date.now() + 400 * DAY }
    assert.equal(await store.create(id, entry('', { ...full, bytes: new Uint8Array(limit).fill(13) })), true)
    const found = await store.read(id)
    assert.equal(found?.entry.bytes.length, limit)
    await assert.rejects(
      store.update(id, entry('', { bytes: new Uint8Array(limit + 1) }), found?.version as Version),
      /larger than memcached accepts/,
    )
    assert.equal((await store.read(id))?.entry.bytes.length, limit)
    await store.close()
  })

  it('an item that the server refuses is an error, and not a result', async () => {
    const store = memcached({ servers: at(server), itemSize: 4 * 2 ** 20 })
    const id = newId()
    await assert.rejects(store.create(id, entry('', { bytes: new Uint8Array(2 * 2 ** 20) })), /object too large/)
    // On the same connection, which goes on.
    assert.equal(await store.read(id), null)
    assert.equal(await store.create(id, entry()), true)
    await store.close()
  })

  it('many parallel calls, with values that look like the protocol, get their own replies', async () => {
    const store = memcached({ servers: at(server) })
    const values = ['\r\n', 'END\r\n', 'VA 5 c1 O1\r\nhello\r\n', 'EN\r\n'.repeat(999), '', 'x'.repeat(300_000)]
    const ids = Array.from({ length: 120 }, newId)
    const value = (index: number) => `${index}${values[index % values.length]}`
    await Promise.all(ids.map((id, index) => store.create(id, entry(value(index)))))
    const found = await Promise.all(ids.map((id) => text(store, id)))
    assert.deepEqual(
      found,
      ids.map((_, index) => value(index)),
    )
    await store.close()
  })

  it('sends one command to read, and one to change or delete what was read, unless another client has changed it', async () => {
    const [store, other] = [memcached({ servers: at(server) }), memcached({ servers: at(server) })]
    const id = newId()
    await store.create(id, entry('first'))
    const counted = async <T>(call: () => Promise<T>) => {
      const before = await commandsOf(server.port)
      const result = await call()
      return [result, (await commandsOf(server.port)) - before] as const
    }
    const [found, one] = await counted(() => store.read(id))
    const version = found?.version as number
    assert.equal(one, 1)
    assert.deepEqual(await counted(() => store.update(id, entry('second'), version)), [version + 1, 1])
    await other.touch(id, Date.now() + HOUR)
    assert.deepEqual(await counted(() => store.update(id, entry('third'), version + 1)), [version + 2, 3])
    assert.deepEqual(await counted(() => store.update(id, entry('late'), version)), [null, 1])
    assert.deepEqual(await counted(() => store.delete(id)), [true, 1])
    assert.deepEqual(await counted(() => store.delete(id)), [false, 1])
    for (const each of [store, other]) await each.close()
  })

  it('what was read before a restart cannot change a new session, although the server counts its CAS from the beginning', async () => {
    const [store, other] = [memcached({ servers: at(server) }), memcached({ servers: at(server) })]
    const id = newId()
    await server.kill()
    await server.start()
    await store.create(id, entry('first'))
    const version = (await store.read(id))?.version as Version
    await server.kill()
    await server.start()
    // The same id, with the same CAS.
    await other.create(id, entry('again'))
    assert.equal(await store.update(id, entry('late'), version).catch(() => null), null)
    assert.equal(await store.delete(id, version).catch(() => false), false)
    assert.equal(await text(store, id), 'again')
    for (const each of [store, other]) await each.close()
  })

  it('an error names the server, and never the session', async () => {
    const store = memcached({ servers: at(server), timeout: 200 })
    const id = newId()
    await server.kill()
    const error = await store.update(id, entry('canary'), 5).catch((error: unknown) => error)
    assert.match(String(error), new RegExp(`127.0.0.1:${server.port}`))
    assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(id))
    await server.start()
    await store.close()
  })

  it('an item under its prefix that is not a session is absent, and does not prevent a new one', async () => {
    const store = memcached({ servers: at(server), prefix: '' })
    const id = newId()
    const socket = await send(server.port, `ms ${id} 5\r\nhello\r\n`)
    assert.equal(await store.read(id), null)
    assert.equal(await store.touch(id, Date.now() + 60_000), false)
    assert.equal(await store.delete(id), false)
    assert.equal(await store.create(id, entry()), true)
    assert.ok(await store.read(id))
    socket.destroy()
    await store.close()
  })

  it('sessions are spread over the servers, and a server that is down takes no others with it', async () => {
    const second = await startMemcached()
    const store = memcached({ servers: at(server, second), timeout: 500 })
    // The same list, in another order.
    const peer = memcached({ servers: at(second, server), timeout: 500 })
    const ids = Array.from({ length: 60 }, newId)
    for (const id of ids) assert.equal(await store.create(id, entry(id)), true)
    for (const id of ids) assert.equal(await text(peer, id), id)
    await second.kill()
    const answers = await Promise.all(ids.map((id) => text(store, id).catch((error: unknown) => error)))
    const lost = answers.filter((answer) => answer instanceof StoreError).length
    assert.ok(lost > 10 && lost < 50, `${lost} of 60`)
    assert.ok(answers.every((answer, index) => answer instanceof StoreError || answer === ids[index]))
    await assert.rejects(store.clearExpired(), StoreError)
    await second.start()
    // Forgotten by a server that is back: now "absent" is the truth.
    for (const [index, id] of ids.entries()) assert.equal(await text(store, id), answers[index] === id ? id : null)
    assert.equal(await store.clearExpired(), 0)
    for (const each of [store, peer]) await each.close()
    await second.stop()
  })
})

/** A signal stops one thread after another. The server has stopped only when no thread replies any more. */
async function hang(server: MemcachedServer): Promise<void> {
  server.pause()
  const socket = connect(server.port, '127.0.0.1')
  for (let answered = true; answered; ) {
    socket.write('mn\r\n')
    answered = await Promise.race([once(socket, 'data').then(() => true), wait(50).then(() => false)])
  }
  socket.destroy()
}

/** How many commands on items the server has received. */
async function commandsOf(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.write('stats\r\n')
  let all = ''
  while (!all.includes('END\r\n')) all += (await once(socket, 'data'))[0]
  socket.destroy()
  const kinds = [...all.matchAll(/STAT (?:cmd_get|cmd_set|delete_hits|delete_misses) (\d+)/g)]
  return kinds.reduce((sum, [, count]) => sum + Number(count), 0)
}

async function send(port: number, command: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setNoDelay()
  await once(socket, 'connect')
  socket.write(command)
  await once(socket, 'data')
  return socket
}

describe('memcached, without a server', () => {
  it('replies are the same wherever the stream is cut', () => {
    const value = Buffer.concat([Buffer.from('\r\nEN O1\r\n'), everyByte()])
    const stream = Buffer.concat([
      Buffer.from('EN O1\r\nHD c77 O2\r\nVA 265 c8 O3\r\n'),
      value,
      Buffer.from('\r\nVA 0 c9 O4\r\n\r\nSERVER_ERROR out of memory\r\n'),
    ])
    const cuts = fc.array(fc.nat({ max: stream.length }), { maxLength: 30 })
    fc.assert(
      fc.property(cuts, (offsets) => {
        const [replies, found] = [new Replies(), []] as [Replies, unknown[]]
        const sorted = [0, ...offsets.sort((a, b) => a - b), stream.length]
        for (const [index, from] of sorted.entries()) {
          replies.push(stream.subarray(from, sorted[index + 1] ?? stream.length))
          for (let reply = replies.next(); reply; reply = replies.next())
            found.push([reply.code, reply.cas, reply.opaque, reply.value?.toString('latin1') ?? null])
        }
        assert.deepEqual(found, [
          ['EN', null, '1', null],
          ['HD', '77', '2', null],
          ['VA', '8', '3', value.toString('latin1')],
          ['VA', '9', '4', ''],
          ['SERVER_ERROR', null, null, null],
        ])
      }),
      { numRuns: 300 },
    )
  })

  it('a server that speaks another protocol or replies in another order is an error within the time limit', async () => {
    for (const reply of [
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      'EN O7\r\n',
      'ERROR\r\n',
      'VA x\r\n',
      'VA 2 c1 O1\r\nabc\r\n',
      'x'.repeat(9999),
    ]) {
      const server = createServer((socket) => {
        socket.on('error', () => undefined)
        socket.on('data', () => socket.write(reply))
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const store = memcached({ servers: at(server.address() as { port: number }), timeout: 2000 })
      const began = performance.now()
      await assert.rejects(store.read(newId()), StoreError, reply)
      assert.ok(performance.now() - began < 1500, reply)
      await store.close()
      server.close()
    }
  })

  it('memcached’s own expiry is never before the deadline, and is a moment only where a length is not possible', () => {
    const now = 2_000_000_000_000
    assert.equal(exptimeFor(now + 1, now), 2)
    assert.equal(exptimeFor(now + 1000, now), 2)
    assert.equal(exptimeFor(now + 1001, now), 3)
    assert.equal(exptimeFor(now - DAY, now), 1)
    assert.equal(exptimeFor(now + 30 * DAY - 1000, now), 30 * 86_400)
    const wall = 1_700_000_000_000
    assert.equal(exptimeFor(now + 30 * DAY, now, wall), wall / 1000 + 30 * 86_400 + 1 + 86_400)
    assert.equal(exptimeFor(now + 99_999 * DAY, now, wall), 2 ** 32 - 1)
  })

  it('reads a URL, and refuses what it does not know or cannot use', () => {
    assert.equal(memcached('memcached://a:1,b?itemSize=8192').traits.sizeLimit, 8192 - 2048)
    for (const bad of [
      ...[
        'memcached://',
        'memcached:a',
        'redis://a',
        'memcached://a?x=1',
        'memcached://a:99999',
        'memcached://a b',
        5,
        null,
      ],
      ...[
        { servers: [] },
        { servers: ['a', 'A:11211'] },
        { servers: 5 },
        { servers: 'me:secret@a' },
        { servers: 'http://a' },
      ],
      ...[
        { prefix: 'a b' },
        { prefix: 'x'.repeat(187) },
        { prefix: 'é' },
        { timeout: 0 },
        { itemSize: 5 },
        { clock: 5 },
        { x: 1 },
      ].map((more) => ({ servers: 'a', ...more })),
    ])
      assert.throws(() => memcached(bad as never), ConfigError, inspect(bad))
  })
})
