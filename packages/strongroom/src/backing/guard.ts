import { TimeLimit } from '../base/time-limit.ts'
import { StoreError, UnsupportedError } from '../errors.ts'
import type { ListOptions, Store } from '../store.ts'

type Guard = <T>(call: () => Promise<T>) => Promise<T>

/** Every call resolves, or rejects with `StoreError`, within `ms`, whatever the backend does. */
function createGuard(ms: number): Guard {
  const limit = new TimeLimit(ms, () => tooLate(ms))
  return <T>(call: () => Promise<T>) => limit.call(call, asStoreError)
}

const tooLate = (limit: number) =>
  new StoreError(`The session store did not answer within ${limit} ms. Check that it runs and can be reached.`)

function asStoreError(error: unknown): Error {
  if (error instanceof StoreError || error instanceof UnsupportedError) return error
  return new StoreError('The session store failed; its own error is the cause.', { cause: error })
}

/** A call that nobody waits for needs no time limit, but its failure is a store's failure, too. */
function immediately<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw asStoreError(error)
  }
}

/** The time limit is for each page. */
async function* guardPages<Page>(guard: Guard, list: () => AsyncIterable<Page>): AsyncGenerator<Page> {
  const pages = await guard(async () => list()[Symbol.asyncIterator]())
  try {
    for (;;) {
      const { done, value } = await guard(() => pages.next())
      if (done) return
      yield value
    }
  } finally {
    // Nobody waits for it: after a page that came too late, it would wait for that page.
    pages.return?.().catch(() => {})
  }
}

/** The calls of a request, with a time limit. Sweeps and scans take as long as they need, and have a signal instead. */
export function guardStore(
  store: Store,
  limit: number,
): Pick<Store, 'create' | 'read' | 'readSync' | 'update' | 'touch' | 'delete' | 'byOwner'> {
  const guard = createGuard(limit)
  const { byOwner } = store
  return {
    create: (id, entry) => guard(() => store.create(id, entry)),
    read: (id, options) => guard(() => store.read(id, options)),
    ...(store.readSync && { readSync: (id) => immediately(() => store.readSync?.(id)) }),
    update: (id, entry, version) => guard(() => store.update(id, entry, version)),
    touch: (id, expiresAt, version) => guard(() => store.touch(id, expiresAt, version)),
    delete: (id, version, owner) => guard(() => store.delete(id, version, owner)),
    ...(byOwner && {
      byOwner: {
        list: (owner: string, options?: ListOptions) => guardPages(guard, () => byOwner.list(owner, options)),
        deleteAll: (owner: string, except?: Parameters<typeof byOwner.deleteAll>[1]) =>
          guard(() => byOwner.deleteAll(owner, except)),
      },
    }),
  }
}
