import { EPOCH, hasLabel, TOMBSTONE } from '../../../packages/strongroom/src/backing/own-entries.ts'
import type { Entry, Found, IndexedStore, Version } from '../../../packages/strongroom/src/store.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import { check, type Failure } from './check.ts'
import { inMemory, nodes, type OpenPlace } from './places.ts'
import type { Plan } from './run.ts'

/** A mistake in what a verb does at the store, planted between a server and its gates. */
export interface Fault {
  readonly title: string
  readonly plant: (store: IndexedStore) => Partial<IndexedStore>
  /** Plans in which it can show. */
  readonly plans: readonly Plan[]
}

type Id = Parameters<IndexedStore['read']>[0]

/** What this server has read last of each entry. */
function remembering(store: IndexedStore) {
  const last = new Map<Id, Found>()
  const first = new Map<Id, Found>()
  const read: IndexedStore['read'] = async (id, options) => {
    const found = await store.read(id, options)
    if (found) last.set(id, found)
    if (found && !first.has(id)) first.set(id, found)
    return found
  }
  return { first, last, read }
}

async function overwrite(store: IndexedStore, id: Id, entry: Entry, version: Version): Promise<Version | null> {
  const found = await store.read(id)
  return found && store.update(id, entry, found.version ?? version)
}

export const FAULTS: readonly Fault[] = [
  {
    title: 'a logout that ends only the version that it has read',
    plant(store) {
      const { last, read } = remembering(store)
      return { read, delete: (id, version) => store.delete(id, version ?? last.get(id)?.version) }
    },
    plans: [{ O: ['write'], T: ['logout'] }],
  },
  {
    title: 'a delete that is acknowledged and not made',
    plant: () => ({ delete: async () => true }),
    plans: [{ O: ['logout'] }],
  },
  {
    title: 'a read after a lost race that returns the copy of before',
    plant(store) {
      const { first, read } = remembering(store)
      return { read: async (id, options) => (options?.fresh ? first.get(id) : undefined) ?? read(id, options) }
    },
    plans: [
      { O: ['write'], T: ['logout'] },
      { O: ['write'], T: ['write'] },
    ],
  },
  {
    title: 'an update that compares no version',
    plant: (store) => ({ update: (id, entry, version) => overwrite(store, id, entry, version) }),
    plans: [{ O: ['write'], T: ['write'] }],
  },
  {
    title: 'an update that creates what is gone',
    plant: (store) => ({
      update: async (id, entry, version) =>
        (await store.update(id, entry, version)) ?? ((await store.create(id, entry)) ? version : null),
    }),
    plans: [
      { O: ['write'], T: ['logout'] },
      { O: ['write'], P: ['revoke all'] },
    ],
  },
  {
    title: 'an update that is acknowledged and not made',
    plant: () => ({ update: async (_id, _entry, version) => version }),
    plans: [{ O: ['write'] }, { T: ['renew'], P: ['revoke all'] }],
  },
  {
    title: 'an update that forgets the owner',
    plant: (store) => ({
      // The engines refuse another owner, so this is what one does that stores the entry as it is.
      async update(id, entry, version) {
        const found = await store.read(id)
        if (found?.version !== version || !(await store.delete(id, version))) return null
        return (await store.create(id, { ...entry, owner: null })) ? version : null
      },
    }),
    plans: [{ O: ['write'], P: ['revoke all'] }],
  },
  {
    title: 'a create that overwrites what another server has created',
    plant: (store) => ({
      async create(id, entry) {
        await store.delete(id)
        return store.create(id, entry)
      },
    }),
    plans: [{ L: ['login at the limit'], P: ['revoke all'] }],
  },
  {
    title: 'a fresh read that believes what this server knows of an epoch',
    plant(store) {
      const known = new Map<Id, Found | null>()
      const read: IndexedStore['read'] = async (id, options) => {
        const found = known.get(id) ?? (known.has(id) ? null : await store.read(id, options))
        if (found === null || hasLabel(found.entry, EPOCH)) known.set(id, found)
        return found
      }
      return { read }
    },
    plans: [{ L: ['login'], P: ['revoke all'] }],
  },
  {
    title: 'a touch that writes back what this server has read',
    plant(store) {
      const { last, read } = remembering(store)
      const touch: IndexedStore['touch'] = async (id, expiresAt, version) => {
        const { entry } = last.get(id) ?? {}
        const found = await store.read(id)
        if (!entry || !found?.version) return store.touch(id, expiresAt, version)
        return (await store.update(id, { ...entry, expiresAt }, found.version)) !== null
      }
      return { read, touch }
    },
    plans: [{ O: ['read'], T: ['write'] }],
  },
  {
    title: 'a touch that creates what is gone',
    plant(store) {
      const { last, read } = remembering(store)
      const touch: IndexedStore['touch'] = async (id, expiresAt, version) => {
        const { entry } = last.get(id) ?? {}
        return (
          (await store.touch(id, expiresAt, version)) ||
          (entry !== undefined && store.create(id, { ...entry, expiresAt }))
        )
      }
      return { read, touch }
    },
    plans: [{ O: ['read'], T: ['logout'] }],
  },
  {
    title: 'a revocation of all that ends only the versions that it has listed',
    plant(store) {
      const deleteAll: IndexedStore['byOwner']['deleteAll'] = async (owner, except) => {
        const listings = await listed(store.byOwner, owner)
        const seen = await Promise.all(listings.map(async ({ id }) => ({ id, found: await store.read(id) })))
        for (const { id, found } of seen) if (found && id !== except) await store.delete(id, found.version)
        return seen.length
      }
      // It finds nothing any more, so that nothing is tried again.
      return { byOwner: { list: async function* () {}, deleteAll } }
    },
    plans: [{ O: ['write'], P: ['revoke all'] }],
  },
  {
    title: 'a revocation of the others that ends this one, too',
    plant: (store) => ({ byOwner: { ...store.byOwner, deleteAll: (owner) => store.byOwner.deleteAll(owner) } }),
    plans: [{ O: ['revoke others'], D: ['write'] }],
  },
  {
    title: 'a revocation of the others that ends nothing',
    plant: (store) => ({ byOwner: { ...store.byOwner, deleteAll: async () => 0 } }),
    plans: [{ O: ['revoke others'], D: ['write'] }],
  },
  {
    title: 'a list without the oldest session',
    plant({ byOwner }) {
      const list: typeof byOwner.list = async function* (owner) {
        yield (await listed(byOwner, owner)).sort((a, b) => a.createdAt - b.createdAt).slice(1)
      }
      return { byOwner: { ...byOwner, list } }
    },
    plans: [{ L: ['login over the limit'] }],
  },
  {
    title: 'a touch that ignores the version',
    plant: (store) => ({ touch: (id, expiresAt) => store.touch(id, expiresAt) }),
    plans: [{ O: ['read'], T: ['prolong'] }],
  },
  {
    title: 'an epoch that is not stored',
    plant: (store) => ({
      create: async (id, entry) => hasLabel(entry, EPOCH) || (await store.create(id, entry)),
    }),
    plans: [{ L: ['login'], P: ['revoke all'] }],
  },
  {
    title: 'a session that is deleted at a login, without a tombstone in its place',
    plant: (store) => ({
      update: async (id, entry, version) =>
        hasLabel(entry, TOMBSTONE)
          ? (await store.delete(id, version))
            ? version
            : null
          : store.update(id, entry, version),
    }),
    plans: [{ L: ['keep'], M: ['login'] }],
  },
  {
    title: 'a create that forgets its owner',
    plant: (store) => ({ create: (id, entry) => store.create(id, { ...entry, owner: null }) }),
    plans: [{ L: ['login'], P: ['revoke all'] }],
  },
]

/** A place whose servers all make the mistake. Their stores have names of their own, or they would be taken for sound ones. */
const withFault =
  ({ plant, title }: Fault): OpenPlace =>
  async (gates) => {
    const place = await inMemory(gates)
    return { ...place, name: title, node: nodes((actor) => ({ ...place.node(actor), ...plant(place.node(actor)) })) }
  }

export interface NoticedFault {
  readonly fault: Fault
  readonly failure: Failure | null
}

/** Explores until an order is found that breaks what this plan keeps without the fault. */
export async function notice(fault: Fault): Promise<NoticedFault> {
  for (const plan of fault.plans) {
    const bounds = { preemptions: 3, most: 500 }
    const sound = (await check(inMemory, plan, bounds)).failures.map(({ what }) => what)
    const isNew = ({ what }: Failure) => !sound.includes(what)
    const failure = (await check(withFault(fault), plan, { ...bounds, until: isNew })).failures.find(isNew)
    if (failure) return { fault, failure }
  }
  return { fault, failure: null }
}
