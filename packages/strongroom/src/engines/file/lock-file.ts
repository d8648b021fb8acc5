import { chmodSync, statSync, utimesSync } from 'node:fs'
import { isPast, momentIn, pause } from '../../base/retry.ts'
import { isBusy } from '../sqlite/errors.ts'
import { type ClosableHandle, nodeSqlite, rollback } from '../sqlite/handle.ts'

/** How long, in ms, others stay behind the process at the gate. */
const COURTESY = 100

/**
 * A lock between processes, and between stores of one process. It is an empty SQLite database, and holding its write
 * transaction is holding the lock. SQLite uses the kernel's file locks, which end with the process that held them. There
 * are no stale locks, and nobody has to guess whether a holder is alive.
 *
 * Such a lock has no queue: a process that releases it and takes it again immediately is faster than one that tries it
 * every millisecond, and that one would starve. So there is a second lock, the gate. A process that finds the lock held
 * takes the gate, and keeps it until the lock is its own. The one that has just released the lock needs the gate as well,
 * and so comes after it.
 *
 * A gate takes as much time and memory as a lock, and most locks are never waited for. So a process at the gate leaves a
 * mark at each try, which is the modification time of the lock's file. While there is no new mark, others do without the
 * gate.
 *
 * The gate excludes nobody. If the process that holds it is stopped, or too busy to try the lock, others go past it.
 */
export class LockFile {
  readonly #path: string
  readonly #lock: ClosableHandle
  readonly #inode: number | undefined
  #gate: ClosableHandle | null = null
  /** The last mark that we saw, and the last one that we gave way to: they differ when another process waits. */
  #mark: number | undefined
  #respected: number | undefined

  constructor(path: string) {
    this.#path = path
    this.#lock = open(path)
    this.#inode = this.#look()
    this.#respected = this.#mark
  }

  /** Looks at the file, which `take` relies on. Returns false when the path leads to another file now, or to none. */
  isCurrent(): boolean {
    return this.#look() === this.#inode
  }

  /** Resolves to false when the lock was not free before `until`. */
  async take(until: number): Promise<boolean> {
    if (this.#mark === this.#respected && begins(this.#lock)) return true
    const isTaken = await this.#takeInTurn(until)
    this.#look()
    this.#respected = this.#mark
    return isTaken
  }

  release(): void {
    rollback(this.#lock)
  }

  close(): void {
    this.#lock.close()
    this.#gate?.close()
  }

  async #takeInTurn(until: number): Promise<boolean> {
    this.#gate ??= open(`${this.#path}.gate`)
    // At most half of the time that is left: the other half is for the lock.
    const patience = Math.min(momentIn(COURTESY), (momentIn(0) + until) / 2)
    while (!begins(this.#gate)) {
      if (isPast(patience) && begins(this.#lock)) return true
      if (isPast(until)) return false
      await pause(2)
    }
    try {
      while (!begins(this.#lock)) {
        if (isPast(until)) return false
        const now = new Date()
        utimesSync(this.#path, now, now)
        await pause(2)
      }
      return true
    } finally {
      rollback(this.#gate)
    }
  }

  /** Returns the inode. */
  #look(): number | undefined {
    const facts = statSync(this.#path, { throwIfNoEntry: false })
    this.#mark = facts?.mtimeMs
    return facts?.ino
  }
}

function open(path: string): ClosableHandle {
  const database = new (nodeSqlite().DatabaseSync)(path, { timeout: 0 })
  // By name: opening and closing the file ourselves would drop every lock that this process holds on it (POSIX).
  chmodSync(path, 0o600)
  // A write transaction on an empty database creates the first page. With a journal on the disk, every lock would create,
  // write and remove a file.
  database.exec('PRAGMA journal_mode = MEMORY')
  return database
}

/** Begins a write transaction. Returns false when another connection has begun one. */
function begins(database: ClosableHandle): boolean {
  try {
    database.exec('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}
