import { backoff } from '../../base/retry.ts'
import type { Id } from '../../crypto/token.ts'
import type { ChangeFeed } from '../../store.ts'
import { isHexId } from '../shared/entry.ts'
import type { RedisConnection } from './connection.ts'
import { RECONNECT, type Subscription } from './driver.ts'

/** How often a subscription is checked, in ms: a connection that was cut off looks like one on which nothing happens. */
const PING_INTERVAL = 5000

/** Listens to the channel on which the scripts publish the ids of what they change. */
export class RedisChangeFeed implements ChangeFeed {
  readonly #connection: RedisConnection
  readonly #channel: string
  readonly #listeners = new Set<Listener>()

  constructor(connection: RedisConnection, channel: string) {
    this.#connection = connection
    this.#channel = channel
  }

  async listen(onChange: (id: Id | null) => void): Promise<() => Promise<void>> {
    const listener = new Listener(this.#connection, this.#channel, onChange)
    await listener.subscribe()
    this.#listeners.add(listener)
    return async () => {
      this.#listeners.delete(listener)
      listener.end()
    }
  }

  end(): void {
    for (const listener of this.#listeners) listener.end()
    this.#listeners.clear()
  }
}

/** One call of `listen`, and the subscription that it has at the moment. */
class Listener {
  readonly #connection: RedisConnection
  readonly #channel: string
  readonly #onChange: (id: Id | null) => void
  #subscription: Subscription | null = null
  #pings: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #ended = false

  constructor(connection: RedisConnection, channel: string, onChange: (id: Id | null) => void) {
    this.#connection = connection
    this.#channel = channel
    this.#onChange = onChange
  }

  async subscribe(): Promise<void> {
    let timedOut = false
    const subscribing = this.#connection.use(async (driver) => {
      let subscription: Subscription | null = null
      const message = (text: string) => {
        if (this.#subscription === subscription && isHexId(text)) this.#onChange(text)
      }
      subscription = await driver.subscribe(this.#channel, { message, lost: () => this.#lost(subscription) })
      // Too late: nothing would ever end this subscription.
      if (timedOut || this.#ended) subscription.end()
      else this.#subscription = subscription
    })
    await subscribing.catch((error) => {
      timedOut = true
      throw error
    })
    if (this.#ended) return
    this.#pings = setInterval(() => this.#ping(), PING_INTERVAL)
    this.#pings.unref()
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#retry)
    this.#unsubscribe()
  }

  #unsubscribe(): void {
    clearInterval(this.#pings)
    const subscription = this.#subscription
    this.#subscription = null
    subscription?.end()
  }

  #ping(): void {
    const subscription = this.#subscription
    if (subscription) this.#connection.use(() => subscription.ping()).catch(() => this.#lost(subscription))
  }

  #lost(subscription: Subscription | null): void {
    if (this.#ended || subscription === null || subscription !== this.#subscription) return
    this.#unsubscribe()
    this.#onChange(null)
    this.#subscribeAgain(1)
  }

  #subscribeAgain(attempt: number): void {
    this.#retry = setTimeout(
      () => {
        this.subscribe().then(
          () => {
            // Changes that were published in between have been missed.
            if (!this.#ended) this.#onChange(null)
          },
          () => {
            if (!this.#ended) this.#subscribeAgain(attempt + 1)
          },
        )
      },
      backoff(attempt, RECONNECT),
    )
    this.#retry.unref()
  }
}
