import type { Traits } from 'strongroom'

/** A small application on one engine, on a port of its own. The page and the attacks reach it over HTTP, as anyone would. */
export interface Target {
  /** For addresses, cookies and labels: "sqlite". */
  readonly name: string
  readonly title: string
  /** Ours, or a library that people use today, for comparison. */
  readonly family: 'strongroom' | 'peer'
  /** How its sessions are protected, in a few words. */
  readonly seal: string
  /** What the engine says of itself; null for other libraries. */
  readonly traits: Traits | null
  readonly url: string
  isOwnCookie(name: string): boolean
  /** Reads and writes single rows past the application, as someone with access to the store does; null where there are none. */
  rowOf(cookies: Cookies): Promise<Row | null>
  /** Where its sessions are, for people: "in files". */
  readonly place: string
  /** The store's files, as they are now; none if it stores nothing. Null for what is in memory, which is read row by row. */
  readonly files: (() => Promise<readonly StoredFile[]>) | null
  /** A string says why there is nothing to stop. */
  readonly outage: Outage | string
  close(): Promise<void>
}

/** Names and values, as a browser stores them. */
export type Cookies = ReadonlyMap<string, string>

/** One session at rest. */
export interface Row {
  readonly bytes: Uint8Array
  /** How the bytes are laid out. */
  readonly kind: 'sealed' | 'plain'
  /** Puts these bytes where the row was read, whatever is there now. */
  put(bytes: Uint8Array): Promise<void>
}

export interface StoredFile {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface Outage {
  /** "killed redis-server with SIGKILL" */
  readonly how: string
  stop(): Promise<void>
  start(): Promise<void>
}

/** What every application answers with: the session as it is when the handler ends. */
export interface Answer {
  readonly user: string | null
  readonly note: string | null
  readonly count: number
}

/** Sent by the page and by the attacks, so that no other program of this machine reaches the applications. */
export const KEY_HEADER = 'x-demo-key'

export const NOTE_LENGTH = 200
/** Shorter notes would be found in random bytes by chance. */
export const LEAST_NOTE = 8
/** How long a handler of `/add` works between reading and writing: long enough that twenty tabs overlap. */
export const WORK = 25
