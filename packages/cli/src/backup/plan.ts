import { tableName } from 'strongroom/internal'

/** How a backup is made: programs to run one after the other, whose outputs together are the dump. */
export interface Plan {
  readonly commands: readonly Command[]
  /** Environment variables for the programs, with the passwords. */
  readonly secrets: Readonly<Record<string, string>>
  /** Printed on stderr: what the user should know about the dump. */
  readonly remarks: readonly string[]
}

export interface Command {
  readonly name: string
  /** Its path; null when it is not installed. */
  readonly program: string | null
  readonly args: readonly string[]
  /** The Debian package that contains it. */
  readonly package: string
}

export interface Request {
  readonly url: string
  /** Leave out the sessions of Django, too. */
  readonly django: boolean
  /** Arguments for the program that makes the dump. */
  readonly passed: readonly string[]
}

/** The table that a store URL names. Checked as the engines check it, because it is used in SQL and patterns without quoting. */
export const tableIn = (where: string, query: URLSearchParams) => tableName(where, query.get('table') ?? undefined)

/** The tables whose rows are left out. */
export const tablesOf = ({ django }: Request, table: string) => [table, ...(django ? ['django_session'] : [])]

/** Quoted for a shell. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
