import fc from 'fast-check'

const scalar = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.integer().map(String),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((number) => JSON.stringify(number)),
  // Integers that a JavaScript number cannot hold, and whole floats.
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc.integer({ min: -1000, max: 1000 }).map((number) => `${number}.0`),
  fc.boolean().map(String),
  fc.constant('null'),
  fc.date({ noInvalidDate: true }).map((date) => JSON.stringify(date)),
)
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((key) => !/^[~_]/.test(key))
const listOf = (item: fc.Arbitrary<string>) => fc.array(item, { maxLength: 4 }).map((items) => `[${items.join(',')}]`)
const objectOf = (key: fc.Arbitrary<string>, item: fc.Arbitrary<string>, minKeys = 0) =>
  fc
    .uniqueArray(fc.tuple(key, item), { selector: ([key]) => key, minLength: minKeys, maxLength: 5 })
    .map((pairs) => `{${pairs.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`)
/** A value of a session. */
export const value = fc.oneof(scalar, listOf(scalar), objectOf(name, fc.oneof(scalar, listOf(scalar))))

/** The JSON of sessions as Python may write it, small enough for a cookie. */
export const content = objectOf(name, value, 1).filter(
  (text) => JSON.stringify(Buffer.from(text).toString('latin1')).length < 1200,
)

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const isLarge = (token: string) => /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token))

/**
 * What Node should read from JSON: an integer that a number cannot hold becomes its digits. By the text, because V8 hands a reviver the
 * source of another value where keys have escapes.
 */
export const seenOf = (text: string): unknown =>
  JSON.parse(text.replace(TOKENS, (token) => (isLarge(token) ? `"${BigInt(token)}"` : token)))
export const plain = (text: string): unknown => JSON.parse(text, (_, value) => (Object.is(value, -0) ? 0 : value))
