import { createHash, createHmac } from 'node:crypto'
import { type Clock, UnsupportedError } from 'strongroom'
import { equal, type Refused } from 'strongroom/internal'
import { BadPayloadError, BadSignatureError } from './errors.ts'
import { type Node, type ObjectNode, readJson } from './json/read.ts'
import { packJson, unpackNode } from './payload.ts'
import { type SecretKey, TimestampSigner } from './signer.ts'

export interface SessionCodecOptions {
  readonly secretKey: SecretKey
  readonly secretKeyFallbacks?: readonly SecretKey[] | undefined
  /** `django.contrib.sessions.` and the name of the session store's class. */
  readonly salt: string
  /** Also read the format of Django before 3.1. */
  readonly legacy: boolean
  /** The most bytes of JSON to read. */
  readonly maxSize: number
  readonly clock: Clock
}

export interface SessionData {
  readonly document: ObjectNode
  /** In ms. Null in the format of Django before 3.1, which does not store it. */
  readonly signedAt: number | null
}

/** `SessionBase.encode` and `decode`: the string in a row, a file or a Redis value or, with another salt, in a cookie. */
export interface SessionCodec {
  /** Takes JSON. */
  encode(json: string): string
  /** Throws `UnsupportedError` for a pickle, and `NotAnObjectError`. */
  decode(text: string): SessionData | Refused
}

/**
 * The data is signed and readable, but it is a list, a string or the like. Anyone who wrote it has the key, so this is no attack and
 * no damage. Django does the same: it accepts the session, and every page that uses it fails.
 */
export class NotAnObjectError extends UnsupportedError {
  constructor() {
    super(
      'The data of a Django session is not an object but another JSON value, on which Django fails as well. Find out which program with the SECRET_KEY wrote it, and delete the session.',
    )
  }
}

export function sessionCodec(options: SessionCodecOptions): SessionCodec {
  const { secretKey, secretKeyFallbacks = [], salt, legacy, maxSize, clock } = options
  const signer = new TimestampSigner({ key: secretKey, fallbackKeys: secretKeyFallbacks, salt, legacy, clock })
  const readLegacy = legacy ? legacyReader([secretKey, ...secretKeyFallbacks], salt) : () => null

  function read(text: string): SessionData {
    const old = readLegacy(text)
    const { value, signedAt } = old ? { value: old, signedAt: null } : signer.unsignWithTime(text)
    return { document: objectIn(unpackNode(value, { maxSize })), signedAt }
  }

  return {
    encode: (json) => signer.sign(packJson(json, true)),
    decode: (text) => refusing(() => read(text)),
  }
}

/** What Django's cache has when its serializer is JSON: the JSON itself, which nobody has signed. */
export function jsonCodec(maxSize: number): SessionCodec {
  return {
    // ASCII, so that the bytes are the same in every encoding.
    encode: (json) =>
      json.replace(/[\u0080-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`),
    decode(latin1) {
      const text = Buffer.from(latin1, 'latin1').toString()
      if (latin1.length > maxSize) return { refused: 'malformed' }
      return refusing(() => ({ document: objectIn(readJson(text)), signedAt: null }))
    },
  }
}

function objectIn(node: Node): ObjectNode {
  if (node.kind !== 'object') throw new NotAnObjectError()
  return node
}

function refusing(read: () => SessionData): SessionData | Refused {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadSignatureError) return { refused: 'forged' }
    if (error instanceof BadPayloadError) return { refused: 'malformed' }
    throw error
  }
}

/**
 * The format of Django before 3.1: base64 of a hexadecimal HMAC-SHA-1, a colon and the JSON. Returns the JSON in base64, or null
 * when the string is not in this format.
 */
function legacyReader(secrets: readonly SecretKey[], salt: string): (text: string) => string | null {
  // "django.contrib.sessions" and the class name, without the dot.
  const keySalt = salt.replace(/\.(?=[^.]*$)/, '')
  const keys = secrets.map((secret) => createHash('sha1').update(keySalt).update(secret).digest())
  return (text) => {
    // The newer format contains colons, and base64 does not.
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null
    const bytes = Buffer.from(text, 'base64')
    const colon = bytes.indexOf(0x3a)
    if (colon !== 40) return null
    const json = bytes.subarray(41)
    const given = bytes.subarray(0, 40)
    const matches = (key: Buffer) => equal(given, Buffer.from(createHmac('sha1', key).update(json).digest('hex')))
    return keys.some(matches) ? json.toString('base64url') : null
  }
}
