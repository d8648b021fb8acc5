import { tableName } from 'strongroom/internal'
import { misuse } from '../failure.ts'
import type { CacheTables } from './cache-tables.ts'

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
  /** More tables whose rows are left out. */
  readonly without: readonly string[]
  /** Arguments for the program that makes the dump. */
  readonly passed: readonly string[]
}

/** How the backup of a kind of database is made. */
export interface Planner {
  /** The tables that are left out by their columns come from `catalog`. */
  plan(request: Request, caches: CacheTables): Plan
  /** A program that prints columns of tables, for `columnsIn`. */
  catalog(request: Request): { readonly command: Command; readonly secrets: Plan['secrets'] }
}

/** The table that a store URL names. Checked as the engines check it, because it is used in SQL and patterns without quoting. */
export const tableIn = (where: string, query: URLSearchParams) => tableName(where, query.get('table') ?? undefined)

/** The tables whose rows are left out. */
export const tablesOf = ({ django }: Request, table: string) => [table, ...(django ? ['django_session'] : [])]

const NAME = /^(?:[a-z_]\w{0,62}\.)?[a-z_]\w{0,62}$/i

/** Throws a `Failure` if it is no name that can be used in SQL and patterns. */
export function checkNames(names: readonly string[]): readonly string[] {
  if (names.every((name) => NAME.test(name))) return names
  throw misuse('--without takes the name of a table, in letters, digits and underscores, or "schema.table".')
}

/** Quoted for a shell. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
