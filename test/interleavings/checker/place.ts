import type { IndexedStore, ScannableStore } from '../../../packages/strongroom/src/store.ts'
import type { ManualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import type { Source } from './source.ts'

export type User = 'u' | 'v'

/** Where the sessions of one schedule are stored. */
export interface Place {
  /** Servers of places with this name are used again in the next schedule. */
  readonly name: string
  readonly clock: ManualClock
  /** The store of an actor, behind gates. */
  node(actor: string): IndexedStore
  /** A store that passes the gates, for what is done before and after. */
  readonly outside: IndexedStore & ScannableStore
  /** What the backend names `u` and `v`, so that schedules can share a backend. */
  readonly users: Readonly<Record<User, string>>
  /** Are the sessions in their cookies, and only what ended them in the store? Nobody can list them, and copies differ. */
  readonly inCookies: boolean
  /** Did the sessions begin under a secret that is no longer the current one? */
  readonly isRotated: boolean
  /** Are tokens renewed by time? Those of the sessions that are there at first are old enough. */
  readonly renewsByTime: boolean
  /** The sessions of another framework that are adopted here. */
  readonly source: Source | null
  /** Ms after which no node believes an old copy. */
  readonly staleFor: number
  /** Removes all entries but these. A server engine keeps them: its users are new in each schedule. */
  clear(kept: ReadonlySet<string>): Promise<void>
}
