import { DataError } from 'strongroom'

/** A whole number that Python should read as a float: `1.0`, not `1`. */
export class Float {
  readonly value: number

  constructor(value: number) {
    if (typeof value !== 'number') throw new TypeError('float() takes a number.')
    this.value = value
  }
}

/** Marks a number as a float: `float(1)` is written as `1.0`, where a plain 1 would be an int in Python. */
export function float(value: number): Float {
  return new Float(value)
}

/** Deeper than the reader accepts, so that everything that was read can be written. */
const DEEPEST = 1100

/**
 * Writes what Python's `json.dumps(value, separators=(',', ':'))` writes: only ASCII, floats as `repr` writes them, NaN and
 * Infinity without quotes. Accepts plain objects and arrays, Maps (which preserve the order, and whose keys may be any scalar),
 * strings, booleans, null, numbers, bigints and `float(n)`. A whole number is an int if it is a safe integer, otherwise a float.
 * Throws `DataError` for anything else.
 */
export function writeJson(value: unknown, depth = 0): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'string':
      return writeString(value)
    case 'number':
      return writeNumber(value)
    case 'bigint':
      return value.toString()
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (depth > DEEPEST)
        throw new DataError('', `A value is nested deeper than ${DEEPEST} levels, or contains itself.`)
      return writeObject(value, depth + 1)
    default:
      throw unsupported(`a value of type ${typeof value}`)
  }
}

function writeObject(value: object, depth: number): string {
  if (value instanceof Float) return reprFloat(value.value)
  if (Array.isArray(value)) return `[${value.map((item) => writeJson(item, depth)).join(',')}]`
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${writeKey(key)}:${writeJson(item, depth)}`).join(',')}}`
  const prototype = Object.getPrototypeOf(value)
  // An object from another realm is plain, too: its prototype is that realm's Object.prototype.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw unsupported(`an object of the class ${prototype.constructor?.name || '(no name)'}`)
  const pairs = Object.entries(value).filter(([, item]) => item !== undefined)
  return `{${pairs.map(([key, item]) => `${writeString(key)}:${writeJson(item, depth)}`).join(',')}}`
}

/** Python's dict keys become strings: 1 → "1", True → "true", None → "null", 2.5 → "2.5". */
function writeKey(key: unknown): string {
  if (typeof key === 'string') return writeString(key)
  if (key !== null && typeof key === 'object' && !(key instanceof Float)) throw unsupported('an object as a key')
  return `"${writeJson(key)}"`
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
}

/** Escapes every UTF-16 unit outside 0x20 to 0x7e as \uXXXX, including 0x7f, which `JSON.stringify` leaves as it is. */
export function writeString(text: string): string {
  const escaped = text.replace(
    /["\\]|[^ -~]/g,
    (unit) => SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"`
}

function writeNumber(value: number): string {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value)
  return reprFloat(value)
}

/** Python's `repr` of a float: the shortest digits that parse to the same float, with an exponent from 1e16 on and below 1e-4. */
export function reprFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa = '', power = ''] = value.toExponential().split('e')
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 16)
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  const sign = value < 0 ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '')
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`
}

const unsupported = (what: string) =>
  new DataError(
    '',
    `JSON cannot express ${what}. Use plain objects, Maps, arrays, strings, numbers, bigints, booleans and null.`,
  )
