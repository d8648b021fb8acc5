import { guardedObserver } from '../base/guarded.ts'
import { type LimitOf, limitOf } from '../base/time-limit.ts'
import { StoreError, StrongroomError, UnsupportedError } from '../errors.ts'
import type { ListOptions, Store } from '../store.ts'

type Guard = <T>(call: () => Promise<T>) => Promise<T>

/**
 * Ms that a call may take longer than the limit. Engines have time limits of their own, of the same length unless they were told
 * otherwise, and know why there was no answer: a connection that was refused, a certificate that nobody trusts.
 */
export const GRACE = 50

/**
 * What is observed: the load of a cookie's session, the save of a request, or a call of the store. `callSync` is one that has its result
 * immediately; undefined is none, and a `call` follows.
 */
export type Observed = 'load' | 'save' | 'call' | 'callSync'

/** Who observes: nobody, most of the time. */
export interface CallObserver {
  /** Each call of the store, when it is over: the method, how long it took in ms, and whether it failed. What it throws is a warning. */
  call?(method: string, ms: number, failed: boolean): void
  /**
   * Runs each load, save and store call, and returns what `run` returns: for spans, which have to be there before what happens in
   * them. `name` is how a session is saved (`create`, `write`, `touch` …), the method of a call, and empty for a load. `run` may throw,
   * and may return a promise. It is the request's own work: call it exactly once, and throw nothing but what it throws.
   */
  around?<T>(what: Observed, name: string, run: () => T): T
}

type Around = Required<CallObserver>['around']

/** What runs loads and saves, and what runs calls of the store. Null if nobody observes those, so that they cost nothing more. */
export interface Calls {
  around: Around | null
  call: Around | null
  /** In the order in which they were added. */
  links?: Set<Link>
}

/** Puts an observer around those that were added before it. */
type Link = (others: Pick<Calls, 'around' | 'call'>) => Pick<Calls, 'around' | 'call'>

/** Returns what removes it. Nothing is run, and no clock read, for what the observer does not have. */
export function addObserver(calls: Calls, observer: CallObserver): () => void {
  const own: Around | undefined = observer.around?.bind(observer)
  const measured = observer.call && measuredBy(guardedObserver(observer.call.bind(observer)))
  const link: Link = ({ around, call }) => ({
    around: join(around, own),
    call: join(join(call, measured), own),
  })
  calls.links ??= new Set()
  const { links } = calls
  // From the start each time: one that was removed, and stayed as a link to the others, would be one more call for each request.
  const relink = () => {
    let linked: Parameters<Link>[0] = { around: null, call: null }
    for (const one of links) linked = one(linked)
    Object.assign(calls, linked)
  }
  links.add(link)
  relink()
  return () => {
    links.delete(link)
    relink()
  }
}

const join = (others: Around | null, own: Around | undefined): Around | null =>
  others && own ? (what, name, run) => own(what, name, () => others(what, name, run)) : (own ?? others)

const measuredBy =
  (tell: Required<CallObserver>['call']): Around =>
  (_, method, run) => {
    const began = performance.now()
    const over = (failed: boolean) => void tell(method, performance.now() - began, failed)
    try {
      const result = run()
      if (result instanceof Promise)
        result.then(
          () => over(false),
          () => over(true),
        )
      else if (result !== undefined) over(false)
      return result
    } catch (error) {
      over(true)
      throw error
    }
  }

/** Every call resolves, or rejects with `StoreError`, within `ms` and the grace, whatever the backend does. */
function createGuard(ms: number, limitOf: LimitOf): Guard {
  const limit = limitOf(ms + GRACE, () => tooLate(ms))
  return <T>(call: () => Promise<T>) => limit.call(call, asStoreError)
}

const tooLate = (limit: number) =>
  new StoreError(`The session store did not answer within ${limit} ms. Check that it runs and can be reached.`)

function asStoreError(error: unknown): Error {
  if (error instanceof StoreError || error instanceof UnsupportedError) return error
  // Ours say what to do, such as which package to install, and quote nothing: a log that has the message alone must have that.
  if (error instanceof StrongroomError) return new StoreError(error.message, { cause: error })
  const code = codeOf(error)
  return new StoreError(`The session store failed${code && ` (${code})`}; its own error is the cause.`, {
    cause: error,
  })
}

/** Of Node and MySQL (ECONNREFUSED, ERR_TLS…, ER_…), and SQLSTATEs. What looks otherwise may be anything. */
const CODE = /^(?:E[A-Z][A-Z\d_]{1,40}|(?=.*\d)[A-Z\d]{5})$/

/** ECONNREFUSED, or empty. A code is a word of a list, and no data. */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' && CODE.test(code) ? code : ''
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

type Guarded = Pick<Store, 'create' | 'read' | 'readSync' | 'update' | 'updateSync' | 'touch' | 'delete' | 'byOwner'>

const NOBODY: Calls = { around: null, call: null }

/** The calls of a request, with a time limit. Sweeps and scans take as long as they need, and have a signal instead. */
export function guardStore(store: Store, limit: number, calls: Calls = NOBODY): Guarded {
  const { byOwner } = store
  const entries = guardEntries(store, { timeout: limit, calls, limitOf })
  if (!byOwner) return entries
  const guard = createGuard(limit, limitOf)
  const timed = timedBy(guard, calls)
  return {
    ...entries,
    byOwner: {
      list: (owner: string, options?: ListOptions) =>
        guardPages({ guard, page: (call) => timed('list', call) }, () => byOwner.list(owner, options)),
      deleteAll: (owner: string, except?: Parameters<typeof byOwner.deleteAll>[1]) =>
        timed('deleteAll', () => byOwner.deleteAll(owner, except)),
    },
  }
}

const timedBy =
  (guard: Guard, calls: Calls) =>
  <T>(method: string, call: () => Promise<T>): Promise<T> =>
    calls.call === null ? guard(call) : calls.call('call', method, () => guard(call))

export interface GuardOptions {
  /** In ms, for each call. */
  readonly timeout: number
  readonly calls?: Calls | undefined
  readonly limitOf: LimitOf
}

/** The same without lists, which the store of revocations is never asked for. */
export function guardEntries(
  store: Store,
  { timeout, calls = NOBODY, limitOf }: GuardOptions,
): Omit<Guarded, 'byOwner'> {
  const timed = timedBy(createGuard(timeout, limitOf), calls)
  const immediate = <T>(method: string, call: () => T): T =>
    calls.call === null ? immediately(call) : calls.call('callSync', method, () => immediately(call))
  return {
    create: (id, entry) => timed('create', () => store.create(id, entry)),
    read: (id, options) => timed('read', () => store.read(id, options)),
    ...(store.readSync && {
      readSync: (id) => immediate('read', () => store.readSync?.(id)),
    }),
    update: (id, entry, version) => timed('update', () => store.update(id, entry, version)),
    ...(store.updateSync && {
      updateSync: (id, entry, version) => immediate('update', () => store.updateSync?.(id, entry, version)),
    }),
    touch: (id, expiresAt, version) => timed('touch', () => store.touch(id, expiresAt, version)),
    delete: (id, version, owner) => timed('delete', () => store.delete(id, version, owner)),
  }
}
