import type { SessionRef, UserIndex } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { userKey } from '../crypto/owner.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { SessionClosedError, SessionGoneError, UnsupportedError } from '../errors.ts'
import { withStoreErrors } from '../events.ts'
import { checkUserId, type LoginMoment } from '../session/login.ts'
import { type AnySession, stateOf } from '../session/session.ts'
import type { DevicePageOptions } from './device-page.ts'

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
  /**
   * The network of the address that saved the session last: `203.0.113.0/24`, `2001:db8:7::/48`. Null without the option `address`, and
   * if it was unknown.
   */
  readonly address: string | null
  /** What the option `place` says of that address; null without it. */
  readonly place: string | null
  /** Has its browser registered a key? Then it is worth nothing on other devices, where the option `deviceBound` is in use. */
  readonly deviceBound: boolean
}

/** Options of a user's list of sessions. */
export interface DeviceListOptions {
  /** The most sessions to return: the newest. All by default. */
  readonly limit?: number | undefined
  /**
   * Reject with `StoreError` if a secret is missing under which the user may have sessions, instead of leaving these out. Default
   * false.
   */
  readonly complete?: boolean | undefined
}

/**
 * A user's sessions, on a store that can find them. What ends one asks nobody who is acting: for the visitor of a request, get the
 * session with `sessions.get(request, { fresh: true })`, or a session that has ended may still act where a cache has a copy of it.
 */
export interface UserSessions {
  /** Newest first. Other work runs meanwhile, however many there are. */
  list(current?: AnySession, options?: DeviceListOptions): Promise<Device[]>
  /** When a login begins, for `login(id, { asOf })`. Ask before the password is checked. */
  moment(): Promise<LoginMoment>
  /** Ends the session with this handle; false if the user has none. */
  revoke(handle: string): Promise<boolean>
  /**
   * Ends all but this one, and resolves to how many. Call it after a change of password, with `current.login(id)`. If `current` is not
   * a session of this user, none is spared. Rejects with `SessionGoneError` if `current` has ended, and with `StoreError` if a secret
   * is missing under which the user may have sessions: then nothing was ended.
   */
  revokeOthers(current: AnySession): Promise<number>
  /**
   * Ends all, and resolves to how many. Call `logout()` on the session of this request, too, if it is one of them: that removes its
   * cookie and makes `userId` null. Without it, this request has a session that has ended: `userId` stays until the response, and
   * changes are refused with `SessionGoneError`.
   */
  revokeAll(): Promise<number>
}

/** A user's sessions that are in their cookies: with `revocations` all can be ended, but nobody can list or count them. */
export interface UserEpoch {
  /** When a login begins, for `login(id, { asOf })`. Ask before the password is checked. */
  moment(): Promise<LoginMoment>
  /** Ends all but this one, which gets a new cookie with this response. */
  revokeOthers(current: AnySession): Promise<null>
  /** Ends all. As `revokeAll` of `UserSessions`, it is no `logout()` of the session of this request. */
  revokeAll(): Promise<null>
}

/** A part of a user's sessions, newest first. */
export interface DevicePage {
  readonly devices: readonly Device[]
  /** How many are newer than these, and how many there are in all. */
  readonly newer: number
  readonly total: number
}

/** All that `of(userId)` can be; the types of `createSessions` say which of it there is. */
export interface AnyUser {
  list(current?: AnySession, options?: DeviceListOptions): Promise<Device[]>
  /** For operators: a part of a long list, with how many there are. Rejects as `list` with `complete`. */
  page(options: DevicePageOptions): Promise<DevicePage>
  moment(): Promise<LoginMoment>
  revoke(handle: string): Promise<boolean>
  revokeOthers(current: AnySession): Promise<number | null>
  /** For operators: ends all but the one with this handle. Null, and nothing ended, if the user has none with it. */
  revokeAllBut(handle: string): Promise<number | null>
  revokeAll(): Promise<number | null>
}

/** See `userKey` of `BaseSessions`. */
export function userKeyOf({ ring, namespace, transport }: SessionsContext, userId: string): string {
  checkUserId('userKey()', userId)
  return userKey(ring.current, namespace ?? transport.name, userId)
}

/** Tells that all sessions of a user were ended, or all but one. */
export function revokedMany(
  context: SessionsContext,
  userId: string,
  { reason, count, except }: { reason: 'revoke-others' | 'revoke-all'; count: number | null; except: Id | null },
): void {
  context.ends.tell({ userId, except, reason })
  const user = userKeyOf(context, userId)
  context.emit(
    { type: 'revoked', handle: null, count: count ?? 0, reason, user, except: except && handleOf(except) },
    { userId },
  )
}

/** What takes a list of a user's sessions. */
export type UserDevices = Pick<AnyUser, 'list' | 'page' | 'revoke' | 'revokeAllBut'>

export function userSessions(
  context: SessionsContext,
  userId: string,
  devices: (context: SessionsContext, userId: string) => UserDevices,
): AnyUser {
  checkUserId('of()', userId)
  const { users } = context.backing

  const user: AnyUser = {
    ...devices(context, userId),
    async moment() {
      await context.ring.ready()
      return ability(context, 'moment')(userId)
    },
    async revokeOthers(current) {
      await context.ring.ready()
      const state = stateOf(current)
      // Before the advice to call it earlier, which would not help here.
      ability(context, 'endAll')
      if (users.storesSurvivor && !state.isOpen)
        throw new SessionClosedError(
          'This session needs a new cookie to outlive the others: call revokeOthers() before the response begins.',
        )
      const isOwn = state.meta?.userId === userId && state.ref !== null
      const ended = isOwn
        ? await ability(context, 'endOthers')(userId, state.ref as SessionRef)
        : await ability(context, 'endAll')(userId)
      if (ended === null)
        throw new SessionGoneError(
          'This session has ended, or goes on under a newer cookie, and the others were not ended. Load the page again, and sign in if you are asked to.',
        )
      // It goes on in a cookie that says so, with this response.
      if (isOwn && users.storesSurvivor) state.requestRenewal()
      state.requestLoginAfter(ended)
      const except = isOwn ? (state.ref as SessionRef).cookie.id : null
      revokedMany(context, userId, { reason: 'revoke-others', count: ended.count, except })
      return ended.count
    },
    async revokeAll() {
      await context.ring.ready()
      const { count } = await ability(context, 'endAll')(userId)
      revokedMany(context, userId, { reason: 'revoke-all', count, except: null })
      return count
    },
  }
  const { emit } = context
  return {
    list: withStoreErrors(emit, user.list),
    page: withStoreErrors(emit, user.page),
    moment: withStoreErrors(emit, user.moment),
    revoke: withStoreErrors(emit, user.revoke),
    revokeOthers: withStoreErrors(emit, user.revokeOthers),
    revokeAllBut: withStoreErrors(emit, user.revokeAllBut),
    revokeAll: withStoreErrors(emit, user.revokeAll),
  }
}

/** Where sessions are in cookies alone, and cannot be listed. */
export function withoutDevices(context: SessionsContext): UserDevices {
  const refuse = async () => {
    throw unsupported(context, 'list')
  }
  return { list: refuse, page: refuse, revoke: refuse, revokeAllBut: refuse }
}

const ABILITIES = {
  list: "list a user's sessions",
  endOne: 'end one session of a user',
  endAll: 'end all sessions of a user',
  endOthers: 'end all sessions of a user',
  endAllBut: 'end all sessions of a user',
  moment: 'end all sessions of a user',
} as const

export function ability<Name extends Ability>(context: SessionsContext, name: Name): NonNullable<UserIndex[Name]> {
  const method = context.backing.users[name]
  if (method) return method
  throw unsupported(context, name)
}

type Ability = keyof typeof ABILITIES

function unsupported({ backing: { users, traits } }: SessionsContext, name: Ability): UnsupportedError {
  const advice = users.advice[name === 'list' || name === 'endOne' ? 'list' : 'endAll']
  return new UnsupportedError(`The engine ${traits.engine} cannot ${ABILITIES[name]}: ${advice}`)
}
