import { importFailure } from '../../base/load-driver.ts'
import { OpenState } from '../../base/open-state.ts'
import { within } from '../../base/time-limit.ts'
import { ConfigError } from '../../errors.ts'
import { insteadOfClient } from '../shared/foreign-client.ts'
import type { DriverUrl } from './driver-url.ts'
import { tooLate } from './errors.ts'

/** A value that is bound to a statement. */
export type MysqlValue = string | number | Uint8Array | null

/** A statement as mysql2 takes it. */
export interface MysqlStatement {
  readonly sql: string
  /** Named columns and unconverted values, whatever the client is set to for its other statements. */
  readonly rowsAsArray: false
  readonly nestTables: false
  /** The driver caches statements that it has searched for such placeholders, and those of a batch have entries in them. */
  readonly namedPlaceholders: false
  readonly typeCast: (field: unknown, next: () => unknown) => unknown
}

/** The part of a connection of mysql2 that is used. */
export interface MysqlConnection {
  execute(statement: MysqlStatement, values: MysqlValue[]): Promise<readonly [unknown, unknown]>
  /** Null, because the driver would search all of a statement for placeholders, even for an empty list of values. */
  query(statement: MysqlStatement, values: null): Promise<readonly [unknown, unknown]>
  destroy(): void
}

/** The part of a pool of mysql2, or of a cluster's `of(...)`, that is used. */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection & { release(): void }>
}

/** A pool or a connection of mysql2/promise; or of mysql2 itself, whose `promise()` returns one. */
export type MysqlClient = MysqlPool | MysqlConnection | { promise(): MysqlPool | MysqlConnection }

/** Where connections come from. */
export interface Source {
  /** Which calls may be batched. A batch of writes is one message with several statements. */
  readonly batches: 'nothing' | 'reads' | 'reads and writes'
  acquire(): Promise<MysqlConnection>
  release(connection: MysqlConnection): void
  /** Closes a connection whose result is still due. False where it stays in use, and the result may still arrive. */
  drop(connection: MysqlConnection): boolean
  /** A connection that nobody else uses until it is ended, or dropped. */
  reserve(): Promise<Reserved>
  /** Closes what was opened here, within `limit` ms. */
  close(limit: number): Promise<void>
}

export interface Reserved {
  readonly connection: MysqlConnection
  end(): void
}

export function isMysqlClient(client: unknown): client is MysqlClient {
  return ['promise', 'getConnection', 'execute'].some((method) => has(client, method))
}

export function sourceOf(client: unknown): Source {
  const foreign = insteadOfClient(client)
  const promised = foreign === '' && has(client, 'promise') ? (client as { promise(): unknown }).promise() : client
  if (foreign === '' && has(promised, 'getConnection')) return new PoolSource(promised as MysqlPool)
  if (foreign === '' && has(promised, 'execute')) return new ConnectionSource(promised as MysqlConnection)
  throw new ConfigError(
    `Option "client" of mysql() must be a pool or a connection of mysql2 or mysql2/promise.${foreign}`,
  )
}

const has = (object: unknown, method: string) =>
  typeof (object as Record<string, unknown> | null | undefined)?.[method] === 'function'

/** A pool of the application's. A connection that did not answer is removed from it, and the pool opens another. */
class PoolSource implements Source {
  readonly batches = 'nothing'
  readonly #pool: MysqlPool

  constructor(pool: MysqlPool) {
    this.#pool = pool
  }

  acquire(): Promise<MysqlConnection> {
    return this.#pool.getConnection()
  }

  async reserve(): Promise<Reserved> {
    const connection = await this.#pool.getConnection()
    return { connection, end: () => connection.release() }
  }

  release(connection: MysqlConnection): void {
    ;(connection as MysqlConnection & { release(): void }).release()
  }

  drop(connection: MysqlConnection): boolean {
    cut(connection)
    return true
  }

  async close(): Promise<void> {}
}

/** A connection of the application's. It is never cut, because other work may be under way on it. Results arrive in order. */
class ConnectionSource implements Source {
  readonly batches = 'nothing'
  readonly #connection: MysqlConnection
  readonly #ignore = () => {}

  constructor(connection: MysqlConnection) {
    this.#connection = connection
    // Without a listener, the end of an idle connection would end the process. With one, the next call rejects.
    this.#listeners('on')
  }

  async acquire(): Promise<MysqlConnection> {
    return this.#connection
  }

  async reserve(): Promise<Reserved> {
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

type Driver = typeof import('mysql2/promise')
type DriverPool = ReturnType<Driver['createPool']>
type DriverConnection = Awaited<ReturnType<DriverPool['getConnection']>>

/** The options of the store that its URL may contain. The others are for mysql2. */
export const URL_OPTIONS = ['table', 'createTable', 'timeout', 'batchWrites'] as const

interface UrlSourceOptions {
  readonly timeout: number
  /** Whether the URL opens connections that take several statements in one message (default false). */
  readonly batchWrites?: boolean
}

/** A pool that is opened here, on first use. */
export class UrlSource implements Source {
  readonly batches: Source['batches']
  readonly #url: DriverUrl
  readonly #timeout: number
  readonly #state = new OpenState()
  readonly #open = new Set<{ destroy(): void }>()
  #pool: DriverPool | null = null

  constructor(url: DriverUrl, { timeout, batchWrites }: UrlSourceOptions) {
    this.#url = url
    this.#timeout = timeout
    this.batches = batchWrites ? 'reads and writes' : 'reads'
  }

  acquire(): Promise<MysqlConnection> {
    return this.#pool ? this.#pool.getConnection() : this.#acquireFirst()
  }

  /** Not from the pool: a connection that is held for long would be missing there. */
  async reserve(): Promise<Reserved> {
    const connection = await (await loadDriver()).createConnection(this.#url)
    connection.on('error', ignore)
    // Sends a goodbye, which the server does not answer.
    return { connection, end: () => void connection.end().catch(ignore) }
  }

  release(connection: MysqlConnection): void {
    ;(connection as DriverConnection).release()
  }

  drop(connection: MysqlConnection): boolean {
    this.#open.delete((connection as DriverConnection).connection)
    cut(connection)
    return true
  }

  async close(limit: number): Promise<void> {
    const pool = this.#pool
    this.#state.close()
    if (!pool) return
    await within(
      limit,
      () => pool.end(),
      () => tooLate(limit),
    ).catch(ignore)
    for (const connection of this.#open) cut(connection as MysqlConnection)
  }

  async #acquireFirst(): Promise<MysqlConnection> {
    const { createPool } = await loadDriver()
    // A pool that is opened after `close()` would never be ended.
    this.#state.assertOpen()
    this.#pool ??= this.#prepared(createPool(this.#url))
    return this.#pool.getConnection()
  }

  #prepared(pool: DriverPool): DriverPool {
    const seconds = Math.max(1, Math.floor(this.#timeout / 2000))
    return pool.on('connection', (given: unknown) => {
      const connection = given as NodeJS.EventEmitter & { query(sql: string, done: () => void): void; destroy(): void }
      this.#open.add(connection)
      connection.once('end', () => this.#open.delete(connection))
      // Without a listener, the end of an idle connection would end the process. The pool notices it without our help.
      connection.on('error', () => this.#open.delete(connection))
      // The server reports a row that stays locked before our time limit would close the connection. It may refuse the setting.
      connection.query(`SET SESSION autocommit = 1, innodb_lock_wait_timeout = ${seconds}`, ignore)
    })
  }
}

const ignore = () => {}

async function loadDriver(): Promise<Driver> {
  try {
    return (await import('mysql2/promise')).default
  } catch (error) {
    throw importFailure('mysql()', 'mysql2', error)
  }
}

/** mysql2's own `destroy` only sends a goodbye: while the server hangs, the socket would stay open and keep this process alive. */
function cut(connection: MysqlConnection): void {
  connection.destroy()
  const { connection: inner = connection } = connection as { connection?: unknown }
  ;(inner as { stream?: { destroy?(): void } }).stream?.destroy?.()
}
