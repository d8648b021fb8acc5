import assert from 'node:assert/strict'
import type { Entry, Version } from '../../store.ts'
import { bytes, DAY, HOUR, newId, newOwner } from './entries.ts'
import { absent, holds, listed, listingOf, plain, put, sameListings, scanned } from './expect.ts'
import type { Property } from './property.ts'

const FIFTY = Array.from({ length: 50 }, (_, index) => index)

/** Concurrent calls, through two handles where the store has two. */
export function concurrency(property: Property): void {
  property(
    'of fifty concurrent creates one succeeds, and the others leave nothing behind',
    async ({ store, peer, entry }) => {
      const id = newId()
      const handles = [store, (await peer?.()) ?? store]
      const entries = FIFTY.map((index) => entry({ bytes: bytes(`writer ${index}`), owner: newOwner() }))
      const won = await Promise.all(entries.map((each, index) => handles[index % 2]?.create(id, each)))
      assert.equal(won.filter((answer) => answer).length, 1)
      const winner = entries[won.indexOf(true)]
      assert.ok(winner)
      for (const handle of handles) await holds(handle, id, winner)
      for (const { owner } of entries) {
        if (store.byOwner && owner !== winner.owner) assert.deepEqual(await listed(store.byOwner, owner ?? ''), [])
      }
    },
  )

  property(
    'of fifty updates of one version one succeeds, and the others leave nothing behind',
    async ({ store, peer, entry }) => {
      const [id, owner] = [newId(), newOwner()]
      const version = await put(store, id, entry({ owner }))
      const handles = [store, (await peer?.()) ?? store]
      const entries = FIFTY.map((index) => entry({ bytes: bytes(`writer ${index}`), owner, label: bytes(`${index}`) }))
      const answers = await Promise.all(entries.map((each, index) => handles[index % 2]?.update(id, each, version)))
      const won = answers.filter((answer) => answer !== null)
      assert.equal(won.length, 1)
      const winner = entries[answers.findIndex((answer) => answer !== null)]
      assert.ok(winner)
      for (const handle of handles) {
        assert.equal(await holds(handle, id, winner), won[0])
        if (handle.byOwner) sameListings(await listed(handle.byOwner, owner), [listingOf(id, winner)])
      }
    },
  )

  property(
    'of fifty concurrent updates of one version those that name another owner do not count',
    async ({ store, peer, entry }) => {
      const handles = [store, (await peer?.()) ?? store]
      for (const owner of [newOwner(), null]) {
        const id = newId()
        const version = await put(store, id, entry({ owner }))
        const entries = FIFTY.map((index) => {
          const others = [owner === null ? newOwner() : null, newOwner()]
          return entry({ bytes: bytes(`writer ${index}`), owner: index === 30 ? owner : (others[index % 2] ?? null) })
        })
        const answers = await Promise.all(entries.map((each, index) => handles[index % 2]?.update(id, each, version)))
        assert.deepEqual(
          FIFTY.filter((index) => answers[index] !== null),
          [30],
        )
        for (const handle of handles) assert.equal(await holds(handle, id, entries[30] ?? entry()), answers[30])
      }
    },
  )

  property(
    'fifty concurrent increments, each retried until it succeeds, add up to fifty',
    async ({ store, peer, entry }) => {
      const id = newId()
      await put(store, id, entry({ bytes: Uint8Array.of(0) }))
      const handles = [store, (await peer?.()) ?? store]
      const count = async (index: number, tries = 1): Promise<void> => {
        const handle = handles[index % 2] ?? store
        const found = await handle.read(id)
        assert.ok(found)
        const next = { ...found.entry, bytes: Uint8Array.of((found.entry.bytes[0] ?? 0) + 1) }
        if ((await handle.update(id, next, found.version)) !== null) return
        // Each refusal means that one of the 49 others has succeeded.
        assert.ok(tries < 50, 'an update was refused although no other had succeeded')
        await count(index, tries + 1)
      }
      await Promise.all(FIFTY.map((index) => count(index)))
      assert.deepEqual([...((await store.read(id))?.entry.bytes ?? [])], [50])
    },
  )

  property('of fifty concurrent deletes one reports that it removed the entry', async ({ store, peer, entry }) => {
    const id = newId()
    await put(store, id, entry())
    const handles = [store, (await peer?.()) ?? store]
    const answers = await Promise.all(FIFTY.map((index) => handles[index % 2]?.delete(id)))
    assert.equal(answers.filter((answer) => answer).length, 1)
    await absent(store, id)
  })

  property(
    'a touch of a version that runs concurrently with an update never cuts the deadline that the update has set',
    async ({ store, peer, clock, entry }) => {
      const handles = [store, (await peer?.()) ?? store]
      for (let round = 0; round < 10; round += 1) {
        const [id, owner] = [newId(), newOwner()]
        const version = await put(store, id, entry({ owner }))
        const [first = store, second = store] = round % 2 ? handles : [...handles].reverse()
        const remembered = entry({ owner, bytes: bytes('remembered'), expiresAt: clock() + 14 * DAY })
        const touch = () => second.touch(id, clock() + 2 * HOUR, version)
        const [, updated] = await Promise.all([touch(), first.update(id, remembered, version), touch(), touch()])
        // Nothing but an update makes another version, so no touch can have refused it.
        assert.notEqual(updated, null)
        assert.equal(await touch(), false)
        const found = await store.read(id, { fresh: true })
        assert.deepEqual([found?.version, found?.entry.expiresAt], [updated, remembered.expiresAt])
      }
    },
  )

  property(
    'an acknowledged write is seen by every later fresh read and list, through any handle',
    async ({ store, peer, clock, entry }) => {
      const handles = [store, (await peer?.()) ?? store]
      for (let round = 0; round < 6; round += 1) {
        const [writer = store, reader = store] = round % 2 ? handles : [...handles].reverse()
        const [id, owner] = [newId(), newOwner()]
        /** Makes a write while both handles read, so that a store that keeps copies has some. */
        const during = async <T>(write: () => Promise<T>): Promise<T> => {
          const reads = handles.map((handle) => handle.read(id))
          const done = await write()
          await Promise.all(reads)
          return done
        }
        const sees = async (expected: Entry | null, version?: Version | null) => {
          for (const handle of [reader, writer]) {
            const found = await handle.read(id, { fresh: true })
            assert.deepEqual(found && plain(found.entry), expected && plain(expected))
            if (version !== undefined) assert.equal(found?.version, version)
            const listings = expected ? [listingOf(id, expected)] : []
            if (handle.byOwner) sameListings(await listed(handle.byOwner, owner), listings)
            if (handle.scan) sameListings(await scanned(handle), listings)
          }
        }
        await sees(null)
        const first = entry({ owner, bytes: bytes('first') })
        assert.equal(await during(() => writer.create(id, first)), true)
        await sees(first)
        const version = (await reader.read(id, { fresh: true }))?.version ?? assert.fail('the entry is there')
        const second = entry({ owner, bytes: bytes('second'), label: bytes('label') })
        const next = (await during(() => writer.update(id, second, version))) ?? assert.fail('the update was refused')
        await sees(second, next)
        const touched = { ...second, expiresAt: clock() + 2 * HOUR }
        assert.equal(await during(() => reader.touch(id, touched.expiresAt, next)), true)
        await sees(touched, next)
        if (round % 3 === 0) assert.equal(await during(() => writer.delete(id)), true)
        if (round % 3 === 1) assert.equal(await during(() => writer.touch(id, clock())), true)
        if (round % 3 === 2) {
          const { byOwner } = writer
          assert.equal(await during(async () => (byOwner ? byOwner.deleteAll(owner) : +(await writer.delete(id)))), 1)
        }
        await sees(null)
      }
    },
  )

  property(
    'of many writes under way each is seen, through the other handle, from its acknowledgement on',
    async ({ store, peer, clock, entry }) => {
      const handles = [store, (await peer?.()) ?? store]
      const owner = newOwner()
      const write = async (index: number) => {
        const [writer = store, reader = store] = index % 2 ? handles : [...handles].reverse()
        const id = newId()
        const sees = async (expected: Entry | null) => {
          const found = await reader.read(id, { fresh: true })
          assert.deepEqual(found && plain(found.entry), expected && plain(expected))
          if (!reader.byOwner) return found?.version
          const listings = (await listed(reader.byOwner, owner)).filter((listing) => listing.id === id)
          sameListings(listings, expected ? [listingOf(id, expected)] : [])
          return found?.version
        }
        const first = entry({ owner, bytes: bytes(`first ${index}`) })
        assert.equal(await writer.create(id, first), true)
        const version = (await sees(first)) ?? assert.fail('the entry is there')
        const second = entry({ owner, bytes: bytes(`second ${index}`), expiresAt: clock() + DAY })
        const next = (await writer.update(id, second, version)) ?? assert.fail('the update was refused')
        await sees(second)
        const expiresAt = clock() + (index % 3) * HOUR
        assert.equal(await writer.touch(id, expiresAt, next), true)
        await sees(index % 3 ? { ...second, expiresAt } : null)
        assert.equal(await writer.delete(id, next, owner), index % 3 > 0)
        await sees(null)
      }
      await Promise.all(Array.from({ length: 24 }, (_, index) => write(index)))
    },
  )

  property(
    'updates and touches that run concurrently with a delete do not undo it',
    async ({ store, peer, clock, entry }) => {
      const handles = [store, (await peer?.()) ?? store]
      for (let round = 0; round < 10; round += 1) {
        const id = newId()
        const version = await put(store, id, entry())
        const [first = store, second = store] = round % 2 ? handles : [...handles].reverse()
        const late = entry({ bytes: bytes('late') })
        const [, deleted] = await Promise.all([
          first.update(id, late, version),
          second.delete(id),
          first.touch(id, clock() + 2 * HOUR),
          first.touch(id, clock() + 3 * HOUR),
        ])
        assert.equal(deleted, true)
        await absent(store, id)
      }
    },
  )
}
