import type { Loaded, LoadResult, OwnedSession, SessionRef, Superseded, VerifiedCookie } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import type { CredentialStamps } from '../credential.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { MOST_TRIED } from '../http/cookie.ts'

/** What a request's cookies led to. */
export interface LoadedCookies {
  readonly loaded: Loaded | null
  /** Without a loaded session: a cookie that opens nothing any more. */
  readonly superseded: Superseded | null
  /** Other sessions that the request can prove to hold. A logout ends them, too, and a login those of its user. */
  readonly others: readonly OwnedSession[]
}

export const NO_COOKIE: LoadedCookies = { loaded: null, superseded: null, others: [] }

/** Does a request carry a cookie of our name, valid or not? */
export function hasCookie({ transport }: SessionsContext, cookies: string | undefined): boolean {
  return transport.read(cookies).length > 0
}

/**
 * The session that a request's Cookie header names; an event says why there is none. `unknown-key` when it needs a key that
 * another server may have made a moment ago. A promise only if there is something to wait for, because every request comes
 * through here.
 */
export function load(
  context: SessionsContext,
  cookies: string | undefined,
): LoadedCookies | 'unknown-key' | Promise<LoadedCookies | 'unknown-key'> {
  const found = verifiedCookies(context, cookies)
  if (found === 'unknown-key') return found
  const [cookie] = found
  if (cookie === undefined) return NO_COOKIE
  if (found.length > 1)
    return Promise.all(found.map((one) => loadOne(context, one))).then((all) => choose(context, all))
  const result = loadOne(context, cookie)
  return result instanceof Promise ? result.then(alone) : alone(result)
}

type LoadedCookie = Loaded | Superseded | 'unknown-key' | null

function alone(result: LoadedCookie): LoadedCookies | 'unknown-key' {
  if (result === null || result === 'unknown-key') return result ?? NO_COOKIE
  return 'ref' in result
    ? { loaded: result, superseded: null, others: [] }
    : { loaded: null, superseded: result, others: [] }
}

/**
 * Browsers send an old cookie beside the new one after a change of its domain or path, and a neighbouring host can plant one. The
 * one whose session is alive counts. With two sessions, a guess would let the attacker decide whose session this is.
 */
function choose(context: SessionsContext, all: readonly LoadedCookie[]): LoadedCookies | 'unknown-key' {
  const results = all.filter((one) => one !== null && one !== 'unknown-key')
  if (results.length === 0) return all.includes('unknown-key') ? 'unknown-key' : NO_COOKIE
  const live = newestOfEach(
    context,
    results.flatMap((one) => ('ref' in one ? [one] : [])),
  )
  const superseded = results.flatMap((one) => ('ref' in one ? [] : [one]))
  const owned = [
    ...superseded.flatMap((one) => one.ends ?? []),
    ...live.map(({ ref, meta }) => ({ ref, isOf: (userId: string) => meta.userId === userId })),
  ]
  const [loaded = null, second] = live
  if (second) {
    context.emit({ type: 'rejected', what: 'cookie', reason: 'ambiguous' })
    return { loaded: null, superseded: null, others: othersOf(owned) }
  }
  if (loaded) return { loaded, superseded: null, others: othersOf(owned, loaded.ref) }
  const recent = superseded.find(({ isRecent }) => isRecent) ?? superseded[0] ?? null
  return { loaded: null, superseded: recent, others: othersOf(owned, recent?.ends?.ref) }
}

/** Each session once. Where a session is in its cookie, an old cookie may still open it, in an older state. */
function newestOfEach({ backing }: SessionsContext, live: readonly Loaded[]): readonly Loaded[] {
  const newest = new Map<Id, Loaded>()
  for (const one of live) {
    const before = newest.get(one.ref.cookie.id)
    if (!before || backing.isNewer?.(one.ref, before.ref)) newest.set(one.ref.cookie.id, one)
  }
  return [...newest.values()]
}

/** Each session once, and without the one that was chosen. */
function othersOf(owned: readonly OwnedSession[], chosen?: SessionRef): readonly OwnedSession[] {
  const byId = new Map(owned.map((one) => [one.ref.cookie.id, one]))
  if (chosen) byId.delete(chosen.cookie.id)
  return [...byId.values()]
}

function loadOne(context: SessionsContext, cookie: VerifiedCookie): LoadedCookie | Promise<LoadedCookie> {
  const result = context.backing.load(cookie)
  if (context.stamps !== null)
    return checkStamp(context.stamps, result).then((checked) => report(context, cookie, checked))
  return result instanceof Promise
    ? result.then((loaded) => report(context, cookie, loaded))
    : report(context, cookie, result)
}

function report({ emit }: SessionsContext, { id }: VerifiedCookie, result: LoadResult): LoadedCookie {
  if (result && 'superseded' in result) {
    emit({ type: result.superseded === 'renewed' ? 'superseded' : 'absent', handle: handleOf(id) })
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

/** The different cookies of our name that are ours. */
function verifiedCookies(
  { transport, backing, emit }: SessionsContext,
  cookies: string | undefined,
): readonly VerifiedCookie[] | 'unknown-key' {
  const found: VerifiedCookie[] = []
  let unknownKey = false
  let texts: readonly string[] = [...new Set(transport.read(cookies))]
  if (texts.length > MOST_TRIED) {
    emit({ type: 'rejected', what: 'cookie', reason: 'too-many' })
    texts = texts.slice(0, MOST_TRIED)
  }
  for (const text of texts) {
    const cookie = backing.verify(text)
    if ('refused' in cookie) {
      emit({ type: 'rejected', what: 'cookie', reason: cookie.refused })
      unknownKey ||= cookie.refused === 'unknown-key'
    } else if (!found.some((other) => other.text === cookie.text)) found.push(cookie)
  }
  return found.length === 0 && unknownKey ? 'unknown-key' : found
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
