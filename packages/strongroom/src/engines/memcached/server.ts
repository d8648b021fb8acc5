import { connect, type Socket } from 'node:net'
import { StoreError } from '../../errors.ts'
import { Replies, type Reply } from './replies.ts'

export interface Address {
  readonly host: string
  readonly port: number
  /** As it was given: what a key's place is computed from. */
  readonly name: string
}

/** A reply, and the number of the connection that it came by. */
export interface Answer extends Reply {
  readonly line: number
}

interface Waiter {
  readonly opaque: string
  readonly until: number
  resolve(answer: Answer): void
  reject(error: StoreError): void
}

/** One server: a connection that is made when it is needed, again when it was lost, and shared by all commands. */
export class Server {
  readonly address: Address
  readonly #timeout: number
  #count = 0
  #line: Line | null = null
  #closed = false

  constructor(address: Address, timeout: number) {
    this.address = address
    this.#timeout = timeout
  }

  /** Sends a command, its value too if there is one, and answers the reply. `StoreError` in bounded time otherwise. */
  ask(command: string, value?: Uint8Array): Promise<Answer> {
    if (this.#closed) return Promise.reject(new StoreError('This store was closed.'))
    if (!this.#line?.open) {
      this.#count += 1
      this.#line = new Line(this.address, this.#timeout, this.#count)
    }
    return this.#line.ask(command, value)
  }

  /** The number of the connection that is open, and 0 when none is. */
  get line(): number {
    return this.#line?.open ? this.#count : 0
  }

  close(): void {
    this.#closed = true
    this.#line?.end(new StoreError('This store was closed.'))
  }
}

/**
 * One connection from its beginning to its end. Replies come in the order of the commands; one that is late ends the
 * connection, for whatever came next would be taken for it.
 */
class Line {
  open = true
  readonly #socket: Socket
  readonly #replies = new Replies()
  readonly #name: string
  readonly #timeout: number
  readonly #number: number
  #waiting: Waiter[] = []
  #timer: NodeJS.Timeout | undefined
  #count = 0
  #corked = false

  constructor({ host, port, name }: Address, timeout: number, number: number) {
    this.#name = name
    this.#number = number
    this.#timeout = timeout
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true })
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? 'connection lost'))
    this.#socket.on('close', () => this.#lost('connection closed'))
  }

  ask(command: string, value?: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#count += 1
      const opaque = String(this.#count)
      this.#waiting.push({ opaque, until: performance.now() + this.#timeout, resolve, reject })
      this.#timer ??= setTimeout(() => this.#watch(), this.#timeout + 1)
      this.#cork()
      this.#socket.write(`${command} O${opaque}\r\n`, 'latin1')
      if (value) {
        this.#socket.write(value)
        this.#socket.write('\r\n')
      }
    })
  }

  end(error: StoreError): void {
    if (!this.open) return
    this.open = false
    clearTimeout(this.#timer)
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  /** The commands of one turn leave in one packet. */
  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  #receive(chunk: Buffer): void {
    try {
      this.#replies.push(chunk)
      for (let reply = this.#replies.next(); reply && this.open; reply = this.#replies.next()) this.#hand(reply)
    } catch {
      this.#lost('its answer made no sense')
    }
  }

  #hand(reply: Reply): void {
    const waiter = this.#waiting.shift()
    if (reply.code === 'SERVER_ERROR' && waiter) {
      waiter.reject(new StoreError(`memcached at ${this.#name} refused a command: ${reasonIn(reply.rest)}.`))
    } else if (waiter && (reply.opaque ?? waiter.opaque) === waiter.opaque)
      waiter.resolve({ ...reply, line: this.#number })
    else {
      // Put back, to be told with the others.
      if (waiter) this.#waiting.unshift(waiter)
      this.#lost(
        /ERROR$/.test(reply.code)
          ? 'it did not understand a command; 1.6 or later is needed'
          : 'its answer made no sense',
      )
    }
  }

  /** All have one limit, so the first in the queue is the first to be late. */
  #watch(): void {
    this.#timer = undefined
    const first = this.#waiting[0]
    if (!first || !this.open) return
    const left = first.until - performance.now()
    if (left > 0) this.#timer = setTimeout(() => this.#watch(), left + 1)
    // A busy process finds its timers due before it has read what came in time.
    else setImmediate(() => this.#waiting[0] === first && this.#lost(`no answer within ${this.#timeout} ms`))
  }

  #lost(reason: string): void {
    this.end(new StoreError(`memcached at ${this.#name} did not answer: ${reason}.`, { cause: new Error(reason) }))
  }
}

/** Only what is known to be plain words. */
function reasonIn(text: string): string {
  const known = ['object too large for cache', 'out of memory storing object', 'out of memory']
  return known.find((words) => text.includes(words)) ?? 'it had an error'
}
