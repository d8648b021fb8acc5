import { randomBytes } from 'node:crypto'
import type { Loaded, LoadResult, SessionRef, VerifiedCookie } from '../backing/backing.ts'
import { LONGEST } from '../base/duration.ts'
import type { SessionsContext } from '../context.ts'
import type { Master } from '../crypto/keyring.ts'
import { handleOf } from '../crypto/token.ts'
import { StoreError, UnsupportedError } from '../errors.ts'
import { checkStamp } from '../request/load.ts'
import type { Content, Meta } from '../session/content.ts'
import { tidyLabel } from '../session/device.ts'
import { checkedSourceSession, type SourceSession } from './source.ts'

/**
 * How a session of another framework becomes one of ours, however many do it in parallel, and never twice.
 *
 * The session is stored under a token that is computed from the source's key and a nonce. Then a *receipt*, under a token that
 * is computed from the key alone, stores the nonce. A store refuses a second receipt: of several that do this in parallel one
 * wins, and the others remove what they have stored and use what the receipt names. From then on the source's session no
 * longer counts, whether or not it could be ended where it was: its cookie leads to what the receipt names, or, once that has
 * ended, to nothing. A receipt holds no token, and is of no use without the source's key.
 *
 * A *copy* is what `npx @strongroom/cli move` leaves for the time when the source's storage is gone; it is read in its place.
 */
export interface Origin {
  /** Of the adoption source. */
  readonly name: string
  readonly key: string
  /** The receipt lasts at least until this moment, because until then the source's cookie is read. */
  readonly until?: number | undefined
}

export const NEEDS_STORE =
  'Sessions can only be adopted into a store: cookies cannot tell whether one was adopted already.'

export type AdoptedSession = { readonly loaded: Loaded | null } | null

function cookieFor(
  { backing }: SessionsContext,
  master: Master,
  { name, key }: Origin,
  ...what: readonly string[]
): VerifiedCookie {
  if (backing.computedCookie) return backing.computedCookie(master, [name, key, ...what])
  throw new UnsupportedError(NEEDS_STORE)
}

/** What a session of the source has become: null if nobody adopted it, and no session if that has ended since. */
export async function adopted(context: SessionsContext, origin: Origin): Promise<AdoptedSession> {
  // It may have been adopted under any master that is still in the ring.
  const receipts = await Promise.all(
    context.ring.masters.map(async (master) => ({
      master,
      receipt: await context.backing.load(cookieFor(context, master, origin, 'receipt')),
    })),
  )
  for (const { master, receipt } of receipts) {
    if (receipt === null || 'expired' in receipt) continue
    // One that does not open was altered: it proves only that the source's session is no longer anybody's.
    if (!('ref' in receipt)) return { loaded: report(context, receipt) }
    const nonce = String(receipt.values.nonce)
    const cookie = cookieFor(context, master, origin, 'session', nonce)
    return { loaded: report(context, await checkStamp(context.stamps, context.backing.load(cookie))) }
  }
  return null
}

/** The copy that was left of a session of the source, as it was then. */
export async function copied(context: SessionsContext, origin: Origin): Promise<Loaded | null> {
  for (const master of context.ring.masters) {
    const copy = await context.backing.load(cookieFor(context, master, origin, 'copy'))
    if (copy !== null && !('expired' in copy)) return report(context, await checkStamp(context.stamps, copy))
  }
  return null
}

/** Stores the session and its receipt; `created` tells whether it was this call that did. */
export async function take(
  context: SessionsContext,
  origin: Origin,
  content: Content,
): Promise<{ readonly loaded: Loaded | null; readonly created: boolean }> {
  const nonce = randomBytes(16).toString('base64url')
  const cookie = cookieFor(context, context.ring.current, origin, 'session', nonce)
  const ref = await createUnder(context, cookie, content)
  if (!ref) throw new StoreError('The store refused a new session: its id is taken.')
  // If this fails, the receipt may be there or not: the session stays, because what a receipt names must not be missing.
  const first = await storeReceipt(context, origin, { nonce, expiresAt: content.meta.deadline })
  // Loaded, because others can reach it by now, and the next writer needs its version.
  const found = await adopted(context, origin)
  const created = first !== null || found?.loaded?.ref.cookie.id === cookie.id
  // Somebody else was first: what nobody can find must not stay in the store.
  if (!created) await context.backing.end(ref)
  else if (context.emit.wanted()) context.emit({ type: 'adopted', handle: handleOf(cookie.id), source: origin.name })
  return { loaded: found?.loaded ?? null, created }
}

/** Stores that a session of the source has ended; does nothing if that is known, or it was adopted. */
export async function refuse(context: SessionsContext, origin: Origin): Promise<void> {
  if ((await adopted(context, origin)) === null) await storeReceipt(context, origin, { nonce: '', expiresAt: 0 })
}

function storeReceipt(
  context: SessionsContext,
  origin: Origin,
  { nonce, expiresAt }: { nonce: string; expiresAt: number },
) {
  const now = context.clock()
  const deadline = Math.min(Math.max(expiresAt, origin.until ?? 0, now + 1), now + LONGEST)
  const meta = {
    createdAt: now,
    authenticatedAt: null,
    deadline,
    idle: 0,
    userId: null,
    persistent: false,
    label: null,
  }
  const cookie = cookieFor(context, context.ring.current, origin, 'receipt')
  return createUnder(context, cookie, { meta, data: JSON.stringify({ nonce }) })
}

/** Leaves a copy, or brings the one that is there up to date. */
export async function leaveCopy(
  context: SessionsContext,
  origin: Origin,
  content: Content,
): Promise<'created' | 'refreshed' | 'exists'> {
  const cookie = cookieFor(context, context.ring.current, origin, 'copy')
  for (;;) {
    if (await createUnder(context, cookie, content)) return 'created'
    const found = await context.backing.load(cookie)
    if (!found || !('ref' in found)) continue
    if (found.data === content.data && isSame(found.meta, content.meta)) return 'exists'
    if (await context.backing.update(found.ref, content, content.meta.deadline, found)) return 'refreshed'
  }
}

const isSame = (a: Meta, b: Meta) => a.userId === b.userId && a.deadline === b.deadline && a.stamp === b.stamp

export async function dropCopies(context: SessionsContext, origin: Origin): Promise<void> {
  for (const master of context.ring.masters) {
    const cookie = cookieFor(context, master, origin, 'copy')
    await context.backing.end({ cookie, version: null, expiresAt: Number.POSITIVE_INFINITY })
  }
}

/** A session of the source as one of ours; null if it has ended, or its user is gone. `label` is the device's. */
export async function contentOf(context: SessionsContext, given: SourceSession, label: string | null) {
  const now = context.clock()
  const session = checkedSourceSession(given, now)
  if (!session) return null
  const { userId, values, expiresAt, createdAt, authenticatedAt, persistent = context.policy.persistent } = session
  const stamp = userId !== null && context.stamps ? await context.stamps.make(userId, undefined) : undefined
  if (stamp === null) return null
  const meta: Meta = {
    createdAt: Math.min(createdAt ?? now, now),
    authenticatedAt: userId === null ? null : (authenticatedAt ?? null),
    deadline: expiresAt,
    idle: 0,
    userId,
    persistent,
    label: userId === null ? null : tidyLabel(label),
    ...(stamp !== undefined && { stamp }),
  }
  return { meta, values, data: JSON.stringify(values) }
}

async function createUnder(
  { backing }: SessionsContext,
  cookie: VerifiedCookie,
  content: Content,
): Promise<SessionRef | null> {
  if (backing.createUnder) return backing.createUnder(cookie, content, content.meta.deadline)
  throw new UnsupportedError(NEEDS_STORE)
}

/** If there is none, an event says why. */
function report({ emit }: SessionsContext, result: LoadResult): Loaded | null {
  if (result && 'ref' in result) return result
  if (result && 'refused' in result) emit({ type: 'rejected', what: 'record', reason: result.refused })
  return null
}
