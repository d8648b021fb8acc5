import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { Client } from 'pg'
import { FIGURES, hasLabel } from '../../packages/strongroom/src/backing/own-entries.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { type FiguresOptions, figures } from '../../packages/strongroom/src/figures/figures.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, Listing, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'

const HOUR = 3_600_000

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-figures-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

/** Several processes with one store: each has sessions and figures of its own. */
function processes(t: TestContext, given?: Store) {
  const clock = manualClock()
  const store = (given ?? sqlite({ path: join(folder(t), 'sessions.db'), clock })) as IndexedStore
  const secrets = randomBytes(32)
  const begin = (of: Store = store, namespace = 'shop', options: FiguresOptions = {}) => {
    const sessions = createSessions({ store: of as IndexedStore, secrets, namespace, clock, sweep: false })
    const counting = figures(sessions, { clock, ...options })
    const login = async (times = 1) => {
      for (let n = 0; n < times; n++) await sessionFor(sessions, { userId: 'ada' })
    }
    return { sessions, counting, login }
  }
  t.after(() => store.close())
  return { clock, store, begin }
}

const created = async ({ counting }: { counting: ReturnType<typeof figures> }) => {
  const { hour, day, month, problem } = await counting.snapshot()
  assert.equal(problem, null)
  const counts = [hour, day, month].map(({ total }) => total.counts.created ?? 0)
  assert.equal(new Set(counts).size, 1, counts.join())
  return counts[0]
}

/** As somebody who may write to the store can. */
async function rewrite(store: Store, change: (text: string) => string): Promise<void> {
  for await (const page of store.scan?.() ?? [])
    for (const { id, label } of page) {
      if (!hasLabel({ label }, FIGURES)) continue
      const found = await store.read(id)
      assert.ok(found)
      const bytes = Buffer.from(change(Buffer.from(found.entry.bytes).toString()))
      await store.update(id, { ...found.entry, bytes }, found.version)
    }
}

suite('the history of figures', () => {
  test('survives a restart', async (t) => {
    const { begin, clock } = processes(t)
    const before = begin()
    await before.login(3)
    await before.counting.close()
    clock.advance(60_000)
    const after = begin()
    assert.equal(await created(after), 3)
    await after.login(2)
    assert.equal(await created(after), 5)
    await after.counting.flush()
    assert.equal(await created(after), 5)
  })

  test('loses nothing when many processes write at the same time', async (t) => {
    const { begin } = processes(t)
    const all = Array.from({ length: 12 }, () => begin())
    for (let round = 1; round <= 3; round++) {
      await Promise.all(all.map(({ login }) => login(2)))
      await Promise.all(all.map(({ counting }) => counting.flush()))
    }
    assert.equal(await created(begin()), 72)
  })

  test('counts a write once whose response was lost', async (t) => {
    const { begin, store, clock } = processes(t)
    const watch = watched(store)
    let lose = 0
    const losing = { ...watch.store }
    for (const method of ['create', 'update'] as const)
      losing[method] = async (...args: never[]) => {
        const result = await (watch.store[method] as (...given: never[]) => Promise<never>)(...args)
        if (hasLabel(args[1] as unknown as Listing, FIGURES) && lose-- > 0) throw new Error('The connection was lost.')
        return result
      }
    const one = begin(losing as Store)
    await one.login(3)
    for (let attempt = 0; attempt < 4; attempt++) {
      lose = 1
      await one.counting.flush().catch((error) => assert.ok(error instanceof StoreError))
      await one.login()
      clock.advance(1000)
    }
    lose = 0
    await one.counting.flush()
    assert.equal(await created(one), 7)
    assert.equal(await created(begin()), 7)
  })

  test('a store that is down loses nothing that was counted, and the snapshot says what is wrong', async (t) => {
    const { begin, store } = processes(t)
    const watch = watched(store)
    const one = begin(watch.store)
    await one.login(2)
    await one.counting.flush()
    await one.login(3)
    watch.before = () => {
      throw new Error('down')
    }
    await assert.rejects(one.counting.flush(), StoreError)
    const { problem, hour } = await one.counting.snapshot()
    assert.match(String(problem), /store/)
    assert.equal(hour.total.counts.created, 3)
    watch.before = null
    await one.counting.flush()
    assert.equal(await created(one), 5)
    assert.equal(await created(begin()), 5)
  })

  test('a store that is back is no problem any more, although nothing was written meanwhile', async (t) => {
    const { begin, store } = processes(t)
    const watch = watched(store)
    const one = begin(watch.store, 'shop', { readOnly: true })
    watch.before = () => {
      throw new Error('down')
    }
    assert.match(String((await one.counting.snapshot()).problem), /store/)
    watch.before = null
    assert.equal((await one.counting.snapshot()).problem, null)
  })

  test('calls that are an operator’s are not counted, and what the operator has ended is', async (t) => {
    const { begin, store } = processes(t)
    const watch = watched(store)
    const [shop, operator] = [begin(), begin(watch.store, 'shop', { calls: false })]
    await shop.login(3)
    await shop.counting.flush()
    const before = (await shop.counting.snapshot()).hour.total
    assert.ok(before.calls.create)
    assert.equal((await operator.sessions.of('ada').list()).length, 3)
    assert.equal(await operator.sessions.of('ada').revokeAll(), 3)
    watch.before = () => {
      throw new Error('down')
    }
    await assert.rejects(operator.sessions.of('ada').list(), StoreError)
    watch.before = null
    await operator.counting.flush()
    const { calls, counts } = (await begin().counting.snapshot()).hour.total
    assert.deepEqual(calls, before.calls)
    assert.deepEqual([counts['ended.revoke-all'], counts.storeErrors], [3, undefined])
  })

  test('a process that is read-only shows the history of the others, looks at the store, and writes nothing to it', async (t) => {
    const { begin, store } = processes(t)
    const watch = watched(store)
    const [shop, looking] = [begin(), begin(watch.store, 'shop', { calls: false, readOnly: true })]
    await shop.login(3)
    await shop.counting.flush()
    // Twice: what it has seen the first time would be written the second time.
    await looking.counting.flush()
    await looking.counting.flush()
    const { history, stored, hour, problem } = await looking.counting.snapshot()
    assert.deepEqual([history, problem, hour.total.counts.created], ['read-only', null, 3])
    // Three sessions, and what the library keeps beside them.
    assert.ok((stored?.live?.count ?? 0) >= 3)
    await looking.counting.close()
    assert.deepEqual([...new Set(watch.calls)], ['read'])
  })

  test('an entry that somebody else has written is a problem, and not a history of zeros', async (t) => {
    const { begin, store } = processes(t)
    const one = begin()
    await one.login(2)
    await one.counting.flush()
    await rewrite(store, (text) => text.replace('"created":2', '"created":-2'))
    const { problem } = await begin().counting.snapshot()
    assert.match(String(problem), /altered/)
  })

  test('an entry that somebody else has written reaches no object but the figures', async (t) => {
    const { begin, store } = processes(t)
    const one = begin()
    await one.login(2)
    await one.counting.flush()
    for (const [from, to] of [
      ['"create":{', '"__proto__":{'],
      ['"created":2', '"constructor":2'],
    ] as const) {
      await rewrite(store, (text) => text.replace(from, to))
      assert.match(String((await begin().counting.snapshot()).problem), /altered/)
      assert.deepEqual(Object.keys(Object.prototype), [])
      await rewrite(store, (text) => text.replace(to, from))
    }
    assert.equal(await created(begin()), 2)
  })

  test('an entry that cannot be read does not keep the others from being written', async (t) => {
    const { begin, store, clock } = processes(t)
    const watch = watched(store)
    const one = begin(watch.store)
    await one.login(2)
    await one.counting.flush()
    await rewrite(store, (text) => text.replace('"created":2', '"created":-2'))
    // Another block of ten minutes, and the same of four hours.
    clock.advance(600_000)
    const calls: number[] = []
    for (let minute = 0; minute < 5; minute++) {
      await one.login(minute === 0 ? 3 : 0)
      clock.advance(10_000)
      await one.login()
      watch.calls.length = 0
      await assert.rejects(one.counting.flush(), StoreError)
      calls.push(watch.calls.length)
    }
    // What waits does not become more with each flush.
    assert.equal(new Set(calls).size, 1, calls.join())
    await one.counting.close().catch(() => undefined)
    assert.equal((await begin().counting.snapshot()).hour.total.counts.created, 8)
  })

  test('a flush that is under way is not taken for the last one: close writes what was counted meanwhile', async (t) => {
    const { begin, store } = processes(t)
    const watch = watched(store)
    const one = begin(watch.store)
    await one.login(2)
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    watch.before = () => held
    const under = one.counting.flush()
    watch.before = null
    await one.login(3)
    const closed = one.counting.close()
    go()
    await Promise.all([under, closed])
    assert.equal(await created(begin()), 5)
  })

  test('an entry does not grow with the number of processes that have come and gone', async (t) => {
    const { begin, store } = processes(t)
    await begin().login()
    const one = begin()
    await one.login()
    await one.counting.flush()
    const many = Array.from({ length: 5000 }, (_, n) => `"w${n}":1`).join()
    await rewrite(store, (text) => text.replace('"writers":{', `"writers":{${many},`))
    await one.login()
    await one.counting.flush()
    let entries = 0
    await rewrite(store, (text) => {
      entries += 1
      const names = Object.keys(JSON.parse(text).writers)
      assert.equal(names.length, 1000)
      // The last that wrote are those that may repeat a write.
      assert.equal(names.at(-2), 'w4999')
      return text
    })
    assert.equal(entries, 3)
    assert.equal(await created(begin()), 2)
  })

  test('is not among the sessions: it is neither listed, nor counted, nor found by handle', async (t) => {
    const { begin, store } = processes(t)
    const one = begin()
    await one.login(2)
    await one.counting.flush()
    const labels: number[] = []
    for await (const page of store.scan?.() ?? [])
      for (const { label } of page) if (label?.length === 1) labels.push(label[0] ?? 0)
    assert.equal(labels.filter((label) => label === 8).length, 3)
    const stats = await one.sessions.stats()
    assert.deepEqual([stats.live, stats.signedIn, stats.otherNamespaces], [2, 2, 0])
    assert.equal((await one.sessions.of('ada').list()).length, 2)
  })

  test('goes away by itself', async (t) => {
    const { begin, store, clock } = processes(t)
    const one = begin()
    await one.login()
    await one.counting.flush()
    clock.advance(34 * 24 * HOUR)
    await one.sessions.clearExpired()
    for await (const page of store.scan?.() ?? []) assert.deepEqual(page, [])
  })

  test('of another application in the same store is another', async (t) => {
    const { begin, store } = processes(t)
    const [shop, blog] = [begin(store, 'shop'), begin(store, 'blog')]
    await shop.login(2)
    await blog.login(5)
    for (const { counting } of [shop, blog]) await counting.flush()
    assert.deepEqual([await created(begin(store, 'shop')), await created(begin(store, 'blog'))], [2, 5])
  })

  test('stays in the process where the store does, and beside the revocations of sessions in cookies', async (t) => {
    const clock = manualClock()
    const secrets = randomBytes(32)
    const revocations = sqlite({ path: join(folder(t), 'ends.db'), clock })
    t.after(() => revocations.close())
    for (const [store, history] of [
      [memory({ clock }), 'process'],
      [cookie({ revocations }), 'store'],
    ] as const) {
      const counting = figures(createSessions({ store: store as never, secrets, clock, sweep: false }), { clock })
      assert.equal((await counting.snapshot()).history, history)
      await counting.close()
    }
  })

  test('an entry never outgrows what the store takes: times go before counts', async (t) => {
    const { begin, store, clock } = processes(t)
    const limited = Object.create(store, { traits: { value: { ...store.traits, sizeLimit: 4000 } } }) as Store
    for (const method of [
      'create',
      'read',
      'update',
      'touch',
      'delete',
      'clearExpired',
      'scan',
      'estimate',
      'close',
    ] as const)
      Object.defineProperty(limited, method, { value: (store[method] as (...args: unknown[]) => unknown).bind(store) })
    const one = begin(limited)
    for (let n = 0; n < 59; n++) {
      await one.login()
      clock.advance(10_000)
    }
    await one.counting.flush()
    for await (const page of store.scan?.() ?? [])
      for (const { size, label } of page) if (hasLabel({ label }, FIGURES)) assert.ok(size <= 4000, `${size}`)
    assert.equal(await created(begin(limited)), 59)
  })

  test('is kept in a file, for the next process', async (t) => {
    const clock = manualClock()
    const path = join(folder(t), 'sessions.db')
    const first = processes(t, sqlite({ path, clock })).begin()
    await first.login(2)
    await first.counting.close()
    const second = processes(t, sqlite({ path, clock })).begin()
    assert.equal(await created(second), 2)
  })
})

suite('figures of PostgreSQL', { skip: postgresNeed.skip }, () => {
  test('how much is stored is exact while there is little, and then estimated', async (t) => {
    const server = await startPostgres()
    const store = postgres({ url: server.url, createTable: true })
    const client = new Client(server.url)
    t.after(async () => {
      await client.end()
      await store.close()
      await server.stop()
    })
    const sessions = createSessions({ store, secrets: randomBytes(32), sweep: false })
    const counting = figures(sessions, { every: '1h' })
    await sessionFor(sessions, { userId: 'ada' })
    await counting.flush()
    assert.equal((await counting.snapshot()).stored?.live?.is, 'exact')
    await client.connect()
    await client.query(`INSERT INTO strongroom_sessions (version, expires_at, purge_at, created_at, id, payload)
      SELECT 1, 4000000000000, 4000000000000, 1, decode(md5(n::text) || md5((-n)::text), 'hex'), 'x' FROM generate_series(1, 30000) n`)
    await counting.flush()
    const { stored, history } = await counting.snapshot()
    assert.equal(history, 'store')
    assert.equal(stored?.live?.is, 'estimate')
    assert.ok(Math.abs((stored?.live?.count ?? 0) - 30_005) < 3000, `${stored?.live?.count}`)
    assert.deepEqual(stored?.expired, { count: 0, is: 'exact' })
    await counting.close()
  })
})

suite('figures of MariaDB', { skip: mariadbNeed.skip }, () => {
  test('how much is stored is exact while there is little', async (t) => {
    const server = await startMariadb()
    const store = mysql({ url: server.url, createTable: true })
    t.after(async () => {
      await store.close()
      await server.stop()
    })
    const sessions = createSessions({ store, secrets: randomBytes(32), sweep: false })
    const counting = figures(sessions, { every: '1h' })
    await sessionFor(sessions, { userId: 'ada' })
    await counting.flush()
    let count = 0
    for await (const page of store.scan()) count += page.length
    assert.deepEqual((await counting.snapshot()).stored?.live, { count, is: 'exact' })
    assert.equal(await created({ counting }), 1)
    await counting.close()
  })
})
