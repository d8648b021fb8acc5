import { parseJson } from '../base/json.ts'
import { DataError } from '../errors.ts'
import type { Values } from '../session/content.ts'
import type { Session } from '../session/session.ts'
import { own, put } from '../session/values.ts'
import { isReserved } from './request-session.ts'

/** One key that was changed: its JSON, or undefined if it was deleted. */
export interface Edit {
  readonly key: string
  readonly text: string | undefined
}

/** Is this key of a session shown on `req.session`? */
export const isShown = (key: string) => !key.startsWith('~') && !isReserved(key)

/** What was changed on `req.session` since it showed what is `known`. Throws `DataError` for what JSON cannot hold. */
export function editsBetween(known: Values, shown: Values): readonly Edit[] {
  const edits: Edit[] = []
  for (const key of Object.keys(shown)) {
    if (isReserved(key)) continue
    const [value, before] = [shown[key], own(known, key)]
    // Nothing is undefined in JSON.
    if (value !== undefined && isSame(value, before)) continue
    const text = jsonOf(key, value)
    // As in JSON, what it cannot carry is not there.
    if (text === undefined ? Object.hasOwn(known, key) : text !== JSON.stringify(before)) edits.push({ key, text })
  }
  for (const key of Object.keys(known))
    if (isShown(key) && !Object.hasOwn(shown, key)) edits.push({ key, text: undefined })
  return edits
}

function jsonOf(key: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new DataError(
      key,
      `req.session.${key} cannot be stored: it has a cycle, a BigInt, or a toJSON() that throws. Store plain objects, arrays, strings and numbers.`,
      { cause },
    )
  }
}

/** Brings the edits into a session; returns what is known of it then. */
export function carriedOver(edits: readonly Edit[], session: Session<Values>, before: Values): Values {
  if (edits.length === 0) return before
  const known = { ...before }
  for (const { key, text } of edits) {
    if (text === undefined) {
      session.delete(key)
      delete known[key]
    } else {
      session.set(key, parseJson(text))
      // Another copy: the session lends its own to those who ask for it.
      put(known, key, parseJson(text))
    }
  }
  return known
}

/** A copy whose objects are the caller's own; `text` is its JSON, where that is at hand. */
export function copyOf(values: Values, text: string | null = null): Values {
  for (const key of Object.keys(values))
    if (typeof values[key] === 'object' && values[key] !== null)
      return parseJson(text ?? JSON.stringify(values)) as Values
  return { ...values }
}

/**
 * Does a value have the JSON of one that was parsed from JSON? Faster than making it, and never right by mistake: what is not plain
 * counts as different.
 */
export function isSame(value: unknown, before: unknown): boolean {
  if (value === before) return true
  if (typeof value !== 'object' || typeof before !== 'object' || value === null || before === null) return false
  if (Array.isArray(value)) return Array.isArray(before) && isSameList(value, before)
  if (Array.isArray(before) || Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false
  const [keys, others] = [Object.keys(value), Object.keys(before)]
  return (
    keys.length === others.length &&
    keys.every((key, i) => key === others[i] && isSame(value[key as never], before[key as never]))
  )
}

const isSameList = (list: readonly unknown[], before: readonly unknown[]) =>
  list.length === before.length && !('toJSON' in list) && before.every((item, i) => isSame(list[i], item))
