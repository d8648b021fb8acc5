import { asBuffer } from '../base/bytes.ts'
import { type Aead, type Bound, cipherOf, recipe, type SealRefusal } from './aead.ts'
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

// Version 20 and 24 are sealed cookies. Below 17 are things that are not sealed: tokens and what is signed.
const TWO_KEY = recipe('strongroom record', [17, 21], (master) => master.seal)
const SERVER_KEY = recipe('strongroom server record', [18, 22], (master) => master.seal)
const LABEL = recipe('strongroom label', [19, 23], (master) => master.label)

export function createSeal(name: SealName, ring: Keyring, aead: Aead): Seal {
  return name === 'none' ? NONE : sealed(name, ring, aead)
}

const NONE: Seal = {
  name: 'none',
  seal: (payload) => Buffer.from(payload),
  open: (bytes) => asBuffer(bytes).toString('utf8'),
}

function sealed(name: 'two-key' | 'server-key', ring: Keyring, aead: Aead): Seal {
  const recipe = name === 'two-key' ? TWO_KEY : SERVER_KEY
  const boundTo = (token: VerifiedToken, owner: string | null): Bound => {
    const context = token.id + (owner ?? '')
    return { secret: name === 'two-key' ? token.token : null, context, associated: context }
  }
  return {
    name,
    seal: (payload, token, owner) => aead.seal(recipe, ring.current, boundTo(token, owner), payload),
    open: (bytes, token, owner) => aead.open(recipe, ring, boundTo(token, owner), asBuffer(bytes)),
  }
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

/** What a device list shows of a session that the server cannot open. Sealed under a key of the server. */
export interface Label {
  readonly text: string | null
  readonly idle: number
  readonly deadline: number
}

/** At most 512 bytes; bound to the session's id. */
export function sealLabel(aead: Aead, label: Label, master: Master, id: Id): Buffer {
  return aead.seal(LABEL, master, labelOf(id), JSON.stringify([label.text, label.idle, label.deadline]))
}

const labelOf = (id: Id): Bound => ({ secret: null, context: id, associated: id })

/**
 * Null for a label that is not ours or was altered: the list shows the session without it. Throws `StoreError` for one that is
 * ours and needs a cipher that this runtime does not have.
 */
export function openLabel(aead: Aead, bytes: Uint8Array, ring: Keyring, id: Id): Label | null {
  const text = aead.open(LABEL, ring, labelOf(id), asBuffer(bytes))
  if (typeof text !== 'string') return null
  const [label, idle, deadline] = JSON.parse(text)
  return { text: label, idle, deadline }
}
