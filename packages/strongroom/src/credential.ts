import { createHmac } from 'node:crypto'
import type { CallLimit } from './base/time-limit.ts'
import { equal, type Keyring, type Master } from './crypto/keyring.ts'
import type { Refused } from './crypto/token.ts'
import { StoreError } from './errors.ts'
import type { Meta } from './session/content.ts'

/**
 * The credential that a user's logins belong to: a string that changes when they are to end, such as the password hash as it
 * is in the database. Null for a user that is gone.
 */
export type CredentialOf = (userId: string) => string | null | Promise<string | null>

/** Credential stamps: made at a login, and compared whenever a signed-in session is loaded. */
export interface CredentialStamps {
  /** Of the given credential, or else of what the application returns; null for a user that is gone. */
  make(userId: string, given: string | undefined): Promise<string | null>
  /** Compares the stamps of one user's logins with the credential as it is now. */
  comparer(userId: string): Promise<(stamp: string | undefined) => boolean>
  /** The meta to go on with; refused if the credential has changed since the login. */
  check(meta: Meta, userId: string): Promise<Meta | Refused>
}

/** With the key id before it, base64url has no padding, and sixteen bytes are as hard to guess as an AES key. */
const MAC = 16

/** The time limit's own error, for `limit`. */
export const lateCredential = (timeout: number) => () =>
  new StoreError(`The option "credential" did not return within ${timeout} ms.`)

export function createCredentialStamps(ring: Keyring, credentialOf: CredentialOf, limit: CallLimit): CredentialStamps {
  // Unknown is not changed: a database that does not answer signs nobody out.
  const asStoreError = (cause: unknown) =>
    cause instanceof StoreError ? cause : new StoreError('The option "credential" failed.', { cause })

  async function credentialFor(userId: string): Promise<string | null> {
    const credential = await limit.call(async () => credentialOf(userId), asStoreError)
    if (credential === null || (typeof credential === 'string' && credential !== '')) return credential
    // Nor does a column that a query left out.
    throw new StoreError('The option "credential" must return a non-empty string, or null for a user that is gone.')
  }

  return {
    async make(userId, given) {
      const credential = given ?? (await credentialFor(userId))
      return credential === null ? null : stampOf(ring.current, userId, credential)
    },

    async comparer(userId) {
      const credential = await credentialFor(userId)
      const now = new Map<number, Buffer>()
      return (given) => {
        if (given === undefined || credential === null) return false
        const stamp = Buffer.from(given, 'base64url')
        const master = ring.get(stamp[0] as number)
        // Made under a secret that is missing here: unknown is not over.
        if (!master) return true
        const current = now.get(master.kid) ?? Buffer.from(stampOf(master, userId, credential), 'base64url')
        now.set(master.kid, current)
        return equal(stamp, current)
      }
    },

    async check(meta, userId) {
      // Signed in before the option was set.
      if (meta.stamp === undefined) return { refused: 'credential' }
      const stamp = Buffer.from(meta.stamp, 'base64url')
      const master = ring.get(stamp[0] as number)
      if (!master) return { refused: 'unknown-key' }
      const credential = await credentialFor(userId)
      if (credential === null) return { refused: 'credential' }
      const now = Buffer.from(stampOf(master, userId, credential), 'base64url')
      if (!equal(stamp, now)) return { refused: 'credential' }
      // Under a retired key: the stamp is made again while the credential is known, and stored with the next write.
      return master === ring.current ? meta : { ...meta, stamp: stampOf(ring.current, userId, credential) }
    },
  }
}

/** Key id 1 ‖ the first 16 bytes of HMAC-SHA-256 over user and credential, as a JSON array: no two pairs read the same. */
function stampOf(master: Master, userId: string, credential: string): string {
  const mac = createHmac('sha256', master.stamp)
    .update(JSON.stringify([userId, credential]))
    .digest()
  return Buffer.concat([Buffer.from([master.kid]), mac.subarray(0, MAC)]).toString('base64url')
}
