import { createHash, createHmac } from 'node:crypto'
import type { Clock } from 'strongroom'
import { equal, type Refused } from 'strongroom/internal'
import { BadPayloadError, BadSignatureError } from './errors.ts'
import type { ObjectNode } from './json/read.ts'
import { packText, unpackNode } from './payload.ts'
import { type SecretKey, TimestampSigner } from './signer.ts'

export interface SessionCodecOptions {
  readonly secretKey: SecretKey
  readonly secretKeyFallbacks?: readonly SecretKey[] | undefined
  /** `django.contrib.sessions.` and the name of the store's class. */
  readonly salt: string
  /** Also read what Django before 3.1 wrote. */
  readonly legacy: boolean
  /** Most bytes of JSON that are read. */
  readonly maxSize: number
  readonly clock: Clock
}

export interface SessionData {
  readonly document: ObjectNode
  /** In ms; null in the format of before 3.1, which does not say. */
  readonly signedAt: number | null
}

/** `SessionBase.encode` and `decode`: the text in a row, a file, a Redis value, or, with another salt, in a cookie. */
export interface SessionCodec {
  /** Takes the JSON text. */
  encode(json: string): string
  /** Throws `Unsupported` for a pickle. */
  decode(text: string): SessionData | Refused
}

export function sessionCodec(options: SessionCodecOptions): SessionCodec {
  const { secretKey, secretKeyFallbacks = [], salt, legacy, maxSize, clock } = options
  const signer = new TimestampSigner({ key: secretKey, fallbackKeys: secretKeyFallbacks, salt, legacy, clock })
  const old = legacy ? legacyReader([secretKey, ...secretKeyFallbacks], salt) : () => null

  function read(text: string): SessionData | Refused {
    const before = old(text)
    const { value, signedAt } = before ? { value: before, signedAt: null } : signer.unsignWithTime(text)
    const document = unpackNode(value, { maxSize })
    // Django would hand a list out as it is, and fail on it later.
    return document.kind === 'object' ? { document, signedAt } : { refused: 'malformed' }
  }

  return {
    encode: (json) => signer.sign(packText(json, true)),
    decode(text) {
      try {
        return read(text)
      } catch (error) {
        if (error instanceof BadSignatureError) return { refused: 'forged' }
        if (error instanceof BadPayloadError) return { refused: 'malformed' }
        throw error
      }
    },
  }
}

/** Before 3.1: base64 of hex HMAC-SHA-1, a colon, and the JSON. Answers the JSON in base64, or null when it is not this format. */
function legacyReader(keys: readonly SecretKey[], salt: string): (text: string) => string | null {
  // "django.contrib.sessions" and the class name, without the dot.
  const keySalt = salt.replace(/\.(?=[^.]*$)/, '')
  const macs = keys.map((key) => createHash('sha1').update(keySalt).update(key).digest())
  return (text) => {
    // The newer format has colons, which base64 has not.
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null
    const bytes = Buffer.from(text, 'base64')
    const colon = bytes.indexOf(0x3a)
    if (colon !== 40) return null
    const json = bytes.subarray(41)
    const given = bytes.subarray(0, 40)
    const fits = (key: Buffer) => equal(given, Buffer.from(createHmac('sha1', key).update(json).digest('hex')))
    return macs.some(fits) ? json.toString('base64url') : null
  }
}
