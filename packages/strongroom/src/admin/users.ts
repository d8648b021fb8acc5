import type { UserIndex } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { SessionClosedError, UnsupportedError } from '../errors.ts'
import type { RevokeReason } from '../events.ts'
import { checkUserId } from '../session/login.ts'
import { type Session, stateOf } from '../session/session.ts'

/** One of a user's sessions, as a page about "your devices" shows it. */
export interface Device {
  /** Public name: revokes the session and opens nothing. */
  readonly handle: string
  readonly createdAt: Date
  /** To within a tenth of the idle time; null where the session has no idle limit to tell it by. */
  readonly lastSeenAt: Date | null
  readonly expiresAt: Date
  /** "Firefox on Linux", or what `login` was told. */
  readonly label: string | null
  /** Is it the session that was handed to `list`? */
  readonly current: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: any session, whatever its data
type AnySession = Session<any>

/** A user's sessions on a store that can find them. */
export interface UserSessions {
  /** Newest first. */
  list(current?: AnySession): Promise<Device[]>
  /** Ends the one with this handle; false when the user has no such session. */
  revoke(handle: string): Promise<boolean>
  /** Ends all but this one; how many. Call it after a change of password, beside `current.renew()`. */
  revokeOthers(current: AnySession): Promise<number>
  /** Ends them all; how many. */
  revokeAll(): Promise<number>
}

/** A user's sessions where they rest in cookies: with `revocations` all can be ended, but nobody can list or count them. */
export interface UserEpoch {
  /** Ends all but this one, which gets a new cookie with this response. */
  revokeOthers(current: AnySession): Promise<null>
  revokeAll(): Promise<null>
}

/** What `of(userId)` is made of; which of it a caller may use, the types of `createSessions` say. */
export interface AnyUser {
  list(current?: AnySession): Promise<Device[]>
  revoke(handle: string): Promise<boolean>
  revokeOthers(current: AnySession): Promise<number | null>
  revokeAll(): Promise<number | null>
}

export function userSessions(core: SessionsContext, userId: string): AnyUser {
  checkUserId('of()', userId)
  const { users } = core.backing

  async function endAll(reason: RevokeReason, except?: Id) {
    await core.ring.ready()
    const count = await ability(core, users.endAll, 'end all sessions of a user')(userId, except)
    core.emit({ type: 'revoked', handle: null, count: count ?? 0, reason })
    return count
  }

  return {
    async list(current) {
      await core.ring.ready()
      const found = await ability(core, users.list, "list a user's sessions")(userId)
      const own = current ? stateOf(current as never).id : null
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
      await core.ring.ready()
      const found = await ability(core, users.list, "list a user's sessions")(userId)
      const target = found.find(({ id }) => handleOf(id) === handle)
      const ended = target ? await ability(core, users.endOne, 'end one session of a user')(target.id) : false
      if (ended) core.emit({ type: 'revoked', handle, count: 1, reason: 'revoke' })
      return ended
    },
    async revokeOthers(current) {
      const state = stateOf(current as never)
      if (!users.spares && state.mode !== 'open')
        throw new SessionClosedError(
          'This session needs a new cookie to outlive the others: revoke them before the response.',
        )
      const count = await endAll('revoke-others', state.id ?? undefined)
      // The spared one was ended with the rest: it begins anew, under a cookie of this response. Not by a renewal, which would
      // go back to the login that has just been ended.
      const stays = state.intent === null || state.intent.verb === 'renew'
      if (!users.spares && stays && state.meta?.userId === userId) state.intent = { verb: 'reroot' }
      return count
    },
    revokeAll: () => endAll('revoke-all'),
  }
}

function ability<T extends UserIndex[keyof UserIndex]>(core: SessionsContext, method: T, what: string): NonNullable<T> {
  if (method) return method
  const { engine } = core.backing.traits
  throw new UnsupportedError(
    engine.startsWith('cookie')
      ? `The engine ${engine} cannot ${what}: the sessions are in their owners' cookies. ${core.backing.users.endAll ? 'Use a store such as sqlite.' : 'Give it revocations, or use a store such as sqlite.'}`
      : `The store ${engine} cannot ${what}. Use one with an owner index: memory, file, sqlite.`,
  )
}
