import { number } from '../words.ts'
import type { Kind } from './kind.ts'
import type { Report } from './read.ts'
import type { Found } from './tally.ts'

/** Which rows make a scan fail: readable as they are; with the server's key, too; or any. */
export const LIMITS = ['readable', 'keyed', 'any'] as const
export type Limit = (typeof LIMITS)[number]

const KINDS: Readonly<Record<Kind, readonly [readable: Limit, words: string]>> = {
  'two-key': ['any', 'sealed with two keys: cannot be read without the cookies of the visitors'],
  'server-key': ['keyed', "sealed with one key: can be read by whoever has the server's key"],
  none: ['readable', 'not sealed: can be read as they are'],
  // Whoever made them so did not tell us; a scan that guesses wrong must not guess "safe".
  unknown: ['readable', 'in no form that is known here: take them as readable'],
  django: ['readable', "Django's: can be read as they are, and each key is a cookie that signs its user in"],
}

/** Does a row of this kind count? Everything does under `any`; null is an empty table. */
export function isReadable(kind: Kind | null, limit: Limit): boolean {
  return kind !== null && LIMITS.indexOf(KINDS[kind][0]) <= LIMITS.indexOf(limit)
}

/** What there is to say of a file, a line for each finding. */
export function* wordsFor({ file, format, found, problem }: Report): Generator<string> {
  const name = `${file}${format === null ? '' : ` (${format})`}`
  if (problem === null && found.every(({ rows }) => rows === 0)) yield `${name}: no session rows.`
  for (const one of found) yield `${name}: ${wordsOf(one)}.`
  if (problem !== null) yield `${name}: ${problem}${/[.?]$/.test(problem) ? '' : '.'}`
}

function wordsOf({ table, kind, rows }: Found): string {
  if (kind === null) return `the table ${table} is there, and empty`
  const count = `${number(rows)} session ${rows === 1 ? 'row' : 'rows'}`
  return `${count}${table === null ? '' : ` in ${table}`}, ${KINDS[kind][1]}`
}
