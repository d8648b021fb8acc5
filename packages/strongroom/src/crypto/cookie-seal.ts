import { createHmac } from 'node:crypto'
import { openBytes, type Recipe, type SealRefusal, sealBytes } from './aead.ts'
import { equal, type Keyring } from './keyring.ts'

/** How a session in a cookie is protected: anyone who has the cookie can read a `signed` one, and nobody a `sealed` one. */
export type CookieProtection = 'sealed' | 'signed'

/** Converts an encoded session to a cookie value and back. The cookie's name is bound to it: a value is worthless under another. */
export interface CookieCodec {
  encode(payload: string): string
  decode(text: string): string | { readonly refused: SealRefusal }
}

const SEALED: Recipe = { version: 4, key: (master) => master.cookie, label: 'strongroom cookie' }
const SIGNED_VERSION = 5
const MAC = 32
const BASE64URL = /^[A-Za-z0-9_-]+$/

export function cookieCodec(protection: CookieProtection, ring: Keyring, cookieName: string): CookieCodec {
  return protection === 'sealed' ? sealedCodec(ring, cookieName) : signedCodec(ring, cookieName)
}

function sealedCodec(ring: Keyring, cookieName: string): CookieCodec {
  return {
    encode: (payload) => sealBytes(SEALED, ring.current, null, cookieName, payload).toString('base64url'),
    decode(text) {
      const bytes = strictBase64url(text)
      return bytes ? openBytes(SEALED, ring, null, cookieName, bytes) : { refused: 'malformed' }
    },
  }
}

/** version 1 ‖ kid 1 ‖ payload ‖ HMAC-SHA-256 over the cookie's name and all before it. Readable: for parity with Django, never the default. */
function signedCodec(ring: Keyring, cookieName: string): CookieCodec {
  const mac = (signed: Buffer, kid: number) => {
    const master = ring.get(kid)
    if (!master) return null
    return createHmac('sha256', master.cookie).update(`strongroom signed\n${cookieName}\n`).update(signed).digest()
  }
  return {
    encode(payload) {
      const kid = ring.current.kid
      const signed = Buffer.concat([Buffer.from([SIGNED_VERSION, kid]), Buffer.from(payload)])
      return Buffer.concat([signed, mac(signed, kid) as Buffer]).toString('base64url')
    },
    decode(text) {
      const bytes = strictBase64url(text)
      if (!bytes || bytes.length < 2 + MAC) return { refused: 'malformed' }
      if (bytes[0] !== SIGNED_VERSION) return { refused: 'unknown-version' }
      const signed = bytes.subarray(0, bytes.length - MAC)
      const expected = mac(signed, bytes[1] as number)
      if (!expected) return { refused: 'unknown-key' }
      return equal(expected, bytes.subarray(bytes.length - MAC)) ? signed.toString('utf8', 2) : { refused: 'forged' }
    },
  }
}

/** Null unless the text is exactly the encoding of its bytes: one value has one spelling, and no bit of a cookie is unused. */
export function strictBase64url(text: string): Buffer | null {
  if (!BASE64URL.test(text)) return null
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
