import type { Id } from './crypto/token.ts'

/** What a store stores. It copies entries in and out: a caller may reuse or change its buffers afterwards. */
export interface Entry {
  /** Opaque to the store: any byte value, any length from 0. */
  readonly bytes: Uint8Array
  /** Absolute moment in ms since 1970. The entry is live while `now < expiresAt`. */
  readonly expiresAt: number
  /**
   * Owner tag (64 lower-case hex characters) that a user's sessions have in common, or null. Never a user id. It is fixed when the
   * entry is created: an index by owner, once written, stays right until the entry ends.
   */
  readonly owner: string | null
  /** Sealed description for device lists: opaque, at most 512 bytes, or null. */
  readonly label: Uint8Array | null
  /** Absolute moment in ms since 1970. */
  readonly createdAt: number
}

/** Opaque to everything but the store that made it. A touch keeps the version; a create or an update makes a new one. */
export type Version = string | number

/** What `list` and `scan` return of a live entry, without its bytes. */
export interface Listing {
  readonly id: Id
  readonly expiresAt: number
  readonly createdAt: number
  readonly owner: string | null
  readonly label: Uint8Array | null
  /** Length of `bytes`. */
  readonly size: number
}

/**
 * Is it a session, and not one of the entries that the library keeps beside them? Those have a label of one byte. A session's is
 * sealed, and much longer.
 */
export const isSession = ({ label }: Pick<Listing, 'label'>): boolean => label === null || label.length !== 1

/** Options of `clearExpired`. */
export interface ClearOptions {
  /** How many entries are removed in one step; other work runs between two steps (default 1000). */
  readonly batch?: number | undefined
  /** Stops between two batches. What was removed stays removed, and the count so far is returned. */
  readonly signal?: AbortSignal | undefined
  /** Called after each batch with the number of entries removed so far. */
  readonly onProgress?: ((removed: number) => void) | undefined
  /** Count what would be removed, and remove nothing. */
  readonly dryRun?: boolean | undefined
}

/** Plain facts for people and tests. No code decides by them whether a session is safe, except that what is in this
 * process's memory is not sealed by default, and that copies there are not authenticated. */
export interface Traits {
  /** The engine's name: "memory", "file", "sqlite". */
  readonly engine: string
  /** Does an acknowledged write survive the death of the process, and of the machine? */
  readonly durable: 'no' | 'process' | 'machine'
  /** Who sees the same entries: this process, every process of this machine, or every machine. */
  readonly shared: 'process' | 'machine' | 'network'
  /** Does the backend remove expired entries by itself? (`clearExpired` works on every store.) */
  readonly expiresByItself: boolean
  /** Precision of deadlines in ms: 1, or 1000 if the backend counts seconds. */
  readonly granularity: number
  /** The largest `bytes` that can be stored, or null if the store has no limit of its own. */
  readonly sizeLimit: number | null
  /**
   * May the backend drop live entries to make room? Then it has no `byOwner`, unless an entry and what finds it by owner are
   * dropped together: with an index that was evicted, a revoke-all would miss sessions that were not.
   */
  readonly evicts: boolean
  /** Is an ended session refused when its cookie comes back? */
  readonly revocable: boolean
}

/** Are entries only in the memory of this process? Then they are as safe as the process, and by default not sealed. */
export const isInProcessMemory = ({ shared, durable }: Traits): boolean => shared === 'process' && durable === 'no'

/** Options of `read`. */
export interface ReadOptions {
  /**
   * What the store itself has now, never a copy of it: for what must not be older than an acknowledged write, such as a read
   * after a compare-and-set that failed (default false). A store without copies reads like this always.
   */
  readonly fresh?: boolean | undefined
}

/** An entry, and the version that a change of it has to name. */
export interface Found {
  readonly entry: Entry
  readonly version: Version
}

/**
 * Authenticates copies that are stored where others can write, too. A copy that was altered, or that belongs to something else,
 * then counts as none.
 */
export interface CopyKeys {
  /** A copy of the bytes, with what authenticates them as those of `name`. Null while there are no keys. */
  sign(name: string, bytes: Uint8Array): Uint8Array | null
  /** The bytes that were signed, as a view; null unless they were signed for this very name, under a key that we have. */
  open(name: string, signed: Uint8Array): Uint8Array | null
}

/**
 * Where entries are stored, until they expire. Ids are 64 lower-case hexadecimal characters: safe as a file name, a key, or a
 * column. Their beginning is random. Their last eight characters are the same for all sessions of an application, so spread nothing
 * by the end.
 *
 * A method either resolves or rejects with `StoreError` (with a `cause`), and does so in bounded time. "Absent" is a result,
 * "could not ask" is a rejection, and they never meet. No message contains an id or bytes.
 *
 * There is no upsert: a `set` that creates what is missing is how a slow request brings a logged-out session back.
 *
 * A write is acknowledged when its promise resolves. From then on, every fresh read and every list shows it, through any handle
 * on any machine: a store never reads from a replica that may lag behind.
 */
export interface Store {
  readonly traits: Traits
  /** Stores a new entry. False, and nothing written, if a live entry has the id; an expired one may be replaced. */
  create(id: Id, entry: Entry): Promise<boolean>
  /** The live entry and its version; null if it is absent or expired. Never changes an entry. */
  read(id: Id, options?: ReadOptions): Promise<Found | null>
  /**
   * Present if entries are in this process's memory: returns immediately what `read` would resolve to, or undefined if only `read`
   * can tell. Called before every read, so it must be fast and never throw.
   */
  readSync?(id: Id): Found | null | undefined
  /**
   * Compare-and-set: the new version; null, and nothing written, if the version or the owner is another, or the entry is not
   * live. An update under another owner would take a session out of its user's list, and from a revoke-all.
   */
  update(id: Id, entry: Entry, version: Version): Promise<Version | null>
  /**
   * Present if entries are in this process's memory: does immediately what `update` would do, and returns what it would resolve
   * to; or does nothing, and returns undefined, if only `update` can. Throws what `update` would reject with.
   */
  updateSync?(id: Id, entry: Entry, version: Version): Version | null | undefined
  /**
   * Moves the deadline and nothing else: bytes and version stay. False if the entry is not live. With `version`, only that
   * version is touched (false if it is another): a touch that was under way while another request gave the session a longer
   * lifetime must not cut it short again.
   */
  touch(id: Id, expiresAt: number, version?: Version): Promise<boolean>
  /**
   * Ends an entry for good: true if this call ended a live one, false otherwise; calling it again does no harm. With `version`,
   * only that version is ended, so that a renewal cannot discard what another request has just written. `owner` is a hint,
   * which may be wrong: it may save an index a look-up, and decides nothing.
   */
  delete(id: Id, version?: Version, owner?: string | null): Promise<boolean>
  /** Removes expired entries in bounded batches, beside live traffic and other runners. Resolves to how many it removed. */
  clearExpired(options?: ClearOptions): Promise<number>
  /**
   * Present if this process has copies of its own: removes the expired ones, and nothing from where other processes have it. Called in
   * every process at each sweep, whichever of them sweeps the store, and also where the store expires its entries by itself. A store
   * made of others passes it on.
   */
  clearCopies?(options?: Pick<ClearOptions, 'signal'>): Promise<void>
  /** Closes what the store itself opened, and only that. Later calls reject with `StoreError`. */
  close(): Promise<void>
  /** The same, for `await using`. Not needed for sessions: a store without it is closed by `close`. */
  [Symbol.asyncDispose]?(): Promise<void>
  /** Present if the backend can find entries by their owner. */
  readonly byOwner?: OwnerIndex
  /** Present if the backend can be walked: live entries, page by page, in no particular order. */
  scan?(options?: ScanOptions): AsyncIterable<readonly Listing[]>
  /**
   * Present if the backend can tell how many entries it has, by an amount of work that does not grow with them, and without changing
   * any. Those that have expired and are still there count, too. Where it is not exact, it is right to a tenth, now, and not as of an
   * earlier moment. Null when that cannot be told after all, as where others have so many keys in the same place that ours do not show
   * among them: a number that is made up is worse than none. For figures: nothing is decided by it.
   */
  estimate?(): Promise<{ readonly count: number; readonly exact: boolean } | null>
  /**
   * Present if the backend has a lock across processes and machines: runs the work while holding the lock of this name, and
   * resolves to its result, or to null without running it if another runner holds the lock. The lock of a runner that dies ends
   * with it, or soon after.
   */
  tryWithLock?<T>(name: string, work: () => Promise<T>): Promise<T | null>
  /**
   * Present if reads may return copies: hands the store keys by which it tells its own copies from what anyone else has put in
   * their place. `createSessions` calls it, with keys that follow its secrets; the last call counts. Until then, the store uses
   * no copy that another process could have written. A store made of others passes the keys on.
   */
  authenticate?(keys: CopyKeys): void
  /** Present if the backend reports changes that others make. */
  readonly changes?: ChangeFeed
  /** Present if tables have to be created before the first use. */
  readonly schema?: Schema
}

/** Reports updates and deletes by any handle on any machine. Touches are not reported. */
export interface ChangeFeed {
  /**
   * Calls the listener with the id of an entry soon after it changed, and with null when changes may have been missed (the
   * connection was lost, or is back): then nothing that was read before can be trusted. Rejects with `StoreError` if it cannot
   * listen at all. Resolves to a function that stops listening.
   */
  listen(listener: (id: Id | null) => void): Promise<() => Promise<void>>
}

/** What a backend must have before it can store sessions. */
export interface Schema {
  /** The statements that create everything, for people to read and run. No I/O. */
  readonly statements: readonly string[]
  /** The statements that would bring what is there up to date; none if it is. */
  pending(): Promise<readonly string[]>
  /** Runs them. Safe beside another runner and beside live traffic. Resolves to what it ran. */
  migrate(): Promise<readonly string[]>
}

/** Options of a list that is read in pages. */
export interface ListOptions {
  /** Entries in one page (default 500). */
  readonly page?: number | undefined
}

/** Options of `scan`. */
export interface ScanOptions extends ListOptions {
  readonly signal?: AbortSignal | undefined
}

/** Finding by owner: live entries only. */
export interface OwnerIndex {
  /**
   * The entries of the owner, page by page, in no particular order: each that is there throughout, and each at most once. A page is
   * a bounded amount of work, other work runs before the next one, and a caller that stops early causes no further reads.
   */
  list(owner: string, options?: ListOptions): AsyncIterable<readonly Listing[]>
  /**
   * Ends every entry of the owner, but `except`, that was acknowledged before this call, whatever its version is by then; it
   * rejects if it cannot. What is created meanwhile may end with them. Resolves to how many were ended.
   */
  deleteAll(owner: string, except?: Id): Promise<number>
}

/** A store that finds the sessions of a user. */
export type IndexedStore = Store & { readonly byOwner: OwnerIndex }
/** A store that can list all of its entries. */
export type ScannableStore = Store & Required<Pick<Store, 'scan'>>

/**
 * Sessions that travel in their cookies, as the option `store` takes them. Not a `Store`: it has no list, no scan and no
 * versions, and the server stores nothing but, with `revocations`, what makes an end final.
 */
export interface CookieEngine<Revocations extends Store | undefined = Store | undefined> {
  readonly kind: 'cookie'
  readonly protection: 'sealed' | 'signed'
  readonly revocations: Revocations
  readonly traits: Traits
}

/** Returns the time in ms; `Date.now` unless a test passes another. */
export type Clock = () => number
