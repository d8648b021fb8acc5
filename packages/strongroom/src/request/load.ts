import {
  isLoaded,
  type Loaded,
  type LoadOptions,
  type LoadResult,
  type OwnedSession,
  type SessionRef,
  type VerifiedCookie,
} from '../backing/backing.ts'
import { type Awaitable, after } from '../base/awaitable.ts'
import type { LoadedCookies, SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import type { SessionEvent } from '../events.ts'
import { MOST_TRIED } from '../http/cookie.ts'
import { type HeaderSource, header } from '../http/headers.ts'

export const NO_COOKIE: LoadedCookies = {
  loaded: null,
  superseded: null,
  emptied: null,
  presented: [],
  ended: [],
  loggedOut: false,
  others: [],
}

/** What is left of them once the session has ended. */
export function afterEnd(
  found: LoadedCookies,
  { loggedOut }: { readonly loggedOut: boolean },
  emptied: Loaded | null,
): LoadedCookies {
  const { loaded, superseded, presented, ended, others } = found
  const own = loaded?.ref ?? (loggedOut ? superseded?.ends?.ref : null)
  return {
    loaded: null,
    superseded: loggedOut ? null : superseded,
    emptied,
    presented: own ? [...presented, own.cookie] : presented,
    ended: own ? [...ended, own.cookie] : ended,
    loggedOut: found.loggedOut || loggedOut,
    others: loggedOut ? [] : others,
  }
}

/** The lines that remove other cookies of our name, which would be sent beside the one that a response sets or removes. */
export function staleCookies(
  { transport }: SessionsContext,
  headers: HeaderSource,
  setCookie: string | null,
): readonly string[] {
  if (setCookie === null || !transport.hasOthers?.(header(headers, 'cookie'))) return []
  return transport.clearOthers?.(header(headers, 'host')) ?? []
}

/** The name of the visitor's device. */
export const deviceOf = ({ describeDevice }: SessionsContext, headers: HeaderSource): string | null =>
  describeDevice(header(headers, 'user-agent') ?? null)

/** The header that has the token, or the cookie with it. */
export const tokenHeader = ({ transport }: SessionsContext, headers: HeaderSource): string | undefined =>
  header(headers, transport.header ?? 'cookie')

/** Does a request carry a token, valid or not? */
export function hasToken(context: SessionsContext, headers: HeaderSource): boolean {
  return context.transport.read(tokenHeader(context, headers)).length > 0
}

/**
 * The session that a request's Cookie header names; an event says why there is none. `unknown-key` when it needs a key that
 * another server may have made a moment ago. A promise only if there is something to wait for, because every request comes
 * through here.
 */
export function load(
  context: SessionsContext,
  cookies: string | undefined,
  options?: LoadOptions,
): Awaitable<LoadedCookies | 'unknown-key'> {
  const found = verifiedCookies(context, cookies)
  if (found === 'unknown-key') return found
  const [cookie] = found
  if (cookie === undefined) return NO_COOKIE
  const loadOf = (one: VerifiedCookie) => loadOne(context, one, options, cookies)
  if (found.length > 1) return Promise.all(found.map(loadOf)).then((all) => choose(context, found, all))
  return after(loadOf(cookie), (one) => alone(cookie, one))
}

function alone(cookie: VerifiedCookie, result: LoadResult): LoadedCookies | 'unknown-key' {
  if (isLoaded(result)) return { ...NO_COOKIE, loaded: result }
  if (isUnknownKey(result)) return 'unknown-key'
  const presented = [cookie]
  if (result && 'superseded' in result) return { ...NO_COOKIE, superseded: result, presented }
  const emptied = result && 'emptied' in result ? result.emptied : null
  return { ...NO_COOKIE, emptied, presented, ended: hasEnded(result) ? presented : [], others: endsOf(result) }
}

/** Without the session that is loaded: those that a logout with the cookie ends. */
const endsOf = (result: LoadResult): readonly OwnedSession[] =>
  result && 'ends' in result && result.ends ? [result.ends] : []

const isUnknownKey = (result: LoadResult) => result !== null && 'refused' in result && result.refused === 'unknown-key'

/** Did it end, so that no session is lost if a login takes its place? What was altered, or is under a key that is missing, may not have. */
const hasEnded = (result: LoadResult) =>
  result === null ||
  'emptied' in result ||
  'expired' in result ||
  ('refused' in result && (result.refused === 'credential' || result.refused === 'revoked'))

/**
 * Browsers send an old cookie beside the new one after a change of its domain or path, and a neighbouring host can plant one. The
 * one whose session is alive counts. With two sessions, a guess would let the attacker decide whose session this is.
 */
function choose(
  context: SessionsContext,
  cookies: readonly VerifiedCookie[],
  results: readonly LoadResult[],
): LoadedCookies | 'unknown-key' {
  const live = newestOfEach(context, results.filter(isLoaded))
  const superseded = results.flatMap((one) => (one && 'superseded' in one ? [one] : []))
  const ended = cookies.filter((_, i) => hasEnded(results[i] ?? null))
  if (live.length + superseded.length === 0)
    return results.some(isUnknownKey)
      ? 'unknown-key'
      : { ...NO_COOKIE, presented: cookies, ended, others: othersOf(results.flatMap(endsOf)) }
  const owned = [
    ...results.flatMap(endsOf),
    // An anonymous one belongs to the visitor as much as to anybody: a login ends it, as it replaces the only one.
    ...live.map(({ ref, meta }) => ({ ref, isOf: (userId: string) => meta.userId === null || meta.userId === userId })),
  ]
  const [loaded = null, second] = live
  if (second) {
    context.emit({ type: 'rejected', what: 'cookie', reason: 'ambiguous' })
    return { ...NO_COOKIE, presented: cookies, others: othersOf(owned) }
  }
  if (loaded) return { ...NO_COOKIE, loaded, others: othersOf(owned, loaded.ref) }
  const recent = superseded.find(({ isRecent }) => isRecent) ?? superseded[0] ?? null
  const others = othersOf(owned, recent?.ends?.ref)
  // Of several, there is no telling which one the visitor goes on with.
  return { ...NO_COOKIE, superseded: recent, presented: cookies, ended, others }
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

/**
 * What one cookie leads to, with an event that says so. `cookies` is the header that it came in: without it, as for a session that this
 * request has loaded already, the proof of a device is not asked for.
 */
export function loadOne(
  context: SessionsContext,
  cookie: VerifiedCookie,
  options?: LoadOptions,
  cookies?: string,
): Awaitable<LoadResult> {
  const { around } = context.calls
  return around === null
    ? loadSession(context, cookie, options, cookies)
    : around('load', '', () => loadSession(context, cookie, options, cookies))
}

function loadSession(
  context: SessionsContext,
  cookie: VerifiedCookie,
  options: LoadOptions | undefined,
  cookies: string | undefined,
): Awaitable<LoadResult> {
  const began = context.emit.now()
  const report = (found: LoadResult) => {
    const { emit, guesses, binding } = context
    guesses?.opened(cookie, found)
    const result = binding !== null && cookies !== undefined ? binding.checked(found, cookies) : found
    if (emit.wanted()) emit(eventOf(emit.wantsHandle() ? handleOf(cookie.id) : '', result), { began })
    return result
  }
  const result = context.backing.load(cookie, options)
  return context.stamps === null ? after(result, report) : checkStamp(context, result).then(report)
}

function eventOf(handle: string, result: LoadResult): SessionEvent {
  if (result !== null && 'refused' in result) return { type: 'rejected', what: 'record', reason: result.refused }
  if (isLoaded(result)) return { type: 'loaded', handle }
  if (result !== null && 'expired' in result) return { type: 'expired', handle, reason: result.expired }
  if (result !== null && 'proof' in result && result.proof !== undefined)
    return { type: 'proofRefused', handle, what: 'request', reason: result.proof }
  const isRenewed = result !== null && 'superseded' in result && result.superseded === 'renewed'
  return { type: isRenewed ? 'superseded' : 'absent', handle }
}

/** The different cookies of our name that are ours. */
function verifiedCookies(
  context: SessionsContext,
  cookies: string | undefined,
): readonly VerifiedCookie[] | 'unknown-key' {
  const { transport, backing, emit, guesses } = context
  const found: VerifiedCookie[] = []
  let unknownKey = false
  let texts = transport.read(cookies)
  if (texts.length > 1) texts = [...new Set(texts)]
  if (texts.length > MOST_TRIED) {
    emit({ type: 'rejected', what: 'cookie', reason: 'too-many' })
    texts = texts.slice(0, MOST_TRIED)
  }
  for (const text of texts) {
    const cookie = backing.verify(text)
    if ('refused' in cookie) {
      if (context.adoption?.names(context, text)) continue
      emit({ type: 'rejected', what: 'cookie', reason: cookie.refused })
      unknownKey ||= cookie.refused === 'unknown-key'
      guesses?.refused(text, cookie.refused)
    } else if (!found.some((other) => other.text === cookie.text)) found.push(cookie)
  }
  return found.length === 0 && unknownKey ? 'unknown-key' : found
}

/** Refused if the credential that its login belongs to has changed since. */
export async function checkStamp(
  { stamps, backing }: Pick<SessionsContext, 'stamps' | 'backing'>,
  given: Awaitable<LoadResult>,
): Promise<LoadResult> {
  const result = await given
  if (stamps === null || !isLoaded(result)) return result
  const { meta: before } = result
  if (before.userId === null) return result
  const meta = await stamps.check(before, before.userId)
  if (!('refused' in meta)) return meta === before ? result : { ...result, meta }
  backing.forget(result.ref)
  return meta
}
