import { type Backing, isLoaded } from '../backing/backing.ts'
import type { Adopted, Adoption, AdoptionRequest, AuditedRequest, SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { ConfigError, StoreError } from '../errors.ts'
import { isSameCookie, nameOf } from '../http/cookie.ts'
import type { Transport } from '../http/transport.ts'
import { deviceOf } from '../request/load.ts'
import { tidyLabel } from '../session/device.ts'
import type { Clock } from '../store.ts'
import { copied, dropCopies } from './copies.ts'
import { contentOf, NEEDS_STORE, type Origin } from './origin.ts'
import { type Followed, follow, receiptOf, send, storeEnd, take } from './receipts.ts'
import type { SourceClient } from './source.ts'

/** The adoption sources of one `createSessions`, as visitors meet them. */
class VisitorAdoption implements Adoption {
  readonly #sources: readonly SourceClient[]
  readonly #transport: Transport

  constructor(sources: readonly SourceClient[], transport: Transport, now: number) {
    this.#sources = sources
    this.#transport = transport
    // An option that no longer does anything says so when the application starts.
    for (const source of sources) source.isOn(now)
  }

  names({ clock }: SessionsContext, text: string): boolean {
    const { name } = this.#transport
    return this.#sources.some(
      (source) =>
        source.clear.some((line) => nameOf(line) === name) &&
        source.isOn(clock()) &&
        source.keyIn(`${name}=${text}`) !== null,
    )
  }

  originOf(name: string, key: string): Origin {
    const source = this.#sources.find((one) => one.name === name)
    return { name, key, until: source?.until ?? 0, stateless: source?.stateless ?? false }
  }

  async find(context: SessionsContext, cookies: string | undefined, request: AdoptionRequest): Promise<Adopted | null> {
    if (!cookies) return null
    for (const { source, key } of this.#namedBy(context, cookies)) {
      // A visitor who has a session here, or had one that is over, does not get another by an old cookie.
      if (hasCookieOfOurs(context, cookies)) return null
      const found = await adoptVisitor(context, source, this.originOf(source.name, key), request)
      if (found) return { found: found.found, clear: found.isOver ? this.#linesOf(source) : [] }
    }
    return null
  }

  async end(task: AuditedRequest, cookies: string | undefined, current: Id | null): Promise<readonly string[]> {
    const { context } = task
    const lines: string[] = []
    for (const { source, key } of cookies ? this.#namedBy(context, cookies) : []) {
      await endNamed(task, { source, origin: this.originOf(source.name, key) }, current)
      if (await endAtSource(context, source, key)) lines.push(...this.#linesOf(source))
    }
    return lines
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()))
  }

  /** Where ours takes the place of the source's cookie, the line that removes that one would remove ours, in any later response. */
  #linesOf({ clear }: SourceClient): readonly string[] {
    const ours = this.#transport.clear()
    return clear.filter((line) => !isSameCookie(line, ours))
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
  readonly transport: Transport
}

/** What requests need of the option `adoptFrom`; null without it. Throws `ConfigError`. */
export function adoptionOf(
  sources: readonly SourceClient[],
  { backing, clock, transport }: AdoptionParts,
): Adoption | null {
  if (sources.length === 0) return null
  if (!backing.createUnder) throw new ConfigError(`adoptFrom needs a store. ${NEEDS_STORE}`)
  return new VisitorAdoption(sources, transport, clock())
}

const hasCookieOfOurs = ({ transport, backing }: SessionsContext, cookies: string) =>
  transport.read(cookies).some((text) => !('refused' in backing.verify(text)))

interface AdoptedHere {
  readonly found: Followed
  /** Has its session been ended at the source, so that the source's cookie can go? */
  readonly isOver: boolean
}

async function adoptVisitor(
  context: SessionsContext,
  source: SourceClient,
  origin: Origin,
  request: AdoptionRequest,
): Promise<AdoptedHere | null> {
  const before = await followKnown(context, origin, request)
  const found = before ?? (await adoptFromSource(context, source, origin, request))
  if (!found) return null
  const isOver = await endAtSource(context, source, origin.key)
  // Not before: if the source's storage is gone, a crash in between would leave nothing to read.
  if (!before) await dropCopies(context, origin).catch((error) => reportFailure(context, error))
  return { found: found.found, isOver }
}

type Result = { readonly found: Followed } | null

/** Null if there is no receipt. */
async function followKnown(context: SessionsContext, origin: Origin, { responds }: AdoptionRequest): Promise<Result> {
  const receipt = await receiptOf(context, origin)
  if (!receipt) return null
  const found = await follow(context, receipt)
  if (responds && found) await send(context, receipt)
  return { found }
}

async function adoptFromSource(
  context: SessionsContext,
  source: SourceClient,
  origin: Origin,
  request: AdoptionRequest,
): Promise<Result> {
  const session = source.canRead ? await source.read(origin.key) : null
  if (session && 'refused' in session) {
    context.emit({ type: 'rejected', what: 'record', reason: session.refused })
    return null
  }
  const content = source.canRead
    ? session && (await contentOf(context, session, deviceOf(context, request.headers)))
    : await contentOfCopy(context, origin, request)
  // Absent: because there never was one, or because somebody has just adopted it.
  if (!content) return followKnown(context, origin, request)
  const noted = context.addresses?.note(content.meta, request.request) ?? content.meta
  const meta = context.signals?.note(noted, request) ?? noted
  const taken = await take(context, origin, { ...content, meta }, { sends: request.responds })
  if (taken) return taken
  context.emit({ type: 'rejected', what: 'record', reason: 'revoked' })
  return { found: null }
}

async function contentOfCopy(context: SessionsContext, origin: Origin, { headers }: AdoptionRequest) {
  const copy = await copied(context, origin)
  if (!copy) return null
  const { meta, data } = copy
  return { data, meta: meta.userId === null ? meta : { ...meta, label: tidyLabel(deviceOf(context, headers)) } }
}

/**
 * Makes sure that a source's key opens nothing any more, after a logout or a login. What is stored for that is stored only for a
 * key that the source knows, so that made-up ones leave nothing behind.
 */
async function endNamed(
  task: AuditedRequest,
  { source, origin }: { readonly source: SourceClient; readonly origin: Origin },
  current: Id | null,
): Promise<void> {
  const { context, state } = task
  const receipt = (await receiptOf(context, origin)) ?? (await spend(context, source, origin))
  // Adopted in advance, or by a request that is still under way: the session is this visitor's, too.
  const found = receipt && (await follow(context, receipt))
  if (!isLoaded(found) || found.ref.cookie.id === current) return
  if (!(await context.backing.end(found.ref))) return
  context.ends.tell({ id: found.ref.cookie.id, reason: 'logout' })
  if (context.emit.wanted())
    context.emit(
      { type: 'revoked', handle: handleOf(found.ref.cookie.id), count: 1, reason: 'logout' },
      { userId: found.meta.userId },
    )
  if (state.loggedOut) context.audit?.loggedOut(task, found.ref.cookie.id, found.meta.userId)
}

/** The receipt, if another request was faster. */
async function spend(context: SessionsContext, source: SourceClient, origin: Origin) {
  const known = await knownSession(context, source, origin)
  if (!known) return null
  if (source.stateless && known.userId !== null) await context.backing.users.rememberEnd?.(known.userId)
  if (!(await storeEnd(context, origin, known.expiresAt))) return receiptOf(context, origin)
  await dropCopies(context, origin)
  return null
}

/** Whose it is, and when it would end by itself; null if the source, or its copy here, does not know the key. */
async function knownSession(context: SessionsContext, source: SourceClient, origin: Origin) {
  if (!source.canRead) {
    const copy = await copied(context, origin)
    return copy && { userId: copy.meta.userId, expiresAt: copy.meta.deadline }
  }
  const session = await source.read(origin.key)
  if (!session || !('refused' in session)) return session
  return session.userId === undefined ? null : { userId: session.userId, expiresAt: 0 }
}

/** False if it could not be done: the source's cookie stays, and the next request that would end it tries again. */
async function endAtSource(context: SessionsContext, source: SourceClient, key: string): Promise<boolean> {
  const began = context.emit.now()
  try {
    await source.end(key)
    return true
  } catch (error) {
    reportFailure(context, error, began)
    return false
  }
}

function reportFailure({ emit }: SessionsContext, cause: unknown, began?: number): void {
  const error =
    cause instanceof Error ? cause : new StoreError('A session of an adoption source could not be ended.', { cause })
  emit({ type: 'storeError', error }, { began })
}
