import { createHash, createHmac, randomBytes } from 'node:crypto'
import { equal, type Keyring, type Master } from './keyring.ts'
import { wipe } from './primitives.ts'

declare const brand: unique symbol
/** The secret that only the visitor's cookie contains: 32 random bytes. */
export type Token = Uint8Array & { readonly [brand]: 'token' }
/** The key of a session in its store: 64 lower-case hex characters, derived from the token under a key of the server. */
export type Id = string & { readonly [brand]: 'id' }

/** A token that was verified to be ours, with all that follows from it. */
export interface VerifiedToken {
  readonly token: Token
  readonly id: Id
  readonly master: Master
  /** The cookie value: 64 base64url characters. */
  readonly text: string
}

/** Why a cookie or a record is not ours; `revoked` is a cookie that comes back after its session was ended. */
export interface Refused {
  readonly refused: string
}

/** Why a cookie value is not ours. An unknown key may be a deployment's mistake; the others are a visitor's. */
export type Refusal = 'malformed' | 'unknown-key' | 'forged'

const VERSION = 1
const TEXT = /^[A-Za-z0-9_-]{64}$/

/** A new token under the current master. */
export function newToken(ring: Keyring): VerifiedToken {
  return tokenOf(ring.current, randomBytes(32) as Buffer as unknown as Token)
}

/**
 * The token for `what` under a master: the same wherever it is computed, and as hard to guess as the secret parts of `what`.
 * The prefix makes the message longer than any token, so that neither use of the key can produce an output of the other.
 */
export function computedToken(master: Master, what: readonly string[]): VerifiedToken {
  const message = `strongroom computed token\n${JSON.stringify(what)}`
  const mac = createHmac('sha512', master.token).update(message).digest()
  return tokenOf(master, new Uint8Array(mac.subarray(0, 32)) as Token)
}

function tokenOf(master: Master, token: Token): VerifiedToken {
  const [id, tag] = derive(master, token)
  const bytes = Buffer.concat([Buffer.from([VERSION, master.kid]), token, tag])
  const text = bytes.toString('base64url')
  wipe(bytes)
  return { token, id, master, text }
}

/** Verifies a cookie value: version ‖ kid ‖ token 32 ‖ tag 14, in base64url. What is not ours never reaches a store. */
export function verifyToken(text: string, ring: Keyring): VerifiedToken | Refusal {
  if (text.length !== 64 || !TEXT.test(text)) return 'malformed'
  const bytes = Buffer.from(text, 'base64url')
  try {
    if (bytes[0] !== VERSION) return 'malformed'
    const master = ring.get(bytes[1] as number)
    if (!master) return 'unknown-key'
    // A copy, so that a token never keeps a pooled slab with other requests' bytes in memory.
    const token = new Uint8Array(bytes.subarray(2, 34)) as Token
    const [id, tag] = derive(master, token)
    if (!equal(tag, bytes.subarray(34))) return 'forged'
    return { token, id, master, text }
  } finally {
    // The next allocation from that slab must not contain a token.
    wipe(bytes)
  }
}

/** One HMAC gives both: the id cannot be computed without the key, and the tag exposes a made-up token before any look-up. */
function derive(master: Master, token: Token): [id: Id, tag: Uint8Array] {
  const mac = createHmac('sha512', master.token).update(token).digest()
  return [mac.toString('hex', 0, 32) as Id, mac.subarray(32, 46)]
}

/** The public name of a session: 16 characters that open nothing, and from which neither id nor token can be computed. */
export function handleOf(id: Id): string {
  return createHash('sha256').update('strongroom handle ').update(id).digest('base64url').slice(0, 16)
}
