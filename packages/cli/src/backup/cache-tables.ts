/** A table, and the schema or database that it is in; empty where there is none, as in SQLite. */
export interface TableName {
  readonly schema: string
  readonly name: string
}

/** A column, as the catalog of a database describes it. */
export interface CatalogColumn {
  readonly table: TableName
  readonly name: string
  readonly type: string
  /** Is it in the primary key? */
  readonly isKey: boolean
}

export interface CacheTables {
  readonly found: readonly TableName[]
  /** With the columns of a cache, and others, or of other types: they may hold anything. */
  readonly similar: readonly TableName[]
}

export const NO_CACHES: CacheTables = { found: [], similar: [] }

/** The columns that `createcachetable` of Django makes (core/management/commands/createcachetable.py), by their types. */
const COLUMNS: ReadonlyMap<string, RegExp> = new Map([
  ['cache_key', /char|text/i],
  ['value', /text|char|blob|bytea/i],
  ['expires', /date|timestamp/i],
])

/**
 * Finds the tables of Django's DatabaseCache by their columns, because their names are the application's. Sessions are in them if
 * SESSION_ENGINE is `cache` or `cached_db`. Everything else in a cache can be done without, too.
 */
export function cacheTables(columns: readonly CatalogColumn[]): CacheTables {
  const tables = new Map<string, CatalogColumn[]>()
  for (const column of columns) {
    const id = JSON.stringify([column.table.schema, column.table.name])
    tables.set(id, [...(tables.get(id) ?? []), column])
  }
  const similar = [...tables.values()].filter(hasColumns)
  const [found, rest] = [similar.filter(isCache), similar.filter((each) => !isCache(each))]
  const names = (groups: CatalogColumn[][]) => groups.flatMap(([first]) => (first ? [first.table] : []))
  return { found: names(found), similar: names(rest) }
}

const hasColumns = (columns: readonly CatalogColumn[]) =>
  [...COLUMNS.keys()].every((name) => columns.some((column) => column.name.toLowerCase() === name))

const isCache = (columns: readonly CatalogColumn[]) =>
  columns.every(({ name, type, isKey }) => {
    const expected = COLUMNS.get(name.toLowerCase())
    return expected?.test(type) === true && isKey === (name.toLowerCase() === 'cache_key')
  })

/** As `--without` takes it. */
export const shown = ({ schema, name }: TableName) => (schema === '' ? name : `${schema}.${name}`)
