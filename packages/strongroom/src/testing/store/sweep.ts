import assert from 'node:assert/strict'
import { bytes, DAY, fill, HOUR, newOwner } from './entries.ts'
import { absent, holds } from './expect.ts'
import type { Given, Property } from './property.ts'

/** `clearExpired`. Counts are checked only where the backend does not remove expired entries by itself. */
export function sweep(property: Property): void {
  property('clearExpired removes exactly the expired', async (given) => {
    const { store, clock, tick, entry } = given
    const lifetimes = [tick, HOUR - tick, HOUR, HOUR + tick, 2 * HOUR, DAY]
    const entries = Array.from({ length: 36 }, (_, index) =>
      entry({ expiresAt: clock() + (lifetimes[index % 6] ?? DAY), owner: index % 2 ? newOwner() : null }),
    )
    const ids = await fill(store, 36, (index) => entries[index] ?? entry())
    clock.advance(HOUR)
    counted(given, await store.clearExpired(), 18)
    counted(given, await store.clearExpired(), 0)
    for (const [index, id] of ids.entries()) {
      await (index % 6 < 3 ? absent(store, id) : holds(store, id, entries[index] ?? entry()))
    }
  })

  property('clearExpired works in batches and reports its progress', async (given) => {
    const { store, clock, entry } = given
    await fill(store, 23, () => entry())
    clock.advance(HOUR)
    const reported: number[] = []
    const removed = await store.clearExpired({ batch: 5, onProgress: (removed) => reported.push(removed) })
    counted(given, removed, 23)
    assert.equal(reported.at(-1) ?? 0, removed)
    for (const [index, total] of reported.entries()) {
      const step = total - (reported[index - 1] ?? 0)
      assert.ok(step > 0 && step <= 5, `a step of ${step}`)
    }
  })

  property('an aborted clearExpired stops between two batches, and what it removed stays removed', async (given) => {
    const { store, clock, entry } = given
    await fill(store, 20, () => entry())
    clock.advance(HOUR)
    assert.equal(await store.clearExpired({ signal: AbortSignal.abort() }), 0)
    const stop = new AbortController()
    const removed = await store.clearExpired({ batch: 3, signal: stop.signal, onProgress: () => stop.abort() })
    assert.ok(removed <= 3, `${removed} removed`)
    counted(given, await store.clearExpired(), 20 - removed)
  })

  property('a dry run counts the expired entries and removes nothing', async (given) => {
    const { store, clock, entry } = given
    await fill(store, 8, () => entry())
    // One of them is about to expire: a store that groups deadlines by the hour must not count it among the expired.
    const live = await fill(store, 4, (index) => entry({ expiresAt: clock() + HOUR + (index === 0 ? 5000 : DAY) }))
    clock.advance(HOUR)
    counted(given, await store.clearExpired({ dryRun: true, batch: 3 }), 8)
    counted(given, await store.clearExpired({ dryRun: true }), 8)
    counted(given, await store.clearExpired(), 8)
    for (const id of live) assert.ok(await store.read(id))
  })

  property('two concurrent runs count each entry once', async (given) => {
    const { store, peer, clock, entry } = given
    await fill(store, 60, () => entry())
    clock.advance(HOUR)
    const other = (await peer?.()) ?? store
    const [one, two] = await Promise.all([store.clearExpired({ batch: 4 }), other.clearExpired({ batch: 7 })])
    counted(given, one + two, 60)
    counted(given, await store.clearExpired(), 0)
  })

  property('clearExpired during live traffic removes no live entry', async (given) => {
    const { store, clock, entry } = given
    const fields = { expiresAt: clock() + 2 * HOUR }
    const [dead, touched, live] = [
      await fill(store, 30, () => entry()),
      await fill(store, 10, () => entry(fields)),
      await fill(store, 10, () => entry(fields)),
    ]
    clock.advance(HOUR)
    const [removed, created] = await Promise.all([
      store.clearExpired({ batch: 3 }),
      fill(store, 10, () => entry()),
      ...dead.slice(0, 10).map((id) => store.touch(id, clock() + HOUR)),
      ...touched.map((id) => store.touch(id, clock() + DAY)),
    ])
    counted(given, removed, 30)
    for (const id of [...created, ...touched, ...live]) assert.ok(await store.read(id))
    for (const id of dead) await absent(store, id)
  })

  property(
    'an entry that replaces an expired one during a sweep survives the sweep',
    async ({ store, clock, entry }) => {
      for (const count of [1, 1, 1, 7]) {
        const ids = await fill(store, count, () => entry())
        clock.advance(HOUR)
        const sweeps = [store.clearExpired({ batch: 2 })]
        const created = Promise.all(ids.map((id) => store.create(id, entry({ bytes: bytes('new') }))))
        sweeps.push(store.clearExpired())
        assert.deepEqual(new Set(await created), new Set([true]))
        await Promise.all(sweeps)
        for (const id of ids) await holds(store, id, entry({ bytes: bytes('new') }))
        await Promise.all(ids.map((id) => store.delete(id)))
      }
    },
  )
}

function counted({ store }: Given, actual: number, expected: number): void {
  if (!store.traits.expiresByItself) assert.equal(actual, expected)
}
