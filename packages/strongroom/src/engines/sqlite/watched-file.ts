import { rmSync, statSync } from 'node:fs'
import { StoreError } from '../../errors.ts'

/** How often reads look, in ms. A look takes some microseconds, as much as a read. */
const INTERVAL = 1000

/** What SQLite keeps beside a database in WAL mode: the write-ahead log, and its index. */
const LOG = ['-wal', '-shm'] as const

interface Inode {
  readonly dev: number
  readonly ino: number
}

/**
 * Notices that the file of an open database was deleted, moved away or replaced. SQLite goes on with the file that it has open: what
 * is written there is acknowledged, and gone when the process ends.
 */
export class WatchedFile {
  readonly #path: string
  readonly #opened: Inode | undefined
  #log: readonly (Inode | undefined)[] = []
  #lookedAt = performance.now()

  /** Of a database that is open already. */
  constructor(path: string) {
    this.#path = path
    this.#opened = inodeOf(path)
  }

  /** To be called after the first statement: SQLite makes the write-ahead log no earlier. */
  logOpened(): void {
    this.#log = LOG.map((end) => inodeOf(this.#path + end))
  }

  /** Throws `StoreError` when the file is gone: its sessions are not absent. Returns false when another one is in its place. */
  isCurrent(): boolean {
    const found = inodeOf(this.#path)
    if (!found)
      throw new StoreError(
        'The session database was deleted or moved away: restore it, or restart to begin with an empty one.',
      )
    this.#lookedAt = performance.now()
    return isSame(found, this.#opened)
  }

  /** The same, but looks only when the last look was some time ago. */
  wasCurrent(): boolean {
    return performance.now() - this.#lookedAt < INTERVAL || this.isCurrent()
  }

  /**
   * Deletes the write-ahead log of a file that was replaced. SQLite would copy it into the file that is in its place now, and destroy
   * that. Throws `StoreError` when there is another log: it may belong to the new file, or to one that came between.
   */
  removeLog(): void {
    const paths = LOG.map((end) => this.#path + end)
    for (const [index, path] of paths.entries()) {
      const found = inodeOf(path)
      if (found && !isSame(found, this.#log[index])) throw new StoreError(BESIDE_LOG)
    }
    for (const path of paths) rmSync(path, { force: true })
  }
}

const BESIDE_LOG =
  'The session database was replaced while a -wal file is beside it, which would damage it: stop all programs that use it, delete its -wal and -shm files, and restore it again.'

function inodeOf(path: string): Inode | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

function isSame(one: Inode, other: Inode | undefined): boolean {
  return one.ino === other?.ino && one.dev === other.dev
}
