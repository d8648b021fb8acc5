import { asBuffer, latin1Of, lengthOf, type Pieces, writeText } from '../base/bytes.ts'
import { parseJson } from '../base/json.ts'
import {
  type Aead,
  type Bound,
  cipherOf,
  HEADER_AT,
  overheadOf,
  type Recipe,
  recipe,
  type SealRefusal,
} from './aead.ts'
import { equal, type Keyring, type Master } from './keyring.ts'
import { hash } from './node.ts'
import { BOX_TEXT, POINTER, type Pointer, pointerOf, pointerText, readPointer, writePointer } from './pointer.ts'
import { wipe } from './primitives.ts'
import type { Id, VerifiedToken } from './token.ts'

/**
 * - `two-key`: opens only with the visitor's token and the server's key together. Rows and backups reveal nothing, not even if
 *   the server's keys are stolen with them.
 * - `server-key`: opens with the server's key alone, where operators must be able to read sessions.
 * - `none`: plain JSON, for a store that is the process's own memory.
 */
export type SealName = 'two-key' | 'server-key' | 'none'

/**
 * Which token a record was stored under, and which secret its session began under. It stands in the open: a token that was
 * superseded opens nothing, and must be told so; and operators count which secrets are still needed.
 */
export interface RecordHeader {
  readonly generation: number
  /** When the session was given this token, in whole seconds since 1970. */
  readonly renewedAt: number
  /** Key id of the secret that the session began under. Its cookie needs that one, whatever the record is sealed under. */
  readonly bornUnder: number
  /** Present after a renewal by time, until it has led the previous token to this one for long enough. */
  readonly pointer?: Pointer | undefined
}

/** What a record says of its token, beside the token itself. */
export interface TokenFacts {
  /** When the session was given it, in whole seconds since 1970. */
  readonly renewedAt: number
  readonly pointer?: Pointer | null | undefined
}

export interface Opened extends RecordHeader {
  readonly payload: string
}

/**
 * Why a record does not open. `superseded`: it was stored under a later token than this one. `ahead`: under an earlier one, as in
 * a store that was rolled back.
 */
export type RecordRefusal = SealRefusal | 'superseded' | 'ahead'

/** Converts an encoded session to the bytes that are stored, and back. */
export interface Seal {
  readonly name: SealName
  /** Bytes that it adds to a payload. */
  readonly overhead: number
  /** Id and owner are bound to the bytes: they open under no other id and for no other owner. */
  seal(
    payload: Pieces,
    token: VerifiedToken,
    owner: string | null,
    renewedAt: number,
    pointer?: TokenFacts['pointer'],
  ): Buffer
  open(bytes: Uint8Array, token: VerifiedToken, owner: string | null): Opened | { readonly refused: RecordRefusal }
  /** What the bytes say in the open; null if they are not a record. */
  headerOf(bytes: Uint8Array): RecordHeader | null
}

/** Generation 4, renewed at 4 (s), born under 1, and the length of the pointer, which is 0 or that of all. */
const HEADER = 10
const LENGTH_AT = 9

/** A clock that is far off must not make a record that cannot be written, or never opens again. */
const wholeSeconds = (seconds: number) => Math.min(Math.max(Math.trunc(seconds) || 0, 0), 0xffff_ffff)

/** Where a seal needs no token to open, the record says which one it belongs to: 16 bytes of the token's hash. */
const CHECK = 16

// Version 20 and 24 are sealed cookies. Below 17 are things that are not sealed: tokens and what is signed.
const TWO_KEY = recipe('strongroom record', [17, 21], (master) => master.seal, HEADER)
const SERVER_KEY = recipe('strongroom server record', [18, 22], (master) => master.seal, HEADER + CHECK)
// 25 and 26 are boxes of pointers.
const LABEL = recipe('strongroom label', [19, 23], (master) => master.label)

/** The fewest bytes of a sealed record. */
export const LEAST_RECORD = overheadOf(TWO_KEY)

export function createSeal(name: SealName, ring: Keyring, aead: Aead): Seal {
  return name === 'none' ? NONE : sealed(name, ring, aead)
}

const PREFIX = Buffer.from('strongroom token ')
/** Room for the prefix and a token of 32 bytes. */
const hashed = Buffer.concat([PREFIX, Buffer.alloc(32)])

function checkOf({ token }: VerifiedToken): Buffer {
  hashed.set(token, PREFIX.length)
  try {
    return hash('sha256', hashed).subarray(0, CHECK)
  } finally {
    wipe(hashed, PREFIX.length)
  }
}

/** Of tokens that are remembered: the hash would take as long as all else that a write in memory costs the engine. */
const plainChecks = new WeakMap<VerifiedToken, string>()

function plainCheckOf(token: VerifiedToken): string {
  const known = plainChecks.get(token)
  if (known !== undefined) return known
  const check = checkOf(token).toString('base64url')
  plainChecks.set(token, check)
  return check
}

/**
 * Two lines of JSON, and a third one that says whose it is: generation, renewed at, born under, and the token's check; and when it was
 * seen, and the box, if there is a pointer.
 */
const NONE: Seal = {
  name: 'none',
  overhead: 64,
  seal(payload, token, _owner, renewedAt, pointer) {
    const facts = `${token.generation} ${wholeSeconds(renewedAt)} ${token.master.kid} ${plainCheckOf(token)}`
    const last = pointer ? `\n${facts} ${pointerText(pointer)}` : `\n${facts}`
    const bytes = Buffer.allocUnsafe(lengthOf(payload) + last.length)
    bytes.write(last, writeText(payload, bytes, 0), 'latin1')
    return bytes
  },
  open(bytes, token) {
    const text = asBuffer(bytes).toString('utf8')
    const end = text.lastIndexOf('\n')
    const last = lastLineOf(text.slice(end + 1))
    if (end < 0 || !last) return { refused: 'malformed' }
    const { header, check } = last
    const isOurs = header.bornUnder === token.master.kid && equal(Buffer.from(check), Buffer.from(plainCheckOf(token)))
    if (!isOurs || header.generation !== token.generation) return refusalOf(header, token)
    return { ...header, payload: text.slice(0, end) }
  },
  headerOf: plainHeaderOf,
}

function plainHeaderOf(bytes: Uint8Array): RecordHeader | null {
  return lastLineOf(latin1Of(bytes.subarray(-240)).split('\n').at(-1) as string)?.header ?? null
}

const LAST_LINE = new RegExp(
  `^(\\d{1,10}) (\\d{1,10}) (\\d{1,3}) ([A-Za-z0-9_-]{22})(?: (\\d{1,10}) ([A-Za-z0-9_-]{${BOX_TEXT}}))?$`,
)

function lastLineOf(line: string): { readonly header: RecordHeader; readonly check: string } | null {
  const [, generation, renewedAt, kid, check = '', seenAt, box] = LAST_LINE.exec(line) ?? []
  if (generation === undefined) return null
  const header = { generation: Number(generation), renewedAt: Number(renewedAt), bornUnder: Number(kid) }
  const hasPointer = seenAt !== undefined && box !== undefined
  return { header: hasPointer ? { ...header, pointer: pointerOf(seenAt, box) } : header, check }
}

const refusalOf = ({ generation }: RecordHeader, token: VerifiedToken): { readonly refused: RecordRefusal } =>
  generation === token.generation
    ? { refused: 'forged' }
    : { refused: generation > token.generation ? 'superseded' : 'ahead' }

/** The same bytes and keys, with a longer header. */
const withPointer = (recipe: Recipe): Recipe => ({ ...recipe, header: recipe.header + POINTER })

function sealed(name: 'two-key' | 'server-key', ring: Keyring, aead: Aead): Seal {
  const plain = name === 'two-key' ? TWO_KEY : SERVER_KEY
  const pointing = withPointer(plain)
  const boundTo = (token: VerifiedToken, owner: string | null): Bound => {
    const context = token.id + (owner ?? '')
    return { secret: name === 'two-key' ? token.token : null, context, associated: context }
  }
  const newHeader = Buffer.alloc(pointing.header)
  return {
    name,
    overhead: overheadOf(plain),
    seal(payload, token, owner, renewedAt, pointer) {
      // Not secret, and copied before anything else is sealed.
      newHeader.writeUInt32BE(token.generation)
      newHeader.writeUInt32BE(wholeSeconds(renewedAt), 4)
      newHeader[8] = token.master.kid
      newHeader[LENGTH_AT] = pointer ? POINTER : 0
      if (name === 'server-key') checkOf(token).copy(newHeader, HEADER)
      if (pointer) writePointer(pointer, newHeader, plain.header)
      return aead.seal(pointer ? pointing : plain, ring.current, boundTo(token, owner), payload, newHeader)
    },
    open(given, token, owner) {
      const bytes = asBuffer(given)
      const header = sealedHeaderOf(plain, bytes)
      // Before the cipher: it would call a record under another token forged.
      if (header && header.generation !== token.generation) return refusalOf(header, token)
      const payload = aead.open(header?.pointer ? pointing : plain, ring, boundTo(token, owner), bytes)
      if (typeof payload !== 'string') return payload
      if (header === null) return { refused: 'malformed' }
      const at = HEADER_AT + HEADER
      if (name === 'server-key' && !equal(bytes.subarray(at, at + CHECK), checkOf(token))) return { refused: 'forged' }
      return { ...header, payload }
    },
    headerOf: (bytes) => sealedHeaderOf(plain, asBuffer(bytes)),
  }
}

function sealedHeaderOf(recipe: Recipe, bytes: Buffer): RecordHeader | null {
  if (bytes.length < overheadOf(recipe) || cipherOf(recipe, bytes[0]) === null) return null
  const header = {
    generation: bytes.readUInt32BE(HEADER_AT),
    renewedAt: bytes.readUInt32BE(HEADER_AT + 4),
    bornUnder: bytes[HEADER_AT + 8] as number,
  }
  if (bytes[HEADER_AT + LENGTH_AT] !== POINTER || bytes.length < overheadOf(recipe) + POINTER) return header
  return { ...header, pointer: readPointer(bytes, HEADER_AT + recipe.header) }
}

/** The seal that a record names, or null if it is not sealed. Nothing is opened: anyone who writes to the store can lie. */
export function sealOf(bytes: Uint8Array): 'two-key' | 'server-key' | null {
  if (cipherOf(TWO_KEY, bytes[0])) return 'two-key'
  return cipherOf(SERVER_KEY, bytes[0]) ? 'server-key' : null
}

/** The first bytes of records, by their seal. */
export const RECORD_VERSIONS: Readonly<Record<'two-key' | 'server-key', readonly number[]>> = {
  'two-key': Object.values(TWO_KEY.versions),
  'server-key': Object.values(SERVER_KEY.versions),
}

/** The key id that a record names, or null if it is not sealed. Like `sealOf`, it takes the record's word for it. */
export function sealedUnder(bytes: Uint8Array): number | null {
  return sealOf(bytes) === null ? null : (bytes[1] ?? null)
}

/**
 * The key ids of all secrets without which a session is lost: the one that it began under, and the one that its record is sealed
 * under. Empty for what is no record. Takes the record's word for it.
 */
export function keysOf(given: Uint8Array): ReadonlySet<number> {
  const bytes = asBuffer(given)
  const header =
    sealedHeaderOf(TWO_KEY, bytes) ?? sealedHeaderOf(SERVER_KEY, bytes) ?? (sealOf(bytes) ? null : plainHeaderOf(bytes))
  const kids = [header?.bornUnder, sealedUnder(bytes)]
  return new Set(kids.filter((kid) => typeof kid === 'number'))
}

/** The key id that a device label names; null for what is no label. */
export function labelledUnder(label: Uint8Array | null): number | null {
  return label && cipherOf(LABEL, label[0]) ? (label[1] ?? null) : null
}

/** What a device list shows of a session that the server cannot open. Sealed under a key of the server. */
export interface Label {
  readonly text: string | null
  readonly idle: number
  readonly deadline: number
  /** The credential stamp of the login: a session whose credential has changed is over, and not to be listed. */
  readonly stamp?: string | undefined
  /** The shortened address of the last use; present with the option `address`. */
  readonly address?: string | undefined
  /** Is it bound to a device? Present with the option `deviceBound`. */
  readonly bound?: boolean | undefined
}

/** At most 512 bytes; bound to the session's id. */
export function sealLabel(aead: Aead, label: Label, master: Master, id: Id): Buffer {
  const { text, idle, deadline, stamp, address, bound } = label
  const parts: unknown[] = [text, idle, deadline, stamp]
  if (address !== undefined || bound) parts.push(address)
  if (bound) parts.push(1)
  return aead.seal(LABEL, master, labelOf(id), JSON.stringify(parts))
}

/** As `sealLabel` writes them. */
type Parts = [text: Label['text'], idle: number, deadline: number, stamp?: string, address?: string | null, bound?: 1]

const labelOf = (id: Id): Bound => ({ secret: null, context: id, associated: id })

/**
 * Null for a label that is not ours or was altered: the list shows the session without it. Throws `StoreError` for one that is
 * ours and needs a cipher that this runtime does not have.
 */
export function openLabel(aead: Aead, bytes: Uint8Array, ring: Keyring, id: Id): Label | null {
  const text = aead.open(LABEL, ring, labelOf(id), asBuffer(bytes))
  if (typeof text !== 'string') return null
  const [label, idle, deadline, stamp, address, bound] = parseJson(text) as Parts
  const opened = { text: label, idle, deadline, stamp: stamp ?? undefined, ...(bound && { bound: true }) }
  return address == null ? opened : { ...opened, address }
}
