import { misuse } from '../failure.ts'
import { type CacheTables, type CatalogColumn, cacheTables, NO_CACHES, shown, type TableName } from './cache-tables.ts'
import { shellWords } from './shell.ts'

/** A table that the catalog of a database has, and the one that it is a partition or a child of. */
export interface CatalogTable {
  readonly table: TableName
  /** Null if there is none. A table with several parents is there several times. */
  readonly parent: TableName | null
}

/** What a database says about its tables. */
export interface Catalog {
  readonly tables: readonly CatalogTable[]
  /** Of the tables that may be caches of Django. */
  readonly columns: readonly CatalogColumn[]
}

/** The tables whose rows are left out, as the catalog has them. */
export interface LeftOut {
  /** Those that the request names. */
  readonly named: readonly TableName[]
  readonly caches: CacheTables
  /** Partitions and children of all those, which programs take for tables of their own. */
  readonly descendants: readonly TableName[]
  /** Names that no table has. */
  readonly missing: readonly string[]
}

/** Before the catalog was asked, and where it is not. */
export const NOT_ASKED: LeftOut = { named: [], caches: NO_CACHES, descendants: [], missing: [] }

interface Names {
  readonly names: readonly string[]
  readonly isNamed: (name: string, table: TableName) => boolean
}

export function leftOut({ tables, columns }: Catalog, { names, isNamed }: Names): LeftOut {
  const all = unique(tables.map(({ table }) => table))
  const named = all.filter((table) => names.some((name) => isNamed(name, table)))
  const { found, similar } = cacheTables(columns)
  const ancestors = new Set([...named, ...found].map(idOf))
  const descendants = descendantsOf(ancestors, tables)
  const out = new Set([...ancestors, ...descendants.map(idOf)])
  return {
    named,
    caches: { found, similar: similar.filter((table) => !out.has(idOf(table))) },
    descendants,
    missing: names.filter((name) => !all.some((table) => isNamed(name, table))),
  }
}

function descendantsOf(ancestors: ReadonlySet<string>, tables: readonly CatalogTable[]): TableName[] {
  const children = new Map<string, TableName[]>()
  for (const { table, parent } of tables)
    if (parent) children.set(idOf(parent), [...(children.get(idOf(parent)) ?? []), table])
  const found: TableName[] = []
  const [seen, waiting] = [new Set(ancestors), [...ancestors]]
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop())
    for (const table of (children.get(id) ?? []).filter((each) => !seen.has(idOf(each)))) {
      found.push(table)
      seen.add(idOf(table))
      waiting.push(idOf(table))
    }
  return found
}

const idOf = ({ schema, name }: TableName) => JSON.stringify([schema, name])
const unique = (tables: readonly TableName[]) => [...new Map(tables.map((table) => [idOf(table), table])).values()]

/** Throws a `Failure` if `--without` names no table: it may be mistyped, and the rows would be in the backup. */
export function checkFound(without: readonly string[], missing: readonly string[]): void {
  const [first] = without.filter((name) => missing.includes(name))
  if (first === undefined) return
  throw misuse(
    `--without ${first}: there is no such table, and no backup was made. Write the name as it is in the database.`,
  )
}

/** What the user should know about the tables that were left out without being named, and about those that were not. */
export function remarksAbout({ caches, descendants, missing }: LeftOut): string[] {
  const [first, ...others] = descendants
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return [
    ...missing.map((name) => `there is no table ${name}; nothing was left out.`),
    ...caches.found.map(
      (table) =>
        `the rows of ${shown(table)} are left out: by its columns it is a table of Django's DatabaseCache, which may hold sessions.`,
    ),
    ...(first ? [`the rows of partitions and children are left out, too: ${shown(first)}${more}.`] : []),
    ...caches.similar.map(
      (table) =>
        `the rows of ${shown(table)} are in the backup: it has the columns of Django's DatabaseCache, and others, or of other types. If sessions are in it, add --without ${option(table)}.`,
    ),
  ]
}

const option = (table: TableName) => shellWords([shown(table)])

/**
 * What a client program prints: a line for each table and column. The first word says which, and names and types follow in
 * hexadecimal digits, because they may hold anything: `t`, schema, table, and schema and name of its parent, if there is one;
 * or `c`, schema, table, column, type, and 1 for a column of the primary key.
 */
export function catalogIn(output: string): Catalog {
  const lines = output.split('\n').map((line) => line.trim().split(/\s/))
  const text = (hex = '') => Buffer.from(hex, 'hex').toString('utf8')
  return {
    tables: lines
      .filter(([kind]) => kind === 't')
      .map(([, schema, name, parentSchema, parent]) => ({
        table: { schema: text(schema), name: text(name) },
        parent: parent ? { schema: text(parentSchema), name: text(parent) } : null,
      })),
    columns: lines
      .filter(([kind]) => kind === 'c')
      .map(([, schema, table, name, type, key]) => ({
        table: { schema: text(schema), name: text(table) },
        name: text(name),
        type: text(type),
        isKey: key === '1',
      })),
  }
}
