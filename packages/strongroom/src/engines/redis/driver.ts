import type { Script } from './scripts.ts'

export type Argument = string | number | Buffer

/** One server that is asked by itself: for what has no key. */
export interface Node {
  /** One step of SCAN: the next cursor, "0" at the end, and keys. */
  scan(cursor: string, pattern: string, count: number): Promise<readonly [cursor: string, keys: readonly string[]]>
  /** The settings that fit the patterns. Rejects where CONFIG is forbidden. */
  settings(...patterns: readonly string[]): Promise<ReadonlyMap<string, string>>
}

/** What the engine wants of a client library, whichever it is. Binary replies are Buffers. */
export interface Driver {
  /** Are keys spread over servers, so that no script may touch two of them? */
  readonly split: boolean
  /** What the client puts before each key by itself. */
  readonly keyPrefix: string
  get(key: string): Promise<Buffer | null>
  /** By the script's digest. Rejects with NOSCRIPT where the server does not have it. */
  runKnown(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  /** With the script's text, which the server keeps from then on. */
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>
  masters(): Promise<readonly Node[]>
  /** Listens to a channel on a connection of its own, until that ends or is lost. Rejects when it cannot be had. */
  listen(channel: string, ear: Ear): Promise<Line>
  /** A call was not answered in time: the connection may be one that never will be. */
  late?(): void
  /** What was last wrong with the connection, if anything was. */
  trouble?(): unknown
  /** Ends the connection once what is under way has been answered. */
  close(): Promise<void>
  /** Ends the connection now. */
  destroy(): void
}

export interface Ear {
  heard(message: string): void
  /** The connection is gone and will not come back. */
  lost(): void
}

/** A connection that listens. */
export interface Line {
  ping(): Promise<unknown>
  end(): void
}
