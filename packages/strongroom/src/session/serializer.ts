import { parseJson } from '../base/json.ts'
import { DataError } from '../errors.ts'
import type { Values } from './content.ts'
import { own, put } from './values.ts'

/**
 * Converts an application's values to JSON and back, for values such as Dates and Maps. Each value of a session is converted as
 * a whole, with everything in it. The same value must always give the same JSON: that is how a change is noticed.
 */
export interface Serializer {
  /** Returns plain objects, arrays, strings, finite numbers, booleans and null. */
  toJson(value: unknown): unknown
  /** The reverse. It may keep and change what it is given. */
  fromJson(json: unknown): unknown
}

type Step = (value: unknown) => unknown

/** The library's own keys hold nothing but JSON. */
const isInternal = (key: string) => key.startsWith('~')

/** A session's values as the application has them, beside the JSON values that are stored. */
export class ApplicationValues {
  readonly #serializer: Serializer
  readonly #values = new Map<string, unknown>()

  constructor(serializer: Serializer) {
    this.#serializer = serializer
  }

  /** The application's value of a key: the same object until the key is set again. Undefined when there is none. */
  get(key: string, json: unknown): unknown {
    if (this.#values.has(key) || json === undefined) return this.#values.get(key)
    const value = this.fromJson(key, parseJson(JSON.stringify(json)))
    this.#values.set(key, value)
    return value
  }

  /** Sets or, with undefined, deletes the application's value. Returns the JSON value to store. */
  set(key: string, value: unknown): unknown {
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
    return this.toJson(key, value)
  }

  /** A step of `update`, as a step from JSON value to JSON value. */
  step(key: string, change: Step): Step {
    return (json) => this.toJson(key, change(json === undefined ? undefined : this.fromJson(key, json)))
  }

  /** Serializes again what was changed in place, into `values`. Returns those keys. */
  refresh(values: Values, only?: string): string[] {
    const keys = only === undefined ? [...this.#values.keys()] : this.#values.has(only) ? [only] : []
    return keys.filter((key) => {
      const json = this.toJson(key, this.#values.get(key))
      if (JSON.stringify(json) === JSON.stringify(own(values, key))) return false
      put(values, key, json)
      return true
    })
  }

  /** After a save: forgets the values that other requests have changed. `before` is what was to be stored. */
  settle(before: Values, stored: Values): void {
    for (const key of this.#values.keys())
      if (JSON.stringify(own(before, key)) !== JSON.stringify(own(stored, key))) this.#values.delete(key)
  }

  clear(): void {
    this.#values.clear()
  }

  /** Returns what makes these the values again, under the same keys. */
  checkpoint(): () => void {
    const before = [...this.#values]
    return () => {
      this.clear()
      for (const [key, value] of before) this.#values.set(key, value)
    }
  }

  /** The application's value for a JSON value, which it may keep and change. */
  fromJson(key: string, json: unknown): unknown {
    return attempt(key, 'read', () => this.#serializer.fromJson(json))
  }

  /** The reverse. */
  toJson(key: string, value: unknown): unknown {
    if (value === undefined) return undefined
    const json = attempt(key, 'write', () => this.#serializer.toJson(value))
    if (json !== undefined) return json
    throw new DataError(key, `The serializer's toJson() returned undefined for the session value '${key}'.`)
  }
}

function attempt(key: string, verb: 'read' | 'write', work: () => unknown): unknown {
  try {
    return work()
  } catch (cause) {
    const message = `The serializer cannot ${verb} the session value '${key}'; its own error is the cause.`
    throw new DataError(key, message, { cause })
  }
}

/** Null where a key's value is stored as the application has it. */
export const applicationValuesOf = (values: ApplicationValues | null, key: string): ApplicationValues | null =>
  values !== null && isInternal(key) ? null : values
