import { ConfigError } from '../errors.ts'
import { LONGEST_TIMER } from './time-limit.ts'

/**
 * Refuses options that `where` does not have, so that a misspelt one is never silently ignored. `elsewhere` says which other function
 * has the options that people look for here.
 */
export function checkOptions(
  where: string,
  given: unknown,
  known: readonly string[],
  elsewhere: { readonly where: string; readonly known: readonly string[] } | null = null,
): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ConfigError(`${where} takes its options as an object. Known: ${known.join(', ')}.`)
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const meant = closest(name, known)
    const guess = meant ? ` Did you mean "${meant}"?` : ''
    const advice = elsewhere?.known.includes(name) ? ` It is an option of ${elsewhere.where}.` : guess
    throw new ConfigError(`Unknown option "${name}" for ${where}.${advice} Known: ${known.join(', ')}.`)
  }
}

/** The known name that was probably meant: the same in another spelling, or the longest of which one begins with the other. */
function closest(name: string, known: readonly string[]): string | undefined {
  const given = plain(name)
  return known
    .filter((option) => plain(option).startsWith(given) || given.startsWith(plain(option)))
    .sort((a, b) => b.length - a.length)[0]
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

/** The clock that was passed, or `Date.now`. */
export function clockOption(where: string, given: unknown): () => number {
  if (given === undefined) return Date.now
  if (typeof given === 'function') return given as () => number
  throw new ConfigError(`Option "clock" of ${where} must be a function that returns a moment in milliseconds.`)
}
