import { StoreError } from '../errors.ts'
import { stateOf } from '../session/session.ts'
import type { Visit } from './visit.ts'

/** How long a session still lives. Lengths in ms and no moments, because the clock of a visitor's machine shows another time. */
export interface TimeLeft {
  /** Until it ends, unless it is used. */
  readonly expiresIn: number
  /** Until it ends, however much it is used. */
  readonly endsIn: number
  /** Would it live longer if it was used now? False for a session without an idle limit, and shortly before its absolute deadline. */
  readonly canExtend: boolean
}

/** See `peek` of `BaseSessions`. `now` after the load, which may take long. */
export async function peek<Data extends object>(visit: Visit<Data>, clock: () => number): Promise<TimeLeft | null> {
  // A copy may be older than a request of another tab that has extended the session; and an outage ends no session.
  const session = await visit.aside().read({ fresh: true, onStoreError: 'throw' })
  if (stateOf(session).awaitsProof) throw new StoreError('The proof of the device has not come yet. Ask again.')
  const { userId, expiresAt, endsAt } = session
  if (userId === null || expiresAt === null || endsAt === null) return null
  const now = clock()
  const [expiresIn, endsIn] = [expiresAt.getTime() - now, endsAt.getTime() - now]
  return { expiresIn: Math.max(0, expiresIn), endsIn: Math.max(0, endsIn), canExtend: expiresIn < endsIn }
}
