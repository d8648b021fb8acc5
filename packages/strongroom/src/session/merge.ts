import type { Values } from './content.ts'

/**
 * What one request did to one top-level key. An `update` is stored as its functions, which can run again on a newer value:
 * that is how two hundred parallel increments end at two hundred.
 */
export type Edit =
  | { readonly kind: 'set'; readonly value: unknown }
  | { readonly kind: 'delete' }
  | { readonly kind: 'update'; readonly steps: readonly ((value: unknown) => unknown)[] }

/** What one request did: `cleared` first, then the edits. */
export interface Changes {
  readonly cleared: boolean
  readonly edits: ReadonlyMap<string, Edit>
}

/** Defines the key instead of assigning to it: `__proto__` must become data and not a prototype. */
export function put(values: Values, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(values, key, { value, writable: true, enumerable: true, configurable: true })
  else values[key] = value
}

/** One request's changes applied to a newer copy of the session than the request had read. `newer` is not changed. */
export function applyChanges({ cleared, edits }: Changes, newer: Values): Values {
  const merged: Values = cleared ? {} : { ...newer }
  for (const [key, edit] of edits) {
    const value =
      edit.kind === 'delete' ? undefined : edit.kind === 'set' ? edit.value : run(edit.steps, copyOf(own(merged, key)))
    if (value === undefined) delete merged[key]
    else put(merged, key, value)
  }
  return merged
}

/** The value that the session itself has under the key, never an inherited one such as `constructor`. */
export function own(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined
}

/** A step may change what it is given in place. */
const copyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? JSON.parse(JSON.stringify(value)) : value

const run = (steps: readonly ((value: unknown) => unknown)[], value: unknown) =>
  steps.reduce((v, step) => step(v), value)

/**
 * The keys whose values were changed in place. `lent` are the keys whose objects the application had a reference to, `base`
 * is the JSON that was loaded. Where nothing was lent, nothing can have changed, and nothing is encoded.
 */
export function changedInPlace(lent: Iterable<string>, values: Values, base: string): string[] {
  const before = JSON.parse(base) as Values
  const changed: string[] = []
  for (const key of lent) {
    if (JSON.stringify(own(values, key)) !== JSON.stringify(own(before, key))) changed.push(key)
  }
  return changed
}

/** A list without the items that have this JSON, each removed once; undefined when none is left. */
export function without(list: readonly unknown[], texts: readonly string[]): unknown[] | undefined {
  const gone = [...texts]
  const left = list.filter((item) => {
    const at = gone.indexOf(JSON.stringify(item))
    if (at >= 0) gone.splice(at, 1)
    return at < 0
  })
  return left.length > 0 ? left : undefined
}

/** Another framework that writes the session too may have stored something else than a list; that counts as an empty one. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
