import { type Column, columnsFrom, isCompressed, readColumn } from './columns.ts'
import { Cursor, type Parser } from './cursor.ts'
import { damagedEvent, EventBytes } from './event-bytes.ts'
import { inflate } from './inflate.ts'
import type { Table } from './kind.ts'
import { Row } from './row.ts'
import type { Tally } from './tally.ts'

interface TableMap {
  readonly table: Table
  /** Null when they cannot be told apart. */
  readonly columns: readonly Column[] | null
}

/** What an event of rows says about them. */
export interface RowsForm {
  readonly isUpdate: boolean
  readonly isVersion2: boolean
  readonly isCompressed: boolean
}

/** More than a statement can join. */
const MOST_TABLES = 64
const MOST_COLUMNS = 4096
const END_OF_STATEMENT = 1

/** Reads which tables the next rows are of, and the rows (rows_event.h of MySQL, log_event.h of MariaDB). */
export class RowEvents {
  readonly #tally: Tally
  readonly #tables = new Map<number, TableMap>()
  readonly #row = new Row()
  /** How many bytes the number of a table has. */
  idSize = 6

  constructor(tally: Tally) {
    this.#tally = tally
  }

  *table(bytes: EventBytes): Parser {
    const id = yield* bytes.number(this.idSize)
    yield* bytes.skip(2)
    const name = `${yield* nameFrom(bytes)}.${yield* nameFrom(bytes)}`
    const count = yield* bytes.packed()
    if (count > MOST_COLUMNS) throw damagedEvent()
    // Copies, because these are kept.
    const types = Buffer.from(yield* bytes.take(count))
    const size = yield* bytes.packed()
    if (size > 2 * MOST_COLUMNS) throw damagedEvent()
    const described = yield* bytes.take(size)
    if (this.#tables.size >= MOST_TABLES) this.#tables.clear()
    this.#tables.set(id, { table: { name, columns: null }, columns: columnsFrom(types, described) })
  }

  *rows(bytes: EventBytes, { isUpdate, isVersion2, isCompressed: isPacked }: RowsForm): Parser {
    const id = yield* bytes.number(this.idSize)
    const flags = yield* bytes.number(2)
    if (isVersion2) yield* bytes.skip(Math.max(0, (yield* bytes.number(2)) - 2))
    const map = this.#tables.get(id)
    if (flags & END_OF_STATEMENT) this.#tables.clear()
    if (!map?.columns) return this.#tally.notUnderstood(map ? `rows of the table ${map.table.name}` : 'rows of a table')
    const { table, columns } = map
    const count = yield* bytes.packed()
    if (count !== columns.length) throw damagedEvent()
    const images = [yield* present(bytes, columns)]
    if (isUpdate) images.push(yield* present(bytes, columns))
    if (images.flat().some(isCompressed)) this.#tally.notUnderstood(`compressed columns of the table ${table.name}`)
    const each = { table, images, isPartial: images.some(({ length }) => length < count) }
    if (isPacked) yield* this.#inflated(bytes, each)
    else yield* this.#images(bytes, each)
  }

  *#images(bytes: EventBytes, { table, images, isPartial }: Images): Parser {
    const row = this.#row
    // Rows without a byte would never end.
    if (images.every(({ length }) => length === 0) && bytes.left > 0) throw damagedEvent()
    while (bytes.left > 0)
      for (const columns of images) {
        yield* readImage(bytes, columns, row)
        if (isPartial) this.#tally.partialRow(row, table)
        else this.#tally.row(row, table)
      }
  }

  /** As MariaDB compresses them (log_bin_compress). */
  *#inflated(bytes: EventBytes, images: Images): Parser {
    const rows = yield* inflate(bytes)
    if (rows === null) return this.#tally.notUnderstood(`compressed rows of the table ${images.table.name}`)
    const inner = new EventBytes(new Cursor())
    inner.begin(rows.length)
    const parser = this.#images(inner, images)
    if (!parser.next(null).done && !parser.next(rows).done) throw damagedEvent()
  }
}

interface Images {
  readonly table: Table
  /** The columns that are there: before a change and after it, or the only ones. */
  readonly images: readonly (readonly Column[])[]
  /** Are there rows without some of their columns (binlog_row_image)? */
  readonly isPartial: boolean
}

function* readImage(bytes: EventBytes, columns: readonly Column[], row: Row): Parser {
  row.clear()
  const nulls = Buffer.from(yield* bytes.take((columns.length + 7) >> 3))
  for (const [i, column] of columns.entries()) {
    const value = row.next()
    if (hasBit(nulls, i)) value.isNull = true
    else yield* readColumn(bytes, column, value)
  }
}

/** Reads which of the columns are in the rows of an event. */
function* present(bytes: EventBytes, columns: readonly Column[]): Parser<Column[]> {
  const bits = yield* bytes.take((columns.length + 7) >> 3)
  return columns.filter((_, i) => hasBit(bits, i))
}

const hasBit = (bits: Buffer, at: number) => (((bits[at >> 3] as number) >> (at & 7)) & 1) === 1

/** A length, the name, and a zero. */
function* nameFrom(bytes: EventBytes): Parser<string> {
  const name = (yield* bytes.take(yield* bytes.number(1))).toString('utf8')
  yield* bytes.skip(1)
  return name
}
