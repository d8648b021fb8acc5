import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import type { ChangeFeed, Store, Version } from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR } from '../../../packages/strongroom/src/testing/store/subject.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { ID, plain } from './orders.ts'
import { type Deferred, deferred } from './schedules.ts'

function world() {
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
  /** Answers that are there already are given when this is resolved. */
  const hold: { until: Deferred | null } = { until: null }
  const watch = watched(durable)
  const telling: Store = {
    ...watch.store,
    changes: feed,
    async read(id) {
      const found = await durable.read(id)
      await hold.until?.promise
      return found
    },
  }
  const errors: Error[] = []
  const node = (inner: Store = telling) =>
    cached({
      durable: inner,
      cache: memory({ clock, max: 99 }),
      clock,
      maxAge: HOUR,
      onCacheError: (error) => void errors.push(error),
    })
  const entry = (text: string) => {
    return { bytes: bytes(text), expiresAt: clock() + 9 * HOUR, owner: null, label: null, createdAt: clock() }
  }
  const tell = (id: Id | null) => {
    for (const listener of listeners) listener(id)
  }
  return { clock, durable, hold, feed, listeners, node, entry, tell, errors }
}

const text = async (store: Store, id = ID) => plain(await store.read(id))?.text ?? null
const OTHER = 'f'.repeat(64) as Id

/** A durable store that tells of changes. */
export function news(): void {
  it('what others have changed is dropped as soon as the durable store tells of it, and nothing else is', async () => {
    const { clock, durable, node, entry, tell, listeners } = world()
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
    tell(ID)
    assert.equal(await text(store), 'second')
    assert.equal(await text(store, OTHER), 'first')
    tell(null)
    assert.equal(await text(store, OTHER), 'second')
    await store.close()
    assert.equal(listeners.size, 0)
  })

  it('a read that was under way when the news came leaves nothing that is believed', async () => {
    const { clock, durable, node, entry, tell, hold } = world()
    const store = node()
    await durable.create(ID, entry('first'))
    await text(store, OTHER)
    clock.advance(1)
    hold.until = deferred()
    const reading = text(store)
    await wait(1)
    await durable.delete(ID)
    clock.advance(1)
    tell(ID)
    hold.until.resolve()
    assert.equal(await reading, 'first')
    assert.equal(await text(store), null)
  })

  it('until it listens, and after it could not, copies from before are not believed', async () => {
    const { clock, durable, feed, node, entry, errors, listeners } = world()
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

  it('news are handed on to whoever caches this store in turn, and ends with the listener', async () => {
    const { clock, durable, node, entry, tell, listeners } = world()
    const inner = node()
    const outer = node(inner as Store)
    await durable.create(ID, entry('first'))
    await text(outer)
    clock.advance(1)
    await text(outer)
    await durable.delete(ID)
    assert.equal(await text(outer), 'first')
    tell(ID)
    assert.equal(await text(outer), null)
    await outer.close()
    assert.equal(listeners.size, 1)
    await inner.close()
    assert.equal(listeners.size, 0)
  })
}
