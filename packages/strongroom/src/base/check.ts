import { ConfigError } from '../errors.ts'
import { LONGEST_TIMER } from './time-limit.ts'

/**
 * Refuses options that `where` does not have, so that a misspelt one is never silently ignored. `advice` says, by name, what to write
 * instead of those that people look for here.
 */
export function checkOptions(
  where: string,
  given: unknown,
  known: readonly string[],
  advice: Readonly<Record<string, string>> = {},
): void {
  const instead = insteadOf(given)
  if (!holdsOptions(given) || instead !== '')
    throw new ConfigError(`${where} takes its options as an object.${instead} Known: ${known.join(', ')}.`)
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const meant = closest(name, known)
    const guess = meant ? `Did you mean "${meant}"?` : ''
    const next = Object.hasOwn(advice, name) ? advice[name] : guess
    throw new ConfigError(`Unknown option "${name}" for ${where}.${next && ` ${next}`} Known: ${known.join(', ')}.`)
  }
}

/** A list or a Map has none of the options, and would stand for the defaults. */
const holdsOptions = (given: unknown): given is object =>
  typeof given === 'object' && given !== null && !(Symbol.iterator in given)

/** What to write instead, as a sentence after a space, when something was passed a step too early; empty for anything else. */
export function insteadOf(given: unknown): string {
  if (isClass(given)) return ' It got a class: pass an instance, which is made with new.'
  if (typeof given === 'function') return ' It got a function: call it, and pass what it returns.'
  if (given instanceof URL) return ' It got a URL object: pass the string, which is its href.'
  if (typeof given !== 'object' || given === null) return ''
  const isPromise = typeof (given as { then?: unknown }).then === 'function'
  return isPromise ? ' It got a promise: await it, and pass what it resolves to.' : ''
}

/** Also one as they were written before there were classes: a function that inherits. */
function isClass(given: unknown): boolean {
  if (typeof given !== 'function' || typeof given.prototype !== 'object') return false
  const { writable } = Object.getOwnPropertyDescriptor(given, 'prototype') ?? {}
  return writable === false || Object.getPrototypeOf(given.prototype) !== Object.prototype
}

/** Edits from one name to another, up to which it may be a slip of the keyboard. */
const SLIPS = 2

/** The known name that was probably meant: the same in another spelling, one that begins with the other, or one with a slip in it. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const given = plain(name)
  const found = known.flatMap((option) => {
    const other = plain(option)
    const edits = editsBetween(given, other)
    const isSlip = edits <= SLIPS && edits * 2 <= Math.min(given.length, other.length)
    return isSlip || other.startsWith(given) || given.startsWith(other) ? [{ option, edits }] : []
  })
  return found.sort((a, b) => a.edits - b.edits)[0]?.option
}

/** The distance of Levenshtein: how many characters have to be added, removed or replaced. */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [line, character] of [...from].entries()) {
    const next = [line + 1]
    for (let at = 1; at <= to.length; at++) {
      const replaced = (row[at - 1] as number) + (to[at - 1] === character ? 0 : 1)
      next.push(Math.min(replaced, (row[at] as number) + 1, (next[at - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}

/** `max_age` and `maxage` are meant to be `maxAge`. */
const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, '')

/** The value if it is one of those; throws `ConfigError` otherwise. */
export function oneOf<T, K extends T>(name: string, value: T, known: readonly K[]): K {
  if ((known as readonly T[]).includes(value)) return value as K
  throw new ConfigError(`${name} must be one of: ${known.join(', ')}.`)
}

/** The option, or its default when it was left out. Throws `ConfigError` unless it is a boolean. */
export function booleanOption(name: string, given: unknown, standard: boolean): boolean {
  return oneOf<unknown, boolean>(name, given ?? standard, [true, false])
}

/** The option, or its default when it was left out. Throws `ConfigError` unless it is a whole number of at least `least`. */
export function wholeNumber(where: string, name: string, given: unknown, standard: number, least = 1): number {
  if (given === undefined) return standard
  if (Number.isSafeInteger(given) && (given as number) >= least) return given as number
  throw new ConfigError(`Option "${name}" of ${where} must be a whole number of at least ${least}.`)
}

/**
 * The time limit of an engine's calls, in ms, as `wholeNumber`. Never more than a timer can count: drivers hand it to timers of
 * their own, which would fire immediately.
 */
export function timeoutOption(where: string, given: unknown, standard: number, least = 1): number {
  return Math.min(wholeNumber(where, 'timeout', given, standard, least), LONGEST_TIMER)
}

/** The option, or its default when it was left out. Throws `ConfigError` unless it is a function. */
export function functionOption<T>(name: string, given: T | undefined, standard: T): T {
  if (given === undefined || typeof given === 'function') return given ?? standard
  throw new ConfigError(`${name} must be a function.`)
}

/** The clock that was passed, or `Date.now`. */
export function clockOption(where: string, given: unknown): () => number {
  if (given === undefined) return Date.now
  if (typeof given === 'function') return given as () => number
  throw new ConfigError(`Option "clock" of ${where} must be a function that returns a moment in milliseconds.`)
}
