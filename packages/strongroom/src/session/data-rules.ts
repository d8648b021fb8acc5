import { ConfigError, DataError } from '../errors.ts'
import type { Values } from './content.ts'
import type { Changes } from './merge.ts'
import type { Serializer } from './serializer.ts'
import type { StandardIssue, StandardSchemaV1 } from './standard-schema.ts'

/** Values of a session, and the same as JSON. */
export interface SessionData {
  readonly values: Values
  readonly data: string
}

/** Under which `dataSchema()` has its function: a schema of a library may have any other key. The same in every copy of the package. */
export const RULES: unique symbol = Symbol.for('dataSchema')

type RulesFor = (serializer: Serializer | null) => DataRules

/** What makes the rules, if `given` is what `dataSchema()` returns; undefined for anything else. */
export const rulesFor = (given: unknown): RulesFor | undefined => (given as { [RULES]?: RulesFor } | null)?.[RULES]

/** Before the keys of data that a newer version has written, and that do not fit here: they stay in the session. */
export const HIDDEN = '~kept.'

/** A copy of a session as the application may see it, and what is stored instead. */
export interface Fitted extends SessionData {
  readonly shared: Values
  readonly stored: SessionData & { readonly shared: Values }
}

/** What was found when a session was loaded, for an event. Keys and numbers, and no data. */
export type DataFact =
  | {
      readonly type: 'mismatch'
      readonly keys: readonly string[]
      readonly outcome: 'dropped' | 'cleared' | 'repaired' | 'hidden' | 'refused'
    }
  | { readonly type: 'upgraded'; readonly from: number; readonly to: number }

/** The option `dataSchema`, as a request uses it; `DataSchemaRules` is the implementation. */
export interface DataRules {
  /**
   * What the application may see of a copy that was loaded; null for all of it, as it is. `tell` is called once for each copy, and says
   * whether anybody listens. Throws `DataError`.
   */
  fit<Copy extends SessionData>(copy: Copy, tell: (fact: DataFact) => boolean): (Copy & Fitted) | null
  /**
   * Throws `DataError` unless `values`, which a request is about to save with these changes, fit, and `ReadOnlyError` if they lay over those
   * of a newer version. Returns them with their version.
   */
  check(values: Values, changes: Changes, request: ChangingRequest): Values
}

/** What the check of changes has to know of their request; a `State` has it. */
export interface ChangingRequest {
  /** The values that the changes lay over. */
  readonly shared: Values
  /** Those of the copy that the request had loaded, as JSON. Only there for this copy, and not for one that others have saved since. */
  readonly base?: string | undefined
}

/** What a schema finds wrong. Throws `ConfigError` for what is no schema of Standard Schema v1, or an asynchronous one. */
export function issuesOf(schema: StandardSchemaV1, data: Values): readonly StandardIssue[] {
  const result = validated(schema, data)
  if (typeof result !== 'object' || result === null) throw noResult()
  if ('then' in result && typeof result.then === 'function') {
    // Nobody waits for it, so its failure would end the process.
    Promise.resolve(result).catch(() => undefined)
    throw new ConfigError(
      'dataSchema must not be asynchronous: session data are checked before a response begins, without waiting. Remove what is async from the schema; of zod, also what throws.',
    )
  }
  const { issues = [] } = result as { readonly issues?: unknown }
  if (!Array.isArray(issues) || !issues.every((issue) => typeof issue === 'object' && issue !== null)) throw noResult()
  return issues
}

const noResult = () =>
  new ConfigError(
    'The schema of dataSchema returned what is no result of Standard Schema v1: neither an object with a value, nor one with a list of issues.',
  )

function validated(schema: StandardSchemaV1, data: Values): unknown {
  try {
    return schema['~standard'].validate(data)
  } catch (cause) {
    throw new DataError('', 'The schema of dataSchema has thrown; its own error is the cause.', { cause })
  }
}

/** The key that an issue is about. A symbol is none: a session has only strings. */
export function keyOf({ path }: StandardIssue): string | undefined {
  const [first] = path ?? []
  const key = typeof first === 'object' ? first.key : first
  return key === undefined || typeof key === 'symbol' ? undefined : String(key)
}

/** An issue without a key is about all keys, unless it lists them itself, as that of zod's `strictObject` does. */
export function keysOf(issue: StandardIssue, data: Values): readonly string[] {
  const key = keyOf(issue)
  if (key !== undefined) return [key]
  const { keys } = issue as { readonly keys?: unknown }
  return Array.isArray(keys) ? keys.map(String) : Object.keys(data)
}
