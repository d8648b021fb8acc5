import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  type ClearOptions,
  ConfigError,
  type Entry,
  type Found,
  type Id,
  type ScanOptions,
  StoreError,
  type Traits,
  type Version,
} from 'strongroom'
import {
  batchOf,
  checkOptions,
  drive,
  FileLocks,
  latin1Of,
  momentIn,
  OpenState,
  timeoutOption,
} from 'strongroom/internal'
import { type DjangoEngine, type EngineContext, type EnumerableStore, isSessionKey } from '../engine.ts'

/** Options of `djangoFiles`. */
export interface DjangoFilesOptions {
  /** SESSION_FILE_PATH: a directory that exists. Default: the system's directory for temporary files, as in Django. */
  readonly dir?: string | undefined
  /** How long to wait for other Node processes that write the same session, in ms (default 2000). Django does not wait. */
  readonly timeout?: number | undefined
}

/** Django's `file` backend: one file per session, named after the cookie and the session key. */
export function djangoFiles(given: string | DjangoFilesOptions = {}): DjangoEngine {
  const options = typeof given === 'string' ? { dir: given } : given
  checkOptions('djangoFiles()', options, ['dir', 'timeout'])
  const { dir = tmpdir() } = options
  if (typeof dir !== 'string' || dir === '')
    throw new ConfigError('djangoFiles(): dir must be the path of a directory.')
  const timeout = timeoutOption('djangoFiles()', options.timeout, 2000, 0)
  return { name: 'file', open: (context) => new FileStore(resolve(dir), timeout, context) }
}

/** A placeholder or a draft that is older, in ms, was left by a crash. */
const ABANDONED = 3_600_000

/**
 * Writes like Django: to a draft in the same directory (`…_out_…`), which is then renamed. The time of a save is the file's
 * modification time. Node processes change a session one at a time, under a lock, so that no change is lost. Django takes no
 * lock, and its save overwrites ours.
 */
class FileStore implements EnumerableStore {
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
  readonly #context: EngineContext
  readonly #locks: FileLocks
  readonly #state = new OpenState()

  constructor(dir: string, timeout: number, context: EngineContext) {
    this.#dir = dir
    this.#timeout = timeout
    this.#context = context
    // Django ignores the directory, because its name begins with a dot and not with the cookie's name.
    this.#locks = new FileLocks(join(dir, '.strongroom-locks'), timeout)
  }

  read(id: Id): Promise<Found | null> {
    return this.#attempt(() => this.#live(id))
  }

  create(id: Id, { bytes }: Entry): Promise<boolean> {
    return this.#change(id, async () => {
      const path = this.#path(id)
      if (!(await this.#reserve(path))) {
        if (await this.#live(id)) return false
        await orAbsent(fs.unlink(path))
        if (!(await this.#reserve(path))) return false
      }
      try {
        await this.#write(path, bytes)
      } catch (error) {
        // A placeholder without a session would block its key for nothing.
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
      return latin1Of(bytes)
    })
  }

  touch(id: Id, _expiresAt: number, version?: Version): Promise<boolean> {
    return this.#change(id, async () => {
      const found = await this.#live(id)
      if (!found || (version ?? found.version) !== found.version) return false
      const now = this.#context.clock() / 1000
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

  /** Removes expired sessions, and what Django's clearsessions never removes: placeholders and drafts of interrupted writes. */
  clearExpired(options: ClearOptions = {}): Promise<number> {
    return this.#attempt(() => drive(this.#clearing(batchOf(options), options.dryRun === true), options))
  }

  async *keys({ page = 500, signal }: ScanOptions = {}): AsyncGenerator<readonly string[]> {
    const prefix = this.#context.cookieName
    let keys: string[] = []
    const names = await this.#attempt(() => fs.opendir(this.#dir))
    for await (const { name } of names) {
      const key = name.startsWith(prefix) ? name.slice(prefix.length) : ''
      if (!isSessionKey(key) || keys.push(key) < page) continue
      yield keys
      keys = []
      if (signal?.aborted) return
    }
    yield keys
  }

  async close(): Promise<void> {
    this.#state.close()
    await this.#locks.close()
  }

  async *#clearing(batch: number, dryRun: boolean): AsyncGenerator<number> {
    const prefix = this.#context.cookieName
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
    const [key = '', draft] = name.slice(this.#context.cookieName.length).split('_out_')
    // Not ours, such as a file of a site whose cookie's name begins with ours.
    if (!isSessionKey(key)) return false
    const found = await this.#load(join(this.#dir, name))
    if (!found) return false
    const old = this.#context.clock() - found.savedAt > ABANDONED
    return draft !== undefined || found.text === '' ? old : this.#endOf(found) <= this.#context.clock()
  }

  async #live(id: Id): Promise<Found | null> {
    const found = await this.#load(this.#path(id))
    if (!found) return this.#missing()
    // The placeholder of a session that is being created.
    if (found.text === '') return null
    const expiresAt = this.#endOf(found)
    if (expiresAt <= this.#context.clock()) return null
    const bytes = Buffer.from(found.text, 'latin1')
    return { entry: { bytes, expiresAt, owner: null, label: null, createdAt: 0 }, version: found.text }
  }

  #endOf({ text, savedAt }: { text: string; savedAt: number }): number {
    return this.#context.endOf(text, savedAt)
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

  /** A missing file means no session only if the directory exists. An unmounted one must not log everybody out. */
  async #missing(): Promise<null> {
    if (await orAbsent(fs.stat(this.#dir))) return null
    throw new StoreError("Django's session directory (SESSION_FILE_PATH) does not exist.")
  }

  /** Reserves a key like Django: with an empty file, which is created only if there is none. */
  async #reserve(path: string): Promise<boolean> {
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
    const now = this.#context.clock() / 1000
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
    if (!isSessionKey(id)) throw new StoreError('The session key contains characters that Django uses in no file name.')
    return join(this.#dir, this.#context.cookieName + id)
  }

  #change<T>(id: Id, work: () => Promise<T>): Promise<T> {
    const request = { until: momentIn(this.#timeout) }
    const lock = String(id.charCodeAt(0) % 16).padStart(2, '0')
    return this.#attempt(async () => {
      await fs.mkdir(join(this.#dir, '.strongroom-locks'), { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
      return this.#locks.withLock(lock, request, work)
    })
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    this.#state.assertOpen()
    try {
      return await work()
    } catch (error) {
      throw failed(error)
    }
  }
}

/** Resolves to null when the file does not exist. */
async function orAbsent<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Node's own error contains the path, which ends in a session key. Only the code and the system call are kept. */
function failed(error: unknown): Error {
  if (error instanceof StoreError) return error
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  if (!syscall) return error as Error
  const cause = Object.assign(new Error(`${code} in ${syscall}`), { code, errno, syscall })
  return new StoreError("A call to Django's session directory failed. The cause says why.", { cause })
}
