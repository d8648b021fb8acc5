import { ConfigError, StoreError } from '../../errors.ts'
import { type Apart, cut, type MysqlConnection, type Source } from './client.ts'

type Driver = typeof import('mysql2/promise')
type Pool = ReturnType<Driver['createPool']>
type Pooled = Awaited<ReturnType<Pool['getConnection']>>

/** A pool of our own, opened when it is first needed. */
export class OwnPool implements Source {
  readonly multiple: boolean
  readonly #url: string
  readonly #timeout: number
  readonly #open = new Set<{ destroy(): void }>()
  #pool: Pool | null = null
  #closed = false

  constructor(url: string, timeout: number) {
    this.#url = driverUrl(url, timeout)
    this.multiple = new URL(this.#url).searchParams.get('multipleStatements') === 'true'
    this.#timeout = timeout
  }

  acquire(): Promise<MysqlConnection> {
    return this.#pool ? this.#pool.getConnection() : this.#first()
  }

  /** Beside the pool: whoever holds one for long must not take it from those who wait for their turn. */
  async apart(): Promise<Apart> {
    const connection = await (await driver()).createConnection(this.#url)
    connection.on('error', ignore)
    // It says goodbye, and nobody waits for an answer to that.
    return { connection, end: () => void connection.end().catch(ignore) }
  }

  release(connection: MysqlConnection): void {
    ;(connection as Pooled).release()
  }

  drop(connection: MysqlConnection): boolean {
    this.#open.delete((connection as Pooled).connection)
    cut(connection)
    return true
  }

  async close(limit: number): Promise<void> {
    const pool = this.#pool
    this.#closed = true
    if (!pool) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limit)
    })
    await Promise.race([pool.end().catch(ignore), late])
    clearTimeout(timer)
    for (const connection of this.#open) cut(connection as MysqlConnection)
  }

  async #first(): Promise<MysqlConnection> {
    const { createPool } = await driver()
    // Meanwhile: a pool that is opened now would never be ended.
    if (this.#closed) throw new StoreError('This store was closed.')
    this.#pool ??= this.#listening(createPool(this.#url))
    return this.#pool.getConnection()
  }

  #listening(pool: Pool): Pool {
    const seconds = Math.max(1, Math.floor(this.#timeout / 2000))
    return pool.on('connection', (given: unknown) => {
      const connection = given as NodeJS.EventEmitter & { query(sql: string, done: () => void): void; destroy(): void }
      this.#open.add(connection)
      connection.once('end', () => this.#open.delete(connection))
      // Without a listener, the end of an idle connection would end the process. The pool has noticed by itself.
      connection.on('error', () => this.#open.delete(connection))
      // A row that stays locked is told by the server, before the time is up and the connection lost. Refused: so be it.
      connection.query(`SET SESSION autocommit = 1, innodb_lock_wait_timeout = ${seconds}`, ignore)
    })
  }
}

const ignore = () => {}

async function driver(): Promise<Driver> {
  try {
    return (await import('mysql2/promise')).default
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ConfigError('mysql() needs the package mysql2: npm install mysql2', { cause })
  }
}

/** The URL with what we would have by default; whatever it says itself stays. */
function driverUrl(url: string, timeout: number): string {
  const parsed = URL.parse(url)
  // No word of it: a URL holds a password.
  if (!parsed || !(parsed.hostname || parsed.searchParams.has('socketPath')))
    throw new ConfigError('The URL of mysql() must be like mysql://user:password@host:3306/database.')
  // `trace` makes a stack for every call, in case that it fails.
  for (const [name, value] of Object.entries({ connectTimeout: timeout, trace: false, multipleStatements: true })) {
    if (!parsed.searchParams.has(name)) parsed.searchParams.set(name, `${value}`)
  }
  return parsed.href
}
