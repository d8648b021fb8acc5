import { cheatSheet } from './cheat-sheet.ts'
import { cookies } from './cookies.ts'
import { data } from './data.ts'
import { nist } from './nist.ts'
import type { Row } from './row.ts'
import { web } from './web.ts'

const ROWS = { ...web, ...data, ...cheatSheet, ...nist, ...cookies } as const

/** A row that can be proved: what is held or offered. */
export type Provable = {
  [Id in keyof typeof ROWS]: (typeof ROWS)[Id]['who'] extends 'held' | 'offered' ? Id : never
}[keyof typeof ROWS]

/** All rows of the checklist, in the order of the page. */
export const rows: ReadonlyMap<string, Row> = new Map<string, Row>(Object.entries(ROWS))

/** By source, as the page shows them. */
export const SOURCES = [
  ['OWASP ASVS 5.0.0', /^ASVS /],
  ['OWASP Session Management Cheat Sheet', /^OWASP /],
  ['NIST SP 800-63B-4', /^NIST /],
  ['RFC 6265bis and CHIPS', /^(?:RFC|CHIPS)/],
] as const satisfies readonly (readonly [title: string, rows: RegExp])[]
