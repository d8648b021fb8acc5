import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, suite } from 'node:test'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { memcached } from '../../packages/strongroom/src/engines/memcached/memcached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { IndexedStore, ScannableStore, Store, Version } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { HOUR, newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { secret } from '../core/fixtures/secret.ts'
import { type MemcachedServer, memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { changeFeed } from './cached/change-feed.ts'
import { failingCache, fixture } from './cached/failing-cache.ts'
import { readsAreNeverTooOld } from './cached/history.ts'
import { ID, interleavings, OWNER, plain } from './cached/interleavings.ts'
import { keysUnder } from './cached/keys.ts'

type Clock = ReturnType<typeof manualClock>

/** A cached store made of stores of any kind. The second handle has the same cache, and another handle on the same data. */
function subjects(make: (clock: Clock) => Promise<{ durable: () => Store; cache: () => Store; end?: () => unknown }>) {
  return async () => {
    const clock = manualClock()
    const made: Store[] = []
    const backend = await make(clock)
    const track = <S extends Store>(store: S): S => {
      made.push(store)
      return store
    }
    const durable = track(backend.durable())
    const cache = track(backend.cache())
    const { keys } = keysUnder(secret('cached'))
    const node = (durable: Store) => {
      const store = cached({ durable, cache, clock, cacheTimeout: 5000 })
      // Or the second handle would not use the copies of the first.
      store.authenticate?.(keys)
      return track(store)
    }
    return {
      store: node(durable),
      clock,
      peer: async () => node(track(backend.durable())),
      breakBackend: async () => {
        await durable.close()
        // Until then, what was read before is still returned.
        clock.advance(10_000)
      },
      close: async () => {
        for (const each of made.reverse()) await each.close()
        await backend.end?.()
      },
    }
  }
}

storeSuite(
  'cached memory with memory',
  subjects(async (clock) => {
    const durable = memory({ clock, maxBytes: 8 * 2 ** 20 })
    return { durable: () => durable, cache: () => memory({ clock, evicts: true }) }
  }),
)

storeSuite(
  'cached sqlite with memory',
  subjects(async (clock) => {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-cached-'))
    const durable = () => sqlite({ path: join(dir, 'sessions.db'), synchronous: 'normal', clock })
    return { durable, cache: () => memory({ clock, evicts: true }), end: () => rm(dir, { recursive: true }) }
  }),
)

suite('cached with a server', { skip: memcachedNeed.skip }, () => {
  let server: MemcachedServer
  before(async () => {
    server = await startMemcached()
  })
  after(() => server.stop())
  storeSuite(
    'cached memory with memcached',
    subjects(async (clock) => {
      const durable = memory({ clock, maxBytes: 8 * 2 ** 20 })
      const cache = () => memcached({ servers: `127.0.0.1:${server.port}`, prefix: `${newId()}:`, clock })
      return { durable: () => durable, cache }
    }),
  )
})

describe('cached', () => {
  const text = async (store: Store) => plain(await store.read(ID))?.text ?? null

  it('returns the copy without asking the durable store, after the first read and after an update', async () => {
    const { durable, store, entry, clock } = fixture()
    await store.create(ID, entry('first'))
    const version = (await store.read(ID))?.version as Version
    durable.calls.length = 0
    assert.equal(await text(store), 'first')
    const next = (await store.update(ID, entry('second'), version)) as Version
    assert.equal(await text(store), 'second')
    await store.touch(ID, clock() + 2 * HOUR, next)
    assert.equal((await store.read(ID))?.entry.expiresAt, clock() + 2 * HOUR)
    assert.deepEqual(durable.calls, ['update', 'touch'])
  })

  it('asks the durable store for a fresh read, whatever copies there are, and leaves what it got as the copy', async () => {
    const { clock, durable, store, node, entry } = fixture()
    const elsewhere = node({ cache: memory({ clock, evicts: true }) })
    await store.create(ID, entry('first'))
    const version = (await store.read(ID))?.version as Version
    await elsewhere.update(ID, entry('second'), version)
    clock.advance(1)
    assert.equal(await text(store), 'first')
    assert.equal(plain(await store.read(ID, { fresh: true }))?.text, 'second')
    durable.calls.length = 0
    assert.equal(await text(store), 'second')
    assert.deepEqual(durable.calls, [])
    await elsewhere.delete(ID)
    assert.equal(await text(store), 'second')
    assert.equal(await store.read(ID, { fresh: true }), null)
    assert.equal(await text(store), null)
  })

  it('passes a fresh read on, to a durable store that has copies of its own', async () => {
    const { clock, durable, store, node, entry } = fixture()
    const outer = cached({ durable: store, cache: memory({ clock, evicts: true }), clock })
    await outer.create(ID, entry('first'))
    const version = (await outer.read(ID))?.version as Version
    await node({ cache: memory({ clock, evicts: true }) }).update(ID, entry('second'), version)
    durable.calls.length = 0
    assert.equal(plain(await outer.read(ID, { fresh: true }))?.text, 'second')
    assert.deepEqual(durable.calls, ['read'])
  })

  it('uses a copy for less than maxAge', async () => {
    const { clock, durable, store, node, entry } = fixture({ maxAge: 500 })
    const elsewhere = node({ cache: memory({ clock, evicts: true }) })
    await store.create(ID, entry('first'))
    const version = (await store.read(ID))?.version as Version
    await elsewhere.update(ID, entry('second'), version)
    clock.advance(499)
    assert.equal(await text(store), 'first')
    clock.advance(1)
    assert.equal(await text(store), 'second')
    durable.calls.length = 0
    await elsewhere.delete(ID)
    clock.advance(500)
    assert.equal(await store.read(ID), null)
    assert.equal(await node().read(ID), null)
  })

  it('does not use a copy that was read in the future, by the clock', async () => {
    const { clock, store, node, entry } = fixture()
    await store.create(ID, entry('first'))
    await text(store)
    clock.advance(-1)
    await node({ cache: memory({ clock, evicts: true }) }).delete(ID)
    assert.equal(await store.read(ID), null)
  })

  it('asks the durable store when a copy says that the session has expired', async () => {
    const { clock, store, node, entry } = fixture({ maxAge: 9 * HOUR })
    await store.create(ID, entry('first'))
    await text(store)
    await node({ cache: memory({ clock, evicts: true }) }).touch(ID, clock() + 2 * HOUR)
    clock.advance(HOUR)
    assert.equal(await text(store), 'first')
    assert.equal(await text(store), 'first')
    clock.advance(HOUR)
    assert.equal(await store.read(ID), null)
  })

  it('after a conflict, the next read is from the durable store, so that trying again succeeds', async () => {
    const { clock, store, node, entry } = fixture({ maxAge: HOUR })
    await store.create(ID, entry('first'))
    const version = (await store.read(ID))?.version as Version
    await node({ cache: memory({ clock, evicts: true }) }).update(ID, entry('second'), version)
    assert.equal(await store.update(ID, entry('third'), version), null)
    const found = await store.read(ID)
    assert.equal(plain(found)?.text, 'second')
    assert.notEqual(await store.update(ID, entry('third'), found?.version as Version), null)
    assert.equal(await text(store), 'third')
  })

  it('readSync returns only what read would return without asking the durable store', async () => {
    const { clock, durable, node, entry } = fixture({ maxAge: HOUR })
    const store = node({ cache: memory({ clock, evicts: true }) })
    const readSync = () => plain(store.readSync?.(ID) ?? null)?.text
    const known = async () => {
      await store.read(ID)
      assert.equal(readSync(), 'first')
    }
    assert.equal(readSync(), undefined)
    await durable.store.create(ID, entry('first', HOUR + 2))
    await known()
    clock.advance(-1)
    assert.equal(readSync(), undefined, 'read in the future')
    clock.advance(1 + HOUR)
    assert.equal(readSync(), undefined, 'too old')
    await known()
    clock.advance(2)
    assert.equal(readSync(), undefined, 'past its deadline')
    await durable.store.delete(ID)
    for (const [cause, invalidate] of Object.entries({
      conflict: () => store.update(ID, entry('second'), -1),
      delete: () => store.delete(ID),
      deleteAll: () => store.byOwner.deleteAll(OWNER),
    })) {
      await durable.store.create(ID, entry('first'))
      clock.advance(1)
      await known()
      await invalidate()
      assert.equal(readSync(), undefined, cause)
      await durable.store.delete(ID)
    }
  })

  it('deleteAll is final immediately, here and on every node that shares the cache, and spares the exception', async () => {
    const { durable, store, node, entry } = fixture()
    const other = node()
    const ids = [ID, newId(), newId()]
    for (const id of ids) await store.create(id, entry('first'))
    for (const id of ids) await other.read(id)
    // One more is created after the list was read.
    const late = newId()
    const { list } = durable.store.byOwner as NonNullable<Store['byOwner']>
    Object.assign(durable.store.byOwner as object, {
      list: async function* (owner: string) {
        yield* list(owner)
        await durable.store.create(late, entry('late'))
        await store.read(late)
      },
    })
    assert.equal(await store.byOwner.deleteAll(OWNER, ids[2]), 3)
    for (const each of [store, other]) assert.equal(plain(await each.read(ids[2] as never))?.text, 'first')
    for (const id of ids.slice(0, 2)) for (const each of [store, other]) assert.equal(await each.read(id), null)
    assert.equal(await store.read(late), null)
  })

  it('a session that is too large for the cache is read from the durable store', async () => {
    const { clock, durable, node, entry, errors } = fixture()
    const store = node({ cache: memory({ clock, evicts: true, maxBytes: 4096 }) })
    const large = { ...entry(''), bytes: new Uint8Array(4000) }
    await store.create(ID, large)
    const found = await store.read(ID)
    assert.notEqual(await store.update(ID, large, found?.version as Version), null)
    durable.calls.length = 0
    for (let times = 0; times < 2; times++) assert.equal((await store.read(ID))?.entry.bytes.length, 4000)
    assert.deepEqual(durable.calls, ['read', 'read'])
    assert.deepEqual(errors, [])
  })

  it('what is in the cache and is not a copy is replaced by one', async () => {
    const { cache, durable, store, entry } = fixture()
    await store.create(ID, entry('first'))
    for (const bytes of [[], [0, 0], [1], new Array(300).fill(1), new Array(8).fill(9), new Array(26).fill(255)]) {
      await cache.store.delete(ID)
      await cache.store.create(ID, { ...entry(''), bytes: Uint8Array.from(bytes) })
      assert.equal(await text(store), 'first')
      durable.calls.length = 0
      assert.equal(await text(store), 'first')
      assert.deepEqual(durable.calls, [])
    }
  })

  it('clears both stores, counts what the durable one removed, and removes nothing in a dry run', async () => {
    const { clock, cache, store, entry } = fixture()
    await store.create(ID, entry('first'))
    await text(store)
    clock.advance(HOUR)
    assert.equal(await store.clearExpired({ dryRun: true }), 1)
    assert.equal(await cache.store.clearExpired({ dryRun: true }), 1)
    assert.equal(await store.clearExpired(), 1)
    assert.equal(await cache.store.clearExpired({ dryRun: true }), 0)
    cache.store.clearExpired = () => Promise.reject(new StoreError('down'))
    assert.equal(await store.clearExpired(), 0)
  })

  it('has the traits and the optional methods of its durable store, and no others', async () => {
    const clock = manualClock()
    const plainStore: Store = { ...fixture().durable.store, tryWithLock: async (_name, work) => work() }
    const { byOwner: _, ...bare } = plainStore
    const store = cached({ durable: bare as Store, cache: memory({ clock, evicts: true }), clock })
    assert.deepEqual([store.byOwner, store.changes, store.schema], [undefined, undefined, undefined])
    // So do the types.
    const indexed: IndexedStore & ScannableStore = cached({
      durable: memory({ clock }),
      cache: memory({ clock, evicts: true }),
      clock,
    })
    assert.deepEqual(await listed(indexed.byOwner, OWNER), [])
    // @ts-expect-error: not every store can find sessions by owner
    assert.throws(() => store.byOwner.list(OWNER), TypeError)
    assert.equal(await store.tryWithLock?.('name', async () => 5), 5)
    assert.deepEqual(store.traits, { ...bare.traits, engine: 'cached memory with memory' })
    await store.close()
    await assert.rejects(store.tryWithLock?.('name', async () => 5) ?? Promise.resolve(), StoreError)
  })

  it('does not use the lock, the schema and the change feed of its durable store after it was closed', async () => {
    const clock = manualClock()
    const store = cached({
      durable: {
        ...fixture().durable.store,
        tryWithLock: async (_name: string, work: () => Promise<unknown>) => work(),
        changes: { listen: async () => async () => {} },
        schema: { statements: ['CREATE'], pending: async () => [], migrate: async () => [] },
      } as Store,
      cache: memory({ clock, evicts: true }),
      clock,
    })
    assert.deepEqual([await store.schema?.pending(), await store.schema?.migrate()], [[], []])
    await store.close()
    for (const call of [
      store.tryWithLock?.('name', async () => 5),
      store.changes?.listen(() => {}),
      store.schema?.pending(),
      store.schema?.migrate(),
    ])
      await assert.rejects(call ?? Promise.resolve(), StoreError)
    assert.deepEqual(store.schema?.statements, ['CREATE'])
  })

  it('leaves the stores open that were passed in, and closes those that a URL opened', async () => {
    const { store, durable, cache, entry } = fixture()
    await store.close()
    await assert.rejects(store.read(ID), StoreError)
    assert.equal(await durable.store.create(ID, entry('first')), true)
    assert.equal(await cache.store.read(ID), null)
    const opened = storeFromUrl('cached:?durable=memory%3A%3Fmax%3D5&cache=memory%3A%3Fevicts%3Dtrue&cacheTimeout=9')
    assert.equal(await opened.create(ID, { ...entry('first'), expiresAt: Date.now() + HOUR }), true)
    assert.equal(await text(opened), 'first')
    await opened.close()
    await assert.rejects(opened.read(ID), StoreError)
  })

  it('refuses options that it does not know or cannot use', () => {
    const [durable, cache] = [memory(), memory({ evicts: true })]
    const refused = (options: object) => assert.throws(() => cached(options as never), ConfigError)
    refused({ durable, cache: durable })
    for (const bad of [{ durable: 5 }, { cache: {} }, { cache: undefined }, { maxage: 5 }, { onCacheError: 5 }])
      refused({ durable, cache, ...bad })
    for (const name of ['maxAge', 'cacheTimeout'])
      for (const bad of [0, -1, 1.5, '9']) refused({ durable, cache, [name]: bad })
    refused({ durable, cache, clock: 5 })
  })

  it('refuses a cache that would fill up, and says what to use', async () => {
    const durable = memory()
    const advice = { name: 'ConfigError', message: /memory\(\{ evicts: true \}\)/ }
    for (const cache of [memory(), sqlite(':memory:'), cached({ durable: memory(), cache: memory({ evicts: true }) })])
      assert.throws(() => cached({ durable, cache }), advice)
    assert.throws(() => storeFromUrl('cached:?durable=memory%3A&cache=memory%3A'), advice)
    const store = cached({ durable, cache: memory({ evicts: true, max: 2 }), onCacheError: assert.fail })
    const ids = Array.from({ length: 9 }, newId)
    for (const id of ids) await store.create(id, { ...fixture().entry('first'), expiresAt: Date.now() + HOUR })
    for (const id of ids) assert.equal(plain(await store.read(id))?.text, 'first')
    assert.equal(plain(store.readSync?.(ids.at(-1) ?? ID) ?? null)?.text, 'first', 'the last copy is there')
  })
})

describe('cached: a cache that does not work', failingCache)
describe('cached: a durable store that reports changes', changeFeed)
describe('cached: what happens at the same time', () => {
  interleavings()
  it('in random orders on three nodes, a read returns nothing older than what its cache was told', readsAreNeverTooOld)
})
