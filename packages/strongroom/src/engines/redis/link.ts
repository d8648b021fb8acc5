import { TimeLimit } from '../../base/time-limit.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import type { Argument, Driver, Node } from './driver.ts'
import { tooLate, unanswered, wordOf } from './failure.ts'
import type { Script } from './scripts.ts'

export type Durable = 'no' | 'process' | 'machine'

export interface Source {
  /** A client handed in, or the promise of one of our own, made on first use. */
  readonly open: () => Driver | Promise<Driver>
  readonly owned: boolean
}

/** What is asked of Redis, within the time limit, and with errors that hold nothing of what was asked. */
export class Link {
  readonly #source: Source
  readonly #limit: TimeLimit
  readonly #claim: Durable
  #driver: Driver | null = null
  #making: Promise<Driver> | null = null
  #opening: Promise<Driver> | null = null
  #closed = false

  constructor(source: Source, timeout: number, claim: Durable) {
    this.#source = source
    this.#limit = new TimeLimit(
      timeout,
      () => tooLate(timeout, this.#trouble),
      () => this.#driver?.late?.(),
    )
    this.#claim = claim
  }

  get(key: string): Promise<Buffer | null> {
    return this.ask((driver) => driver.get(key))
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.ask((driver) => runOn(driver, script, keys, args))
  }

  ask<T>(question: (driver: Driver) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreError('This store was closed.'))
    const driver = this.#driver
    return this.#within(() => (driver ? question(driver) : this.#opened().then(question)))
  }

  /** Are keys spread over servers? Known only once there is a client. */
  async isSplit(): Promise<boolean> {
    return this.#driver?.split ?? this.ask(async ({ split }) => split)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const driver = await this.#making?.catch(() => null)
    if (!driver || !this.#source.owned) return
    // A server that hangs does not answer a goodbye either.
    await this.#within(() => driver.close()).catch(() => driver.destroy())
  }

  #within<T>(question: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) =>
      this.#limit.run(question, resolve, (error) => reject(unanswered(error, this.#trouble))),
    )
  }

  /** What is known to be wrong with the connection. */
  get #trouble(): unknown {
    return this.#driver?.trouble?.()
  }

  /** Again at the next call when it failed: the server, or its settings, may be other by then. */
  #opened(): Promise<Driver> {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<Driver> {
    const driver = await this.#made()
    // Within the limit of its own: a server that hangs now must not hold up those who ask it later.
    if (this.#claim !== 'no') await this.#within(async () => checkClaim(await driver.masters(), this.#claim))
    this.#driver = driver
    return driver
  }

  /** One client, however often its server had to be asked before it could be used. */
  #made(): Promise<Driver> {
    this.#making ??= Promise.resolve(this.#source.open()).catch((error) => {
      this.#making = null
      throw error
    })
    return this.#making
  }
}

async function runOn(
  driver: Driver,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  try {
    return await driver.runKnown(script, keys, args)
  } catch (error) {
    // A server that was restarted, and a replica that became the master, do not have the script yet.
    if (wordOf(error) !== 'NOSCRIPT') throw error
    return driver.run(script, keys, args)
  }
}

/** What the operator said of the server is compared with what the server says of itself, where it may be asked. */
async function checkClaim(masters: readonly Node[], claim: Durable): Promise<void> {
  for (const node of masters) {
    const settings = await node
      .settings('appendonly', 'appendfsync', 'maxmemory', 'maxmemory-policy')
      .catch((error) => {
        // CONFIG is forbidden, or there is none, as on many rented servers.
        if (['NOPERM', 'ERR'].includes(wordOf(error))) return null
        throw error
      })
    if (settings === null) continue
    const is = (name: string, value: string) => settings.get(name) === value
    if (!is('appendonly', 'yes')) throw falseClaim(claim, 'appendonly is not "yes"')
    if (claim === 'machine' && !is('appendfsync', 'always')) throw falseClaim(claim, 'appendfsync is not "always"')
    if (!is('maxmemory', '0') && !is('maxmemory-policy', 'noeviction'))
      throw falseClaim(claim, 'maxmemory-policy is not "noeviction", so that live sessions may be dropped')
  }
}

function falseClaim(claim: Durable, reason: string): ConfigError {
  return new ConfigError(`redis(): durable is "${claim}", but Redis says otherwise: ${reason}.`)
}
