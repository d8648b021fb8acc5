import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import type { ChangeFeed, Store, Version } from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR } from '../../../packages/strongroom/src/testing/store/entries.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { ID, plain } from './interleavings.ts'
import { type Deferred, deferred } from './schedules.ts'

function fixture() {
  const clock = manualClock()
  const durable = memory({ clock, max: 99 })
  const listeners = new Set<(id: Id | null) => void>()
  let refused = 0
  const feed: ChangeFeed & { refuse: number } = {
    refuse: 0,
    async listen(listener) {
      if (refused++ < this.refuse) throw new StoreError('cannot listen')
      listeners.add(listener)
      return async () => void listeners.delete(listener)
    },
  }
  /** While it is set, reads that have their result return it only when this is resolved. */
  const hold: { until: Deferred | null } = { until: null }
  const watch = watched(durable)
  const reporting: Store = {
    ...watch.store,
    changes: feed,
    async read(id) {
      const found = await durable.read(id)
      await hold.until?.promise
      return found
    },
  }
  const errors: Error[] = []
  const node = (inner: Store = reporting) =>
    cached({
      durable: inner,
      cache: memory({ clock, evicts: true, max: 99 }),
      clock,
      maxAge: HOUR,
      onCacheError: (error) => void errors.push(error),
    })
  const entry = (text: string) => {
    return { bytes: bytes(text), expiresAt: clock() + 9 * HOUR, owner: null, label: null, createdAt: clock() }
  }
  const report = (id: Id | null) => {
    for (const listener of listeners) listener(id)
  }
  return { clock, durable, hold, feed, listeners, node, entry, report, errors }
}

const text = async (store: Store, id = ID) => plain(await store.read(id))?.text ?? null
const OTHER = 'f'.repeat(64) as Id

/** A durable store that reports changes. */
export function changeFeed(): void {
  it('what others have changed is dropped as soon as the durable store reports it, and nothing else is', async () => {
    const { clock, durable, node, entry, report, listeners } = fixture()
    const store = node()
    assert.equal(listeners.size, 0)
    for (const id of [ID, OTHER]) await durable.create(id, entry('first'))
    await text(store)
    clock.advance(1)
    for (const id of [ID, OTHER]) {
      await text(store, id)
      await durable.update(id, entry('second'), (await durable.read(id))?.version as Version)
    }
    assert.equal(await text(store), 'first')
    report(ID)
    assert.equal(await text(store), 'second')
    assert.equal(await text(store, OTHER), 'first')
    report(null)
    assert.equal(await text(store, OTHER), 'second')
    await store.close()
    assert.equal(listeners.size, 0)
  })

  it('a read that was under way when a change was reported leaves no copy that is used', async () => {
    const { clock, durable, node, entry, report, hold } = fixture()
    const store = node()
    await durable.create(ID, entry('first'))
    await text(store, OTHER)
    clock.advance(1)
    hold.until = deferred()
    const reading = text(store)
    await wait(1)
    await durable.delete(ID)
    clock.advance(1)
    report(ID)
    hold.until.resolve()
    assert.equal(await reading, 'first')
    assert.equal(await text(store), null)
  })

  it('copies from before it listened are not used after that, also when listening failed first', async () => {
    const { clock, durable, feed, node, entry, errors, listeners } = fixture()
    feed.refuse = 1
    const store = node()
    await durable.create(ID, entry('first'))
    await text(store)
    clock.advance(1)
    await wait(1)
    assert.equal(errors.length, 1)
    await text(store)
    await durable.delete(ID)
    assert.equal(await text(store), 'first')
    while (listeners.size === 0) await wait(50)
    await wait(1)
    assert.equal(await text(store), null)
  })

  it('changes are forwarded to a cache in front of this one, until that is closed', async () => {
    const { clock, durable, node, entry, report, listeners } = fixture()
    const inner = node()
    const outer = node(inner as Store)
    await durable.create(ID, entry('first'))
    await text(outer)
    clock.advance(1)
    await text(outer)
    await durable.delete(ID)
    assert.equal(await text(outer), 'first')
    report(ID)
    assert.equal(await text(outer), null)
    await outer.close()
    assert.equal(listeners.size, 1)
    await inner.close()
    assert.equal(listeners.size, 0)
  })
}
