import { statSync } from 'node:fs'
import { StoreError } from '../../errors.ts'

/** How often reads look, in ms. A look takes some microseconds, as much as a read. */
const INTERVAL = 1000

/**
 * Notices that the file of an open database was deleted, moved away or replaced. SQLite goes on with the file that it has open: what
 * is written there is acknowledged, and gone when the process ends.
 */
export class WatchedFile {
  readonly #path: string
  readonly #opened: { readonly dev: number; readonly ino: number } | undefined
  #lookedAt = performance.now()

  /** Of a database that is open already. */
  constructor(path: string) {
    this.#path = path
    this.#opened = statSync(path, { throwIfNoEntry: false })
  }

  /** Throws `StoreError` when the file is gone: its sessions are not absent. Returns false when another one is in its place. */
  isCurrent(): boolean {
    const found = statSync(this.#path, { throwIfNoEntry: false })
    if (!found)
      throw new StoreError(
        'The session database was deleted or moved away: restore it, or restart to begin with an empty one.',
      )
    this.#lookedAt = performance.now()
    return found.ino === this.#opened?.ino && found.dev === this.#opened.dev
  }

  /** The same, but looks only when the last look was some time ago. */
  wasCurrent(): boolean {
    return performance.now() - this.#lookedAt < INTERVAL || this.isCurrent()
  }
}
