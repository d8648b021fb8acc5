import { checkOptions, wholeNumber } from '../base/check.ts'
import { parseJson } from '../base/json.ts'
import { reasonWarnings } from '../base/reasons.ts'
import { ConfigError, DataError, ReadOnlyError } from '../errors.ts'
import { checkValue, isEmpty, type Values, VERSION } from './content.ts'
import {
  type ChangingRequest,
  type DataFact,
  type DataRules,
  type Fitted,
  HIDDEN,
  issuesOf,
  keyOf,
  keysOf,
  RULES,
  type SessionData,
} from './data-rules.ts'
import type { Changes } from './merge.ts'
import type { Serializer } from './serializer.ts'
import type { StandardIssue, StandardSchemaV1 } from './standard-schema.ts'
import { own, put } from './values.ts'

export type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema.ts'

/** A session's data: a plain object with the application's keys. */
export type DataValues = Record<string, unknown>

/** Returns new data, and only computes: no I/O, no promise. It may change what it is given. */
export type DataUpgrade = (data: DataValues) => DataValues

/** The same for data that do not fit; `keys` are those whose values do not. What still does not fit afterwards is dropped. */
export type DataRepair = (data: DataValues, keys: readonly string[]) => DataValues

/** The option `dataSchema`: a schema, and what happens to data of another shape or version. */
export interface DataSchemaSettings<Data extends object = DataValues> {
  /** Describes the data when every key is set. A key that is not set is never a mistake. */
  readonly schema: StandardSchemaV1<Data, unknown>
  /**
   * What happens to stored data that do not fit. `drop` (default): the keys that do not fit are dropped. `clear`: all data are. `throw`:
   * `get` rejects with `DataError`. Or a function that repairs them. The session, its user and its times always stay.
   */
  readonly onMismatch?: 'drop' | 'clear' | 'throw' | DataRepair | undefined
  /** The version of the data that this code writes. Default 1, which is also that of data without one. */
  readonly version?: number | undefined
  /** For each version, what makes the next one of its data. Those of versions that nobody has any more can be left out. */
  readonly upgrades?: { readonly [from: number]: DataUpgrade } | undefined
}

/** Made by `dataSchema()`. */
export interface DataSchema<Data extends object = DataValues> {
  /** For types alone. */
  readonly data?: Data | undefined
  /** For `createSessions`, which knows more of what this returns. */
  readonly [RULES]: (serializer: Serializer | null) => object
}

/** The option `dataSchema`: a schema, a schema with settings, or what `dataSchema()` made of either. */
export type DataSchemaOption<Data extends object = DataValues> =
  | StandardSchemaV1<Data, unknown>
  | DataSchemaSettings<Data>
  | DataSchema<Data>

/**
 * Only needed in a Worker, whose `createSessions` does not include it, so that a bundle without a schema is smaller. Throws `ConfigError`
 * for what is no schema that a session can have.
 */
export function dataSchema<Data extends object>(
  given: StandardSchemaV1<Data, unknown> | DataSchemaSettings<Data>,
): DataSchema<Data> {
  const settings: DataSchemaSettings<Data> = isSchema(given) ? { schema: given } : (given as DataSchemaSettings<Data>)
  checkOptions('dataSchema', settings, ['schema', 'onMismatch', 'version', 'upgrades'])
  const { schema, onMismatch = 'drop' } = settings
  if (!isSchema(schema))
    throw new ConfigError(
      'dataSchema takes a schema of a library with Standard Schema v1, such as zod, valibot or arktype; or { schema } with settings.',
    )
  if (typeof onMismatch !== 'function' && !['drop', 'clear', 'throw'].includes(onMismatch))
    throw new ConfigError('dataSchema: onMismatch must be drop, clear, throw, or a function that repairs the data.')
  const version = wholeNumber('dataSchema', 'version', settings.version, 1)
  const upgrades = upgradesTo(version, settings.upgrades ?? {})
  assertEmptyFits(schema)
  return { [RULES]: (serializer) => new DataSchemaRules({ schema, onMismatch, version, upgrades }, serializer) }
}

/** Of arktype, schemas are functions. */
const isSchema = (given: unknown): given is StandardSchemaV1<never, unknown> =>
  ((typeof given === 'object' && given !== null) || typeof given === 'function') &&
  typeof (given as Partial<StandardSchemaV1>)['~standard']?.validate === 'function'

/** Every session begins without data, so a schema that refuses that as a whole would refuse all of them. */
function assertEmptyFits(schema: StandardSchemaV1): void {
  if (issuesOf(schema, {}).every((issue) => keyOf(issue) !== undefined)) return
  throw new ConfigError(
    'dataSchema must accept an object without keys, apart from keys that it misses: every session begins like that. Pass the schema of one object, not of a union or a list.',
  )
}

/** A gap in them would leave the data of one version for another one. */
function upgradesTo(version: number, given: unknown): readonly (readonly [from: number, DataUpgrade])[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ConfigError('dataSchema: upgrades must be an object: { 1: (data) => …, 2: (data) => … }.')
  const upgrades = Object.entries(given).map(([from, upgrade]) => [Number(from), upgrade] as const)
  for (const [from, upgrade] of upgrades)
    if (!Number.isSafeInteger(from) || from < 1 || typeof upgrade !== 'function')
      throw new ConfigError('dataSchema: upgrades must have a function under each version: { 1: (data) => … }.')
  const sorted = upgrades.sort(([a], [b]) => a - b)
  for (const [at, [from]] of sorted.entries())
    if (from !== version - sorted.length + at)
      throw new ConfigError(
        `dataSchema: upgrades must lead to version ${version} step by step; the last one is that from ${version - 1}.`,
      )
  return sorted
}

const MOST_ROUNDS = 10

/** In a warning. */
const MOST_NAMES = 10

const isData = (key: string) => !key.startsWith('~')

interface Rules {
  readonly schema: StandardSchemaV1
  readonly onMismatch: NonNullable<DataSchemaSettings['onMismatch']>
  readonly version: number
  readonly upgrades: readonly (readonly [from: number, DataUpgrade])[]
}

class DataSchemaRules implements DataRules {
  readonly #rules: Rules
  readonly #serializer: Serializer | null
  /** Requests share the values of a copy that is remembered, so it is checked once. Null fits as it is. */
  readonly #seen = new WeakMap<Values, SessionData | null>()
  readonly #warn = reasonWarnings({
    code: 'STRONGROOM_DATA_SCHEMA',
    failed: 'Session data do not fit dataSchema',
    advice: 'To log each session, listen to the event mismatch.',
  })

  constructor(rules: Rules, serializer: Serializer | null) {
    this.#rules = rules
    this.#serializer = serializer
  }

  fit<Copy extends SessionData>(copy: Copy, tell: (fact: DataFact) => boolean): (Copy & Fitted) | null {
    const { values, data } = copy
    let fit = this.#seen.get(values)
    if (fit === undefined) {
      fit = this.#fitted(copy, tell)
      this.#seen.set(values, fit)
    }
    return fit && { ...copy, ...fit, shared: fit.values, stored: { values, data, shared: values } }
  }

  check(values: Values, changes: Changes, request: ChangingRequest): Values {
    const changed = [...changes.edits.keys()].filter(isData)
    if (changed.length === 0) return values
    if (versionOf(values) > this.#rules.version) {
      if (changesNewer(changed, values, { ...request, cleared: changes.cleared })) throw newer()
      return values
    }
    // As the next request will find them.
    const data = parseJson(JSON.stringify(divide(values).data)) as Values
    const { keys, issues } = this.#misfits(data)
    const [first] = keys
    if (first !== undefined) throw unfit(changed.find((key) => keys.includes(key)) ?? first, issues, 'save')
    return this.#withVersion(values)
  }

  #fitted(stored: SessionData, tell: (fact: DataFact) => boolean): SessionData | null {
    const { data, internal } = divide(stored.values)
    if (isEmpty(data)) return null
    const { version } = this.#rules
    const before = versionOf(stored.values)
    if (before > version) return this.#hide({ data, internal }, tell)
    const upgraded = before < version ? this.#upgrade(data, before, tell) : data
    const fitting = this.#settle(upgraded, tell)
    if (fitting === data && before === version && !hasHidden(stored.values)) return null
    return dataOf(this.#withVersion({ ...internal, ...fitting }))
  }

  /** The data of a newer version are its own: what does not fit here is kept for it. */
  #hide({ data, internal }: Divided, tell: (fact: DataFact) => boolean): SessionData {
    const { keys } = this.#allMisfits(data)
    if (keys.length > 0) tell({ type: 'mismatch', keys, outcome: 'hidden' })
    const values: Values = { ...internal, ...without(data, keys) }
    for (const key of keys) put(values, HIDDEN + key, own(data, key))
    return dataOf(values)
  }

  /** Data that are older than the first upgrade stay as they are: it would take them for those of another version. */
  #upgrade(data: Values, before: number, tell: (fact: DataFact) => boolean): Values {
    const { upgrades, version } = this.#rules
    const steps = upgrades.filter(([from]) => from >= before)
    if (steps.length < version - before) return data
    let upgraded = data
    for (const [from, upgrade] of steps) upgraded = this.#through(upgraded, upgrade, `upgrade from version ${from}`)
    tell({ type: 'upgraded', from: before, to: version })
    return upgraded
  }

  /** The data that fit; the same object if all of them do. */
  #settle(data: Values, tell: (fact: DataFact) => boolean): Values {
    const { keys, issues } = this.#allMisfits(data)
    const [first] = keys
    if (first === undefined) return data
    const { onMismatch } = this.#rules
    if (onMismatch === 'throw') {
      tell({ type: 'mismatch', keys, outcome: 'refused' })
      throw unfit(first, issues, 'load')
    }
    if (typeof onMismatch !== 'function') {
      const outcome = onMismatch === 'clear' ? 'cleared' : 'dropped'
      this.#tellLoss({ type: 'mismatch', keys, outcome }, tell)
      return onMismatch === 'clear' ? {} : without(data, keys)
    }
    const repaired = this.#through(data, (given) => onMismatch(given, keys), 'function onMismatch')
    tell({ type: 'mismatch', keys, outcome: 'repaired' })
    const left = this.#allMisfits(repaired).keys
    if (left.length > 0) this.#tellLoss({ type: 'mismatch', keys: left, outcome: 'dropped' }, tell)
    return without(repaired, left)
  }

  #tellLoss(fact: Extract<DataFact, { type: 'mismatch' }>, tell: (fact: DataFact) => boolean): void {
    if (tell(fact)) return
    const more = fact.keys.length - MOST_NAMES
    const names = fact.keys.slice(0, MOST_NAMES).map((key) => `'${key}'`)
    if (more > 0) names.push(`and ${more} more`)
    this.#warn(
      new DataError('', `Session data were ${fact.outcome}, because they do not fit dataSchema: ${names.join(', ')}.`),
    )
  }

  /**
   * Without keys that do not fit, what is left may break a rule about several keys, which was not asked before. A schema that finds one
   * mistake at a time would be asked once for each key, so after some rounds, what has not been found to fit counts as what does not.
   */
  #allMisfits(data: Values): Misfits {
    const first = this.#misfits(data)
    const keys = [...first.keys]
    let more = first.keys
    for (let round = 1; more.length > 0; round++) {
      const rest = without(data, keys)
      more = round < MOST_ROUNDS ? this.#misfits(rest).keys : Object.keys(rest)
      keys.push(...more)
    }
    return { keys, issues: first.issues }
  }

  #misfits(data: Values): Misfits {
    const keys = new Set<string>()
    const issues = issuesOf(
      this.#rules.schema,
      this.#toApplication(data, (key) => keys.add(key)),
    )
    for (const issue of issues) for (const key of keysOf(issue, data)) if (Object.hasOwn(data, key)) keys.add(key)
    return { keys: [...keys], issues }
  }

  /** As the application has them. `unreadable` is called with keys whose values the serializer cannot read. */
  #toApplication(data: Values, unreadable: (key: string) => void): Values {
    if (!this.#serializer) return data
    const values: Values = {}
    for (const [key, json] of Object.entries(data))
      try {
        put(values, key, this.#serializer.fromJson(parseJson(JSON.stringify(json))))
      } catch {
        unreadable(key)
      }
    return values
  }

  /** What a function of the application makes of a copy of the data. */
  #through(data: Values, change: DataUpgrade, what: string): Values {
    try {
      const copy = parseJson(JSON.stringify(data)) as Values
      const given = this.#toApplication(copy, (key) => {
        throw new DataError(key, `The serializer cannot read the session value '${key}'.`)
      })
      return this.#toJson(change(given))
    } catch (cause) {
      const key = cause instanceof DataError ? cause.key : ''
      const message = `The ${what} of dataSchema has failed; its own error is the cause. The session is stored as it was.`
      throw new DataError(key, message, { cause })
    }
  }

  #toJson(data: unknown): Values {
    if (typeof data !== 'object' || data === null || Array.isArray(data) || 'then' in data)
      throw new TypeError('It must return the data, as a plain object, and not a promise of them.')
    const values: Values = {}
    for (const [key, value] of Object.entries(data)) {
      if (!isData(key)) throw new DataError(key, `A session key must not begin with '~'.`)
      if (value === undefined) continue
      const json = this.#serializer ? this.#serializer.toJson(value) : value
      checkValue(key, json)
      put(values, key, json)
    }
    return values
  }

  #withVersion(values: Values): Values {
    const { version } = this.#rules
    return versionOf(values) === version ? values : { ...values, [VERSION]: version }
  }
}

interface Misfits {
  readonly keys: readonly string[]
  readonly issues: readonly StandardIssue[]
}

interface Divided {
  readonly data: Values
  readonly internal: Values
}

/** The application's data, those that were hidden included, and the library's own. */
function divide(values: Values): Divided {
  const data: Values = {}
  const internal: Values = {}
  for (const [key, value] of Object.entries(values)) {
    if (!key.startsWith(HIDDEN)) put(isData(key) ? data : internal, key, value)
    else if (!Object.hasOwn(values, key.slice(HIDDEN.length))) put(data, key.slice(HIDDEN.length), value)
  }
  return { data, internal }
}

const hasHidden = (values: Values) => Object.keys(values).some((key) => key.startsWith(HIDDEN))

/** Text and values that say exactly the same. */
function dataOf(values: Values): SessionData {
  const data = JSON.stringify(values)
  return { values: parseJson(data) as Values, data }
}

function without(data: Values, keys: readonly string[]): Values {
  const rest = { ...data }
  for (const key of keys) delete rest[key]
  return rest
}

function versionOf(values: Values): number {
  const version = own(values, VERSION)
  return typeof version === 'number' ? version : 1
}

/**
 * Whether a request changes data of a newer version. After `clear`, only those are left that a login has kept, and as they were: that has
 * been seen when its changes were first checked, and what others have saved since is none of theirs.
 */
function changesNewer(
  changed: readonly string[],
  values: Values,
  { cleared, base }: ChangingRequest & { readonly cleared: boolean },
): boolean {
  if (!cleared) return true
  if (base === undefined) return false
  const differs = (key: string) => JSON.stringify(own(values, key)) !== JSON.stringify(own(before, key))
  const before = parseJson(base) as Values
  return changed.some((key) => differs(key) || differs(HIDDEN + key))
}

const newer = () =>
  new ReadOnlyError(
    'This session was saved by a newer version of the application, whose data this one cannot change. Try the request again when all servers run the newer version.',
  )

/** The schema's own messages may quote values, so they are in neither the message nor what a log shows of the cause. */
function unfit(key: string, issues: readonly StandardIssue[], verb: 'load' | 'save'): DataError {
  const cause = Object.defineProperty(new Error('The schema has issues: see error.cause.issues.'), 'issues', {
    value: issues,
  })
  const what = verb === 'save' ? 'and the session was not saved' : 'and onMismatch is throw'
  return new DataError(
    key,
    `The session value '${key}' does not fit dataSchema, ${what}. error.cause.issues says why.`,
    {
      cause,
    },
  )
}
