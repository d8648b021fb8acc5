import { libpqOptions, pgOptions, postgresUrlOptions } from 'strongroom/internal'
import { locate } from '../locate.ts'
import { shown } from './cache-tables.ts'
import { notPassed, parseDatabaseUrl } from './database-url.ts'
import { findOption, postgresGrammar } from './passed.ts'
import { type Command, type Plan, type Planner, tableIn, tablesOf } from './plan.ts'

/** Options of our own engine. */
const OURS = new Set<string>(postgresUrlOptions)

/** In hexadecimal digits, because a name may hold anything. */
const hex = (...names: string[]) =>
  names.map((name) => `pg_catalog.encode(pg_catalog.convert_to(${name}::text, 'UTF8'), 'hex')`).join(', ')
/** Tables, and materialized views, that a dump can contain. */
const TABLES = `pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relpersistence <> 't'`
/** With their parents, if they are partitions or children. */
const PARENTS = `SELECT 't', ${hex('n.nspname', 'c.relname', 'pn.nspname', 'p.relname')} FROM ${TABLES}
  LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
  LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'm')`
/** Columns of the tables with a column `cache_key`. */
const COLUMNS = `SELECT 'c', ${hex('n.nspname', 'c.relname', 'a.attname', 'pg_catalog.format_type(a.atttypid, NULL)')},
  (EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)))::int
  FROM ${TABLES}
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_catalog.pg_attribute k
    WHERE k.attrelid = c.oid AND k.attname = 'cache_key' AND NOT k.attisdropped)`

/** pg_dump without the rows of the session table. The table itself is in the dump, so that a restored application works. */
export const postgresPlanner: Planner = {
  grammar: postgresGrammar,

  plan(request, { named, caches, descendants }) {
    const { url, secrets, dropped } = connection(request.url)
    const exact = [...named, ...caches.found, ...descendants].map(({ schema, name }) =>
      [schema, name].map(quoted).join('.'),
    )
    const names = this.names(request).map(pattern)
    const excluded = [...names, ...exact].map((each) => `--exclude-table-data=${each}`)
    return {
      commands: [command('pg_dump', [`--dbname=${url}`, ...excluded, ...request.passed])],
      secrets,
      remarks: dropped.map((name) => notPassed(name, pgOptions, 'pg_dump')),
    }
  },

  /** That of a store is in lower case, because the engine does not quote the name of its table. */
  names(request) {
    const { query } = connection(request.url)
    return [...tablesOf(request, tableIn('postgres:', query)).map((table) => table.toLowerCase()), ...request.without]
  },

  isNamed: () => (name, table) => name === table.name || name === shown(table),

  /** Always: pg_dump before version 16 cannot leave out the rows of partitions and children by the name of their parent. */
  catalog(request) {
    const { url, secrets } = connection(request.url)
    // Where nobody can type a password, nothing may wait for one.
    const passed = findOption(request.passed, postgresGrammar, ['no-password']) ? ['--no-password'] : []
    const options = ['--no-psqlrc', '--no-align', '--tuples-only', '--quiet', '--field-separator= ']
    const queries = [PARENTS, ...(request.django ? [COLUMNS] : [])].map((query) => `--command=${query}`)
    const args = [...options, '--set=ON_ERROR_STOP=1', `--dbname=${url}`, ...passed, ...queries]
    return { command: command('psql', args), secrets }
  },
}

const command = (name: string, args: readonly string[]): Command => ({
  name,
  program: locate(name),
  package: 'postgresql-client',
  args,
})

/** The URL for the programs of PostgreSQL, the password apart, and the options that they do not know. */
function connection(given: string) {
  const { user, password, hosts, database, query } = parseDatabaseUrl(given)
  const known = new URLSearchParams()
  const dropped: string[] = []
  for (const [name, value] of query) {
    // The Node driver's name for "encrypted, but not verified", which libpq calls "require".
    if (name === 'sslmode' && value === 'no-verify') known.append(name, 'require')
    else if (libpqOptions.has(name)) known.append(name, value)
    else if (name !== 'password' && !OURS.has(name)) dropped.push(name)
  }
  const login = user === '' ? '' : `${encodeURIComponent(user)}@`
  const question = known.size === 0 ? '' : `?${known.toString().replaceAll('+', '%20')}`
  const url = `postgresql://${login}${hosts}/${encodeURIComponent(database)}${question}`
  const secret = password || query.get('password')
  const secrets: Plan['secrets'] = secret ? { PGPASSWORD: secret } : {}
  return { url, query, secrets, dropped }
}

/**
 * The table in every schema: without a schema in the pattern, pg_dump looks only on the search path and would dump the rows of
 * a table elsewhere.
 */
function pattern(table: string): string {
  const [, schema, name] = /^([^.]+)\.(.+)$/s.exec(table) ?? []
  return schema === undefined || name === undefined ? `*.${quoted(table)}` : `${quoted(schema)}.${quoted(name)}`
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
