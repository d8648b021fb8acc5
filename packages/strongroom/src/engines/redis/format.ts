import { randomInt } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type { Entry, Found, Version } from '../../store.ts'
import { isHexId } from '../shared/entry.ts'

const INDEX_SUFFIX = ':owner'

/** A key that SCAN has found: of a session, or of an owner's index. */
export type ParsedKey = { readonly id: Id } | { readonly owner: string }

/**
 * The names of all keys under one prefix. Only a session's key is the prefix and 64 hexadecimal digits, and keys are compared
 * as a whole: when one store's prefix begins with another's, neither takes the other's keys for its own.
 */
export class Keys {
  readonly channel: string
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
    this.channel = `${prefix}changes`
  }

  session(id: Id): string {
    return this.#prefix + id
  }

  /** What precedes the id in a session's key, as the server has it. */
  beforeId(clientPrefix: string): string {
    return clientPrefix + this.#prefix
  }

  index(owner: string): string {
    return this.#prefix + owner + INDEX_SUFFIX
  }

  lease(name: string): string {
    return `${this.#prefix}${name}:lease`
  }

  /**
   * The pattern for SCAN, with `*`, `?`, `[`, `]` and `\` escaped. `clientPrefix` is what the client puts before every key:
   * clients neither add it to the pattern of SCAN nor remove it from the keys that SCAN returns.
   */
  pattern(clientPrefix: string): string {
    return `${this.beforeId(clientPrefix).replace(/[*?[\]\\]/g, '\\$&')}*`
  }

  /** Null for a key that is neither a session nor an index of this store. */
  parse(key: string, clientPrefix: string): ParsedKey | null {
    const before = this.beforeId(clientPrefix)
    if (!key.startsWith(before)) return null
    const name = key.slice(before.length)
    if (isHexId(name)) return { id: name }
    const owner = name.endsWith(INDEX_SUFFIX) ? name.slice(0, -INDEX_SUFFIX.length) : ''
    return isHexId(owner) ? { owner } : null
  }
}

/**
 * The value of a session's key, format 1 (numbers big-endian, moments in ms):
 *
 *     0  format    1  expiresAt, 6    7  indexed until, 6    13  version, 6    19  createdAt, 6    25  flags
 *    26  owner, 32 bytes, if flag 1; then the label after its length in 2 bytes, if flag 2; then the bytes
 *
 * The scripts need no more than the head, the first `HEAD` bytes; a touch overwrites its fields in place.
 */
const FORMAT = 1
const FIXED = 26
const HAS_OWNER = 1
const HAS_LABEL = 2

export const HEAD = FIXED + 32
/** The most that can precede the bytes. */
export const PREFACE = HEAD + 2 + 512
/** The largest moment that fits in 6 bytes: in the year 10889. */
const LAST_MOMENT = 2 ** 48 - 1
/** The most bytes that the scripts are given in front of a value, in the same argument. */
const IN_FRONT = 12
/** A value, and an argument, of Redis holds at most 512 MB. */
export const SIZE_LIMIT = 2 ** 29 - PREFACE - IN_FRONT

/** A stored entry without its bytes. */
export interface Preface extends Omit<Entry, 'bytes'> {
  readonly version: number
  /** Where the bytes begin. */
  readonly start: number
}

/** What a script returns about a session that it has found or ended. */
export interface Head {
  readonly owner: string | null
  /** Until when the owner's index is sure to contain the session; 0 without an owner. */
  readonly until: number
  readonly version: number
}

/** Null when the reply of a script is not the first `HEAD` bytes of a value. */
export function decodeHead(reply: unknown): Head | null {
  if (!Buffer.isBuffer(reply)) return null
  const owner = (reply[25] as number) & HAS_OWNER ? reply.toString('hex', FIXED, HEAD) : null
  return { owner, until: reply.readUIntBE(7, 6), version: reply.readUIntBE(13, 6) }
}

/** A moment as it is stored: a whole number that fits in 6 bytes. */
export function storedMoment(moment: number): number {
  return moment > LAST_MOMENT ? LAST_MOMENT : moment > 0 ? Math.floor(moment) : 0
}

/** Random, so that a version names one write: not a later session with the same id, and not a repeated write. */
export function newVersion(): number {
  return randomInt(2 ** 47)
}

export function isVersion(version: Version): version is number {
  return Number.isSafeInteger(version) && (version as number) >= 0 && (version as number) < 2 ** 48
}

/** Writes an owner as it is stored, in 32 bytes. */
export function writeOwner(owner: string, into: Buffer, at: number): void {
  if (!isHexId(owner)) throw new StoreError('An owner must be a tag of 64 lower-case hexadecimal characters.')
  into.write(owner, at, 'hex')
}

/** Copies an entry into a value. It begins at `at`, after as many bytes that are left to the caller. */
export function encode(
  { bytes, owner, label, expiresAt, createdAt }: Entry,
  { version, until, at = 0 }: { readonly version: number; readonly until: number; readonly at?: number },
): Buffer {
  if (bytes.length > SIZE_LIMIT) throw new StoreError(`An entry is larger than Redis can store (${SIZE_LIMIT} bytes).`)
  if (label !== null && label.length > 512) throw new StoreError('A label is larger than 512 bytes.')
  const start = at + FIXED + (owner === null ? 0 : 32) + (label === null ? 0 : 2 + label.length)
  const value = Buffer.allocUnsafe(start + bytes.length)
  value[at] = FORMAT
  value.writeUIntBE(storedMoment(expiresAt), at + 1, 6)
  value.writeUIntBE(until, at + 7, 6)
  value.writeUIntBE(version, at + 13, 6)
  value.writeUIntBE(storedMoment(createdAt), at + 19, 6)
  value[at + 25] = (owner === null ? 0 : HAS_OWNER) | (label === null ? 0 : HAS_LABEL)
  if (owner !== null) writeOwner(owner, value, at + FIXED)
  if (label !== null) {
    value.writeUInt16BE(label.length, start - label.length - 2)
    value.set(label, start - label.length)
  }
  value.set(bytes, start)
  return value
}

/** Null for anything that is not a value of this format: no part of it can be trusted. */
export function decode(value: Buffer): Found | null {
  const preface = decodePreface(value)
  if (!preface) return null
  const { expiresAt, owner, label, createdAt, version, start } = preface
  return { entry: { bytes: value.subarray(start), expiresAt, owner, label, createdAt }, version }
}

export function decodePreface(value: Buffer): Preface | null {
  if (value.length < FIXED || value[0] !== FORMAT) return null
  const flags = value[25] as number
  let start = FIXED
  let owner: string | null = null
  let label: Buffer | null = null
  if (flags & HAS_OWNER) {
    owner = value.toString('hex', FIXED, HEAD)
    start = HEAD
  }
  if (flags & HAS_LABEL) {
    if (value.length < start + 2) return null
    const end = start + 2 + value.readUInt16BE(start)
    label = value.subarray(start + 2, end)
    start = end
  }
  if (value.length < start) return null
  return {
    expiresAt: value.readUIntBE(1, 6),
    version: value.readUIntBE(13, 6),
    createdAt: value.readUIntBE(19, 6),
    owner,
    label,
    start,
  }
}

const DAY = 86_400_000

/**
 * Until when the owner's index is to contain a session. That is past its deadline, by as long as the session has to live, so that
 * few touches have to write to the index. The version adds up to a second: a later session with the same id has another moment, by
 * which `INDEX_REMOVE` tells them apart.
 */
export function indexUntil(deadline: number, now: number, version: number): number {
  const ahead = Math.min(Math.max(deadline - now, 0), DAY)
  return storedMoment(deadline + ahead + (version % 1000))
}
