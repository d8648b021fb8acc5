import { createHash } from 'node:crypto'
import { latin1Of } from '../base/bytes.ts'
import { parseJson } from '../base/json.ts'
import type { Id } from '../crypto/token.ts'
import { StoreError } from '../errors.ts'
import type { Found, Listing } from '../store.ts'

/*
 * What the library itself keeps in a store beside the sessions. These are ordinary entries, told apart by their labels: a
 * session's label is sealed, and much longer. Lists, counts and limits pass over them. The label 0 is not here: it is that of the
 * tombstones of engines/moving.
 */

/** In place of a session that ended, for as long as something must know: its cookie opens nothing, and creates nothing. */
export const TOMBSTONE: Uint8Array = Uint8Array.of(1)
/** Of a user: moved when all of the user's sessions are ended, and read by a login when it begins and once it is stored. */
export const EPOCH: Uint8Array = Uint8Array.of(2)
/** The key ids under which users have sessions. */
export const KEYS: Uint8Array = Uint8Array.of(3)
/** Of a session of another framework that was adopted, or ended before that. */
export const RECEIPT: Uint8Array = Uint8Array.of(4)
/** Of a session of another framework that was moved, and whose visitor has not come yet. */
export const COPY: Uint8Array = Uint8Array.of(5)
/** Of a user of whom a session has ended. */
export const ENDED: Uint8Array = Uint8Array.of(6)

/** In place of an anonymous session in which nothing was left, for as long as requests may be under way that had it. */
export const EMPTIED: Uint8Array = Uint8Array.of(7)

/** Of figures: what happened to all sessions in some hours, as numbers. */
export const FIGURES: Uint8Array = Uint8Array.of(8)

export const hasLabel = ({ label }: Pick<Listing, 'label'>, one: Uint8Array): boolean =>
  label?.length === 1 && label[0] === one[0]

/** A hash: anyone who reads the store learns that there is such an entry, and for an owner tag, that it is this one's. */
export const ownId = (kind: 'session' | 'epoch' | 'keys' | 'ended' | 'figures', name: string): Id =>
  createHash('sha256').update(`strongroom ${kind}\n${name}`).digest('hex') as Id

/**
 * The JSON in such an entry. Throws `StoreError` if it was altered: what it said is unknown, and not absent. It has no owner; under
 * one, no update of it would ever succeed, and a caller that tries until it does would never end.
 */
export function jsonIn<T>({ entry }: Found, isRight: (value: unknown) => value is T): T {
  const value = parsed(latin1Of(entry.bytes))
  if (entry.owner === null && isRight(value)) return value
  throw new StoreError('An entry that says which sessions have ended was altered in the store. Remove or restore it.')
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** For entries that say enough by being there. */
export const NOTHING: Uint8Array = new Uint8Array(0)

/** Longer than the clocks of two servers differ, and than a request is under way. */
export const MARGIN = 86_400_000
