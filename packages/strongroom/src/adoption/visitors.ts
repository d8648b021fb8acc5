import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Backing, Loaded } from '../backing/backing.ts'
import { checkOptions } from '../base/check.ts'
import type { SessionsContext } from '../context.ts'
import { ConfigError, StoreError, UnsupportedError } from '../errors.ts'
import { tidyLabel } from '../session/device.ts'
import type { Clock } from '../store.ts'
import { contentOf, copied, dropCopies, leaveCopy, NEEDS_STORE, type Origin, refuse, take, taken } from './receipts.ts'
import { type AdoptionSource, type SourceClient, type SourceSession, sourceClients } from './source.ts'

/** What came of a former cookie. */
export interface Adopted {
  /** Null when the session that it stands for is over. */
  readonly loaded: Loaded | null
  /** The Set-Cookie line that removes the former cookie; null as long as the former session could not be ended. */
  readonly clear: string | null
}

export type Label = () => string | null

/** The former frameworks of one `createSessions`, as its requests need them. */
export class VisitorAdoption {
  readonly #sides: readonly SourceClient[]

  constructor(sides: readonly SourceClient[], now: number) {
    this.#sides = sides
    // An option that does nothing any more says so when the application starts.
    for (const side of sides) side.isOn(now)
  }

  /** The session that a request without a good cookie of ours has by a former one; null when it has no such cookie. */
  async find(core: SessionsContext, cookies: string | undefined, label: Label): Promise<Adopted | null> {
    if (!cookies) return null
    for (const { side, key } of this.#named(core, cookies)) {
      // Whoever has a session here, or had one that is over, does not get another by an old cookie.
      if (carriesOurs(core, cookies)) return null
      const found = await takeOver(core, side, key, label)
      if (found) return found
    }
    return null
  }

  /**
   * A logout means the former sessions that the request names, too, and so does a login: they may be somebody else's. Answers
   * the lines that remove their cookies.
   */
  async end(core: SessionsContext, cookies: string | undefined): Promise<readonly string[]> {
    const lines: string[] = []
    for (const { side, key } of cookies ? this.#named(core, cookies) : []) {
      await refuse(core, originOf(side, key))
      if (await ended(core, side, key)) lines.push(side.clear)
    }
    return lines
  }

  async close(): Promise<void> {
    await Promise.all(this.#sides.map((side) => side.close()))
  }

  *#named({ clock }: SessionsContext, cookies: string): Generator<{ side: SourceClient; key: string }> {
    for (const side of this.#sides) {
      const key = side.isOn(clock()) ? side.keyIn(cookies) : null
      if (key !== null) yield { side, key }
    }
  }
}

interface Around {
  readonly backing: Backing
  readonly clock: Clock
  readonly timeout: number
  readonly cookieName: string
}

/** Reads the option `formerly`; null without one. Throws `ConfigError`. */
export function visitorAdoption(
  given: AdoptionSource | readonly AdoptionSource[] | undefined,
  { backing, clock, timeout, cookieName }: Around,
): VisitorAdoption | null {
  const sides = sourceClients(given, timeout, cookieName)
  if (sides.length === 0) return null
  if (!backing.createUnder) throw new ConfigError(`formerly needs a store. ${NEEDS_STORE}`)
  return new VisitorAdoption(sides, clock())
}

const originOf = ({ name, until }: SourceClient, key: string): Origin => ({ name, key, until })

const carriesOurs = ({ transport, backing }: SessionsContext, cookies: string) =>
  transport.read(cookies).some((text) => !('refused' in backing.verify(text)))

async function takeOver(core: SessionsContext, side: SourceClient, key: string, label: Label): Promise<Adopted | null> {
  const origin = originOf(side, key)
  const before = await taken(core, origin)
  const found = before ?? (await fromThere(core, side, origin, label))
  if (!found) return null
  const clear = (await ended(core, side, key)) ? side.clear : null
  // Only now, or a crash in between would leave nothing to read where there is no former storage.
  if (!before) await dropCopies(core, origin).catch((error) => failed(core, error))
  return { loaded: found.loaded, clear }
}

async function fromThere(core: SessionsContext, side: SourceClient, origin: Origin, label: Label) {
  const session = side.reads ? await side.read(origin.key) : null
  if (session && 'refused' in session) {
    core.emit({ type: 'notOurs', what: 'record', reason: session.refused })
    return null
  }
  const content = side.reads
    ? session && (await contentOf(core, session, label()))
    : await fromCopy(core, origin, label)
  // Absent there: because it never was, or because somebody has just taken it over.
  return content ? take(core, origin, content) : taken(core, origin)
}

async function fromCopy(core: SessionsContext, origin: Origin, label: Label) {
  const copy = await copied(core, origin)
  if (!copy) return null
  const { meta, data } = copy
  return { data, meta: meta.userId === null ? meta : { ...meta, label: tidyLabel(label()) } }
}

/** False when it could not be done: the former cookie stays, and the next request that carries it tries again. */
async function ended(core: SessionsContext, side: SourceClient, key: string): Promise<boolean> {
  try {
    await side.end(key)
    return true
  } catch (error) {
    failed(core, error)
    return false
  }
}

function failed({ emit }: SessionsContext, error: unknown): void {
  emit({
    type: 'storeError',
    error: error instanceof Error ? error : new StoreError('A former session could not be ended.'),
  })
}

export interface AdoptOptions {
  /** The `name` of the `Former`. */
  readonly former: string
  /** The key as its `keyIn` answers it. */
  readonly key: string
  readonly session: SourceSession
  /**
   * `session` (default): the former session counts no more. `copy`: it goes on where it is, and what is left here is for a
   * `Former` without `read`, when its storage is gone.
   */
  readonly as?: 'session' | 'copy' | undefined
}

export interface AdoptReport {
  /** `there`: it was taken over before, or the copy is as it should be; `over`: it has ended. */
  readonly outcome: 'created' | 'refreshed' | 'there' | 'over'
  /** Was it read back from the store, and found to be as it was put? False where its visitor was quicker. */
  readonly compared: boolean
}

/** Takes a former session over without a request. */
export async function adopt(core: SessionsContext, options: AdoptOptions): Promise<AdoptReport> {
  checkOptions('adopt()', options, ['former', 'key', 'session', 'as'])
  const { former, key, session, as = 'session' } = options
  if (as !== 'session' && as !== 'copy') throw new ConfigError("adopt(): as is 'session' or 'copy'.")
  if (!core.backing.createUnder) throw new UnsupportedError(NEEDS_STORE)
  const origin = { name: former, key }
  if (await taken(core, origin)) return { outcome: 'there', compared: false }
  const content = await contentOf(core, session, null)
  if (!content) return { outcome: 'over', compared: false }
  if (as === 'copy') {
    const outcome = await leaveCopy(core, origin, content)
    // In a turn of its own: within one turn reads are shared, and the first look would be this one.
    await nextTurn()
    const copy = await copied(core, origin)
    // Its visitor was quicker, and took away what copies there were: not one that was left a moment later.
    if (await taken(core, origin)) {
      await dropCopies(core, origin)
      return { outcome: 'there', compared: false }
    }
    if (copy?.data === content.data && copy.meta.userId === content.meta.userId) return { outcome, compared: true }
    throw new StoreError('The store did not give back what it was given.')
  }
  const { loaded, created } = await take(core, origin, content)
  await dropCopies(core, origin)
  const compared = loaded?.data === content.data && loaded.meta.userId === content.meta.userId
  return { outcome: created ? 'created' : 'there', compared: created && compared }
}
