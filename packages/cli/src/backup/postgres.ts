import { locate } from '../locate.ts'
import { addressOf } from './address.ts'
import { type Plan, tableIn, tablesOf, type Wish } from './plan.ts'

/** Parameters of a connection that libpq knows; it refuses a URL with any other, such as those of the driver for Node. */
const LIBPQ = new Set(
  'application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts options passfile port require_auth service sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation sslrootcert sslsni ssl_max_protocol_version ssl_min_protocol_version target_session_attrs tcp_user_timeout user'.split(
    ' ',
  ),
)
/** Options of our own engine. */
const OURS = new Set(['table', 'createTable', 'timeout', 'prepare', 'max'])

/** pg_dump without the rows of the session table; its schema stays, so that a restored application works at once. */
export function postgresPlan(wish: Wish): Plan {
  const { user, password, hosts, database, query } = addressOf(wish.url)
  const known = new URLSearchParams()
  const dropped: string[] = []
  for (const [name, value] of query) {
    // What the driver for Node calls encrypted and unchecked, libpq calls so.
    if (name === 'sslmode' && value === 'no-verify') known.append(name, 'require')
    else if (LIBPQ.has(name)) known.append(name, value)
    else if (name !== 'password' && !OURS.has(name)) dropped.push(name)
  }
  const login = user === '' ? '' : `${encodeURIComponent(user)}@`
  const question = known.size === 0 ? '' : `?${known.toString().replaceAll('+', '%20')}`
  const url = `postgresql://${login}${hosts}/${encodeURIComponent(database)}${question}`
  const excluded = tablesOf(wish, tableIn('postgres:', query)).map((table) => `--exclude-table-data=${pattern(table)}`)
  const secret = password || query.get('password')
  return {
    commands: [
      {
        name: 'pg_dump',
        program: locate('pg_dump'),
        package: 'postgresql-client',
        args: [`--dbname=${url}`, ...excluded, ...wish.passed],
      },
    ],
    secrets: secret ? { PGPASSWORD: secret } : {},
    remarks: dropped.map((name) => `the option "${name}" of the URL is unknown to pg_dump, and was not passed on.`),
  }
}

/**
 * In every schema: without one, pg_dump looks on the search path alone, and would keep the rows of a table beside it. Small,
 * for the engine names its table without quotes.
 */
function pattern(table: string): string {
  const quoted = table
    .toLowerCase()
    .split('.')
    .map((name) => `"${name}"`)
  return quoted.length === 1 ? `*.${quoted[0]}` : quoted.join('.')
}
