import type { SessionRef } from '../backing/backing.ts'
import type { LoadedCookies, SessionLimit, SessionsContext } from '../context.ts'
import { UnsupportedError } from '../errors.ts'
import { withStoreErrors } from '../events.ts'
import type { LimitedLogin, State } from '../session/state.ts'

const NO_LIMIT: SessionLimit = { check: async () => {}, inTurn: (login) => login(), goingOn: (login) => login() }

/** The limit of the login that the state asks for, or none. Throws `UnsupportedError` where sessions cannot be listed. */
export function sessionLimit(
  context: SessionsContext,
  { intent }: State,
  replaced: readonly SessionRef[],
): SessionLimit {
  return intent?.verb === 'login' ? limitOf(context, intent, replaced) : NO_LIMIT
}

/** Rejects with `SessionLimitError` if the login would be refused now. Counts as it will: without the sessions that it replaces. */
export async function checkLimit(context: SessionsContext, login: LimitedLogin, found: LoadedCookies): Promise<void> {
  const own = found.loaded?.ref ?? found.emptied?.ref ?? found.superseded?.ends?.ref
  const ends = found.others.filter(({ isOf }) => isOf(login.userId)).map(({ ref }) => ref)
  const limit = limitOf(context, login, own ? [own, ...ends] : ends)
  await withStoreErrors(context.emit, () => limit.check())()
}

/** The limit of this login, or none. Throws `UnsupportedError` where sessions cannot be listed. */
function limitOf(context: SessionsContext, login: LimitedLogin, replaced: readonly SessionRef[]): SessionLimit {
  if (login.options.limit === undefined) return NO_LIMIT
  const { beginTurn, endOne } = context.backing.users
  if (context.userLimit && beginTurn && endOne)
    return context.userLimit(context, login, {
      beginTurn,
      endOne,
      replaced: new Set(replaced.map(({ cookie }) => cookie.id)),
    })
  throw new UnsupportedError(
    `login: limit needs a list of the user's sessions, which the engine ${context.backing.traits.engine} cannot give: ${context.backing.users.advice.list}`,
  )
}
