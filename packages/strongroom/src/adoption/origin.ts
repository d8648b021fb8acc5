import { isLoaded, type Loaded, type LoadResult, type SessionRef, type VerifiedCookie } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import type { Master } from '../crypto/keyring.ts'
import { UnsupportedError } from '../errors.ts'
import type { Content, Meta } from '../session/content.ts'
import { tidyLabel } from '../session/device.ts'
import { expiryAfter } from '../session/lifetime.ts'
import { checkedSourceSession, type SourceSession } from './source.ts'

/** A session of another framework, as its cookie names it. */
export interface Origin {
  /** Of the adoption source. */
  readonly name: string
  readonly key: string
  /** Until then the source's cookie is read; 0 if that is unknown. */
  readonly until: number
  readonly stateless: boolean
}

export const NEEDS_STORE =
  'Sessions can only be adopted into a store with sessions in our own format, where it is remembered which ones were.'

/** A cookie that is computed from the source's key: anyone who lacks the key, or our secret, cannot find what is stored under it. */
export function cookieFor(
  { backing }: SessionsContext,
  master: Master,
  { name, key }: Origin,
  what: readonly string[],
  label?: Uint8Array,
): VerifiedCookie {
  if (backing.computedCookie) return backing.computedCookie(master, [name, key, ...what], label)
  throw new UnsupportedError(NEEDS_STORE)
}

export async function createUnder(
  { backing, clock }: SessionsContext,
  cookie: VerifiedCookie,
  content: Content,
): Promise<SessionRef | null> {
  if (backing.createUnder) return backing.createUnder(cookie, content, expiryAfter(clock(), content.meta))
  throw new UnsupportedError(NEEDS_STORE)
}

/** If there is no session, an event says why. */
export function report({ emit }: SessionsContext, result: LoadResult): Loaded | null {
  if (isLoaded(result)) return result
  if (result && 'refused' in result) emit({ type: 'rejected', what: 'record', reason: result.refused })
  return null
}

/** A session of the source as one of ours; null if it has ended, or its user is gone. `label` is the device's. */
export async function contentOf(context: SessionsContext, given: SourceSession, label: string | null) {
  const now = context.clock()
  const session = checkedSourceSession(given, now)
  if (!session) return null
  const {
    userId,
    values,
    expiresAt,
    createdAt,
    authenticatedAt,
    idle = 0,
    persistent = context.policy.persistent,
  } = session
  const stamp = userId !== null && context.stamps ? await context.stamps.make(userId, undefined) : undefined
  if (stamp === null) return null
  const meta: Meta = {
    createdAt: Math.min(createdAt ?? now, now),
    authenticatedAt: userId === null ? null : (authenticatedAt ?? null),
    deadline: expiresAt,
    idle: Math.floor(idle),
    userId,
    persistent,
    label: userId === null ? null : tidyLabel(label),
    ...(stamp !== undefined && { stamp }),
  }
  return { meta, values, data: JSON.stringify(values) }
}
