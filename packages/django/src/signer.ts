import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { type Clock, ConfigError, type Duration } from 'strongroom'
import { booleanOption, checkOptions, equal, milliseconds } from 'strongroom/internal'
import { BadSignatureError, SignatureExpiredError } from './errors.ts'
import { type PayloadLimits, pack, unpack } from './payload.ts'

/** Django's SECRET_KEY: a string, which is used as UTF-8, or bytes. */
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

/** The name of a hash function, as Django spells it. */
export type Algorithm = keyof typeof ALGORITHMS

/** Options of a `Signer`. */
export interface SignerOptions {
  /** SECRET_KEY. */
  readonly key: SecretKey
  /** SECRET_KEY_FALLBACKS: keys that no longer sign, but still verify. */
  readonly fallbackKeys?: readonly SecretKey[] | undefined
  /** Default, also for an empty one: Django's name of the class, such as `django.core.signing.Signer`. */
  readonly salt?: string | undefined
  /** Separates value and signature (default `:`). Letters, digits, `-`, `_` and `=` are not allowed. */
  readonly sep?: string | undefined
  /** Default `sha256`. */
  readonly algorithm?: Algorithm | undefined
  /** Also accept the SHA-1 signatures of Django before 3.1, as Django 3.1 and 3.2 do (default false). */
  readonly legacy?: boolean | undefined
}

/** Options of `signObject`. */
export interface ObjectOptions {
  /** Compress when that makes the result shorter (default false). */
  readonly compress?: boolean | undefined
}

const OPTIONS = ['key', 'fallbackKeys', 'salt', 'sep', 'algorithm', 'legacy']

/** The key that `salted_hmac` in `django.utils.crypto` derives from a secret and a salt: always a hash, whatever their length. */
function saltedKey(salt: string, secret: SecretKey, algorithm: Algorithm): KeyObject {
  return createSecretKey(createHash(ALGORITHMS[algorithm]).update(salt).update(secret).digest())
}

/** `salted_hmac`. */
export function saltedHmac(salt: string, value: string, secret: SecretKey, algorithm: Algorithm): Buffer {
  return createHmac(ALGORITHMS[algorithm], saltedKey(salt, secret, algorithm))
    .update(value)
    .digest()
}

/** `django.core.signing.Signer`: appends a signature to a string. */
export class Signer {
  readonly #sep: string
  readonly #current: Mac
  /** Every key that verifies, the current one first. */
  readonly #all: readonly Mac[]

  /** `name` is that of the class, for its salt and its errors. */
  constructor(options: SignerOptions, name = 'Signer') {
    checkOptions(name, options, OPTIONS)
    const { sep = ':', algorithm = 'sha256' } = options
    const legacy = booleanOption(`${name}: legacy`, options.legacy, false)
    const keys = checkKeys(name, options.key, options.fallbackKeys)
    // Django's own check, including "A-z", which refuses six characters more than intended.
    if (typeof sep !== 'string' || /^[A-z0-9\-_=]*$/.test(sep))
      throw new ConfigError(
        `${name}: sep "${sep}" could be mistaken for a part of the signature. Use a character such as ":".`,
      )
    if (!Object.hasOwn(ALGORITHMS, algorithm))
      throw new ConfigError(`${name}: algorithm must be one of ${Object.keys(ALGORITHMS).join(', ')}.`)
    // As in Django, an empty salt is none.
    const salt = `${options.salt || `django.core.signing.${name}`}signer`
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

  /** Returns the value. Throws `BadSignatureError`. */
  unsign(signed: string): string {
    const at = signed.lastIndexOf(this.#sep)
    if (at < 0) throw new BadSignatureError(`The signed string contains no "${this.#sep}".`)
    const value = signed.slice(0, at)
    const given = Buffer.from(signed.slice(at + this.#sep.length))
    if (this.#all.some((mac) => equal(given, Buffer.from(signatureOf(value, mac))))) return value
    throw new BadSignatureError('The signature does not match.')
  }

  /** Signs a value as JSON (see `writeJson`) in base64url. */
  signObject(value: unknown, options: ObjectOptions = {}): string {
    checkOptions('signObject()', options, ['compress'])
    return this.sign(pack(value, booleanOption('signObject(): compress', options.compress, false)))
  }

  /** Throws `BadSignatureError`, or `BadPayloadError` when the signature is valid and the value cannot be read. */
  unsignObject(signed: string, limits: PayloadLimits = {}): unknown {
    checkOptions('unsignObject()', limits, ['maxSize'])
    return unpack(this.unsign(signed), limits)
  }
}

interface Mac {
  readonly algorithm: Algorithm
  readonly key: KeyObject
}

const signatureOf = (value: string, { algorithm, key }: Mac) =>
  createHmac(ALGORITHMS[algorithm], key).update(value).digest('base64url')

/** Options of a `TimestampSigner`. */
export interface TimestampSignerOptions extends SignerOptions {
  /** Returns the time in ms. Default `Date.now`. */
  readonly clock?: Clock | undefined
}

/** How old a signature may be. */
export interface AgeLimit {
  /** The maximum age: ms, or a string such as `'12h'`. Exactly that old is still accepted. */
  readonly maxAge?: Duration | undefined
}

/** `django.core.signing.TimestampSigner`: also signs the time, in whole seconds. */
export class TimestampSigner extends Signer {
  readonly #clock: Clock

  constructor({ clock = Date.now, ...options }: TimestampSignerOptions, name = 'TimestampSigner') {
    super(options, name)
    if (typeof clock !== 'function') throw new ConfigError(`${name}: clock must be a function.`)
    this.#clock = clock
  }

  timestamp(): string {
    return encode62(Math.trunc(this.#clock() / 1000))
  }

  override sign(value: string): string {
    return super.sign(value + this.sep + this.timestamp())
  }

  /** Throws `SignatureExpiredError` when it is older than `maxAge`. A signature from the future is never too old. */
  override unsign(signed: string, limit: AgeLimit = {}): string {
    // A misspelt limit, such as Django's own max_age, would be none.
    checkOptions('unsign()', limit, ['maxAge'])
    const oldest = limit.maxAge === undefined ? Number.POSITIVE_INFINITY : ageOf(limit.maxAge)
    const { value, signedAt } = this.unsignWithTime(signed)
    if (this.#clock() - signedAt > oldest) throw new SignatureExpiredError('The signature is older than maxAge allows.')
    return value
  }

  /** Returns the value and when it was signed, in ms. */
  unsignWithTime(signed: string): { readonly value: string; readonly signedAt: number } {
    const stamped = super.unsign(signed)
    const at = stamped.lastIndexOf(this.sep)
    const seconds = at < 0 ? null : decode62(stamped.slice(at + this.sep.length))
    if (seconds === null) throw new BadSignatureError('The signed string contains no timestamp.')
    return { value: stamped.slice(0, at), signedAt: seconds * 1000 }
  }

  override unsignObject(signed: string, limits: AgeLimit & PayloadLimits = {}): unknown {
    checkOptions('unsignObject()', limits, ['maxAge', 'maxSize'])
    const { maxAge, maxSize } = limits
    return unpack(this.unsign(signed, { maxAge }), { maxSize })
  }
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Django's `b62_encode`: digits, upper case, lower case. */
export function encode62(number: number): string {
  if (number === 0) return '0'
  let text = ''
  for (let left = Math.abs(number); left > 0; left = Math.floor(left / 62)) text = BASE62[left % 62] + text
  return number < 0 ? `-${text}` : text
}

/** Null for a string that `encode62` cannot have written, or for a number that is too large for a timestamp. */
export function decode62(text: string): number | null {
  if (!/^-?[0-9A-Za-z]{1,9}$/.test(text)) return null
  const negative = text.startsWith('-')
  let number = 0
  for (const digit of negative ? text.slice(1) : text) number = number * 62 + BASE62.indexOf(digit)
  if (!Number.isSafeInteger(number)) return null
  return negative ? -number : number
}

/** 0 is allowed, too: a test or a Django setting may mean it. */
const ageOf = (maxAge: Duration) => (maxAge === 0 ? 0 : milliseconds(maxAge, 'maxAge'))

/** The current key and the fallbacks. Throws `ConfigError`, naming `where`: of a string, every character would be a key. */
export function checkKeys(where: string, key: unknown, fallbacks: unknown = []): readonly SecretKey[] {
  if (!Array.isArray(fallbacks)) throw new ConfigError(`${where}: the fallback keys must be a list.`)
  const keys = [key, ...fallbacks]
  const isKey = (each: unknown) => (typeof each === 'string' || each instanceof Uint8Array) && each.length > 0
  if (keys.every(isKey)) return keys as SecretKey[]
  throw new ConfigError(`${where}: a key must be Django's SECRET_KEY, a string or bytes, and not empty.`)
}

/** Options of `dumps`. */
export interface DumpsOptions extends Omit<TimestampSignerOptions, 'sep' | 'algorithm'>, ObjectOptions {}

/** Options of `loads`. */
export interface LoadsOptions extends Omit<TimestampSignerOptions, 'sep' | 'algorithm'>, AgeLimit, PayloadLimits {}

const OBJECT_SIGNER = ['key', 'fallbackKeys', 'salt', 'legacy', 'clock'] as const satisfies readonly (keyof (
  | DumpsOptions
  | LoadsOptions
))[]

const objectSigner = ({
  salt = 'django.core.signing',
  ...options
}: Omit<TimestampSignerOptions, 'sep' | 'algorithm'>) => new TimestampSigner({ ...options, salt })

/** `django.core.signing.dumps`: returns a value as a URL-safe string with a timestamp and a signature. */
export function dumps(value: unknown, given: DumpsOptions): string {
  checkOptions('dumps()', given, [...OBJECT_SIGNER, 'compress'])
  const { compress, ...options } = given
  return objectSigner(options).signObject(value, { compress })
}

/**
 * `django.core.signing.loads`. Returns integers that a number cannot hold as bigints. Throws `BadSignatureError`,
 * `SignatureExpiredError` or `BadPayloadError`.
 */
export function loads(text: string, given: LoadsOptions): unknown {
  checkOptions('loads()', given, [...OBJECT_SIGNER, 'maxAge', 'maxSize'])
  const { maxAge, maxSize, ...options } = given
  return objectSigner(options).unsignObject(text, { maxAge, maxSize })
}
