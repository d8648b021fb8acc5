import { parseJson } from '../../base/json.ts'
import { ConfigError } from '../../errors.ts'
import { parseServerUrl } from '../shared/server-url.ts'
import { unknownOption } from '../shared/url-query.ts'

/**
 * What a URL may set of mysql2's options. The others are functions and objects, which no URL can express; or undo what we decide:
 * `multipleStatements`, and `uri`, a second URL that mysql2 reads instead of this one. A list of what is refused would miss the
 * next such option.
 */
export const DRIVER_OPTIONS: ReadonlySet<string> = new Set([
  ...['socketPath', 'localAddress', 'ssl', 'compress', 'connectTimeout', 'enableKeepAlive', 'keepAliveInitialDelay'],
  ...['connectionLimit', 'maxIdle', 'idleTimeout', 'queueLimit', 'waitForConnections', 'resetOnRelease', 'gracefulEnd'],
  ...['password1', 'password2', 'password3', 'passwordSha1', 'insecureAuth', 'enableCleartextPlugin'],
  ...['charset', 'charsetNumber', 'timezone', 'connectAttributes', 'flags', 'maxPreparedStatements', 'disableEval'],
  ...['bigNumberStrings', 'supportBigNumbers', 'decimalNumbers', 'dateStrings', 'jsonStrings', 'stringifyObjects'],
  ...['namedPlaceholders', 'nestTables', 'rowsAsArray', 'typeCast', 'debug', 'trace'],
])

/** Their values are objects, as JSON. */
const OBJECTS: ReadonlySet<string> = new Set(['ssl', 'connectAttributes'])

/** Capabilities that a URL may turn on. With a minus before it, any may be turned off. */
const FLAGS: ReadonlySet<string> = new Set([
  ...[
    'LONG_PASSWORD',
    'FOUND_ROWS',
    'LONG_FLAG',
    'CONNECT_WITH_DB',
    'NO_SCHEMA',
    'ODBC',
    'LOCAL_FILES',
    'IGNORE_SPACE',
  ],
  ...['PROTOCOL_41', 'INTERACTIVE', 'IGNORE_SIGPIPE', 'TRANSACTIONS', 'RESERVED', 'SECURE_CONNECTION', 'MULTI_RESULTS'],
  ...['PS_MULTI_RESULTS', 'PLUGIN_AUTH', 'CONNECT_ATTRS', 'PLUGIN_AUTH_LENENC_CLIENT_DATA', 'SESSION_TRACK'],
  ...['CAN_HANDLE_EXPIRED_PASSWORDS', 'CLIENT_QUERY_ATTRIBUTES'],
])

const SCHEME = /^(?:mysql|mariadb):/
const EXAMPLE = 'mysql://user:password@host:3306/database'

declare const checked: unique symbol

/** A URL that `driverUrl` has checked. Connections are opened to no other. */
export type DriverUrl = string & { readonly [checked]: true }

interface Defaults {
  readonly timeout: number
  /** Open connections that take several statements in one message (default false). */
  readonly batchWrites?: boolean | undefined
  /** For error messages: "mysql()". */
  readonly where: string
  /** The options of ours that this URL could have, for error messages, too (default none). */
  readonly own?: readonly string[] | undefined
}

/** The URL with our defaults; its own settings take precedence. No message quotes any part of it, because it contains a password. */
export function driverUrl(given: string, { where, own = [], timeout, batchWrites = false }: Defaults): DriverUrl {
  const { url, hosts, query } = parseServerUrl(where, EXAMPLE, given)
  const isSocket = hosts === '' && new URLSearchParams(query).has('socketPath')
  // The driver needs a host all the same, and ignores it.
  const parsed = URL.parse(isSocket ? url.replace(/^([^/]+\/\/(?:[^/?]*@)?)/, '$1localhost') : url)
  if (!parsed?.hostname || !SCHEME.test(url))
    throw new ConfigError(
      `The URL of ${where} must be like ${EXAMPLE}, or mysql://user@/database?socketPath=/run/mysqld.sock.`,
    )
  const { searchParams } = parsed
  for (const [name, value] of searchParams) checkOption(name, value, { where, own })
  // On such a connection, an SQL injection could append any statement. It takes `batchWrites` to open one.
  if (batchWrites) searchParams.set('multipleStatements', 'true')
  // `trace` records a stack trace for every call, in case the call fails.
  for (const [name, value] of Object.entries({ connectTimeout: timeout, trace: false })) {
    if (!searchParams.has(name)) searchParams.set(name, `${value}`)
  }
  return parsed.href as DriverUrl
}

function checkOption(name: string, value: string, { where, own = [] }: Pick<Defaults, 'where' | 'own'>): void {
  if (name === 'multipleStatements') throw severalStatements(where)
  if (!DRIVER_OPTIONS.has(name)) throw unknownOption(name, { where, own, driver: 'mysql2', known: DRIVER_OPTIONS })
  if (name === 'flags') checkFlags(value, where)
  else if (!OBJECTS.has(name) && typeof asDriverReads(value) === 'object')
    throw new ConfigError(`Option "${name}" in the URL of ${where} must be a string, a number, true or false.`)
}

/**
 * The text itself must be a list of known names. mysql2 reads JSON, escapes included, and changes other text to upper case, which
 * makes ASCII letters of some that are none: "ı" becomes "I", and "ſ" becomes "S".
 */
function checkFlags(text: string, where: string): void {
  for (const name of text.split(',')) {
    if (/^-[A-Za-z\d_]+$/.test(name)) continue
    if (/^[A-Za-z\d_]+$/.test(name) && FLAGS.has(name.toUpperCase())) continue
    if (name.toUpperCase() === 'MULTI_STATEMENTS') throw severalStatements(where)
    throw new ConfigError(
      `Option "flags" in the URL of ${where} must be names separated by commas, without spaces: -FOUND_ROWS turns one ` +
        `off. These can be turned on: ${[...FLAGS].join(', ')}. MULTI_STATEMENTS cannot: there is the option batchWrites ` +
        'of mysql() instead.',
    )
  }
}

function asDriverReads(value: string): unknown {
  try {
    return parseJson(value)
  } catch {
    return value
  }
}

const severalStatements = (where: string) =>
  new ConfigError(
    `Remove "multipleStatements", or the flag MULTI_STATEMENTS, from the URL of ${where}: its connections take one ` +
      'statement in a message. (The option batchWrites of mysql() opens connections that take several.)',
  )
