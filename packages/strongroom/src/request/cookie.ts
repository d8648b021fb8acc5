import type { Loaded } from '../backing/backing.ts'
import type { LoadedCookies, SessionsContext } from '../context.ts'
import { firstReplaced } from './create.ts'

/** Must a response have the cookie of what it has stored? `before` is what was loaded; null for a new session. */
export function needsCookie(
  { saveEveryRequest }: SessionsContext,
  { ref, meta }: Loaded,
  before: Loaded | null,
): boolean {
  // A thief who has the previous cookie, and polls, must not be kept up to date.
  if (ref.predecessor?.isSeen) return false
  return (
    saveEveryRequest ||
    ref.cookie.text !== before?.ref.cookie.text ||
    meta.persistent !== before.meta.persistent ||
    (meta.persistent && meta.deadline !== before.meta.deadline)
  )
}

/**
 * Must a response leave out a cookie that was decided by `save()`, or when its session was loaded, and not by what it has just stored? It
 * must not overwrite that of a login, or of a renewal, which was faster.
 */
export async function isOvertaken(
  context: SessionsContext,
  { loaded, presented }: Pick<LoadedCookies, 'loaded' | 'presented'>,
): Promise<boolean> {
  const isLate = context.renewal?.isLate(context, loaded?.ref)
  if (isLate) return isLate
  const cookies = loaded ? [loaded.ref.cookie, ...presented] : presented
  // Unknown is no reason to keep it back.
  return (await firstReplaced(context, cookies).catch(() => null)) !== null
}
