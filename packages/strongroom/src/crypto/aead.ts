import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomFillSync,
} from 'node:crypto'
import { equal, type Keyring, type Master } from './keyring.ts'

/** Why sealed bytes did not open. Only an unknown key may be a deployment's mistake; the others are damage or an attack. */
export type SealRefusal = 'malformed' | 'unknown-version' | 'unknown-key' | 'forged'

/** What a kind of seal adds to the common construction. */
export interface Recipe {
  /** First byte of what is sealed: the format version. */
  readonly version: number
  /** Which of a master's keys: one key, one use. */
  readonly key: (master: Master) => KeyObject
  /** Domain separation of the derived keys. */
  readonly label: string
}

const SALT = 24
const HEAD = 2 + SALT + 16
const TAG = 16
/** Bytes that sealing adds: version 1, kid 1, salt 24, commitment 16, GCM tag 16. */
export const OVERHEAD = HEAD + TAG

const pool = Buffer.allocUnsafeSlow(SALT * 256)
let used = pool.length

/** 24 new random bytes. Drawn for 256 salts at a time, because one system call costs more than the whole cipher. */
function freshSalt(into: Buffer, at: number): void {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  move(pool, used, into, at, SALT)
  wipe(pool, used, SALT)
  used += SALT
}

/** For so few bytes a loop is faster than calling a native function. */
function move(from: Uint8Array, start: number, into: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) into[at + i] = from[start + i] as number
}

function wipe(bytes: Uint8Array, start: number, length: number): void {
  for (let i = 0; i < length; i++) bytes[start + i] = 0
}

/**
 * version ‖ kid ‖ salt 24 ‖ commitment 16 ‖ AES-256-GCM(payload) ‖ tag 16.
 *
 * Key, nonce and commitment come out of one HMAC-SHA-512 over a counter, the secret, the label, the context and the salt:
 * the one-step derivation of NIST SP 800-56C r2 (§4, option 2, HMAC), with K_seal as the HMAC key. A new salt at every
 * write gives a new key at every write, so no nonce is ever used twice under one key. The commitment is needed because GCM
 * alone allows a ciphertext that opens under two keys.
 */
export function sealBytes(
  recipe: Recipe,
  master: Master,
  secret: Uint8Array | null,
  context: string,
  payload: string,
): Buffer {
  const length = Buffer.byteLength(payload)
  const out = Buffer.allocUnsafe(OVERHEAD + length)
  out[0] = recipe.version
  out[1] = master.kid
  freshSalt(out, 2)
  const derived = derive(recipe, master, secret, context, out)
  move(derived, 44, out, 2 + SALT, 16)
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(derived.subarray(0, 32)), derived.subarray(32, 44))
  cipher.setAAD(associated(recipe, master, context))
  // GCM is a stream cipher: update() returns all there is, and final() only closes.
  cipher.update(payload, 'utf8').copy(out, HEAD)
  cipher.final()
  move(cipher.getAuthTag(), 0, out, HEAD + length, TAG)
  return out
}

/** The payload, or why it does not open. Parsed strictly; then the commitment is compared in constant time; then GCM. */
export function openBytes(
  recipe: Recipe,
  ring: Keyring,
  secret: Uint8Array | null,
  context: string,
  sealed: Buffer,
): string | { refused: SealRefusal } {
  if (sealed.length < OVERHEAD) return MALFORMED
  if (sealed[0] !== recipe.version) return UNKNOWN_VERSION
  const master = ring.get(sealed[1] as number)
  if (!master) return UNKNOWN_KEY
  const derived = derive(recipe, master, secret, context, sealed)
  if (!equal(derived.subarray(44, 60), sealed.subarray(2 + SALT, HEAD))) return FORGED
  const key = createSecretKey(derived.subarray(0, 32))
  // The tag length is stated because without it Node accepts tags that were cut to four bytes.
  const cipher = createDecipheriv('aes-256-gcm', key, derived.subarray(32, 44), { authTagLength: TAG })
  cipher.setAAD(associated(recipe, master, context))
  cipher.setAuthTag(sealed.subarray(sealed.length - TAG))
  const payload = cipher.update(sealed.subarray(HEAD, sealed.length - TAG))
  try {
    cipher.final()
  } catch {
    return FORGED
  }
  return payload.toString('utf8')
}

function derive(recipe: Recipe, master: Master, secret: Uint8Array | null, context: string, sealed: Buffer): Buffer {
  const size = secret ? secret.length : 0
  const info = recipe.label + context
  const input = Buffer.allocUnsafe(4 + size + info.length + SALT)
  input[0] = input[1] = input[2] = 0
  input[3] = 1
  if (secret) move(secret, 0, input, 4, size)
  input.write(info, 4 + size, 'latin1')
  move(sealed, 2, input, input.length - SALT, SALT)
  const derived = createHmac('sha512', recipe.key(master)).update(input).digest()
  // The pooled buffer contained the visitor's token.
  wipe(input, 4, size)
  return derived
}

function associated(recipe: Recipe, master: Master, context: string): Buffer {
  const data = Buffer.allocUnsafe(2 + context.length)
  data[0] = recipe.version
  data[1] = master.kid
  data.write(context, 2, 'latin1')
  return data
}

const MALFORMED = { refused: 'malformed' } as const
const UNKNOWN_VERSION = { refused: 'unknown-version' } as const
const UNKNOWN_KEY = { refused: 'unknown-key' } as const
const FORGED = { refused: 'forged' } as const
