import { lengthOf, type Pieces } from '../base/bytes.ts'
import { randomBytesOf } from '../base/random.ts'
import { ConfigError, StoreError } from '../errors.ts'
import { equal, type Keyring, type Master } from './keyring.ts'
import { nodeCipher } from './node.ts'
import {
  BLOCK,
  type Cipher,
  type CipherName,
  type CryptoName,
  hmacSha512,
  move,
  type Primitives,
  TAG,
  wipe,
} from './primitives.ts'

/** Why sealed bytes did not open. Only an unknown key may be a deployment's mistake; the others are damage or an attack. */
export type SealRefusal = 'malformed' | 'unknown-version' | 'unknown-key' | 'forged'

/** What a kind of seal adds to the common construction, for each cipher. */
export interface Recipe {
  /** First byte of what is sealed: the format version. */
  readonly versions: Readonly<Record<CipherName, number>>
  /** Domain separation of the derived keys. It names the cipher, so that no key is ever used with both. */
  readonly labels: Readonly<Record<CipherName, string>>
  /** Which of a master's keys: one key, one use. */
  readonly key: (master: Master) => Master['seal']
  /** Length of what stands in the open after the key id, and is authenticated with it. */
  readonly header: number
}

/** The versions are those of `CIPHERS`, in that order. */
export function recipe(
  label: string,
  [chacha20, aes]: readonly [number, number],
  key: Recipe['key'],
  header = 0,
): Recipe {
  return {
    header,
    versions: { 'chacha20-poly1305': chacha20, 'aes-256-gcm': aes },
    labels: { 'chacha20-poly1305': `${label} chacha20-poly1305`, 'aes-256-gcm': `${label} aes-256-gcm` },
    key,
  }
}

/** The cipher that a first byte names under this recipe; it takes the byte's word for it. */
export function cipherOf({ versions }: Recipe, version: number | undefined): CipherName | null {
  if (version === versions['chacha20-poly1305']) return 'chacha20-poly1305'
  return version === versions['aes-256-gcm'] ? 'aes-256-gcm' : null
}

export const CIPHERS = ['chacha20-poly1305', 'aes-256-gcm'] as const satisfies readonly CipherName[]

/** What sealed bytes belong to. They open with nothing else. ASCII. */
export interface Bound {
  /** The visitor's key, where there is one. */
  readonly secret: Uint8Array | null
  /** What the key is derived for. */
  readonly context: string
  /** What is authenticated with the payload, after version, key id and header. */
  readonly associated: string
}

/** Seals and opens. */
export interface Aead {
  readonly crypto: CryptoName
  /** What computes, for what is not sealed. */
  readonly primitives: Primitives
  /** What is sealed is sealed with this one; what was sealed with either opens. */
  readonly cipher: CipherName
  seal(recipe: Recipe, master: Master, bound: Bound, payload: Pieces, header?: Uint8Array): Buffer
  /**
   * The payload, or why it does not open. Throws `StoreError` for bytes that are ours and need a cipher that this runtime does
   * not have: a session that another server can open is not absent.
   */
  open(recipe: Recipe, ring: Keyring, bound: Bound, sealed: Buffer): string | { readonly refused: SealRefusal }
}

/** Where the header begins: after version and key id. */
export const HEADER_AT = 2
const SALT = 24
const COMMITMENT = 16
/** Bytes that sealing adds to a payload: version 1, kid 1, header, salt 24, commitment 16, tag 16. */
export const overheadOf = ({ header }: Recipe): number => HEADER_AT + header + SALT + COMMITMENT + TAG

const freshSalt = randomBytesOf(SALT)

/** Enough for an id, an owner and a token. */
const ROOM = 512

export interface Scratch {
  /** The key's pad, and what is derived from. */
  readonly frame: Buffer
  readonly derived: Buffer
  /** Not secret. */
  readonly associated: Buffer
}

const newScratch = (): Scratch => ({
  frame: Buffer.alloc(ROOM),
  derived: Buffer.alloc(64),
  associated: Buffer.alloc(ROOM),
})

/**
 * version ‖ kid ‖ header ‖ salt 24 ‖ commitment 16 ‖ ciphertext ‖ tag 16.
 *
 * Key, nonce and commitment come out of one HMAC-SHA-512 over a counter, the secret, the label, the context and the salt:
 * the one-step derivation of NIST SP 800-56C r2 (§4, option 2, HMAC), with K_seal as the HMAC key. A new salt at every
 * write gives a new key at every write, so no nonce is ever used twice under one key. The commitment is needed because
 * neither cipher prevents a ciphertext that opens under two keys.
 *
 * The scratch memory is shared by all requests. Nothing waits while it is in use, and what is secret is wiped after each use.
 */
export function createAead(primitives: Primitives, wanted?: CipherName, scratch: Scratch = newScratch()): Aead {
  const ciphers: Readonly<Record<CipherName, Cipher | null>> = {
    'chacha20-poly1305': primitives.chacha20,
    'aes-256-gcm': nodeCipher('aes-256-gcm'),
  }
  const cipher = wanted ?? (primitives.chacha20 ? 'chacha20-poly1305' : 'aes-256-gcm')
  const sealing = ciphers[cipher]
  if (!sealing) throw new ConfigError(`cipher: '${cipher}' cannot be used. ${NO_CHACHA20}`)

  const { derived } = scratch
  const by = { key: derived.subarray(0, 32), nonce: derived.subarray(32, 44) }
  const commitment = derived.subarray(44, 60)

  /** Into `derived`, from the salt of `sealed`, which is at `saltAt`. */
  function derive(
    key: Master['seal'],
    label: string,
    { secret, context }: Bound,
    sealed: Buffer,
    saltAt: number,
  ): void {
    const size = secret === null ? 0 : secret.length
    const info = label + context
    const length = BLOCK + 4 + size + info.length + SALT
    const frame = length <= scratch.frame.length ? scratch.frame.subarray(0, length) : Buffer.allocUnsafeSlow(length)
    try {
      frame.writeUInt32BE(1, BLOCK)
      if (secret !== null) move(secret, 0, frame, BLOCK + 4, size)
      frame.write(info, BLOCK + 4 + size, 'latin1')
      move(sealed, saltAt, frame, length - SALT, SALT)
      hmacSha512(primitives, key, frame, derived)
    } finally {
      // The pad, which is as good as the server's key, and the visitor's token.
      wipe(frame, 0, BLOCK + 4 + size)
    }
  }

  /** Version, key id and header as they stand in `sealed`, and what else it is bound to. */
  function associatedWith(sealed: Buffer, saltAt: number, { associated }: Bound): Buffer {
    const length = saltAt + associated.length
    const data = length <= ROOM ? scratch.associated.subarray(0, length) : Buffer.allocUnsafe(length)
    move(sealed, 0, data, 0, saltAt)
    data.write(associated, saltAt, 'latin1')
    return data
  }

  return {
    crypto: primitives.name,
    primitives,
    cipher,

    seal(recipe, master, bound, payload, header) {
      const out = Buffer.allocUnsafe(overheadOf(recipe) + lengthOf(payload))
      const saltAt = HEADER_AT + recipe.header
      const textAt = saltAt + SALT + COMMITMENT
      out[0] = recipe.versions[cipher]
      out[1] = master.kid
      if (header) move(header, 0, out, HEADER_AT, recipe.header)
      freshSalt(out, saltAt)
      try {
        derive(recipe.key(master), recipe.labels[cipher], bound, out, saltAt)
        move(commitment, 0, out, saltAt + SALT, COMMITMENT)
        sealing.encrypt(payload, out, textAt, by, associatedWith(out, saltAt, bound))
        return out
      } finally {
        wipe(derived)
      }
    },

    /** Parsed strictly; then the commitment is compared in constant time; then the cipher. */
    open(recipe, ring, bound, sealed) {
      if (sealed.length < overheadOf(recipe)) return MALFORMED
      const name = cipherOf(recipe, sealed[0])
      if (name === null) return UNKNOWN_VERSION
      const master = ring.get(sealed[1] as number)
      if (!master) return UNKNOWN_KEY
      const saltAt = HEADER_AT + recipe.header
      const textAt = saltAt + SALT + COMMITMENT
      try {
        derive(recipe.key(master), recipe.labels[name], bound, sealed, saltAt)
        if (!equal(commitment, sealed.subarray(saltAt + SALT, textAt))) return FORGED
        const opening = ciphers[name]
        // After the commitment: otherwise anyone could send bytes that cause this error.
        if (!opening) throw new StoreError(`A session is sealed with ChaCha20-Poly1305. ${NO_CHACHA20}`)
        return opening.decrypt(sealed, textAt, by, associatedWith(sealed, saltAt, bound)) ?? FORGED
      } finally {
        wipe(derived)
      }
    },
  }
}

const NO_CHACHA20 =
  "The node:crypto of this runtime has no ChaCha20-Poly1305. Install sodium-native, or seal with cipher: 'aes-256-gcm' on every server."

const MALFORMED = { refused: 'malformed' } as const
const UNKNOWN_VERSION = { refused: 'unknown-version' } as const
const UNKNOWN_KEY = { refused: 'unknown-key' } as const
const FORGED = { refused: 'forged' } as const
