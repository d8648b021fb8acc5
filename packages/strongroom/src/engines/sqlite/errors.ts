import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from '../../errors.ts'

const GONE = 'Create it, or correct the path: a relative one begins at the working directory.'

/** What to do, by the codes of the system and the primary result codes of SQLite. `path` is the file, or a word for it. */
const ADVICE: Readonly<Record<string | number, (path: string) => string>> = {
  ENOENT: (path) => `The folder of the session database does not exist: ${dirname(path)}. ${GONE}`,
  ENOTDIR: (path) => `The session database cannot be made in ${dirname(path)}, which is not a folder. ${GONE}`,
  EACCES: notWritable,
  EPERM: notWritable,
  EROFS: notWritable,
  ENOSPC: () => FULL,
  8: notWritable,
  11: (path) =>
    `The session database is damaged: ${path}. Restore it from a backup, or move it away to begin with an empty one.`,
  13: () => FULL,
  14: notOpened,
  26: (path) => `The session database is not a file of SQLite: ${path}. Choose another path.`,
}

const FULL = 'The disk with the session database is full.'

function notWritable(path: string): string {
  return `The session database cannot be written: ${path}. Let the user of this process write to the file, to those beside it and to their folder.`
}

function notOpened(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    return `The path of the session database is a folder: ${path}. Name a file in it.`
  return `The session database cannot be opened: ${path}. Check that its folder exists, and that this process may write to it.`
}

/** What better-sqlite3 and libsql write as text. */
const NAMES: Readonly<Record<string, number>> = {
  SQLITE_ERROR: 1,
  SQLITE_PERM: 3,
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_CONSTRAINT: 19,
  SQLITE_MISMATCH: 20,
  SQLITE_AUTH: 23,
  SQLITE_NOTADB: 26,
}

/** SQLite's own words, and their codes: Deno's node:sqlite has no `errcode` when a database is opened, nor for what `exec` fails with. */
const WORDS: readonly (readonly [RegExp, number])[] = [
  [/^database is locked/, 5],
  [/^database (?:table|schema) is locked/, 6],
  [/^attempt to write a readonly database/, 8],
  [/^database disk image is malformed/, 11],
  [/^database or disk is full/, 13],
  [/^unable to open database file/, 14],
  [/constraint failed/, 19],
  [/^file is not a database/, 26],
]

/**
 * The primary result code of SQLite, or the code of the system; undefined for what is neither. node:sqlite has it in `errcode`, libsql
 * in `rawCode`, better-sqlite3 in `code`, the last two as SQLITE_NAME or SQLITE_NAME_DETAIL.
 */
export function codeOf(error: unknown): string | number | undefined {
  const { errcode, rawCode, code, message } = (error ?? {}) as Record<string, unknown>
  const number = errcode ?? rawCode
  // The low byte is the primary code.
  if (typeof number === 'number') return number & 255
  if (typeof code !== 'string') return undefined
  if (code === 'ERR_SQLITE_ERROR') return WORDS.find(([words]) => words.test(String(message)))?.[1] ?? code
  return NAMES[/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? ''] ?? code
}

/** Is the database only locked, so that it helps to wait? */
export function isBusy(error: unknown): boolean {
  return [5, 6].includes(codeOf(error) as number)
}

/** What has no code, or one that many faults share. */
const OF_THE_DRIVERS: readonly (readonly [RegExp, string])[] = [
  [
    /no such column|has no column named/,
    'The session table has other columns than this release expects. Give sessions a table of their own: option "table".',
  ],
  [
    /database (?:is not open|connection is not open|has been closed)/,
    'The session database is closed. Close it after the sessions.',
  ],
]

/** `path` is null for a database that was passed in, or is in memory. */
export function unanswered(cause: unknown, path: string | null): StoreError {
  if (cause instanceof StoreError) return cause
  const code = codeOf(cause)
  const advice = code !== undefined && Object.hasOwn(ADVICE, code) ? ADVICE[code] : undefined
  const [, said] = OF_THE_DRIVERS.find(([pattern]) => pattern.test(String(cause))) ?? []
  const message = advice?.(path ?? 'the one that sqlite() was given') ?? said
  return new StoreError(message ?? 'A call to the session database failed. The cause says why.', { cause })
}

export function tooLong(timeout: number): StoreError {
  return new StoreError(`The session database stayed locked by another program for ${timeout} ms.`)
}
