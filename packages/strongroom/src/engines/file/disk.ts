import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import { decode, type Kept } from './record.ts'

// The callback functions in promises: half the cost of the FileHandles of node:fs/promises.
const open = promisify(fs.open)
const close = promisify(fs.close)
const fstat = promisify(fs.fstat)
const stat = promisify(fs.stat)
const read = promisify(fs.read)
const fsync = promisify(fs.fsync)
const futimes = promisify(fs.futimes)
const writeFile = promisify(fs.writeFile)
const rename = promisify(fs.rename)
const unlink = promisify(fs.unlink)
const mkdir = promisify(fs.mkdir)
const readdir = promisify(fs.readdir)

export type Found = Kept & { readonly expiresAt: number }

/**
 * One directory of sessions and what is done in it:
 *
 *     sessions/ab/abcd…          a session, by the first two characters of its id
 *     sessions/ab/abcd….draft    a write that is on its way, or that a crash cut off
 *     owners/123/1234….abcd…     an empty file for each session of an owner: a hint, the session itself is the truth
 *     locks/00                   see lock.ts
 *
 * What writes expects its caller to hold the lock of the id.
 */
export class Disk {
  readonly root: string
  readonly #durable: boolean
  #made: Promise<void> | null = null

  constructor(root: string, durable: boolean) {
    this.root = root
    this.#durable = durable
  }

  /** Makes the directories, once: one that goes away later was moved or unmounted, and its sessions are not absent. */
  async make(): Promise<void> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = null
      throw error
    })
    await this.#made
  }

  /** Null when there is no such file, and when it is damaged: a crash leaves no half file, so nothing of it can be trusted. */
  async load(id: Id): Promise<Found | null> {
    const file = await orMissing(open(this.#session(id), 'r'))
    if (file === null) return this.#missing()
    try {
      const { size, mtimeMs } = await fstat(file)
      const image = Buffer.allocUnsafe(size)
      const { bytesRead } = await read(file, image, 0, size, 0)
      const kept = decode(image.subarray(0, bytesRead))
      return kept && { ...kept, expiresAt: Math.round(mtimeMs) }
    } finally {
      await close(file)
    }
  }

  /** The deadline, or null when there is no such file. */
  async deadline(id: Id): Promise<number | null> {
    const facts = await orMissing(stat(this.#session(id)))
    return facts && Math.round(facts.mtimeMs)
  }

  /** Whole or not at all: written beside, brought to the disk, and only then given its name. */
  async write(id: Id, image: Buffer, expiresAt: number): Promise<void> {
    const path = this.#session(id)
    const draft = `${path}.draft`
    const file = await this.#create(draft)
    try {
      try {
        await writeFile(file, image)
        await this.#stamp(file, expiresAt)
      } finally {
        await close(file)
      }
      await rename(draft, path)
    } catch (error) {
      await unlink(draft).catch(() => {})
      throw error
    }
    await this.#sync(dirname(path))
  }

  /** Moves the deadline of a file that is there. */
  async touch(id: Id, expiresAt: number): Promise<void> {
    const file = await open(this.#session(id), 'r')
    try {
      await this.#stamp(file, expiresAt)
    } finally {
      await close(file)
    }
  }

  async remove(id: Id): Promise<void> {
    await orMissing(unlink(this.#session(id)))
    await this.#sync(dirname(this.#session(id)))
  }

  /** Not brought to the disk: should the file of an expired session come back after a power cut, it is still expired. */
  async discard(id: Id): Promise<void> {
    await orMissing(unlink(this.#session(id)))
  }

  async discardDraft(id: Id): Promise<void> {
    await orMissing(unlink(`${this.#session(id)}.draft`))
  }

  async mark(owner: string, id: Id): Promise<void> {
    const path = this.#marker(owner, id)
    await close(await this.#create(path))
    await this.#sync(dirname(path))
  }

  async unmark(owner: string, id: Id): Promise<void> {
    await orMissing(unlink(this.#marker(owner, id)))
  }

  /** Ids that have been an owner's at some time. */
  async marked(owner: string): Promise<Id[]> {
    const names = await this.names(dirname(this.#marker(owner, '' as Id)))
    return names.filter((name) => name.startsWith(`${owner}.`)).map((name) => name.slice(65) as Id)
  }

  /** The directories that sessions, or markers of owners, are spread over. */
  async shards(kind: 'sessions' | 'owners'): Promise<string[]> {
    const top = join(this.root, kind)
    return (await readdir(top)).filter((name) => /^[0-9a-f]{2,3}$/.test(name)).map((name) => join(top, name))
  }

  /** What is in a directory, each name once, though a file that is replaced meanwhile may turn up twice. */
  async names(directory: string): Promise<string[]> {
    const names = await orMissing(readdir(directory))
    return names ? [...new Set(names)] : ((await this.#missing()) ?? [])
  }

  async #make(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 })
    for (const name of ['sessions', 'owners', 'locks']) {
      await mkdir(join(this.root, name), { recursive: true, mode: 0o700 })
    }
    await this.#sync(this.root)
  }

  /** A file that is not there is an answer only while the directory is: one that was unmounted must not read as logged out. */
  async #missing(): Promise<null> {
    if (await orMissing(stat(join(this.root, 'sessions')))) return null
    throw new StoreError('The session directory is gone: bring it back, or restart to begin with an empty one.')
  }

  async #create(path: string): Promise<number> {
    const file = await orMissing(open(path, 'w', 0o600))
    if (file !== null) return file
    const directory = dirname(path)
    await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await this.#sync(dirname(directory))
    return open(path, 'w', 0o600)
  }

  async #stamp(file: number, expiresAt: number): Promise<void> {
    await futimes(file, expiresAt / 1000, expiresAt / 1000)
    if (this.#durable) await fsync(file)
  }

  /** A name is on the disk only when its directory is. Windows does not open directories, and needs no such thing. */
  async #sync(directory: string): Promise<void> {
    if (!this.#durable || process.platform === 'win32') return
    const file = await open(directory, 'r')
    try {
      await fsync(file)
    } finally {
      await close(file)
    }
  }

  #session(id: Id): string {
    // An id becomes a path: whatever else it may be, it is not "../".
    if (!/^[0-9a-f]{64}$/.test(id))
      throw new StoreError('An id is 64 lower-case hexadecimal characters; this one is not.')
    return join(this.root, 'sessions', id.slice(0, 2), id)
  }

  #marker(owner: string, id: Id): string {
    if (!/^[0-9a-f]{64}$/.test(owner))
      throw new StoreError('An owner is 64 lower-case hexadecimal characters; this one is not.')
    return join(this.root, 'owners', owner.slice(0, 3), `${owner}.${id}`)
  }
}

/** Null for a file or directory that is not there; every other error stays one. */
async function orMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Node's own error names the path, and the path ends in an id: what is kept of it is the code and the call. */
export function unanswered(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  const cause = syscall ? Object.assign(new Error(`${code} in ${syscall}`), { code, errno, syscall }) : error
  return new StoreError('The session directory did not answer.', { cause })
}
