import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { Entry } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'

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
  const held = async (store: ReturnType<typeof memory>) => {
    const ids: string[] = []
    for await (const page of store.scan()) ids.push(...page.map((listing) => listing.id.replace(/^0+/, '')))
    return ids.sort()
  }

  it('drops the least recently used session when it is full', async () => {
    const store = memory({ max: 3 })
    for (const name of ['a', 'b', 'c', 'd']) await store.create(id(name), entry())
    assert.deepEqual(await held(store), ['b', 'c', 'd'])
  })

  it('counts a read, a touch and an update as use, but not a list, a scan or a sweep', async () => {
    const store = memory({ max: 4 })
    const owner = 'f'.repeat(64)
    for (const name of ['a', 'b', 'c', 'd']) await store.create(id(name), entry({ owner }))
    const found = await store.read(id('a'))
    await store.update(id('a'), entry(), found?.version ?? 0)
    await store.touch(id('b'), Date.now() + 1e6)
    await store.read(id('c'))
    await held(store)
    await store.byOwner.list(owner)
    await store.clearExpired()
    await store.create(id('e'), entry())
    assert.deepEqual(await held(store), ['a', 'b', 'c', 'e'])
  })

  it('holds no more bytes than maxBytes', async () => {
    const store = memory({ maxBytes: 100_000 })
    for (let name = 0; name < 100; name += 1) await store.create(id(name), entry({ bytes: new Uint8Array(10_000) }))
    assert.equal((await held(store)).length, 9)
  })

  it('forgets the owner of a session that was dropped', async () => {
    const store = memory({ max: 1 })
    const owner = 'f'.repeat(64)
    await store.create(id('a'), entry({ owner }))
    await store.create(id('b'), entry())
    assert.deepEqual(await store.byOwner.list(owner), [])
  })

  it('says that it is not durable and may drop sessions', () => {
    const { durable, evicts, shared } = memory().traits
    assert.deepEqual({ durable, evicts, shared }, { durable: 'no', evicts: true, shared: 'process' })
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
      /Unknown option "maximum" for memory\(\)\..* Known: max, maxBytes, clock\.$/,
    )
    for (const bad of [{ max: 0 }, { max: 1.5 }, { max: '9' }, { maxBytes: 10 }, { clock: 5 }, { max: 2 ** 40 }]) {
      assert.throws(() => memory(bad as object), ConfigError)
    }
  })
})
