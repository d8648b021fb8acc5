import { createHash } from 'node:crypto'
import type { LoadResult, VerifiedCookie } from '../backing/backing.ts'
import { checkOptions, functionOption, wholeNumber } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import { guarded } from '../base/guarded.ts'
import { Memo } from '../base/memo.ts'
import { warnOfOption } from '../base/warn.ts'
import type { Guesses, Guessing, SessionsContext } from '../context.ts'
import { ConfigError } from '../errors.ts'
import { networkOf } from '../session/address.ts'
import { type AddressOf, addressReader } from './addresses.ts'
import { onLeaving } from './leaving.ts'

/** The option `guessing`: tokens that open nothing are counted by the network that they come from. Needs the option `address`. */
export interface GuessingOptions {
  /** How many such tokens from one network within the window are nothing to tell of. Default 100. */
  readonly threshold?: number | undefined
  /** For how long a network's tokens are counted together, from the first one on. Default `'10m'`. */
  readonly window?: Duration | undefined
  /** How many networks are remembered at most, in the memory of this process. Default 10000; each takes less than 1 KB. */
  readonly networks?: number | undefined
  /** Called when a network has passed the threshold, once in a window. Nobody waits for it, and what it throws becomes a warning. */
  readonly onGuessing?: ((signal: GuessingSignal) => void) | undefined
  /**
   * Called for each request with such a token from a network past the threshold, unless the request has a session. Returns for how many ms
   * it is held back, at most 10000; 0, null or undefined for not at all. Not async.
   */
  readonly slowDown?: ((signal: GuessingSignal) => number | null | undefined) | undefined
}

/** A network that has presented many tokens which open nothing. Counts are of the window, and of different tokens. */
export interface GuessingSignal {
  /** The /24 of an IPv4 address, or the /48 of an IPv6 address: `203.0.113.0/24`, `2001:db8:7::/48`. */
  readonly network: string
  /** Tokens that this application has never made, or that were altered. */
  readonly madeUp: number
  /** Tokens of sessions that are not there: of old sessions, perhaps, that were stolen. */
  readonly unknown: number
  /** Tokens from before a renewal. */
  readonly superseded: number
  /** When the window began. */
  readonly since: Date
  readonly at: Date
  /** What the framework hands to its handlers: the request with the last one. */
  readonly request: object
}

interface Options {
  readonly guessing?: GuessingOptions | undefined
  readonly address?: AddressOf | undefined
}

const LONGEST_DELAY = 10_000

/** How many responses are held back in parallel: a crowd must not fill the memory with requests that wait. */
const MOST_HELD = 1000

/** For each network, on average, in which a token counts once. */
const TOKENS_REMEMBERED = 4

type GuessKind = 'madeUp' | 'unknown' | 'superseded'

type Counts = { since: number; told: boolean } & Record<GuessKind, number>

/** The option `guessing`, checked; null without it. Throws `ConfigError`. */
export function createGuessing({ guessing, address }: Options): Guessing | null {
  if (guessing === undefined) return null
  checkOptions('guessing', guessing, ['threshold', 'window', 'networks', 'onGuessing', 'slowDown'])
  const networks = wholeNumber('guessing', 'networks', guessing.networks, 10_000)
  const { onGuessing } = guessing
  functionOption<unknown>('guessing: onGuessing', onGuessing, null)
  functionOption<unknown>('guessing: slowDown', guessing.slowDown, null)
  if (!address)
    throw new ConfigError(
      'guessing needs the option address: without it, nobody knows where a token comes from. Write address: (request) => request.ip, or what your framework has.',
    )
  const tally = new Tally({
    threshold: wholeNumber('guessing', 'threshold', guessing.threshold, 100),
    window: milliseconds(guessing.window ?? '10m', 'guessing: window'),
    networks,
    tell: onGuessing && guarded('guessing: onGuessing', onGuessing),
    delay: guessing.slowDown ? delayBy(guessing.slowDown) : () => 0,
  })
  const read = addressReader(address, 'Its tokens are not counted.')
  return {
    ofRequest: (context, request) =>
      request === null ? context : { ...context, guesses: new RequestGuesses({ tally, read, context, request }) },
  }
}

function delayBy(slowDown: NonNullable<GuessingOptions['slowDown']>): (signal: GuessingSignal) => number {
  const ask = guarded('guessing: slowDown', slowDown as (signal: GuessingSignal) => unknown)
  const warn = warnOfOption('STRONGROOM_GUESSING', 'slowDown', 'Nothing is held back.')
  return (signal) => {
    const ms = ask(signal) ?? 0
    if (typeof ms === 'number' && ms >= 0) return Math.min(ms, LONGEST_DELAY)
    warn('returned neither a number of milliseconds nor null')
    return 0
  }
}

interface TallySettings {
  readonly threshold: number
  readonly window: number
  readonly networks: number
  readonly tell: ((signal: GuessingSignal) => unknown) | undefined
  readonly delay: (signal: GuessingSignal) => number
}

/** All networks of this process. */
class Tally {
  readonly settings: TallySettings
  readonly #counts: Memo<Counts>
  /** In which window of its network a token was last counted: a browser sends an old one with each request. */
  readonly #seen: Memo<number>
  held = 0

  constructor(settings: TallySettings) {
    this.settings = settings
    this.#counts = new Memo(settings.networks)
    this.#seen = new Memo(settings.networks * TOKENS_REMEMBERED)
  }

  add(network: string, { kind, token }: Guess, now: number): Counts {
    const before = this.#counts.get(network)
    const isOver = !before || now >= before.since + this.settings.window || now < before.since
    const counts = isOver ? { since: now, told: false, madeUp: 0, unknown: 0, superseded: 0 } : before
    const key = `${network} ${createHash('sha256').update(token).digest('base64url').slice(0, 22)}`
    if (this.#seen.get(key) !== counts.since) counts[kind]++
    this.#seen.set(key, counts.since, 1)
    this.#counts.set(network, counts, 1)
    return counts
  }

  isOver({ madeUp, unknown, superseded }: Counts): boolean {
    return madeUp + unknown + superseded > this.settings.threshold
  }
}

interface Guess {
  readonly kind: GuessKind
  readonly token: string
}

interface Asked {
  readonly tally: Tally
  readonly read: (request: object) => string | null
  readonly context: SessionsContext
  readonly request: object
}

class RequestGuesses implements Guesses {
  readonly #asked: Asked
  #guesses: Guess[] | null = null

  constructor(asked: Asked) {
    this.#asked = asked
  }

  refused(token: string, reason: string): void {
    // Under a key that is missing, it may be a mistake of a deployment.
    if (reason === 'forged' || reason === 'malformed') this.#add('madeUp', token)
  }

  opened({ id, text }: VerifiedCookie, result: LoadResult): void {
    // A cookie with the session itself, which has ended, says so; of a record that has ended, nothing is left.
    const isEnded = result === null || ('refused' in result && result.refused === 'revoked')
    if (isEnded) this.#add('unknown', id)
    else if ('superseded' in result) this.#add('superseded', text)
  }

  #add(kind: GuessKind, token: string): void {
    this.#guesses ??= []
    this.#guesses.push({ kind, token })
  }

  settle(context: SessionsContext, hasSession: boolean): Promise<void> | null {
    const guesses = this.#guesses
    if (guesses === null) return null
    this.#guesses = null
    const { tally, read, request } = this.#asked
    const address = read(request)
    if (address === null) return null
    const network = networkOf(address)
    const now = context.clock()
    let counts: Counts | null = null
    for (const guess of guesses) counts = tally.add(network, guess, now)
    if (!counts || !tally.isOver(counts)) return null
    const { since, told, ...numbers } = counts
    const signal = { network, ...numbers, since: new Date(since), at: new Date(now), request }
    if (!told) {
      counts.told = true
      context.emit({ type: 'guessing', network, ...numbers })
      tally.settings.tell?.(signal)
    }
    if (hasSession || tally.held >= MOST_HELD) return null
    const ms = tally.settings.delay(signal)
    return ms > 0 ? this.#hold(ms) : null
  }

  #hold(ms: number): Promise<void> {
    const { tally, request } = this.#asked
    tally.held++
    return new Promise((resolve) => {
      let isOver = false
      const end = () => {
        if (isOver) return
        isOver = true
        tally.held--
        clearTimeout(timer)
        stop()
        resolve()
      }
      let stop = () => {}
      const timer = setTimeout(end, ms)
      stop = onLeaving(request, end)
    })
  }
}
