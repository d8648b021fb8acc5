import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Id } from '../../crypto/token.ts'
import { StoreError, StrongroomError } from '../../errors.ts'
import { isHexId } from '../shared/entry.ts'
import { checkDirectory, FOLDERS, warnRoot } from './directory.ts'
import { decode, type FileRecord } from './record.ts'
import { DirectorySyncs } from './sync.ts'

// To create, sync or rename a file, or to find one that was not used recently, may wait for the disk: on the event loop, 32 of them
// at a time kept it busy all the time. What is done with a file that is open and in the kernel's memory is synchronous, because the
// way to a thread and back costs several times as much as the call: none of 50,000 took longer than 5 ms while another program
// wrote 6 GB. The callback functions, promisified, cost half as much as the FileHandles of node:fs/promises.
const open = promisify(fs.open)
const stat = promisify(fs.stat)
const read = promisify(fs.read)
const fsync = promisify(fs.fsync)
const writeFile = promisify(fs.writeFile)
const rename = promisify(fs.rename)
const unlink = promisify(fs.unlink)
const mkdir = promisify(fs.mkdir)
const readdir = promisify(fs.readdir)

/** The most bytes that are read or written on the event loop. More would delay other requests. */
const SMALL = 2 ** 16

export type LoadedFile = FileRecord & { readonly expiresAt: number }

/**
 * One directory of sessions, and the file system calls in it:
 *
 *     sessions/ab/abcd…          a session, by the first two characters of its id
 *     sessions/ab/abcd….draft    a write under way, or one that a crash cut off
 *     owners/123/1234….abcd…     a marker, an empty file for each session of an owner: a hint, the session decides
 *     locks/00, locks/00.gate    see lock-file.ts
 *
 * Methods that write expect the caller to hold the lock of the id.
 */
export class Disk {
  readonly root: string
  readonly #durable: boolean
  readonly #syncs = new DirectorySyncs(syncDirectory)
  #prepared: Promise<void> | null = null

  constructor(root: string, durable: boolean) {
    this.root = root
    this.#durable = durable
  }

  /**
   * Creates the directories, once. One that goes away later was moved or unmounted, and its sessions are not absent.
   */
  async prepare(): Promise<void> {
    this.#prepared ??= this.#createDirectories().catch((error: unknown) => {
      this.#prepared = null
      throw error
    })
    await this.#prepared
  }

  /**
   * Null when there is no such file, or when it is damaged. A crash never leaves half a file, so no part of it can be
   * trusted.
   */
  async load(id: Id): Promise<LoadedFile | null> {
    const file = await orNull(open(this.#session(id), 'r'))
    if (file === null) return this.#absent()
    try {
      const { size, mtimeMs } = fs.fstatSync(file)
      const image = Buffer.allocUnsafe(size)
      const { bytesRead } = await read(file, image, 0, size, 0)
      return toLoaded(image.subarray(0, bytesRead), mtimeMs)
    } finally {
      fs.closeSync(file)
    }
  }

  /**
   * The same for a session that the caller has read a moment ago, so that its file is in the kernel's memory. If it cannot be opened,
   * because it has ended since or its directory is gone, `load` says which.
   */
  loadAgain(id: Id): LoadedFile | null | Promise<LoadedFile | null> {
    const file = openIfThere(this.#session(id))
    if (file === null) return this.load(id)
    try {
      const { size, mtimeMs } = fs.fstatSync(file)
      if (size > SMALL) return this.load(id)
      const image = Buffer.allocUnsafe(size)
      return toLoaded(image.subarray(0, fs.readSync(file, image, 0, size, 0)), mtimeMs)
    } finally {
      fs.closeSync(file)
    }
  }

  /** The deadline, or null when there is no such file. */
  async deadline(id: Id): Promise<number | null> {
    const facts = await orNull(stat(this.#session(id)))
    return facts && Math.round(facts.mtimeMs)
  }

  /** All or nothing: the draft is written and synced to the disk, and only then gets the name of the session. */
  async write(id: Id, image: Buffer, expiresAt: number): Promise<void> {
    const path = this.#session(id)
    const draft = `${path}.draft`
    try {
      await this.#writeDraft(draft, image, expiresAt)
      await rename(draft, path)
    } catch (error) {
      await unlink(draft).catch(() => {})
      throw error
    }
    await this.#sync(dirname(path))
  }

  /** Sets the deadline of a file that exists, and has just been loaded. */
  async touch(id: Id, expiresAt: number): Promise<void> {
    const file = fs.openSync(this.#session(id), 'r')
    try {
      await this.#setDeadline(file, expiresAt)
    } finally {
      fs.closeSync(file)
    }
  }

  async remove(id: Id): Promise<void> {
    await orNull(unlink(this.#session(id)))
    await this.#sync(dirname(this.#session(id)))
  }

  /** Not synced: if the file of an expired session comes back after a power cut, it is still expired. */
  async removeExpired(id: Id): Promise<void> {
    await orNull(unlink(this.#session(id)))
  }

  async removeDraft(id: Id): Promise<void> {
    await orNull(unlink(`${this.#session(id)}.draft`))
  }

  async addMarker(owner: string, id: Id): Promise<void> {
    const path = this.#marker(owner, id)
    fs.closeSync(await this.#create(path))
    await this.#sync(dirname(path))
  }

  async removeMarker(owner: string, id: Id): Promise<void> {
    await orNull(unlink(this.#marker(owner, id)))
  }

  /** The ids of an owner's markers: some of these sessions may be gone, or have another owner now. */
  async markedIds(owner: string): Promise<Id[]> {
    const names = await this.names(dirname(this.#marker(owner, '' as Id)))
    return names.filter((name) => name.startsWith(`${owner}.`)).map((name) => name.slice(65) as Id)
  }

  /** The directories that sessions, or owner markers, are spread over. */
  async shards(kind: 'sessions' | 'owners'): Promise<string[]> {
    const top = join(this.root, kind)
    return (await readdir(top)).filter((name) => /^[0-9a-f]{2,3}$/.test(name)).map((name) => join(top, name))
  }

  /** The names in a directory, each once: a file that is being replaced may be listed twice. */
  async names(directory: string): Promise<string[]> {
    const names = await orNull(readdir(directory))
    return names ? [...new Set(names)] : ((await this.#absent()) ?? [])
  }

  async #createDirectories(): Promise<void> {
    await warnRoot(this.root)
    for (const path of ['.', ...FOLDERS].map((name) => join(this.root, name))) {
      await mkdir(path, { recursive: true, mode: 0o700 })
      await checkDirectory(path, this.root)
    }
    await this.#sync(this.root)
  }

  /** A missing file means "absent" only while the directory exists: an unmounted disk must not log everyone out. */
  async #absent(): Promise<null> {
    if (await orNull(stat(join(this.root, 'sessions')))) return null
    throw new StoreError('The session directory is gone: restore it, or restart to begin with an empty one.')
  }

  async #create(path: string): Promise<number> {
    const file = await orNull(open(path, 'w', 0o600))
    if (file !== null) return file
    const directory = dirname(path)
    await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await this.#sync(dirname(directory))
    return open(path, 'w', 0o600)
  }

  async #writeDraft(path: string, image: Buffer, expiresAt: number): Promise<void> {
    const file = await this.#create(path)
    try {
      if (image.length > SMALL) await writeFile(file, image)
      // A full disk may take a part of it.
      else for (let at = 0; at < image.length; ) at += fs.writeSync(file, image, at)
      await this.#setDeadline(file, expiresAt)
    } finally {
      fs.closeSync(file)
    }
  }

  async #setDeadline(file: number, expiresAt: number): Promise<void> {
    // Deno cuts off what is below a millisecond, and would be one too low for half of all numbers.
    const seconds = (expiresAt + 0.25) / 1000
    fs.futimesSync(file, seconds, seconds)
    if (this.#durable) await fsync(file)
  }

  /**
   * A file name is on the disk only when its directory has been synced. Windows cannot open directories, and does not
   * need this.
   */
  async #sync(directory: string): Promise<void> {
    if (this.#durable && process.platform !== 'win32') await this.#syncs.sync(directory)
  }

  #session(id: Id): string {
    // An id becomes part of a path, so it must not contain "../".
    if (!isHexId(id)) throw new StoreError('An id must be 64 lower-case hexadecimal characters, and this one is not.')
    return join(this.root, 'sessions', id.slice(0, 2), id)
  }

  #marker(owner: string, id: Id): string {
    if (!isHexId(owner))
      throw new StoreError('An owner must be 64 lower-case hexadecimal characters, and this one is not.')
    return join(this.root, 'owners', owner.slice(0, 3), `${owner}.${id}`)
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const file = fs.openSync(directory, 'r')
  try {
    await fsync(file)
  } finally {
    fs.closeSync(file)
  }
}

function toLoaded(image: Buffer, mtimeMs: number): LoadedFile | null {
  const record = decode(image)
  return record && { ...record, expiresAt: Math.round(mtimeMs) }
}

function openIfThere(path: string): number | null {
  try {
    return fs.openSync(path, 'r')
  } catch {
    return null
  }
}

/** Null for a file or directory that does not exist. Every other error is thrown. */
async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

const FULL = 'The disk with the session directory is full.'
const NO_FOLDER = 'A file has the name of the session directory, or of a folder above it. Choose another directory.'

/** What to do, by the codes of the system. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'The session directory, or what it links to, does not exist. Create it, or check that its disk is mounted.',
  EEXIST: NO_FOLDER,
  ENOTDIR: NO_FOLDER,
  EROFS: 'The session directory is on a file system that is read-only.',
  ENOSPC: FULL,
  EDQUOT: FULL,
  EMFILE: 'This process has too many files open to open those of sessions. Raise its limit (ulimit -n).',
}

/** Node's own error contains the path, and the path ends in an id, so only its code and the call are kept. */
export function unanswered(error: unknown): StrongroomError {
  if (error instanceof StrongroomError) return error
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  const cause = syscall ? Object.assign(new Error(`${code} in ${syscall}`), { code, errno, syscall }) : error
  return new StoreError(ADVICE[code ?? ''] ?? 'A call to the session directory failed. The cause says why.', { cause })
}
