import assert from 'node:assert/strict'
import type { Id } from '../../crypto/token.ts'
import { bytes, DAY, everyByte, HOUR, newId, newOwner } from './entries.ts'
import { absent, holds, listed, listingOf, put, sameListings } from './expect.ts'
import type { Given, Property } from './property.ts'

/** Create, update, touch and delete: what each of them changes, and what it leaves alone. */
export function writes(property: Property): void {
  property('a create over a live entry is refused and changes nothing', async ({ store, entry }) => {
    const id = newId()
    const first = entry({ bytes: bytes('first'), owner: newOwner(), label: everyByte() })
    const version = await put(store, id, first)
    assert.equal(await store.create(id, entry({ bytes: bytes('second'), owner: newOwner() })), false)
    assert.equal(await holds(store, id, first), version)
  })

  property('a create over an expired entry succeeds', async ({ store, clock, entry }) => {
    const id = newId()
    await put(store, id, entry({ bytes: bytes('old'), owner: newOwner(), label: bytes('old') }))
    clock.advance(HOUR)
    await put(store, id, entry({ bytes: bytes('new') }))
  })

  property(
    'an update replaces every field but the owner, and resolves to the new version',
    async ({ store, clock, entry }) => {
      for (const owner of [newOwner(), null]) {
        const id = newId()
        let version = await put(store, id, entry({ bytes: new Uint8Array(5000).fill(7), owner }))
        clock.advance(HOUR / 4)
        for (const fields of [
          { bytes: bytes('short'), label: everyByte(), expiresAt: clock() + DAY },
          { bytes: new Uint8Array(9000).fill(8), label: bytes('x'), createdAt: clock() - DAY },
          { label: null },
        ]) {
          const next = entry({ ...fields, owner })
          const updated = await store.update(id, next, version)
          assert.notEqual(updated, null)
          assert.notEqual(updated, version)
          version = await holds(store, id, next)
          assert.equal(version, updated)
        }
      }
    },
  )

  property(
    'an update that names another owner, or none, is refused through every handle, and changes nothing',
    async ({ store, peer, clock, entry }) => {
      const handles = [store, (await peer?.()) ?? store]
      for (const owner of [newOwner(), null]) {
        const id = newId()
        let first = entry({ owner, bytes: bytes('first'), label: bytes('label') })
        let version = await put(store, id, first)
        const refusesOthers = async () => {
          for (const handle of handles)
            for (const other of [newOwner(), owner === null ? newOwner() : null])
              for (const expiresAt of [clock() + DAY, first.expiresAt, clock()]) {
                const changed = entry({ owner: other, bytes: bytes('changed'), expiresAt })
                assert.equal(await handle.update(id, changed, version), null)
                assert.equal(await holds(store, id, first), version)
                if (handle.byOwner && other) assert.deepEqual(await listed(handle.byOwner, other), [])
              }
        }
        await refusesOthers()
        first = entry({ owner, bytes: bytes('second') })
        version = (await handles[1]?.update(id, first, version)) ?? assert.fail('the update was refused')
        await refusesOthers()
        if (store.byOwner && owner) sameListings(await listed(store.byOwner, owner), [listingOf(id, first)])
        assert.equal(await store.delete(id, version), true)
      }
    },
  )

  property(
    'an id that was deleted, or has expired, may be created again for another owner',
    async ({ store, clock, entry }) => {
      const owners = [newOwner(), newOwner(), null]
      for (const [before, after] of owners.flatMap((one) => owners.map((other) => [one, other] as const)))
        for (const verb of ['delete', 'expire', 'end'] as const) {
          const id = newId()
          const version = await put(store, id, entry({ owner: before }))
          if (verb === 'delete') assert.equal(await store.delete(id, version, before), true)
          if (verb === 'expire') clock.advance(HOUR)
          if (verb === 'end') assert.equal(await store.touch(id, clock()), true)
          const again = entry({ owner: after, bytes: bytes('again') })
          await put(store, id, again)
          assert.equal(await store.update(id, entry({ owner: before, bytes: bytes('late') }), version), null)
          for (const owner of owners)
            if (store.byOwner && owner)
              sameListings(await listed(store.byOwner, owner), owner === after ? [listingOf(id, again)] : [])
          assert.equal(await store.delete(id), true)
        }
    },
  )

  property('an update of an old version is refused and changes nothing', async ({ store, entry }) => {
    const id = newId()
    const old = await put(store, id, entry())
    const second = entry({ bytes: bytes('second') })
    const version = await store.update(id, second, old)
    assert.equal(await store.update(id, entry({ bytes: bytes('third') }), old), null)
    assert.equal(await holds(store, id, second), version)
  })

  property(
    'a touch changes the deadline, to a later or an earlier one, and nothing else',
    async ({ store, clock, tick, entry }) => {
      const id = newId()
      const first = entry({ bytes: everyByte(), owner: newOwner(), label: everyByte(), createdAt: clock() - DAY })
      const version = await put(store, id, first)
      for (const lifetime of [DAY, 2 * tick, 2 * HOUR, 400 * DAY, tick]) {
        const expiresAt = clock() + lifetime
        assert.equal(await store.touch(id, expiresAt), true)
        assert.equal(await holds(store, id, { ...first, expiresAt }), version)
      }
      clock.advance(tick)
      await absent(store, id)
    },
  )

  property(
    'a touch of a version moves the deadline of that version only, and keeps the version',
    async ({ store, clock, tick, entry }) => {
      const id = newId()
      const owner = newOwner()
      const old = await put(store, id, entry({ owner }))
      assert.equal(await store.touch(id, clock() + DAY, old), true)
      assert.equal(await holds(store, id, entry({ owner, expiresAt: clock() + DAY })), old)
      const second = entry({ bytes: bytes('second'), owner, expiresAt: clock() + 2 * DAY })
      const version = (await store.update(id, second, old)) ?? assert.fail('the update was refused')
      for (const expiresAt of [clock() + HOUR, clock() + 3 * DAY, second.expiresAt, clock() - tick])
        assert.equal(await store.touch(id, expiresAt, old), false)
      assert.equal(await holds(store, id, second), version)
      assert.equal(await store.touch(id, clock() + HOUR, version), true)
      assert.equal(await store.touch(id, clock() + HOUR, version), true)
      assert.equal(await holds(store, id, { ...second, expiresAt: clock() + HOUR }), version)
      assert.equal(await store.touch(id, clock() - tick, version), true)
      await absent(store, id)
    },
  )

  property('a delete is final, and a second one does no harm', async ({ store, entry }) => {
    const [id, other] = [newId(), newId()]
    const kept = entry({ bytes: bytes('another session') })
    await put(store, id, entry())
    await put(store, other, kept)
    assert.equal(await store.delete(id), true)
    await absent(store, id)
    assert.equal(await store.delete(id), false)
    assert.equal(await store.delete(newId()), false)
    await holds(store, other, kept)
  })

  property('a delete of a version removes that version only', async ({ store, entry }) => {
    const id = newId()
    const old = await put(store, id, entry())
    const second = entry({ bytes: bytes('second') })
    const version = await store.update(id, second, old)
    assert.ok(version !== null)
    assert.equal(await store.delete(id, old), false)
    await holds(store, id, second)
    assert.equal(await store.delete(id, version), true)
    await absent(store, id)
    assert.equal(await store.delete(id, version), false)
  })

  property('neither update nor touch creates an entry that never existed', async (given) => {
    const other = await put(given.store, newId(), given.entry())
    await staysGone(given, newId(), other)
  })

  property('neither update nor touch brings back a deleted entry', async (given) => {
    const id = newId()
    const version = await put(given.store, id, given.entry({ owner: newOwner() }))
    await given.store.delete(id)
    await staysGone(given, id, version)
  })

  property('neither update nor touch brings back an expired entry', async (given) => {
    const id = newId()
    const version = await put(given.store, id, given.entry({ owner: newOwner() }))
    given.clock.advance(HOUR)
    await staysGone(given, id, version)
  })

  property('an id that was deleted and created again refuses its old version', async ({ store, entry }) => {
    const id = newId()
    const old = await put(store, id, entry())
    await store.delete(id)
    const again = entry({ bytes: bytes('again') })
    await put(store, id, again)
    assert.equal(await store.update(id, entry({ bytes: bytes('late') }), old), null)
    assert.equal(await store.touch(id, again.expiresAt + HOUR, old), false)
    assert.equal(await store.delete(id, old), false)
    await holds(store, id, again)
  })
}

async function staysGone({ store, clock, entry }: Given, id: Id, version: string | number): Promise<void> {
  assert.equal(await store.update(id, entry({ bytes: bytes('back') }), version), null)
  assert.equal(await store.touch(id, clock() + HOUR), false)
  assert.equal(await store.touch(id, clock() + HOUR, version), false)
  assert.equal(await store.delete(id, version), false)
  assert.equal(await store.delete(id), false)
  await absent(store, id)
}
