import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import type { Id } from '../../crypto/token.ts'
import type { Entry, Listing, OwnerIndex, Store, Version } from '../../store.ts'
import { bytes, everyByte, fill, HOUR, newId, newOwner } from './entries.ts'
import { absent, holds, listed, listingOf, put, sameListings, scanned } from './expect.ts'
import type { Given, Property } from './property.ts'

/** The optional members `byOwner` and `scan`. What a store does not have is reported as skipped. */
export function listing(property: Property): void {
  ofOwner(property, 'a list holds exactly the live entries of its owner', async ({ store, clock, entry }, { list }) => {
    const [owner, other] = [newOwner(), newOwner()]
    const mine = [
      entry({ owner, label: everyByte(), bytes: everyByte() }),
      entry({ owner, bytes: new Uint8Array(0), createdAt: clock() - HOUR, expiresAt: clock() + 3 * HOUR }),
    ]
    const ids = await fill(store, 2, (index) => mine[index] ?? entry())
    await fill(store, 3, (index) => entry({ owner: index ? other : null }))
    sameListings(
      await list(owner),
      ids.map((id, index) => listingOf(id, mine[index] ?? entry())),
    )
    clock.advance(HOUR)
    assert.deepEqual(
      (await list(owner)).map(({ id }) => id),
      [ids[1]],
    )
    assert.deepEqual(await list(newOwner()), [])
  })

  ofOwner(property, 'a list shows what updates and touches have changed', async ({ store, clock, entry }, { list }) => {
    const [id, owner] = [newId(), newOwner()]
    const version = await put(store, id, entry({ owner }))
    const changed = entry({ owner, bytes: bytes('changed'), label: bytes('label'), createdAt: clock() - HOUR })
    assert.notEqual(await store.update(id, changed, version), null)
    sameListings(await list(owner), [listingOf(id, changed)])
    assert.equal(await store.touch(id, clock() + 5 * HOUR), true)
    sameListings(await list(owner), [listingOf(id, { ...changed, expiresAt: clock() + 5 * HOUR })])
  })

  ofOwner(
    property,
    'a delete removes the entry whatever owner it is given, and no other entry',
    async ({ store, entry }, { list }) => {
      const [owner, other] = [newOwner(), newOwner()]
      const [kept] = await fill(store, 1, () => entry({ owner: other }))
      for (const taken of [owner, other, null, undefined]) {
        const id = newId()
        const version = await put(store, id, entry({ owner }))
        assert.equal(await store.delete(newId(), undefined, other), false)
        assert.equal(await store.delete(id, version, taken), true)
        await absent(store, id)
        assert.deepEqual(await list(owner), [])
        assert.deepEqual(
          (await list(other)).map(({ id }) => id),
          [kept],
        )
      }
      const id = newId()
      const old = await put(store, id, entry({ owner }))
      assert.notEqual(await store.update(id, entry({ owner, bytes: bytes('newer') }), old), null)
      assert.equal(await store.delete(id, old, owner), false)
      assert.equal((await list(owner)).length, 1, 'what was not deleted is still listed')
    },
  )

  ofOwner(
    property,
    'deleteAll removes all entries of an owner except one, and returns how many',
    async (given, { deleteAll, list }) => {
      const { store, clock, entry } = given
      const owner = newOwner()
      const ids = await fill(store, 7, () => entry({ owner }))
      const others = await fill(store, 2, (index) => entry({ owner: index ? newOwner() : null }))
      await fill(store, 2, () => entry({ owner, expiresAt: clock() - 1000 }))
      assert.equal(await deleteAll(owner, ids[3]), 6)
      assert.deepEqual(
        (await list(owner)).map(({ id }) => id),
        [ids[3]],
      )
      for (const id of ids) assert.equal((await store.read(id)) !== null, id === ids[3])
      for (const id of others) assert.ok(await store.read(id))
      assert.equal(await deleteAll(owner), 1)
      assert.equal(await deleteAll(owner), 0)
      for (const id of ids) await absent(store, id)
    },
  )

  ofOwner(
    property,
    'deleteAll ends everything that was acknowledged before it, whatever is updated and touched meanwhile',
    async ({ store, peer, clock, entry }, { deleteAll, list }) => {
      const handles = [store, (await peer?.()) ?? store]
      for (let round = 0; round < 4; round += 1) {
        const owner = newOwner()
        const ids = await fill(store, 8, () => entry({ owner }))
        let isOver = false
        const busy = ids.map(async (id, index) => {
          const handle = handles[index % 2] ?? store
          for (let times = 0; !isOver; times += 1) {
            const found = await handle.read(id, { fresh: true })
            if (!found) return
            const expiresAt = clock() + HOUR + 1000 * (times % 100)
            if (times % 3 === 2) await handle.touch(id, expiresAt, found.version)
            else await handle.update(id, { ...found.entry, bytes: bytes(`${times}`), expiresAt }, found.version)
            await turn()
          }
        })
        for (let turns = 0; turns < 5 * round; turns += 1) await turn()
        const ended = await deleteAll(owner).finally(() => {
          isOver = true
        })
        await Promise.all(busy)
        assert.equal(ended, ids.length)
        for (const id of ids) for (const handle of handles) assert.equal(await handle.read(id, { fresh: true }), null)
        assert.deepEqual(await list(owner), [])
      }
    },
  )

  ofOwner(
    property,
    'deleteAll misses none of many that the other handle has just written, and what is created meanwhile is ended or listed',
    async ({ store, peer, clock, entry }, { list }) => {
      const handles = [store, (await peer?.()) ?? store]
      for (let round = 0; round < 2; round += 1) {
        const [writer = store, ender = store] = round % 2 ? handles : [...handles].reverse()
        const owner = newOwner()
        const of = (fields?: Partial<Entry>) => entry({ owner, ...fields })
        // More than one step of a list, all with the same deadline.
        const ids = await fill(writer, 230, () => of())
        const [kept = newId()] = ids
        let isOver = false
        /** To a later and later deadline: an index that is sorted by it is changed under the reader. */
        const busy = ids.slice(1).map(async (id, index) => {
          for (let times = 1; !isOver && times <= 5; times += 1) {
            const expiresAt = clock() + (1 + times) * HOUR + 1000 * index
            if (!(await (times % 2 ? writer : ender).touch(id, expiresAt))) return
            await turn()
          }
        })
        const keeping = async (version: Version) => {
          const updated = await writer.update(kept, of({ bytes: bytes('kept') }), version)
          assert.notEqual(updated, null, 'the exception is left alone')
        }
        const { version } = (await writer.read(kept, { fresh: true })) ?? assert.fail('the entry is there')
        const created: Id[] = []
        const creating = async () => {
          for (let count = 0; !isOver && count < 20; count += 1) {
            const id = newId()
            assert.equal(await writer.create(id, of()), true)
            created.push(id)
            await turn()
          }
        }
        const ending = async () => {
          const counts = await Promise.all(handles.map((handle) => handle.byOwner?.deleteAll(owner, kept) ?? 0))
          isOver = true
          return counts.reduce((sum, count) => sum + count, 0)
        }
        const [ended] = await Promise.all([ending(), creating(), keeping(version), ...busy])
        for (const id of ids) assert.equal((await ender.read(id, { fresh: true })) !== null, id === kept)
        const left = await Promise.all(created.map(async (id) => ((await ender.read(id, { fresh: true })) ? [id] : [])))
        const expected = [kept, ...left.flat()].sort()
        assert.deepEqual((await list(owner)).map(({ id }) => id).sort(), expected)
        assert.equal(ended, ids.length + created.length - expected.length, 'each is counted once')
      }
    },
  )

  ofOwner(
    property,
    'a list yields every live entry once, in pages of limited size, and other work runs between them',
    async ({ store, clock, entry }, { index, list }) => {
      const owner = newOwner()
      const entries = Array.from({ length: 230 }, (_, index) => entry({ owner, bytes: new Uint8Array(index) }))
      const ids = await fill(store, 230, (index) => entries[index] ?? entry())
      await fill(store, 40, (index) => entry({ owner, expiresAt: clock() - 1000 * index }))
      const expected = ids.map((id, index) => listingOf(id, entries[index] ?? entry()))
      for (const page of [undefined, 1, 7, 115, 230]) sameListings(await list(owner, page), expected)
      const pages: number[] = []
      let hasRun = true
      for await (const page of index.list(owner, { page: 50 })) {
        assert.ok(hasRun, 'other work has run since the page before')
        hasRun = false
        setImmediate(() => {
          hasRun = true
        })
        pages.push(page.length)
      }
      assert.ok(pages.length >= 5 && pages.every((length) => length >= 1 && length <= 50), `pages of ${pages}`)
      for await (const _ of index.list(newOwner())) assert.fail('an owner without entries has no page')
    },
  )

  ofOwner(
    property,
    'a list yields each entry that stays exactly once while others come and go, and no entry twice',
    async ({ store, clock, entry }, { index }) => {
      const owner = newOwner()
      const staying = await fill(store, 150, () => entry({ owner }))
      const going = await fill(store, 150, () => entry({ owner }))
      const seen = new Map<string, number>()
      let left = 40
      for await (const page of index.list(owner, { page: 10 })) {
        for (const { id } of page) seen.set(id, (seen.get(id) ?? 0) + 1)
        for (const id of going.splice(0, 5)) await store.delete(id)
        for (const [at, id] of staying.entries()) {
          if (at % 10 !== left % 10) continue
          const found = await store.read(id, { fresh: true })
          assert.ok(found, 'it is there throughout')
          const expiresAt = clock() + 2 * HOUR + left * 1000
          if (at % 3 === 0) await store.update(id, { ...found.entry, expiresAt }, found.version)
          else await store.touch(id, expiresAt)
        }
        if (left > 0) await fill(store, 2, () => entry({ owner }))
        left -= 1
      }
      for (const id of staying) assert.equal(seen.get(id), 1)
      for (const times of seen.values()) assert.equal(times, 1)
    },
  )

  ofOwner(
    property,
    'a list may be left after any page, and ends when everything that was to come has ended',
    async ({ store, entry }, { index, deleteAll, list }) => {
      const owner = newOwner()
      const ids = await fill(store, 250, () => entry({ owner }))
      for await (const page of index.list(owner, { page: 2 })) {
        assert.equal(page.length, 2)
        break
      }
      let seen = 0
      for await (const page of index.list(owner, { page: 110 })) {
        seen += page.length
        assert.equal(await deleteAll(owner, ids[0]), seen === page.length ? 249 : 0)
      }
      assert.ok(seen <= 220, `${seen} listed: at most one page that was read before`)
      assert.deepEqual(
        (await list(owner, 3)).map(({ id }) => id),
        [ids[0]],
      )
    },
  )

  scans(property, 'a scan yields every live entry once, in pages of limited size', async ({ store, clock, entry }) => {
    const entries = Array.from({ length: 40 }, (_, index) =>
      entry({
        bytes: new Uint8Array(index),
        owner: index % 2 ? newOwner() : null,
        label: index % 3 ? everyByte() : null,
      }),
    )
    const ids = await fill(store, 40, (index) => entries[index] ?? entry())
    await fill(store, 5, () => entry({ expiresAt: clock() - 1000 }))
    const expected = ids.map((id, index) => listingOf(id, entries[index] ?? entry()))
    sameListings(await scanned(store), expected)
    sameListings(await scanned(store, 7), expected)
    for await (const page of store.scan?.({ page: 7 }) ?? []) assert.ok(page.length > 0 && page.length <= 7)
  })

  scans(property, 'a scan of an empty store yields nothing, and an aborted scan ends', async ({ store, entry }) => {
    assert.deepEqual(await scanned(store), [])
    await fill(store, 12, () => entry())
    const stop = new AbortController()
    let seen = 0
    for await (const page of store.scan?.({ page: 3, signal: stop.signal }) ?? []) {
      seen += page.length
      stop.abort()
    }
    assert.ok(seen >= 1 && seen <= 3, `${seen} seen`)
  })

  scans(
    property,
    'a scan yields each entry that stays exactly once while others come and go',
    async ({ store, clock, entry }) => {
      const staying = await fill(store, 20, () => entry())
      const going = await fill(store, 20, () => entry())
      const seen = new Map<string, number>()
      for await (const page of store.scan?.({ page: 4 }) ?? []) {
        for (const { id } of page) seen.set(id, (seen.get(id) ?? 0) + 1)
        for (const id of going.splice(0, 3)) await store.delete(id)
        for (const id of staying.slice(0, 3)) await store.touch(id, clock() + 2 * HOUR)
        if (seen.size < 60) await fill(store, 1, () => entry())
      }
      for (const id of staying) {
        assert.equal(seen.get(id), 1)
        await holds(store, id, { ...entry(), expiresAt: (await store.read(id))?.entry.expiresAt ?? 0 })
      }
      for (const times of seen.values()) assert.equal(times, 1)
    },
  )
}

interface OfOwner {
  readonly index: OwnerIndex
  readonly deleteAll: OwnerIndex['deleteAll']
  /** The whole list. */
  list(owner: string, page?: number): Promise<Listing[]>
}

function ofOwner(property: Property, title: string, check: (given: Given, byOwner: OfOwner) => Promise<void>): void {
  property(title, async (given) => {
    const index = given.store.byOwner
    if (!index) return given.skip('this store has no byOwner: it cannot find sessions by their owner')
    await check(given, { index, deleteAll: index.deleteAll, list: (owner, page) => listed(index, owner, page) })
  })
}

function scans(property: Property, title: string, check: (given: Given & { store: Store }) => Promise<void>): void {
  property(title, async (given) => {
    if (!given.store.scan) return given.skip('this store has no scan')
    await check(given)
  })
}
