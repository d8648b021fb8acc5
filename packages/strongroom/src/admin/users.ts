import { setImmediate as turn } from 'node:timers/promises'
import type { UserIndex, UserSession } from '../backing/backing.ts'
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

export interface DeviceListOptions {
  /** The most sessions to return: the newest. All by default. */
  readonly limit?: number | undefined
}

/** A user's sessions, on a store that can find them. */
export interface UserSessions {
  /** Newest first. Other work runs meanwhile, however many there are. */
  list(current?: AnySession, options?: DeviceListOptions): Promise<Device[]>
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
  list(current?: AnySession, options?: DeviceListOptions): Promise<Device[]>
  revoke(handle: string): Promise<boolean>
  revokeOthers(current: AnySession): Promise<number | null>
  revokeAll(): Promise<number | null>
}

export function userSessions(context: SessionsContext, userId: string): AnyUser {
  checkUserId('of()', userId)
  const { users } = context.backing

  async function* pages() {
    await context.ring.ready()
    yield* ability(context, users.list, "list a user's sessions")(userId)
  }

  async function find(handle: string): Promise<UserSession | undefined> {
    for await (const page of pages()) {
      const found = page.find(({ id }) => handleOf(id) === handle)
      if (found) return found
    }
    return undefined
  }

  async function endAll(reason: RevokeReason, except?: Id) {
    await context.ring.ready()
    const count = await ability(context, users.endAll, 'end all sessions of a user')(userId, except)
    context.emit({ type: 'revoked', handle: null, count: count ?? 0, reason })
    return count
  }

  return {
    async list(current, options = {}) {
      const limit = limitOf(options)
      const found: UserSession[] = []
      for await (const page of pages()) found.push(...page)
      const newest = found.sort((a, b) => b.createdAt - a.createdAt).slice(0, limit)
      const own = current ? stateOf(current).id : null
      const devices: Device[] = []
      while (devices.length < newest.length) {
        if (devices.length > 0) await turn()
        devices.push(
          ...newest.slice(devices.length, devices.length + OPENED_AT_ONCE).map((each) => toDevice(each, own)),
        )
      }
      return devices
    },
    async revoke(handle) {
      const target = await find(handle)
      const ended = target ? await ability(context, users.endOne, 'end one session of a user')(target.id) : false
      if (ended) context.emit({ type: 'revoked', handle, count: 1, reason: 'revoke' })
      return ended
    },
    async revokeOthers(current) {
      const state = stateOf(current)
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

/** How many labels are opened before other work gets its turn. */
const OPENED_AT_ONCE = 100

function toDevice({ id, createdAt, expiresAt, describe }: UserSession, own: Id | null): Device {
  const { label, lastSeenAt } = describe()
  return {
    handle: handleOf(id),
    createdAt: new Date(createdAt),
    lastSeenAt: lastSeenAt === null ? null : new Date(lastSeenAt),
    expiresAt: new Date(expiresAt),
    label,
    current: id === own,
  }
}

/** Throws `TypeError` for an option that is unknown or wrong. */
function limitOf(options: DeviceListOptions): number | undefined {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('list() takes its options as an object: limit.')
  const unknown = Object.keys(options).find((name) => name !== 'limit')
  if (unknown) throw new TypeError(`list() has no option '${unknown}'. Known: limit.`)
  const { limit } = options
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0))
    throw new TypeError('list: limit must be a whole number above 0.')
  return limit
}

function ability<T extends UserIndex['list' | 'endOne' | 'endAll']>(
  { backing }: SessionsContext,
  method: T,
  what: string,
): NonNullable<T> {
  if (method) return method
  throw new UnsupportedError(`The engine ${backing.traits.engine} cannot ${what}: ${backing.users.advice}`)
}
