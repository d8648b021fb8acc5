import { connect, type Socket } from 'node:net'
import { OpenState, storeClosed } from '../../base/open-state.ts'
import { TimeLimit } from '../../base/time-limit.ts'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import { Replies, type Reply } from './replies.ts'

export interface Address {
  readonly host: string
  readonly port: number
  /** "host:port". The server of a key is computed from it. */
  readonly name: string
}

/** A reply, and the number of the connection that it came from. */
export interface NumberedReply extends Reply {
  readonly connection: number
}

/**
 * Which server has which key: the one with the highest score for it (rendezvous hashing), so that removing a server
 * moves only that server's keys. A server that is down keeps its keys. If another took them over, these sessions would
 * be absent there, and in two places when the server comes back.
 */
export class Servers {
  readonly #servers: readonly Server[]

  constructor(addresses: readonly Address[], timeout: number) {
    this.#servers = addresses.map((address) => new Server(address, timeout))
  }

  of(id: Id): Server {
    let [best, highest] = [this.#servers[0] as Server, -1]
    if (this.#servers.length === 1) return best
    for (const server of this.#servers) {
      const score = scoreOf(server.address.name, id)
      if (score > highest) [best, highest] = [server, score]
    }
    return best
  }

  /** Rejects when one of them does not answer. */
  async ping(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.send('mg ping')))
  }

  close(): void {
    for (const server of this.#servers) server.close()
  }
}

/**
 * FNV-1a, with the finalizer of MurmurHash3, without which the last characters would decide too little. It must never
 * change, because it says which server has a session.
 */
function scoreOf(name: string, id: string): number {
  let hash = 0x811c9dc5
  for (const part of [name, id]) {
    for (let at = 0; at < part.length; at++) hash = Math.imul(hash ^ part.charCodeAt(at), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** One server. All commands share one connection, which is opened when it is needed, and opened again after it was lost. */
export class Server {
  readonly address: Address
  readonly #timeout: number
  readonly #state = new OpenState()
  #count = 0
  #connection: Connection | null = null

  constructor(address: Address, timeout: number) {
    this.address = address
    this.#timeout = timeout
  }

  /**
   * Sends a command, with its value if it has one, and resolves to the reply. Rejects with `StoreError` within the time
   * limit.
   */
  send(command: string, value?: Uint8Array): Promise<NumberedReply> {
    if (this.#state.isClosed) return Promise.reject(storeClosed())
    if (!this.#connection?.isOpen) {
      this.#count += 1
      this.#connection = new Connection(this.address, this.#timeout, this.#count)
    }
    return this.#connection.send(command, value)
  }

  /** The number of the open connection; 0 when there is none. */
  get connection(): number {
    return this.#connection?.isOpen ? this.#count : 0
  }

  close(): void {
    this.#state.close()
    this.#connection?.end(storeClosed())
  }
}

/** The codes of the meta protocol. What begins otherwise is an error, or another protocol. */
const OF_META = /^[A-Z]{2}$/

interface Waiter {
  readonly opaque: string
  resolve(answer: NumberedReply): void
  reject(error: StoreError): void
}

/**
 * One connection, from its beginning to its end. Replies come in the order of the commands. A late reply ends the
 * connection, because otherwise it would be taken for the reply to the next command.
 */
class Connection {
  isOpen = true
  readonly #socket: Socket
  readonly #replies = new Replies()
  readonly #limit: TimeLimit
  readonly #name: string
  readonly #number: number
  #waiting: Waiter[] = []
  #count = 0
  #isCorked = false

  constructor({ host, port, name }: Address, timeout: number, number: number) {
    this.#name = name
    this.#number = number
    const late = `no answer within ${timeout} ms`
    this.#limit = new TimeLimit(
      timeout,
      () => this.#failure(late),
      () => this.#lost(late),
    )
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true })
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? 'connection lost'))
    this.#socket.on('close', () => this.#lost('connection closed'))
  }

  send(command: string, value?: Uint8Array): Promise<NumberedReply> {
    return this.#limit.call(() => this.#write(command, value))
  }

  end(error: StoreError): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  #write(command: string, value?: Uint8Array): Promise<NumberedReply> {
    return new Promise((resolve, reject) => {
      this.#count += 1
      const opaque = String(this.#count)
      this.#waiting.push({ opaque, resolve, reject })
      this.#cork()
      this.#socket.write(`${command} O${opaque}\r\n`, 'latin1')
      if (value) {
        this.#socket.write(value)
        this.#socket.write('\r\n')
      }
    })
  }

  /** The commands of one turn of the event loop leave in one packet. */
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#isCorked = false
      this.#socket.uncork()
    })
  }

  #receive(chunk: Buffer): void {
    try {
      this.#replies.push(chunk)
      for (let reply = this.#replies.next(); reply && this.isOpen; reply = this.#replies.next()) this.#handle(reply)
    } catch {
      this.#lost('its answer made no sense')
    }
  }

  #handle(reply: Reply): void {
    const waiter = this.#waiting.shift()
    if (reply.code === 'SERVER_ERROR' && waiter) {
      waiter.reject(new StoreError(`memcached at ${this.#name} refused a command: ${reasonIn(reply.rest)}.`))
    } else if (waiter && OF_META.test(reply.code) && (reply.opaque ?? waiter.opaque) === waiter.opaque)
      waiter.resolve({ ...reply, connection: this.#number })
    else {
      // Put back, to be rejected with the others.
      if (waiter) this.#waiting.unshift(waiter)
      this.#lost(
        /ERROR$/.test(reply.code)
          ? 'it did not understand a command; 1.6 or later is needed'
          : 'its answer made no sense',
      )
    }
  }

  #lost(reason: string): void {
    this.end(this.#failure(reason))
  }

  #failure(reason: string): StoreError {
    return new StoreError(
      `memcached at ${this.#name} did not answer: ${reason}. Check that it is running, and the host and port.`,
      { cause: new Error(reason) },
    )
  }
}

/** The reasons that are known to contain nothing of ours. */
function reasonIn(message: string): string {
  const known = ['object too large for cache', 'out of memory storing object', 'out of memory']
  return known.find((reason) => message.includes(reason)) ?? 'it had an error'
}
