import { type Kind, kindOf, mayBeSession, ownerOf, READABLE, type Readable, type Table } from './kind.ts'
import { RawSearch } from './raw.ts'
import type { Row } from './row.ts'

/** Session rows of one kind in one table; or, with `kind` null, a session table that is empty. */
export interface Finding {
  /** As the dump names it. Null where the rows of a file cannot be attributed to tables. */
  readonly table: string | null
  readonly kind: Kind | null
  readonly rows: number
  readonly readable: Readable | null
}

/** No real dump has more session tables. The rows of any further ones are counted together. */
const TABLES = 100

/** Counts the sessions of one file. */
export class Tally {
  readonly #counts = new Map<string | null, Map<Kind, number>>()
  readonly #names = new Set<string>()
  /** Is shown what is no row: a session there, as in a string that has lost its end, is not understood. */
  readonly outside = new RawSearch()
  /** Is shown statements beside the rows that they have written: sessions in them are no surprise where such rows were found. */
  readonly copies = new RawSearch()
  /** How many statements with row events were read. */
  binlogStatements = 0
  #statements = 0
  #first = ''

  /** A table that the dump creates: if it is a session table and stays empty, the report says so. */
  table(table: Table): void {
    if (ownerOf(table) !== null && this.#names.size < TABLES) this.#names.add(nameOf(table))
  }

  row(row: Row, table: Table | null): void {
    const kind = kindOf(row, table)
    if (kind !== null) this.add(kind, 1, table)
    this.width(row)
  }

  /** A value that was discarded may be a session. */
  width(row: Row): void {
    if (row.isCut) this.notUnderstood('rows of more than 4,096 columns')
  }

  /** A row without some of its columns, by which alone it may not be recognized. */
  partialRow(row: Row, table: Table | null): void {
    const kind = kindOf(row, table)
    if (kind !== null) this.add(kind, 1, table)
    this.width(row)
    const isOwned = table !== null && ownerOf(table) !== null
    if (isOwned || (kind === null && mayBeSession(row)))
      this.notUnderstood(`rows${table === null ? '' : ` of the table ${nameOf(table)}`} without some of their columns`)
  }

  add(kind: Kind, rows: number, table: Table | null): void {
    const named = table && nameOf(table)
    const name = this.#counts.has(named) || this.#counts.size < TABLES ? named : null
    const counts = this.#counts.get(name) ?? new Map<Kind, number>()
    this.#counts.set(name, counts.set(kind, (counts.get(kind) ?? 0) + rows))
  }

  /** A part of the file may have held sessions, and cannot be read. `what` names no more than a table. */
  notUnderstood(what: string): void {
    if (this.#statements++ === 0) this.#first = what
  }

  /** What was not understood, as the problem of a file; null when there was nothing of the kind. Nothing can be added after this. */
  end(): string | null {
    const { events = 0, comments = 0, ...traces } = Object.fromEntries(this.outside.end())
    if (Object.keys(traces).length > 0) this.notUnderstood('what looks like sessions outside of rows')
    // The others are in a comment, or in a string that has lost its end.
    if (events > this.binlogStatements) this.notUnderstood('row events of a binary log outside of statements')
    // They are no longer comments: a string that has lost its end has taken them in.
    if (comments > 0) this.notUnderstood('rows of a binary log in a string')
    if (this.#hasOtherCopies()) this.notUnderstood('statements with what looks like sessions, without their rows')
    if (this.#statements === 0) return null
    const what = this.#statements === 1 ? 'one part of it was' : `${this.#statements} parts of it were`
    const first = this.#statements === 1 ? '' : 'the first is '
    return `${what} not understood: ${first}${this.#first}`
  }

  #hasOtherCopies(): boolean {
    const found = new Set([...this.#counts.values()].flatMap((kinds) => [...kinds.keys()]))
    const isFound = { django: found.has('django'), ours: [...found].some((kind) => kind !== 'django') }
    const { django, cookie, events, comments, ...ours } = Object.fromEntries(this.copies.end())
    return (django !== undefined && !isFound.django) || (Object.keys(ours).length > 0 && !isFound.ours)
  }

  get findings(): Finding[] {
    const filled = [...this.#counts].flatMap(([table, counts]) =>
      [...counts].map(([kind, rows]): Finding => ({ table, kind, rows, readable: READABLE[kind] })),
    )
    // Once some rows are not attributed to a table, no table can be called empty.
    if (this.#counts.has(null)) return filled
    // A binary log names the database of a row, and not that of a table which a statement creates.
    const isFilled = (name: string) =>
      [...this.#counts.keys()].some((each) => each === name || each?.endsWith(`.${name}`))
    const empty = [...this.#names].filter((name) => !isFilled(name))
    return [...filled, ...empty.map((table): Finding => ({ table, kind: null, rows: 0, readable: null }))]
  }
}

/** A name in a hostile dump may have any length. */
const nameOf = ({ name }: Table) => (name.length > 130 ? `${name.slice(0, 129)}…` : name)
