import { asBuffer } from '../base/bytes.ts'
import { openBytes, type Recipe, type SealRefusal, sealBytes } from './aead.ts'
import type { Keyring, Master } from './keyring.ts'
import type { Id, VerifiedToken } from './token.ts'

/**
 * - `two-key`: opens only with the visitor's token and the server's key together. Rows and backups reveal nothing, not even if
 *   the server's keys are stolen with them.
 * - `server-key`: opens with the server's key alone, where operators must be able to read sessions.
 * - `none`: plain JSON, for a store that is the process's own memory.
 */
export type SealName = 'two-key' | 'server-key' | 'none'

/** Converts an encoded session to the bytes that are stored, and back. */
export interface Seal {
  readonly name: SealName
  /** Id and owner are bound to the bytes: they open under no other id and for no other owner. */
  seal(payload: string, token: VerifiedToken, owner: string | null): Buffer
  open(bytes: Uint8Array, token: VerifiedToken, owner: string | null): string | { readonly refused: SealRefusal }
}

const TWO_KEY: Recipe = { version: 1, key: (master) => master.seal, label: 'strongroom record' }
const SERVER_KEY: Recipe = { version: 2, key: (master) => master.seal, label: 'strongroom server record' }
const LABEL: Recipe = { version: 3, key: (master) => master.label, label: 'strongroom label' }

export function createSeal(name: SealName, ring: Keyring): Seal {
  return name === 'none' ? NONE : sealed(name, ring)
}

const NONE: Seal = {
  name: 'none',
  seal: (payload) => Buffer.from(payload),
  open: (bytes) => asBuffer(bytes).toString('utf8'),
}

function sealed(name: 'two-key' | 'server-key', ring: Keyring): Seal {
  const recipe = name === 'two-key' ? TWO_KEY : SERVER_KEY
  const secret = (token: VerifiedToken) => (name === 'two-key' ? token.token : null)
  return {
    name,
    seal: (payload, token, owner) => sealBytes(recipe, ring.current, secret(token), token.id + (owner ?? ''), payload),
    open: (bytes, token, owner) => openBytes(recipe, ring, secret(token), token.id + (owner ?? ''), asBuffer(bytes)),
  }
}

/** The seal that a record names, or null if it is not sealed. Nothing is opened: anyone who writes to the store can lie. */
export function sealOf(bytes: Uint8Array): 'two-key' | 'server-key' | null {
  if (bytes[0] === TWO_KEY.version) return 'two-key'
  return bytes[0] === SERVER_KEY.version ? 'server-key' : null
}

/** The key id that a record names, or null if it is not sealed. Like `sealOf`, it takes the record's word for it. */
export function sealedUnder(bytes: Uint8Array): number | null {
  return sealOf(bytes) === null ? null : (bytes[1] ?? null)
}

/** What a device list shows of a session that the server cannot open. Sealed under a key of the server. */
export interface Label {
  readonly text: string | null
  readonly idle: number
  readonly deadline: number
}

/** At most 512 bytes; bound to the session's id. */
export function sealLabel(label: Label, master: Master, id: Id): Buffer {
  return sealBytes(LABEL, master, null, id, JSON.stringify([label.text, label.idle, label.deadline]))
}

/** Null for a label that is not ours or was altered: the list shows the session without it. */
export function openLabel(bytes: Uint8Array, ring: Keyring, id: Id): Label | null {
  const text = openBytes(LABEL, ring, null, id, asBuffer(bytes))
  if (typeof text !== 'string') return null
  const [label, idle, deadline] = JSON.parse(text)
  return { text: label, idle, deadline }
}
