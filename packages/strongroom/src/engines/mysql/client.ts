import { ConfigError } from '../../errors.ts'

export type MysqlValue = string | number | Uint8Array | null

/** A statement as mysql2 takes it. */
export interface MysqlStatement {
  readonly sql: string
  /** Named columns and plain values, whatever the client was told to do with those of its other statements. */
  readonly rowsAsArray: false
  readonly nestTables: false
  readonly typeCast: (field: unknown, next: () => unknown) => unknown
}

/** What is used of a connection of mysql2. */
export interface MysqlConnection {
  execute(statement: MysqlStatement, values: MysqlValue[]): Promise<readonly [unknown, unknown]>
  query(statement: MysqlStatement, values: MysqlValue[]): Promise<readonly [unknown, unknown]>
  destroy(): void
}

/** What is used of a pool of mysql2, or of a cluster's `of(...)`. */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection & { release(): void }>
}

/** A pool or a connection of mysql2/promise; or of mysql2 itself, whose `promise()` gives such a one. */
export type MysqlClient = MysqlPool | MysqlConnection | { promise(): MysqlPool | MysqlConnection }

/** Where connections come from. */
export interface Source {
  /** May several statements go in one message? */
  readonly multiple: boolean
  acquire(): Promise<MysqlConnection>
  release(connection: MysqlConnection): void
  /** Takes a connection out of use that owes an answer. False where it stays in use, and its answer may still come. */
  drop(connection: MysqlConnection): boolean
  /** One that nobody else uses until it is ended, or dropped. */
  apart(): Promise<Apart>
  /** Ends what was opened here, within so many ms. */
  close(limit: number): Promise<void>
}

export interface Apart {
  readonly connection: MysqlConnection
  end(): void
}

export function sourceOf(client: unknown): Source {
  const promised = has(client, 'promise') ? (client as { promise(): unknown }).promise() : client
  if (has(promised, 'getConnection')) return new GivenPool(promised as MysqlPool)
  if (has(promised, 'execute')) return new GivenConnection(promised as MysqlConnection)
  throw new ConfigError('Option "client" of mysql() must be a pool or a connection of mysql2 or mysql2/promise.')
}

const has = (object: unknown, method: string) =>
  typeof (object as Record<string, unknown> | null | undefined)?.[method] === 'function'

type Pooled = MysqlConnection & { release(): void }

/** A pool of the user's. A connection that did not answer leaves it: the pool opens another. */
class GivenPool implements Source {
  readonly multiple = false
  readonly #pool: MysqlPool

  constructor(pool: MysqlPool) {
    this.#pool = pool
  }

  acquire(): Promise<MysqlConnection> {
    return this.#pool.getConnection()
  }

  async apart(): Promise<Apart> {
    const connection = await this.#pool.getConnection()
    return { connection, end: () => connection.release() }
  }

  release(connection: MysqlConnection): void {
    ;(connection as Pooled).release()
  }

  drop(connection: MysqlConnection): boolean {
    cut(connection)
    return true
  }

  async close(): Promise<void> {}
}

/** A connection of the user's: it is never cut, for what else is under way on it is not ours; it answers in its order. */
class GivenConnection implements Source {
  readonly multiple = false
  readonly #connection: MysqlConnection
  readonly #ignore = () => {}

  constructor(connection: MysqlConnection) {
    this.#connection = connection
    // Without a listener, the end of an idle connection would end the process. The next call rejects.
    this.#listeners('on')
  }

  async acquire(): Promise<MysqlConnection> {
    return this.#connection
  }

  async apart(): Promise<Apart> {
    return { connection: this.#connection, end() {} }
  }

  release(): void {}

  drop(): boolean {
    return false
  }

  async close(): Promise<void> {
    this.#listeners('off')
  }

  #listeners(method: 'on' | 'off'): void {
    const emitter = this.#connection as Partial<Record<'on' | 'off', (event: string, listener: () => void) => void>>
    emitter[method]?.('error', this.#ignore)
  }
}

/** mysql2's own `destroy` only says goodbye: a server that hangs would keep the socket, and this process, for ever. */
export function cut(connection: MysqlConnection): void {
  connection.destroy()
  const { connection: inner = connection } = connection as { connection?: unknown }
  ;(inner as { stream?: { destroy?(): void } }).stream?.destroy?.()
}
