/** Which program a text is for. What the reader of a statement learns, holds for the ones after it. */
export interface Dialect {
  /** Is a backslash in a string an escape, as in MySQL? Null when nothing has shown it yet. */
  escapes: boolean | null
  /** Does `#` begin a comment, as in MySQL? Elsewhere it is an operator. */
  readonly hashComments: boolean
}

/** In the first lines of what mysqlbinlog prints. */
export const LOG_OUTPUT = /^DELIMITER \/\*!\*\/;\r?$/m

/** The program that wrote a text, and its dialect. */
export function writerOf(start: string): [name: string, dialect: Dialect] {
  if (/^-- PostgreSQL database/m.test(start)) return ['PostgreSQL dump', { escapes: false, hashComments: false }]
  if (LOG_OUTPUT.test(start)) return ['output of mysqlbinlog', { escapes: true, hashComments: true }]
  if (/^(?:-- M(?:ySQL|ariaDB) dump|\/\*M?!)/m.test(start))
    return ['MariaDB or MySQL dump', { escapes: true, hashComments: true }]
  if (/^PRAGMA foreign_keys/m.test(start)) return ['SQLite dump', { escapes: false, hashComments: false }]
  // Names in backticks are MySQL's. A line that begins with # is a comment of MySQL and nothing elsewhere.
  const isMysql = /^(?:(?:INSERT|REPLACE|CREATE|DROP|LOCK|ALTER)\b[^\n`'"]{0,99}`|#)/im.test(start)
  return ['SQL', { escapes: isMysql ? true : null, hashComments: isMysql }]
}

/** What a letter after a backslash means, by its code. */
export function escapeTable(letters: Readonly<Record<string, number>>): ReadonlyMap<number, number> {
  return new Map(Object.entries(letters).map(([letter, byte]) => [letter.charCodeAt(0), byte]))
}
