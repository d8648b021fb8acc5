import { DataError } from '../errors.ts'
import type { Values } from './content.ts'
import { own, put } from './merge.ts'

/**
 * Between an application's values and what JSON can carry, for values such as Dates and Maps. Each value of a session is handed
 * over whole, with all that is in it. The same value must always give the same JSON: that is how a change is told.
 */
export interface Serializer {
  /** Plain objects, arrays, strings, finite numbers, booleans and null. */
  toJson(value: unknown): unknown
  /** The reverse; what it is given belongs to it. */
  fromJson(json: unknown): unknown
}

type Step = (value: unknown) => unknown

/** The library's own keys hold nothing but JSON. */
const isOwn = (key: string) => key.startsWith('~')

/** A session's values as the application has them in its hands, beside those that are kept. */
export class Shown {
  readonly #serializer: Serializer
  readonly #values = new Map<string, unknown>()

  constructor(serializer: Serializer) {
    this.#serializer = serializer
  }

  /** The application's value of a key, the same one until it is set anew; undefined when there is none. */
  show(key: string, json: unknown): unknown {
    if (this.#values.has(key) || json === undefined) return this.#values.get(key)
    const value = this.#fromJson(key, JSON.parse(JSON.stringify(json)))
    this.#values.set(key, value)
    return value
  }

  /** What is to be kept of a value that the application has put there, or taken away. */
  take(key: string, value: unknown): unknown {
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
    return this.#toJson(key, value)
  }

  /** A step of `update` for what is kept. */
  step(key: string, change: Step): Step {
    return (json) => this.#toJson(key, change(json === undefined ? undefined : this.#fromJson(key, json)))
  }

  /** Brings up to date what was changed in place, and answers those keys. */
  refresh(values: Values, only?: string): string[] {
    const keys = only === undefined ? [...this.#values.keys()] : this.#values.has(only) ? [only] : []
    return keys.filter((key) => {
      const json = this.#toJson(key, this.#values.get(key))
      if (JSON.stringify(json) === JSON.stringify(own(values, key))) return false
      put(values, key, json)
      return true
    })
  }

  /** After a save: forgets what others have changed meanwhile. `before` is what was to be kept. */
  settle(before: Values, kept: Values): void {
    for (const key of this.#values.keys())
      if (JSON.stringify(own(before, key)) !== JSON.stringify(own(kept, key))) this.#values.delete(key)
  }

  clear(): void {
    this.#values.clear()
  }

  #fromJson(key: string, json: unknown): unknown {
    return attempt(key, 'read', () => this.#serializer.fromJson(json))
  }

  #toJson(key: string, value: unknown): unknown {
    if (value === undefined) return undefined
    const json = attempt(key, 'carry', () => this.#serializer.toJson(value))
    if (json !== undefined) return json
    throw new DataError(key, `The serializer makes nothing of the session value '${key}'.`)
  }
}

function attempt(key: string, verb: 'read' | 'carry', work: () => unknown): unknown {
  try {
    return work()
  } catch (cause) {
    const message = `The serializer cannot ${verb} the session value '${key}'; its own error is the cause.`
    throw new DataError(key, message, { cause })
  }
}

/** Null where a key's value is kept as the application has it. */
export const shownOf = (shown: Shown | null, key: string): Shown | null => (shown !== null && isOwn(key) ? null : shown)
