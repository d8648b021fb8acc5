import { parseJson } from '../base/json.ts'
import { DataError } from '../errors.ts'
import type { Values } from '../session/content.ts'
import { own } from '../session/values.ts'
import { isReserved, type RequestSession } from './request-session.ts'

/** One key that was changed: its JSON, or undefined if it was deleted. */
export interface Edit {
  readonly key: string
  readonly text: string | undefined
}

/** Is this key of a session shown on `req.session`? */
export const isShown = (key: string) => !key.startsWith('~') && !isReserved(key)

/** What was changed on `req.session` since it showed what is `known`. Throws `DataError` for what JSON cannot hold. */
export function editsBetween(known: Values, shown: RequestSession): readonly Edit[] {
  const edits: Edit[] = []
  for (const key of Object.keys(shown)) {
    if (isReserved(key)) continue
    const [value, before] = [shown[key], own(known, key)]
    if (value === before && typeof value !== 'object') continue
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
      `req.session.${key} cannot be stored: JSON has no cycles and no BigInt. Store plain objects, arrays, strings and numbers.`,
      { cause },
    )
  }
}

/** A copy whose objects are the caller's own. */
export function copyOf(values: Values): Values {
  for (const key of Object.keys(values))
    if (typeof values[key] === 'object' && values[key] !== null) return parseJson(JSON.stringify(values)) as Values
  return { ...values }
}
