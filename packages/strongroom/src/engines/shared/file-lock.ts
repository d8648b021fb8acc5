import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { StoreError } from '../../errors.ts'
import { isBusy, nodeSqlite, type OwnHandle, rollback } from '../sqlite/handle.ts'
import { isPast, pause } from '../sqlite/patience.ts'

/**
 * Locks that exclude other tasks of this process and other processes of this machine, and that no crash leaves behind.
 *
 * Each is an empty SQLite database whose write transaction is the lock. SQLite takes it with the kernel's own file locks,
 * which end with the process that held them: there are no stale locks, and nobody has to guess whether a holder is alive.
 */
export class Locks {
  readonly #directory: string
  readonly #timeout: number
  readonly #files = new Map<string, LockFile>()
  /** Per lock, what the next one here has to wait for. */
  readonly #tails = new Map<string, Promise<unknown>>()

  constructor(directory: string, timeout: number) {
    this.#directory = directory
    this.#timeout = timeout
  }

  /** Works while holding the lock of this name; rejects, without having worked, when it cannot be had before `until`. */
  hold<T>(name: string, until: number, work: () => Promise<T>): Promise<T> {
    const held = (this.#tails.get(name) ?? Promise.resolve()).then(() => this.#held(name, until, work))
    // A turn in between, in which another process finds the lock free; else a busy process would never let go of it.
    const tail = held.then(turn, turn)
    this.#tails.set(name, tail)
    return held
  }

  /** Waits for those who hold or await a lock, and lets go of the files. */
  async close(): Promise<void> {
    await Promise.all(this.#tails.values())
    for (const { database } of this.#files.values()) database.close()
    this.#files.clear()
  }

  async #held<T>(name: string, until: number, work: () => Promise<T>): Promise<T> {
    const database = this.#open(name)
    while (!begin(database)) {
      if (isPast(until)) throw new StoreError(`The session directory stayed locked for ${this.#timeout} ms.`)
      await pause()
    }
    try {
      if (isPast(until)) throw new StoreError('The session directory was too busy; nothing was written.')
      return await work()
    } finally {
      rollback(database)
    }
  }

  #open(name: string): OwnHandle {
    const path = join(this.#directory, name)
    const known = this.#files.get(name)
    if (known && known.inode === statSync(path, { throwIfNoEntry: false })?.ino) return known.database
    // Somebody removed the directory, and perhaps made it anew: a lock on the old file would exclude nobody.
    known?.database.close()
    this.#files.delete(name)
    const database = new (nodeSqlite().DatabaseSync)(path, { timeout: 0 })
    // By name: opening and closing the file ourselves would drop every lock that this process has on it (POSIX).
    chmodSync(path, 0o600)
    this.#files.set(name, { database, inode: statSync(path).ino })
    return database
  }
}

interface LockFile {
  readonly database: OwnHandle
  readonly inode: number
}

function begin(database: OwnHandle): boolean {
  try {
    database.exec('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}
