import type { Aead } from '../crypto/aead.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import { follow, type Pointer, pointTo } from '../crypto/pointer.ts'
import { openLabel, type RecordHeader, type TokenFacts } from '../crypto/seal.ts'
import { renewedToken, type TokenNames, type VerifiedToken } from '../crypto/token.ts'
import type { Clock, Entry } from '../store.ts'
import { IN_FLIGHT, type Reuse, type SessionRef } from './backing.ts'
import type { RecordRef } from './entries.ts'

/** Lengths in ms of renewals by time. */
export interface RenewalTimes {
  /** A token is used for this long. */
  readonly every: number
  /** The one before it, once it was seen, goes on for this long. */
  readonly grace: number
}

export interface SuccessionOptions {
  readonly clock: Clock
  readonly ring: LiveKeyring
  readonly aead: Aead
  readonly names: TokenNames
  /** Undefined without the option `renewEvery`: what other servers renew is understood all the same. */
  readonly times: RenewalTimes | undefined
}

type Stored = Pick<Entry, 'owner' | 'label' | 'createdAt'>

/**
 * Which tokens a session goes on with after a renewal by time: a successor, and for a while its predecessor. The rules, which no lost response
 * and no parallel request of an honest browser may break:
 *
 * - Until a request has come with the successor, the predecessor opens the session, and is sent the successor: always the same, because with
 *   two of them, one half of a page's requests would lock the other out.
 * - Once one has, the predecessor opens it for the grace, and is sent nothing: a thief who polls must not be kept up to date.
 * - After that it is superseded.
 * - No token is renewed while its predecessor still opens anything.
 */
export function createSuccession({ clock, ring, aead, names, times }: SuccessionOptions) {
  const grace = times?.grace ?? IN_FLIGHT

  /** Later rather than earlier: the grace is never shorter than was said. Never 0, which is "not yet". */
  const seenNow = () => Math.min(Math.max(Math.ceil(clock() / 1000) || 0, 1), 0xffff_ffff)
  const isSeen = ({ seenAt }: Pointer) => seenAt > 0
  const hasEnded = (pointer: Pointer) => isSeen(pointer) && clock() >= pointer.seenAt * 1000 + grace

  /** What a write leaves of a pointer. */
  function kept({ pointer, predecessor }: Pick<RecordRef, 'pointer' | 'predecessor'>): Pointer | null {
    if (!pointer || hasEnded(pointer)) return null
    return isSeen(pointer) || predecessor ? pointer : { ...pointer, seenAt: seenNow() }
  }

  const isOld = ({ renewedAt }: TokenFacts) => times !== undefined && clock() >= renewedAt * 1000 + times.every

  return {
    /** The token by which its predecessor opens the session for now, and whether that was seen; null if there is none. */
    successorOf(
      token: VerifiedToken,
      header: RecordHeader | null,
      { owner }: Pick<Entry, 'owner'>,
      wasLoaded = false,
    ): { readonly token: VerifiedToken; readonly isSeen: boolean } | null {
      const pointer = header?.pointer
      if (!pointer || header.generation !== token.generation + 1) return null
      if (!wasLoaded && hasEnded(pointer)) return null
      const successor = follow(aead, ring, pointer, token, { owner, names })
      return successor && { token: successor, isSeen: isSeen(pointer) }
    },

    /** What a write under the same token says of it. */
    factsAfter: (ref: RecordRef): TokenFacts => ({ renewedAt: ref.renewedAt, pointer: ref.pointer && kept(ref) }),

    /** See `TimedRenewal`. */
    isDue(given: SessionRef, touches: boolean): boolean {
      const ref = given as RecordRef
      if (!ref.pointer) return isOld(ref)
      if (hasEnded(ref.pointer)) return touches || isOld(ref)
      return !isSeen(ref.pointer) && !ref.predecessor
    },

    /** A new successor, and what a write under it says, if it is time for one; null if not. */
    makeSuccessor(
      ref: RecordRef,
      renewedAt: number,
    ): { readonly token: VerifiedToken; readonly facts: TokenFacts } | null {
      // A client that has come with the predecessor must not be handed a third one.
      if (ref.predecessor || kept(ref) !== null || !isOld(ref)) return null
      const token = renewedToken(ref.cookie, names, aead.primitives)
      return { token, facts: { renewedAt, pointer: pointTo(aead, ring, ref.cookie, token, ref.owner) } }
    },

    /** When the last token that was superseded stopped opening the session, in ms, as far as the record still tells. */
    endOf: ({ renewedAt, pointer }: RecordHeader): number =>
      pointer && isSeen(pointer) ? pointer.seenAt * 1000 + grace : renewedAt * 1000,

    /** See `Superseded`. Undefined while it may be an honest browser's. */
    reuseOf(token: VerifiedToken, { generation, renewedAt, pointer }: RecordHeader, stored: Stored): Reuse | undefined {
      if (!times) return undefined
      const renewals = generation - token.generation
      // Its own pointer says when it was over. For all else there is only the last renewal, after which requests may be under way.
      const isLate =
        renewals === 1 && pointer ? hasEnded(pointer) : clock() >= renewedAt * 1000 + Math.max(grace, IN_FLIGHT)
      if (!isLate) return undefined
      const { createdAt, label } = stored
      return {
        cookie: token,
        renewedAt: renewedAt * 1000,
        renewals,
        createdAt,
        label: () => (label && openLabel(aead, label, ring, token.id)?.text) ?? null,
      }
    },
  }
}
