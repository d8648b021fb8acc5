import { asBuffer } from '../base/bytes.ts'
import { type Aead, type Bound, overheadOf, recipe } from './aead.ts'
import type { Keyring } from './keyring.ts'
import { successorToken, type TokenNames, type VerifiedToken } from './token.ts'

/**
 * The way from a token to its successor in the same session, in the header of a record whose token was renewed by time. It stands in the
 * open there, and is authenticated with the record.
 */
export interface Pointer {
  /** When a request first came with the successor, in whole seconds since 1970; 0 before that. */
  readonly seenAt: number
  /** The successor, sealed under its predecessor and a key of the server: neither opens it alone. */
  readonly box: Uint8Array
}

const FORWARD = recipe('strongroom forward', [25, 26], (master) => master.seal)

/** Of a token in base64url. */
const TEXT = 43
const BOX = overheadOf(FORWARD) + TEXT
const SEEN = 4

/** Bytes of a pointer: when it was seen 4, and the box. */
export const POINTER = SEEN + BOX

/** The most that a pointer adds to a record, also to a plain one. */
export const POINTER_ROOM = 160

/** Session, owner and both generations, so that the box of another session, or of another renewal, does not open. */
function boundTo({ token, id, generation }: VerifiedToken, owner: string | null): Bound {
  const context = `${id}${owner ?? ''} ${generation} ${generation + 1}`
  return { secret: token, context, associated: context }
}

/** Of a successor that nobody has seen yet. */
export function pointTo(
  aead: Aead,
  { current }: Keyring,
  predecessor: VerifiedToken,
  successor: VerifiedToken,
  owner: string | null,
): Pointer {
  const text = asBuffer(successor.token).toString('base64url')
  return { seenAt: 0, box: aead.seal(FORWARD, current, boundTo(predecessor, owner), text) }
}

/** The token that a pointer leads to; null if this is not its predecessor, or its secret was removed. */
export function follow(
  aead: Aead,
  ring: Keyring,
  { box }: Pointer,
  predecessor: VerifiedToken,
  { owner, names }: { readonly owner: string | null; readonly names: TokenNames },
): VerifiedToken | null {
  const text = aead.open(FORWARD, ring, boundTo(predecessor, owner), asBuffer(box))
  return typeof text === 'string'
    ? successorToken(predecessor, Buffer.from(text, 'base64url'), names, aead.primitives)
    : null
}

/** Into the header of a record, from `at`. */
export function writePointer({ seenAt, box }: Pointer, into: Buffer, at: number): void {
  into.writeUInt32BE(seenAt, at)
  into.set(box, at + SEEN)
}

/** The reverse. In a copy, which may stay as long as it likes. */
export const readPointer = (bytes: Buffer, at: number): Pointer => ({
  seenAt: bytes.readUInt32BE(at),
  box: Uint8Array.from(bytes.subarray(at + SEEN, at + POINTER)),
})

/** In the last line of a plain record. */
export const pointerText = ({ seenAt, box }: Pointer): string => `${seenAt} ${asBuffer(box).toString('base64url')}`

/** The reverse of its two words. */
export const pointerOf = (seenAt: string, box: string): Pointer => ({
  seenAt: Number(seenAt),
  box: Uint8Array.from(Buffer.from(box, 'base64url')),
})

/** Characters of a box in a plain record. */
export const BOX_TEXT = Math.ceil((BOX * 4) / 3)
