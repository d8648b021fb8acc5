import type { Loaded, LoadResult, Superseded, VerifiedCookie } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import type { CredentialStamps } from '../credential.ts'
import { handleOf } from '../crypto/token.ts'
import { MOST_TRIED } from '../http/cookie.ts'

/** What a request's cookie led to; null for nothing. */
export type LoadedCookie = Loaded | Superseded | 'unknown-key' | null

/** Does a request carry a cookie of our name, valid or not? */
export function hasCookie({ transport }: SessionsContext, cookies: string | undefined): boolean {
  return transport.read(cookies).length > 0
}

/**
 * The session that a request's Cookie header names, or null; an event says why there is none. `unknown-key` when it needs a
 * key that another server may have made a moment ago. A promise only if there is something to wait for, because every request
 * comes through here.
 */
export function load(context: SessionsContext, cookies: string | undefined): LoadedCookie | Promise<LoadedCookie> {
  const cookie = verifiedCookie(context, cookies)
  if (cookie === null || cookie === 'unknown-key') return cookie
  const result = context.backing.load(cookie)
  if (context.stamps !== null)
    return checkStamp(context.stamps, result).then((checked) => report(context, cookie, checked))
  return result instanceof Promise
    ? result.then((loaded) => report(context, cookie, loaded))
    : report(context, cookie, result)
}

function report({ emit }: SessionsContext, { id }: VerifiedCookie, result: LoadResult): LoadedCookie {
  if (result && 'superseded' in result) {
    if (result.superseded === 'renewed') emit({ type: 'superseded', handle: handleOf(id) })
    else emit({ type: 'absent', handle: handleOf(id) })
    return result
  }
  if (result && !('ref' in result)) {
    if ('refused' in result) emit({ type: 'rejected', what: 'record', reason: result.refused })
    else emit({ type: 'expired', handle: handleOf(id), reason: result.expired })
    return 'refused' in result && result.refused === 'unknown-key' ? 'unknown-key' : null
  }
  if (emit.wanted()) emit({ type: result ? 'loaded' : 'absent', handle: handleOf(id) })
  return result
}

function verifiedCookie(
  { transport, backing, emit }: SessionsContext,
  cookies: string | undefined,
): VerifiedCookie | 'unknown-key' | null {
  let found: VerifiedCookie | null = null
  let unknownKey = false
  let texts = transport.read(cookies)
  if (texts.length > MOST_TRIED) {
    emit({ type: 'rejected', what: 'cookie', reason: 'too-many' })
    texts = texts.slice(0, MOST_TRIED)
  }
  // A neighbouring host can plant a second cookie of our name. A forged one is passed over. With two valid ones, a guess
  // would let the attacker decide whose session this is.
  for (const text of texts) {
    const cookie = backing.verify(text)
    if ('refused' in cookie) {
      emit({ type: 'rejected', what: 'cookie', reason: cookie.refused })
      unknownKey ||= cookie.refused === 'unknown-key'
    } else if (found && found.text !== cookie.text) {
      emit({ type: 'rejected', what: 'cookie', reason: 'ambiguous' })
      return null
    } else found = cookie
  }
  return found ?? (unknownKey ? 'unknown-key' : null)
}

/** Refused if the credential that its login belongs to has changed since. */
export async function checkStamp(
  stamps: CredentialStamps | null,
  given: LoadResult | Promise<LoadResult>,
): Promise<LoadResult> {
  const result = await given
  if (stamps === null || result === null || !('ref' in result)) return result
  const { meta: before } = result
  if (before.userId === null) return result
  const meta = await stamps.check(before, before.userId)
  return 'refused' in meta ? meta : meta === before ? result : { ...result, meta }
}
