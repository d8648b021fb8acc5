import { tableName } from 'strongroom/internal'

/** What makes a backup: programs to run, one after the other, whose outputs together are the dump. */
export interface Plan {
  readonly commands: readonly Command[]
  /** What the programs get beside our own environment: where passwords are. */
  readonly secrets: Readonly<Record<string, string>>
  /** Said on stderr: what a reader of the dump should know. */
  readonly remarks: readonly string[]
}

export interface Command {
  /** By its name; `program` is where it is, null when it is not installed. */
  readonly name: string
  readonly program: string | null
  readonly args: readonly string[]
  /** The Debian package that has it. */
  readonly package: string
}

export interface Wish {
  readonly url: string
  /** Leave out the sessions of Django, too. */
  readonly django: boolean
  /** For the program that makes the dump. */
  readonly passed: readonly string[]
}

/** The table that a store URL names; checked as the engines check it, for it goes into SQL and patterns as it is. */
export const tableIn = (where: string, query: URLSearchParams) => tableName(where, query.get('table') ?? undefined)

/** The tables whose rows are left out. */
export const tablesOf = ({ django }: Wish, table: string) => [table, ...(django ? ['django_session'] : [])]

/** As a shell reads it. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
