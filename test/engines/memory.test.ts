import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { ConfigError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { Entry, ScannableStore, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { secret } from '../core/fixtures/secret.ts'
import { memoryCollected } from '../support/collected.ts'

storeSuite('memory that evicts', async () => {
  const clock = manualClock()
  const store = memory({ clock, maxBytes: 8 * 2 ** 20, evicts: true })
  return { store, clock, sibling: async () => memory({ clock, evicts: true }), close: () => store.close() }
})

storeSuite('memory', async () => {
  const clock = manualClock()
  const store = memory({ clock, maxBytes: 8 * 2 ** 20 })
  return { store, clock, sibling: async () => memory({ clock }), close: () => store.close() }
})

describe('memory', () => {
  const id = (name: string | number) => String(name).padStart(64, '0') as Id
  const entry = (fields: Partial<Entry> = {}): Entry => {
    return {
      bytes: new Uint8Array(100),
      expiresAt: Date.now() + 1e6,
      owner: null,
      label: null,
      createdAt: 0,
      ...fields,
    }
  }
  const held = async (store: ScannableStore) => {
    const ids: string[] = []
    for await (const page of store.scan()) ids.push(...page.map((listing) => listing.id.replace(/^0+/, '')))
    return ids.sort()
  }

  const owner = 'f'.repeat(64)

  it('keeps nothing of a session for those who keep its id', async () => {
    const store = memory()
    const [count, size] = [200, 50_000]
    for (let i = 0; i < count; i++) await store.create(id(i), entry({ bytes: new Uint8Array(size), owner }))
    const ids: Id[] = []
    for await (const page of store.scan()) ids.push(...page.map((listing) => listing.id))
    for await (const page of store.byOwner.list(owner)) ids.push(...page.map((listing) => listing.id))
    assert.equal(ids.length, 2 * count)
    const full = (await memoryCollected()).heapUsed
    for (const one of ids) await store.delete(one)
    const left = (await memoryCollected()).heapUsed
    assert.ok(full - left > 0.9 * count * size, `${full - left} of ${count * size} bytes were given back`)
    assert.equal(ids.length, 2 * count)
    await store.close()
  })

  it('rejects with a StoreError when it is closed in the middle of ending all of an owner', async () => {
    const store = memory()
    for (let i = 0; i < 2000; i++) await store.create(id(i), entry({ owner }))
    const ending = store.byOwner.deleteAll(owner)
    await store.close()
    await assert.rejects(ending, StoreError)
  })

  /** What an entry without owner and label takes beside its bytes. */
  const BESIDE = 163
  const isFull = (option: string) => (error: unknown) =>
    error instanceof StoreError && error.message.includes(`raise its option "${option}"`)

  it('refuses a new session when it is full, and says which option to raise', async () => {
    const store = memory({ max: 3 })
    for (const name of ['a', 'b', 'c']) assert.equal(await store.create(id(name), entry({ owner })), true)
    await assert.rejects(store.create(id('d'), entry()), isFull('max'))
    assert.equal(await store.create(id('a'), entry()), false, 'it is there already')
    assert.deepEqual(await held(store), ['a', 'b', 'c'])
    assert.equal((await listed(store.byOwner, owner)).length, 3)
  })

  it('updates, touches and deletes in a full store, and refuses only an update that grows', async () => {
    const store = memory({ max: 3, maxBytes: 9300 })
    for (const name of ['a', 'b', 'c']) await store.create(id(name), entry({ bytes: new Uint8Array(2900), owner }))
    const version = (await store.read(id('a')))?.version ?? 0
    await assert.rejects(
      store.update(id('a'), entry({ bytes: new Uint8Array(3000), owner }), version),
      isFull('maxBytes'),
    )
    assert.equal((await store.read(id('a')))?.entry.bytes.length, 2900)
    const next = (await store.update(id('a'), entry({ bytes: new Uint8Array(2900), owner }), version)) ?? 0
    assert.equal(await store.touch(id('a'), Date.now() + 2e6), true)
    assert.notEqual(await store.update(id('a'), entry({ bytes: new Uint8Array(2000), owner }), next), null)
    const other = (await store.read(id('b')))?.version ?? 0
    assert.notEqual(
      await store.update(id('b'), entry({ bytes: new Uint8Array(3700), owner }), other),
      null,
      'now there is room',
    )
    await assert.rejects(store.create(id('d'), entry()), isFull('max'))
    assert.equal(await store.delete(id('b')), true)
    assert.equal(await store.create(id('d'), entry()), true)
  })

  it('holds no more bytes than maxBytes, whether it refuses or evicts', async () => {
    for (const evicts of [false, true]) {
      const store = memory({ maxBytes: 100_000, evicts })
      for (let name = 0; name < 100; name += 1) {
        const created = store.create(id(name), entry({ bytes: new Uint8Array(10_000) }))
        if (evicts || name < 9) await created
        else await assert.rejects(created, isFull('maxBytes'))
      }
      assert.equal((await held(store)).length, 9)
    }
  })

  it('makes room with what has expired, at any size, after touches, updates and deletes in any order', async () => {
    const lifetime = fc.integer({ min: 1, max: 40 })
    const step = fc.record({
      verb: fc.constantFrom('create', 'create', 'create', 'update', 'touch', 'delete', 'wait'),
      name: fc.nat(15),
      lifetime,
      size: fc.nat(2000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200, size: 'max' }), async (steps) => {
        const clock = manualClock()
        const store = memory({ clock, max: 8, maxBytes: 8192 })
        const model = new Map<string, { expiresAt: number; size: number }>()
        for (const { verb, name: number, lifetime, size } of steps) {
          const name = number.toString(16)
          const expiresAt = clock() + lifetime
          for (const [each, { expiresAt }] of model) if (expiresAt <= clock()) model.delete(each)
          const before = model.get(name)
          const taken = (without?: string) =>
            [...model].reduce((sum, [each, { size }]) => sum + (each === without ? 0 : size + BESIDE), 0)
          const fits = taken(name) + size + BESIDE <= 8192 || (before && size <= before.size)
          const given = entry({ bytes: new Uint8Array(size), expiresAt })
          if (verb === 'wait') clock.advance(lifetime)
          else if (verb === 'create') {
            if (before) assert.equal(await store.create(id(name), given), false)
            else if (fits && model.size < 8) assert.equal(await store.create(id(name), given), true)
            else await assert.rejects(store.create(id(name), given), StoreError)
            if (!before && fits && model.size < 8) model.set(name, { expiresAt, size })
          } else if (verb === 'update') {
            const version = (await store.read(id(name)))?.version ?? 0
            if (before && !fits) await assert.rejects(store.update(id(name), given, version), StoreError)
            else assert.equal((await store.update(id(name), given, version)) !== null, before !== undefined)
            if (before && fits) model.set(name, { expiresAt, size })
          } else if (verb === 'touch') {
            assert.equal(await store.touch(id(name), expiresAt), before !== undefined)
            if (before) before.expiresAt = expiresAt
          } else assert.equal(await store.delete(id(name)), model.delete(name))
        }
        for (const [each, { expiresAt }] of model) if (expiresAt <= clock()) model.delete(each)
        assert.deepEqual(await held(store), [...model.keys()].map((name) => name.replace(/^0+/, '')).sort())
      }),
    )
  })

  it('does not look through all sessions to find room, however many creates a full store refuses', async () => {
    let asked = 0
    const at = manualClock()
    const clock = () => {
      asked += 1
      return at()
    }
    const store = memory({ clock, max: 10_000 })
    for (let name = 0; name < 10_000; name += 1) await store.create(id(name), entry({ expiresAt: at() + 1000 + name }))
    asked = 0
    for (let times = 0; times < 100; times += 1) await assert.rejects(store.create(id('a'), entry()), isFull('max'))
    assert.ok(asked <= 500, `it asked ${asked} times whether a session has expired`)
    at.advance(1003)
    asked = 0
    const next = entry({ expiresAt: at() + 1e6 })
    for (const name of ['a', 'b', 'c', 'd']) assert.equal(await store.create(id(name), next), true)
    await assert.rejects(store.create(id('e'), entry()), isFull('max'))
    assert.ok(asked <= 50, `it asked ${asked} times whether a session has expired`)
  })

  it('keeps nothing of an expired entry whose id is used again', async () => {
    const clock = manualClock()
    const store = memory({ clock })
    await store.create(id('a'), entry({ expiresAt: clock() + 10, owner }))
    clock.advance(10)
    assert.equal(await store.create(id('a'), entry({ expiresAt: clock() + 10, owner })), true)
    assert.equal(await store.clearExpired(), 0)
    assert.equal(await store.byOwner.deleteAll(owner), 1)
  })

  it('never takes one id or owner for another, although their hashes are the same', async () => {
    // The hash does not look at the middle.
    const alike = (n: number) => `01234567${String(n).padStart(48, '0')}89abcdef`
    const names = fc.nat(3)
    const step = fc.record({
      verb: fc.constantFrom('create', 'create', 'update', 'delete', 'end'),
      name: names,
      owner: names,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const store = memory({ max: 4 })
        const model = new Map<string, string>()
        for (const { verb, name, owner: number } of steps) {
          const [id, owner] = [alike(name) as Id, alike(number)]
          const found = await store.read(id)
          assert.equal(found?.entry.owner, model.get(id))
          const isOwn = model.get(id) === owner
          if (verb === 'create') assert.equal(await store.create(id, entry({ owner })), !model.has(id))
          if (verb === 'create' && !model.has(id)) model.set(id, owner)
          if (verb === 'update')
            assert.equal((await store.update(id, entry({ owner }), found?.version ?? 0)) !== null, isOwn)
          if (verb === 'delete') assert.equal(await store.delete(id), model.delete(id))
          if (verb === 'end') {
            const own = [...model].filter(([, each]) => each === owner).map(([id]) => id)
            assert.deepEqual((await listed(store.byOwner, owner)).map(({ id }) => id).sort(), own.sort())
            assert.equal(await store.byOwner.deleteAll(owner), own.length)
            for (const id of own) model.delete(id)
          }
        }
      }),
    )
  })

  it('ends a list although sessions are added faster than it goes', async () => {
    const store = memory()
    const add = (from: number, count: number) =>
      Promise.all(Array.from({ length: count }, (_, at) => store.create(id(from + at), entry({ owner }))))
    await add(0, 250)
    let [seen, added] = [0, 250]
    for await (const page of store.byOwner.list(owner, { page: 10 })) {
      seen += page.length
      await add(added, 20)
      added += 20
      assert.ok(seen <= 250, 'it ends')
    }
    assert.equal(seen, 250)
  })

  it('with evicts: true, drops the least recently used session when it is full', async () => {
    const store = memory({ max: 3, evicts: true })
    for (const name of ['a', 'b', 'c', 'd']) await store.create(id(name), entry())
    assert.deepEqual(await held(store), ['b', 'c', 'd'])
  })

  it('with evicts: true, counts a read, a touch and an update as use, but not a scan or a sweep', async () => {
    const store = memory({ max: 4, evicts: true })
    for (const name of ['a', 'b', 'c', 'd']) await store.create(id(name), entry({ owner }))
    const found = await store.read(id('a'))
    await store.update(id('a'), entry(), found?.version ?? 0)
    await store.touch(id('b'), Date.now() + 1e6)
    await store.read(id('c'))
    await held(store)
    await store.clearExpired()
    await store.create(id('e'), entry())
    assert.deepEqual(await held(store), ['a', 'b', 'c', 'e'])
  })

  it('with evicts: true, has no lists, because what ends the sessions of a user could be dropped before they are', async () => {
    assert.equal((memory({ evicts: true }) as Store).byOwner, undefined)
    assert.equal((storeFromUrl('memory:?evicts=true') as Store).byOwner, undefined)
    for (const url of ['memory:', 'memory:?evicts=false'])
      assert.equal(typeof storeFromUrl(url).byOwner?.list, 'function')
    const sessions = createSessions({ store: memory({ evicts: true }), secrets: secret('evicting'), sweep: false })
    await assert.rejects((sessions as unknown as Sessions).of('ada').list(), UnsupportedError)
    await sessions.close()
  })

  it('says that it is not durable, and whether it may drop sessions', () => {
    for (const evicts of [undefined, false, true]) {
      const { traits } = memory({ evicts })
      assert.deepEqual([traits.durable, traits.shared, traits.evicts], ['no', 'process', evicts === true])
    }
  })

  it('does not block the event loop during a sweep', async () => {
    const clock = manualClock()
    const store = memory({ clock })
    for (let name = 0; name < 30_000; name += 1) await store.create(id(name), entry({ expiresAt: clock() + 1000 }))
    let turns = 0
    const timer = setImmediate(function turn() {
      turns += 1
      setImmediate(turn).unref()
    })
    assert.equal(await store.clearExpired(), 0)
    clearImmediate(timer)
    assert.ok(turns >= 2)
  })

  it('refuses options that it does not know or cannot use', () => {
    assert.throws(
      () => memory({ maximum: 3 } as object),
      /Unknown option "maximum" for memory\(\)\..* Known: max, maxBytes, evicts, clock\.$/,
    )
    for (const bad of [
      { max: 0 },
      { max: 1.5 },
      { max: '9' },
      { maxBytes: 10 },
      { clock: 5 },
      { evicts: 'yes' },
      { max: 2 ** 50, maxBytes: 2 ** 52 },
    ]) {
      assert.throws(() => memory(bad as object), ConfigError)
    }
  })
})
