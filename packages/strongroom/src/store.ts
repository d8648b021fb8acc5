import type { Id } from './crypto/token.ts'

/** What rests in a store. Stores copy it in and copy it out: a caller may reuse or alter its buffers afterwards. */
export interface Entry {
  /** Opaque to the store: any byte value, any length from 0. */
  readonly bytes: Uint8Array
  /** Absolute moment in ms since 1970. The entry is live while `now < expiresAt`. */
  readonly expiresAt: number
  /** Blind tag (64 lower-case hex characters) that a user's sessions share, or null. Never a user id. */
  readonly owner: string | null
  /** Sealed description for device lists: opaque, at most 512 bytes, or null. */
  readonly label: Uint8Array | null
  /** Absolute moment in ms since 1970. */
  readonly createdAt: number
}

/** A version is opaque to everybody but the store that made it. A touch keeps it; a create or an update makes a new one. */
export type Version = string | number

/** What `list` and `scan` tell of a live entry; its bytes stay where they are. */
export interface Listing {
  readonly id: Id
  readonly expiresAt: number
  readonly createdAt: number
  readonly owner: string | null
  readonly label: Uint8Array | null
  /** Length of `bytes`. */
  readonly size: number
}

export interface ClearOptions {
  /** Entries removed in one step, between which other work gets its turn (default 1000). */
  readonly batch?: number | undefined
  /** Stops between two batches; what was removed stays removed, and the count so far is returned. */
  readonly signal?: AbortSignal | undefined
  /** Called after each batch with the number of entries removed so far. */
  readonly onProgress?: ((removed: number) => void) | undefined
  /** Count what would be removed, and remove nothing. */
  readonly dryRun?: boolean | undefined
}

/** Plain facts for people, the advisor and the tests; no code decides by them whether a session is safe. */
export interface Traits {
  /** Plain name of the engine: "memory", "file", "sqlite". */
  readonly engine: string
  /** Does an acknowledged write survive the death of the process, and of the machine? */
  readonly durable: 'no' | 'process' | 'machine'
  /** Who sees the same entries: this process, all processes of this machine, or every machine. */
  readonly shared: 'process' | 'machine' | 'network'
  /** Does the backend remove expired entries by itself? (`clearExpired` works on every store all the same.) */
  readonly expiresByItself: boolean
  /** Deadlines are kept to this many ms: 1 here, 1000 where the backend counts seconds. */
  readonly granularity: number
  /** Largest `bytes` that can be kept, or null when there is no limit of the store's own. */
  readonly sizeLimit: number | null
  /** May the backend drop live entries to make room? */
  readonly evicts: boolean
  /** Can an ended session be refused although its cookie comes back? */
  readonly revocable: boolean
}

/** An entry as it is, and the version that a change of it has to name. */
export interface Found {
  readonly entry: Entry
  readonly version: Version
}

/**
 * Where the bytes rest, and until when. Ids are 64 lower-case hexadecimal characters: safe as a file name, a key, a column.
 *
 * A method either answers or rejects with `StoreError` (which keeps the `cause`), and it does so in bounded time. "Absent"
 * is an answer; "could not ask" is the rejection; the two never meet. No message ever holds an id or bytes.
 *
 * There is no upsert: a `set` that creates what is missing is how a slow request brings a logged-out session back.
 */
export interface Store {
  readonly traits: Traits
  /** Puts a new entry. False, and nothing written, when a live entry has the id; an expired one may be replaced. */
  create(id: Id, entry: Entry): Promise<boolean>
  /** The live entry and its version; null when it is absent or expired. Never writes. */
  read(id: Id): Promise<Found | null>
  /**
   * Present where entries lie in this process's memory: what `read` would answer, without waiting, or undefined when only
   * `read` can tell. Asked before every read, so it takes no time and never throws.
   */
  readSync?(id: Id): Found | null | undefined
  /** Compare-and-set: the new version, or null and nothing written when the version is another or the entry is not live. */
  update(id: Id, entry: Entry, version: Version): Promise<Version | null>
  /** Moves the deadline and nothing else: bytes and version stay. False when the entry is not live. */
  touch(id: Id, expiresAt: number): Promise<boolean>
  /**
   * Ends an entry for good: true when a live one was ended by this very call, false otherwise; calling again does no harm.
   * With `version`: only that version is ended, so that a renewal cannot throw away what another request has just written.
   * `owner` is whose the caller takes it to be, which need not be so: it may spare an index a question, and decides nothing.
   */
  delete(id: Id, version?: Version, owner?: string | null): Promise<boolean>
  /** Removes expired entries in bounded batches beside live traffic and other runners; answers how many it removed. */
  clearExpired(options?: ClearOptions): Promise<number>
  /** Ends what the store itself opened, and only that. Calls after it reject with `StoreError`. */
  close(): Promise<void>
  /** Present where the backend can find a user's sessions. */
  readonly byOwner?: OwnerIndex
  /** Present where the backend can be walked: live entries, page by page, in no particular order. */
  scan?(options?: ScanOptions): AsyncIterable<readonly Listing[]>
  /**
   * Present where runners on other processes and machines can be told apart: does the work, unless one of them is at work
   * under this name; null then. The turn of a runner that dies ends with it, or soon after.
   */
  tryWithLock?<T>(name: string, work: () => Promise<T>): Promise<T | null>
  /** Present where the backend tells of changes that others make. */
  readonly changes?: ChangeFeed
  /** Present where tables have to be made before the first use. */
  readonly schema?: Schema
}

/** News of updates and deletes, by whichever handle on whichever machine. Touches are no news. */
export interface ChangeFeed {
  /**
   * Calls with the id that changed, soon after it did, and with null when changes may have been missed (the connection was
   * lost, or has come back): then nothing that was seen before is to be trusted. Rejects with `StoreError` when it cannot
   * listen at all; resolves with what ends the listening.
   */
  listen(listener: (id: Id | null) => void): Promise<() => Promise<void>>
}

/** What a backend must have before it can keep sessions. */
export interface Schema {
  /** The statements that make all of it from nothing, for people to read and to run. No I/O. */
  readonly statements: readonly string[]
  /** The statements that would bring what is there up to date; none when it is. */
  pending(): Promise<readonly string[]>
  /** Runs them; safe beside another runner and beside live traffic. Answers what it ran. */
  migrate(): Promise<readonly string[]>
}

export interface ScanOptions {
  /** Entries in one page (default 500). */
  readonly page?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Finding by owner: live entries only. */
export interface OwnerIndex {
  list(owner: string): Promise<Listing[]>
  /** Ends all live entries of the owner but `except`; answers how many were ended. */
  deleteAll(owner: string, except?: Id): Promise<number>
}

export type IndexedStore = Store & { readonly byOwner: OwnerIndex }
export type ScannableStore = Store & Required<Pick<Store, 'scan'>>

/** Moments in ms; `Date.now` unless a test hands in another. */
export type Clock = () => number
