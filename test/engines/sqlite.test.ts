import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { PURGE_STEP } from '../../packages/strongroom/src/engines/shared/sql.ts'
import { openDatabase } from '../../packages/strongroom/src/engines/sqlite/handle.ts'
import {
  type SqliteHandle,
  type SqlitePathOptions,
  sqlite,
} from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'

const HOUR = 3_600_000
const Libsql = createRequire(import.meta.url)('libsql') as new (path: string) => SqliteHandle & { close(): void }

/** A new directory, and how to remove it with everything in it. */
async function newDirectory() {
  const dir = await mkdtemp(join(tmpdir(), 'strongroom-sqlite-'))
  return { dir, path: join(dir, 'sessions.db'), remove: () => rm(dir, { recursive: true }) }
}

storeSuite('sqlite', async () => {
  const clock = manualClock()
  const { path, remove } = await newDirectory()
  const stores: Store[] = []
  const another = async (options: Partial<SqlitePathOptions> = {}) => {
    const store = sqlite({ path, clock, timeout: 20_000, ...options })
    stores.push(store)
    return store
  }
  return {
    store: await another(),
    clock,
    peer: another,
    sibling: () => another({ table: 'other_sessions' }),
    breakBackend: async () => {
      const vandal = new DatabaseSync(path)
      vandal.exec('DROP TABLE strongroom_sessions')
      vandal.close()
    },
    close: async () => {
      for (const store of stores) await store.close()
      await remove()
    },
  }
})

for (const [name, open] of [
  ['node:sqlite', (path: string) => new DatabaseSync(path)],
  ['libsql', (path: string) => new Libsql(path)],
] as const) {
  storeSuite(`sqlite on a ${name} database of the user's`, async () => {
    const clock = manualClock()
    const { path, remove } = await newDirectory()
    const [database, beside] = [open(path), open(path)]
    database.exec('PRAGMA journal_mode = WAL')
    const store = sqlite({ database, clock })
    return {
      store,
      clock,
      peer: async () => sqlite({ database: beside, clock }),
      sibling: async () => sqlite({ database, clock, table: 'other_sessions' }),
      breakBackend: async () => {
        beside.exec('DROP TABLE strongroom_sessions')
      },
      close: async () => {
        await store.close()
        database.close()
        beside.close()
        await remove()
      },
    }
  })
}

storeSuite('sqlite in memory', async () => {
  const clock = manualClock()
  const store = sqlite({ path: ':memory:', clock })
  return { store, clock, close: () => store.close() }
})

/** The same database, which adds every statement to `log`. */
function logged(database: DatabaseSync, log: string[]): SqliteHandle {
  const add = (sql: string) => {
    log.push(sql)
    return sql
  }
  return { exec: (sql) => database.exec(add(sql)), prepare: (sql) => database.prepare(add(sql)) }
}

describe('sqlite', () => {
  const id = (name: string | number) => String(name).padStart(64, '0') as Id
  const entry = (fields: Partial<Entry> = {}): Entry => {
    const createdAt = Date.now()
    return { bytes: Buffer.from('bytes'), expiresAt: createdAt + HOUR, owner: null, label: null, createdAt, ...fields }
  }
  /** Runs the check in a new directory, and removes it. */
  const inDirectory = async (check: (directory: { path: string; dir: string }) => Promise<void>) => {
    const { remove, ...where } = await newDirectory()
    try {
      await check(where)
    } finally {
      await remove()
    }
  }

  it('makes files that only their owner can read', () =>
    inDirectory(async ({ path, dir }) => {
      const store = sqlite(path)
      await store.create(id(1), entry())
      assert.ok(readdirSync(dir).length >= 2, 'the database and its log')
      for (const name of readdirSync(dir)) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name)
      await store.close()
    }))

  it('commits to the disk before it acknowledges, unless it was told not to, and says which', () =>
    inDirectory(async ({ path }) => {
      for (const [synchronous, number, durable] of [
        ['full', 2, 'machine'],
        ['normal', 1, 'process'],
      ] as const) {
        const own = openDatabase(path, synchronous)
        assert.deepEqual({ ...(own.prepare('PRAGMA synchronous').get() as object) }, { synchronous: number })
        assert.deepEqual({ ...(own.prepare('PRAGMA journal_mode').get() as object) }, { journal_mode: 'wal' })
        assert.deepEqual({ ...(own.prepare('PRAGMA secure_delete').get() as object) }, { secure_delete: 1 })
        own.close()
        assert.equal(sqlite({ path, synchronous }).traits.durable, durable)
      }
      assert.deepEqual([sqlite(path).traits.durable, sqlite(':memory:').traits.durable], ['machine', 'no'])
    }))

  it('says what the settings of a database that was passed in guarantee', () =>
    inDirectory(async ({ path }) => {
      const database = new DatabaseSync(path)
      const durable = (...pragmas: string[]) => {
        for (const pragma of pragmas) database.exec(`PRAGMA ${pragma}`)
        return sqlite(database).traits.durable
      }
      assert.equal(durable('journal_mode = WAL', 'synchronous = FULL'), 'machine')
      assert.equal(durable('synchronous = NORMAL'), 'process')
      assert.equal(durable('synchronous = OFF'), 'process')
      assert.equal(durable('journal_mode = MEMORY', 'synchronous = FULL'), 'no')
      database.close()
      const { durable: none, shared } = sqlite(new DatabaseSync(':memory:')).traits
      assert.deepEqual([none, shared], ['no', 'process'])
    }))

  it('leaves a database that was passed in open, and its settings as they were', () =>
    inDirectory(async ({ path }) => {
      const database = new DatabaseSync(path)
      const store = sqlite(database)
      await store.create(id(1), entry())
      await store.close()
      assert.deepEqual({ ...database.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'delete' })
      assert.deepEqual({ ...database.prepare('PRAGMA user_version').get() }, { user_version: 0 })
      database.close()
    }))

  it("does not end a transaction of the user's", () =>
    inDirectory(async ({ path }) => {
      const database = new DatabaseSync(path)
      const store = sqlite(database)
      await store.create(id(1), entry())
      database.exec('CREATE TABLE mine (x); BEGIN; INSERT INTO mine VALUES (1)')
      await assert.rejects(store.create(id(2), entry()), StoreError)
      assert.ok(await store.read(id(1)))
      // Fails if the transaction is over.
      database.exec('COMMIT')
      assert.equal(await store.create(id(2), entry()), true)
      database.close()
    }))

  it('commits the writes of one moment in one transaction', () =>
    inDirectory(async ({ path }) => {
      const database = new DatabaseSync(path)
      const log: string[] = []
      const spy = logged(database, log)
      const store = sqlite(spy)
      await store.create(id('first'), entry())
      log.length = 0
      await Promise.all(Array.from({ length: 100 }, (_, index) => store.create(id(index), entry())))
      assert.deepEqual(log, ['BEGIN IMMEDIATE', 'COMMIT'])
      database.close()
    }))

  it('lets one bad write fail alone', () =>
    inDirectory(async ({ path }) => {
      const store = sqlite(path)
      await store.create(id('first'), entry())
      const vandal = new DatabaseSync(path)
      vandal.exec(`CREATE TRIGGER bad BEFORE INSERT ON strongroom_sessions WHEN NEW.created_at = 13
        BEGIN SELECT RAISE(ROLLBACK, 'bad'); END`)
      vandal.close()
      const written = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) => store.create(id(index), entry({ createdAt: index }))),
      )
      for (const [index, { status }] of written.entries()) assert.equal(status, index === 13 ? 'rejected' : 'fulfilled')
      for (let index = 0; index < 20; index += 1) assert.equal((await store.read(id(index))) === null, index === 13)
      await store.close()
    }))

  it('rejects a write on a full disk with the cause, and keeps what was there', () =>
    inDirectory(async ({ path }) => {
      const database = new DatabaseSync(path)
      const store = sqlite(database)
      await store.create(id('first'), entry())
      const { page_count } = database.prepare('PRAGMA page_count').get() as { page_count: number }
      database.exec(`PRAGMA max_page_count = ${page_count + 2}`)
      const large = entry({ bytes: new Uint8Array(100_000) })
      const both = await Promise.allSettled([store.create(id('large'), large), store.create(id('small'), entry())])
      assert.deepEqual(
        both.map(({ status }) => status),
        ['rejected', 'fulfilled'],
      )
      await assert.rejects(store.create(id('large'), large), (error: StoreError) => /full/.test(String(error.cause)))
      assert.ok((await store.read(id('first'))) && (await store.read(id('small'))))
      assert.equal(await store.read(id('large')), null)
      database.close()
    }))

  it('leaves nothing of a deleted session in its files', () =>
    inDirectory(async ({ path, dir }) => {
      const store = sqlite(path)
      const bytes = Buffer.from('the wine-dark sea '.repeat(600))
      const found = () => readdirSync(dir).filter((name) => readFileSync(join(dir, name)).includes('wine-dark'))
      await store.create(id(1), entry({ bytes }))
      await store.create(id(2), entry({ bytes, expiresAt: Date.now() + 5 }))
      await store.create(id(3), entry())
      assert.notDeepEqual(found(), [])
      await store.delete(id(1))
      await store.touch(id(2), 0)
      assert.equal(await store.clearExpired(), 1)
      assert.deepEqual(found(), [])
      await store.close()
    }))

  it('rejects a write within its time limit while another process has the database locked, goes on reading, and never blocks', () =>
    inDirectory(async ({ path }) => {
      const store = sqlite({ path, timeout: 250 })
      await store.create(id(1), entry())
      const script = `
        const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
        const database = new DatabaseSync(${JSON.stringify(path)})
        database.exec('BEGIN EXCLUSIVE')
        console.log('held')
        setTimeout(() => database, 60_000)`
      const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
      await once(holder.stdout, 'data')
      let [turns, started] = [0, performance.now()]
      const counter = setInterval(() => (turns += 1), 5)
      await assert.rejects(store.update(id(1), entry(), 1), /locked by another program for 250 ms/)
      clearInterval(counter)
      started = performance.now() - started
      assert.ok(started >= 250 && started < 5000, `${started} ms`)
      assert.ok(turns >= 5, `the event loop turned ${turns} times`)
      assert.ok(await store.read(id(1)))
      const patient = sqlite({ path, timeout: 20_000 })
      const waiting = patient.create(id(2), entry())
      holder.kill('SIGKILL')
      assert.equal(await waiting, true)
      assert.equal(await store.delete(id(2)), true)
      await patient.close()
      await store.close()
    }))

  it('rejects within its time limit when it cannot even open the database, and recovers', () =>
    inDirectory(async ({ path, dir }) => {
      await assert.rejects(sqlite(dir).read(id(1)), StoreError)
      await assert.rejects(sqlite(join(dir, 'missing', 'sessions.db')).create(id(1), entry()), StoreError)
      const holder = new DatabaseSync(path)
      holder.exec('BEGIN EXCLUSIVE; CREATE TABLE held (x)')
      const store = sqlite({ path, timeout: 100 })
      await assert.rejects(store.read(id(1)), /locked/)
      await assert.rejects(store.create(id(1), entry()), /locked/)
      holder.close()
      assert.equal(await store.create(id(1), entry()), true)
      await store.close()
    }))

  it('uses an index for every statement, and sorts nothing', () =>
    inDirectory(async ({ path }) => {
      const database = new DatabaseSync(path)
      const log: string[] = []
      const spy = logged(database, log)
      await sqlite(spy).create(id(1), entry())
      const statements = log.filter((sql) => sql.includes('strongroom_sessions'))
      assert.ok(statements.length >= 12)
      for (const sql of statements) {
        const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]
        for (const { detail } of plan) assert.doesNotMatch(detail, /SCAN|TEMP B-TREE/, sql)
      }
      database.close()
    }))

  it('changes no index entry when a deadline moves within a purge step', () =>
    inDirectory(async ({ path }) => {
      const clock = manualClock(1000 * PURGE_STEP + 1)
      const database = new DatabaseSync(path)
      const purgeAt = () => database.prepare('SELECT purge_at FROM strongroom_sessions').get()?.purge_at
      const store = sqlite({ database, clock })
      await store.create(id(1), entry({ expiresAt: clock() + 1000 }))
      await store.touch(id(1), clock() + 2000)
      assert.equal(purgeAt(), 1001 * PURGE_STEP)
      await store.touch(id(1), clock() + PURGE_STEP)
      assert.equal(purgeAt(), 1002 * PURGE_STEP)
      await store.touch(id(1), clock() + 1)
      assert.equal(purgeAt(), 1001 * PURGE_STEP)
      database.close()
    }))

  it('refuses a table of a later release, and changes nothing in it', () =>
    inDirectory(async ({ path }) => {
      const database = new DatabaseSync(path)
      await sqlite(database).create(id(1), entry())
      database.exec('UPDATE strongroom_schema SET format = 99')
      await assert.rejects(sqlite(database).read(id(1)), /newer release/)
      database.close()
    }))

  it('refuses options that it does not know or cannot use', () => {
    const database = new DatabaseSync(':memory:')
    assert.throws(
      () => sqlite({ path: 'x', pth: 'y' } as object as SqlitePathOptions),
      /Unknown option "pth" for sqlite\(\)/,
    )
    for (const bad of [
      '',
      5,
      null,
      undefined,
      {},
      { path: '' },
      { path: 'x', table: 'a b' },
      { path: 'x', table: '' },
      { path: 'x', table: 'main.sessions' },
      { path: 'x', table: 'x'.repeat(64) },
      { path: 'x', table: null },
      { path: 'x', synchronous: 'off' },
      { path: 'x', timeout: 1.5 },
      { path: 'x', database },
      { database, synchronous: 'full' },
    ]) {
      assert.throws(() => sqlite(bad as string), ConfigError)
    }
    database.close()
  })
})
