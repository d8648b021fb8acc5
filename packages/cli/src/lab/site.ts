import type { SessionsOptions } from 'strongroom'
import type { RowInfo } from './report.ts'

/**
 * One row of the matrix. `start` starts its server on private throw-away data, and the application as a process of its own;
 * it rejects with `NotRun` where a program or a package is missing.
 */
export interface Row extends Omit<RowInfo, 'version'> {
  start(options?: SiteOptions): Promise<Site>
}

export interface SiteOptions {
  /** Idle limit of sessions in ms, for attacks that wait for it (default: an hour). */
  readonly idle?: number
  /** What `site.clock` changes, from the start (default 0). */
  readonly clockBy?: number
  /** Another name for the session cookie, with the same secrets and the same store. */
  readonly cookieName?: string
}

/**
 * A running application, as a visitor and an attacker see it. Every application of every row has the same routes; each answers with
 * JSON, `{ "user": "ada" | null, "data": { … } }` as the session is when the handler ends, or an error status:
 *
 *     GET  /read
 *     POST /set?key=K&value=V
 *     POST /add?key=K            reads a number, adds 1, and writes it
 *     POST /login?user=U         as the library's documentation tells to log in
 *     POST /logout               as the library's documentation tells to log out
 *     POST /renew                a new token for the same session, where the library has that (501 where not)
 *     POST /revoke-all?user=U    ends all sessions of the user, where the library has that (501 where not)
 *     POST /fail?key=K&value=V   changes the session, then fails with a 500
 *
 * `&gate=G` on any of them: the handler loads the session, says that it waits at the gate, and goes on when `site.open(G)` is called.
 * `&public=1` on any of them: the application sets `Cache-Control: public, max-age=60` and `CDN-Cache-Control: public, max-age=60`
 * before it responds, as for a page that is the same for everybody. With it, a route that changes something answers to GET, too.
 */
export interface Site {
  readonly row: RowInfo
  /** "http://127.0.0.1:40123" */
  readonly url: string
  /** What every request needs, where others can reach the application and must not: without it, 404. */
  readonly headers?: Readonly<Record<string, string>>
  readonly cookieName: string
  /** The server's secrets, as a thief of the server's environment has them. */
  readonly secrets: readonly string[]
  readonly storage: Storage
  /** Resolves when a handler waits at this gate. */
  waiting(gate: string): Promise<void>
  open(gate: string): Promise<void>
  /** Do other processes see the same sessions? If not, they are nowhere but in the memory of the application. */
  readonly shared: boolean
  /** Sets how far the application's clock is ahead, in ms; null where its clock cannot be set. */
  readonly clock: ((by: number) => Promise<void>) | null
  /** What the library tells to run for abandoned sessions (clear-expired, clearsessions); null where it has nothing. */
  readonly sweep: (() => Promise<void>) | null
  /** How many calls reached the store since the application started; null where that cannot be counted. */
  readonly storeCalls: (() => Promise<number>) | null
  /** Bytes of the application's memory (heap snapshot), for what is left there after an end; null where they cannot be had. */
  readonly memory: (() => Promise<Uint8Array>) | null
  /**
   * For rows of ours: how the sessions of this site are made, for attacks that call the engine itself, step by step, in the lab's own
   * process. The same secrets, seal and cookie, and a store (never a URL) with the same server, file or folder as the application's; an
   * empty one where sessions stay in one process. Each call makes new handles, and the caller closes them.
   */
  readonly sessionsOptions?: () => Promise<SessionsOptions>
  /** What someone does who knows how this library stores sessions. */
  readonly thief?: Thief
  /** Another server of the same application: same store, same secrets. Rejects with `NotShared` where sessions stay in one process. */
  another(options?: SiteOptions): Promise<Site>
  /** SIGKILL. */
  kill(): Promise<void>
  /** After `kill`: on the same port, with the same store. */
  restart(): Promise<void>
  /** Ends the application, and its server and data unless another site uses them. */
  stop(): Promise<void>
}

/** Sessions of this row cannot be seen by another process. */
export class NotShared extends Error {}

/** What was stolen. */
export interface Loot {
  readonly files: readonly StoredFile[]
  /** Single rows, where the thief could tell them apart. */
  readonly rows: readonly StoredRow[]
  /** The server's secrets, if they were stolen, too. */
  readonly secrets: readonly string[]
}

/**
 * Opens what can be opened of the loot. `texts` is all that the thief could read beyond the files themselves, each under the name of
 * what it was, such as "a device label"; the attack searches it for what a visitor has put into the session. `cookies` are "name=value" pairs to try, each made as well as the loot allows; the attack sends them.
 */
export type Thief = (
  loot: Loot,
) => Promise<{ readonly texts: readonly StoredFile[]; readonly cookies: readonly string[] }>

/** What stands behind the application. */
export interface Storage {
  /** The server's process; null where there is none (memory, files, cookies). */
  readonly server: { kill(): Promise<void>; start(): Promise<void>; pause(): void; resume(): void } | null
  /** The bytes of all files of the store, as they are on the disk now; null if it writes none. */
  files(): Promise<readonly StoredFile[] | null>
  /** What the usual tool of this store writes (pg_dump, mariadb-dump, RDB, a copy of the folder); null if it has none. */
  backup(): Promise<readonly StoredFile[] | null>
  /** Single rows, for someone who can write to the store; null if there are none. */
  readonly rows: Rows | null
  /** The cache in front of the store, where there is one. */
  readonly cache: Rows | null
}

export interface StoredFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** One session at rest. `value` is everything that the store holds of it apart from its key, as it was read. */
export interface StoredRow {
  readonly key: string
  readonly value: Uint8Array
  /**
   * Of the value, the session itself, where the store has columns of its own beside it. To alter it, put the row with other `data`:
   * it takes the place of what is in `value`.
   */
  readonly data?: Uint8Array
  /** When the store will remove it by itself, by its own clock, in ms since 1970; left out where it never does. */
  readonly removedAt?: number
}

export interface Rows {
  list(): Promise<readonly StoredRow[]>
  /** Puts the row there, whatever is there now. */
  put(row: StoredRow): Promise<void>
  delete(key: string): Promise<void>
}
