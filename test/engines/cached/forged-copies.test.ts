import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SecretSource } from '../../../packages/strongroom/src/crypto/keyring.ts'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { moving } from '../../../packages/strongroom/src/engines/moving/moving.ts'
import { pack, unpack } from '../../../packages/strongroom/src/engines/shared/packing.ts'
import type { Entry, IndexedStore, ScannableStore, Store, Version } from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR } from '../../../packages/strongroom/src/testing/store/entries.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { secret } from '../../core/fixtures/secret.ts'
import { ID, OWNER, plain } from './interleavings.ts'
import { keysUnder } from './keys.ts'

const OTHER = 'c'.repeat(64) as Id
const MAX_AGE = 10_000
/** What precedes the copy itself: version 1 ‖ kid 1 ‖ tag 32. */
const HEAD = 34

type Clock = ReturnType<typeof manualClock>

/** A cache that, as far as anybody can tell, is on the network. */
function networkCache(clock: Clock) {
  const store = memory({ clock, max: 99, evicts: true })
  const cache: Store = { ...watched(store).store, traits: { ...store.traits, shared: 'network' } }
  return {
    cache,
    async copy(id: Id = ID): Promise<Buffer> {
      return Buffer.from((await store.read(id))?.entry.bytes ?? assert.fail('no copy'))
    },
    async plant(given: Uint8Array, id: Id = ID): Promise<void> {
      await store.delete(id)
      await store.create(id, { bytes: given, expiresAt: clock() + HOUR, owner: null, label: null, createdAt: clock() })
    },
  }
}

/** A session "first" that is in the durable store, and as a copy in a cache in which others can write. */
async function fixture({ secrets = secret('cache') as SecretSource } = {}) {
  const clock = manualClock()
  const durable = watched(memory({ clock, max: 99 }))
  const { cache, copy, plant } = networkCache(clock)
  const errors: Error[] = []
  const bare = () =>
    cached({
      durable: durable.store as IndexedStore,
      cache,
      clock,
      maxAge: MAX_AGE,
      onCacheError: (error) => void errors.push(error),
    })
  const node = (from = secrets) => {
    const store = bare()
    store.authenticate?.(keysUnder(from).keys)
    return store
  }
  const entry = (text: string): Entry => {
    return {
      bytes: bytes(text),
      expiresAt: clock() + HOUR,
      owner: OWNER,
      label: bytes('a phone'),
      createdAt: clock(),
    }
  }
  const store = node()
  await store.create(ID, entry('first'))
  const version = (await store.read(ID))?.version as Version
  /** What a read returns, and whether it asked the durable store for it. */
  const reads = async (from: Store = store, id = ID) => {
    durable.calls.length = 0
    const text = plain(await from.read(id))?.text ?? null
    return `${text}, ${durable.calls.includes('read') ? 'read' : 'copy'}`
  }
  assert.equal(await reads(), 'first, copy')
  return { clock, durable, cache, copy, plant, errors, bare, node, entry, store, version, reads }
}

type Parts = Entry & { readonly version: Version; readonly readAt: number }

const FIELDS: Readonly<Record<string, (copy: Parts) => Partial<Parts>>> = {
  bytes: () => ({ bytes: bytes('forged') }),
  'bytes, shorter': ({ bytes }) => ({ bytes: bytes.subarray(1) }),
  version: ({ version }) => ({ version: Number(version) + 1 }),
  'version, as a string': ({ version }) => ({ version: String(version) }),
  readAt: ({ readAt }) => ({ readAt: readAt + 1 }),
  expiresAt: ({ expiresAt }) => ({ expiresAt: expiresAt + 1 }),
  createdAt: ({ createdAt }) => ({ createdAt: createdAt - 1 }),
  owner: () => ({ owner: 'd'.repeat(64) }),
  'no owner': () => ({ owner: null }),
  label: () => ({ label: bytes('a fridge') }),
  'no label': () => ({ label: null }),
}

function forge(copy: Buffer, change: (copy: Parts) => Partial<Parts>): Buffer {
  const { entry, version } = unpack(copy, HEAD + 8) ?? assert.fail('not a copy')
  const parts = { ...entry, version, readAt: copy.readDoubleLE(HEAD) }
  const { readAt, version: next, ...forged } = { ...parts, ...change(parts) }
  const moment = Buffer.alloc(8)
  moment.writeDoubleLE(readAt)
  return Buffer.concat([copy.subarray(0, HEAD), moment, pack(forged, next)])
}

describe('cached: a cache in which others can write', () => {
  for (const [field, change] of Object.entries(FIELDS))
    it(`a copy with another value in one field is not used: ${field}`, async () => {
      const { clock, copy, plant, reads } = await fixture()
      const genuine = await copy()
      assert.deepEqual(
        forge(genuine, () => ({})),
        genuine,
      )
      // Or a copy from the future would be refused for that.
      clock.advance(5)
      await plant(forge(genuine, change))
      assert.equal(await reads(), 'first, read')
      assert.equal(await reads(), 'first, copy')
    })

  it('a copy that was altered in any byte, cut short or made longer is not used, and is no error of the cache', async () => {
    const { copy, plant, reads, errors } = await fixture()
    const genuine = await copy()
    for (let at = 0; at < genuine.length; at++) {
      const forged = Buffer.from(genuine)
      forged[at] = (forged[at] as number) ^ (1 << (at % 8))
      await plant(forged)
      assert.equal(await reads(), 'first, read', `byte ${at}`)
      await plant(genuine.subarray(0, at))
      assert.equal(await reads(), 'first, read', `${at} bytes`)
    }
    await plant(Buffer.concat([genuine, Buffer.of(0)]))
    assert.equal(await reads(), 'first, read')
    await plant(genuine)
    assert.equal(await reads(), 'first, copy')
    assert.deepEqual(errors, [])
  })

  it('a copy in the place of another session, or of none, is not used', async () => {
    const { copy, plant, store, entry, reads } = await fixture()
    const genuine = await copy()
    await plant(genuine, OTHER)
    assert.equal(await reads(store, OTHER), 'null, read')
    await store.create(OTHER, entry('other'))
    await plant(genuine, OTHER)
    assert.equal(await reads(store, OTHER), 'other, read')
  })

  it('an older copy that was put back is used until maxAge after it was read, and rolls nothing back', async () => {
    const { clock, copy, plant, node, store, version, entry, durable, reads } = await fixture()
    const elsewhere = node()
    const [old, oldFirst] = [await copy(), clock()]
    clock.advance(MAX_AGE - 10)
    await store.update(ID, entry('second'), version)
    await plant(old)
    for (const each of [store, elsewhere]) assert.equal(await reads(each), 'first, copy')
    assert.equal(await elsewhere.update(ID, entry('rolled back'), version), null)
    assert.equal(plain(await durable.store.read(ID))?.text, 'second')
    clock.advance(10)
    assert.equal(clock() - oldFirst, MAX_AGE)
    for (const each of [store, elsewhere, node()]) {
      await plant(old)
      assert.equal(await reads(each), 'second, read')
    }
  })

  it('a session that has ended is not brought back by its copy, later than maxAge after it was read', async () => {
    const { clock, copy, plant, node, store, reads } = await fixture()
    const elsewhere = node()
    const old = await copy()
    await store.byOwner.deleteAll(OWNER)
    await plant(old)
    assert.equal(await reads(store), 'null, read')
    clock.advance(MAX_AGE)
    for (const [how, given] of [
      ['as it was', old],
      ['with a new moment', forge(old, () => ({ readAt: clock() - 1 }))],
    ] as const)
      for (const each of [store, elsewhere, node()]) {
        await plant(given)
        assert.equal(await reads(each), 'null, read', how)
      }
  })

  it('neither a touch nor a refused update gives an older copy that was put back a longer life', async () => {
    const { clock, copy, plant, node, store, version, entry, reads } = await fixture()
    const elsewhere = node()
    const old = await copy()
    clock.advance(MAX_AGE / 2)
    const next = (await store.update(ID, entry('second'), version)) as Version
    for (const touch of [
      () => elsewhere.touch(ID, clock() + 2 * HOUR, next),
      () => elsewhere.touch(ID, clock() + 2 * HOUR),
    ]) {
      await plant(old)
      assert.equal(await touch(), true)
      assert.equal(await reads(elsewhere), 'second, read')
    }
    await plant(old)
    assert.equal(await elsewhere.update(ID, entry('third'), version), null)
    await plant(old)
    clock.advance(MAX_AGE / 2)
    assert.equal(await reads(elsewhere), 'second, read')
    // One of the version that was touched has the new deadline, and is as old as it was.
    assert.equal(await reads(elsewhere), 'second, copy')
    clock.advance(MAX_AGE / 2)
    assert.equal(await elsewhere.touch(ID, clock() + 2 * HOUR, next), true)
    assert.equal(await reads(elsewhere), 'second, copy')
    clock.advance(MAX_AGE / 2)
    assert.equal(await reads(elsewhere), 'second, read')
  })

  it('a tombstone that anyone has put there costs a read of the durable store, and ends nothing', async () => {
    const { plant, store, version, entry, reads } = await fixture()
    for (let times = 0; times < 3; times++) {
      await plant(Buffer.of(0))
      assert.equal(await reads(), 'first, read')
    }
    await plant(Buffer.of(0))
    assert.notEqual(await store.update(ID, entry('second'), version), null)
    assert.equal(await reads(), 'second, copy')
  })

  it('without keys, a store uses the copies that it has made itself, and no others', async () => {
    const { bare, node, reads } = await fixture()
    const [one, two] = [bare(), bare()]
    assert.equal(await reads(one), 'first, read')
    assert.equal(await reads(one), 'first, copy')
    assert.equal(await reads(two), 'first, read')
    assert.equal(await reads(two), 'first, copy')
    assert.equal(await reads(one), 'first, read')
    one.authenticate?.(keysUnder(secret('cache')).keys)
    assert.equal(await reads(one), 'first, read', 'from before it had keys')
    assert.equal(await reads(node()), 'first, copy')
  })

  it('without keys, a copy that was altered or moved to another session is not used', async () => {
    const { bare, copy, plant, reads, entry, durable } = await fixture()
    const store = bare()
    assert.equal(await reads(store), 'first, read')
    const genuine = await copy()
    for (let at = 0; at < genuine.length; at++) {
      const forged = Buffer.from(genuine)
      forged[at] = (forged[at] as number) ^ 1
      await plant(forged)
      assert.equal(await reads(store), 'first, read', `byte ${at}`)
      await plant(genuine.subarray(0, at))
      assert.equal(await reads(store), 'first, read', `${at} bytes`)
    }
    await durable.store.create(OTHER, entry('other'))
    await plant(genuine, OTHER)
    assert.equal(await reads(store, OTHER), 'other, read')
  })

  it('after a rotation, a copy under a retired secret is used, and one under a removed or unknown secret is not', async () => {
    const [old, fresh] = [secret('cache'), secret('fresh')]
    const { node, bare, reads } = await fixture()
    const { ring, keys } = keysUnder([fresh, old])
    const store = bare()
    store.authenticate?.(keys)
    assert.equal(await reads(store), 'first, copy')
    assert.equal(await reads(node(fresh)), 'first, read')
    assert.equal(await reads(store), 'first, copy')
    assert.equal(await reads(node(old)), 'first, read', 'it does not know the new secret')
    await ring.reload(fresh)
    assert.equal(await reads(store), 'first, read')
    assert.equal(await reads(store), 'first, copy')
  })

  it('while a provider has not given any secrets, no copies are made or used, which is no error of the cache', async () => {
    const { bare, reads, errors } = await fixture()
    const { ring, keys } = keysUnder(async () => secret('cache'))
    const store = bare()
    store.authenticate?.(keys)
    for (let times = 0; times < 2; times++) assert.equal(await reads(store), 'first, read')
    assert.deepEqual(errors, [])
    await ring.ready()
    assert.equal(await reads(store), 'first, copy')
  })

  it('copies in the memory of this process are not signed', async () => {
    const { durable, clock, reads } = await fixture()
    const inner = memory({ clock, max: 9, evicts: true })
    const store = cached({ durable: durable.store, cache: inner, clock })
    assert.equal(await reads(store), 'first, read')
    const before = clock()
    store.authenticate?.(keysUnder(secret('cache')).keys)
    assert.equal(await reads(store), 'first, copy')
    const { bytes = new Uint8Array() } = (await inner.read(ID))?.entry ?? {}
    assert.equal(Buffer.from(bytes).readDoubleLE(), before)
  })

  it('a copy of one part of a store made of others is not used in another part', async () => {
    const clock = manualClock()
    const [inOld, inNew] = [networkCache(clock), networkCache(clock)]
    const [from, to] = [watched(memory({ clock, max: 9 })), watched(memory({ clock, max: 9 }))]
    const half = (durable: Store, cache: Store) => cached({ durable: durable as ScannableStore, cache, clock })
    const [older, newer] = [half(from.store, inOld.cache), half(to.store, inNew.cache)]
    const store = moving({ from: older, to: newer, phase: 'prepare', clock })
    store.authenticate?.(keysUnder(secret('cache')).keys)
    const entry = { bytes: bytes('old'), expiresAt: clock() + HOUR, owner: null, label: null, createdAt: clock() }
    await from.store.create(ID, entry)
    await older.read(ID)
    from.calls.length = 0
    await older.read(ID)
    assert.deepEqual(from.calls, [])
    // In the new store, it would be taken for a session that has been moved.
    await inNew.plant(await inOld.copy())
    assert.equal(await newer.read(ID), null)
    assert.deepEqual(to.calls, ['read'])
  })

  it('the copies of two stores, one in front of the other, cannot keep each other alive', async () => {
    const clock = manualClock()
    const [front, back] = [networkCache(clock), networkCache(clock)]
    const durable = memory({ clock, max: 9 })
    const inner = cached({ durable, cache: back.cache, clock, maxAge: MAX_AGE })
    const store = cached({ durable: inner, cache: front.cache, clock, maxAge: MAX_AGE })
    store.authenticate?.(keysUnder(secret('cache')).keys)
    const entry = { bytes: bytes('first'), expiresAt: clock() + HOUR, owner: null, label: null, createdAt: clock() }
    await durable.create(ID, entry)
    await store.read(ID)
    await durable.delete(ID)
    const endedAt = clock()
    let [outer, lastSeenAt] = [await front.copy(), endedAt]
    for (let round = 0; round < 5; round++) {
      clock.advance(MAX_AGE - 1)
      // The outer copy says when the inner store was asked, which may have had a copy itself. In its place, it would look younger.
      await back.plant(outer)
      await front.plant(Buffer.of(0))
      if (!(await store.read(ID))) continue
      lastSeenAt = clock()
      outer = await front.copy()
    }
    assert.ok(lastSeenAt < endedAt + 2 * MAX_AGE, `${lastSeenAt - endedAt} ms after its end`)
  })

  it('a copy of a copy is not used as the copy of a session', async () => {
    const clock = manualClock()
    const [front, back] = [networkCache(clock), networkCache(clock)]
    const durable = watched(memory({ clock, max: 9 }))
    const twoLayers = cached({ durable: back.cache, cache: front.cache, clock })
    const store = cached({ durable: durable.store, cache: twoLayers, clock })
    store.authenticate?.(keysUnder(secret('cache')).keys)
    const entry = { bytes: bytes('first'), expiresAt: clock() + HOUR, owner: null, label: null, createdAt: clock() }
    await durable.store.create(ID, entry)
    for (let times = 0; times < 2; times++) assert.equal(plain(await store.read(ID))?.text, 'first')
    const copyOfCopy = await front.copy()
    await front.plant(Buffer.of(0))
    await back.plant(copyOfCopy)
    durable.calls.length = 0
    assert.equal(plain(await store.read(ID))?.text, 'first')
    assert.deepEqual(durable.calls, ['read'])
  })
})
