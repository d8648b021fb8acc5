import type { Answer, PostgresClient, Request, Row } from './client.ts'

/** What is used of pg's `Connection`; pg-cursor uses the same. */
interface Wire {
  readonly stream: { cork?(): void; uncork?(): void }
  readonly parsedStatements: Record<string, string>
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: Request['values']; valueMapper: (value: unknown) => unknown }): void
  execute(message: object): void
  sync(): void
}

/** A statement, and the parameters of each time that it is to be run. */
export interface Batch {
  readonly text: string
  readonly name?: string | undefined
  readonly each: readonly Request['values'][]
}

export type Done = (error: unknown, answers?: readonly Answer[]) => void

/** Can `sendLean` talk to this connection? Not to one of the native driver. */
export function isLean(client: PostgresClient): boolean {
  return typeof (client as { connection?: Partial<Wire> }).connection?.bind === 'function'
}

/**
 * Runs a statement as often as there are parameters for it, in one round trip and one transaction: an error takes all of it
 * back, and there is no answer before all of it is committed (PostgreSQL, Frontend/Backend Protocol, 55.2.4 Pipelining).
 *
 * It does not ask for a description of the columns, which is the same each time: a quarter of the time that the driver takes
 * for a read. It is what pg calls a submittable. For connections of our own only: those that are handed in may be wrapped, or
 * pipeline.
 */
export function sendLean(client: PostgresClient, batch: Batch, done: Done): void {
  const submit = client.query as unknown as (query: Lean) => void
  submit.call(client, new Lean(batch, done))
}

/** A query as pg's `Client` drives it: it calls the methods, and looks at `name` and `text` to know what is prepared. */
class Lean {
  readonly name: string | undefined
  readonly text: string
  readonly callback: Done
  readonly #each: Batch['each']
  readonly #answers: Answer[] = []
  #rows: Row[] = []

  constructor({ name, text, each }: Batch, done: Done) {
    this.name = name
    this.text = text
    this.callback = done
    this.#each = each
  }

  submit(wire: Wire): null {
    const statement = this.name ?? ''
    wire.stream.cork?.()
    try {
      if (statement === '' || wire.parsedStatements[statement] === undefined)
        wire.parse({ name: statement, text: this.text })
      for (const values of this.#each) {
        wire.bind({ statement, values, valueMapper: toText })
        wire.execute({})
      }
      wire.sync()
    } finally {
      wire.stream.uncork?.()
    }
    return null
  }

  handleDataRow({ fields }: { fields: Row }): void {
    this.#rows.push(fields)
  }

  /** The tag is "SELECT 1", "UPDATE 1" or "INSERT 0 1". */
  handleCommandComplete({ text }: { text: string }): void {
    this.#answers.push({ rows: this.#rows, rowCount: Number(text.slice(text.lastIndexOf(' ') + 1)) })
    this.#rows = []
  }

  handleReadyForQuery(): void {
    this.callback(null, this.#answers)
  }

  handleError(error: unknown): void {
    this.callback(error)
  }
}

const toText = (value: unknown) => (typeof value === 'number' ? String(value) : value)
