import { isLoaded, type Loaded, type VerifiedCookie } from '../backing/backing.ts'
import { COPY } from '../backing/own-entries.ts'
import type { SessionsContext } from '../context.ts'
import type { Master } from '../crypto/keyring.ts'
import { checkStamp } from '../request/load.ts'
import type { Content, Meta } from '../session/content.ts'
import { expiryAfter } from '../session/lifetime.ts'
import { cookieFor, createUnder, type Origin, report } from './origin.ts'

/*
 * A copy is what `npx @strongroom/cli move` leaves for the time when the source's storage is gone; it is read in its place. It
 * belongs to its user, so that all of the user's sessions end with it, and is no session until its visitor comes.
 */

const copyCookie = (context: SessionsContext, master: Master, origin: Origin) =>
  cookieFor(context, master, origin, ['copy'], COPY)

/** The copy that was left of a session of the source, as it was then. */
export async function copied(context: SessionsContext, origin: Origin): Promise<Loaded | null> {
  for (const master of context.ring.masters) {
    const copy = await context.backing.load(copyCookie(context, master, origin))
    if (copy !== null && !('expired' in copy)) return report(context, await checkStamp(context, copy))
  }
  return null
}

/** Leaves a copy, or brings the one that is there up to date. */
export async function leaveCopy(
  context: SessionsContext,
  origin: Origin,
  content: Content,
): Promise<'created' | 'refreshed' | 'exists'> {
  const cookie = copyCookie(context, context.ring.current, origin)
  for (;;) {
    if (await createUnder(context, cookie, content)) return 'created'
    const found = await context.backing.load(cookie)
    if (isLoaded(found) && found.meta.userId === content.meta.userId) {
      if (found.data === content.data && isSame(found.meta, content.meta)) return 'exists'
      if (await context.backing.update(found.ref, content, expiryAfter(context.clock(), content.meta), found))
        return 'refreshed'
      // The owner of an entry is fixed: a copy that was left before its visitor signed in would not end with the user's sessions.
      // What does not open, somebody else has put there.
    } else if (found) await discard(context, cookie)
  }
}

const isSame = (a: Meta, b: Meta) => a.deadline === b.deadline && a.idle === b.idle && a.stamp === b.stamp

const discard = ({ backing }: SessionsContext, cookie: VerifiedCookie) =>
  backing.discard({ cookie, version: null, expiresAt: Number.POSITIVE_INFINITY })

export async function dropCopies(context: SessionsContext, origin: Origin): Promise<void> {
  for (const master of context.ring.masters) await discard(context, copyCookie(context, master, origin))
}
