import { parseJson } from '../base/json.ts'
import { DataError } from '../errors.ts'
import type { StoredBinding } from './bound.ts'
import type { Proof } from './proof.ts'

/** What the library itself stores with a session: sealed with the data, and the only source of truth about it. */
export interface Meta {
  /** When it was created, or when its user last signed in. */
  readonly createdAt: number
  /** When its user last signed in; null while anonymous. */
  readonly authenticatedAt: number | null
  /** The absolute deadline. */
  readonly deadline: number
  /** Idle limit in ms; 0 is none. */
  readonly idle: number
  readonly userId: string | null
  /** Does the cookie outlive the browser? */
  readonly persistent: boolean
  /** The device, as device lists show it. */
  readonly label: string | null
  /** The credential stamp of the login; present with the option `credential`. */
  readonly stamp?: string | undefined
  /** The shortened address of the request that saved it last; present with the option `address`, for users' sessions. */
  readonly address?: string | undefined
  /** What the user has proved, in the order of `withProofs`. Absent where a login told its moment alone; empty if nothing of it counts. */
  readonly proofs?: readonly Proof[] | undefined
  /** The devices and networks that it was seen with, as signal-values.ts writes them; present with the option `signals`, for users' sessions. */
  readonly signals?: string | undefined
  /** The device that it belongs to; present with the option `deviceBound`, for users' sessions. */
  readonly bound?: StoredBinding | undefined
}

/** A session as it is sealed: its meta, and the application's data as a JSON object. */
export interface Content {
  readonly meta: Meta
  readonly data: string
}

export type Values = { [key: string]: unknown }

/** Content with its data parsed. Every request that reads this session shares these values, so nobody may change them. */
export interface Parsed extends Content {
  readonly values: Values
}

/** The meta, as `encodeContent` writes it. */
interface Head {
  readonly c: number
  readonly d: number
  readonly i: number
  readonly a?: number
  readonly u?: string
  readonly l?: string
  readonly p?: 1
  readonly s?: string
  readonly r?: string
  readonly v?: readonly Proof[]
  readonly g?: string
  readonly b?: StoredBinding
}

/** What many sessions do not have, by its name in the head. */
const OPTIONAL = [
  ['s', 'stamp'],
  ['r', 'address'],
  ['g', 'signals'],
] as const

/**
 * Two lines of JSON: JSON never contains a raw line feed, so the first one, which ends the first piece, separates. Names are short
 * because they go into cookies.
 */
export function encodeContent({ meta, data }: Content): readonly [head: string, data: string] {
  let head = `{"c":${meta.createdAt},"d":${meta.deadline},"i":${meta.idle}`
  if (meta.authenticatedAt !== null) head += `,"a":${meta.authenticatedAt}`
  if (meta.userId !== null) head += `,"u":${JSON.stringify(meta.userId)}`
  if (meta.label !== null) head += `,"l":${JSON.stringify(meta.label)}`
  if (meta.persistent) head += ',"p":1'
  for (const [short, name] of OPTIONAL)
    if (meta[name] !== undefined) head += `,"${short}":${JSON.stringify(meta[name])}`
  if (meta.proofs !== undefined) head += `,"v":${JSON.stringify(meta.proofs)}`
  if (meta.bound !== undefined) head += `,"b":${JSON.stringify(meta.bound)}`
  return [`${head}}\n`, data]
}

/** How everything that `encodeContent` writes begins. */
export const CONTENT_HEAD = /^\{"c":\d+,"d":\d+,"i":\d+/

/** The reverse. Null for anything that `encodeContent` cannot have written. */
export function decodeContent(text: string): Parsed | null {
  const end = text.indexOf('\n')
  if (end < 0) return null
  try {
    const head = parseJson(text.slice(0, end)) as Head
    const data = text.slice(end + 1)
    const values = parseJson(data)
    const common = {
      createdAt: head.c,
      authenticatedAt: head.a ?? null,
      deadline: head.d,
      idle: head.i,
      userId: head.u ?? null,
      persistent: head.p === 1,
      label: head.l ?? null,
    }
    let meta: Meta = common
    for (const [short, name] of OPTIONAL) if (head[short] !== undefined) meta = { ...meta, [name]: head[short] }
    if (head.v !== undefined) meta = { ...meta, proofs: head.v }
    if (head.b !== undefined) meta = { ...meta, bound: head.b }
    return isObject(values) && isMeta(meta) ? { meta, data, values } : null
  } catch {
    return null
  }
}

/** The key of the version of the data; see the option `dataSchema`. */
export const VERSION = '~v'

/** A version alone is no data. */
export function isEmpty(values: Values): boolean {
  for (const key in values) if (key !== VERSION && Object.hasOwn(values, key)) return false
  return true
}

const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isMeta = (meta: Meta) =>
  [meta.createdAt, meta.deadline, meta.idle, meta.authenticatedAt ?? 0].every(Number.isFinite) &&
  [meta.userId, meta.label, ...OPTIONAL.map(([, name]) => meta[name] ?? null)].every(isText) &&
  (meta.proofs === undefined || Array.isArray(meta.proofs)) &&
  (meta.bound === undefined || isObject(meta.bound))

const isText = (value: unknown) => value === null || typeof value === 'string'

/** Throws `DataError`, naming the key, unless `value` comes back from JSON as it went in. */
export function checkValue(key: string, value: unknown, above: object[] = []): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (typeof value !== 'object')
    throw unfit(key, typeof value === 'number' ? String(value) : `a value of type ${typeof value}`)
  if (above.includes(value)) throw unfit(key, 'a cycle')
  if (above.length === 200) throw unfit(key, 'nesting deeper than 200')
  above.push(value)
  if (Array.isArray(value)) for (const item of value) checkValue(key, item, above)
  else checkObject(key, value as Values, above)
  above.pop()
}

function checkObject(key: string, value: Values, above: object[]): void {
  const prototype = Object.getPrototypeOf(value)
  // Another realm, such as a test runner's, has an Object.prototype of its own; its objects are plain, too.
  const plain = prototype === null || Object.getPrototypeOf(prototype) === null
  if (!plain || typeof value.toJSON === 'function')
    throw unfit(key, `an instance of ${prototype?.constructor?.name || 'a class without a name'}`)
  for (const name of Object.keys(value)) {
    // An optional property that is undefined comes back as missing, which reads the same.
    if (value[name] !== undefined) checkValue(key, value[name], above)
  }
}

const unfit = (key: string, what: string) =>
  new DataError(
    key,
    `The session value '${key}' contains ${what}, which JSON cannot hold. Store plain objects, arrays, strings, finite numbers, booleans and null; a Date as its ISO string, a Map as its entries.`,
  )
