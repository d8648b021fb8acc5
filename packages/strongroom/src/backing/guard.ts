import { TimeLimit } from '../base/time-limit.ts'
import { StoreError, StrongroomError, UnsupportedError } from '../errors.ts'
import type { ListOptions, Store } from '../store.ts'

type Guard = <T>(call: () => Promise<T>) => Promise<T>

/**
 * Ms that a call may take longer than the limit. Engines have time limits of their own, of the same length unless they were told
 * otherwise, and know why there was no answer: a connection that was refused, a certificate that nobody trusts.
 */
export const GRACE = 50

/** Every call resolves, or rejects with `StoreError`, within `ms` and the grace, whatever the backend does. */
function createGuard(ms: number): Guard {
  const limit = new TimeLimit(ms + GRACE, () => tooLate(ms))
  return <T>(call: () => Promise<T>) => limit.call(call, asStoreError)
}

const tooLate = (limit: number) =>
  new StoreError(`The session store did not answer within ${limit} ms. Check that it runs and can be reached.`)

function asStoreError(error: unknown): Error {
  if (error instanceof StoreError || error instanceof UnsupportedError) return error
  // Ours say what to do, such as which package to install, and quote nothing: a log that has the message alone must have that.
  if (error instanceof StrongroomError) return new StoreError(error.message, { cause: error })
  return new StoreError(`The session store failed${codeOf(error)}; its own error is the cause.`, { cause: error })
}

/** Of Node and MySQL (ECONNREFUSED, ERR_TLS…, ER_…), and SQLSTATEs. What looks otherwise may be anything. */
const CODE = /^(?:E[A-Z][A-Z\d_]{1,40}|(?=.*\d)[A-Z\d]{5})$/

/** " (ECONNREFUSED)", or empty. A code is a word of a list, and no data. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' && CODE.test(code) ? ` (${code})` : ''
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
): Pick<Store, 'create' | 'read' | 'readSync' | 'update' | 'updateSync' | 'touch' | 'delete' | 'byOwner'> {
  const guard = createGuard(limit)
  const { byOwner } = store
  return {
    create: (id, entry) => guard(() => store.create(id, entry)),
    read: (id, options) => guard(() => store.read(id, options)),
    ...(store.readSync && { readSync: (id) => immediately(() => store.readSync?.(id)) }),
    update: (id, entry, version) => guard(() => store.update(id, entry, version)),
    ...(store.updateSync && {
      updateSync: (id, entry, version) => immediately(() => store.updateSync?.(id, entry, version)),
    }),
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
