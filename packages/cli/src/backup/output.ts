import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { EXIT, Failure, misuse } from '../failure.ts'

/** Refuses to write where something is that must not be lost. */
export function checkFree(file: string, force: boolean): void {
  const there = lstatSync(file, { throwIfNoEntry: false })
  if (!there) return
  if (!force) throw misuse(`${file} is there already, and nothing was changed. Replace it with --force.`)
  // Renamed over, a device or a directory would be gone.
  if (!there.isFile()) throw misuse(`${file} is no plain file: it is not replaced.`)
}

/** A file beside the one that is wanted, readable by its owner alone, that becomes it when it is whole. */
export class Draft {
  readonly path: string
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    this.path = join(dirname(file), `.${basename(file)}.draft-${randomBytes(6).toString('hex')}`)
  }

  /** A descriptor to write to. */
  create(): number {
    try {
      return openSync(this.path, 'wx', 0o600)
    } catch (cause) {
      throw new Failure(EXIT.failed, `${this.#file} could not be written`, { cause })
    }
  }

  /** For a program that opens it itself. */
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
    else this.#put()
  }

  /** A link replaces nothing, not even what has come since we looked. */
  #put(): void {
    try {
      linkSync(this.path, this.#file)
    } catch {
      checkFree(this.#file, false)
      // It is a file system without links.
      renameSync(this.path, this.#file)
    }
  }

  /** Nothing is left of it, its journal included. */
  discard(): void {
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${this.path}${end}`, { force: true })
  }
}
