import { ConfigError } from '../errors.ts'

/** Refuses options that `where` does not know, so that a misspelt one is never silently ignored. */
export function checkOptions(where: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ConfigError(`${where} takes its options as an object. Known: ${known.join(', ')}.`)
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) {
      throw new ConfigError(`Unknown option "${name}" for ${where}. Known: ${known.join(', ')}.`)
    }
  }
}

/** The option, or its default when it was left out; refuses what is not a whole number of at least `least`. */
export function wholeNumber(where: string, name: string, given: unknown, standard: number, least = 1): number {
  if (given === undefined) return standard
  if (Number.isSafeInteger(given) && (given as number) >= least) return given as number
  throw new ConfigError(`Option "${name}" of ${where} must be a whole number of at least ${least}.`)
}

/** The clock that was handed in, or `Date.now`. */
export function clockOption(where: string, given: unknown): () => number {
  if (given === undefined) return Date.now
  if (typeof given === 'function') return given as () => number
  throw new ConfigError(`Option "clock" of ${where} must be a function that answers a moment in milliseconds.`)
}
