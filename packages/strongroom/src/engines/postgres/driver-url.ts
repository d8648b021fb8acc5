import { ConfigError } from '../../errors.ts'
import { parseServerUrl } from '../shared/server-url.ts'
import { unknownOption } from '../shared/url-query.ts'

/** The connection parameters of libpq. pg implements some of them; the others are left to tools that are given the same URL. */
export const LIBPQ_OPTIONS: ReadonlySet<string> = new Set([
  ...['host', 'hostaddr', 'port', 'dbname', 'user', 'passfile', 'service', 'options', 'client_encoding'],
  ...['application_name', 'fallback_application_name', 'connect_timeout', 'tcp_user_timeout', 'require_auth'],
  ...['keepalives', 'keepalives_count', 'keepalives_idle', 'keepalives_interval', 'target_session_attrs'],
  ...['sslmode', 'sslnegotiation', 'sslcompression', 'sslcert', 'sslkey', 'sslcertmode', 'sslrootcert', 'sslcrl'],
  ...['sslcrldir', 'sslsni', 'ssl_min_protocol_version', 'ssl_max_protocol_version', 'channel_binding'],
  ...['gssencmode', 'gsslib', 'krbsrvname', 'load_balance_hosts'],
])

/** What pg reads besides. */
export const PG_OPTIONS: ReadonlySet<string> = new Set([
  ...[
    'database',
    'password',
    'encoding',
    'ssl',
    'uselibpqcompat',
    'lock_timeout',
    'statement_timeout',
    'query_timeout',
  ],
  ...['idle_in_transaction_session_timeout', 'connectionTimeoutMillis', 'idleTimeoutMillis', 'maxLifetimeSeconds'],
  ...['maxUses', 'min', 'allowExitOnIdle', 'keepAlive', 'keepAliveInitialDelayMillis', 'binary'],
])

/** What hosting companies and other clients put into the same URL, and pg may ignore. */
const FOREIGN: ReadonlySet<string> = new Set(['pgbouncer', 'connection_limit', 'pool_timeout', 'supa'])

const EXAMPLE = 'postgres://user:password@host:5432/database'

declare const checked: unique symbol

/** A URL that `driverUrl` has checked. Connections are opened to no other. */
export type DriverUrl = string & { readonly [checked]: true }

/**
 * Checked here, because the driver would do so at the first call, with the password in its error, and ignores an option that it does
 * not know. Returns the URL without blanks at its ends. For error messages: `where` is "postgres()", and `own` are the options of ours that
 * this URL could have.
 */
export function driverUrl(given: string, where: string, own: readonly string[] = []): DriverUrl {
  const { url, hosts, query } = parseServerUrl(where, EXAMPLE, given)
  const options = new URLSearchParams(query)
  const isSocket = hosts === '' && options.has('host')
  if (!/^postgres(?:ql)?:/i.test(url) || !(isSocket || URL.canParse(url)))
    throw new ConfigError(
      `The URL of ${where} must be like ${EXAMPLE}, or postgres://user@/database?host=/run/postgresql.`,
    )
  for (const name of options.keys())
    if (![LIBPQ_OPTIONS, PG_OPTIONS, FOREIGN].some((known) => known.has(name)))
      throw unknownOption(name, { where, own, driver: 'pg', known: [...PG_OPTIONS, ...LIBPQ_OPTIONS] })
  return url as DriverUrl
}
