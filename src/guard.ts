import { StoreError, Unsupported } from './errors.ts'
import type { Store } from './store.ts'

/** A store call that is under way, in a ring of them: the oldest first. */
class Call {
  earlier: Call = this
  later: Call = this
  readonly endsAt: number
  readonly reject: (error: Error) => void

  constructor(endsAt: number, reject: (error: Error) => void) {
    this.endsAt = endsAt
    this.reject = reject
  }

  joinBefore(head: Call): void {
    this.later = head
    this.earlier = head.earlier
    this.earlier.later = head.earlier = this
  }

  /** Points at nothing but itself afterwards: a chain of calls that are over would be kept by its first that has grown old. */
  leave(): void {
    this.earlier.later = this.later
    this.later.earlier = this.earlier
    this.earlier = this.later = this
  }
}

/**
 * The store behind a time limit: every call answers or rejects with `StoreError` within `limit` ms, whatever the backend
 * does. All calls have one limit, so they time out in the order they began: one timer for all of them, and none when idle.
 * (A ring, not a Set: V8 keeps what a busy Set held before it grew until the next full collection, requests included.)
 */
function createGuard(given: number): <T>(call: () => Promise<T>) => Promise<T> {
  // What a timer can count; more than that it would take for nothing at all.
  const limit = Math.min(given, 2 ** 31 - 2)
  const head = new Call(Number.POSITIVE_INFINITY, () => undefined)
  let timer: NodeJS.Timeout | undefined

  function sweep(): void {
    timer = undefined
    const now = performance.now()
    while (head.later.endsAt <= now) {
      const late = head.later
      late.leave()
      late.reject(tooLate(limit))
    }
    if (head.later !== head) timer = setTimeout(sweep, head.later.endsAt - now + 1)
  }

  function done(call: Call): void {
    call.leave()
    // Left to run out: starting a timer for every call of a quiet server costs more than one idle sweep.
    if (head.later === head) timer?.unref()
  }

  return <T>(ask: () => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const call = new Call(performance.now() + limit, reject)
      if (head.later === head) timer?.ref()
      call.joinBefore(head)
      timer ??= setTimeout(sweep, limit + 1)
      attempt(ask).then(
        (value) => {
          done(call)
          resolve(value)
        },
        (error) => {
          done(call)
          reject(asStoreError(error))
        },
      )
    })
}

/** A store that throws, or answers, at once is met here. Not an async function: that would cost each call two more turns. */
function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(call())
  } catch (error) {
    return Promise.reject(error)
  }
}

const tooLate = (limit: number) =>
  new StoreError(`The session store did not answer within ${limit} ms. Check that it runs and can be reached.`)

function asStoreError(error: unknown): Error {
  if (error instanceof StoreError || error instanceof Unsupported) return error
  return new StoreError('The session store failed; its own error is the cause.', { cause: error })
}

/** The calls of a request, guarded. Sweeps and scans run as long as they need and have a signal instead. */
export function guardStore(
  store: Store,
  limit: number,
): Pick<Store, 'create' | 'read' | 'update' | 'touch' | 'delete' | 'owned'> {
  const guard = createGuard(limit)
  const { owned } = store
  return {
    create: (id, entry) => guard(() => store.create(id, entry)),
    read: (id) => guard(() => store.read(id)),
    update: (id, entry, version) => guard(() => store.update(id, entry, version)),
    touch: (id, expiresAt) => guard(() => store.touch(id, expiresAt)),
    delete: (id, version) => guard(() => store.delete(id, version)),
    ...(owned && {
      owned: {
        list: (owner: string) => guard(() => owned.list(owner)),
        deleteAll: (owner: string, except?: Parameters<typeof owned.deleteAll>[1]) =>
          guard(() => owned.deleteAll(owner, except)),
      },
    }),
  }
}
