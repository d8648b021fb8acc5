import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Entry, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { newId } from '../../packages/strongroom/src/testing/store/subject.ts'
import { onEach } from './kit/world.ts'
import { WORLDS } from './worlds.ts'

const MINUTE = 60_000
/** By how much the application's clock is ahead of the server's. */
const APART = [-10 * MINUTE, 0, 10 * MINUTE]

const entry = (createdAt: number, life: number): Entry => ({
  bytes: Buffer.from('bytes'),
  expiresAt: createdAt + life,
  owner: null,
  label: null,
  createdAt,
})
/** A moment that every engine can keep. */
const whole = (moment: number, { traits }: Store) => Math.ceil(moment / traits.granularity) * traits.granularity

onEach(WORLDS, { title: "the application's clock decides", synced: false }, ({ shared }, place) => {
  for (const apart of APART)
    it(`to the very moment, when it is ${apart / MINUTE} minutes from the server's`, async () => {
      const clock = manualClock()
      const store = await place().open({ clock })
      const tick = store.traits.granularity
      clock.set(whole(Date.now() + apart, store))
      const [kept, touched] = [newId(), newId()]
      // Shorter than the clocks are apart: by the server's clock it is over already, or is to last four times as long.
      await store.create(kept, entry(clock(), 5 * MINUTE))
      await store.create(touched, entry(clock(), 5 * MINUTE))
      clock.advance(5 * MINUTE - tick)
      const found = await store.read(kept)
      assert.ok(found, 'live until its deadline')
      assert.equal(await store.touch(touched, clock() + 5 * MINUTE), true)
      const version = await store.update(kept, found.entry, found.version)
      assert.notEqual(version, null)
      clock.advance(tick)
      assert.equal(await store.read(kept), null, 'gone at its deadline')
      assert.equal(await store.touch(kept, clock() + MINUTE), false)
      assert.equal(await store.update(kept, found.entry, version ?? ''), null)
      assert.equal(await store.delete(kept), false)
      clock.advance(5 * MINUTE - 2 * tick)
      assert.ok(await store.read(touched), 'a touch has moved it')
      clock.advance(tick)
      assert.equal(await store.read(touched), null)
      // By the same clock, and not by the server's, it is cleared away, and its place is free.
      await store.clearExpired()
      assert.equal(await store.create(kept, entry(clock(), MINUTE)), true)
      await store.delete(kept)
      await store.close()
    })

  it("also while time goes by: what a server removes by itself, it removes no sooner than it is gone by the application's", async () => {
    // In one process there is but one clock.
    const all = shared === 'process' ? [0] : APART
    await Promise.all(
      all.map(async (apart) => {
        const clock = () => Date.now() + apart
        const store = await place().open({ clock })
        const id = newId()
        const deadline = whole(clock() + 1500, store)
        await store.create(id, entry(clock(), deadline - clock()))
        for (;;) {
          const before = clock()
          const found = await store.read(id)
          if (before >= deadline) assert.equal(found, null, 'there after its deadline')
          else if (clock() < deadline) assert.ok(found, `gone ${deadline - clock()} ms before its deadline`)
          if (before >= deadline) break
          await wait(5)
        }
        await store.close()
      }),
    )
  })

  it('when two applications disagree by twenty minutes: each has its own way, and neither has the other’s session removed early', async (test) => {
    if (shared === 'process') return test.skip('one process has one clock')
    const [slow, fast] = [manualClock(), manualClock()]
    const [one, other] = [await place().open({ clock: slow }), await place().open({ clock: fast })]
    slow.set(whole(Date.now() - 10 * MINUTE, one))
    fast.set(slow() + 20 * MINUTE)
    const id = newId()
    await one.create(id, entry(slow(), 30 * MINUTE))
    assert.ok((await one.read(id)) && (await other.read(id)))
    // The fast one moves the deadline by its own clock: for the slow one that is later, and never sooner.
    assert.equal(await other.touch(id, fast() + 30 * MINUTE), true)
    fast.advance(29 * MINUTE)
    assert.ok((await one.read(id)) && (await other.read(id)))
    fast.advance(MINUTE)
    assert.equal(await other.read(id), null)
    assert.ok(await one.read(id))
    slow.advance(50 * MINUTE)
    assert.equal(await one.read(id), null)
    await one.close()
    await other.close()
  })
})
