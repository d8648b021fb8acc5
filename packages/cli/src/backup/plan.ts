import { tableName } from 'strongroom/internal'
import { misuse } from '../failure.ts'
import type { TableName } from './cache-tables.ts'
import type { LeftOut } from './catalog.ts'
import type { Grammar } from './passed.ts'

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
  /** Of the arguments for the program. */
  readonly grammar: Grammar
  /** What the catalog says is in `leftOut`. */
  plan(request: Request, leftOut: LeftOut): Plan
  /** All tables that are left out, by their names in the request. */
  names(request: Request): readonly string[]
  /** Returns a function that says whether a name is that of a table, or of several of which this is one. */
  isNamed(request: Request): (name: string, table: TableName) => boolean
  /** A program that prints tables and their columns, for `catalogIn`. Null when nothing depends on them. */
  catalog(request: Request): { readonly command: Command; readonly secrets: Plan['secrets'] } | null
}

/** The table that a store URL names. Checked as the engines check it, because it is used in SQL and patterns without quoting. */
export const tableIn = (where: string, query: URLSearchParams) => tableName(where, query.get('table') ?? undefined)

/** The tables whose rows are left out. */
export const tablesOf = ({ django }: Request, table: string) => [table, ...(django ? ['django_session'] : [])]

/** Throws a `Failure` for a name that no table can have. */
export function checkNames(names: readonly string[]): readonly string[] {
  if (!names.includes('')) return names
  throw misuse('--without takes the name of a table, or "schema.table".')
}
