import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Entry, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { ENVIRONMENTS } from './environments.ts'
import { onEach } from './fixtures/environment.ts'

const MINUTE = 60_000
/** How far the application's clock is ahead of the server's. */
const OFFSETS = [-10 * MINUTE, 0, 10 * MINUTE]

const entry = (createdAt: number, life: number): Entry => ({
  bytes: Buffer.from('bytes'),
  expiresAt: createdAt + life,
  owner: null,
  label: null,
  createdAt,
})
/** The next moment that the engine can store exactly. */
const whole = (moment: number, { traits }: Store) => Math.ceil(moment / traits.granularity) * traits.granularity

onEach(
  ENVIRONMENTS,
  { title: 'deadlines follow the clock of the application', synced: false },
  ({ shared }, running) => {
    for (const offset of OFFSETS)
      it(`to the tick, when it is ${offset / MINUTE} minutes ahead of the clock of the server`, async () => {
        const clock = manualClock()
        const store = await running().open({ clock })
        const tick = store.traits.granularity
        clock.set(whole(Date.now() + offset, store))
        const [kept, touched] = [newId(), newId()]
        // Shorter than the offset: by the server's clock the entries have already expired, or last three times as long.
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
        // The sweep uses the same clock too, and the id can be used again.
        await store.clearExpired()
        assert.equal(await store.create(kept, entry(clock(), MINUTE)), true)
        await store.delete(kept)
        await store.close()
      })

    it('while time passes: a server that removes entries by itself does not do so before their deadline', async () => {
      // One process has one clock.
      const all = shared === 'process' ? [0] : OFFSETS
      await Promise.all(
        all.map(async (offset) => {
          const clock = () => Date.now() + offset
          const store = await running().open({ clock })
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

    it('when two applications disagree by twenty minutes: each follows its own clock, and neither removes a session of the other too early', async (test) => {
      if (shared === 'process') return test.skip('one process has one clock')
      const [slow, fast] = [manualClock(), manualClock()]
      const [one, other] = [await running().open({ clock: slow }), await running().open({ clock: fast })]
      slow.set(whole(Date.now() - 10 * MINUTE, one))
      fast.set(slow() + 20 * MINUTE)
      const id = newId()
      await one.create(id, entry(slow(), 30 * MINUTE))
      assert.ok((await one.read(id)) && (await other.read(id)))
      // The fast one moves the deadline by its own clock, which is later for the slow one, never earlier.
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
  },
)
