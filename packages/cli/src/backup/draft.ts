import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { misuse } from '../failure.ts'
import { notWritten } from '../paths.ts'

/** Refuses to overwrite what must not be lost. */
export function checkFree(file: string, force: boolean): void {
  const existing = lstatSync(file, { throwIfNoEntry: false })
  if (!existing) return
  if (!force) throw misuse(`${file} already exists, and nothing was changed. Replace it with --force.`)
  // Renaming over a device or a link would destroy it.
  if (!existing.isFile()) throw misuse(`${file} is not a regular file and is not replaced.`)
}

/** A temporary file beside the one that is wanted, readable only by its owner. It gets its name when it is complete. */
export class Draft {
  readonly path: string
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    this.path = join(dirname(file), `.${basename(file)}.draft-${randomBytes(6).toString('hex')}`)
  }

  /** Creates the draft and returns a descriptor to write to. */
  create(): number {
    try {
      return openSync(this.path, 'wx', 0o600)
    } catch (cause) {
      throw notWritten(this.#file, cause)
    }
  }

  /** Creates the draft for a program that opens it itself. */
  createEmpty(): void {
    closeSync(this.create())
  }

  finish(force: boolean): void {
    const written = openSync(this.path, 'r+')
    try {
      fsyncSync(written)
    } finally {
      closeSync(written)
    }
    if (force) renameSync(this.path, this.#file)
    else this.#link()
  }

  /** A link replaces nothing, not even a file that was created after we checked. */
  #link(): void {
    try {
      linkSync(this.path, this.#file)
    } catch {
      checkFree(this.#file, false)
      // The file system has no links.
      renameSync(this.path, this.#file)
    }
  }

  /** Removes everything that is left of the draft, including a journal. */
  discard(): void {
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${this.path}${end}`, { force: true })
  }
}
