import { put } from 'strongroom/internal'
import type { Node, ObjectNode, ScalarNode } from './read.ts'
import { writeJson, writeString } from './write.ts'

/** The value of a node: plain objects and arrays, and a bigint where a number cannot hold an integer. */
export function toValue(node: Node): unknown {
  return shown(node, ({ value }) => value)
}

/**
 * The value of a node in what JSON has: an integer that a number cannot hold is its digits as a string, and what is not a
 * number, or infinite, is null. A session's values are kept as JSON texts, and compared as such.
 */
export function toJsonValue(node: Node): unknown {
  return shown(node, jsonScalar)
}

function shown(node: Node, scalar: (node: ScalarNode) => unknown): unknown {
  if (node.kind === 'scalar') return scalar(node)
  if (node.kind === 'array') return node.items.map((item) => shown(item, scalar))
  const values = {}
  for (const [key, entry] of node.entries) put(values, key, shown(entry, scalar))
  return values
}

function jsonScalar({ value }: ScalarNode): string | number | boolean | null {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}

interface Laid {
  readonly text: string
  /** Is it the text that was there? */
  readonly same: boolean
}

/**
 * The JSON text of `value`, which is what became of `toJsonValue(was)`: whatever still says the same keeps its text, at any
 * depth, and its place.
 */
export function layOver(was: Node | undefined, value: unknown): string {
  return lay(was, value).text
}

function lay(was: Node | undefined, value: unknown): Laid {
  if (was?.kind === 'scalar' && jsonScalar(was) === value) return { text: was.raw, same: true }
  if (was?.kind === 'array' && Array.isArray(value)) return layArray(was.raw, was.items, value)
  if (was?.kind === 'object' && typeof value === 'object' && value !== null && !Array.isArray(value))
    return layObject(was, value as Record<string, unknown>)
  return { text: writeJson(value), same: false }
}

function layArray(raw: string, items: readonly Node[], values: readonly unknown[]): Laid {
  const laid = values.map((value, i) => lay(items[i], value))
  if (laid.length === items.length && laid.every(({ same }) => same)) return { text: raw, same: true }
  return { text: `[${laid.map(({ text }) => text).join(',')}]`, same: false }
}

function layObject({ raw, entries }: ObjectNode, values: Record<string, unknown>): Laid {
  const pairs: string[] = []
  let same = true
  for (const [key, node] of entries) {
    if (!Object.hasOwn(values, key)) {
      same = false
      continue
    }
    const laid = lay(node, values[key])
    same &&= laid.same
    pairs.push(`${writeString(key)}:${laid.text}`)
  }
  for (const key of Object.keys(values)) {
    if (entries.has(key) || values[key] === undefined) continue
    same = false
    pairs.push(`${writeString(key)}:${writeJson(values[key])}`)
  }
  return same ? { text: raw, same } : { text: `{${pairs.join(',')}}`, same }
}
