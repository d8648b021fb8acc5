import { constants, inflateSync } from 'node:zlib'
import { CONTENT_HEAD, LEAST_RECORD, RECORD_VERSIONS, sealOf } from 'strongroom/internal'
import type { Row, Value } from './row.ts'

/** What a row is: a session of Strongroom, by its seal (`unknown` when the record has no form that we know), or of Django. */
export type Kind = 'two-key' | 'server-key' | 'none' | 'unknown' | 'django'

/** Can a session be read by anyone who has the file? `with-key`: by anyone who has the server's key, too. */
export type Readable = 'yes' | 'with-key' | 'no'

export const READABLE: Readonly<Record<Kind, Readable>> = {
  'two-key': 'no',
  'server-key': 'with-key',
  none: 'yes',
  // We do not know who made them or how. A scan that guesses wrong must not guess "safe".
  unknown: 'yes',
  django: 'yes',
}

/** A table of a dump. The columns are null where the dump does not name them. */
export interface Table {
  readonly name: string
  readonly columns: readonly string[] | null
}

const OURS = ['id', 'payload', 'expires_at', 'purge_at']
const DJANGO = ['session_key', 'session_data']

/** Whose sessions the table holds, going by its name or its columns. A row of such a table is a session, or an entry of ours beside them. */
export function ownerOf({ name, columns }: Table): 'strongroom' | 'django' | null {
  const has = (known: readonly string[]) => columns !== null && known.every((column) => columns.includes(column))
  const bare = bareOf(name)
  if (bare === 'strongroom_sessions' || has(OURS)) return 'strongroom'
  return bare === 'django_session' || has(DJANGO) ? 'django' : null
}

/** Is it the name of a session table, as far as its name or its definition says? */
export function isSessionTable(name: string, tables: ReadonlyMap<string, Table>): boolean {
  const table = tables.get(name)
  if (ownerOf(table ?? { name, columns: null }) !== null) return true
  // The definition may name the schema, and a statement need not.
  return [...tables.values()].some((each) => ownerOf(each) !== null && bareOf(each.name) === bareOf(name))
}

const bareOf = (name: string) => name.slice(name.lastIndexOf('.') + 1)

/** Null for a row that is not a session. A session is recognized by its form, whatever its table is called. */
export function kindOf(row: Row, table: Table | null): Kind | null {
  const owner = table && ownerOf(table)
  if (owner === 'django') return 'django'
  const kind = recordIn(row, owner === 'strongroom')
  if (kind !== null) return kind
  if (owner === 'strongroom') return isOwnEntry(row) ? null : 'unknown'
  return isDjango(row) ? 'django' : null
}

/** The longest of what stands beside a payload: an id or an owner tag. */
const LONGEST_COLUMN = 64
const OWN_ENTRY = /^\[(?:\]|\[\d|null,\d|"(?:live|ended|replaced)",\d|"[\w-]{22}",\d)/

/**
 * An epoch, a tombstone, or the register of keys: an array in JSON or nothing at all, and never data of a visitor. Its label is one
 * control character, where a session has a long one or none.
 */
function isOwnEntry(row: Row): boolean {
  let hasLabel = false
  for (const value of row.values()) {
    const { bytes, length } = binary(value)
    hasLabel ||= length === 1 && (bytes[0] as number) > 0 && (bytes[0] as number) < 32
    if (value.isTruncated || (length > LONGEST_COLUMN && !OWN_ENTRY.test(bytes.toString('latin1')))) return false
  }
  return hasLabel
}

function recordIn(row: Row, isKnown: boolean): Kind | null {
  let found: Kind | null = null
  let isTruncated = false
  for (const value of row.values()) {
    found ??= recordOf(value)
    isTruncated ||= value.isTruncated
  }
  // The timestamps of a truncated row may be stored elsewhere.
  return found !== null && (isKnown || (hasId(row) && (isTruncated || timestampsIn(row) >= 2))) ? found : null
}

function recordOf(value: Value): Kind | null {
  if (value.length < 20) return null
  const { bytes, length } = binary(value)
  const seal = length >= LEAST_RECORD ? sealOf(bytes) : null
  if (seal !== null) return seal
  return bytes[0] === 0x7b && CONTENT_HEAD.test(bytes.toString('latin1', 0, 80)) ? 'none' : null
}

/** PostgreSQL writes bytes as text: `\x01ff`, or `\001a\\` in its older format. */
function binary({ head, length }: Value): { bytes: Buffer; length: number } {
  if (!head.includes(0x5c)) return { bytes: head, length }
  const text = head.toString('latin1')
  if (text.startsWith('\\x')) return { bytes: Buffer.from(text.slice(2), 'hex'), length: (length - 2) >> 1 }
  const byte = (_: string, digits: string) =>
    digits === '\\' ? digits : String.fromCharCode(Number.parseInt(digits, 8) & 255)
  const bytes = Buffer.from(text.replace(/\\([0-7]{3}|\\)/g, byte), 'latin1')
  // The part of the value that was not kept would make it longer still.
  return { bytes, length: bytes.length }
}

/** 64 hexadecimal digits, or the 32 bytes that they encode. */
function hasId(row: Row): boolean {
  for (const value of row.values()) {
    if (value.length === 64 && /^[0-9a-f]{64}$/.test(value.head.toString('latin1'))) return true
    if (value.length === 32 || (value.length > 32 && value.length <= 128 && binary(value).length === 32)) return true
  }
  return false
}

/** Timestamps in ms between the years 2001 and 2286. */
function timestampsIn(row: Row): number {
  let count = 0
  for (const { length, head } of row.values()) if (length === 13 && /^\d{13}$/.test(head.toString('latin1'))) count++
  return count
}

function isDjango(row: Row): boolean {
  let key = -1
  for (let i = 0; i < row.count && i < 8; i++) {
    const value = row.at(i) as Value
    if (key >= 0 && isDjangoData(value)) return true
    if (isCacheKey(value) || isSignedCookie(value)) return true
    if (value.length >= 8 && value.length <= 40 && /^[a-z0-9]+$/.test(value.head.toString('latin1'))) key = i
  }
  return false
}

/** The key under which Django's cache has a session: a prefix, a version, where the session is from, and its key, which is the cookie. */
export const CACHE_KEY = /django\.contrib\.sessions\.(?:cached_db|cache)[a-z0-9]{8,40}$/

/** In a table of Django's DatabaseCache, or a key of Redis. The prefix may be anything. */
const isCacheKey = (value: Value) =>
  value.length >= 36 && value.length <= 512 && CACHE_KEY.test(value.head.toString('latin1'))

/** A session in a cookie, which has no key beside it. What else Django signs in this way is not the JSON of an object. */
function isSignedCookie(value: Value): boolean {
  if (value.length < 60 || value.isTruncated || !DJANGO_SIGNATURE.test(value.tail.toString('latin1'))) return false
  const start = value.head.toString('latin1')
  const body = /^\.?[\w-]+/.exec(start)?.[0] ?? ''
  // A body that goes on after what was kept, or ends at the time.
  if (body.length < start.length && start[body.length] !== ':') return false
  const bytes = Buffer.from(body.replace('.', ''), 'base64url')
  if (!body.startsWith('.')) return bytes[0] === 0x7b
  try {
    return inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 65_536 })[0] === 0x7b
  } catch (error) {
    // A body that was not kept to its end, or one that expands to more than that: it begins as compressed data.
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
  }
}

/** "body:time:signature", or the format before Django 3.1: base64 of "digest:JSON or pickle". */
function isDjangoData(value: Value): boolean {
  if (value.length < 40) return false
  const start = value.head.toString('latin1', 0, 56)
  if (/^[MNOYZ][A-Za-z0-9+/]{55}$/.test(start))
    return /^[0-9a-f]{40}:/.test(Buffer.from(start, 'base64').toString('latin1'))
  if (!/^\.?[\w-]+/.test(start)) return false
  if (value.isTruncated) return /^\.?[\w-]{40,}$/.test(start)
  return DJANGO_SIGNATURE.test(value.tail.toString('latin1'))
}

/** HMAC-SHA256, or HMAC-SHA1 before Django 3.1, after a time in base62. */
const DJANGO_SIGNATURE = /:[0-9A-Za-z]{6}:(?:[\w-]{43}|[\w-]{27})$/

/** A session's key in Redis, after any prefix. */
const REDIS_KEY = /(?:^|:|[^0-9a-f])[0-9a-f]{64}$/
/** Format 1 of a value in Redis: where its flags are, and how much precedes the record (src/engines/redis/format.ts). */
const [FLAGS, FIXED, OWNER] = [25, 26, 32]
/** Which fields of a hash, and which Django keys: with or without the prefix of django-redis-sessions. */
const DJANGO_REDIS_KEY = /(?:^|:)[a-z0-9]{32}$/

/** What a key of Redis and its value are. */
export function kindOfRedis(key: Value, value: Value): Kind | null {
  if (isCacheKey(key)) return 'django'
  const name = key.tail.toString('latin1')
  if (DJANGO_REDIS_KEY.test(name) && isDjangoData(value)) return 'django'
  if (isSignedCookie(value)) return 'django'
  if (!REDIS_KEY.test(name) || value.head[0] !== 1 || value.length < FIXED) return null
  const flags = value.head[FLAGS] as number
  let at = FIXED + (flags & 1 ? OWNER : 0)
  if (flags & 2) at += 2 + (value.head.length >= at + 2 ? value.head.readUInt16BE(at) : 0)
  const bytes = value.head.subarray(at)
  const seal = value.length - at >= LEAST_RECORD ? sealOf(bytes) : null
  if (seal !== null) return seal
  if (bytes[0] === 0x7b && CONTENT_HEAD.test(bytes.toString('latin1', 0, 80))) return 'none'
  return value.length - at < 80 && OWN_ENTRY.test(bytes.toString('latin1'))
    ? null
    : value.length === at
      ? null
      : 'unknown'
}

/** The kind of the sealed record that begins with this byte. */
export const SEALED: ReadonlyMap<number, Kind> = new Map(
  Object.entries(RECORD_VERSIONS).flatMap(([kind, versions]) => versions.map((version) => [version, kind as Kind])),
)
