import assert from 'node:assert/strict'
import { StoreError } from '../../errors.ts'
import { bytes as bytesOf, everyByte, HOUR, newId, newOwner } from './entries.ts'
import { absent, holds, listed, put, scanned } from './expect.ts'
import type { Property } from './property.ts'

const MEGABYTE = 2 ** 20

/** Bytes come back exactly as they were written, whatever they are, and are shared with nobody. */
export function bytes(property: Property): void {
  property('every byte value comes back, in the bytes and in the label', async ({ store, entry }) => {
    await put(store, newId(), entry({ bytes: everyByte(), label: everyByte() }))
    await put(store, newId(), entry({ bytes: everyByte().reverse(), label: new Uint8Array(512).fill(255) }))
  })

  property(
    'empty bytes come back as empty bytes, and an empty label is not a missing one',
    async ({ store, entry }) => {
      await put(store, newId(), entry({ bytes: new Uint8Array(0), label: new Uint8Array(0) }))
      await put(store, newId(), entry({ bytes: new Uint8Array(0), label: null }))
    },
  )

  property('64 KB and 1 MB come back, or as much as the store accepts', async ({ store, entry }) => {
    const limit = store.traits.sizeLimit ?? Number.POSITIVE_INFINITY
    for (const size of [65_536, MEGABYTE]) {
      const large = Uint8Array.from({ length: Math.min(size, limit) }, (_, index) => (index * 31) % 251)
      const id = newId()
      const version = await put(store, id, entry({ bytes: large }))
      const next = entry({ bytes: large.map((value) => value ^ 255) })
      assert.notEqual(await store.update(id, next, version), null)
      await holds(store, id, next)
    }
  })

  property(
    'an entry over the size limit is refused with a StoreError, and nothing is written',
    async ({ store, entry, skip }) => {
      const limit = store.traits.sizeLimit
      if (limit === null || limit > 64 * MEGABYTE)
        return skip('this store has no size limit, or one that is too large for a test')
      const [id, other] = [newId(), newId()]
      const large = entry({ bytes: new Uint8Array(limit + 1) })
      await assert.rejects(store.create(id, large), StoreError)
      await absent(store, id)
      const small = entry()
      const version = await put(store, other, small)
      await assert.rejects(store.update(other, large, version), StoreError)
      assert.equal(await holds(store, other, small), version)
    },
  )

  property('what was written does not change with the buffers of the caller', async ({ store, entry }) => {
    const id = newId()
    for (const write of ['create', 'update']) {
      const [mine, label] = [bytesOf(`${write} mine`), bytesOf(`${write} label`)]
      const given = entry({ bytes: mine, label })
      const found = await store.read(id)
      const done = found ? store.update(id, given, found.version) : store.create(id, given)
      // Before the call has resolved, too: a store that copies the buffers later copies the wrong bytes.
      mine.fill(0)
      label.fill(0)
      assert.ok(await done)
      await holds(store, id, { ...given, bytes: bytesOf(`${write} mine`), label: bytesOf(`${write} label`) })
    }
  })

  property('changing what was read does not change what is stored', async ({ store, entry }) => {
    const id = newId()
    const first = entry({ bytes: bytesOf('mine'), label: bytesOf('label'), owner: newOwner() })
    await put(store, id, first)
    const found = await store.read(id)
    found?.entry.bytes.fill(0)
    found?.entry.label?.fill(0)
    for (const listing of await scanned(store)) listing.label?.fill(0)
    const list = store.byOwner ? await listed(store.byOwner, first.owner ?? '') : []
    for (const listing of list) listing.label?.fill(0)
    await holds(store, id, first)
  })

  property('a view of a larger buffer is stored without the rest of the buffer', async ({ store, entry }) => {
    const whole = Buffer.from('before the middle after')
    const id = newId()
    await store.create(id, entry({ bytes: whole.subarray(7, 17), label: whole.subarray(18) }))
    await holds(store, id, entry({ bytes: bytesOf('the middle'), label: bytesOf('after') }))
  })

  property(
    'a read never writes: it changes neither version nor deadline, and removes nothing that has expired',
    async (given) => {
      const { store, clock, entry } = given
      const id = newId()
      const first = entry()
      const version = await put(store, id, first)
      clock.advance(HOUR - 1000)
      for (let times = 0; times < 5; times += 1) assert.equal(await holds(store, id, first), version)
      clock.advance(1000)
      await absent(store, id)
      if (!store.traits.expiresByItself) assert.equal(await store.clearExpired(), 1)
    },
  )
}
