import { checkOptions, wholeNumber } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import type { Anonymous, Policy } from '../context.ts'
import { ConfigError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Clock } from '../store.ts'

/** The option `anonymous`: what sessions that nobody has signed in to may have. Nothing of it touches those of users. */
export interface AnonymousOptions {
  /** One ends when it is not used for this long. Default: the option `idle`, which it must not be longer than. */
  readonly idle?: Duration | undefined
  /** One ends after this long, however much it is used. Default: the option `absolute`, which it must not be longer than. */
  readonly absolute?: Duration | undefined
  /**
   * How many this process creates at most in any minute. Beyond that, what a visitor without a session puts into one is not stored. By
   * default there is no bound.
   */
  readonly perMinute?: number | undefined
}

interface AnonymousParts {
  readonly policy: Policy
  readonly clock: Clock
  readonly emit: Emit
  /** Null where sessions have another framework's format. */
  readonly namespace: string | null
  /** Warns of lifetimes, by their names, that look like another unit. */
  readonly warnOfShort: (lifetimes: Readonly<Record<string, Duration | undefined>>) => void
}

/** The option `anonymous`, checked; null without it. Throws `ConfigError`. */
export function createAnonymous(given: AnonymousOptions | undefined, parts: AnonymousParts): Anonymous | null {
  if (given === undefined) return null
  checkOptions('anonymous', given, ['idle', 'absolute', 'perMinute'])
  if (parts.namespace === null && (given.idle ?? given.absolute) !== undefined)
    throw new ConfigError(
      'anonymous: idle and absolute need sessions in our own format. These have that of another framework, which has one lifetime for all: leave them out.',
    )
  const { clock, emit } = parts
  parts.warnOfShort({ 'anonymous: idle': given.idle, 'anonymous: absolute': given.absolute })
  const policy = policyOf(given, parts.policy)
  const { idle, absolute } = policy
  if (given.perMinute === undefined) return { policy, facts: { idle, absolute, perMinute: null }, admits: () => true }
  const perMinute = wholeNumber('anonymous', 'perMinute', given.perMinute, 1)
  const budget = new Budget(perMinute)
  const refused = new Refused(emit)
  return {
    policy,
    facts: { idle, absolute, perMinute },
    admits(request) {
      if (request.isRefused) return false
      if (budget.take(clock())) return true
      refused.add()
      request.isRefused = true
      return false
    },
  }
}

function policyOf({ idle, absolute }: AnonymousOptions, users: Policy): Policy {
  const longest = absolute === undefined ? users.absolute : milliseconds(absolute, 'anonymous: absolute')
  const own = idle === undefined ? Math.min(users.idle, longest) : milliseconds(idle, 'anonymous: idle')
  if (longest > users.absolute) throw tooLong('absolute')
  if (users.idle > 0 && own > users.idle) throw tooLong('idle')
  if (own > longest)
    throw new ConfigError('anonymous: idle is longer than absolute, so no session would ever reach it. Lower idle.')
  return { ...users, idle: own, absolute: longest }
}

const tooLong = (name: 'idle' | 'absolute') =>
  new ConfigError(
    `anonymous: ${name} is longer than the option ${name}, which is for users. Lower it, or leave it out.`,
  )

const SECOND = 1000
/** One more than a minute has: the first second of it is perhaps not over yet. */
const SECONDS = 61

/** At most so many in any minute, counted by seconds. A clock that jumps back lets nothing expire, and adds nothing. */
class Budget {
  readonly #most: number
  readonly #bySecond = new Uint32Array(SECONDS)
  #second = 0
  #spent = 0

  constructor(most: number) {
    this.#most = most
  }

  take(now: number): boolean {
    this.#forget(Math.floor(now / SECOND))
    if (this.#spent >= this.#most) return false
    this.#spent++
    this.#bySecond[this.#second % SECONDS] = (this.#bySecond[this.#second % SECONDS] ?? 0) + 1
    return true
  }

  #forget(second: number): void {
    if (second - this.#second >= SECONDS) {
      this.#bySecond.fill(0)
      this.#spent = 0
    } else if (second < this.#second) {
      // What was spent counts for a minute from here on, by the new time.
      this.#bySecond.fill(0)
      this.#bySecond[second % SECONDS] = this.#spent
    } else
      for (let over = this.#second + 1; over <= second; over++) {
        this.#spent -= this.#bySecond[over % SECONDS] ?? 0
        this.#bySecond[over % SECONDS] = 0
      }
    this.#second = second
  }
}

const EVERY = 60_000

/** The first refusal is told immediately, and those that follow once a minute: in a storm there are many. */
class Refused {
  readonly #emit: Emit
  #count = 0
  #timer: NodeJS.Timeout | undefined

  constructor(emit: Emit) {
    this.#emit = emit
  }

  add(): void {
    this.#count++
    if (this.#timer === undefined) this.#tell()
  }

  #tell(): void {
    this.#timer = undefined
    if (this.#count === 0) return
    this.#emit({ type: 'anonymousRefused', count: this.#count })
    this.#count = 0
    this.#timer = setTimeout(() => this.#tell(), EVERY).unref()
  }
}
