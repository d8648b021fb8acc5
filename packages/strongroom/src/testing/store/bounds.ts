import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type { Entry, Store, Traits, Version } from '../../store.ts'
import { bytes, HOUR, newId, newOwner } from './entries.ts'
import { absent, holds, listed, put, scanned } from './expect.ts'
import type { Given, Property } from './property.ts'

/** Where a store ends: next to other stores, with a broken backend, and after close; and what its traits say. */
export function bounds(property: Property): void {
  property(
    'a second handle sees the same entries under the same versions',
    async ({ store, peer, clock, entry, skip }) => {
      if (!peer) return skip('the data of this store can be reached through one handle only')
      const other = await peer()
      const id = newId()
      const first = entry({ owner: newOwner() })
      const version = await put(store, id, first)
      assert.equal(await holds(other, id, first), version)
      assert.equal(await other.create(id, entry()), false)
      const second = entry({ bytes: bytes('second'), owner: first.owner })
      const next = await other.update(id, second, version)
      assert.equal(await holds(store, id, second), next)
      assert.equal(await store.update(id, first, version), null)
      assert.equal(await other.touch(id, clock() + 2 * HOUR), true)
      await holds(store, id, { ...second, expiresAt: clock() + 2 * HOUR })
      if (store.byOwner) assert.equal((await listed(store.byOwner, first.owner ?? '')).length, 1)
      assert.equal(await other.delete(id), true)
      await absent(store, id)
    },
  )

  property('two stores in the same place do not see each other', async ({ store, sibling, clock, entry, skip }) => {
    if (!sibling) return skip('there can be no second store in the same place')
    const other = await sibling()
    const [id, owner] = [newId(), newOwner()]
    const [mine, theirs] = [entry({ bytes: bytes('mine'), owner }), entry({ bytes: bytes('theirs'), owner })]
    await put(store, id, mine)
    await absent(other, id)
    await put(other, id, theirs)
    await holds(store, id, mine)
    if (store.byOwner) assert.equal((await listed(store.byOwner, owner)).length, 1)
    assert.equal((await other.byOwner?.deleteAll(owner)) ?? (await other.delete(id)), other.byOwner ? 1 : true)
    await holds(store, id, mine)
    if (other.scan) assert.deepEqual(await scanned(other), [])
    clock.advance(HOUR)
    assert.equal(await other.clearExpired(), 0)
    if (!store.traits.expiresByItself) assert.equal(await store.clearExpired(), 1)
  })

  property(
    'with a broken backend every method rejects in time, and none reports that the session is absent',
    async (given) => {
      const { store, breakBackend, entry, skip } = given
      if (!breakBackend) return skip('this store has no backend that could fail')
      const id = newId()
      const version = await put(store, id, entry({ bytes: bytes(SECRET) }))
      await breakBackend()
      await rejectsAll(given, id, version)
    },
  )

  property('after close every method rejects, and closing again does no harm', async (given) => {
    const { store, entry } = given
    const id = newId()
    const version = await put(store, id, entry())
    await store.close()
    await store.close()
    await rejectsAll(given, id, version)
    assert.equal(store.readSync?.(id), undefined)
    assert.equal(store.updateSync?.(id, entry(), version), undefined)
  })

  property('`await using` closes the store', async ({ store, entry, skip }) => {
    const dispose = store[Symbol.asyncDispose]
    if (!dispose) return skip('this store has no Symbol.asyncDispose')
    const id = newId()
    await put(store, id, entry())
    // As `await using` calls it, which Node 22 does not know.
    await dispose.call(store)
    await assert.rejects(store.read(id), StoreError)
    await store.close()
  })

  property('the traits are plain, complete, and state the real granularity', async ({ store, tick }) => {
    const { traits } = store
    const { engine, sizeLimit, granularity } = traits
    assert.match(engine, /^[a-z][a-z0-9 -]*$/)
    assert.equal(granularity, tick)
    assert.ok(sizeLimit === null || (Number.isSafeInteger(sizeLimit) && sizeLimit > 0))
    assert.ok(['no', 'process', 'machine'].includes(traits.durable))
    assert.ok(['process', 'machine', 'network'].includes(traits.shared))
    for (const fact of ['expiresByItself', 'evicts', 'revocable'] satisfies (keyof Traits)[]) {
      assert.equal(typeof traits[fact], 'boolean', fact)
    }
    assert.deepEqual(JSON.parse(JSON.stringify(traits)), traits)
  })
}

const SECRET = 'the wine-dark sea'

async function rejectsAll(given: Given, id: Id, version: Version): Promise<void> {
  const { store, timeout, clock } = given
  const entry = given.entry({ bytes: bytes(SECRET), owner: newOwner() })
  for (const [method, call] of Object.entries(calls(store, id, entry, version, clock() + HOUR))) {
    const late = wait(timeout, `${method} did not settle within ${timeout} ms`, { ref: false })
    const outcome = await Promise.race([
      call().then(
        () => `${method} resolved`,
        (error: unknown) => error,
      ),
      late,
    ])
    assert.ok(outcome instanceof StoreError, `${method} rejects with a StoreError: ${inspect(outcome)}`)
    assert.equal(outcome.code, 'STRONGROOM_STORE')
    for (const secret of [id, SECRET, Buffer.from(SECRET).toString('hex'), entry.owner ?? '']) {
      // Including its causes, because they are logged with it.
      assert.ok(
        !inspect(outcome, { depth: 9, showHidden: true }).includes(secret),
        `the error of ${method} contains no secret`,
      )
    }
  }
}

function calls(store: Store, id: Id, entry: Entry, version: Version, expiresAt: number) {
  const { byOwner } = store
  const owner = entry.owner ?? ''
  const always: Record<string, () => Promise<unknown>> = {
    read: () => store.read(id),
    'a fresh read': () => store.read(id, { fresh: true }),
    create: () => store.create(id, entry),
    update: () => store.update(id, entry, version),
    touch: () => store.touch(id, expiresAt),
    'touch of a version': () => store.touch(id, expiresAt, version),
    delete: () => store.delete(id),
    'delete of a version': () => store.delete(id, version),
    clearExpired: () => store.clearExpired(),
    'a dry run': () => store.clearExpired({ dryRun: true }),
  }
  if (byOwner) always.list = () => listed(byOwner, owner)
  if (byOwner) always.deleteAll = () => byOwner.deleteAll(owner)
  if (store.scan) always.scan = () => scanned(store)
  if (store.estimate) always.estimate = async () => store.estimate?.()
  return always
}
