import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, suite } from 'node:test'
import PgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import memorystore from 'memorystore'
import pg from 'pg'
import { createClient } from 'redis'
import type { ConnectStore } from '../../packages/strongroom/src/base/connect.ts'
import { isConnectStore } from '../../packages/strongroom/src/base/connect.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { connectEngine } from '../../packages/strongroom/src/express-session/connect-engine.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR, newEntry, newId, newOwner } from '../../packages/strongroom/src/testing/store/entries.ts'
import { absent, holds, put } from '../../packages/strongroom/src/testing/store/expect.ts'
import { type StoreUnderTest, storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'

type Subject = Pick<StoreUnderTest, 'breakBackend'> & { readonly end?: () => Promise<void> }

/** Two engines over one store of express-session, as two `session()` in one process have them. */
function subjectOf(store: ConnectStore, sibling?: ConnectStore, { end, ...rest }: Subject = {}): StoreUnderTest {
  const clock = manualClock()
  const engine = connectEngine(store, { clock, timeout: 500 })
  return {
    store: engine,
    clock,
    peer: async () => connectEngine(store, { clock, timeout: 500 }),
    ...(sibling && { sibling: async () => connectEngine(sibling, { clock, timeout: 500 }) }),
    ...rest,
    async close() {
      await engine.close()
      await end?.()
    },
  }
}

storeSuite('connectEngine over MemoryStore', async () =>
  subjectOf(new session.MemoryStore(), new session.MemoryStore()),
)

const Memorystore = memorystore(session)
storeSuite('connectEngine over memorystore', async () => subjectOf(new Memorystore({}), new Memorystore({})))

/** Its types know no `fallbackSessionFn`, and it has none of its own for ESM. */
const FileStore = createRequire(import.meta.url)('session-file-store')(session) as new (options: object) => ConnectStore

const fileStore = (path: string) => new FileStore({ path, retries: 0, reapInterval: -1, logFn: () => undefined })

storeSuite('connectEngine over session-file-store', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-connect-'))
  return subjectOf(fileStore(join(folder, 'a')), fileStore(join(folder, 'b')), {
    end: async () => rmSync(folder, { recursive: true, force: true }),
  })
})

suite('on Redis', { skip: redisNeed.skip }, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({ appendonly: 'no' })
  })
  after(() => server.stop())

  const connected = async () => {
    const client = createClient({ url: server.url }).on('error', () => undefined)
    await client.connect()
    return client
  }

  storeSuite('connectEngine over connect-redis', async () => {
    const client = await connected()
    return subjectOf(new RedisStore({ client, prefix: 'a:' }), new RedisStore({ client, prefix: 'b:' }), {
      breakBackend: async () => server.pause(),
      async end() {
        server.resume()
        await client.flushAll()
        client.destroy()
      },
    })
  })

  it('an entry that was touched lives until its new deadline, in Redis and by its own word', async () => {
    const client = await connected()
    try {
      const engine = connectEngine(new RedisStore({ client }))
      const id = newId()
      const entry = newEntry(Date.now())
      await put(engine, id, entry)
      const expiresAt = Date.now() + 10 * HOUR
      assert.equal(await engine.touch(id, expiresAt), true)
      await holds(engine, id, { ...entry, expiresAt })
      const seconds = await client.ttl(`sess:${id}`)
      assert.ok(seconds > 9.9 * 3600 && seconds <= 10 * 3600 + 2, `${seconds} s`)
    } finally {
      client.destroy()
    }
  })
})

suite('on PostgreSQL', { skip: postgresNeed.skip }, () => {
  const PGStore = PgSimple(session)
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  storeSuite('connectEngine over connect-pg-simple', async () => {
    const pool = new pg.Pool({ connectionString: server.url })
    pool.on('error', () => undefined)
    for (const table of ['session', 'beside'])
      await pool.query(
        `CREATE TABLE ${table} (sid varchar PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL)`,
      )
    const store = (tableName: string) =>
      new PGStore({ pool, tableName, pruneSessionInterval: false, errorLog: () => undefined })
    return subjectOf(store('session'), store('beside'), {
      breakBackend: async () => server.pause(),
      async end() {
        server.resume()
        await pool.query('DROP TABLE session, beside')
        await pool.end()
      },
    })
  })
})

/** Each call of the store, by name; `around` may hold a call back. */
function watched(store: ConnectStore, around: (method: string) => Promise<void> | void = () => undefined) {
  const calls: string[] = []
  const watching = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return async (...given: unknown[]) => {
        calls.push(String(name))
        await around(String(name))
        member.apply(target, given)
      }
    },
  })
  return { store: watching, calls }
}

describe('connectEngine', () => {
  it('reads with one get, and writes with one get and one set', async () => {
    const { store, calls } = watched(new session.MemoryStore())
    const engine = connectEngine(store)
    const id = newId()
    const entry = newEntry(Date.now())
    const during = async (work: () => Promise<unknown>) => {
      calls.length = 0
      await work()
      return calls.join(' ')
    }
    assert.equal(await during(() => engine.read(id)), 'get')
    assert.equal(await during(() => engine.create(id, entry)), 'get set')
    assert.equal(await during(() => engine.create(id, entry)), 'get')
    const version = (await engine.read(id))?.version ?? assert.fail('the entry is there')
    assert.equal(await during(() => engine.read(id, { fresh: true })), 'get')
    assert.equal(await during(() => engine.update(id, entry, 'another')), 'get')
    assert.equal(await during(() => engine.update(id, entry, version)), 'get set')
    assert.equal(await during(() => engine.touch(id, Date.now() + HOUR)), 'get set')
    assert.equal(await during(() => engine.delete(id)), 'get destroy')
    assert.equal(await during(() => engine.delete(id)), 'get')
    assert.equal(await during(() => engine.clearExpired()), 'get')
  })

  it('what one process ends in the moment of a write of another comes back: a connect store has no compare-and-set', async () => {
    const shared = new session.MemoryStore()
    const id = newId()
    const here = connectEngine(shared)
    const entry = newEntry(Date.now())
    const version = await put(here, id, entry)
    // A store of its own, as the one of another process: no queue of this one is between the two.
    const there = connectEngine(watched(shared, (method) => (method === 'set' ? ended() : undefined)).store)
    const ended = async () => assert.equal(await here.delete(id), true)
    assert.notEqual(await there.update(id, { ...entry, bytes: bytes('late') }, version), null)
    await holds(here, id, { ...entry, bytes: bytes('late') })
    // Before the get, or after the set, the end is final.
    assert.equal(await here.delete(id), true)
    assert.equal(await there.update(id, entry, version), null)
    await absent(here, id)
  })

  it('an entry outlives the rounding of a store to whole seconds', async () => {
    const stored: { expires?: Date; maxAge?: number; originalMaxAge?: number }[] = []
    const engine = connectEngine({
      get: (_, callback) => callback(null, null),
      set(_, given: { cookie: (typeof stored)[number] }, callback) {
        const { expires, maxAge, originalMaxAge } = given.cookie
        stored.push({ expires, maxAge, originalMaxAge } as never, JSON.parse(JSON.stringify(given)).cookie)
        callback?.()
      },
      destroy: (_, callback) => callback?.(),
    } as ConnectStore)
    const expiresAt = Date.now() + HOUR
    await engine.create(newId(), newEntry(Date.now(), { expiresAt }))
    const [live = assert.fail(), written = assert.fail()] = stored
    assert.ok(Math.floor(Number(live.expires) / 1000) * 1000 >= expiresAt)
    assert.ok(Number(live.maxAge) > HOUR - 60_000 && Number(live.originalMaxAge) > HOUR - 60_000)
    assert.deepEqual(Object.keys(written), ['originalMaxAge', 'expires'])
    assert.equal(written.expires, live.expires?.toJSON())
  })

  it('a store that never calls back is an error in time, and the next call of the same session is made', async () => {
    const memory = new session.MemoryStore()
    let hangs = true
    const { store } = watched(memory, () => (hangs ? new Promise(() => undefined) : undefined))
    const engine = connectEngine(store, { timeout: 20 })
    const id = newId()
    for (const call of [() => engine.read(id), () => engine.create(id, newEntry(Date.now()))])
      await assert.rejects(call, { code: 'STRONGROOM_STORE', message: /did not call back within 20 ms/ })
    hangs = false
    assert.equal(await engine.create(id, newEntry(Date.now())), true)
  })

  it('what has waited for its turn for too long is not done any more, because its caller was told that it failed', async () => {
    const { store, calls } = watched(new session.MemoryStore(), () => new Promise(() => undefined))
    const engine = connectEngine(store, { timeout: 20 })
    const id = newId()
    const writes = [1, 2, 3].map(() => engine.create(id, newEntry(Date.now())))
    for (const write of writes) await assert.rejects(write, StoreError)
    assert.deepEqual(calls, ['get'])
  })

  it('an error of the store that quotes the session is left out', async () => {
    const owner = newOwner()
    const engine = connectEngine({
      get: (_, callback) => callback(null, null),
      // As PostgreSQL's "Failing row contains", and as the command that a client of Redis puts into its errors.
      set: (sid: string, given: unknown, callback) =>
        callback?.(
          Object.assign(new Error('refused'), { command: { args: [`p:${sid}`.slice(0, 9), JSON.stringify(given)] } }),
        ),
      destroy: (_, callback) => callback?.(),
    } as ConnectStore)
    await assert.rejects(engine.create(newId(), newEntry(Date.now(), { owner })), (error: StoreError) => {
      assert.ok(error instanceof StoreError)
      assert.equal(error.cause, undefined)
      return !JSON.stringify([error.message, error]).includes(owner)
    })
  })

  it('a session that another program has put there is absent, and prevents no new one', async () => {
    const memory = new session.MemoryStore()
    const engine = connectEngine(memory)
    const id = newId()
    const entry = newEntry(Date.now())
    for (const foreign of [{}, { strongroom: 1 }, { strongroom: '1.x' }, { strongroom: 'é'.repeat(400) }]) {
      memory.set(id, { cookie: { originalMaxAge: null }, ...foreign } as never)
      await absent(engine, id)
      assert.equal(await engine.delete(id), false)
      await put(engine, id, entry)
      assert.equal(await engine.delete(id), true)
    }
  })

  it('closing leaves the store open', async () => {
    const store = new session.MemoryStore()
    const [one, other] = [connectEngine(store), connectEngine(store)]
    await one.close()
    await put(other, newId(), newEntry(Date.now()))
  })

  it('is refused for what is no store of express-session', () => {
    const client = createClient()
    for (const given of [undefined, null, {}, client, new Map(), 'redis:'])
      assert.throws(() => connectEngine(given as never), ConfigError)
    assert.throws(() => connectEngine(new session.MemoryStore(), { ttl: 1 } as never), ConfigError)
    assert.throws(() => connectEngine(new session.MemoryStore(), { timeout: 0 }), ConfigError)
    assert.equal(isConnectStore(new session.MemoryStore()), true)
    assert.equal(isConnectStore(memory()), false)
  })
})
