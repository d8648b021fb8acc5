import type { UserIndex } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { SessionClosedError, UnsupportedError } from '../errors.ts'
import type { RevokeReason } from '../events.ts'
import { checkUserId } from '../session/login.ts'
import { type AnySession, stateOf } from '../session/session.ts'

/** One of a user's sessions, for a page about "your devices". */
export interface Device {
  /** Public name: it revokes the session and opens nothing. */
  readonly handle: string
  readonly createdAt: Date
  /** To within a tenth of the idle limit; null for a session without one. */
  readonly lastSeenAt: Date | null
  readonly expiresAt: Date
  /** "Firefox on Linux", or the label that was passed to `login`. */
  readonly label: string | null
  /** Is it the session that was passed to `list`? */
  readonly current: boolean
}

/** A user's sessions, on a store that can find them. */
export interface UserSessions {
  /** Newest first. */
  list(current?: AnySession): Promise<Device[]>
  /** Ends the session with this handle; false if the user has none. */
  revoke(handle: string): Promise<boolean>
  /** Ends all but this one, and resolves to how many. Call it after a change of password, with `current.renew()`. */
  revokeOthers(current: AnySession): Promise<number>
  /** Ends all, and resolves to how many. */
  revokeAll(): Promise<number>
}

/** A user's sessions that are in their cookies: with `revocations` all can be ended, but nobody can list or count them. */
export interface UserEpoch {
  /** Ends all but this one, which gets a new cookie with this response. */
  revokeOthers(current: AnySession): Promise<null>
  revokeAll(): Promise<null>
}

/** All that `of(userId)` can be; the types of `createSessions` say which of it there is. */
export interface AnyUser {
  list(current?: AnySession): Promise<Device[]>
  revoke(handle: string): Promise<boolean>
  revokeOthers(current: AnySession): Promise<number | null>
  revokeAll(): Promise<number | null>
}

export function userSessions(context: SessionsContext, userId: string): AnyUser {
  checkUserId('of()', userId)
  const { users } = context.backing

  async function endAll(reason: RevokeReason, except?: Id) {
    await context.ring.ready()
    const count = await ability(context, 'endAll')(userId, except)
    context.emit({ type: 'revoked', handle: null, count: count ?? 0, reason })
    return count
  }

  return {
    async list(current) {
      await context.ring.ready()
      const found = await ability(context, 'list')(userId)
      const own = current ? stateOf(current).id : null
      return found
        .sort((a, b) => b.createdAt - a.createdAt)
        .map(({ id, createdAt, lastSeenAt, expiresAt, label }) => ({
          handle: handleOf(id),
          createdAt: new Date(createdAt),
          lastSeenAt: lastSeenAt === null ? null : new Date(lastSeenAt),
          expiresAt: new Date(expiresAt),
          label,
          current: id === own,
        }))
    },
    async revoke(handle) {
      await context.ring.ready()
      const found = await ability(context, 'list')(userId)
      const target = found.find(({ id }) => handleOf(id) === handle)
      const ended = target ? await ability(context, 'endOne')(target.id) : false
      if (ended) context.emit({ type: 'revoked', handle, count: 1, reason: 'revoke' })
      return ended
    },
    async revokeOthers(current) {
      const state = stateOf(current)
      // Before the advice to call it earlier, which would not help here.
      ability(context, 'endAll')
      if (!users.canExcept && !state.isOpen)
        throw new SessionClosedError(
          'This session needs a new cookie to outlive the others: call revokeOthers() before the response begins.',
        )
      const count = await endAll('revoke-others', state.id ?? undefined)
      // It was ended with the others and goes on under a new identity, in a cookie of this response. Not by a renewal, which
      // would go back to the login that has just been ended.
      if (!users.canExcept && state.meta?.userId === userId) state.requestNewIdentity()
      return count
    },
    revokeAll: () => endAll('revoke-all'),
  }
}

const ABILITIES = {
  list: "list a user's sessions",
  endOne: 'end one session of a user',
  endAll: 'end all sessions of a user',
} as const

function ability<Name extends keyof typeof ABILITIES>(
  { backing: { users, traits } }: SessionsContext,
  name: Name,
): NonNullable<UserIndex[Name]> {
  const method = users[name]
  if (method) return method
  const advice = users.advice[name === 'endAll' ? 'endAll' : 'list']
  throw new UnsupportedError(`The engine ${traits.engine} cannot ${ABILITIES[name]}: ${advice}`)
}
