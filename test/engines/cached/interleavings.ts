import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import type { IndexedStore, Store, Version } from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { bytes, HOUR } from '../../../packages/strongroom/src/testing/store/entries.ts'
import { everyOrder, type Gate } from './schedules.ts'

export const ID = 'a'.repeat(64) as Id
export const OWNER = 'b'.repeat(64)
const MAX_AGE = 10_000

/** What is in the cache at the start. */
const STARTS = ['nothing', 'a copy', 'a copy that is too old', 'a tombstone'] as const
/** `apart`: each node has a cache of its own; the second task runs on the second node. */
const NODES = ['one node', 'two nodes with a shared cache', 'two nodes with caches of their own'] as const

interface Given {
  readonly now: number
  readonly version: Version
}

type Verb = (store: Store, given: Given) => Promise<unknown>

const entry = (now: number, text: string, lifetime = HOUR) => {
  return { bytes: bytes(text), expiresAt: now + lifetime, owner: OWNER, label: null, createdAt: now }
}

/** `update after it`: with the version that the other update makes, so it is refused unless it comes second. */
const VERBS: Record<string, Verb> = {
  read: (store) => store.read(ID),
  update: (store, { now, version }) => store.update(ID, entry(now, 'second'), version),
  'update after it': (store, { now, version }) => store.update(ID, entry(now, 'third'), Number(version) + 1),
  // With the version, as requests do: without one, a touch leaves a tombstone.
  'touch outwards': (store, { now, version }) => store.touch(ID, now + 2 * HOUR, version),
  'touch inwards': (store, { now, version }) => store.touch(ID, now + HOUR / 2, version),
  delete: (store) => store.delete(ID),
  deleteAll: (store) => (store as IndexedStore).byOwner.deleteAll(OWNER),
}

const PAIRS = [
  ['read', 'update'],
  ['read', 'touch outwards'],
  ['read', 'touch inwards'],
  ['read', 'delete'],
  ['read', 'deleteAll'],
  ['read', 'read'],
  ['update', 'update after it'],
  ['update', 'touch inwards'],
  ['update', 'delete'],
  ['update', 'deleteAll'],
  ['touch outwards', 'touch inwards'],
  ['touch outwards', 'delete'],
  ['delete', 'delete'],
] as const

/** Every pair of calls, from every start, on one node and on two, in every order that their steps can take. */
export function interleavings(): void {
  for (const nodes of NODES)
    for (const pair of PAIRS) {
      if (nodes === 'two nodes with caches of their own' && pair[0] !== 'read') continue
      it(`${pair.join(' and ')}, on ${nodes}: no older copy is left, in any order of their steps`, async () => {
        let runs = 0
        for (const start of STARTS) runs += await everyOrder((gates) => fixture(gates, { nodes, pair, start }))
        assert.ok(runs >= 40, `${runs} orders`)
      })
    }
}

type Case = { nodes: (typeof NODES)[number]; pair: readonly string[]; start: (typeof STARTS)[number] }

async function fixture(gates: Gate, { nodes, pair, start }: Case) {
  const clock = manualClock()
  const durable = memory({ clock, max: 9 })
  const caches = [memory({ clock, evicts: true, max: 9 }), memory({ clock, evicts: true, max: 9 })] as const
  const node = (cache: Store, held = true) => {
    const [inner, outer] = held ? [gates.around(durable), gates.around(cache)] : [durable, cache]
    return cached({ durable: inner, cache: outer, clock, maxAge: MAX_AGE, cacheTimeout: 60_000 })
  }
  const apart = nodes === 'two nodes with caches of their own'
  const first = node(caches[0])
  const second = nodes === 'one node' ? first : node(caches[apart ? 1 : 0])

  await durable.create(ID, entry(clock(), 'first'))
  const version = (await durable.read(ID))?.version as Version
  if (start !== 'nothing') for (const each of [first, second]) await each.read(ID)
  if (start === 'a copy that is too old') clock.advance(MAX_AGE)
  // A delete of another version deletes nothing, and leaves a tombstone all the same.
  if (start === 'a tombstone') for (const each of [first, second]) await each.delete(ID, 0)
  clock.advance(1)

  const given = { now: clock(), version }
  const [one, two] = pair.map((name) => VERBS[name] as Verb)
  return {
    tasks: [() => (one as Verb)(first, given), () => (two as Verb)(second, given)],
    step: () => void clock.advance(1),
    async check() {
      const truth = await durable.read(ID).then(plain)
      const sees = async (store: Store) => assert.deepEqual(await store.read(ID).then(plain), truth)
      // The node that made the change sees it immediately. With caches of their own, nobody tells the other.
      if (apart) await sees(second)
      if (apart) clock.advance(MAX_AGE)
      // First nodes that have no invalidations of their own and know only what is in the cache: the others would repair it.
      for (const cache of apart ? caches : [caches[0]]) await sees(node(cache, false))
      for (const each of [first, second]) await sees(each)
    },
  }
}

export function plain(found: Awaited<ReturnType<Store['read']>>) {
  return (
    found && { text: Buffer.from(found.entry.bytes).toString(), until: found.entry.expiresAt, version: found.version }
  )
}
