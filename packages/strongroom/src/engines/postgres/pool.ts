import { type Answer, type PostgresClient, type PostgresPool, type Request, send } from './client.ts'
import { tooLate } from './failure.ts'

/** A connection that somebody has for a while, and gives back as it is, or to be closed. */
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
      this.checkOut((error, taken) => {
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
      this.checkOut((error, held) => {
        if (!timer) return held?.release()
        clearTimeout(timer)
        if (held) resolve(held)
        else reject(error)
      })
    })
  }

  /** The pool is its owner's to end. */
  async close(): Promise<void> {}

  /** For as long as somebody needs it, without a limit of time. */
  checkOut(done: (error: unknown, held: Held | null) => void): void {
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

interface Waiting {
  readonly request: Request
  readonly done: (error: unknown, answer?: Answer) => void
}

/**
 * One connection, which is asked one thing after the other. What waits longer than its limit is never sent; what was sent and
 * is not answered is left to its fate, for the connection is somebody else's to close.
 */
export class ClientLink implements Link {
  readonly #client: PostgresClient
  readonly #waiting = new Set<Waiting>()
  #busy = false

  constructor(client: PostgresClient) {
    this.#client = client
  }

  ask(request: Request, limit: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const done: Waiting['done'] = (error, answer) => {
        clearTimeout(timer)
        if (error === null) resolve(answer as Answer)
        else reject(error)
      }
      const waiting = { request, done }
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting)
        reject(tooLate(limit))
      }, limit)
      this.#waiting.add(waiting)
      this.#next()
    })
  }

  async close(): Promise<void> {}

  #next(): void {
    const [first] = this.#waiting
    if (this.#busy || !first) return
    this.#waiting.delete(first)
    this.#busy = true
    send(this.#client, first.request, (error, answer) => {
      this.#busy = false
      first.done(error, answer)
      this.#next()
    })
  }
}
