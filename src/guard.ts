import { StoreError, Unsupported } from './errors.ts'
import type { Store } from './store.ts'

/**
 * The store behind a time limit: every call answers or rejects with `StoreError` within `limit` ms, whatever the backend
 * does. All calls have one limit, so they time out in the order they began: one timer for all of them, and none when idle.
 */
function createGuard(given: number): <T>(call: () => Promise<T>) => Promise<T> {
  // What a timer can count; more than that it would take for nothing at all.
  const limit = Math.min(given, 2 ** 31 - 2)
  const waiting = new Set<{ at: number; expire(): void }>()
  let timer: NodeJS.Timeout | undefined

  function sweep(): void {
    timer = undefined
    const now = performance.now()
    for (const call of waiting) {
      if (call.at > now) {
        timer = setTimeout(sweep, call.at - now + 1)
        return
      }
      waiting.delete(call)
      call.expire()
    }
  }

  return <T>(call: () => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const entry = { at: performance.now() + limit, expire: () => reject(tooLate(limit)) }
      waiting.add(entry)
      timer ??= setTimeout(sweep, limit + 1)
      if (waiting.size === 1) timer.ref()
      const done = () => {
        waiting.delete(entry)
        // Left to run out: starting a timer for every call of a quiet server costs more than one idle sweep.
        if (waiting.size === 0) timer?.unref()
      }
      attempt(call).then(
        (value) => {
          done()
          resolve(value)
        },
        (error) => {
          done()
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
