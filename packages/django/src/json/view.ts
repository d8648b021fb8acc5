import { put } from 'strongroom/internal'
import type { Node, ObjectNode, ScalarNode } from './read.ts'
import { writeJson, writeString } from './write.ts'

/** Returns the value of a node: plain objects and arrays, and a bigint when a number cannot hold an integer. */
export function toValue(node: Node): unknown {
  return convert(node, ({ value }) => value)
}

/**
 * Returns the value of a node as far as JSON can express it, because a session's values are stored and compared as JSON. A number
 * that it cannot express becomes the string that Python prints for it: an integer its digits, and the others `'NaN'`,
 * `'Infinity'` or `'-Infinity'`. Not null, because then null could not be stored in the place of such a number.
 */
export function toJsonValue(node: Node): unknown {
  return convert(node, jsonScalar)
}

function convert(node: Node, scalar: (node: ScalarNode) => unknown): unknown {
  if (node.kind === 'scalar') return scalar(node)
  if (node.kind === 'array') return node.items.map((item) => convert(item, scalar))
  const values = {}
  for (const [key, entry] of node.entries) put(values, key, convert(entry, scalar))
  return values
}

function jsonScalar({ value }: ScalarNode): string | number | boolean | null {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

interface Patched {
  readonly text: string
  /** Whether it is the original text. */
  readonly same: boolean
}

/**
 * Returns the JSON of `value`, a changed copy of `toJsonValue(original)`. Whatever is still equal keeps its original text and
 * its position, at any depth.
 */
export function patchJson(original: Node | undefined, value: unknown): string {
  return patch(original, value).text
}

function patch(original: Node | undefined, value: unknown): Patched {
  if (original?.kind === 'scalar' && jsonScalar(original) === value) return { text: original.raw, same: true }
  if (original?.kind === 'array' && Array.isArray(value)) return patchArray(original.raw, original.items, value)
  if (original?.kind === 'object' && typeof value === 'object' && value !== null && !Array.isArray(value))
    return patchObject(original, value as Record<string, unknown>)
  return { text: writeJson(value), same: false }
}

function patchArray(raw: string, items: readonly Node[], values: readonly unknown[]): Patched {
  const patched = values.map((value, i) => patch(items[i], value))
  if (patched.length === items.length && patched.every(({ same }) => same)) return { text: raw, same: true }
  return { text: `[${patched.map(({ text }) => text).join(',')}]`, same: false }
}

function patchObject({ raw, entries }: ObjectNode, values: Record<string, unknown>): Patched {
  const pairs: string[] = []
  let same = true
  for (const [key, node] of entries) {
    if (!Object.hasOwn(values, key)) {
      same = false
      continue
    }
    const patched = patch(node, values[key])
    same &&= patched.same
    pairs.push(`${writeString(key)}:${patched.text}`)
  }
  for (const key of Object.keys(values)) {
    if (entries.has(key) || values[key] === undefined) continue
    same = false
    pairs.push(`${writeString(key)}:${writeJson(values[key])}`)
  }
  return same ? { text: raw, same } : { text: `{${pairs.join(',')}}`, same }
}
