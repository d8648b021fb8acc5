import { AsyncLocalStorage } from 'node:async_hooks'
import { NotAttachedError } from '../errors.ts'
import type { NotAttachedMessages } from './not-attached.ts'

/** The requests that are being handled, for code that is not handed one. */
export interface CurrentRequests {
  /** See `within` of `BaseSessions`. */
  within<Args extends unknown[], T>(request: object, work: (...args: Args) => T, ...args: Args): T
  /** The one whose work this is; null outside of every request. */
  currentRequest(): object | null
  /** Throws `NotAttachedError` outside of every request. */
  requireRequest(): object
}

/** By the key of its `createSessions`: the request that is being handled. */
type Requests = Readonly<Record<symbol, object>>

/**
 * One for all: Node 22 calls every storage that was ever used for every promise that is made, and keeps each of them for ever. A test run or
 * a multi-tenant application that calls createSessions a thousand times would slow down everything in the process.
 */
const storage = new AsyncLocalStorage<Requests>()

/** Of one `createSessions`, so that two of them in one application do not mix up their requests. */
export function currentRequests(messages: NotAttachedMessages): CurrentRequests {
  const key = Symbol()
  const currentRequest = () => storage.getStore()?.[key] ?? null
  return {
    // Never `enterWith`: on a connection that is kept alive, the next request would begin as the one before it.
    within: (request, work, ...args) => storage.run({ ...storage.getStore(), [key]: request }, work, ...args),
    currentRequest,
    requireRequest() {
      const request = currentRequest()
      if (request === null) throw new NotAttachedError(messages.outside)
      return request
    },
  }
}
