import type { OwnerIndex, Store } from '../store.ts'

/** A store that can be looked at and interfered with from outside, as a test needs it. */
export interface Watched {
  readonly store: Store
  /** The calls that arrived, in order. Assign a shorter length to forget them. */
  readonly calls: string[]
  /** Every id that was ever asked for: none of them may show up in an answer. */
  readonly ids: Set<string>
  /** Run before each call: delays it by its promise, fails it by what it throws. */
  before: ((call: string) => unknown) | null
}

/** Lays an observer around a store. Everything is handed on as it is. */
export function watched(inner: Store): Watched {
  const watch: Watched = { store: inner, calls: [], ids: new Set(), before: null }
  async function pass<T>(call: string, id: string, ask: () => Promise<T>): Promise<T> {
    watch.calls.push(call)
    watch.ids.add(id)
    await watch.before?.(call)
    return ask()
  }
  const { byOwner: owned } = inner
  const index: OwnerIndex | undefined = owned && {
    list: (owner) => pass('list', owner, () => owned.list(owner)),
    deleteAll: (owner, except) => pass('deleteAll', owner, () => owned.deleteAll(owner, except)),
  }
  const store: Store = {
    traits: inner.traits,
    create: (id, entry) => pass('create', id, () => inner.create(id, entry)),
    read: (id) => pass('read', id, () => inner.read(id)),
    update: (id, entry, version) => pass('update', id, () => inner.update(id, entry, version)),
    touch: (id, expiresAt) => pass('touch', id, () => inner.touch(id, expiresAt)),
    delete: (id, version, owner) => pass('delete', id, () => inner.delete(id, version, owner)),
    clearExpired: (options) => inner.clearExpired(options),
    close: () => inner.close(),
    ...(index && { byOwner: index }),
    ...(inner.scan && { scan: (options) => (inner.scan as NonNullable<Store['scan']>)(options) }),
  }
  return Object.assign(watch, { store })
}
