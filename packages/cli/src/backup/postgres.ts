import { libpqOptions, pgOptions, postgresUrlOptions } from 'strongroom/internal'
import { locate } from '../locate.ts'
import { notPassed, parseDatabaseUrl } from './database-url.ts'
import { type Plan, type Request, tableIn, tablesOf } from './plan.ts'

/** Options of our own engine. */
const OURS = new Set<string>(postgresUrlOptions)

/** pg_dump without the rows of the session table. The table itself is in the dump, so that a restored application works. */
export function postgresPlan(request: Request): Plan {
  const { user, password, hosts, database, query } = parseDatabaseUrl(request.url)
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
  const excluded = tablesOf(request, tableIn('postgres:', query)).map(
    (table) => `--exclude-table-data=${pattern(table)}`,
  )
  const secret = password || query.get('password')
  return {
    commands: [
      {
        name: 'pg_dump',
        program: locate('pg_dump'),
        package: 'postgresql-client',
        args: [`--dbname=${url}`, ...excluded, ...request.passed],
      },
    ],
    secrets: secret ? { PGPASSWORD: secret } : {},
    remarks: dropped.map((name) => notPassed(name, pgOptions, 'pg_dump')),
  }
}

/**
 * The table in every schema: without a schema in the pattern, pg_dump looks only on the search path and would dump the rows of
 * a table elsewhere. In lower case, because the engine does not quote the name of its table.
 */
function pattern(table: string): string {
  const quoted = table
    .toLowerCase()
    .split('.')
    .map((name) => `"${name}"`)
  return quoted.length === 1 ? `*.${quoted[0]}` : quoted.join('.')
}
