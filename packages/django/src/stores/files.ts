import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  type ClearOptions,
  ConfigError,
  type Entry,
  type Id,
  type ScanOptions,
  StoreError,
  type Traits,
  type Version,
} from 'strongroom'
import { batchOf, checkOptions, drive, Locks, momentIn, wholeNumber } from 'strongroom/internal'
import type { DjangoEngine, WalkedStore, World } from '../engine.ts'
import { isKey } from '../key.ts'
import { orAbsent, unanswered } from './disk.ts'

export interface DjangoFilesOptions {
  /** SESSION_FILE_PATH: a directory that is there. Default: the system's directory for temporary files, as in Django. */
  readonly dir?: string | undefined
  /** Ms to wait for other processes of Node that write the same session (default 2000). Django does not wait. */
  readonly timeout?: number | undefined
}

/** Django's `file` backend: a file for each session, named by the cookie's name and the session key. */
export function djangoFiles(given: string | DjangoFilesOptions = {}): DjangoEngine {
  const options = typeof given === 'string' ? { dir: given } : given
  checkOptions('djangoFiles()', options, ['dir', 'timeout'])
  const { dir = tmpdir() } = options
  if (typeof dir !== 'string' || dir === '') throw new ConfigError('djangoFiles(): dir is the path of a directory.')
  const timeout = wholeNumber('djangoFiles()', 'timeout', options.timeout, 2000, 0)
  return { name: 'file', open: (world) => new Files(resolve(dir), timeout, world) }
}

/** A file whose placeholder has lain there so long is what a crash has left. */
const ABANDONED = 3_600_000

/**
 * As Django writes: into a file beside it (`…_out_…`), then renamed. The moment of a save is the file's modification time.
 * Changes by Node take their turns by a lock, so that none is lost; Django takes no lock, and its save wins over ours.
 */
class Files implements WalkedStore {
  readonly traits: Traits = {
    engine: 'django (file)',
    durable: 'process',
    shared: 'machine',
    expiresByItself: false,
    granularity: 1,
    sizeLimit: 2 ** 30,
    evicts: false,
    revocable: true,
  }
  readonly #dir: string
  readonly #timeout: number
  readonly #world: World
  readonly #locks: Locks
  #closed = false

  constructor(dir: string, timeout: number, world: World) {
    this.#dir = dir
    this.#timeout = timeout
    this.#world = world
    // A directory's name cannot begin like a session's: Django passes it by.
    this.#locks = new Locks(join(dir, '.strongroom-locks'), timeout)
  }

  read(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    return this.#answer(() => this.#live(id))
  }

  create(id: Id, { bytes }: Entry): Promise<boolean> {
    return this.#change(id, async () => {
      const path = this.#path(id)
      if (!(await this.#place(path))) {
        if (await this.#live(id)) return false
        await orAbsent(fs.unlink(path))
        if (!(await this.#place(path))) return false
      }
      try {
        await this.#write(path, bytes)
      } catch (error) {
        // A placeholder without a session would hold its key for nobody.
        await fs.unlink(path).catch(() => {})
        throw error
      }
      return true
    })
  }

  update(id: Id, { bytes }: Entry, version: Version): Promise<Version | null> {
    return this.#change(id, async () => {
      if ((await this.#live(id))?.version !== version) return null
      await this.#write(this.#path(id), bytes)
      return textOf(bytes)
    })
  }

  touch(id: Id): Promise<boolean> {
    return this.#change(id, async () => {
      if (!(await this.#live(id))) return false
      const now = this.#world.clock() / 1000
      await fs.utimes(this.#path(id), now, now)
      return true
    })
  }

  delete(id: Id, version?: Version): Promise<boolean> {
    return this.#change(id, async () => {
      const found = await this.#live(id)
      if (!found || (version !== undefined && found.version !== version)) return false
      return (await orAbsent(fs.unlink(this.#path(id)).then(() => true))) ?? false
    })
  }

  /** Expired sessions, and what Django's clearsessions leaves for ever: placeholders and drafts of writes that were cut off. */
  clearExpired(options: ClearOptions = {}): Promise<number> {
    return this.#answer(() => drive(this.#clearing(batchOf(options), options.dryRun === true), options))
  }

  async *keys({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<readonly string[]> {
    const prefix = this.#world.cookieName
    let keys: string[] = []
    const names = await this.#answer(() => fs.opendir(this.#dir))
    for await (const { name } of names) {
      const key = name.startsWith(prefix) ? name.slice(prefix.length) : ''
      if (!isKey(key) || keys.push(key) < page) continue
      yield keys
      keys = []
      if (signal?.aborted) return
    }
    yield keys
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#locks.close()
  }

  async *#clearing(batch: number, dryRun: boolean): AsyncGenerator<number> {
    const prefix = this.#world.cookieName
    let [removed, seen] = [0, 0]
    for await (const { name } of await fs.opendir(this.#dir)) {
      if (name.startsWith(prefix) && (await this.#isDead(name))) {
        if (!dryRun) await orAbsent(fs.unlink(join(this.#dir, name)))
        removed++
      }
      if (++seen % batch !== 0) continue
      yield removed
      removed = 0
    }
    yield removed
  }

  async #isDead(name: string): Promise<boolean> {
    const [key = '', draft] = name.slice(this.#world.cookieName.length).split('_out_')
    // Somebody else's, such as the files of a site whose cookie's name begins with ours.
    if (!isKey(key)) return false
    const found = await this.#load(join(this.#dir, name))
    if (!found) return false
    const old = this.#world.clock() - found.savedAt > ABANDONED
    return draft !== undefined || found.text === '' ? old : this.#endOf(found) <= this.#world.clock()
  }

  async #live(id: Id): Promise<{ entry: Entry; version: Version } | null> {
    const found = await this.#load(this.#path(id))
    if (!found) return this.#missing()
    // The placeholder of a session that is just being made.
    if (found.text === '') return null
    const expiresAt = this.#endOf(found)
    if (expiresAt <= this.#world.clock()) return null
    const bytes = Buffer.from(found.text, 'latin1')
    return { entry: { bytes, expiresAt, owner: null, label: null, createdAt: 0 }, version: found.text }
  }

  #endOf({ text, savedAt }: { text: string; savedAt: number }): number {
    return this.#world.endOf(text, savedAt)
  }

  async #load(path: string): Promise<{ text: string; savedAt: number } | null> {
    const file = await orAbsent(fs.open(path, 'r'))
    if (!file) return null
    try {
      const { mtimeMs } = await file.stat()
      return { text: await file.readFile('latin1'), savedAt: Math.round(mtimeMs) }
    } finally {
      await file.close()
    }
  }

  /** A file that is not there is an answer only while the directory is: one that was unmounted must not read as logged out. */
  async #missing(): Promise<null> {
    if (await orAbsent(fs.stat(this.#dir))) return null
    throw new StoreError("Django's session directory is not there (SESSION_FILE_PATH).")
  }

  /** Django's own way to take a key: an empty file, made only where there is none. */
  async #place(path: string): Promise<boolean> {
    try {
      await (await fs.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)).close()
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const draft = `${path}_out_${randomBytes(6).toString('hex')}`
    const now = this.#world.clock() / 1000
    try {
      await fs.writeFile(draft, bytes, { mode: 0o600, flag: 'wx' })
      await fs.utimes(draft, now, now)
      await fs.rename(draft, path)
    } catch (error) {
      await fs.unlink(draft).catch(() => {})
      throw error
    }
  }

  #path(id: Id): string {
    if (!isKey(id)) throw new StoreError('A session key has characters that no file of Django’s is named by.')
    return join(this.#dir, this.#world.cookieName + id)
  }

  #change<T>(id: Id, work: () => Promise<T>): Promise<T> {
    const until = momentIn(this.#timeout)
    const lock = String(id.charCodeAt(0) % 16).padStart(2, '0')
    return this.#answer(async () => {
      await fs.mkdir(join(this.#dir, '.strongroom-locks'), { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
      return this.#locks.hold(lock, until, work)
    })
  }

  async #answer<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StoreError('This store was closed.')
    try {
      return await work()
    } catch (error) {
      throw unanswered(error)
    }
  }
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
