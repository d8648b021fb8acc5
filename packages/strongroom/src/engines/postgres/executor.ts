import { importFailure } from '../../base/load-driver.ts'
import { OpenState } from '../../base/open-state.ts'
import { within } from '../../base/time-limit.ts'
import { Batcher, type Pipeline } from '../shared/batcher.ts'
import {
  binaryRefused,
  canPipeline,
  isBinary,
  type PostgresClient,
  type PostgresPool,
  type Query,
  type Result,
  send,
  sendBatch,
} from './client.ts'
import type { DriverUrl } from './driver-url.ts'
import { isDueToOne, tooLate } from './errors.ts'

/** Runs queries. `execute` rejects with the error of the driver, or with `StoreError` when it takes longer than `limit` ms. */
export interface Executor {
  /** False for a connection that the application has not opened. */
  readonly isConnected?: boolean
  execute(query: Query, limit: number): Promise<Result>
  close(): Promise<void>
}

/** One with several connections, so that a caller can have one to itself. */
export interface PooledExecutor extends Executor {
  reserve(limit: number): Promise<Reserved>
}

export const canReserve = (executor: Executor): executor is PooledExecutor => 'reserve' in executor

/** A connection that nobody else uses until it is released, to be used again or, with `destroy`, to be closed. */
export interface Reserved {
  readonly client: PostgresClient
  release(destroy?: boolean): void
}

export const ignore = () => {}

/** The connections of a pool: ours, or the application's. */
export class PoolExecutor implements PooledExecutor {
  readonly #pool: PostgresPool
  readonly #send: typeof send

  constructor(pool: PostgresPool, sendBy = send) {
    this.#pool = pool
    this.#send = sendBy
  }

  execute(query: Query, limit: number): Promise<Result> {
    let connection: Reserved | null = null
    let isLate = false
    const run = (resolve: (result: Result) => void, reject: (error: unknown) => void) =>
      this.checkOut((failed, taken) => {
        connection = taken
        if (!taken) reject(failed)
        else if (isLate) taken.release()
        else {
          this.#send(taken.client, query, (error, result) => {
            if (isLate) return
            // A connection that failed is closed: the next query must not get it.
            taken.release(error !== null)
            if (error === null) resolve(result as Result)
            else reject(error)
          })
        }
      })
    const giveUp = () => {
      isLate = true
      // Its result may still arrive, and the next query must not receive that.
      connection?.release(true)
    }
    return within(
      limit,
      () => new Promise(run),
      () => tooLate(limit),
      giveUp,
    )
  }

  reserve(limit: number): Promise<Reserved> {
    let isLate = false
    const run = (resolve: (reserved: Reserved) => void, reject: (error: unknown) => void) =>
      this.checkOut((error, reserved) => {
        if (!reserved) reject(error)
        else if (isLate) reserved.release()
        else resolve(reserved)
      })
    const giveUp = () => {
      isLate = true
    }
    return within(
      limit,
      () => new Promise(run),
      () => tooLate(limit),
      giveUp,
    )
  }

  /** Does nothing: the pool is ended by its owner. */
  async close(): Promise<void> {}

  /** Without a time limit, neither for the wait nor for the use. */
  checkOut(done: (error: unknown, reserved: Reserved | null) => void): void {
    this.#pool.connect((error, client, release) => {
      if (!client) return done(error ?? new Error('no connection'), null)
      if (isBinary(client)) {
        release()
        return done(binaryRefused('The session store'), null)
      }
      // The pool listens for errors of idle connections only, and an error without a listener ends the process.
      client.on('error', ignore)
      done(null, {
        client,
        release(destroy = false) {
          client.removeListener('error', ignore)
          release(destroy)
        },
      })
    })
  }
}

interface Waiting {
  readonly query: Query
  readonly done: (error: unknown, result?: Result) => void
}

/**
 * One connection, which gets one query at a time. A query whose time is up while it waits is never sent. One that was sent is
 * left alone, because the connection is not ours to close.
 */
export class ClientExecutor implements Executor {
  readonly #client: PostgresClient
  readonly #waiting = new Set<Waiting>()
  #isBusy = false

  constructor(client: PostgresClient) {
    this.#client = client
  }

  /** By pg's own field. A wrapped client may have none. */
  get isConnected(): boolean {
    return (this.#client as { readonly _connected?: unknown })._connected !== false
  }

  execute(query: Query, limit: number): Promise<Result> {
    let waiting: Waiting | undefined
    const run = (resolve: (result: Result) => void, reject: (error: unknown) => void) => {
      const done: Waiting['done'] = (error, result) => (error === null ? resolve(result as Result) : reject(error))
      waiting = { query, done }
      this.#waiting.add(waiting)
      this.#next()
    }
    return within(
      limit,
      () => new Promise(run),
      () => tooLate(limit, this.isConnected),
      () => waiting && this.#waiting.delete(waiting),
    )
  }

  async close(): Promise<void> {}

  #next(): void {
    const [first] = this.#waiting
    if (this.#isBusy || !first) return
    this.#waiting.delete(first)
    this.#isBusy = true
    send(this.#client, first.query, (error, result) => {
      this.#isBusy = false
      first.done(error, result)
      this.#next()
    })
  }
}

/** The part of the package pg that is used. */
interface Driver {
  Pool: new (options: object) => DriverPool
  Client: new (options: object) => DriverClient
}

interface DriverPool extends PostgresPool {
  end(): Promise<void>
  on(event: 'error', listener: () => void): void
}

interface DriverClient extends PostgresClient {
  connect(callback: (error: Error | null) => void): void
  end(callback: () => void): void
  unref(): void
}

/** The options of the store that its URL may contain. The others are for pg. */
export const URL_OPTIONS = ['max', 'table', 'createTable', 'timeout', 'prepare', 'notify', 'listen'] as const

interface UrlOptions {
  readonly url: DriverUrl
  /** The most connections in the pool. */
  readonly max: number
  readonly timeout: number
}

/** Connections that are opened here. The driver is loaded, and the pool made, by the first query. */
export class UrlExecutor implements PooledExecutor {
  readonly #options: UrlOptions
  readonly #state = new OpenState()
  #loading: Promise<Driver> | null = null
  #pool: DriverPool | null = null
  #executor: PoolExecutor | null = null
  /** By the text of their statement. */
  readonly #batchers = new Map<string, Batcher<RowQuery, Result>>()

  constructor(options: UrlOptions) {
    this.#options = options
  }

  execute(query: Query, limit: number): Promise<Result> {
    return this.#executor ? this.#executeOn(this.#executor, query, limit) : this.#executeFirst(query, limit)
  }

  /** Not from the pool: with a small pool, a caller that holds its last connection for long would wait for itself. */
  async reserve(limit: number): Promise<Reserved> {
    const { Client } = await this.#driver()
    const client = new Client(this.#settings())
    client.on('error', ignore)
    // A server that hangs may never confirm the end of the connection; that must not keep the process alive.
    const release = () => {
      client.end(ignore)
      client.unref()
    }
    const connect = () =>
      new Promise<Reserved>((resolve, reject) =>
        client.connect((error) => {
          if (!error) return resolve({ client, release })
          release()
          reject(error)
        }),
      )
    return within(limit, connect, () => tooLate(limit), release)
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#pool?.end()
  }

  async #driver(): Promise<Driver> {
    this.#loading ??= loadDriver()
    const driver = await this.#loading
    this.#state.assertOpen()
    return driver
  }

  async #executeFirst(query: Query, limit: number): Promise<Result> {
    const { Pool } = await this.#driver()
    if (!this.#executor) {
      const { max } = this.#options
      this.#pool = new Pool({ ...this.#settings(), max, idleTimeoutMillis: 30_000, allowExitOnIdle: true })
      // The pool replaces an idle connection that was lost; but its error, without a listener, would end the process.
      this.#pool.on('error', ignore)
      this.#executor = new PoolExecutor(this.#pool, sendFast)
    }
    return this.#executeOn(this.#executor, query, limit)
  }

  #executeOn(executor: PoolExecutor, query: Query, limit: number): Promise<Result> {
    if (!isRowQuery(query)) return executor.execute(query, limit)
    let batcher = this.#batchers.get(query.text)
    if (!batcher) {
      batcher = batcherFor(executor, query.text)
      this.#batchers.set(query.text, batcher)
    }
    return batcher.run(query, limit)
  }

  #settings(): object {
    const { url, timeout } = this.#options
    return {
      connectionString: url,
      connectionTimeoutMillis: timeout,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      fallback_application_name: 'strongroom',
    }
  }
}

/** A query about one row, which may be batched with others of the same statement. */
type RowQuery = Query & { readonly key: number }

const isRowQuery = (query: Query): query is RowQuery => query.key !== undefined

function batcherFor(executor: PoolExecutor, text: string): Batcher<RowQuery, Result> {
  const isRead = text.startsWith('SELECT')
  return new Batcher({
    connect: (done) => executor.checkOut((error, reserved) => done(error, reserved && pipelineOn(reserved))),
    sendOne: (query, limit) => executor.execute(query, limit),
    // Reads are sent again after any error: otherwise one lost connection would fail the requests of many visitors.
    isDueToOne: (error) => isRead || isDueToOne(error),
    tooLate,
    keyOf: ({ values, key }) => values[key] as Buffer,
    sizeOf: ({ values }) => values.reduce<number>((sum, each) => sum + (Buffer.isBuffer(each) ? each.length : 0), 0),
  })
}

/** On a connection that cannot pipeline, a batch is one query. */
function pipelineOn({ client, release }: Reserved): Pipeline<RowQuery, Result> {
  if (!canPipeline(client)) {
    const sendOne: Pipeline<RowQuery, Result>['send'] = ([query], done) =>
      send(client, query as RowQuery, (error, result) => done(error, result && [result]))
    return { maxCalls: 1, send: sendOne, release }
  }
  return {
    send(queries, done) {
      const { name, text } = queries[0] as RowQuery
      sendBatch(client, { name, text, parameters: queries.map(({ values }) => values) }, done)
    },
    release,
  }
}

/** A batch of one, where the connection can do that: it takes the driver less time. */
const sendFast: typeof send = (client, query, done) =>
  query.values.length > 0 && canPipeline(client)
    ? sendBatch(client, { ...query, parameters: [query.values] }, (error, results) => done(error, results?.[0]))
    : send(client, query, done)

async function loadDriver(): Promise<Driver> {
  try {
    return ((await import('pg')) as unknown as { default: Driver }).default
  } catch (error) {
    throw importFailure('postgres()', 'pg', error)
  }
}
