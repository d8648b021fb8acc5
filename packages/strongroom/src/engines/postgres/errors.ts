import { ConfigError, StoreError } from '../../errors.ts'
import { tlsAdvice } from '../shared/tls.ts'

export const READ_ONLY = 'This PostgreSQL server is read-only. Sessions need the primary, not a replica.'

const UNREACHABLE = 'PostgreSQL cannot be reached. Check that it is running, and the host and port.'
const CLOSED =
  'PostgreSQL closed the connection. Check that it is running, and that the host and port are those of PostgreSQL.'
const UNRESOLVED = 'The host of the PostgreSQL server cannot be resolved. Check its name, and that name servers answer.'

/** What to do about common errors; by SQLSTATE, by the class of the SQLSTATE, or by the code of a system call. */
const ADVICE: Readonly<Record<string, string>> = {
  '42P01': 'The session table is missing. Run "npx @strongroom/cli migrate", or set createTable: true.',
  '3F000': 'The schema of the session table is missing. Create it, or check the option "table".',
  '42703': 'The session table has other columns than this release expects. Run "npx @strongroom/cli migrate".',
  '42501':
    'PostgreSQL refused: this role may not do that. docs/postgres.md lists the grants that the session table needs.',
  '28': 'PostgreSQL refused the user or the password.',
  '28000':
    'PostgreSQL refused the login: no such role, or no line of pg_hba.conf permits this user, host, database and encryption.',
  '3D000': 'PostgreSQL has no database of that name. Create it, or correct the name at the end of the URL.',
  '25006': READ_ONLY,
  '53300': 'PostgreSQL has no connection left. Lower "max", or raise max_connections.',
  '53100': 'The disk of the PostgreSQL server is full.',
  '57P': 'PostgreSQL is starting or shutting down.',
  ECONNREFUSED: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  ENOTFOUND: UNRESOLVED,
  EAI_AGAIN: UNRESOLVED,
  // Of postgres.js.
  CONNECT_TIMEOUT: UNREACHABLE,
  CONNECTION_CLOSED: CLOSED,
  CONNECTION_DESTROYED: CLOSED,
  CONNECTION_ENDED: 'The application has ended its postgres.js client. End the sessions first, and the client last.',
}

/** What pg says in words of its own, without a code that tells. */
const OF_THE_DRIVER: readonly (readonly [RegExp, string])[] = [
  [
    /does not support SSL connections/,
    'PostgreSQL does not speak TLS there. Turn TLS on in its configuration, or take sslmode out of the URL.',
  ],
  [
    /client password must be a (?:non-empty )?string/,
    'PostgreSQL wants a password, and was given none. Set PGPASSWORD, add a line to ~/.pgpass, or let the application read a URL with the password from an environment variable.',
  ],
  [/^Connection terminated due to connection timeout|^timeout expired$/, UNREACHABLE],
  [
    /^timeout exceeded when trying to connect$/,
    'No connection of the pool became free in time. Check that PostgreSQL is running, or raise "max".',
  ],
  [/^Connection terminated|^Client has encountered a connection error/, CLOSED],
  [/^received invalid response: /, 'What answers there is not PostgreSQL. Check the host and port.'],
  [/^connect ENOENT /, 'PostgreSQL has no such Unix socket. Check that it is running, and its directory and port.'],
]

/**
 * Classes of SQLSTATE whose messages name tables, roles and states of the server, and are safe to show. Other messages, such as
 * those of 22 (data), 23 (constraints) and P0 (triggers), quote values.
 */
const SAFE_MESSAGE = /^(?:08|25|26|28|3D|3F|40|42|53|55|57|58)...$/

/** The error of a driver or server, without the keys, values and statements that they attach to it. */
export function failure(error: unknown): StoreError | ConfigError {
  if (error instanceof StoreError || error instanceof ConfigError) return error
  const code = codeOf(error)
  const cause = cleaned(error, code)
  const inWords = OF_THE_DRIVER.find(([pattern]) => pattern.test(cause.message))?.[1]
  // The words of the driver would add nothing to ours.
  if (inWords !== undefined) return new StoreError(inWords)
  return new StoreError(adviceOn(code) ?? withoutAdvice(code), { cause })
}

function adviceOn(code: string): string | undefined {
  return ADVICE[code] ?? ADVICE[code.slice(0, 3)] ?? ADVICE[code.slice(0, 2)] ?? tlsAdvice('PostgreSQL', code)
}

function withoutAdvice(code: string): string {
  const which = code === '' ? '' : ` (${code})`
  return `PostgreSQL could not do what was asked${which}; the cause says why.`
}

export function tooLate(limit: number, isConnected = true): StoreError {
  const advice = isConnected
    ? 'Check that it is running and can be reached.'
    : 'The client is not connected: call await client.connect() first.'
  return new StoreError(`PostgreSQL did not answer within ${limit} ms. ${advice}`)
}

export function codeOf(error: unknown): string {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: unknown }
  if (typeof code === 'string') return code
  // A host with several addresses: one error for each.
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : ''
}

/** Was the whole statement rolled back, so that it may be tried again? 40: serialization failure, deadlock. */
export function isRolledBack(error: unknown): boolean {
  return codeOf(error).startsWith('40')
}

/** Has the server lost our prepared statement, or does it have it already? Then the connection goes through a pooler. */
export function isUnprepared(error: unknown): boolean {
  return ['26000', '42P05'].includes(codeOf(error))
}

/**
 * A batch was rolled back. Can one of its requests be the reason, so that the others succeed without it? 22, 23, P0: its data;
 * 26, 42P05: its prepared statement; 40: a conflict; 54: its size; 55: it waited for a lock; 57014: it waited too long.
 */
export function isDueToOne(error: unknown): boolean {
  return /^(?:22|23|26|40|54|55|P0)...$|^42P05$|^57014$/.test(codeOf(error))
}

function cleaned(error: unknown, code: string): Error {
  const { message, errors } = (error ?? {}) as { message?: unknown; errors?: unknown }
  const isSqlState = /^[0-9A-Z]{5}$/.test(code)
  const text = isSqlState && !SAFE_MESSAGE.test(code) ? `SQLSTATE ${code}` : String(message || messagesOf(errors))
  return Object.assign(new Error(text), code === '' ? {} : { code })
}

function messagesOf(errors: unknown): string {
  return Array.isArray(errors) ? errors.map((each) => String(each?.message)).join('; ') : 'unknown error'
}
