import { ConfigError, StoreError } from '../../errors.ts'
import type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from './client.ts'
import { tooLate } from './failure.ts'
import { type Held, type HoldingLink, ignore, PoolLink } from './pool.ts'

/** What is used of the package pg. */
interface Driver {
  Pool: new (options: object) => PostgresPool & { end(): Promise<void>; on(event: 'error', listener: () => void): void }
  Client: new (options: object) => OwnClient
}

interface OwnClient extends PostgresClient {
  connect(callback: (error: Error | null) => void): void
  end(callback: () => void): void
  unref(): void
}

export interface OwnOptions {
  readonly url: string
  readonly max: number
  readonly timeout: number
}

/** Connections of our own, the driver and the pool of them made when they are first needed. */
export class OwnLink implements HoldingLink {
  readonly #options: OwnOptions
  #opening: Promise<Driver> | null = null
  #pool: PoolLink | null = null
  #closed = false

  constructor(options: OwnOptions) {
    this.#options = options
  }

  async ask(query: PostgresQuery, limit: number): Promise<PostgresResult> {
    if (this.#pool) return this.#pool.ask(query, limit)
    const driver = await this.#driver()
    this.#pool ??= this.#newPool(driver)
    return this.#pool.ask(query, limit)
  }

  /** Outside of the pool: who holds a connection for long must not wait for itself when the pool is small. */
  async hold(limit: number): Promise<Held> {
    const { Client } = await this.#driver()
    const client = new Client(this.#settings())
    client.on('error', ignore)
    return new Promise((resolve, reject) => {
      // A server that hangs may leave the end of a connection unanswered, too; that must not keep the process alive.
      const release = () => {
        client.end(ignore)
        client.unref()
      }
      const timer = setTimeout(() => {
        release()
        reject(tooLate(limit))
      }, limit)
      client.connect((error) => {
        clearTimeout(timer)
        if (!error) return resolve({ client, release })
        release()
        reject(error)
      })
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#pool?.close()
  }

  async #driver(): Promise<Driver> {
    this.#opening ??= loadDriver()
    const driver = await this.#opening
    if (this.#closed) throw new StoreError('This store was closed.')
    return driver
  }

  #newPool({ Pool }: Driver): PoolLink {
    const pool = new Pool({
      ...this.#settings(),
      max: this.#options.max,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    })
    // A connection that was lost while idle is replaced when it is needed; without a listener its error ends the process.
    pool.on('error', ignore)
    return new PoolLink(pool, () => pool.end())
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

async function loadDriver(): Promise<Driver> {
  try {
    return ((await import('pg')) as unknown as { default: Driver }).default
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ConfigError('strongroom/postgres needs the package pg: npm install pg', { cause })
  }
}
