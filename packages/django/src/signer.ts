import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { type Clock, ConfigError, type Duration } from 'strongroom'
import { checkOptions, equal, milliseconds } from 'strongroom/internal'
import { decode62, encode62 } from './base62.ts'
import { BadSignatureError, SignatureExpiredError } from './errors.ts'
import { type PayloadLimits, pack, unpack } from './payload.ts'

/** Django's SECRET_KEY: text, which is used as UTF-8, or bytes. */
export type SecretKey = string | Uint8Array

/** Python's name → OpenSSL's. */
const ALGORITHMS = {
  sha256: 'sha256',
  sha1: 'sha1',
  sha224: 'sha224',
  sha384: 'sha384',
  sha512: 'sha512',
  sha3_224: 'sha3-224',
  sha3_256: 'sha3-256',
  sha3_384: 'sha3-384',
  sha3_512: 'sha3-512',
  blake2b: 'blake2b512',
  blake2s: 'blake2s256',
  md5: 'md5',
} as const

export type Algorithm = keyof typeof ALGORITHMS

export interface SignerOptions {
  /** SECRET_KEY. */
  readonly key: SecretKey
  /** SECRET_KEY_FALLBACKS: keys that no longer sign, and still open. */
  readonly fallbackKeys?: readonly SecretKey[] | undefined
  /** Default: Django's name of the class, such as `django.core.signing.Signer`. */
  readonly salt?: string | undefined
  /** Between value and signature (default `:`): no letters, digits, `-`, `_` or `=`. */
  readonly sep?: string | undefined
  /** Default `sha256`. */
  readonly algorithm?: Algorithm | undefined
  /** Also read signatures that Django before 3.1 made, with SHA-1, as Django 3.1 and 3.2 do (default false). */
  readonly legacy?: boolean | undefined
}

export interface ObjectOptions {
  /** Compress where that makes it shorter (default false). */
  readonly compress?: boolean | undefined
}

const OPTIONS = ['key', 'fallbackKeys', 'salt', 'sep', 'algorithm', 'legacy']

/** The key that `salted_hmac` of `django.utils.crypto` makes of a secret and a salt: always a hash, however long they are. */
function saltedKey(salt: string, secret: SecretKey, algorithm: Algorithm): KeyObject {
  return createSecretKey(createHash(ALGORITHMS[algorithm]).update(salt).update(secret).digest())
}

/** `salted_hmac`. */
export function saltedHmac(salt: string, value: string, secret: SecretKey, algorithm: Algorithm): Buffer {
  return createHmac(ALGORITHMS[algorithm], saltedKey(salt, secret, algorithm))
    .update(value)
    .digest()
}

/** `django.core.signing.Signer`: text that carries its own signature. */
export class Signer {
  readonly #sep: string
  readonly #current: Mac
  /** All that opens, the current one first. */
  readonly #all: readonly Mac[]

  /** `name` is the class's, for its salt and its errors. */
  constructor(options: SignerOptions, name = 'Signer') {
    checkOptions(name, options, OPTIONS)
    const { key, fallbackKeys = [], sep = ':', algorithm = 'sha256', legacy = false } = options
    if (!Array.isArray(fallbackKeys)) throw new ConfigError(`${name}: fallbackKeys is a list of keys.`)
    const keys = [checkKey(name, key), ...fallbackKeys.map((fallback) => checkKey(name, fallback))]
    // Django's own test, down to "A-z", which lets six more characters be refused.
    if (typeof sep !== 'string' || /^[A-z0-9\-_=]*$/.test(sep))
      throw new ConfigError(
        `${name}: sep "${sep}" would be taken for a part of the signature. Use a character such as ":".`,
      )
    if (!Object.hasOwn(ALGORITHMS, algorithm))
      throw new ConfigError(`${name}: algorithm is one of: ${Object.keys(ALGORITHMS).join(', ')}.`)
    const salt = `${options.salt ?? `django.core.signing.${name}`}signer`
    const algorithms = legacy ? [algorithm, 'sha1' as const] : [algorithm]
    this.#sep = sep
    this.#all = algorithms.flatMap((each) => keys.map((key) => ({ algorithm: each, key: saltedKey(salt, key, each) })))
    this.#current = this.#all[0] as Mac
  }

  get sep(): string {
    return this.#sep
  }

  /** Base64url without padding. */
  signature(value: string): string {
    return signatureOf(value, this.#current)
  }

  sign(value: string): string {
    return value + this.#sep + this.signature(value)
  }

  /** The value; throws `BadSignature`. */
  unsign(signed: string): string {
    const at = signed.lastIndexOf(this.#sep)
    if (at < 0) throw new BadSignatureError(`There is no "${this.#sep}" in what should be signed.`)
    const value = signed.slice(0, at)
    const given = Buffer.from(signed.slice(at + this.#sep.length))
    if (this.#all.some((mac) => equal(given, Buffer.from(signatureOf(value, mac))))) return value
    throw new BadSignatureError('The signature does not match.')
  }

  /** JSON (see `writeJson`), in base64url, signed. */
  signObject(value: unknown, options: ObjectOptions = {}): string {
    checkOptions('signObject()', options, ['compress'])
    return this.sign(pack(value, options.compress === true))
  }

  /** Throws `BadSignature`, and `BadPayload` for what was signed and cannot be read. */
  unsignObject(signed: string, limits?: PayloadLimits): unknown {
    return unpack(this.unsign(signed), limits)
  }
}

interface Mac {
  readonly algorithm: Algorithm
  readonly key: KeyObject
}

const signatureOf = (value: string, { algorithm, key }: Mac) =>
  createHmac(ALGORITHMS[algorithm], key).update(value).digest('base64url')

export interface TimestampSignerOptions extends SignerOptions {
  /** Moments in ms; `Date.now` unless a test hands in another. */
  readonly clock?: Clock | undefined
}

export interface Ageing {
  /** Oldest that is taken: ms, or text such as `'12h'`. Exactly that old is not too old. */
  readonly maxAge?: Duration | undefined
}

/** `django.core.signing.TimestampSigner`: the signature also says, in whole seconds, when it was made. */
export class TimestampSigner extends Signer {
  readonly #clock: Clock

  constructor({ clock = Date.now, ...options }: TimestampSignerOptions, name = 'TimestampSigner') {
    super(options, name)
    if (typeof clock !== 'function') throw new ConfigError(`${name}: clock is a function.`)
    this.#clock = clock
  }

  timestamp(): string {
    return encode62(Math.trunc(this.#clock() / 1000))
  }

  override sign(value: string): string {
    return super.sign(value + this.sep + this.timestamp())
  }

  /** Throws `SignatureExpired` when it is older than `maxAge`. One from the future is of no age. */
  override unsign(signed: string, { maxAge }: Ageing = {}): string {
    const { value, signedAt } = this.unsignWithTime(signed)
    if (maxAge !== undefined && this.#clock() - signedAt > ageOf(maxAge))
      throw new SignatureExpiredError('The signature is older than is allowed.')
    return value
  }

  /** The value and when it was signed, in ms. */
  unsignWithTime(signed: string): { readonly value: string; readonly signedAt: number } {
    const stamped = super.unsign(signed)
    const at = stamped.lastIndexOf(this.sep)
    const seconds = at < 0 ? null : decode62(stamped.slice(at + this.sep.length))
    if (seconds === null) throw new BadSignatureError('What was signed has no timestamp.')
    return { value: stamped.slice(0, at), signedAt: seconds * 1000 }
  }

  override unsignObject(signed: string, { maxAge, ...limits }: Ageing & PayloadLimits = {}): unknown {
    return unpack(this.unsign(signed, { maxAge }), limits)
  }
}

/** 0 too: a test, or a Django setting, may mean it. */
const ageOf = (maxAge: Duration) => (maxAge === 0 ? 0 : milliseconds(maxAge, 'maxAge'))

function checkKey(name: string, key: unknown): SecretKey {
  if ((typeof key === 'string' || key instanceof Uint8Array) && key.length > 0) return key
  throw new ConfigError(`${name}: a key is Django's SECRET_KEY, as text or bytes, and not empty.`)
}

export interface DumpsOptions extends Omit<TimestampSignerOptions, 'sep' | 'algorithm'>, ObjectOptions {}

export interface LoadsOptions extends Omit<TimestampSignerOptions, 'sep' | 'algorithm'>, Ageing, PayloadLimits {}

const objectSigner = ({
  salt = 'django.core.signing',
  ...options
}: Omit<TimestampSignerOptions, 'sep' | 'algorithm'>) => new TimestampSigner({ ...options, salt })

/** `django.core.signing.dumps`: a value as URL-safe text with a timestamp and a signature. */
export function dumps(value: unknown, { compress, ...options }: DumpsOptions): string {
  return objectSigner(options).signObject(value, { compress })
}

/** `django.core.signing.loads`. Big integers come as bigints. Throws `BadSignature`, `SignatureExpired` or `BadPayload`. */
export function loads(text: string, { maxAge, maxSize, ...options }: LoadsOptions): unknown {
  return objectSigner(options).unsignObject(text, { maxAge, maxSize })
}
