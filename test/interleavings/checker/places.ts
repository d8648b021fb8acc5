import { cached } from '../../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import type {
  Clock,
  IndexedStore,
  Listing,
  OwnerIndex,
  ScannableStore,
  Store,
} from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import { type Gates, inOnePage } from './gates.ts'
import type { Place } from './place.ts'
import { sourceSession, sourceWith } from './source.ts'

/** Opens the place of one schedule. Servers and stores stay from one to the next; sessions and users are new. */
export type OpenPlace = (gates: Gates) => Place | Promise<Place>

export type Scannable = IndexedStore & ScannableStore

interface Plot {
  /** All that sessions are stored in. The first is where they are looked up afterwards. */
  readonly stores: readonly [Scannable, ...ScannableStore[]]
  /** The store of an actor in one schedule. */
  readonly node: (gates: Gates) => (actor: string) => IndexedStore
  readonly staleFor?: number
  readonly inCookies?: boolean
  readonly isRotated?: boolean
  readonly adopts?: boolean
  readonly renewsByTime?: boolean
}

/** A place whose stores are made at its first schedule. */
function place(name: string, make: (clock: Clock) => Plot): OpenPlace {
  const clock = manualClock()
  const start = clock()
  let plot: Plot | undefined
  let schedules = 0
  return (gates) => {
    plot ??= make(clock)
    const {
      stores,
      node,
      staleFor = 0,
      inCookies = false,
      isRotated = false,
      adopts = false,
      renewsByTime = false,
    } = plot
    clock.set(start)
    schedules++
    const users = { u: `ada ${schedules}`, v: `bob ${schedules}` }
    return {
      name,
      clock,
      outside: stores[0],
      node: node(gates),
      users,
      staleFor,
      inCookies,
      isRotated,
      renewsByTime,
      source: adopts ? sourceWith(gates, `key-${schedules}`, sourceSession(users.u, start)) : null,
      clear: async (kept) => {
        // What has expired since is not found, and would be there again in the next schedule.
        clock.set(start)
        await Promise.all(stores.map((store) => clear(store, kept)))
      },
    }
  }
}

async function clear(store: ScannableStore, kept: ReadonlySet<string>): Promise<void> {
  for await (const page of store.scan())
    await Promise.all(page.filter(({ id }) => !kept.has(id)).map(({ id }) => store.delete(id)))
}

/** A node for each actor, made when the actor first comes. */
export function nodes(make: (actor: string) => IndexedStore): (actor: string) => IndexedStore {
  const made = new Map<string, IndexedStore>()
  return (actor) => {
    const store = made.get(actor) ?? make(actor)
    made.set(actor, store)
    return store
  }
}

/** Every operation is one step. All actors have a server of their own on the same store, which hides that it answers at once. */
export const inMemory = place('memory', (clock) => {
  const store = memory({ clock, max: 1000 })
  return { stores: [store], node: (gates) => nodes(() => gates.around(store)) }
})

/** The secret has been rotated since the sessions began. */
export const afterRotation = place('rotated', (clock) => {
  const store = memory({ clock, max: 1000 })
  return { stores: [store], node: (gates) => nodes(() => gates.around(store)), isRotated: true }
})

/** Tokens are renewed by time, and are old enough for it when a schedule begins. */
export const renewedByTime = place('renewed by time', (clock) => {
  const store = memory({ clock, max: 1000 })
  return { stores: [store], node: (gates) => nodes(() => gates.around(store)), renewsByTime: true }
})

/** Sessions of another framework are adopted when their visitors come. */
export const adopting = place('adopting', (clock) => {
  const store = memory({ clock, max: 1000 })
  return { stores: [store], node: (gates) => nodes(() => gates.around(store)), adopts: true }
})

/** Sessions in their cookies, with what ended them in a store. */
export const inCookies = place('cookies', (clock) => {
  const store = memory({ clock, max: 1000 })
  return { stores: [store], node: (gates) => nodes(() => gates.around(store)), inCookies: true }
})

/** All actors come to the same server: it remembers what it opened last, and its logins take turns. */
export const onOneNode = place('one node', (clock) => {
  const store = memory({ clock, max: 1000 })
  const node = (gates: Gates) => {
    const only = gates.around(store)
    return () => only
  }
  return { stores: [store], node }
})

/** As Redis and files work: an owner's sessions are looked up in an index first, and then read or ended one by one. */
export const oneByOne = place('one by one', (clock) => {
  const store = memory({ clock, max: 1000 })
  return { stores: [store], node: (gates) => nodes(() => withIndex(gates.around(store))) }
})

function withIndex<S extends IndexedStore>(store: S): S {
  const index = (owner: string) => listed(store.byOwner, owner)
  const byOwner: OwnerIndex = {
    list: (owner) =>
      inOnePage(async () => {
        const found: Listing[] = []
        for (const listing of await index(owner)) if (await store.read(listing.id)) found.push(listing)
        return found
      }),
    async deleteAll(owner, except) {
      let count = 0
      for (const { id } of await index(owner)) if (id !== except && (await store.delete(id))) count++
      return count
    },
  }
  return { ...store, byOwner }
}

const MAX_AGE = 60_000

/** Two nodes, each with a cache of its own, over one store. O, D and P come to one of them, and T, L and M to the other. */
export const onTwoCaches = place('two caches', (clock) => {
  const durable = memory({ clock, max: 1000 })
  const cache = () => memory({ clock, max: 1000, evicts: true })
  const caches = [cache(), cache()] as const
  const node = (gates: Gates) => twoNodes(gates, { durable, caches, clock })
  return { stores: [durable, ...caches], node, staleFor: MAX_AGE }
})

interface Parts {
  readonly durable: Scannable
  readonly caches: readonly [Store, Store]
  readonly clock: Clock
}

/** Each operation of the store and of the two caches is a step. */
export function twoNodes(gates: Gates, { durable, caches, clock }: Parts): (actor: string) => IndexedStore {
  const node = (which: 0 | 1) =>
    cached({
      durable: gates.around(durable, 'durable '),
      cache: gates.around(caches[which], `cache ${which} `),
      clock,
      maxAge: MAX_AGE,
      cacheTimeout: 600_000,
    }) as IndexedStore
  const both = [node(0), node(1)] as const
  return (actor) => both['TLM'.includes(actor) ? 1 : 0]
}
