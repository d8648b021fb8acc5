import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import { it } from 'node:test'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { CACHE_CHANNEL, type CachedOptions, cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { CONNECT_LIMIT } from '../../../packages/strongroom/src/engines/cached/circuit-breaker.ts'
import { CHANGE_LIMIT } from '../../../packages/strongroom/src/engines/cached/store.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import type { IndexedStore, Version } from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR, newId } from '../../../packages/strongroom/src/testing/store/entries.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { ID, OWNER, plain } from './interleavings.ts'
import { deferred } from './schedules.ts'

/** A node, its two stores, which log their calls, and the errors of its cache. */
export function fixture(options: Partial<CachedOptions> = {}) {
  const clock = manualClock()
  const [durable, cache] = [watched(memory({ clock, max: 99 })), watched(memory({ clock, evicts: true, max: 99 }))]
  const errors: Error[] = []
  const node = (more: Partial<CachedOptions<IndexedStore>> = {}) =>
    cached({
      durable: durable.store as IndexedStore,
      cache: cache.store,
      clock,
      onCacheError: (error) => void errors.push(error),
      ...(options as Partial<CachedOptions<IndexedStore>>),
      ...more,
    })
  const entry = (text: string, lifetime = HOUR) => {
    return { bytes: bytes(text), expiresAt: clock() + lifetime, owner: OWNER, label: null, createdAt: clock() }
  }
  return { clock, durable, cache, errors, node, entry, store: node() }
}

const text = (found: Parameters<typeof plain>[0]) => plain(found)?.text ?? null

/** A cache that fails, hangs or is slow, at any of the calls to it. */
export function failingCache(): void {
  it('a cache that fails at any step of any call changes no result, and returns nothing older afterwards', async () => {
    for (const verb of ['read', 'update', 'touch', 'delete', 'deleteAll'])
      for (let step = 1; step <= 5; step++) await failsAt(verb, step)
  })

  it('a change that did not reach the cache is seen here immediately, and elsewhere within maxAge', async () => {
    const { clock, cache, node, store, entry } = fixture()
    await store.create(ID, entry('first'))
    const version = (await store.read(ID))?.version as Version
    cache.before = (call) => call === 'update' && Promise.reject(new StoreError('down'))
    await store.update(ID, entry('second'), version)
    cache.before = null
    await wait(110)
    const other = node()
    assert.equal(text(await store.read(ID)), 'second')
    // The node that made the change has read it again and put a copy, so the other node sees it, too.
    assert.equal(text(await other.read(ID)), 'second')

    cache.before = (call) => call === 'update' && Promise.reject(new StoreError('down'))
    await store.delete(ID)
    cache.before = null
    assert.equal(text(await other.read(ID)), 'second')
    clock.advance(9_999)
    assert.equal(text(await other.read(ID)), 'second')
    clock.advance(1)
    assert.equal(await other.read(ID), null)
  })

  it('a process that dies between its change and its copy leaves an old copy, which is used for at most maxAge', async () => {
    const { clock, cache, node, store, entry } = fixture({ cacheTimeout: 60_000 })
    await store.create(ID, entry('first'))
    await store.read(ID)
    // The tombstone never gets into the cache.
    const dead = deferred()
    cache.before = (call) => call === 'update' && dead.promise
    const deleting = store.delete(ID)
    await wait(10)
    cache.before = null
    const other = node()
    assert.equal(text(await other.read(ID)), 'first')
    clock.advance(10_000)
    assert.equal(await other.read(ID), null)
    // Or the test would wait for it as long as the process.
    dead.reject(new StoreError('the process is gone'))
    await deleting
  })

  it('an error of the cache in readSync is not reported, and the read that follows reports it', async () => {
    const { cache, errors, store: first, node, entry } = fixture()
    await first.create(ID, entry('first'))
    await first.read(ID)
    const fail = () => {
      throw new Error('out of order')
    }
    const store = node({ cache: { ...cache.store, readSync: fail, read: async () => fail() } })
    assert.equal(store.readSync?.(ID), undefined)
    assert.deepEqual(errors, [])
    assert.equal(text(await store.read(ID)), 'first')
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['out of order'],
    )
  })

  it('a cache that hangs costs its time limit, then nothing, and is used again when it is back', async () => {
    const { cache, durable, errors, store, entry } = fixture({ cacheTimeout: 20 })
    await store.create(ID, entry('first'))
    await store.read(ID)
    cache.before = () => new Promise(() => undefined)
    const [first, rest] = [await spent(() => store.read(ID)), await spent(() => many(200, () => store.read(ID)))]
    assert.ok(first >= 19, `${first} ms`)
    assert.ok(rest < 200 * 10, `${rest} ms`)
    assert.ok(errors.length >= 1 && errors.length < 10, `${errors.length} errors`)
    assert.ok(errors.every((error) => error instanceof StoreError && !error.message.includes(ID)))
    cache.before = null
    for (let asked = true; asked; asked = durable.calls.splice(0).length > 0) {
      await wait(20)
      assert.equal(text(await store.read(ID)), 'first')
    }
  })

  it('a change waits longer for the cache than a read, so that a slow one tells the others of it', async () => {
    for (const verb of ['update', 'delete', 'deleteAll']) {
      const { cache, node, store, entry } = fixture({ cacheTimeout: 1 })
      await store.create(ID, entry('first'))
      const version = (await store.read(ID))?.version as Version
      const other = node({ cacheTimeout: 60_000 })
      assert.equal(text(await other.read(ID)), 'first')
      cache.before = () => wait(10)
      if (verb === 'update') assert.notEqual(await store.update(ID, entry('second'), version), null)
      if (verb === 'delete') assert.equal(await store.delete(ID), true)
      if (verb === 'deleteAll') assert.equal(await store.byOwner.deleteAll(OWNER), 1)
      cache.before = null
      assert.equal(text(await other.read(ID)), verb === 'update' ? 'second' : null, verb)
    }
  })

  it('a read that came too late does not keep a later change from the cache', async () => {
    const { cache, node, store, entry } = fixture({ cacheTimeout: 5 })
    await store.create(ID, entry('first'))
    await store.read(ID)
    let reads = 0
    cache.before = (call) => call === 'read' && ++reads === 1 && new Promise(() => undefined)
    assert.equal(text(await store.read(ID)), 'first')
    await store.delete(ID)
    assert.equal(await node().read(ID), null)
  })

  it('a change that a slow cache is not told of in time is told to it later', async () => {
    const { cache, node, store, entry } = fixture()
    await store.create(ID, entry('first'))
    const version = (await store.read(ID))?.version as Version
    await store.touch(ID, entry('').expiresAt, version)
    const slow = deferred()
    cache.before = (call) => call === 'update' && slow.promise
    const took = await spent(() => store.delete(ID))
    assert.ok(took >= CHANGE_LIMIT - 1 && took < CONNECT_LIMIT, `${took} ms`)
    cache.before = null
    const other = node()
    assert.equal(text(await other.read(ID)), 'first')
    slow.resolve()
    await turn()
    assert.equal(await other.read(ID), null)
  })

  it('closing waits for what the cache has not been told of yet, and not for ever', async () => {
    const { cache, node, store, entry } = fixture()
    await store.create(ID, entry('first'))
    await store.read(ID)
    await store.delete(newId())
    const slow = deferred()
    cache.before = (call) => call === 'update' && slow.promise
    await store.delete(ID)
    cache.before = null
    const closing = store.close()
    setImmediate(slow.resolve)
    await closing
    assert.equal(await node().read(ID), null)

    const hanging = node()
    cache.before = () => new Promise(() => undefined)
    await hanging.delete(newId())
    const took = await spent(() => hanging.close())
    assert.ok(took >= CONNECT_LIMIT - 1, `${took} ms`)
  })

  it('the first change of a process waits as long as connecting may take', async () => {
    const { cache, store, node, entry } = fixture()
    await store.create(ID, entry('first'))
    await store.read(ID)
    const young = node()
    let calls = 0
    cache.before = () => ++calls === 1 && wait(CHANGE_LIMIT + 50)
    await young.delete(ID)
    assert.equal(await node().read(ID), null)
  })

  it('a cache that is still being connected to is no failure to report, and one that never answers is', async () => {
    const { cache, errors, store, node, entry } = fixture({ cacheTimeout: 5 })
    await store.create(ID, entry('first'))
    cache.before = () => new Promise(() => undefined)
    const young = node()
    assert.equal(text(await young.read(ID)), 'first')
    assert.equal(errors.length, 0)
    await young.delete(ID)
    assert.deepEqual(
      errors.map(({ message }) => message),
      [`The session cache did not answer within ${CONNECT_LIMIT} ms.`],
    )
    cache.before = () => Promise.reject(new Error('out of order'))
    assert.equal(await node().read(ID), null)
    assert.equal(errors.at(-1)?.message, 'out of order')
  })

  it('a result or an error that comes too late has no effect', async () => {
    const { cache, errors, store, entry } = fixture({ cacheTimeout: 5 })
    await store.create(ID, entry('first'))
    await store.read(ID)
    const late = deferred()
    cache.before = () => late.promise
    assert.equal(text(await store.read(ID)), 'first')
    late.reject(new Error('much later'))
    await wait(5)
    assert.equal(errors.length, 1)
  })

  it('a reply that came in time is not too late because the process was busy', async () => {
    const { errors, cache, store, entry } = fixture({ cacheTimeout: 20 })
    await store.create(ID, entry('first'))
    await store.read(ID)
    cache.before = () => new Promise((resolve) => setImmediate(resolve))
    // From here, the event loop runs the timers first, and then the reply.
    await turn()
    const found = store.read(ID)
    for (const until = performance.now() + 40; performance.now() < until; );
    assert.equal(text(await found), 'first')
    assert.deepEqual(errors, [])
  })

  it('an error of the durable store is thrown, and drops the copy, because the change may have been made', async () => {
    const { durable, node, store, entry } = fixture()
    await store.create(ID, entry('first'))
    const version = (await store.read(ID))?.version as Version
    const { update } = durable.store
    durable.store.update = async (...given) => {
      await update(...given)
      throw new StoreError('the connection was lost after the commit')
    }
    await assert.rejects(store.update(ID, entry('second'), version), StoreError)
    for (const each of [store, node()]) assert.equal(text(await each.read(ID)), 'second')
  })

  it('reports errors to the callback and to the channel, and an error in a listener fails no request', async () => {
    const { cache, store, node, entry } = fixture()
    await store.create(ID, entry('first'))
    cache.before = () => Promise.reject(new Error('out of order'))
    const published: unknown[] = []
    const listener = (message: unknown) => void published.push(message)
    diagnostics.subscribe(CACHE_CHANNEL, listener)
    await store.read(ID)
    assert.equal((published[0] as { error: Error }).error.message, 'out of order')
    diagnostics.unsubscribe(CACHE_CHANNEL, listener)
    for (const onCacheError of [async () => Promise.reject(new Error('x')), () => JSON.parse('{')]) {
      const warned = once(process, 'warning')
      assert.equal(text(await node({ onCacheError }).read(ID)), 'first')
      assert.equal((await warned)[0].code, 'STRONGROOM_LISTENER')
    }
  })
}

async function failsAt(verb: string, step: number): Promise<void> {
  const { clock, cache, durable, store, node, entry } = fixture()
  await store.create(ID, entry('first'))
  const version = (await store.read(ID))?.version as Version
  let calls = 0
  cache.before = () => ++calls === step && Promise.reject(new StoreError('down'))
  if (verb === 'read') await store.read(ID)
  if (verb === 'update') assert.notEqual(await store.update(ID, entry('second'), version), null)
  if (verb === 'touch') assert.equal(await store.touch(ID, clock() + HOUR / 2), true)
  if (verb === 'delete') assert.equal(await store.delete(ID), true)
  if (verb === 'deleteAll') assert.equal(await store.byOwner.deleteAll(OWNER), 1)
  const truth = plain(await durable.store.read(ID))
  assert.deepEqual(plain(await store.read(ID)), truth, `${verb}, ${step}`)
  cache.before = null
  clock.advance(10_000)
  for (const each of [node(), store]) assert.deepEqual(plain(await each.read(ID)), truth, `${verb}, ${step}`)
}

async function spent(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

async function many(times: number, call: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time++) await call()
}
