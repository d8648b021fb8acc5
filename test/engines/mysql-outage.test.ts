import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { createConnection, createPool } from 'mysql2/promise'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { type MysqlStore, type MysqlUrlOptions, mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry } from '../../packages/strongroom/src/store.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'

const newId = () => randomBytes(32).toString('hex') as Id
const entry = (text = 'bytes'): Entry => {
  const createdAt = Date.now()
  return { bytes: Buffer.from(text), expiresAt: createdAt + 3_600_000, owner: null, label: null, createdAt }
}

describe('mysql, when its server fails', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  before(async () => {
    server = await startMariadb()
  })
  after(() => server.stop())

  const open = (options: object = {}) =>
    mysql({ url: server.url, createTable: true, timeout: 500, ...options } as MysqlUrlOptions)

  /** Creates a session with a longer time limit, however busy the machine is. */
  const put = async (text?: string) => {
    const store = open({ timeout: 30_000 })
    const id = newId()
    await store.create(id, entry(text))
    await store.close()
    return id
  }

  /** Resolves when the server does hang, which may be some time after the signal. */
  const hang = async (store: MysqlStore, id: Id) => {
    server.pause()
    while (
      await store.read(id).then(
        () => true,
        () => false,
      )
    );
  }

  const calls = (store: MysqlStore, id: Id): Record<string, () => Promise<unknown>> => ({
    read: () => store.read(id),
    create: () => store.create(newId(), entry()),
    update: () => store.update(id, entry(), 1),
    touch: () => store.touch(id, Date.now() + 1000),
    delete: () => store.delete(id),
    clearExpired: () => store.clearExpired(),
    list: () => listed(store.byOwner, newId()),
    deleteAll: () => store.byOwner.deleteAll(newId()),
    scan: () => store.scan()[Symbol.asyncIterator]().next(),
    tryWithLock: () => store.tryWithLock('sweep', async () => 1),
    pending: () => store.schema.pending(),
  })

  /** Every method rejects with a StoreError in time. */
  const fails = async (store: MysqlStore) => {
    for (const [name, call] of Object.entries(calls(store, newId()))) {
      const began = performance.now()
      await assert.rejects(call(), StoreError, name)
      const took = performance.now() - began
      assert.ok(took < 4000, `${name} took ${took} ms`)
    }
  }

  /** How many reads it takes until one succeeds. */
  const readsUntilOneSucceeds = async (store: MysqlStore, id: Id) => {
    for (let count = 1; ; count += 1) {
      try {
        assert.ok(await store.read(id), 'an acknowledged session is lost')
        return count
      } catch (error) {
        assert.ok(error instanceof StoreError)
        assert.ok(count < 100)
      }
    }
  }

  /** Runs a script in a process of its own, where a crash or a hanging handle would show. */
  const program = async (script: string) => {
    const module = JSON.stringify(new URL('../../packages/strongroom/src/engines/mysql/mysql.ts', import.meta.url).href)
    const text = `import { mysql } from ${module}\nconst url = ${JSON.stringify(server.url)}\n${script}`
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', text]
    const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    await Promise.race([once(child.stdout, 'data'), ended.then(() => assert.fail('it ended before it was ready'))])
    return { ended }
  }

  for (const [name, client] of [
    ['a pool of its own', async () => null],
    ["a pool of the application's", async () => createPool({ uri: server.url, connectTimeout: 500 })],
    ["a connection of the application's", async () => createConnection(server.url)],
  ] as const) {
    it(`rejects in time while the server hangs, and recovers when it is back: ${name}`, async () => {
      const given = await client()
      const store = open(given ? { client: given, url: undefined } : {})
      const id = await put()
      await readsUntilOneSucceeds(store, id)
      try {
        await hang(store, id)
        await fails(store)
        await Promise.all(Array.from({ length: 50 }, () => assert.rejects(store.read(id), StoreError)))
      } finally {
        server.resume()
      }
      assert.ok((await readsUntilOneSucceeds(store, id)) <= 12)
      assert.equal(await store.touch(id, Date.now() + 3_600_000), true)
      await store.close()
      await given?.end()
    })
  }

  it('never reuses a connection whose result is still due', async () => {
    const pool = createPool({ uri: server.url, connectionLimit: 1, connectTimeout: 500 })
    const store = open({ client: pool, url: undefined })
    const ids = [await put('first'), await put('second')] as const
    await readsUntilOneSucceeds(store, ids[0])
    const numberOf = async () => (await pool.query('SELECT CONNECTION_ID() AS id'))[0]
    const before = await numberOf()
    await hang(store, ids[0])
    server.resume()
    await readsUntilOneSucceeds(store, ids[0])
    const found = await store.read(ids[1])
    assert.equal(Buffer.from(found?.entry.bytes ?? []).toString(), 'second')
    assert.notDeepEqual(await numberOf(), before)
    await store.close()
    await pool.end()
  })

  it('refuses calls immediately when too many are waiting', async () => {
    const store = open({ timeout: 1500 })
    const id = await put()
    await readsUntilOneSucceeds(store, id)
    try {
      await hang(store, id)
      const waiting = Array.from({ length: 5000 }, () => store.read(id).catch((error: Error) => error.message))
      const began = performance.now()
      await assert.rejects(store.read(id), /Too many calls/)
      assert.ok(performance.now() - began < 1000)
      const messages = new Set(await Promise.all(waiting))
      for (const message of messages) assert.match(message as string, /did not answer within 1500 ms|cannot be reached/)
    } finally {
      server.resume()
    }
    // The calls that were given up leave the driver's queue as soon as there are connections again.
    while (!(await store.read(id).catch(() => null)));
    await store.close()
  })

  it('closes in time while the server hangs, and does not keep the process alive', async () => {
    const { ended } = await program(`
      const store = mysql({ url, createTable: true, timeout: 2000 })
      await store.read('${newId()}')
      console.log('ready')
      for (let hanging = false; !hanging; ) hanging = await store.read('${newId()}').then(() => false, () => true)
      await store.close()`)
    server.pause()
    try {
      const [code, signal] = await ended
      assert.deepEqual({ code, signal }, { code: 0, signal: null })
    } finally {
      server.resume()
    }
  })

  for (const batchWrites of [false, true])
    it(`recovers after the server was killed, and has lost no acknowledged write: batchWrites ${batchWrites}`, async () => {
      const store = open({ timeout: 5000, batchWrites })
      const acknowledged: Id[] = []
      for (let round = 0; round < 3; round += 1) {
        let writing = true
        const writer = async () => {
          while (writing) {
            const id = newId()
            if (await store.create(id, entry(id)).catch(() => false)) acknowledged.push(id)
            else break
          }
        }
        const enough = acknowledged.length + 100
        const writers = Array.from({ length: 10 }, writer)
        while (acknowledged.length < enough) await store.read(newId())
        await server.kill()
        writing = false
        await Promise.all(writers)
        await assert.rejects(store.read(acknowledged[0] as Id), /cannot be reached|did not answer/)
        await server.start()
        assert.ok((await readsUntilOneSucceeds(store, acknowledged[0] as Id)) <= 12)
        for (const id of acknowledged) {
          const found = await store.read(id)
          assert.equal(Buffer.from(found?.entry.bytes ?? []).toString(), id)
        }
      }
      await store.close()
    })

  it('says that the server cannot be reached, and works as soon as it can', async () => {
    await server.kill()
    const store = open({ timeout: 5000 })
    const id = newId()
    await assert.rejects(store.create(id, entry()), (error: StoreError) => {
      assert.match(error.message, /cannot be reached/)
      assert.match(inspect(error.cause), /ECONNREFUSED/)
      return true
    })
    await fails(store)
    await server.start()
    assert.equal(await store.create(id, entry()), true)
    await store.close()
  })

  it('does not crash when the server is killed while connections are idle', async () => {
    const { ended } = await program(`
      const store = mysql({ url, createTable: true, timeout: 5000 })
      await Promise.all(Array.from({ length: 5 }, () => store.read('${newId()}')))
      await store.tryWithLock('sweep', async () => {
        console.log('ready')
        for (let down = false; !down; ) {
          await new Promise((resolve) => setTimeout(resolve, 20))
          down = await store.read('${newId()}').then(() => false, () => true)
        }
      })
      await store.close()`)
    await server.kill()
    const [code, signal] = await ended
    await server.start()
    assert.deepEqual({ code, signal }, { code: 0, signal: null })
  })
})
