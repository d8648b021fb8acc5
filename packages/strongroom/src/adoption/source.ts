import type { RememberedEnds } from '../backing/backing.ts'
import { LONGEST } from '../base/duration.ts'
import { TimeLimit, within } from '../base/time-limit.ts'
import { warnOnce } from '../base/warn.ts'
import { ConfigError, StoreError, StrongroomError } from '../errors.ts'
import { checkValue, type Values } from '../session/content.ts'
import { checkUserId } from '../session/login.ts'

/** A session as another framework has it. Moments in ms. */
export interface SourceSession {
  readonly userId: string | null
  /** What JSON can hold. Keys that begin with "~" are left out. */
  readonly values: Readonly<Record<string, unknown>>
  /** When it ends there. The adopted session ends then, too. */
  readonly expiresAt: number
  /** It also ends when it is not used for this long, in ms. Without it, it has no idle limit. */
  readonly idle?: number | undefined
  readonly createdAt?: number | undefined
  /** Left out if unknown: code that wants a fresh login then asks for one. */
  readonly authenticatedAt?: number | undefined
  /** Did its cookie outlive the browser? By default as sessions here do. */
  readonly persistent?: boolean | undefined
}

/** Why a session must not be adopted. */
export interface SourceRefusal {
  /** The reason, for the event `rejected`. */
  readonly refused: string
  /**
   * Whose session it is, if the key is genuine, and only the login is over: a logout counts all the same, in case the user is
   * let in again. Left out for a key that may be made up.
   */
  readonly userId?: string | null | undefined
}

/** The sessions of another framework, for as long as an application moves away from it: the option `adoptFrom`. */
export interface AdoptionSource {
  /** The tokens of adopted sessions are computed from it, so it must stay the same, also for `npx @strongroom/cli move`. */
  readonly name: string
  /** From this moment on its cookie is ignored, and a warning says that the option can be removed. */
  readonly until: Date
  /** The key of the session that a Cookie header names, or null. The key must be as hard to guess as a token. No I/O. */
  keyIn(cookies: string): string | null
  /** The Set-Cookie line that removes its cookie; several, if its session is in several cookies. */
  readonly clear: string | readonly string[]
  /**
   * Are its sessions in their cookies, so that the key is the session? Then one session has many keys, a new one after each change,
   * and nobody can tell which belong together. Once a session of a user has ended here, no other session of that user is adopted
   * any more: it might be an older copy of that one.
   */
  readonly stateless?: boolean | undefined
  /**
   * The live session of a key; null if there is none; refused if what is there must not be adopted. Rejects if it could not be
   * asked. Left out once the storage is gone: then only what `npx @strongroom/cli move` has copied is found.
   */
  read?(key: string): Promise<SourceSession | SourceRefusal | null>
  /** Ends the session of a key. Left out where that is impossible. */
  end?(key: string): Promise<unknown>
  /** The keys of all its sessions, a page at a time, for `npx @strongroom/cli move`. Left out where nobody can list them. */
  keys?(options?: KeysOptions): AsyncIterable<readonly string[]>
  /** Called by `sessions.close()`. */
  close?(): Promise<void>
}

export interface KeysOptions {
  /** How many keys there are in one page, about. */
  readonly page?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** In ms: many stores list all of their sessions in one call. */
const LISTING = 60_000

/** An adoption source, asked within the time limit, and failing with `StoreError` alone. */
export class SourceClient {
  readonly name: string
  readonly clear: readonly string[]
  readonly until: number
  readonly stateless: boolean
  readonly #source: AdoptionSource
  readonly #limit: TimeLimit
  readonly #warn = warnOnce('STRONGROOM_ADOPT_FROM')

  constructor(source: AdoptionSource, timeout: number) {
    this.#source = source
    this.name = source.name
    this.clear = typeof source.clear === 'string' ? [source.clear] : [...source.clear]
    this.until = source.until.getTime()
    this.stateless = source.stateless === true
    this.#limit = new TimeLimit(
      timeout,
      () => new StoreError(`adoptFrom: "${this.name}" did not answer within ${timeout} ms.`),
    )
  }

  /** False, with one warning, once its time is over. */
  isOn(now: number): boolean {
    if (now < this.until) return true
    this.#warn(
      `adoptFrom: the time of "${this.name}" ended on ${new Date(this.until).toISOString()}. Its cookie is ignored; remove the option.`,
    )
    return false
  }

  keyIn(cookies: string): string | null {
    return this.#source.keyIn(cookies)
  }

  /** Null, too, if the source cannot be read. */
  async read(key: string): Promise<SourceSession | SourceRefusal | null> {
    return this.#source.read ? this.#call((source) => source.read?.(key) ?? Promise.resolve(null)) : null
  }

  get canRead(): boolean {
    return this.#source.read !== undefined
  }

  async end(key: string): Promise<void> {
    if (this.#source.end) await this.#call(async (source) => source.end?.(key))
  }

  get canList(): boolean {
    return this.#source.keys !== undefined
  }

  async *keys(options?: KeysOptions): AsyncGenerator<readonly string[]> {
    const pages = this.#source.keys?.(options)[Symbol.asyncIterator]()
    const tooLate = () => new StoreError(`adoptFrom: "${this.name}" did not list its sessions within a minute.`)
    for (;;) {
      const page = await within(LISTING, async () => pages?.next(), tooLate).catch((error) => {
        throw this.#asStoreError(error)
      })
      if (!page || page.done) return
      yield page.value
    }
  }

  async close(): Promise<void> {
    await this.#source.close?.()
  }

  #call<T>(call: (source: AdoptionSource) => Promise<T>): Promise<T> {
    return this.#limit.call(
      () => call(this.#source),
      (error) => this.#asStoreError(error),
    )
  }

  #asStoreError(cause: unknown): unknown {
    return cause instanceof StrongroomError ? cause : new StoreError(`adoptFrom: "${this.name}" failed.`, { cause })
  }
}

/** Reads the option `adoptFrom`; throws `ConfigError`, which says what is missing. */
export function sourceClients(
  given: AdoptionSource | readonly AdoptionSource[] | undefined,
  timeout: number,
): readonly SourceClient[] {
  if (given === undefined) return []
  const list: readonly AdoptionSource[] = Array.isArray(given) ? given : [given as AdoptionSource]
  return list.map((source) => {
    checkSource(source)
    return new SourceClient(source, timeout)
  })
}

/** Until when it is remembered that sessions have ended: what these sources have may be older. */
export function endsRemembered(sources: readonly SourceClient[]): RememberedEnds {
  const latest = (of: readonly SourceClient[]) => Math.max(0, ...of.map(({ until }) => until))
  return { all: latest(sources), one: latest(sources.filter(({ stateless }) => stateless)) }
}

function checkSource(source: AdoptionSource): void {
  if (typeof source !== 'object' || source === null)
    throw new ConfigError(
      "adoptFrom takes an adoption source, such as django({ until: new Date('2027-01-31'), … }), or an array of them.",
    )
  const missing = [
    (typeof source.name !== 'string' || source.name === '') && 'name (a non-empty string)',
    typeof source.keyIn !== 'function' && 'keyIn (a function)',
    !isLines(source.clear) && 'clear (a Set-Cookie line)',
  ].filter(Boolean)
  if (missing.length > 0) throw new ConfigError(`adoptFrom: the source lacks ${missing.join(', ')}.`)
  if (!(source.until instanceof Date) || Number.isNaN(source.until.getTime()))
    throw new ConfigError(`adoptFrom: "${source.name}" lacks until, the Date on which its time ends.`)
}

const isLines = (given: unknown) =>
  typeof given === 'string' || (Array.isArray(given) && given.every((line) => typeof line === 'string'))

/**
 * What is adopted of a session; null for one that has ended. Throws `TypeError` or `DataError` for what is not a session.
 */
export function checkedSourceSession(given: SourceSession, now: number): (SourceSession & { values: Values }) | null {
  const { userId, values, expiresAt, idle } = given
  if (userId !== null) checkUserId('An adopted session', userId)
  if (typeof values !== 'object' || values === null || !Number.isFinite(expiresAt))
    throw new TypeError('An adopted session needs values, an object, and expiresAt, a moment in ms.')
  if (idle !== undefined && !(Number.isFinite(idle) && idle > 0))
    throw new TypeError('An adopted session takes idle as a number of ms.')
  if (expiresAt <= now) return null
  // Keys with a "~" are internal: flash messages, and what other compatible layers store.
  const own = Object.fromEntries(Object.entries(values).filter(([key]) => !key.startsWith('~')))
  for (const [key, value] of Object.entries(own)) checkValue(key, value)
  return { ...given, values: own, expiresAt: Math.floor(Math.min(expiresAt, now + LONGEST)) }
}
