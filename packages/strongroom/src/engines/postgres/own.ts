import { ConfigError, StoreError } from '../../errors.ts'
import { type Answer, type PostgresClient, type PostgresPool, type Request, send } from './client.ts'
import { tooLate } from './failure.ts'
import { isLean, sendLean } from './lean.ts'
import { type Held, type HoldingLink, ignore, PoolLink } from './pool.ts'
import { isRowRequest, togetherOn } from './together.ts'

/** What is used of the package pg. */
interface Driver {
  Pool: new (options: object) => OwnPool
  Client: new (options: object) => OwnClient
}

interface OwnPool extends PostgresPool {
  end(): Promise<void>
  on(event: 'error', listener: () => void): void
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
  #pool: OwnPool | null = null
  #line: PoolLink | null = null
  /** By the text of their statement. */
  readonly #together = new Map<string, ReturnType<typeof togetherOn>>()
  #closed = false

  constructor(options: OwnOptions) {
    this.#options = options
  }

  ask(request: Request, limit: number): Promise<Answer> {
    return this.#line ? this.#askBy(this.#line, request, limit) : this.#askFirst(request, limit)
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
    await this.#pool?.end()
  }

  async #driver(): Promise<Driver> {
    this.#opening ??= loadDriver()
    const driver = await this.#opening
    if (this.#closed) throw new StoreError('This store was closed.')
    return driver
  }

  async #askFirst(request: Request, limit: number): Promise<Answer> {
    const { Pool } = await this.#driver()
    if (!this.#line) {
      const { max } = this.#options
      this.#pool = new Pool({ ...this.#settings(), max, idleTimeoutMillis: 30_000, allowExitOnIdle: true })
      // A connection that is lost while idle is replaced when it is needed; without a listener its error ends the process.
      this.#pool.on('error', ignore)
      this.#line = new PoolLink(this.#pool, sendBest)
    }
    return this.#askBy(this.#line, request, limit)
  }

  #askBy(line: PoolLink, request: Request, limit: number): Promise<Answer> {
    if (!isRowRequest(request)) return line.ask(request, limit)
    let together = this.#together.get(request.text)
    if (!together) {
      together = togetherOn(line, request.text)
      this.#together.set(request.text, together)
    }
    return together.ask(request, limit)
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

const sendBest: typeof send = (client, request, done) =>
  request.values.length > 0 && isLean(client)
    ? sendLean(client, { ...request, each: [request.values] }, (error, answers) => done(error, answers?.[0]))
    : send(client, request, done)

async function loadDriver(): Promise<Driver> {
  try {
    return ((await import('pg')) as unknown as { default: Driver }).default
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ConfigError('strongroom/postgres needs the package pg: npm install pg', { cause })
  }
}
