import { closest } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'

/**
 * The options after the "?" of a store URL, read one by one. No message repeats a value, because it may be a password.
 */
export interface Query {
  string(name: string): string | undefined
  number(name: string): number | undefined
  boolean(name: string): boolean | undefined
}

/**
 * The query of a URL that has only our own options. Throws for an option that is not in `known`, or that is given
 * twice.
 */
export function strictQuery(where: string, query: string, known: readonly string[]): Query {
  const { own, rest } = split(where, query, known)
  const [unknown] = rest.keys()
  if (unknown === undefined) return own
  throw new ConfigError(
    `The ${where} URL has an unknown option.${guess(unknown, known)} Known: ${known.join(', ') || 'none'}.`,
  )
}

/** Who knows which options of a URL. */
export interface KnownOptions {
  /** For error messages: "postgres()". */
  readonly where: string
  /** Our own, which have been taken out of the URL. */
  readonly own: readonly string[]
  /** The name of the package that gets the rest, and its options. */
  readonly driver: string
  readonly known: Iterable<string>
}

/** The error for an option that is in none of these lists. */
export function unknownOption(name: string, { where, own, driver, known }: KnownOptions): ConfigError {
  const ours = own.length > 0 ? `Known: ${own.join(', ')}; and to ${driver}:` : `Known to ${driver}:`
  return new ConfigError(
    `The URL of ${where} has an option that is unknown, or that a URL may not set.${guess(name, own)} ${ours} ${[...known].join(', ')}. (In a password, write "?" as %3F and "&" as %26.)`,
  )
}

/**
 * The option of ours that was probably meant, as a sentence after a space. What was written is not repeated: of a password that is not
 * encoded, it may be the half behind the "?" or "&".
 */
function guess(name: string, own: readonly string[]): string {
  const meant = name === '' ? undefined : closest(name, own)
  return meant ? ` Did you mean "${meant}"?` : ''
}

/** Takes our options out of a URL. The returned `url` has the rest of the query, which is for the driver. */
export function takeQuery(
  where: string,
  url: string,
  known: readonly string[],
): { readonly own: Query; readonly url: string } {
  const start = url.indexOf('?')
  if (start < 0) return { own: strictQuery(where, '', known), url }
  const { own, rest } = split(where, url.slice(start + 1), known)
  const left = rest.toString()
  return { own, url: url.slice(0, start) + (left ? `?${left}` : '') }
}

/** Our options from a URL, and those that were given beside it. Throws `ConfigError` for one that is in both. */
export function withoutConflict<Options extends object>(where: string, inUrl: Options, beside: Options): Options {
  const options = { ...beside } as Record<string, unknown>
  for (const [name, value] of Object.entries(inUrl)) {
    if (value === undefined) continue
    if (options[name] !== undefined)
      throw new ConfigError(
        `Option "${name}" of ${where} is given both in the URL and as an option. Remove one of them.`,
      )
    options[name] = value
  }
  return options as Options
}

function split(where: string, query: string, known: readonly string[]): { own: Query; rest: URLSearchParams } {
  const values = new Map<string, string>()
  const rest = new URLSearchParams()
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) rest.append(name, value)
    else if (values.has(name)) throw new ConfigError(`Option "${name}" is given twice in the ${where} URL.`)
    else values.set(name, value)
  }
  return { own: queryOf(values), rest }
}

function queryOf(values: ReadonlyMap<string, string>): Query {
  return {
    string: (name) => values.get(name),
    number(name) {
      const value = values.get(name)
      if (value === undefined) return undefined
      if (/^\d+$/.test(value)) return Number(value)
      throw new ConfigError(`Option "${name}" in a store URL must be a whole number.`)
    },
    boolean(name) {
      const value = values.get(name)
      if (value === undefined) return undefined
      if (value === 'true' || value === 'false') return value === 'true'
      throw new ConfigError(`Option "${name}" in a store URL must be true or false.`)
    },
  }
}
