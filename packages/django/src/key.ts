import { createHash, randomInt } from 'node:crypto'
import type { Id } from 'strongroom'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** A new session key as Django makes them: 32 characters, 165 bits. */
export function newKey(): string {
  let key = ''
  while (key.length < 32) key += LETTERS[randomInt(LETTERS.length)]
  return key
}

/**
 * What may be asked of a store: Django's least length, and its column's 40 characters. With nothing else in it, no key means
 * another one to a database that folds case, is a path, or holds a NUL.
 */
export const isKey = (text: string) => /^[a-z0-9]{8,40}$/.test(text)

/** What events and handles know a session by: nobody gets from it to the key, which is all that a thief needs. */
export const idOf = (text: string) =>
  createHash('sha256').update('strongroom django\n').update(text).digest('hex') as Id
