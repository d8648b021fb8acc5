import { parseServerUrl } from 'strongroom/internal'

/** The parts of a database URL, with the password apart from what may be shown. */
export interface DatabaseUrl {
  readonly user: string
  readonly password: string
  /** As the URL has them. For PostgreSQL there may be several, with their ports. */
  readonly hosts: string
  readonly database: string
  readonly query: URLSearchParams
}

/** Throws `ConfigError`, which repeats no part of the URL. */
export function parseDatabaseUrl(url: string): DatabaseUrl {
  const example = 'postgres://user:password@host/database'
  const { path, query, ...rest } = parseServerUrl('--store', example, url)
  return { ...rest, database: path, query: new URLSearchParams(query) }
}

/** What to say about a URL option that a program does not get. It is named only if it is known: it may be half of a password. */
export function notPassed(option: string, known: ReadonlySet<string>, program: string): string {
  const which = known.has(option) ? `the URL option "${option}" is for the driver` : 'a URL option is unknown'
  return `${which} and was not passed to ${program}.`
}
