import { randomInt } from 'node:crypto'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type { ChangeFeed } from '../../store.ts'
import { queryOf } from './client.ts'
import { failure } from './failure.ts'
import { ClientLink, type Held, type HoldingLink } from './pool.ts'

type Listener = (id: Id | null) => void

interface ListenOptions {
  readonly channel: string
  readonly limit: number
  /** Ms between two questions whether the server is still there; a connection may be lost without a sign. */
  readonly beat?: number
}

/** News of a channel, each listener with a connection of its own. */
export class Changes implements ChangeFeed {
  readonly #link: HoldingLink
  readonly #options: ListenOptions
  readonly #all = new Set<Listening>()
  #closed = false

  constructor(link: HoldingLink, options: ListenOptions) {
    this.#link = link
    this.#options = options
  }

  async listen(listener: Listener): Promise<() => Promise<void>> {
    const listening = new Listening(this.#link, this.#options, listener)
    this.#all.add(listening)
    const end = async () => {
      this.#all.delete(listening)
      listening.end()
    }
    try {
      this.#assertOpen()
      await listening.begin()
      // It may have been closed meanwhile, and then nobody listens.
      this.#assertOpen()
      return end
    } catch (error) {
      await end()
      throw failure(error)
    }
  }

  close(): void {
    this.#closed = true
    for (const listening of this.#all) listening.end()
    this.#all.clear()
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreError('This store was closed.')
  }
}

/** One listener. Its connection keeps no process alive, and is made anew when it is lost. */
class Listening {
  readonly #link: HoldingLink
  readonly #options: ListenOptions
  readonly #listener: Listener
  #held: Held | null = null
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(link: HoldingLink, options: ListenOptions, listener: Listener) {
    this.#link = link
    this.#options = options
    this.#listener = listener
  }

  async begin(): Promise<void> {
    const held = await this.#link.hold(this.#options.limit)
    try {
      await this.#attend(held)
    } catch (error) {
      held.release(true)
      throw error
    }
    if (this.#over) return held.release(true)
    this.#held = held
  }

  end(): void {
    this.#over = true
    clearTimeout(this.#timer)
    const held = this.#held
    this.#held = null
    held?.release(true)
  }

  async #attend(held: Held): Promise<void> {
    const { client } = held
    const { limit, channel, beat = 10_000 } = this.#options
    const line = new ClientLink(client)
    client.unref?.()
    client.on('notification', (news) => {
      if (this.#held === held && news.channel === channel) this.#listener(news.payload as Id)
    })
    client.on('end', () => this.#lose(held))
    client.on('error', () => this.#lose(held))
    await line.ask(queryOf(`LISTEN "${channel}"`), limit)
    const { rows } = await line.ask(queryOf('SELECT pg_backend_pid()'), limit)
    if (client.processID && client.processID !== Number(rows[0]?.[0])) throw behindPooler()
    if (this.#over) return
    this.#timer = setInterval(() => {
      line.ask(queryOf('SELECT 1'), limit).catch(() => this.#lose(held))
    }, beat).unref()
  }

  #lose(held: Held): void {
    if (this.#held !== held) return
    this.#held = null
    clearTimeout(this.#timer)
    held.release(true)
    this.#listener(null)
    this.#again(100)
  }

  /** Twice as long after each failure, and unevenly, so that a server that comes back is not run over. */
  #again(pause: number): void {
    if (this.#over) return
    const next = Math.min(pause * 2, 10_000)
    this.#timer = setTimeout(() => {
      this.begin().then(
        () => {
          if (!this.#over) this.#listener(null)
        },
        () => this.#again(next),
      )
    }, pause + randomInt(pause)).unref()
  }
}

function behindPooler(): StoreError {
  return new StoreError(
    'A pooler stands between here and PostgreSQL, and may swallow notifications. Give notify the URL of the server itself.',
  )
}
