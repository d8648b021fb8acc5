import assert from 'node:assert/strict'
import { bytes, DAY, HOUR, newId, newOwner } from './entries.ts'
import { absent, holds, listed, put, scanned } from './expect.ts'
import type { Property } from './property.ts'

/** An entry is live while `now < expiresAt`, for every method. */
export function deadlines(property: Property): void {
  property('one tick before its deadline an entry is live for every method', async ({ store, clock, tick, entry }) => {
    const owner = newOwner()
    const first = entry({ owner, expiresAt: clock() + HOUR })
    const [id, other] = [newId(), newId()]
    let version = await put(store, id, first)
    await put(store, other, first)
    clock.advance(HOUR - tick)
    await holds(store, id, first)
    if (store.byOwner) assert.equal((await listed(store.byOwner, owner)).length, 2)
    if (store.scan) assert.equal((await scanned(store)).length, 2)
    assert.equal(await store.create(id, entry()), false)
    assert.equal(await store.clearExpired(), 0)
    version = (await store.update(id, first, version)) ?? assert.fail('the update was refused')
    assert.equal(await store.touch(id, clock() + tick), true)
    assert.equal(await store.delete(id, version), true)
    assert.equal(await store.delete(other), true)
  })

  property('at its deadline an entry is gone for every method', async ({ store, clock, entry }) => {
    const owner = newOwner()
    const id = newId()
    const version = await put(store, id, entry({ owner, expiresAt: clock() + HOUR }))
    clock.advance(HOUR)
    await absent(store, id)
    assert.equal(await store.update(id, entry(), version), null)
    assert.equal(await store.touch(id, clock() + HOUR), false)
    if (store.byOwner) assert.deepEqual(await listed(store.byOwner, owner), [])
    assert.equal((await store.byOwner?.deleteAll(owner)) ?? 0, 0)
    assert.deepEqual(await scanned(store), [])
    assert.equal(await store.delete(id, version), false)
    assert.equal(await store.delete(id), false)
    await put(store, id, entry({ bytes: bytes('new') }))
  })

  property('an entry whose deadline has already passed is created and never seen', async ({ store, clock, entry }) => {
    for (const expiresAt of [clock() - DAY, clock()]) {
      const id = newId()
      assert.equal(await store.create(id, entry({ expiresAt })), true)
      await absent(store, id)
      assert.equal(await store.touch(id, clock() + HOUR), false)
      await put(store, id, entry())
    }
  })

  property('a live entry is not replaced by one whose deadline has passed', async ({ store, clock, entry }) => {
    const id = newId()
    const first = entry()
    await put(store, id, first)
    assert.equal(await store.create(id, entry({ expiresAt: clock() - DAY })), false)
    await holds(store, id, first)
  })

  property(
    'an update or a touch that sets a deadline in the past ends the entry',
    async ({ store, clock, tick, entry }) => {
      const [id, other] = [newId(), newId()]
      const version = await put(store, id, entry())
      await put(store, other, entry())
      assert.notEqual(await store.update(id, entry({ expiresAt: clock() }), version), null)
      assert.equal(await store.touch(other, clock() - tick), true)
      for (const ended of [id, other]) {
        await absent(store, ended)
        assert.equal(await store.touch(ended, clock() + HOUR), false)
      }
    },
  )

  property('deadlines in 30 and in 400 days are accurate to the tick', async ({ store, clock, tick, entry }) => {
    for (const lifetime of [30 * DAY, 400 * DAY]) {
      const [id, touched] = [newId(), newId()]
      const first = entry({ expiresAt: clock() + lifetime })
      await put(store, id, first)
      await put(store, touched, entry())
      await store.touch(touched, first.expiresAt)
      clock.advance(lifetime - tick)
      for (const each of [id, touched]) assert.equal((await store.read(each))?.entry.expiresAt, first.expiresAt)
      clock.advance(tick)
      for (const each of [id, touched]) await absent(store, each)
    }
  })
}
