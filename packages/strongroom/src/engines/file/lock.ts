import { join } from 'node:path'
import { isPast } from '../../base/retry.ts'
import { StoreError } from '../../errors.ts'
import { LockFile } from './lock-file.ts'

/**
 * Locks between the tasks of this process and the processes of this machine. A crash leaves none behind. Tasks of one
 * `FileLocks` get a lock in the order in which they asked for it; `LockFile` says what holds between several.
 */
export class FileLocks {
  readonly #directory: string
  readonly #timeout: number
  readonly #files = new Map<string, LockFile>()
  /** For each lock, what the next task has to wait for. */
  readonly #tails = new Map<string, Promise<unknown>>()

  constructor(directory: string, timeout: number) {
    this.#directory = directory
    this.#timeout = timeout
  }

  /** Does the work under the lock. Rejects, without doing the work, when the lock is not free before `until`. */
  withLock<T>(name: string, until: number, work: () => Promise<T>): Promise<T> {
    const next = () => this.#locked(name, until, work)
    const done = (this.#tails.get(name) ?? Promise.resolve()).then(next, next)
    this.#tails.set(name, done)
    return done
  }

  /** Waits for the tasks that hold or await a lock, and closes the files. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#tails.values())
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
  }

  async #locked<T>(name: string, until: number, work: () => Promise<T>): Promise<T> {
    const file = this.#file(name)
    try {
      if (!(await file.take(until)))
        throw new StoreError(`The session directory stayed locked for ${this.#timeout} ms.`)
      if (isPast(until)) throw new StoreError('The session directory was too busy; nothing was written.')
      return await work()
    } finally {
      file.release()
    }
  }

  #file(name: string): LockFile {
    const known = this.#files.get(name)
    if (known?.isCurrent()) return known
    // The directory was removed, and perhaps created again: a lock on the old file would exclude nobody.
    known?.close()
    this.#files.delete(name)
    const file = new LockFile(join(this.#directory, name))
    this.#files.set(name, file)
    return file
  }
}
