import type { StoredRow } from '../site.ts'

/** A row as its driver returns it. */
export type Columns = Readonly<Record<string, string | number | bigint | Uint8Array | null>>

/** The row of a table. Ids that are bytes become hexadecimal. */
export function columnsRow(columns: Columns, key: string, data: string): StoredRow {
  const id = columns[key] as string | Uint8Array
  const session = columns[data] as Uint8Array
  return {
    key: typeof id === 'string' ? id : Buffer.from(id).toString('hex'),
    value: Buffer.from(JSON.stringify(columns, toJson)),
    data: Buffer.from(session),
  }
}

/** What `columnsRow` was made of, under the key that the row has now, with its data as it is now. */
export function rowColumns(row: StoredRow, key: string, data: string): Columns {
  const columns = JSON.parse(Buffer.from(row.value).toString('utf8'), fromJson) as Record<string, Columns[string]>
  columns[key] = columns[key] instanceof Uint8Array ? Buffer.from(row.key, 'hex') : row.key
  if (row.data) columns[data] = Buffer.from(row.data)
  return columns
}

function toJson(this: unknown, name: string, value: unknown): unknown {
  const given = (this as Record<string, unknown>)[name]
  if (given instanceof Uint8Array) return { hex: Buffer.from(given).toString('hex') }
  return typeof value === 'bigint' ? { bigint: `${value}` } : value
}

function fromJson(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('hex' in value) return Buffer.from(String(value.hex), 'hex')
  return 'bigint' in value ? BigInt(String(value.bigint)) : value
}
