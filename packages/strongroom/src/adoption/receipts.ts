import { randomBytes } from 'node:crypto'
import { IN_FLIGHT, type Loaded, type Superseded, type VerifiedCookie } from '../backing/backing.ts'
import { RECEIPT } from '../backing/own-entries.ts'
import { LONGEST } from '../base/duration.ts'
import type { SessionsContext } from '../context.ts'
import type { Master } from '../crypto/keyring.ts'
import { handleOf } from '../crypto/token.ts'
import { StoreError } from '../errors.ts'
import { checkStamp } from '../request/load.ts'
import type { Content } from '../session/content.ts'
import { cookieFor, createUnder, type Origin, report } from './origin.ts'

/*
 * How a session of another framework becomes one of ours, however many do it in parallel, and never twice.
 *
 * The session is stored under a token that is computed from the source's key and a nonce. Then a *receipt*, under a token that
 * is computed from the key alone, stores the nonce. A store refuses a second receipt: of several that do this in parallel one
 * wins, and the others remove what they have stored and use what the receipt names. From then on the source's session no
 * longer counts, whether or not it could be ended where it was. Once our cookie was sent, and has had time to arrive, the key is
 * spent: it leads to nothing. A receipt holds no token, and is of no use without the source's key.
 */

interface Receipt {
  /** Null if it does not open: it proves only that the source's session is no longer anybody's. */
  readonly record: Loaded | null
  /** The session that was adopted; null if the source's had ended before. */
  readonly session: VerifiedCookie | null
  /** When our cookie was first sent to a visitor; null while nobody has received it. */
  readonly sentAt: number | null
}

/** What a source's key leads to here, once there is a receipt. */
export type Followed = Loaded | Superseded | null

const receiptCookie = (context: SessionsContext, master: Master, origin: Origin) =>
  cookieFor(context, master, origin, ['receipt'], RECEIPT)

/** Null if nobody has adopted the session, nor ended it here before that. */
export async function receiptOf(context: SessionsContext, origin: Origin): Promise<Receipt | null> {
  // It may have been adopted under any master that is still in the ring.
  const found = await Promise.all(
    context.ring.masters.map(async (master) => ({
      master,
      // Never a copy: it may be from before our cookie was sent.
      receipt: await context.backing.load(receiptCookie(context, master, origin), { fresh: true }),
    })),
  )
  for (const { master, receipt } of found) {
    if (receipt === null || 'expired' in receipt) continue
    const record = report(context, receipt)
    const { nonce = '', sentAt = null } = (record?.values ?? {}) as { nonce?: string; sentAt?: number | null }
    const session = nonce === '' ? null : cookieFor(context, master, origin, ['session', nonce])
    return { record, session, sentAt }
  }
  return null
}

/** The session that it names, for as long as requests with the source's cookie alone may be under way. */
export async function follow(context: SessionsContext, { session, sentAt }: Receipt): Promise<Followed> {
  const isSpent = sentAt !== null && context.clock() >= sentAt + IN_FLIGHT
  if (!session || isSpent) return null
  const result = await checkStamp(context, context.backing.load(session))
  return result && 'superseded' in result ? result : report(context, result)
}

/** Of a session that was adopted without a response: its visitor is here now, and gets our cookie. */
export async function send(context: SessionsContext, { record, sentAt }: Receipt): Promise<void> {
  if (!record || sentAt !== null) return
  const { meta, values, ref } = record
  const data = JSON.stringify({ ...values, sentAt: context.clock() })
  // Null if another request has just done the same.
  await context.backing.update(ref, { meta, data }, meta.deadline, record)
}

/**
 * Stores the session and its receipt; `created` tells whether it was this call that did. Null, and nothing stored, if its user has
 * ended it here: that is checked as at a login, before and after.
 */
export async function take(
  context: SessionsContext,
  origin: Origin,
  content: Content,
  { sends }: { readonly sends: boolean },
): Promise<{ readonly found: Followed; readonly created: boolean } | null> {
  const { userId, deadline } = content.meta
  if (await hasEnded(context, origin, userId)) return null
  const nonce = randomBytes(16).toString('base64url')
  // Both under one: the secrets may rotate in between.
  const master = context.ring.current
  const cookie = cookieFor(context, master, origin, ['session', nonce])
  const ref = await createUnder(context, cookie, content)
  if (!ref) throw new StoreError('The store refused a new session: its id is taken.')
  const ended = await hasEnded(context, origin, userId).catch(async (error) => {
    await context.backing.discard(ref).catch(() => undefined)
    throw error
  })
  if (ended) {
    await context.backing.discard(ref)
    return null
  }
  // If this fails, the receipt may be there or not: the session stays, because what a receipt names must not be missing.
  const first = await storeReceipt(context, master, origin, { nonce, sentAt: sends ? context.clock() : null, deadline })
  // Loaded, because others can reach it by now, and the next writer needs its version.
  const receipt = await receiptOf(context, origin)
  const created = first !== null || receipt?.session?.id === cookie.id
  // Somebody else was first: what nobody can find must not stay in the store.
  if (!created) await context.backing.discard(ref)
  else if (context.emit.wanted()) context.emit({ type: 'adopted', handle: handleOf(cookie.id), source: origin.name })
  if (receipt && sends) await send(context, receipt)
  return { found: receipt && (await follow(context, receipt)), created }
}

/** Has the user ended all sessions here since the source is there or, if it cannot tell its sessions apart, any of them? */
export async function hasEnded({ backing }: SessionsContext, { stateless }: Origin, userId: string | null) {
  if (userId === null || !backing.users.everEnded) return false
  return backing.users.everEnded(userId, stateless ? 'one' : 'all')
}

/** Stores that a session of the source has ended, which would have lived until `deadline`. False if there is a receipt already. */
export async function storeEnd(context: SessionsContext, origin: Origin, deadline: number): Promise<boolean> {
  return (await storeReceipt(context, context.ring.current, origin, { nonce: '', sentAt: 0, deadline })) !== null
}

function storeReceipt(
  context: SessionsContext,
  master: Master,
  origin: Origin,
  { deadline: given, ...values }: { nonce: string; sentAt: number | null; deadline: number },
) {
  const now = context.clock()
  const deadline = Math.min(Math.max(given, origin.until, now + 1), now + LONGEST)
  const meta = {
    createdAt: now,
    authenticatedAt: null,
    deadline,
    idle: 0,
    userId: null,
    persistent: false,
    label: null,
  }
  const cookie = receiptCookie(context, master, origin)
  return createUnder(context, cookie, { meta, data: JSON.stringify(values) })
}
