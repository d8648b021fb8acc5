import { DriverMissingError } from '../../base/load-driver.ts'
import { OpenState, storeClosed } from '../../base/open-state.ts'
import { TimeLimit } from '../../base/time-limit.ts'
import { ConfigError } from '../../errors.ts'
import { stayingInDatabase } from './database.ts'
import type { Argument, Driver, RedisNode } from './driver.ts'
import { codeOf, storeError, timeoutError } from './errors.ts'
import { type IoredisClient, ioredisDriver, isIoredis, openIoredis } from './ioredis.ts'
import { isNodeRedis, type NodeRedisClient, nodeRedisDriver, openNodeRedis } from './node-redis.ts'
import type { Script } from './scripts.ts'
import type { RedisAddress } from './url.ts'

export type Durable = 'no' | 'process' | 'machine'

/** What the options say of the configuration of Redis. The first call compares it. */
export interface Claims {
  readonly durable: Durable
  /** Whether live sessions may be evicted; null if nothing was said, which is no if Redis says so itself. */
  readonly evicts: boolean | null
}

export type RedisClient = IoredisClient | NodeRedisClient

/** Where a connection gets its client. */
export interface ClientSource {
  readonly open: () => Promise<Driver>
  /** Whether the client is ours to close. */
  readonly isOurs: boolean
}

export function isRedisClient(value: unknown): value is RedisClient {
  return typeof value === 'object' && value !== null && (isIoredis(value) || isNodeRedis(value))
}

/** A client that the application passed in. */
export function givenClient(client: RedisClient): ClientSource {
  const open = async () => {
    const driver = isIoredis(client) ? ioredisDriver(client) : nodeRedisDriver(client)
    return driver.isCluster ? driver : stayingInDatabase(driver, client as RedisClient & { on(): unknown })
  }
  return { open, isOurs: false }
}

/** The supported packages, the faster one first. */
const OPENERS = [openIoredis, openNodeRedis]

/**
 * A client of our own, created on first use with the first package that is installed. `open` rejects with `ConfigError` when
 * none is.
 */
export function ownClient(address: RedisAddress, timeout: number, openers = OPENERS): ClientSource {
  const open = async () => {
    for (const opener of openers) {
      try {
        return await opener(address, timeout)
      } catch (error) {
        if (!(error instanceof DriverMissingError)) throw error
      }
    }
    throw new ConfigError('redis() needs the package ioredis, or redis: npm install ioredis')
  }
  return { open, isOurs: true }
}

/** Calls to Redis: each ends within the time limit, and none rejects with an error that contains what was sent. */
export class RedisConnection {
  readonly #source: ClientSource
  readonly #limit: TimeLimit
  readonly #claims: Claims
  readonly #state = new OpenState()
  /** Also while its configuration is being checked, so that errors say what is wrong with the connection. */
  #created: Driver | null = null
  /** Once it may be used. */
  #driver: Driver | null = null
  #creating: Promise<Driver> | null = null
  #opening: Promise<Driver> | null = null

  constructor(source: ClientSource, timeout: number, claims: Claims) {
    this.#source = source
    this.#limit = new TimeLimit(
      timeout,
      () => timeoutError(timeout, this.#connectionError, this.#created?.isConnected?.()),
      () => this.#created?.timedOut?.(),
    )
    this.#claims = claims
  }

  get(key: string): Promise<Buffer | null> {
    return this.use((driver) => driver.get(key))
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.use((driver) => runScript(driver, script, keys, args))
  }

  use<T>(call: (driver: Driver) => Promise<T>): Promise<T> {
    if (this.#state.isClosed) return Promise.reject(storeClosed())
    const driver = this.#driver
    return this.#within(() => (driver ? call(driver) : this.#opened().then(call)))
  }

  /** Without comparing the configuration: for what shows what is wrong with it. */
  inspect<T>(call: (driver: Driver) => Promise<T>): Promise<T> {
    if (this.#state.isClosed) return Promise.reject(storeClosed())
    const created = async () => {
      this.#created = await this.#create()
      return call(this.#created)
    }
    return this.#within(created)
  }

  /**
   * Whether a script may use keys of several slots. False while that is not known, before the first call: what is done in two steps
   * for a cluster is right on one server, too.
   */
  get isOneServer(): boolean {
    return this.#driver?.isCluster === false
  }

  async close(): Promise<void> {
    if (!this.#state.close()) return
    const driver = await this.#creating?.catch(() => null)
    if (!driver || !this.#source.isOurs) return
    // A server that hangs does not answer QUIT either.
    await this.#within(() => driver.close()).catch(() => driver.destroy())
  }

  #within<T>(call: () => Promise<T>): Promise<T> {
    return this.#limit.call(call, this.#asStoreError)
  }

  readonly #asStoreError = (error: unknown): Error => storeError(error, this.#connectionError)

  get #connectionError(): unknown {
    return this.#created?.connectionError?.()
  }

  /** After a failure, the next call tries again: by then the server, or its configuration, may have changed. */
  #opened(): Promise<Driver> {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<Driver> {
    const driver = await this.#create()
    this.#created = driver
    // With a time limit of its own: later calls wait for this same check, which a server that hangs now must not hold up.
    if (!this.#source.isOurs) await this.#within(async () => driver.confirmDatabase?.())
    const { durable, evicts } = this.#claims
    if (durable !== 'no' || evicts !== true)
      await this.#within(async () => checkConfiguration(await driver.masters(), this.#claims))
    this.#driver = driver
    return driver
  }

  /** Creates one client only, however often the configuration check fails before the connection can be used. */
  #create(): Promise<Driver> {
    this.#creating ??= this.#source.open().catch((error) => {
      this.#creating = null
      throw error
    })
    return this.#creating
  }
}

function runScript(
  driver: Driver,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  return driver.evalSha(script, keys, args).catch((error) => {
    // A server that was restarted, or a replica that has become the master, does not have the script yet.
    if (codeOf(error) !== 'NOSCRIPT') throw error
    return driver.evalSource(script, keys, args)
  })
}

/** Compares the options with the configuration of each server, where that may be read. */
async function checkConfiguration(masters: readonly RedisNode[], { durable, evicts }: Claims): Promise<void> {
  for (const node of masters) {
    const config = await node.config('appendonly', 'appendfsync', 'maxmemory', 'maxmemory-policy').catch((error) => {
      // CONFIG is forbidden, or does not exist, as on many managed servers.
      if (['NOPERM', 'ERR'].includes(codeOf(error))) return null
      throw error
    })
    if (config === null) {
      if (evicts === null) throw evictionUnknown()
      continue
    }
    const is = (name: string, value: string) => config.get(name) === value
    if (durable !== 'no' && !is('appendonly', 'yes')) throw notDurable(durable, 'appendonly is not "yes"')
    if (durable === 'machine' && !is('appendfsync', 'always')) throw notDurable(durable, 'appendfsync is not "always"')
    if (evicts !== true && !is('maxmemory', '0') && !is('maxmemory-policy', 'noeviction')) throw mayEvict()
  }
}

function notDurable(durable: Durable, reason: string): ConfigError {
  return new ConfigError(
    `redis(): "durable" is "${durable}", but the configuration of Redis does not support that: ${reason}.`,
  )
}

function mayEvict(): ConfigError {
  return new ConfigError(
    'redis(): this Redis evicts live sessions, and the index of a user\'s sessions, when it reaches its maxmemory. Set its maxmemory-policy to "noeviction"; or say "evicts: true", and do without lists of sessions and "log out everywhere".',
  )
}

function evictionUnknown(): ConfigError {
  return new ConfigError(
    'redis(): whether this Redis evicts live sessions cannot be found out, because CONFIG GET is forbidden. Say "evicts: false" if its maxmemory-policy is "noeviction", and otherwise "evicts: true".',
  )
}
