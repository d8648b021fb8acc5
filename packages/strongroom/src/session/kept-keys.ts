import { UnsupportedError } from '../errors.ts'
import { lend } from './changes.ts'
import { VERSION } from './content.ts'
import { HIDDEN } from './data-rules.ts'
import type { KeptBy } from './state.ts'

/** The keys that a login keeps, with what is hidden under them. */
export const keysOf = (keep: 'none' | readonly string[]): readonly string[] =>
  keep === 'none' ? [] : keep.flatMap((key) => [key, HIDDEN + key])

/** What a login keeps in a Worker, where no parallel request can save a newer copy: all, none, or keys. */
export const keptKeys: KeptBy = (state, keep) => {
  if (typeof keep === 'function')
    throw new UnsupportedError("A function for keep needs createSessions from 'strongroom/stores'.")
  return { now: [...keysOf(keep), VERSION].map((key) => [key, lend(state, key)] as const) }
}
