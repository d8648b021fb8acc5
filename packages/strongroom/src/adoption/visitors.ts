import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Backing } from '../backing/backing.ts'
import { checkOptions, oneOf } from '../base/check.ts'
import type { Adopted, Adoption, SessionsContext } from '../context.ts'
import { ConfigError, StoreError, UnsupportedError } from '../errors.ts'
import { tidyLabel } from '../session/device.ts'
import type { Clock } from '../store.ts'
import {
  adopted,
  contentOf,
  copied,
  dropCopies,
  leaveCopy,
  NEEDS_STORE,
  type Origin,
  refuse,
  take,
} from './receipts.ts'
import { type AdoptionSource, type SourceClient, type SourceSession, sourceClients } from './source.ts'

type Label = () => string | null

/** The adoption sources of one `createSessions`, as visitors meet them. */
class VisitorAdoption implements Adoption {
  readonly #sources: readonly SourceClient[]

  constructor(sources: readonly SourceClient[], now: number) {
    this.#sources = sources
    // An option that no longer does anything says so when the application starts.
    for (const source of sources) source.isOn(now)
  }

  async find(context: SessionsContext, cookies: string | undefined, label: Label): Promise<Adopted | null> {
    if (!cookies) return null
    for (const { source, key } of this.#namedBy(context, cookies)) {
      // A visitor who has a session here, or had one that is over, does not get another by an old cookie.
      if (hasCookieOfOurs(context, cookies)) return null
      const found = await adoptVisitor(context, source, key, label)
      if (found) return found
    }
    return null
  }

  async end(context: SessionsContext, cookies: string | undefined): Promise<readonly string[]> {
    const lines: string[] = []
    for (const { source, key } of cookies ? this.#namedBy(context, cookies) : []) {
      await refuse(context, originOf(source, key))
      if (await endAtSource(context, source, key)) lines.push(source.clear)
    }
    return lines
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()))
  }

  *#namedBy({ clock }: SessionsContext, cookies: string): Generator<{ source: SourceClient; key: string }> {
    for (const source of this.#sources) {
      const key = source.isOn(clock()) ? source.keyIn(cookies) : null
      if (key !== null) yield { source, key }
    }
  }
}

interface AdoptionParts {
  readonly backing: Backing
  readonly clock: Clock
  readonly timeout: number
  readonly cookieName: string
}

/** Reads the option `adoptFrom`; null without it. Throws `ConfigError`. */
export function adoptionOf(
  given: AdoptionSource | readonly AdoptionSource[] | undefined,
  { backing, clock, timeout, cookieName }: AdoptionParts,
): Adoption | null {
  const sources = sourceClients(given, timeout, cookieName)
  if (sources.length === 0) return null
  if (!backing.createUnder) throw new ConfigError(`adoptFrom needs a store. ${NEEDS_STORE}`)
  return new VisitorAdoption(sources, clock())
}

const originOf = ({ name, until }: SourceClient, key: string): Origin => ({ name, key, until })

const hasCookieOfOurs = ({ transport, backing }: SessionsContext, cookies: string) =>
  transport.read(cookies).some((text) => !('refused' in backing.verify(text)))

async function adoptVisitor(
  context: SessionsContext,
  source: SourceClient,
  key: string,
  label: Label,
): Promise<Adopted | null> {
  const origin = originOf(source, key)
  const before = await adopted(context, origin)
  const found = before ?? (await adoptFromSource(context, source, origin, label))
  if (!found) return null
  const clear = (await endAtSource(context, source, key)) ? source.clear : null
  // Not before: if the source's storage is gone, a crash in between would leave nothing to read.
  if (!before) await dropCopies(context, origin).catch((error) => reportFailure(context, error))
  return { loaded: found.loaded, clear }
}

async function adoptFromSource(context: SessionsContext, source: SourceClient, origin: Origin, label: Label) {
  const session = source.canRead ? await source.read(origin.key) : null
  if (session && 'refused' in session) {
    context.emit({ type: 'rejected', what: 'record', reason: session.refused })
    return null
  }
  const content = source.canRead
    ? session && (await contentOf(context, session, label()))
    : await contentOfCopy(context, origin, label)
  // Absent: because there never was one, or because somebody has just adopted it.
  return content ? take(context, origin, content) : adopted(context, origin)
}

async function contentOfCopy(context: SessionsContext, origin: Origin, label: Label) {
  const copy = await copied(context, origin)
  if (!copy) return null
  const { meta, data } = copy
  return { data, meta: meta.userId === null ? meta : { ...meta, label: tidyLabel(label()) } }
}

/** False if it could not be done: the source's cookie stays, and the next request with it tries again. */
async function endAtSource(context: SessionsContext, source: SourceClient, key: string): Promise<boolean> {
  try {
    await source.end(key)
    return true
  } catch (error) {
    reportFailure(context, error)
    return false
  }
}

function reportFailure({ emit }: SessionsContext, error: unknown): void {
  emit({
    type: 'storeError',
    error: error instanceof Error ? error : new StoreError('A session of an adoption source could not be ended.'),
  })
}

export interface AdoptOptions {
  /** The `name` of the `AdoptionSource`. */
  readonly source: string
  /** The key as its `keyIn` returns it. */
  readonly key: string
  readonly session: SourceSession
  /**
   * `session` (default): the source's session no longer counts. `copy`: it goes on where it is, and the copy is for an
   * `AdoptionSource` without `read`, once its storage is gone.
   */
  readonly as?: 'session' | 'copy' | undefined
}

export interface AdoptReport {
  /** `exists`: it was adopted before, or the copy is up to date; `ended`: it has ended at the source. */
  readonly outcome: 'created' | 'refreshed' | 'exists' | 'ended'
  /** Was it read back from the store, and found to be as it was stored? False if its visitor was faster. */
  readonly compared: boolean
}

/** Adopts a session without a request of its visitor. */
export async function adopt(context: SessionsContext, options: AdoptOptions): Promise<AdoptReport> {
  checkOptions('adopt()', options, ['source', 'key', 'session', 'as'])
  const { source, key, session } = options
  const as = oneOf('adopt(): as', options.as ?? 'session', ['session', 'copy'])
  if (!context.backing.createUnder) throw new UnsupportedError(NEEDS_STORE)
  const origin = { name: source, key }
  if (await adopted(context, origin)) return { outcome: 'exists', compared: false }
  const content = await contentOf(context, session, null)
  if (!content) return { outcome: 'ended', compared: false }
  if (as === 'copy') {
    const outcome = await leaveCopy(context, origin, content)
    // In another turn: within one turn reads are shared, and the load that follows would be that of leaveCopy.
    await nextTurn()
    const copy = await copied(context, origin)
    // Its visitor was faster, and dropped the copies that there were, but not one that was left a moment later.
    if (await adopted(context, origin)) {
      await dropCopies(context, origin)
      return { outcome: 'exists', compared: false }
    }
    if (copy?.data === content.data && copy.meta.userId === content.meta.userId) return { outcome, compared: true }
    throw new StoreError('The store did not return the session as it was stored.')
  }
  const { loaded, created } = await take(context, origin, content)
  await dropCopies(context, origin)
  const compared = loaded?.data === content.data && loaded.meta.userId === content.meta.userId
  return { outcome: created ? 'created' : 'exists', compared: created && compared }
}
