import { parseJson } from '../base/json.ts'
import { DataError } from '../errors.ts'

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
}

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
  if (meta.stamp !== undefined) head += `,"s":${JSON.stringify(meta.stamp)}`
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
    const meta: Meta = head.s === undefined ? common : { ...common, stamp: head.s }
    return isObject(values) && isMeta(meta) ? { meta, data, values } : null
  } catch {
    return null
  }
}

export function isEmpty(values: Values): boolean {
  for (const key in values) if (Object.hasOwn(values, key)) return false
  return true
}

const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isMeta = (meta: Meta) =>
  Number.isFinite(meta.createdAt) &&
  Number.isFinite(meta.deadline) &&
  Number.isFinite(meta.idle) &&
  (meta.authenticatedAt === null || Number.isFinite(meta.authenticatedAt)) &&
  (meta.userId === null || typeof meta.userId === 'string') &&
  (meta.label === null || typeof meta.label === 'string') &&
  (meta.stamp === undefined || typeof meta.stamp === 'string')

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
