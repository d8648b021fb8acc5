import { randomBytes } from 'node:crypto'
import type { Loaded, Lookup, SessionRef, VerifiedCookie } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import type { Master } from '../crypto/keyring.ts'
import { computed, handleOf } from '../crypto/token.ts'
import { StoreError, UnsupportedError } from '../errors.ts'
import { stamped } from '../request/load.ts'
import type { Content, Meta } from '../session/content.ts'
import { tidyLabel } from '../session/device.ts'
import { LONGEST } from '../session/lifetime.ts'
import { checkedSourceSession, type SourceSession } from './source.ts'

/**
 * How one session of another framework becomes one of ours, whoever does it at the same time, and never twice.
 *
 * The session is put under a token that is computed from the former key and a nonce. Then a *receipt*, under a token that is
 * computed from the former key alone, says the nonce: a store refuses a second one, so that of many who do this at once one
 * wins, and the others take away what they have put and go to what the receipt names. From then on the former session counts
 * no more, whether or not it could be ended where it was: whoever comes by its cookie gets what the receipt names, or, when
 * that has ended, nothing. A receipt holds no token, and is of no use without the former key.
 *
 * A *copy* is what `strongroom move` leaves for the time when the former storage is gone; it is read in its place.
 */
export interface Origin {
  /** Of the former. */
  readonly name: string
  readonly key: string
  /** The receipt lasts at least until here, for so long is the former cookie read. */
  readonly until?: number | undefined
}

export const NEEDS_STORE =
  'Former sessions are taken over into a store: cookies cannot tell whether one was taken already.'

export type Found = { readonly loaded: Loaded | null } | null

const under = (master: Master, { name, key }: Origin, ...what: readonly string[]): VerifiedCookie =>
  computed(master, [name, key, ...what])

/** What a former session has become: null where nobody took it over, and no session where that has ended since. */
export async function taken(core: SessionsContext, origin: Origin): Promise<Found> {
  // It may have been taken over under any master that is still in the ring.
  const receipts = await Promise.all(
    core.ring.masters.map(async (master) => ({
      master,
      receipt: await core.backing.load(under(master, origin, 'receipt')),
    })),
  )
  for (const { master, receipt } of receipts) {
    if (receipt === null || 'expired' in receipt) continue
    // One that does not open was altered, and proves nothing but that the former session is none of anybody's any more.
    if ('refused' in receipt) return { loaded: told(core, receipt) }
    const nonce = String(receipt.values.nonce)
    return {
      loaded: told(core, await stamped(core.stamps, core.backing.load(under(master, origin, 'session', nonce)))),
    }
  }
  return null
}

/** The copy that was left of a former session, as it was then. */
export async function copied(core: SessionsContext, origin: Origin): Promise<Loaded | null> {
  for (const master of core.ring.masters) {
    const copy = await core.backing.load(under(master, origin, 'copy'))
    if (copy !== null && !('expired' in copy)) return told(core, await stamped(core.stamps, copy))
  }
  return null
}

/** Puts the session, and its receipt; `created` tells whether it was this call that did. */
export async function take(
  core: SessionsContext,
  origin: Origin,
  content: Content,
): Promise<{ readonly loaded: Loaded | null; readonly created: boolean }> {
  const nonce = randomBytes(16).toString('base64url')
  const ticket = under(core.ring.current, origin, 'session', nonce)
  const held = await createUnder(core, ticket, content)
  if (!held) throw new StoreError('The store refused a new session: its id is taken.')
  // When this fails, the receipt may be there or not: the session stays, for what it names must not be missing.
  const first = await receive(core, origin, { nonce, expiresAt: content.meta.deadline })
  // Read, for others can reach it by now, and whoever writes it next needs its version.
  const found = await taken(core, origin)
  const created = first !== null || found?.loaded?.ref.cookie.id === ticket.id
  // Somebody was first: what nobody can find must not lie there.
  if (!created) await core.backing.end(held)
  else if (core.emit.wanted()) core.emit({ type: 'adopted', handle: handleOf(ticket.id), former: origin.name })
  return { loaded: found?.loaded ?? null, created }
}

/** Says that a former session has ended here; nothing where that is said, or it was taken over. */
export async function refuse(core: SessionsContext, origin: Origin): Promise<void> {
  if ((await taken(core, origin)) === null) await receive(core, origin, { nonce: '', expiresAt: 0 })
}

function receive(core: SessionsContext, origin: Origin, { nonce, expiresAt }: { nonce: string; expiresAt: number }) {
  const now = core.clock()
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
  return createUnder(core, under(core.ring.current, origin, 'receipt'), { meta, data: JSON.stringify({ nonce }) })
}

/** Leaves a copy, or brings the one that is there up to date. */
export async function leaveCopy(
  core: SessionsContext,
  origin: Origin,
  content: Content,
): Promise<'created' | 'refreshed' | 'there'> {
  const ticket = under(core.ring.current, origin, 'copy')
  for (;;) {
    if (await createUnder(core, ticket, content)) return 'created'
    const found = await core.backing.load(ticket)
    if (!found || !('ref' in found)) continue
    if (found.data === content.data && same(found.meta, content.meta)) return 'there'
    if (await core.backing.update(found.ref, content, content.meta.deadline, found)) return 'refreshed'
  }
}

const same = (a: Meta, b: Meta) => a.userId === b.userId && a.deadline === b.deadline && a.stamp === b.stamp

export async function dropCopies(core: SessionsContext, origin: Origin): Promise<void> {
  for (const master of core.ring.masters) {
    const ticket = under(master, origin, 'copy')
    await core.backing.end({ cookie: ticket, version: null, expiresAt: Number.POSITIVE_INFINITY })
  }
}

/** A former session as one of ours; null when it has ended, or its user is gone. `label` is the device's. */
export async function contentOf(core: SessionsContext, given: SourceSession, label: string | null) {
  const now = core.clock()
  const session = checkedSourceSession(given, now)
  if (!session) return null
  const { userId, values, expiresAt, createdAt, authenticatedAt, persistent = core.policy.persistent } = session
  const stamp = userId !== null && core.stamps ? await core.stamps.make(userId, undefined) : undefined
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
  ticket: VerifiedCookie,
  content: Content,
): Promise<SessionRef | null> {
  if (backing.createUnder) return backing.createUnder(ticket, content, content.meta.deadline)
  throw new UnsupportedError(NEEDS_STORE)
}

/** Why there is none is an event. */
function told({ emit }: SessionsContext, found: Lookup): Loaded | null {
  if (found && 'ref' in found) return found
  if (found && 'refused' in found) emit({ type: 'notOurs', what: 'record', reason: found.refused })
  return null
}
