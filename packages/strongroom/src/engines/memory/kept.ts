import type { Id } from '../../crypto/token.ts'
import type { Entry, Listing } from '../../store.ts'

/** Bytes are kept as Latin-1 text: immutable, so it is its own copy, and no pooled 8 KB slab stays alive for one session. */
export interface Kept {
  readonly text: string
  readonly label: string | null
  readonly owner: string | null
  readonly createdAt: number
  readonly version: number
  expiresAt: number
}

export function toKept({ bytes, label, owner, createdAt, expiresAt }: Entry, version: number): Kept {
  return { text: toText(bytes), label: label && toText(label), owner, createdAt, expiresAt, version }
}

export function toEntry({ text, label, owner, createdAt, expiresAt }: Kept): Entry {
  return {
    bytes: Buffer.from(text, 'latin1'),
    expiresAt,
    owner,
    label: label === null ? null : toBytes(label),
    createdAt,
  }
}

export function toListing(id: Id, { text, label, owner, createdAt, expiresAt }: Kept): Listing {
  return { id, expiresAt, createdAt, owner, label: label === null ? null : toBytes(label), size: text.length }
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function toBytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}
