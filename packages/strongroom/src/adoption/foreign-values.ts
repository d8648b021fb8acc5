import type { Awaitable } from '../base/awaitable.ts'
import { parseJson } from '../base/json.ts'
import { ConfigError, DataError, StrongroomError } from '../errors.ts'
import { checkValue } from '../session/content.ts'

/** The data of another library's session, as JSON has it. */
export type SessionValues = Readonly<Record<string, unknown>>

/**
 * The data as JSON, so that a Date is the string that every other store makes of it. Null for what is no object, what JSON cannot hold,
 * such as a BigInt or a circle, and what is nested too deep to be stored here.
 */
export function adoptable(given: unknown): SessionValues | null {
  try {
    const values = parseJson(JSON.stringify(given) ?? 'null')
    if (typeof values !== 'object' || values === null || Array.isArray(values)) return null
    for (const [key, value] of Object.entries(values)) checkValue(key, value)
    return values as SessionValues
  } catch (error) {
    if (error instanceof TypeError || error instanceof DataError || error instanceof RangeError) return null
    throw error
  }
}

type ValuesOf = (values: SessionValues) => unknown

/** What is adopted of a session's data, by the option `values`; all of it without one. */
export function valuesOption(where: string, given: unknown): (data: SessionValues) => SessionValues {
  if (given === undefined) return (data) => data
  if (typeof given !== 'function') throw new ConfigError(`${where}: values must be a function that returns an object.`)
  return (data) => {
    let chosen: SessionValues | null
    try {
      chosen = adoptable((given as ValuesOf)({ ...data }))
    } catch (error) {
      throw thrownBy(where, 'values', error)
    }
    // Not as a session that is malformed: the application's own mistake would sign everybody out, with nothing but events.
    if (chosen === null) throw new ConfigError(`${where}: values must return an object that JSON can hold.`)
    return chosen
  }
}

/** An error of the application's own code, which must not read as an outage of the store that its sessions are in. */
const thrownBy = (where: string, option: string, cause: unknown) =>
  cause instanceof StrongroomError
    ? cause
    : new ConfigError(`${where}: ${option} threw an error, which is the cause.`, { cause })

type UserIdOf = (values: SessionValues) => Awaitable<unknown>

export function userIdOption(where: string, given: unknown): UserIdOf {
  if (typeof given === 'function') return given as UserIdOf
  throw new ConfigError(`${where}: userId must be a function that returns the user's id, or null.`)
}

/** Ids are strings here; a number becomes one. */
export async function userOf(where: string, userIdOf: UserIdOf, values: SessionValues): Promise<string | null> {
  const found = await userIn(where, userIdOf, values)
  if (found === null || found === undefined) return null
  if (typeof found === 'string' && found !== '') return found
  if (typeof found === 'number' && Number.isFinite(found)) return String(found)
  throw new ConfigError(
    `${where}: userId must return the user's id as a string or a number, or null if nobody is signed in.`,
  )
}

async function userIn(where: string, userIdOf: UserIdOf, values: SessionValues): Promise<unknown> {
  try {
    return await userIdOf({ ...values })
  } catch (error) {
    throw thrownBy(where, 'userId', error)
  }
}

/** The attributes by which a browser knows the cookie that is to be removed. */
export const COOKIE_OPTIONS = ['path', 'domain', 'secure', 'sameSite', 'partitioned'] as const

/** The value of a cookie without its percent-encoding; empty for what is none. */
export function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return ''
  }
}
