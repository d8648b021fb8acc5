import { ConfigError, StoreError } from '../../errors.ts'

export const READ_ONLY = 'This PostgreSQL is read-only. Sessions need the primary, not a replica.'

/** What to do about the errors that people meet; by SQLSTATE, by its class, or by the code of a system call. */
const ADVICE: Readonly<Record<string, string>> = {
  '42P01': 'The session table is missing. Run "strongroom migrate", or set createTable: true.',
  '3F000': 'The schema of the session table is missing.',
  '42703': 'The session table has other columns than this release knows. Run "strongroom migrate".',
  '42501': "PostgreSQL refused: this role may not do that. The session table's grants are in docs/postgres.md.",
  '28': 'PostgreSQL refused the user or the password.',
  '3D000': 'PostgreSQL has no database of that name.',
  '25006': READ_ONLY,
  '53300': 'PostgreSQL has no connection left. Lower "max", or raise max_connections.',
  '53100': 'The disk of PostgreSQL is full.',
  '57P': 'PostgreSQL is starting or shutting down.',
  ECONNREFUSED: 'PostgreSQL cannot be reached. Check that it runs, and the host and port.',
  ENOTFOUND: 'The host of PostgreSQL is not known.',
}

/**
 * Classes of SQLSTATE whose messages name tables, roles and states of the server. Others, such as 22 (data), 23 (constraints)
 * and P0 (triggers), quote values.
 */
const SPEAKABLE = /^(?:08|25|26|28|3D|3F|40|42|53|55|57|58)...$/

/** The error of a driver or server without what they attach to it: keys, values and statements. */
export function failure(error: unknown): StoreError | ConfigError {
  if (error instanceof StoreError || error instanceof ConfigError) return error
  const code = codeOf(error)
  const advice = ADVICE[code] ?? ADVICE[code.slice(0, 3)] ?? ADVICE[code.slice(0, 2)]
  return new StoreError(advice ?? 'PostgreSQL did not do what was asked; the cause tells more.', {
    cause: cleaned(error, code),
  })
}

export function tooLate(limit: number): StoreError {
  return new StoreError(`PostgreSQL did not answer within ${limit} ms. Check that it runs and can be reached.`)
}

export function codeOf(error: unknown): string {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: unknown }
  if (typeof code === 'string') return code
  // One for each address of the host.
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : ''
}

/** Was the statement taken back as a whole, so that the same may be tried again? 40: serialization failure, deadlock. */
export function isUndone(error: unknown): boolean {
  return codeOf(error).startsWith('40')
}

/** Does the server behind this connection not have our prepared statement, or have it already? So it is behind a pooler. */
export function isUnprepared(error: unknown): boolean {
  return ['26000', '42P05'].includes(codeOf(error))
}

/**
 * Of several calls that were taken back together: may one of them be the reason, so that the others can do without it? 22, 23,
 * P0: its data; 26, 42P05: it was prepared, or was not; 40: a collision; 54: its size; 55: it waited for a lock, 57014: or too long.
 */
export function isOfOne(error: unknown): boolean {
  return /^(?:22|23|26|40|54|55|P0)...$|^42P05$|^57014$/.test(codeOf(error))
}

function cleaned(error: unknown, code: string): Error {
  const { message, errors } = (error ?? {}) as { message?: unknown; errors?: unknown }
  const isSql = /^[0-9A-Z]{5}$/.test(code)
  const text = isSql && !SPEAKABLE.test(code) ? `SQLSTATE ${code}` : String(message || messagesOf(errors))
  return Object.assign(new Error(text), code === '' ? {} : { code })
}

function messagesOf(errors: unknown): string {
  return Array.isArray(errors) ? errors.map((each) => String(each?.message)).join('; ') : 'unknown error'
}
