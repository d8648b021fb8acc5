import { TimeLimit } from '../base/time-limit.ts'
import { StoreError, StrongroomError, UnsupportedError } from '../errors.ts'
import type { ListOptions, Store } from '../store.ts'

type Guard = <T>(call: () => Promise<T>) => Promise<T>

/**
 * Ms that a call may take longer than the limit. Engines have time limits of their own, of the same length unless they were told
 * otherwise, and know why there was no answer: a connection that was refused, a certificate that nobody trusts.
 */
export const GRACE = 50

/** Told of each call of a store: the method, how long it took in ms, and whether it failed. Must not throw. */
export type CallListener = (method: string, ms: number, failed: boolean) => void

/** Who is told of the calls: nobody, most of the time. */
export interface Calls {
  listener: CallListener | null
}

/** Returns what removes it. */
export function addListener(calls: Calls, listener: CallListener): () => void {
  const others = calls.listener
  const both: CallListener = (method, ms, failed) => {
    others?.(method, ms, failed)
    if (active) listener(method, ms, failed)
  }
  let active = true
  calls.listener = both
  return () => {
    active = false
    // Beside one that was added later, it stays as a link to those before it.
    if (calls.listener === both) calls.listener = others
  }
}

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
async function* guardPages<Page>(
  { guard, page }: { readonly guard: Guard; readonly page: Guard },
  list: () => AsyncIterable<Page>,
): AsyncGenerator<Page> {
  const pages = await guard(async () => list()[Symbol.asyncIterator]())
  try {
    for (;;) {
      const { done, value } = await page(() => pages.next())
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
  calls: Calls = { listener: null },
): Pick<Store, 'create' | 'read' | 'readSync' | 'update' | 'updateSync' | 'touch' | 'delete' | 'byOwner'> {
  const guard = createGuard(limit)
  const timed = <T>(method: string, call: () => Promise<T>): Promise<T> =>
    calls.listener === null ? guard(call) : told(calls.listener, method, () => guard(call))
  const { byOwner } = store
  return {
    create: (id, entry) => timed('create', () => store.create(id, entry)),
    read: (id, options) => timed('read', () => store.read(id, options)),
    ...(store.readSync && {
      readSync: (id) => toldImmediately(calls, 'read', () => immediately(() => store.readSync?.(id))),
    }),
    update: (id, entry, version) => timed('update', () => store.update(id, entry, version)),
    ...(store.updateSync && {
      updateSync: (id, entry, version) =>
        toldImmediately(calls, 'update', () => immediately(() => store.updateSync?.(id, entry, version))),
    }),
    touch: (id, expiresAt, version) => timed('touch', () => store.touch(id, expiresAt, version)),
    delete: (id, version, owner) => timed('delete', () => store.delete(id, version, owner)),
    ...(byOwner && {
      byOwner: {
        list: (owner: string, options?: ListOptions) =>
          guardPages({ guard, page: (call) => timed('list', call) }, () => byOwner.list(owner, options)),
        deleteAll: (owner: string, except?: Parameters<typeof byOwner.deleteAll>[1]) =>
          timed('deleteAll', () => byOwner.deleteAll(owner, except)),
      },
    }),
  }
}

function told<T>(listener: CallListener, method: string, call: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const result = call()
  result.then(
    () => listener(method, performance.now() - began, false),
    () => listener(method, performance.now() - began, true),
  )
  return result
}

/** Undefined is no answer: another method is asked, and counts. */
function toldImmediately<T>({ listener }: Calls, method: string, call: () => T | undefined): T | undefined {
  if (listener === null) return call()
  const began = performance.now()
  let failed = true
  try {
    const result = call()
    failed = false
    if (result !== undefined) listener(method, performance.now() - began, false)
    return result
  } finally {
    if (failed) listener(method, performance.now() - began, true)
  }
}
