import type { UserSession } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { UnsupportedError } from '../errors.ts'
import type { ListOptions } from '../store.ts'

type Compare = (stamp: string | undefined) => boolean

/**
 * The sessions of a user that a request with their cookie would load, page by page: what a list shows and what a limit counts. One
 * whose credential has changed is over, although it is stored. Throws `UnsupportedError` where they cannot be listed.
 */
export async function* liveSessions(
  { backing, stamps }: Pick<SessionsContext, 'backing' | 'stamps'>,
  userId: string,
  options?: ListOptions,
): AsyncGenerator<readonly UserSession[]> {
  const { list, advice } = backing.users
  if (!list)
    throw new UnsupportedError(`The engine ${backing.traits.engine} cannot list a user's sessions: ${advice.list}`)
  let isCurrent: Compare | null = null
  for await (const page of list(userId, options)) {
    if (stamps === null) {
      yield page
      continue
    }
    const compare: Compare = isCurrent ?? (await stamps.comparer(userId))
    isCurrent = compare
    yield page.filter((session) => {
      const { stamp } = session.describe()
      // Unknown is not over: a label that cannot be read says nothing about the session.
      return stamp === null || compare(stamp)
    })
  }
}
