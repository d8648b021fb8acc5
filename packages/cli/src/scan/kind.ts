import { CONTENT_HEAD, LEAST_RECORD, RECORD_VERSIONS, sealOf } from 'strongroom/internal'
import { isDjango, isDjangoData } from './django.ts'
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
export const OWN_ENTRY = /^\[(?:\]|\[\d|null,\d|"(?:live|ended|replaced)",\d|"[\w-]{22}",\d)/

/**
 * An epoch, a tombstone, or the register of keys: an array in JSON or nothing at all, and never data of a visitor. Its label is one
 * control character, where a session has a long one or none.
 */
function isOwnEntry(row: Row): boolean {
  let hasLabel = false
  for (const value of row.values()) {
    const { bytes, length } = binary(value)
    hasLabel ||= length === 1 && (bytes[0] as number) > 0 && (bytes[0] as number) < 32
    // Nobody has seen how one ends that was not kept whole.
    if (length > bytes.length) return false
    if (length > LONGEST_COLUMN && !OWN_ENTRY.test(bytes.toString('latin1'))) return false
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

/** Is there a value that is the content of a session, whatever stands beside it? */
export function mayBeSession(row: Row): boolean {
  for (const value of row.values()) if (recordOf(value) !== null || isDjangoData(value)) return true
  return false
}

function recordOf(value: Value): Kind | null {
  if (value.length < 20) return null
  return sealIn(binary(value))
}

interface Bytes {
  readonly bytes: Buffer
  /** Of all of them, including what was not kept. */
  readonly length: number
}

/** The seal of a record; null for what is none. */
export function sealIn({ bytes, length }: Bytes): Kind | null {
  const seal = length >= LEAST_RECORD ? sealOf(bytes) : null
  if (seal !== null) return seal
  return bytes[0] === 0x7b && CONTENT_HEAD.test(bytes.toString('latin1', 0, 80)) ? 'none' : null
}

/** PostgreSQL writes bytes as text: `\x01ff`, or `\001a\\` in its older format. */
function binary({ head, length }: Value): Bytes {
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

/** The kind of the sealed record that begins with this byte. */
export const SEALED: ReadonlyMap<number, Kind> = new Map(
  Object.entries(RECORD_VERSIONS).flatMap(([kind, versions]) => versions.map((version) => [version, kind as Kind])),
)
