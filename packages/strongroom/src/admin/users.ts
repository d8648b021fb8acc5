import type { SessionRef, UserIndex } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { SessionClosedError, SessionGoneError, UnsupportedError } from '../errors.ts'
import { liveSessions } from '../request/live.ts'
import { checkUserId, type LoginMoment } from '../session/login.ts'
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
  /** When a login begins, for `login(id, { asOf })`. Ask before the password is checked. */
  moment(): Promise<LoginMoment>
  /** Ends the session with this handle; false if the user has none. */
  revoke(handle: string): Promise<boolean>
  /** Ends all but this one, and resolves to how many. Call it after a change of password, with `current.renew()`. */
  revokeOthers(current: AnySession): Promise<number>
  /** Ends all, and resolves to how many. */
  revokeAll(): Promise<number>
}

/** A user's sessions that are in their cookies: with `revocations` all can be ended, but nobody can list or count them. */
export interface UserEpoch {
  /** When a login begins, for `login(id, { asOf })`. Ask before the password is checked. */
  moment(): Promise<LoginMoment>
  /** Ends all but this one, which gets a new cookie with this response. */
  revokeOthers(current: AnySession): Promise<null>
  revokeAll(): Promise<null>
}

/** All that `of(userId)` can be; the types of `createSessions` say which of it there is. */
export interface AnyUser {
  list(current?: AnySession): Promise<Device[]>
  moment(): Promise<LoginMoment>
  revoke(handle: string): Promise<boolean>
  revokeOthers(current: AnySession): Promise<number | null>
  revokeAll(): Promise<number | null>
}

export function userSessions(context: SessionsContext, userId: string): AnyUser {
  checkUserId('of()', userId)
  const { users } = context.backing

  return {
    async list(current) {
      await context.ring.ready()
      const found = await liveSessions(context, userId)
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
    async moment() {
      await context.ring.ready()
      return ability(context, users.moment, 'end all sessions of a user')(userId)
    },
    async revoke(handle) {
      await context.ring.ready()
      const found = await ability(context, users.list, "list a user's sessions")(userId)
      const target = found.find(({ id }) => handleOf(id) === handle)
      const ended = target ? await ability(context, users.endOne, 'end one session of a user')(target.id) : false
      if (ended) context.emit({ type: 'revoked', handle, count: 1, reason: 'revoke' })
      return ended
    },
    async revokeOthers(current) {
      await context.ring.ready()
      const state = stateOf(current)
      if (users.storesSurvivor && !state.isOpen)
        throw new SessionClosedError(
          'This session needs a new cookie to outlive the others: call revokeOthers() before the response begins.',
        )
      const isOwn = state.meta?.userId === userId && state.ref !== null
      const ended = isOwn
        ? await ability(context, users.endOthers, 'end all sessions of a user')(userId, state.ref as SessionRef)
        : await ability(context, users.endAll, 'end all sessions of a user')(userId)
      if (ended === null) throw new SessionGoneError()
      // It goes on in a cookie that says so, with this response.
      if (isOwn && users.storesSurvivor) state.requestRenewal()
      state.requestLoginAfter(ended)
      context.emit({ type: 'revoked', handle: null, count: ended.count ?? 0, reason: 'revoke-others' })
      return ended.count
    },
    async revokeAll() {
      await context.ring.ready()
      const { count } = await ability(context, users.endAll, 'end all sessions of a user')(userId)
      context.emit({ type: 'revoked', handle: null, count: count ?? 0, reason: 'revoke-all' })
      return count
    },
  }
}

function ability<T extends UserIndex['list' | 'endOne' | 'endAll' | 'endOthers' | 'moment']>(
  { backing }: SessionsContext,
  method: T,
  what: string,
): NonNullable<T> {
  if (method) return method
  throw new UnsupportedError(`The engine ${backing.traits.engine} cannot ${what}: ${backing.users.advice}`)
}
