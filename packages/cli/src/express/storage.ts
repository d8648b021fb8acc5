/** Where express-session has its sessions, as one of its stores has laid them out. */
export interface ExpressStorage {
  /** The name of the package, for the report. */
  readonly engine: string
  /** What to compare if there is no session. */
  readonly nothingThere: string
  /** Their ids, a page at a time. */
  ids(options: IdsOptions): AsyncIterable<readonly string[]>
  /** The record, and when the store drops it; null if there is none, or if it has expired. Rejects with `StoreError`. */
  read(sid: string): Promise<Stored | null>
  delete(sid: string): Promise<void>
  close(): Promise<void>
}

export interface IdsOptions {
  readonly page: number
  readonly signal?: AbortSignal | undefined
}

export interface Stored {
  /** Undefined for what is no JSON: encrypted, or not a session. */
  readonly record: unknown
  /** In ms; null if it lives for ever. */
  readonly endsAt: number | null
}

/** JSON, or what a driver has made of it already. */
export function recordOf(given: unknown): unknown {
  if (typeof given !== 'string' && !Buffer.isBuffer(given)) return given
  try {
    return JSON.parse(given.toString())
  } catch {
    return undefined
  }
}

/** The name of a table, `schema.table` included, between the marks of its SQL: names such as `session` are also words of it. */
export const quoted = (mark: string, table: string): string =>
  table
    .split('.')
    .map((part) => mark + part + mark)
    .join('.')

/** In ms. */
export const TIMEOUT = 10_000
