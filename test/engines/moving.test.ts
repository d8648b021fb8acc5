import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { move, moving, type Phase } from '../../packages/strongroom/src/engines/moving/moving.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import {
  type Entry,
  type IndexedStore,
  isSession,
  type ScannableStore,
  type Schema,
  type Store,
} from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import {
  everyByte,
  fill,
  HOUR,
  newEntry,
  newId,
  newOwner,
} from '../../packages/strongroom/src/testing/store/entries.ts'
import { holds, listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'

type Whole = IndexedStore & ScannableStore

describe('move', () => {
  it('refuses to move a store into itself, under whatever name, and deletes nothing', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-moving-'))
    const [from, to] = [sqlite(join(dir, 'a.db')), sqlite(join(dir, '..', dir.slice(tmpdir().length), 'a.db'))]
    const id = newId()
    await from.create(id, newEntry(Date.now()))
    await assert.rejects(
      move({ from, to }),
      new ConfigError('move(): "from" and "to" are the same store; nothing was moved.'),
    )
    assert.ok(await from.read(id))
    await from.close()
    await to.close()
    await rm(dir, { recursive: true })
  })
})

for (const phase of ['prepare', 'move'] as const) {
  storeSuite(`moving, in phase ${phase}`, async () => {
    const clock = manualClock()
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-moving-'))
    const stores: Store[] = []
    const another = (tables: string) => {
      const from = sqlite({ path: join(dir, 'from.db'), clock, synchronous: 'normal', table: tables })
      const to = sqlite({ path: join(dir, 'to.db'), clock, synchronous: 'normal', table: tables })
      stores.push(from, to)
      return { from, to, store: moving({ from, to, phase, clock }) }
    }
    const { from, to, store } = another('sessions')
    return {
      store,
      clock,
      peer: async () => another('sessions').store,
      sibling: async () => another('others').store,
      breakBackend: async () => {
        await from.close()
        await to.close()
      },
      close: async () => {
        await store.close()
        for (const each of stores) await each.close()
        await rm(dir, { recursive: true })
      },
    }
  })
}

/** An old and a new store, and the two of them as one in each phase. */
function fixture() {
  const clock = manualClock()
  const [from, to] = [memory({ clock, max: 1000 }), memory({ clock, max: 1000 })]
  const entry = (fields: Partial<Entry> = {}): Entry => ({
    bytes: everyByte(),
    expiresAt: clock() + HOUR,
    owner: null,
    label: null,
    createdAt: clock(),
    ...fields,
  })
  const node = (phase: Phase) => moving({ from, to, phase, clock })
  return { clock, from, to, entry, node, old: node('prepare'), next: node('move') }
}

async function entryOf(store: Store, id: Id): Promise<Entry | undefined> {
  return (await store.read(id))?.entry
}

const size = async (store: Whole) => {
  let count = 0
  for await (const page of store.scan()) count += page.length
  return count
}

describe('moving', () => {
  it('reads what is in either store, and the new store takes precedence', async () => {
    const { from, to, entry, old, next } = fixture()
    const [here, there, both] = [newId(), newId(), newId()]
    await from.create(here, entry())
    await to.create(there, entry())
    await from.create(both, entry({ bytes: Buffer.from('old') }))
    await to.create(both, entry({ bytes: Buffer.from('new') }))
    for (const node of [old, next]) for (const id of [here, there]) await holds(node, id, entry())
    assert.equal(String((await entryOf(next, both))?.bytes), 'new')
  })

  it('writes to the old store in phase prepare, and to the new one in phase move', async () => {
    const { from, to, entry, old, next } = fixture()
    const [first, second] = [newId(), newId()]
    await old.create(first, entry())
    assert.deepEqual([await size(from), await size(to)], [1, 0])
    await next.create(second, entry())
    assert.deepEqual([await size(from), await size(to)], [1, 1])
    const seen = await next.read(first)
    await next.update(first, entry({ bytes: Buffer.from('changed') }), seen?.version ?? '')
    assert.deepEqual([await size(from), await size(to)], [0, 2])
    assert.equal(String((await entryOf(old, first))?.bytes), 'changed')
  })

  it('moves a whole session when it is touched', async () => {
    const { from, to, entry, next, clock } = fixture()
    const id = newId()
    const whole = entry({ owner: newOwner(), label: everyByte(), createdAt: clock() - HOUR })
    await from.create(id, whole)
    assert.equal(await next.touch(id, clock() + 2 * HOUR), true)
    await holds(to, id, { ...whole, expiresAt: clock() + 2 * HOUR })
    assert.equal(await from.read(id), null)
  })

  it('accepts a version that was read before the move for a write after it', async () => {
    for (const phase of ['prepare', 'move'] as const) {
      const { clock, from, to, entry, node } = fixture()
      const id = newId()
      await from.create(id, entry())
      const store = node(phase)
      const version = (await store.read(id))?.version ?? ''
      await move({ clock, from, to })
      assert.equal((await to.read(id)) !== null, true)
      assert.notEqual(await store.update(id, entry({ bytes: Buffer.from('1') }), version), null)
      assert.equal(await store.update(id, entry({ bytes: Buffer.from('2') }), version), null)
    }
  })

  it('does not bring a logged-out session back, even if a node still holds a copy of it', async () => {
    for (const phase of ['prepare', 'move'] as const) {
      const { from, to, entry, node, next } = fixture()
      const id = newId()
      await from.create(id, entry())
      const seen = await node(phase).read(id)
      await next.touch(id, entry().expiresAt)
      assert.equal(await node(phase).delete(id), true)
      assert.equal(await node(phase).delete(id), false)
      // What a slow mover would do.
      assert.equal(await to.create(id, seen?.entry ?? entry()), false)
      for (const each of [node('prepare'), next]) {
        assert.equal(await each.read(id), null)
        assert.equal(await each.touch(id, entry().expiresAt), false)
        assert.equal(await each.update(id, entry(), seen?.version ?? ''), null)
      }
    }
  })

  it('deletes a copy that a crash has left in the old store when the session ends', async () => {
    for (const verb of ['delete', 'touch', 'update'] as const) {
      const { from, to, entry, next, clock } = fixture()
      const id = newId()
      await from.create(id, entry({ expiresAt: clock() + 24 * HOUR }))
      const crashing = { ...methodsOf(from), delete: () => Promise.reject(new StoreError('killed here')) }
      await assert.rejects(moving({ from: crashing, to, clock }).touch(id, clock() + HOUR))
      assert.notEqual(await from.read(id), null)
      const version = (await next.read(id))?.version ?? ''
      if (verb === 'delete') await next.delete(id)
      if (verb === 'touch') await next.touch(id, clock())
      if (verb === 'update') await next.update(id, entry({ expiresAt: clock() }), version)
      assert.equal(await from.read(id), null)
      clock.advance(2 * HOUR)
      assert.equal(await next.read(id), null)
    }
  })

  it('finds the sessions of an owner in both stores, each once, and none that has ended', async () => {
    const { from, to, entry, next } = fixture()
    const owner = newOwner()
    const ids = await fill(from, 4, () => entry({ owner }))
    await to.create(ids[0] as Id, entry({ owner, createdAt: 5 }))
    await next.touch(ids[1] as Id, entry().expiresAt)
    // Ended by a node whose call to the old store failed.
    const failing = { ...methodsOf(from), delete: () => Promise.reject(new StoreError('down')) }
    await assert.rejects(moving({ from: failing, to }).delete(ids[2] as Id))
    await moving({ from: failing, to })
      .delete(ids[2] as Id)
      .catch(() => undefined)
    const listings = await listed(next.byOwner, owner)
    assert.equal(listings.find(({ id }) => id === ids[0])?.createdAt, 5, 'as it is in the new store')
    const found = listings.map(({ id }) => id)
    assert.equal(new Set(found).size, found.length)
    for (const id of [ids[0], ids[1], ids[3]]) assert.ok(found.includes(id as Id))
    assert.equal(await next.byOwner.deleteAll(owner, ids[3]), found.length - 1)
    assert.deepEqual(
      (await listed(next.byOwner, owner)).map(({ id }) => id),
      [ids[3]],
    )
  })

  it('leaves a tombstone of the same owner for a session that has ended, which no list or count takes for a session', async () => {
    for (const end of ['delete', 'touch', 'update', 'deleteAll'] as const) {
      const { from, to, entry, next, clock } = fixture()
      const owner = newOwner()
      const [id = newId()] = await fill(next, 1, () => entry({ owner, label: everyByte() }))
      if (end === 'delete') assert.equal(await next.delete(id), true)
      if (end === 'touch') assert.equal(await next.touch(id, clock()), true)
      const version = (await next.read(id))?.version ?? ''
      if (end === 'update') assert.ok(await next.update(id, entry({ owner, expiresAt: clock() }), version))
      if (end === 'deleteAll') assert.equal(await next.byOwner.deleteAll(owner), 1)
      assert.deepEqual(await listed(next.byOwner, owner), [])
      assert.equal(await next.byOwner.deleteAll(owner), 0)
      assert.equal(await size(next), 0)
      // Once the new store is used alone, it is there.
      const found = await listed(to.byOwner, owner)
      assert.deepEqual([found.length, found.filter(isSession).length], [1, 0])
      assert.equal((await move({ from, to, clock })).present, 0)
      // What a slow mover would do.
      assert.equal(await to.create(id, entry({ owner })), false)
      assert.equal(await next.create(id, entry({ owner, bytes: Buffer.from('again') })), true)
      assert.equal(String((await entryOf(next, id))?.bytes), 'again')
    }
  })

  it('lists each session of an owner once, while another node moves them, and ends them all', async () => {
    const { from, to, entry, next, clock } = fixture()
    const owner = newOwner()
    const ids = await fill(from, 300, () => entry({ owner }))
    const seen: string[] = []
    for await (const page of next.byOwner.list(owner, { page: 20 })) {
      seen.push(...page.map(({ id }) => id))
      // Some of this page, which must not be listed again, and some of later ones, which must not be missed.
      for (const id of [...page.slice(0, 5).map(({ id }) => id), ...ids.slice(seen.length, seen.length + 5)])
        await next.touch(id, clock() + 2 * HOUR)
    }
    assert.deepEqual(seen.sort(), [...ids].sort())
    assert.ok((await size(to)) >= 100)
    assert.equal(await next.byOwner.deleteAll(owner), 300)
    assert.deepEqual(await listed(next.byOwner, owner), [])
  })

  it('clears and counts what is in both stores, and shows no tombstone', async () => {
    const { from, to, entry, next, clock } = fixture()
    await fill(from, 3, () => entry({ expiresAt: clock() + 1 }))
    await fill(to, 2, () => entry({ expiresAt: clock() + 1 }))
    const [ended] = await fill(next, 2, () => entry())
    await next.delete(ended as Id)
    clock.advance(1)
    assert.equal(await size(next), 1)
    const told: number[] = []
    assert.equal(await next.clearExpired({ dryRun: true }), 5)
    assert.equal(await next.clearExpired({ batch: 1, onProgress: (count) => told.push(count) }), 5)
    assert.deepEqual(told, [1, 2, 3, 4, 5])
  })

  it('touches the version that was read in the old store, also after the session has moved, and no other', async () => {
    for (const phase of ['prepare', 'move'] as const) {
      const { from, to, entry, clock } = fixture()
      const store = moving({ from, to, phase, clock })
      const [id = newId()] = await fill(from, 1, () => entry())
      const version = (await store.read(id))?.version ?? assert.fail('the session is there')
      assert.equal(await store.touch(id, clock() + 2 * HOUR, version), true)
      assert.equal(await store.touch(id, clock() + 3 * HOUR, version), true)
      await move({ from, to, clock })
      assert.equal(await store.touch(id, clock() + 4 * HOUR, version), true)
      await holds(store, id, entry({ expiresAt: clock() + 4 * HOUR }))
      const next = await store.update(id, entry({ bytes: Buffer.from('next') }), version)
      assert.notEqual(next, null)
      assert.equal(await store.touch(id, clock() + 5 * HOUR, version), false)
      assert.equal(await store.touch(id, clock() - 1, version), false)
      await holds(store, id, entry({ bytes: Buffer.from('next') }))
    }
  })

  it('does not take a copy in a cache for what a store has, when it changes or moves a session', async () => {
    const { from, to, entry, clock } = fixture()
    const behind = moving({ from, to: cached({ durable: to, cache: memory({ clock, evicts: true }), clock }), clock })
    const id = newId()
    await behind.create(id, entry())
    const old = (await behind.read(id))?.version ?? ''
    const version = (await moving({ from, to, clock }).update(id, entry({ bytes: Buffer.from('next') }), old)) ?? ''
    assert.equal((await behind.read(id))?.version, old, 'a copy')
    assert.equal((await behind.read(id, { fresh: true }))?.version, version)
    assert.equal(await behind.touch(id, clock() + 2 * HOUR, version), true)
  })

  it('has the traits that hold for both stores', async () => {
    const { from } = fixture()
    const odd = {
      ...methodsOf(from),
      traits: { ...from.traits, granularity: 1000, sizeLimit: 99, durable: 'machine', evicts: true },
    }
    const old = { ...methodsOf(from), traits: { ...from.traits, durable: 'process' } }
    const { traits } = moving({ from: old as Whole, to: odd as Store })
    const { engine, granularity, sizeLimit, durable, evicts } = traits
    assert.deepEqual(
      [engine, granularity, sizeLimit, durable, evicts],
      ['moving memory to memory', 1000, 99, 'process', true],
    )
  })

  it('rounds deadlines up if the new store counts in seconds', async () => {
    const { from, entry, clock } = fixture()
    const to = memory({ clock, max: 10 })
    const coarse = { ...methodsOf(to), traits: { ...to.traits, granularity: 1000 } }
    const id = newId()
    await from.create(id, entry({ expiresAt: clock() + HOUR + 1 }))
    await move({ from, to: coarse, clock })
    assert.equal((await to.read(id))?.entry.expiresAt, clock() + HOUR + 1000)
  })

  it('leaves a session that is too large for the new store in the old one, where it can be used until it shrinks', async () => {
    const { from, entry, clock } = fixture()
    const to = memory({ clock, max: 10, maxBytes: 4096 })
    const store = moving({ from, to, clock })
    const id = newId()
    await from.create(id, entry({ bytes: new Uint8Array(5000) }))
    const { tooLarge, remaining, moved } = await move({ from, to, clock })
    assert.deepEqual([tooLarge, remaining, moved], [1, 1, 0])
    assert.equal(await store.touch(id, clock() + 2 * HOUR), true)
    assert.equal((await from.read(id))?.entry.expiresAt, clock() + 2 * HOUR)
    const version = (await store.read(id))?.version ?? ''
    const shrunk = (await store.update(id, entry(), version)) ?? ''
    assert.equal(await store.touch(id, clock() + HOUR), true)
    assert.deepEqual([await size(from), await size(to)], [0, 1])
    assert.notEqual(await store.update(id, entry({ bytes: Buffer.from('1') }), shrunk), null)
  })

  it('reads a moved session although the old store is down, and rejects for others', async () => {
    const { to, from, entry, next } = fixture()
    const id = newId()
    await next.create(id, entry())
    await from.close()
    await holds(next, id, entry())
    assert.equal((await to.read(id)) !== null, true)
    await assert.rejects(next.read(newId()), StoreError)
  })

  it('makes as many calls as its page says', async () => {
    const { from, to, entry, clock } = fixture()
    const [one, other] = [watched(from), watched(to)]
    const count = async (work: () => Promise<unknown>) => {
      one.calls.length = other.calls.length = 0
      await work()
      return one.calls.length + other.calls.length
    }
    const [id, moved] = await fill(from, 2, () => entry())
    assert.ok(id && moved)
    const old = moving({ from: one.store as Whole, to: other.store, phase: 'prepare', clock })
    const next = moving({ from: one.store as Whole, to: other.store, clock })
    await next.touch(moved, clock() + HOUR)
    const reads = (store: Store, given: Id) => count(() => store.read(given))
    assert.deepEqual([await reads(old, id), await reads(old, moved), await reads(old, newId())], [1, 2, 2])
    assert.deepEqual([await reads(next, moved), await reads(next, id), await reads(next, newId())], [1, 2, 3])
    const version = (await next.read(id))?.version ?? ''
    assert.equal(await count(() => next.update(id, entry(), version)), 7)
    const later = (await next.read(id))?.version ?? ''
    assert.equal(await count(() => next.update(id, entry(), later)), 1)
    assert.equal(await count(() => next.touch(id, clock() + HOUR)), 2)
    assert.equal(await count(() => next.delete(id)), 3)
    assert.equal(await count(() => next.create(newId(), entry())), 2)
  })

  it('leaves the stores open that were passed in, and closes those that a URL opened', async () => {
    const { from, to, next } = fixture()
    await next.close()
    await assert.rejects(next.read(newId()), StoreError)
    assert.equal(await from.read(newId()), null)
    assert.equal(await to.read(newId()), null)
    const store = storeFromUrl(`moving:?from=${encodeURIComponent('memory:?max=10')}&to=sqlite::memory:&phase=prepare`)
    assert.equal(store.traits.engine, 'moving memory to sqlite')
    await store.close()
    await assert.rejects(store.read(newId()), StoreError)
  })

  it('refuses what it cannot do, and says why', () => {
    const { from, to } = fixture()
    const { scan: _, ...withoutScan } = methodsOf(from)
    assert.throws(
      () => moving({ from: withoutScan as never, to }),
      /moving\(\) cannot move sessions out of memory, because that store cannot be scanned/,
    )
    assert.throws(() => moving({ from, to: from }), ConfigError)
    assert.throws(() => moving({ from, to: sqlite('./never-made.db') }), /this process's memory/)
    assert.throws(() => moving({ from: sqlite('./never-made.db'), to }), /this process's memory/)
    assert.throws(() => moving({ from, to, phase: 'done' as never }), ConfigError)
    assert.throws(() => moving({ from } as never), ConfigError)
    assert.throws(() => moving({ from, to, clocks: 1 } as never), /Unknown option "clocks" for moving\(\)/)
    for (const url of ['moving:', 'moving:?from=memory:', 'moving:x?from=memory:&to=memory:', 'moving:?a=b']) {
      assert.throws(() => storeFromUrl(url), ConfigError, url)
    }
  })

  it('has the schema, the locks and the change feed of its stores', async () => {
    const { from, to } = fixture()
    const ran: string[] = []
    const schema = (name: string): Schema => ({
      statements: [`CREATE ${name}`],
      pending: async () => [`ALTER ${name}`],
      migrate: async () => {
        ran.push(name)
        return [`ALTER ${name}`]
      },
    })
    const listeners: ((id: Id | null) => void)[] = []
    let stopped = 0
    const changes = {
      listen: async (listener: (id: Id | null) => void) => {
        listeners.push(listener)
        return async () => {
          stopped += 1
        }
      },
    }
    const tryWithLock = async <T>(_: string, work: () => Promise<T>) => work()
    const store = moving({
      from: { ...methodsOf(from), schema: schema('old'), changes },
      to: { ...methodsOf(to), schema: schema('new'), changes, tryWithLock } as Store,
    })
    assert.deepEqual(store.schema?.statements, ['CREATE old', 'CREATE new'])
    assert.deepEqual(await store.schema?.pending(), ['ALTER old', 'ALTER new'])
    assert.deepEqual(await store.schema?.migrate(), ['ALTER old', 'ALTER new'])
    assert.deepEqual(ran, ['old', 'new'])
    const reported: (Id | null)[] = []
    const stop = await store.changes?.listen((id) => reported.push(id))
    for (const listener of listeners) listener(null)
    assert.deepEqual(reported, [null, null])
    await stop?.()
    assert.equal(stopped, 2)
    assert.equal(await store.tryWithLock?.('x', async () => 7), 7)
    await store.close()
    for (const call of [
      store.tryWithLock?.('x', async () => 8),
      store.changes?.listen(() => {}),
      store.schema?.pending(),
      store.schema?.migrate(),
    ])
      await assert.rejects(call ?? Promise.resolve(), StoreError)
    assert.deepEqual([ran, listeners.length, store.schema?.statements.length], [['old', 'new'], 2, 2])
  })
})

/** A store as a plain object, so that methods can be replaced. */
function methodsOf(store: Whole): Whole {
  return {
    traits: store.traits,
    byOwner: store.byOwner,
    create: (id, entry) => store.create(id, entry),
    read: (id) => store.read(id),
    update: (id, entry, version) => store.update(id, entry, version),
    touch: (id, expiresAt, version) => store.touch(id, expiresAt, version),
    delete: (id, version) => store.delete(id, version),
    clearExpired: (options) => store.clearExpired(options),
    close: () => store.close(),
    scan: (options) => store.scan(options),
  }
}

describe('move()', () => {
  it('moves every live session as it is, and compares each', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-moving-'))
    const [from, to] = [sqlite(join(dir, 'from.db')), file({ dir: join(dir, 'to'), durable: false })]
    const now = Date.now()
    const entries = Array.from({ length: 250 }, (_, index) => ({
      bytes: Buffer.from(`session ${index}`),
      owner: index % 3 ? newOwner() : null,
      label: index % 3 ? everyByte() : null,
      createdAt: now - index,
      expiresAt: index % 10 ? now + HOUR + index : now - 1,
    }))
    const ids = await fill(from, 250, (index) => entries[index] as Entry)
    const told: number[] = []
    const report = await move({ from, to, page: 40, onProgress: (done) => told.push(done) })
    const { moved, remaining, present, failed, complete } = report
    assert.deepEqual([moved, remaining, present, failed, complete], [225, 0, 225, 0, true])
    assert.equal(told.at(-1), 225)
    for (const [index, id] of ids.entries()) {
      if (index % 10 === 0) assert.equal(await to.read(id), null)
      else await holds(to, id, entries[index] as Entry)
    }
    const again = await move({ from, to })
    assert.deepEqual([again.moved, again.remaining, again.present], [0, 0, 225])
    await from.close()
    await to.close()
    await rm(dir, { recursive: true })
  })

  it('changes nothing in a dry run', async () => {
    const { clock, from, to, entry } = fixture()
    await fill(from, 5, () => entry())
    const { moved, remaining, present } = await move({ clock, from, to, dryRun: true })
    assert.deepEqual([moved, remaining, present, await size(from), await size(to)], [5, 5, 0, 5, 0])
  })

  it('stops between two pages, and the next run goes on', async () => {
    const { clock, from, to, entry } = fixture()
    await fill(from, 50, () => entry())
    const stop = new AbortController()
    const first = await move({ clock, from, to, page: 10, signal: stop.signal, onProgress: () => stop.abort() })
    assert.deepEqual([first.moved, first.complete, first.remaining], [10, false, null])
    const second = await move({ clock, from, to })
    assert.deepEqual([second.moved, second.complete, second.remaining, second.present], [40, true, 0, 50])
  })

  it('shares the work with other runs of itself', async () => {
    const { clock, from, to, entry } = fixture()
    await fill(from, 300, () => entry())
    const reports = await Promise.all([1, 2, 3].map(() => move({ clock, from, to, page: 20 })))
    assert.deepEqual([await size(from), await size(to)], [0, 300])
    assert.equal(
      reports.reduce((sum, { moved }) => sum + moved, 0),
      300,
    )
  })

  it('moves nothing into a store that alters what it is given', async () => {
    const { clock, from, to, entry } = fixture()
    await fill(from, 3, () => entry())
    const text: Store = {
      ...methodsOf(to),
      create: (id, given) => to.create(id, { ...given, bytes: Buffer.from(Buffer.from(given.bytes).toString('utf8')) }),
    }
    await assert.rejects(move({ clock, from, to: text }), /did not return what it was given; nothing was moved/)
    assert.deepEqual([await size(from), await size(to)], [3, 0])
  })

  it('keeps the original of a session that the new store loses or refuses, and counts it', async () => {
    const { clock, from, to, entry } = fixture()
    const [lost, refused] = await fill(from, 10, () => entry())
    const leaky: Store = {
      ...methodsOf(to),
      create: async (id, given) => {
        if (id === refused) throw new StoreError('no')
        return id === lost || to.create(id, given)
      },
    }
    const { moved, failed, remaining } = await move({ clock, from, to: leaky })
    assert.deepEqual([moved, failed, remaining], [8, 2, 2])
    const store = moving({ from, to })
    for (const id of [lost, refused]) await holds(store, id as Id, entry())
  })

  it('gives up when a store does not answer', async () => {
    const { clock, from, to, entry } = fixture()
    await fill(from, 100, () => entry())
    let calls = 0
    const down: Store = {
      ...methodsOf(to),
      create: (id, given) => {
        calls += 1
        return calls > 1 ? Promise.reject(new StoreError('down')) : to.create(id, given)
      },
    }
    await assert.rejects(move({ clock, from, to: down }), /down/)
    assert.ok(calls < 40, 'soon')
    const store = moving({ from, to })
    assert.equal((await move({ clock, from, to })).moved, 100)
    assert.equal(await size(store as Whole), 100)
  })
})
