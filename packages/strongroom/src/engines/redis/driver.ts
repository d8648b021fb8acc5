import type { Script } from './scripts.ts'

export type Argument = string | number | Buffer

/**
 * What the engine needs from a client library. Replies that hold bytes are Buffers. Errors are the library's own, which quote
 * commands and arguments: `storeError` turns them into errors that are safe to show.
 */
export interface Driver {
  /** Whether keys are spread over the nodes of a cluster, so that a script may only touch keys of one slot. */
  readonly isCluster: boolean
  /** What the client itself puts before every key. */
  readonly keyPrefix: string
  get(key: string): Promise<Buffer | null>
  /** Runs a script by its digest. Rejects with NOSCRIPT when the server does not have the script. */
  evalSha(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  /** Runs a script by its source, which the server caches from then on. */
  evalSource(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  /**
   * Rejects when the client is not in the database that it was told to use, where that is not the first one. Called before anything
   * is sent over a client of the application's, and after it has lost its connection: ioredis goes on in database 0 when the server
   * refuses SELECT, and says so only in an event.
   */
  confirmDatabase?(): Promise<unknown>
  /** All masters, for commands that have no key. */
  masters(): Promise<readonly RedisNode[]>
  /** Subscribes to a channel on a connection of its own. Rejects when that cannot be made. */
  subscribe(channel: string, subscriber: Subscriber): Promise<Subscription>
  /** Called after a call has timed out: the server at the other end of the connection may never reply again. */
  timedOut?(): void
  /** The last error of the connection; undefined once it is usable again. */
  connectionError?(): unknown
  /** Is there a connection that commands are sent over? For the errors of a client that keeps those of its connection to itself. */
  isConnected?(): boolean
  /** Closes the connection when the commands in progress have been answered. */
  close(): Promise<void>
  /** Closes the connection immediately. */
  destroy(): void
}

/** One server, for commands that have no key and so are not routed. */
export interface RedisNode {
  /** One step of SCAN: the next cursor ("0" at the end) and keys. */
  scan(cursor: string, pattern: string, count: number): Promise<readonly [cursor: string, keys: readonly string[]]>
  /** CONFIG GET. Rejects where that is forbidden. */
  config(...patterns: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Any other command. Text in its reply are strings. */
  command(words: readonly string[]): Promise<unknown>
}

export interface Subscriber {
  message(text: string): void
  /** The connection is lost and will not come back. */
  lost(): void
}

export interface Subscription {
  ping(): Promise<unknown>
  end(): void
}

/** How long to wait before reconnecting, in ms, for `backoff`. */
export const RECONNECT = { first: 25, most: 1000 } as const
