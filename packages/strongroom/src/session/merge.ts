import { parseJson } from '../base/json.ts'
import type { Values } from './content.ts'
import { own, put } from './values.ts'

/**
 * What one request did to one top-level key. An `update` is stored as its functions, which can run again on a newer value:
 * that is how two hundred parallel increments end at two hundred.
 */
export type Edit =
  | { readonly kind: 'set'; readonly value: unknown }
  | { readonly kind: 'delete' }
  | { readonly kind: 'update'; readonly steps: readonly ((value: unknown) => unknown)[] }
  /** A login has kept it: see `kept` of `Changes`. */
  | { readonly kind: 'keep' }

/** What one request did: `cleared` first, then the edits. */
export interface Changes {
  readonly cleared: boolean
  /** What a login, which has cleared the rest, keeps of the newer copy. */
  readonly kept?: ((newer: Values) => Values) | null | undefined
  readonly edits: ReadonlyMap<string, Edit>
}

/** One request's changes applied to a newer copy of the session than the request had read. `newer` is not changed. */
export function applyChanges({ cleared, kept, edits }: Changes, newer: Values): Values {
  const merged: Values = cleared ? (kept?.(newer) ?? {}) : { ...newer }
  for (const [key, edit] of edits) {
    if (edit.kind === 'keep') continue
    const value =
      edit.kind === 'delete' ? undefined : edit.kind === 'set' ? edit.value : run(edit.steps, copyOf(own(merged, key)))
    if (value === undefined) delete merged[key]
    else put(merged, key, value)
  }
  return merged
}

/** A step may change what it is given in place. */
const copyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? parseJson(JSON.stringify(value)) : value

const run = (steps: readonly ((value: unknown) => unknown)[], value: unknown) =>
  steps.reduce((v, step) => step(v), value)

/**
 * The keys whose values were changed in place. `lent` are the keys whose objects the application had a reference to, `base`
 * is the JSON that was loaded. Where nothing was lent, nothing can have changed, and nothing is encoded.
 */
export function changedInPlace(lent: Iterable<string>, values: Values, base: string): string[] {
  const before = parseJson(base) as Values
  const changed: string[] = []
  for (const key of lent) {
    if (JSON.stringify(own(values, key)) !== JSON.stringify(own(before, key))) changed.push(key)
  }
  return changed
}
