import type { OwnerIndex, Store } from '../store.ts'

/** A store that a test can observe and interfere with. */
export interface Watched {
  readonly store: Store
  /** The names of the calls, in the order in which they arrived. Set the length to 0 to forget them. */
  readonly calls: string[]
  /** Every id that was ever passed to the store. None of them may appear in a response. */
  readonly ids: Set<string>
  /** Runs before each call. Its promise delays the call, and what it throws makes the call fail. */
  before: ((call: string) => unknown) | null
}

/** Wraps a store in an observer that passes everything on unchanged. */
export function watched(inner: Store): Watched {
  const watch: Watched = { store: inner, calls: [], ids: new Set(), before: null }
  async function pass<T>(call: string, id: string, forward: () => Promise<T>): Promise<T> {
    watch.calls.push(call)
    watch.ids.add(id)
    await watch.before?.(call)
    return forward()
  }
  const { byOwner } = inner
  const index: OwnerIndex | undefined = byOwner && {
    async *list(owner, options) {
      await pass('list', owner, async () => {})
      yield* byOwner.list(owner, options)
    },
    deleteAll: (owner, except) => pass('deleteAll', owner, () => byOwner.deleteAll(owner, except)),
  }
  const store: Store = {
    traits: inner.traits,
    create: (id, entry) => pass('create', id, () => inner.create(id, entry)),
    read: (id, options) => pass('read', id, () => inner.read(id, options)),
    update: (id, entry, version) => pass('update', id, () => inner.update(id, entry, version)),
    touch: (id, expiresAt, version) => pass('touch', id, () => inner.touch(id, expiresAt, version)),
    delete: (id, version, owner) => pass('delete', id, () => inner.delete(id, version, owner)),
    clearExpired: (options) => inner.clearExpired(options),
    close: () => inner.close(),
    ...(inner.clearCopies && { clearCopies: (options) => inner.clearCopies?.(options) ?? Promise.resolve() }),
    ...(inner.authenticate && { authenticate: (keys) => inner.authenticate?.(keys) }),
    ...(index && { byOwner: index }),
    ...(inner.scan && { scan: (options) => (inner.scan as NonNullable<Store['scan']>)(options) }),
  }
  return Object.assign(watch, { store })
}
