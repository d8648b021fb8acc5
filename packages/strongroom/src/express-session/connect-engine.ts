import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { asBuffer } from '../base/bytes.ts'
import { checkOptions, clockOption, timeoutOption } from '../base/check.ts'
import { type ConnectStore, destroyIn, getFrom, insteadOfConnectStore, isConnectStore, setIn } from '../base/connect.ts'
import { runExclusive } from '../base/mutex.ts'
import { OpenState } from '../base/open-state.ts'
import { isPast, momentIn } from '../base/retry.ts'
import { TimeLimit } from '../base/time-limit.ts'
import { warnOnce } from '../base/warn.ts'
import { ConfigError, StoreError } from '../errors.ts'
import type { Clock, Entry, Found, Store, Traits, Version } from '../store.ts'

export interface ConnectEngineOptions {
  /** Ms to wait for one call of the store (default 2000). */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/**
 * Sessions in a store of express-session, such as connect-redis, for as long as an application has not moved to a store of ours.
 *
 * Such a store has no compare-and-set: its `set` replaces what is there, and creates what is not. Within this process, writes of one
 * id wait for each other, so that the contract of `Store` holds. Between processes it holds except for the moment between a `get` and
 * the `set` that follows it. The entry says itself when it expires, because what the store says of that cannot be read back.
 */
export function connectEngine(store: ConnectStore, options: ConnectEngineOptions = {}): Store {
  if (!isConnectStore(store))
    throw new ConfigError(
      `connectEngine() takes a store of express-session, such as new RedisStore({ client }): an object with get(), set() and destroy().${insteadOfConnectStore(store)}`,
    )
  checkOptions('connectEngine()', options, ['timeout', 'clock'])
  const timeout = timeoutOption('connectEngine()', options.timeout, 2000)
  const engine = new ConnectEngine(store, timeout, clockOption('connectEngine()', options.clock))
  warnOf(store)
  return engine
}

const TRAITS: Traits = {
  engine: 'connect store',
  // Of a store that we do not know, nothing better is assumed.
  durable: 'no',
  shared: 'network',
  // By a prefix of its own, a timer, or never: there is no method to ask for it.
  expiresByItself: true,
  granularity: 1,
  sizeLimit: null,
  evicts: true,
  revocable: true,
}

class ConnectEngine implements Store {
  readonly traits: Traits = TRAITS
  readonly #store: ConnectStore
  /** Writes that the store has not confirmed, by id. */
  readonly #writing = new Map<string, Promise<unknown>>()
  readonly #timeout: number
  readonly #clock: Clock
  readonly #limit: TimeLimit
  readonly #state = new OpenState()

  constructor(store: ConnectStore, timeout: number, clock: Clock) {
    this.#store = store
    this.#timeout = timeout
    this.#clock = clock
    this.#limit = new TimeLimit(timeout, () => tooLate(timeout))
  }

  async read(id: string): Promise<Found | null> {
    this.#state.assertOpen()
    const found = foundIn(await this.#call(() => getFrom(this.#store, id)))
    return found && this.#clock() < found.entry.expiresAt ? found : null
  }

  async create(id: string, entry: Entry): Promise<boolean> {
    const record = recordOf(entry, newVersion())
    return this.#alone(id, async () => {
      if (await this.read(id)) return false
      // What has expired is not to be written: some stores would keep it for ever.
      if (this.#clock() < entry.expiresAt) await this.#write(id, entry.expiresAt, record)
      return true
    })
  }

  async update(id: string, entry: Entry, version: Version): Promise<Version | null> {
    const next = newVersion()
    const record = recordOf(entry, next)
    return this.#alone(id, async () => {
      const found = await this.read(id)
      if (found?.version !== version || found.entry.owner !== entry.owner) return null
      await this.#put(id, entry.expiresAt, record)
      return next
    })
  }

  /**
   * Writes the whole entry. `touch` of a store would move the moment that the store has, and leave the one in the entry, which is the
   * one that can be read, as it was: in Redis and in PostgreSQL, a session that is used would end all the same.
   */
  async touch(id: string, expiresAt: number, version?: Version): Promise<boolean> {
    return this.#alone(id, async () => {
      const found = await this.read(id)
      if (!found || (version !== undefined && found.version !== version)) return false
      await this.#put(id, expiresAt, recordOf({ ...found.entry, expiresAt }, found.version))
      return true
    })
  }

  async delete(id: string, version?: Version): Promise<boolean> {
    return this.#alone(id, async () => {
      const found = await this.read(id)
      if (!found || (version !== undefined && found.version !== version)) return false
      await this.#call(() => destroyIn(this.#store, id))
      return true
    })
  }

  /** Removes nothing: no store of this kind can be asked to, and most do it by themselves. It must be there all the same. */
  async clearExpired(): Promise<number> {
    await this.read(NOBODY)
    return 0
  }

  /** The store is the caller's, and stays open. */
  async close(): Promise<void> {
    this.#state.close()
  }

  /** In the place of what is there: an entry, or, past its deadline, nothing. */
  #put(id: string, expiresAt: number, record: string): Promise<void> {
    return this.#clock() < expiresAt ? this.#write(id, expiresAt, record) : this.#call(() => destroyIn(this.#store, id))
  }

  #write(id: string, expiresAt: number, record: string): Promise<void> {
    const session = { cookie: new StoredCookie(expiresAt - this.#clock()), [RECORD]: record }
    return this.#call(() => {
      const writing = setIn(this.#store, id, session)
      const over = writing.catch(() => undefined).then(() => this.#writing.delete(id))
      this.#writing.set(id, over)
      return writing
    }, record)
  }

  /** Through whichever engine of this process: the queue belongs to the store. */
  async #alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    this.#state.assertOpen()
    const until = momentIn(this.#timeout)
    return this.#limit.call(
      () =>
        new Promise((resolve, reject) => {
          const turn = async () => {
            // Its caller was told long ago that it failed.
            if (isPast(until)) return reject(tooLate(this.#timeout))
            await work().then(resolve, reject)
            // What was given up may still write: a logout after it must not be undone by it.
            await this.#writing.get(id)
          }
          runExclusive(this.#store, id, turn).catch(reject)
        }),
      (error) => asStoreError(error, undefined),
    )
  }

  #call<T>(call: () => Promise<T>, record?: string): Promise<T> {
    return this.#limit.call(call, (error) => asStoreError(error, record))
  }
}

const tooLate = (timeout: number) =>
  new StoreError(`The connect store did not call back within ${timeout} ms. Check that it runs and can be reached.`)

function asStoreError(error: unknown, record: string | undefined): StoreError {
  if (error instanceof StoreError) return error
  // Drivers put the values of a statement into its error. An id is left out of it already.
  const tells = record !== undefined && inspect(error, { depth: 9, showHidden: true }).includes(record.slice(0, 100))
  return new StoreError(
    tells
      ? 'The connect store failed. Its own error quotes the session, and was left out.'
      : 'The connect store failed; its own error is the cause.',
    tells ? {} : { cause: error },
  )
}

/** Random, and not counted: an id that was deleted and created again must refuse its old versions. */
const newVersion = () => randomBytes(12).toString('base64url')

/** No entry has this id. */
const NOBODY = '0'.repeat(64)

/** The property of a session that holds the entry. */
const RECORD = 'strongroom'

/** Stores round to seconds, some of them down. An entry must not be gone before it expires. */
const ROUNDING = 1000

/**
 * What stores of express-session compute a lifetime from: some read `expires`, others `maxAge` or `originalMaxAge`. By the clock of
 * this machine, as they do.
 */
class StoredCookie {
  readonly originalMaxAge: number
  readonly expires: Date

  /** `lifetime` in ms. */
  constructor(lifetime: number) {
    this.originalMaxAge = lifetime + ROUNDING
    this.expires = new Date(Date.now() + this.originalMaxAge)
  }

  get maxAge(): number {
    return this.expires.valueOf() - Date.now()
  }

  toJSON(): object {
    return { originalMaxAge: this.originalMaxAge, expires: this.expires }
  }
}

/** One string, in an alphabet that every store returns as it was: format, version, deadline, creation, owner, label, bytes. */
function recordOf({ bytes, expiresAt, owner, label, createdAt }: Entry, version: Version): string {
  const text = label === null ? NONE : textOf(label)
  return [FORMAT, version, Math.ceil(expiresAt), Math.floor(createdAt), owner ?? NONE, text, textOf(bytes)].join('.')
}

const FORMAT = '1'
/** No base64url, so that it differs from a label without bytes. */
const NONE = '*'

const PATTERN =
  /^1\.(?<version>[\w-]{16})\.(?<expiresAt>-?\d{1,16})\.(?<createdAt>-?\d{1,16})\.(?<owner>[\da-f]{64}|\*)\.(?<label>[\w-]*|\*)\.(?<bytes>[\w-]*)$/

const textOf = (bytes: Uint8Array) => asBuffer(bytes).toString('base64url')
const bytesOf = (text: string) => Buffer.from(text, 'base64url')

/** Null for a session that another program has put there or altered, as in our own stores: it is absent, and prevents no new one. */
function foundIn(session: unknown): Found | null {
  const record = (session as Readonly<Record<string, unknown>> | null)?.[RECORD]
  const parts = typeof record === 'string' ? PATTERN.exec(record)?.groups : undefined
  if (!parts) return null
  const { version = '', expiresAt, createdAt, owner = NONE, label = NONE, bytes = '' } = parts
  const entry = {
    bytes: bytesOf(bytes),
    expiresAt: Number(expiresAt),
    owner: owner === NONE ? null : owner,
    label: label === NONE ? null : bytesOf(label),
    createdAt: Number(createdAt),
  }
  return { entry, version }
}

/** By the names of their classes, because none of these packages may be imported here. */
const INSTEAD: Readonly<Record<string, string>> = {
  RedisStore: 'redis({ client }) from strongroom/redis',
  PGStore: 'postgres({ client }) from strongroom/postgres',
  MySQLStore: 'mysql({ client }) from strongroom/mysql',
  FileStore: 'file(directory) from strongroom/file',
  MemoryStore: 'memory() from strongroom/memory',
}

/** Of one store in a process, however many there are. */
const warn = warnOnce(
  'STRONGROOM_CONNECT_STORE',
  'Shown once. docs/connect-stores.md says what holds and what does not.',
)

function warnOf(store: ConnectStore): void {
  const instead =
    INSTEAD[store.constructor?.name ?? ''] ?? 'a store of ours, such as redis({ client }) from strongroom/redis'
  warn(
    `Sessions are in a store of express-session, which has no compare-and-set: where several processes share it, a request that is saved in the moment of a logout can bring the session back. Pass ${instead}.`,
  )
}
