import { createHmac } from 'node:crypto'
import { lengthOf, type Pieces, writeText } from '../base/bytes.ts'
import { type Aead, recipe, type SealRefusal } from './aead.ts'
import { equal, type Keyring, type Master } from './keyring.ts'

/** How a session in a cookie is protected: anyone who has the cookie can read a `signed` one, and nobody a `sealed` one. */
export type CookieProtection = 'sealed' | 'signed'

export interface DecodedCookie {
  readonly payload: string
  readonly master: Master
}

/** Converts an encoded session to a cookie value and back. The namespace is bound to it: a value is worthless in another. */
export interface CookieCodec {
  encode(payload: Pieces): string
  /** The payload, and the master under which it was made. */
  decode(text: string): DecodedCookie | { readonly refused: SealRefusal }
}

const SEALED = recipe('strongroom cookie', [20, 24], (master) => master.cookie)
const SIGNED_VERSION = 5
const MAC = 32
const BASE64URL = /^[A-Za-z0-9_-]+$/

export function cookieCodec(protection: CookieProtection, ring: Keyring, namespace: string, aead: Aead): CookieCodec {
  return protection === 'sealed' ? sealedCodec(ring, namespace, aead) : signedCodec(ring, namespace)
}

function sealedCodec(ring: Keyring, namespace: string, aead: Aead): CookieCodec {
  const bound = { secret: null, context: namespace, associated: namespace }
  return {
    encode: (payload) => aead.seal(SEALED, ring.current, bound, payload).toString('base64url'),
    decode(text) {
      const bytes = strictBase64url(text)
      if (!bytes) return { refused: 'malformed' }
      const payload = aead.open(SEALED, ring, bound, bytes)
      return typeof payload === 'string' ? { payload, master: masterOf(ring, bytes) } : payload
    },
  }
}

/** Of bytes that were opened, so that the ring is known to have it. */
const masterOf = (ring: Keyring, bytes: Buffer) => ring.get(bytes[1] as number) as Master

/**
 * version 1 ‖ kid 1 ‖ payload ‖ HMAC-SHA-256 over the namespace and all before it. Readable: for parity with Django, never the
 * default.
 */
function signedCodec(ring: Keyring, namespace: string): CookieCodec {
  const macOf = (master: Master, signed: Buffer) =>
    createHmac('sha256', master.cookie).update(`strongroom signed\n${namespace}\n`).update(signed).digest()
  return {
    encode(payload) {
      const end = 2 + lengthOf(payload)
      const bytes = Buffer.allocUnsafe(end + MAC)
      bytes[0] = SIGNED_VERSION
      bytes[1] = ring.current.kid
      writeText(payload, bytes, 2)
      bytes.set(macOf(ring.current, bytes.subarray(0, end)), end)
      return bytes.toString('base64url')
    },
    decode(text) {
      const bytes = strictBase64url(text)
      if (!bytes || bytes.length < 2 + MAC) return { refused: 'malformed' }
      if (bytes[0] !== SIGNED_VERSION) return { refused: 'unknown-version' }
      const master = ring.get(bytes[1] as number)
      if (!master) return { refused: 'unknown-key' }
      const signed = bytes.subarray(0, bytes.length - MAC)
      if (!equal(macOf(master, signed), bytes.subarray(bytes.length - MAC))) return { refused: 'forged' }
      return { payload: signed.toString('utf8', 2), master }
    },
  }
}

/** Null unless the text is exactly the encoding of its bytes: one value has one spelling, and no bit of a cookie is unused. */
export function strictBase64url(text: string): Buffer | null {
  if (!BASE64URL.test(text)) return null
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
