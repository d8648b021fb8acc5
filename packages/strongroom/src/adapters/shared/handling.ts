import { AsyncLocalStorage } from 'node:async_hooks'
import type { Visit } from '../../request/visit.ts'
import type { BaseSessions } from '../../sessions.ts'

/** A request with its visit. */
export interface Handled<Data extends object> {
  readonly request: Request
  readonly locals: object
  readonly visit: Visit<Data>
}

/** What hooks know of the requests that come to them. */
export interface Handling<Data extends object> {
  /** The request that is being handled, for one that is made, or made again, while its page is rendered. */
  readonly running: AsyncLocalStorage<Handled<Data>>
  /** By their locals. */
  readonly requests: WeakMap<object, Request>
}

const known = new WeakMap<object, unknown>()

/** One for each `createSessions`, however often the adapter is mounted. */
export function handlingOf<Data extends object>(sessions: BaseSessions<Data>): Handling<Data> {
  const before = known.get(sessions) as Handling<Data> | undefined
  if (before) return before
  const made: Handling<Data> = { running: new AsyncLocalStorage(), requests: new WeakMap() }
  known.set(sessions, made)
  return made
}
