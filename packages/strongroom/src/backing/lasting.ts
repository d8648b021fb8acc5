import type { Aead } from '../crypto/aead.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import { openLabel, sealedUnder } from '../crypto/seal.ts'
import type { VerifiedToken } from '../crypto/token.ts'
import type { Clock, Found, Store } from '../store.ts'
import type { LastingSessions, LoadResult } from './backing.ts'
import { type Describe, recheckOf } from './standing.ts'

export interface LastingOptions {
  readonly store: Pick<Store, 'read' | 'touch'>
  readonly ring: LiveKeyring
  readonly aead: Aead
  readonly clock: Clock
  /** What a token opens of what was found. */
  readonly open: (token: VerifiedToken, found: Found | null) => LoadResult
}

/** Sessions in a store, as connections that outlive their requests need them. */
export function lastingSessions({ store, ring, aead, clock, open }: LastingOptions): LastingSessions {
  const describe: Describe = (label, id) => openLabel(aead, label, ring, id)
  /** With a secret that was removed, no request could open it any more. */
  const hasSecretOf = ({ entry }: Found) => {
    const kid = sealedUnder(entry.bytes)
    return kid === null || ring.get(kid) !== undefined
  }

  return {
    async recheck(was) {
      const token = was.ref.cookie as VerifiedToken
      if (ring.get(token.master.kid) !== token.master) return { over: 'ended' }
      const found = await store.read(token.id, { fresh: true })
      if (found === null || found.version !== was.ref.version || !hasSecretOf(found))
        return recheckOf(open(token, found), was, clock(), describe)
      return { ...was, ref: { ...was.ref, expiresAt: Math.min(found.entry.expiresAt, was.deadline) } }
    },
    async touch({ ref }, expiresAt) {
      return ref.version !== null && (await store.touch(ref.cookie.id, expiresAt, ref.version))
    },
  }
}
