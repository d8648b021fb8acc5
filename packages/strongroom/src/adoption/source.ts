import { TimeLimit } from '../base/time-limit.ts'
import { ConfigError, StoreError, StrongroomError } from '../errors.ts'
import { checkValue, type Values } from '../session/content.ts'
import { LONGEST } from '../session/lifetime.ts'
import { checkUserId } from '../session/login.ts'

/** A session as another framework keeps it. Moments in ms. */
export interface SourceSession {
  readonly userId: string | null
  /** What JSON can carry. Keys that begin with "~" are left out. */
  readonly values: Readonly<Record<string, unknown>>
  /** When it ends there: the session here has no idle limit, and ends then, too. */
  readonly expiresAt: number
  readonly createdAt?: number | undefined
  /** Left out where it is not known: whoever asks for a fresh login then asks for one. */
  readonly authenticatedAt?: number | undefined
  /** Did its cookie outlive the browser? By default as sessions here do. */
  readonly persistent?: boolean | undefined
}

/** The sessions of another framework, for the time in which an application moves away from it: the option `formerly`. */
export interface AdoptionSource {
  /** Goes into the tokens of the sessions that are taken over: it stays the same, also for `strongroom move`. */
  readonly name: string
  /** From this moment on its cookie is ignored, and a warning says that the option can go. */
  readonly until: Date
  /** The key of the session that a Cookie header names, or null. The key must be as hard to guess as a token. No I/O. */
  keyIn(cookies: string): string | null
  /** The Set-Cookie line that removes its cookie. */
  readonly clear: string
  /**
   * The live session of a key; null when there is none; refused when what is there is not to be taken. Rejects when it
   * could not be asked. Left out where the storage is gone: then only what `strongroom move` has brought over is found.
   */
  read?(key: string): Promise<SourceSession | { readonly refused: string } | null>
  /** Ends the session of a key. Left out where it cannot be done. */
  end?(key: string): Promise<unknown>
  /** Called by `sessions.close()`. */
  close?(): Promise<void>
}

/** What is asked of a former, within the time limit, and failing with `StoreError` alone. */
export class SourceClient {
  readonly name: string
  readonly clear: string
  readonly until: number
  readonly #former: AdoptionSource
  readonly #limit: TimeLimit
  #warned = false

  constructor(former: AdoptionSource, timeout: number) {
    this.#former = former
    this.name = former.name
    this.clear = former.clear
    this.until = former.until.getTime()
    this.#limit = new TimeLimit(
      timeout,
      () => new StoreError(`formerly: "${this.name}" did not answer in ${timeout} ms.`),
    )
  }

  /** False, and a warning once, after the end of the period. */
  isOn(now: number): boolean {
    if (now < this.until) return true
    if (!this.#warned)
      process.emitWarning(
        `formerly: the time of "${this.name}" ended on ${new Date(this.until).toISOString()}. Its cookie is ignored; take the option out.`,
        { code: 'STRONGROOM_FORMERLY' },
      )
    this.#warned = true
    return false
  }

  keyIn(cookies: string): string | null {
    return this.#former.keyIn(cookies)
  }

  /** Null also where nobody can be asked. */
  async read(key: string): Promise<SourceSession | { readonly refused: string } | null> {
    return this.#former.read ? this.#ask((former) => former.read?.(key) ?? Promise.resolve(null)) : null
  }

  get reads(): boolean {
    return this.#former.read !== undefined
  }

  async end(key: string): Promise<void> {
    if (this.#former.end) await this.#ask(async (former) => former.end?.(key))
  }

  async close(): Promise<void> {
    await this.#former.close?.()
  }

  #ask<T>(question: (former: AdoptionSource) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) =>
      this.#limit.run(
        () => question(this.#former),
        resolve,
        (error) => reject(this.#unanswered(error)),
      ),
    )
  }

  #unanswered(cause: unknown): unknown {
    return cause instanceof StrongroomError ? cause : new StoreError(`formerly: "${this.name}" failed.`, { cause })
  }
}

/** Reads the option `formerly`; throws `ConfigError`. */
export function sourceClients(
  given: AdoptionSource | readonly AdoptionSource[] | undefined,
  timeout: number,
  cookieName: string,
): readonly SourceClient[] {
  if (given === undefined) return []
  const list: readonly AdoptionSource[] = Array.isArray(given) ? given : [given as AdoptionSource]
  return list.map((former) => {
    const fits =
      typeof former?.name === 'string' &&
      former.name !== '' &&
      typeof former.keyIn === 'function' &&
      typeof former.clear === 'string'
    if (!fits)
      throw new ConfigError("formerly is a Former, such as django({ until: new Date('2027-01-31'), … }), or a list.")
    if (!(former.until instanceof Date) || Number.isNaN(former.until.getTime()))
      throw new ConfigError(`formerly: "${former.name}" needs "until", the Date at which reading both ends.`)
    // Each response that changes the cookies would take ours away.
    if (former.clear.startsWith(`${cookieName}=`))
      throw new ConfigError(`formerly: the cookie of "${former.name}" and ours need different names.`)
    return new SourceClient(former, timeout)
  })
}

/** What is taken over of a session; null for one that has ended. Throws `TypeError` or `DataError` for what is none. */
export function checkedSourceSession(given: SourceSession, now: number): (SourceSession & { values: Values }) | null {
  const { userId, values, expiresAt } = given
  if (userId !== null) checkUserId('A former session', userId)
  if (typeof values !== 'object' || values === null || !Number.isFinite(expiresAt))
    throw new TypeError('A former session has values, an object, and expiresAt, a moment in ms.')
  if (expiresAt <= now) return null
  // Keys with a "~" are the library's own: flash messages, and what other compatible layers put down.
  const own = Object.fromEntries(Object.entries(values).filter(([key]) => !key.startsWith('~')))
  for (const [key, value] of Object.entries(own)) checkValue(key, value)
  return { ...given, values: own, expiresAt: Math.floor(Math.min(expiresAt, now + LONGEST)) }
}
