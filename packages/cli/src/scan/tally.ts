import { type Kind, kindOf, ownerOf, type Table } from './kind.ts'
import type { Row } from './row.ts'

export interface Found {
  /** As the dump names it; null where the rows of a file cannot be told apart by table. */
  readonly table: string | null
  readonly kind: Kind | null
  readonly rows: number
}

/** More tables of sessions than this are no dump of anybody's; their rows are counted together. */
const TABLES = 100

/** Counts the sessions of one file. */
export class Tally {
  readonly #counts = new Map<string | null, Map<Kind, number>>()
  readonly #names = new Set<string>()

  /** A table that the dump makes: it is worth telling, when it is of sessions, that it is there and empty. */
  table(table: Table): void {
    if (ownerOf(table) !== null && this.#names.size < TABLES) this.#names.add(nameOf(table))
  }

  row(row: Row, table: Table | null): void {
    const kind = kindOf(row, table)
    if (kind !== null) this.add(kind, 1, table)
  }

  add(kind: Kind, rows: number, table: Table | null): void {
    const named = table && nameOf(table)
    const name = this.#counts.has(named) || this.#counts.size < TABLES ? named : null
    const counts = this.#counts.get(name) ?? new Map<Kind, number>()
    this.#counts.set(name, counts.set(kind, (counts.get(kind) ?? 0) + rows))
  }

  get found(): Found[] {
    const filled = [...this.#counts].flatMap(([table, counts]) =>
      [...counts].map(([kind, rows]): Found => ({ table, kind, rows })),
    )
    // Where rows go uncounted by table, nothing can be said of one table.
    if (this.#counts.has(null)) return filled
    const empty = [...this.#names].filter((name) => !this.#counts.has(name))
    return [...filled, ...empty.map((table): Found => ({ table, kind: null, rows: 0 }))]
  }
}

/** A name of a hostile dump may be of any length. */
const nameOf = ({ name }: Table) => (name.length > 130 ? `${name.slice(0, 129)}…` : name)
