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

type Done = (error: unknown, answer?: Answer) => void

/** Can `sendLean` talk to this connection? Not to one of the native driver. */
export function isLean(client: PostgresClient): boolean {
  return typeof (client as { connection?: Partial<Wire> }).connection?.bind === 'function'
}

/**
 * Sends without asking for a description of the columns, which is the same each time: a quarter of the time that the driver
 * takes for a read. It is what pg calls a submittable. For connections of our own only: those that are handed in may be
 * wrapped, or pipeline.
 */
export function sendLean(client: PostgresClient, request: Request, done: Done): void {
  const submit = client.query as unknown as (query: Lean) => void
  submit.call(client, new Lean(request, done))
}

/** A query as pg's `Client` drives it: it calls the methods, and looks at `name` and `text` to know what is prepared. */
class Lean implements Answer {
  readonly name: string | undefined
  readonly text: string
  readonly callback: Done
  readonly rows: Row[] = []
  rowCount: number | null = null
  readonly #values: Request['values']

  constructor({ name, text, values }: Request, done: Done) {
    this.name = name
    this.text = text
    this.callback = done
    this.#values = values
  }

  submit(wire: Wire): null {
    const statement = this.name ?? ''
    wire.stream.cork?.()
    try {
      if (statement === '' || wire.parsedStatements[statement] === undefined)
        wire.parse({ name: statement, text: this.text })
      wire.bind({ statement, values: this.#values, valueMapper: toText })
      wire.execute({})
      wire.sync()
    } finally {
      wire.stream.uncork?.()
    }
    return null
  }

  handleDataRow({ fields }: { fields: Row }): void {
    this.rows.push(fields)
  }

  /** The tag is "SELECT 1", "UPDATE 1" or "INSERT 0 1". */
  handleCommandComplete({ text }: { text: string }): void {
    this.rowCount = Number(text.slice(text.lastIndexOf(' ') + 1))
  }

  handleReadyForQuery(): void {
    this.callback(null, this)
  }

  handleError(error: unknown): void {
    this.callback(error)
  }
}

const toText = (value: unknown) => (typeof value === 'number' ? String(value) : value)
