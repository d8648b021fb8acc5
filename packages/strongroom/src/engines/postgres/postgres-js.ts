import { within } from '../../base/time-limit.ts'
import type { Query, Result } from './client.ts'
import { tooLate } from './errors.ts'
import type { Executor } from './executor.ts'

/** The part of postgres.js that is used: what `postgres(url)` of the package postgres returns. */
export interface PostgresJs {
  unsafe(text: string, values: never[], options: { readonly prepare: boolean }): { raw(): PostgresJsQuery }
}

/** A query of postgres.js, whose rows are arrays of the bytes that the server sent. */
export interface PostgresJsQuery extends PromiseLike<unknown> {
  cancel(): void
}

/** What it resolves to; for several statements in one message, an array of these. */
interface RawRows extends ReadonlyArray<readonly (Uint8Array | null)[]> {
  readonly count?: number | null
}

export function isPostgresJs(given: unknown): given is PostgresJs {
  return typeof given === 'function' && typeof (given as Partial<PostgresJs>).unsafe === 'function'
}

/**
 * The connections of postgres.js, each statement on whichever it chooses. None is reserved: release of one that was lost meanwhile puts it
 * among those that can be used, and the next query then ends the process (postgres 3.4).
 */
export class PostgresJsExecutor implements Executor {
  readonly #sql: PostgresJs

  constructor(sql: PostgresJs) {
    this.#sql = sql
  }

  execute({ text, values, name }: Query, limit: number): Promise<Result> {
    let sent: PostgresJsQuery | undefined
    const run = () => {
      // Raw, because the application may have changed how a type is parsed. It names prepared statements itself.
      sent = this.#sql.unsafe(text, values as never[], { prepare: name !== undefined }).raw()
      return sent.then((rows) => resultOf(rows as RawRows)) as Promise<Result>
    }
    return within(
      limit,
      run,
      () => tooLate(limit),
      () => sent && cancelUnsent(sent),
    )
  }

  /** Does nothing: the client is ended by its owner. */
  async close(): Promise<void> {}
}

/** It must not be sent later. One that was sent is left alone: a request to cancel might hit the next query on its connection. */
function cancelUnsent(query: PostgresJsQuery): void {
  if ((query as { readonly state?: unknown }).state === null) query.cancel()
}

function resultOf(rows: RawRows): Result {
  // Several statements, whose results nobody reads.
  if (rows.count === undefined) return { rowCount: null, rows: [] }
  return { rowCount: rows.count, rows: rows.map((row) => row.map((value) => value && textOf(value))) }
}

const textOf = ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length).toString()
