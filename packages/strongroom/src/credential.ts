import { createHmac } from 'node:crypto'
import type { Refused } from './backing/backing.ts'
import { TimeLimit } from './base/time-limit.ts'
import { equal, type Keyring, type Master } from './crypto/keyring.ts'
import { StoreError } from './errors.ts'
import type { Meta } from './session/content.ts'

/**
 * What a user's logins stand on: text that changes when they are to end, such as the password hash as it stands in the
 * database. Null for a user that is gone.
 */
export type CredentialOf = (userId: string) => string | null | Promise<string | null>

/** Stamps of credentials: made at a login, and looked at whenever a signed-in session is loaded. */
export interface CredentialStamps {
  /** Of the credential that is given, or else of what the application says; null for a user that is gone. */
  make(userId: string, given: string | undefined): Promise<string | null>
  /** The meta to go on with; refused when the login stands on a credential that is another by now. */
  check(meta: Meta, userId: string): Promise<Meta | Refused>
}

/** With the key id before it, base64url has no padding, and the sixteen bytes are as hard to guess as an AES key. */
const MAC = 16

export function createCredentialStamps(ring: Keyring, credentialOf: CredentialOf, timeout: number): CredentialStamps {
  const late = () => new StoreError(`The option "credential" did not answer within ${timeout} ms.`)
  const limit = new TimeLimit(timeout, late)
  const answer = (userId: string) =>
    new Promise<string | null>((resolve, reject) => limit.run(async () => credentialOf(userId), resolve, reject))

  async function ask(userId: string): Promise<string | null> {
    // Not known is not "another": nobody is signed out by a database that does not answer.
    const credential = await answer(userId).catch((cause) => {
      throw cause instanceof StoreError ? cause : new StoreError('The option "credential" failed.', { cause })
    })
    if (credential === null || (typeof credential === 'string' && credential !== '')) return credential
    // Nor by a column that a query has left out.
    throw new StoreError('The option "credential" answers non-empty text, or null for a user that is gone.')
  }

  return {
    async make(userId, given) {
      const credential = given ?? (await ask(userId))
      return credential === null ? null : stampOf(ring.current, userId, credential)
    },

    async check(meta, userId) {
      // Signed in before there was a credential to stand on.
      if (meta.stamp === undefined) return { refused: 'credential' }
      const stamp = Buffer.from(meta.stamp, 'base64url')
      const master = ring.get(stamp[0] as number)
      if (!master) return { refused: 'unknown-key' }
      const credential = await ask(userId)
      if (credential === null) return { refused: 'credential' }
      const now = Buffer.from(stampOf(master, userId, credential), 'base64url')
      if (!equal(stamp, now)) return { refused: 'credential' }
      // Under a retired key it is made anew while the credential is at hand, and is kept with the next write.
      return master === ring.current ? meta : { ...meta, stamp: stampOf(ring.current, userId, credential) }
    },
  }
}

/** Key id 1 ‖ the first 16 bytes of HMAC-SHA-256 over user and credential, as a list in JSON: no two of them read the same. */
function stampOf(master: Master, userId: string, credential: string): string {
  const mac = createHmac('sha256', master.stamp)
    .update(JSON.stringify([userId, credential]))
    .digest()
  return Buffer.concat([Buffer.from([master.kid]), mac.subarray(0, MAC)]).toString('base64url')
}
