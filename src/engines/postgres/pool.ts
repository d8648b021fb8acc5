import { type Answer, type PostgresClient, type PostgresPool, type Request, send } from './client.ts'
import { tooLate } from './failure.ts'

/** A connection that somebody has for a while; `let go` of it as it is, or have it closed. */
export interface Held {
  readonly client: PostgresClient
  release(destroy?: boolean): void
}

/** Where statements are sent. `ask` rejects with what the driver throws, or with a StoreError when the limit has passed. */
export interface Link {
  ask(request: Request, limit: number): Promise<Answer>
  close(): Promise<void>
}

/** Where there are several connections, one can be had for one's own use. */
export interface HoldingLink extends Link {
  hold(limit: number): Promise<Held>
}

export const ignore = () => {}

/** Connections of a pool, which is ours or the user's. */
export class PoolLink implements HoldingLink {
  readonly #pool: PostgresPool
  readonly #send: typeof send

  constructor(pool: PostgresPool, by = send) {
    this.#pool = pool
    this.#send = by
  }

  ask(request: Request, limit: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let held: Held | null = null
      let over = false
      const end = (error: unknown, answer?: Answer) => {
        if (over) return
        over = true
        clearTimeout(timer)
        // What has failed, or has not answered yet, must not be handed to the next one: it is closed.
        held?.release(error !== null)
        if (error === null) resolve(answer as Answer)
        else reject(error)
      }
      const timer = setTimeout(() => end(tooLate(limit)), limit)
      this.#checkOut((error, taken) => {
        held = taken
        if (over) taken?.release()
        else if (taken) this.#send(taken.client, request, end)
        else end(error)
      })
    })
  }

  hold(limit: number): Promise<Held> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | null = setTimeout(() => {
        timer = null
        reject(tooLate(limit))
      }, limit)
      this.#checkOut((error, held) => {
        if (!timer) return held?.release()
        clearTimeout(timer)
        if (held) resolve(held)
        else reject(error)
      })
    })
  }

  /** The pool is its owner's to end. */
  async close(): Promise<void> {}

  #checkOut(done: (error: unknown, held: Held | null) => void): void {
    this.#pool.connect((error, client, release) => {
      if (!client) return done(error ?? new Error('no connection'), null)
      // The pool listens to idle connections only, and an error that nobody listens to ends the process.
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

/** The one connection that the user has handed in. It is theirs: a statement that does not answer is left to its fate. */
export class ClientLink implements Link {
  readonly #client: PostgresClient

  constructor(client: PostgresClient) {
    this.#client = client
  }

  ask(request: Request, limit: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(tooLate(limit)), limit)
      send(this.#client, request, (error, answer) => {
        clearTimeout(timer)
        if (error === null) resolve(answer as Answer)
        else reject(error)
      })
    })
  }

  async close(): Promise<void> {}
}
