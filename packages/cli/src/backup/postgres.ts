import { libpqOptions, pgOptions, postgresUrlOptions } from 'strongroom/internal'
import { locate } from '../locate.ts'
import { notPassed, parseDatabaseUrl } from './database-url.ts'
import { type Command, type Plan, type Planner, tableIn, tablesOf } from './plan.ts'

/** Options of our own engine. */
const OURS = new Set<string>(postgresUrlOptions)

/** What psql needs to connect as pg_dump does. */
const CONNECTS = /^(?:-w|--no-password|--(?:host|port|username)=.*)$/
/** Columns of the tables with a column `cache_key`. */
const CATALOG = `SELECT ${['n.nspname', 'c.relname', 'a.attname', 'pg_catalog.format_type(a.atttypid, NULL)']
  .map((name) => `pg_catalog.encode(pg_catalog.convert_to(${name}::text, 'UTF8'), 'hex')`)
  .join(', ')},
  (EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)))::int
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_catalog.pg_attribute k
    WHERE k.attrelid = c.oid AND k.attname = 'cache_key' AND NOT k.attisdropped)`

/** pg_dump without the rows of the session table. The table itself is in the dump, so that a restored application works. */
export const postgresPlanner: Planner = {
  plan(request, caches) {
    const { url, query, secrets, dropped } = connection(request.url)
    const patterns = [
      ...tablesOf(request, tableIn('postgres:', query)).map((table) => pattern(table.toLowerCase())),
      ...request.without.map(pattern),
      ...caches.found.map(({ schema, name }) => [schema, name].map(quoted).join('.')),
    ]
    const excluded = patterns.map((each) => `--exclude-table-data=${each}`)
    return {
      commands: [command('pg_dump', [`--dbname=${url}`, ...excluded, ...request.passed])],
      secrets,
      remarks: dropped.map((name) => notPassed(name, pgOptions, 'pg_dump')),
    }
  },

  catalog(request) {
    const { url, secrets } = connection(request.url)
    const passed = request.passed.filter((arg) => CONNECTS.test(arg))
    const options = ['--no-psqlrc', '--no-align', '--tuples-only', '--quiet', '--field-separator= ']
    return { command: command('psql', [...options, `--dbname=${url}`, ...passed, `--command=${CATALOG}`]), secrets }
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
 * a table elsewhere. That of a store is in lower case, because the engine does not quote the name of its table.
 */
function pattern(table: string): string {
  const names = table.split('.').map(quoted)
  return names.length === 1 ? `*.${names[0]}` : names.join('.')
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
