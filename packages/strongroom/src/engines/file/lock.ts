import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { isPast, retryUntil } from '../../base/retry.ts'
import { StoreError } from '../../errors.ts'
import { type ClosableHandle, isBusy, nodeSqlite, rollback } from '../sqlite/handle.ts'

/**
 * Locks between the tasks of this process and the processes of this machine. A crash leaves none behind.
 *
 * Each lock is an empty SQLite database, and holding its write transaction is holding the lock. SQLite uses the
 * kernel's file locks, which end with the process that held them. There are no stale locks, and nobody has to guess
 * whether a holder is alive.
 */
export class FileLocks {
  readonly #directory: string
  readonly #timeout: number
  readonly #files = new Map<string, LockFile>()
  /** For each lock, what the next task of this process has to wait for. */
  readonly #tails = new Map<string, Promise<unknown>>()

  constructor(directory: string, timeout: number) {
    this.#directory = directory
    this.#timeout = timeout
  }

  /** Does the work under the lock. Rejects, without doing the work, when the lock is not free before `until`. */
  withLock<T>(name: string, until: number, work: () => Promise<T>): Promise<T> {
    const done = (this.#tails.get(name) ?? Promise.resolve()).then(() => this.#locked(name, until, work))
    // One turn in between, in which another process finds the lock free. Otherwise a busy process would never release
    // it.
    const tail = done.then(turn, turn)
    this.#tails.set(name, tail)
    return done
  }

  /** Waits for the tasks that hold or await a lock, and closes the files. */
  async close(): Promise<void> {
    await Promise.all(this.#tails.values())
    for (const { database } of this.#files.values()) database.close()
    this.#files.clear()
  }

  async #locked<T>(name: string, until: number, work: () => Promise<T>): Promise<T> {
    const database = this.#open(name)
    const tooLate = () => new StoreError(`The session directory stayed locked for ${this.#timeout} ms.`)
    await retryUntil(
      until,
      () => database.exec('BEGIN IMMEDIATE'),
      (error, isLate) => (!isBusy(error) ? error : isLate ? tooLate() : null),
    )
    try {
      if (isPast(until)) throw new StoreError('The session directory was too busy; nothing was written.')
      return await work()
    } finally {
      rollback(database)
    }
  }

  #open(name: string): ClosableHandle {
    const path = join(this.#directory, name)
    const known = this.#files.get(name)
    if (known && known.inode === statSync(path, { throwIfNoEntry: false })?.ino) return known.database
    // The directory was removed, and perhaps created again: a lock on the old file would exclude nobody.
    known?.database.close()
    this.#files.delete(name)
    const database = new (nodeSqlite().DatabaseSync)(path, { timeout: 0 })
    // By name: opening and closing the file ourselves would drop every lock that this process holds on it (POSIX).
    chmodSync(path, 0o600)
    this.#files.set(name, { database, inode: statSync(path).ino })
    return database
  }
}

interface LockFile {
  readonly database: ClosableHandle
  readonly inode: number
}
