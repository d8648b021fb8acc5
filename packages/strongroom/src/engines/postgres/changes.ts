import { OpenState } from '../../base/open-state.ts'
import { backoff } from '../../base/retry.ts'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type { ChangeFeed } from '../../store.ts'
import { queryOf } from './client.ts'
import { failure } from './errors.ts'
import { ClientExecutor, type PooledExecutor, type Reserved } from './executor.ts'

type Listener = (id: Id | null) => void

interface ListenOptions {
  readonly channel: string
  readonly limit: number
  /** Ms between two checks that the server is still there, because a connection may be lost without a sign. */
  readonly heartbeat?: number
}

/** Ms to wait before a lost connection is opened again. */
const RECONNECT = { first: 200, most: 20_000 }

/** The notifications of a channel. Each listener has a connection of its own. */
export class PostgresChangeFeed implements ChangeFeed {
  readonly #executor: PooledExecutor
  readonly #options: ListenOptions
  readonly #subscriptions = new Set<Subscription>()
  readonly #state = new OpenState()

  constructor(executor: PooledExecutor, options: ListenOptions) {
    this.#executor = executor
    this.#options = options
  }

  async listen(listener: Listener): Promise<() => Promise<void>> {
    const subscription = new Subscription(this.#executor, this.#options, listener)
    this.#subscriptions.add(subscription)
    const end = async () => {
      this.#subscriptions.delete(subscription)
      subscription.end()
    }
    try {
      this.#state.assertOpen()
      await subscription.begin()
      // It may have been closed while this waited, which has ended the subscription.
      this.#state.assertOpen()
      return end
    } catch (error) {
      await end()
      throw failure(error)
    }
  }

  close(): void {
    this.#state.close()
    for (const subscription of this.#subscriptions) subscription.end()
    this.#subscriptions.clear()
  }
}

/** One listener. Its connection does not keep the process alive, and is opened again when it is lost. */
class Subscription {
  readonly #executor: PooledExecutor
  readonly #options: ListenOptions
  readonly #listener: Listener
  #connection: Reserved | null = null
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(executor: PooledExecutor, options: ListenOptions, listener: Listener) {
    this.#executor = executor
    this.#options = options
    this.#listener = listener
  }

  async begin(): Promise<void> {
    const connection = await this.#executor.reserve(this.#options.limit)
    try {
      await this.#subscribe(connection)
    } catch (error) {
      connection.release(true)
      throw error
    }
    if (this.#isOver) return connection.release(true)
    this.#connection = connection
  }

  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    const connection = this.#connection
    this.#connection = null
    connection?.release(true)
  }

  async #subscribe(connection: Reserved): Promise<void> {
    const { client } = connection
    const { limit, channel, heartbeat = 10_000 } = this.#options
    const executor = new ClientExecutor(client)
    client.unref?.()
    client.on('notification', (message) => {
      if (this.#connection === connection && message.channel === channel) this.#listener(message.payload as Id)
    })
    client.on('end', () => this.#lose(connection))
    client.on('error', () => this.#lose(connection))
    await executor.execute(queryOf(`LISTEN "${channel}"`), limit)
    const { rows } = await executor.execute(queryOf('SELECT pg_backend_pid()'), limit)
    if (client.processID && client.processID !== Number(rows[0]?.[0])) throw behindPooler()
    if (this.#isOver) return
    this.#timer = setInterval(() => {
      executor.execute(queryOf('SELECT 1'), limit).catch(() => this.#lose(connection))
    }, heartbeat).unref()
  }

  #lose(connection: Reserved): void {
    if (this.#connection !== connection) return
    this.#connection = null
    clearTimeout(this.#timer)
    connection.release(true)
    this.#listener(null)
    this.#reconnect(1)
  }

  #reconnect(failures: number): void {
    if (this.#isOver) return
    this.#timer = setTimeout(
      () => {
        this.begin().then(
          () => {
            if (!this.#isOver) this.#listener(null)
          },
          () => this.#reconnect(failures + 1),
        )
      },
      backoff(failures, RECONNECT),
    ).unref()
  }
}

function behindPooler(): StoreError {
  return new StoreError(
    'The connection to PostgreSQL goes through a pooler, which may drop notifications. Set "listen" to the URL of the server itself.',
  )
}
