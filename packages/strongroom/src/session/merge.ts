import type { Values } from './content.ts'

/**
 * What one request did to one top-level key. An `update` keeps its functions, so that they can be run again over a newer
 * value: that is how two hundred parallel increments end at two hundred.
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

/** Defines instead of assigning, for a key named `__proto__` must become data and not a prototype. */
export function put(values: Values, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(values, key, { value, writable: true, enumerable: true, configurable: true })
  else values[key] = value
}

/** Lays one request's changes over the session as it is by now, newer than what it had read; `newer` stays as it is. */
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

/** The value that the session itself has under the key: never what an object inherits, such as `constructor`. */
export function own(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined
}

/** A step may change what it is given in place. */
const copyOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? JSON.parse(JSON.stringify(value)) : value

const run = (steps: readonly ((value: unknown) => unknown)[], value: unknown) =>
  steps.reduce((v, step) => step(v), value)

/**
 * The keys whose values were changed in place. `lent` are the keys whose objects the application has had in its hands;
 * `base` is the text that was loaded. Where nothing was lent, nothing can have changed and nothing is encoded.
 */
export function changedInPlace(lent: Iterable<string>, values: Values, base: string): string[] {
  const before = JSON.parse(base) as Values
  const changed: string[] = []
  for (const key of lent) {
    if (JSON.stringify(own(values, key)) !== JSON.stringify(own(before, key))) changed.push(key)
  }
  return changed
}

/** A list less the items with these texts, each taken away once; undefined when none is left. */
export function without(list: readonly unknown[], texts: readonly string[]): unknown[] | undefined {
  const gone = [...texts]
  const left = list.filter((item) => {
    const at = gone.indexOf(JSON.stringify(item))
    if (at >= 0) gone.splice(at, 1)
    return at < 0
  })
  return left.length > 0 ? left : undefined
}

/** Where another framework writes a session too, there may be something else than a list; it is as none. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
