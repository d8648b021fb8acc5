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
  outer(): Handled<Data> | undefined
  /** Remembers it, by what stands for it in `within`. */
  remember(current: object, handled: Handled<Data>): void
  /** By their locals. */
  readonly requests: WeakMap<object, Request>
}

const known = new WeakMap<object, unknown>()

/** One for each `createSessions`, however often the adapter is mounted. */
export function handlingOf<Data extends object>(sessions: BaseSessions<Data>): Handling<Data> {
  const before = known.get(sessions) as Handling<Data> | undefined
  if (before) return before
  const handled = new WeakMap<object, Handled<Data>>()
  const made: Handling<Data> = {
    outer() {
      const current = sessions.currentRequest()
      return current ? handled.get(current) : undefined
    },
    remember: (current, one) => void handled.set(current, one),
    requests: new WeakMap(),
  }
  known.set(sessions, made)
  return made
}
