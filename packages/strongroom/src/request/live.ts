import type { UserSession } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { UnsupportedError } from '../errors.ts'

/**
 * The sessions of a user that a request with their cookie would load: what a list shows and what a limit counts. One whose
 * credential has changed is over, although it is stored. Throws `UnsupportedError` where they cannot be listed.
 */
export async function liveSessions(
  { backing, stamps }: Pick<SessionsContext, 'backing' | 'stamps'>,
  userId: string,
): Promise<UserSession[]> {
  const { list, advice } = backing.users
  if (!list) throw new UnsupportedError(`The engine ${backing.traits.engine} cannot list a user's sessions: ${advice}`)
  const found = await list(userId)
  if (stamps === null || found.length === 0) return found
  const isCurrent = await stamps.comparer(userId)
  // Unknown is not over: a label that cannot be read says nothing about the session.
  return found.filter(({ stamp }) => stamp === null || isCurrent(stamp))
}
