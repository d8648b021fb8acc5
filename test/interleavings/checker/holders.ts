import type { Actor } from './actor.ts'
import type { Aftermath, Violation } from './aftermath.ts'
import { beginOf, endsAll, isDone, isLogout, lastOf, overlaps, presents, renews, spares } from './deeds.ts'
import { type Cookie, type Deed, isForeign, type Line } from './scene.ts'

/** One live record for each session, and nobody is locked out by his own requests (I4). */
export function* holders(aftermath: Aftermath, actors: readonly Actor[]): Iterable<Violation> {
  yield* oneOfEach(aftermath)
  for (const actor of actors) yield* staysSignedIn(aftermath, actor)
  yield* page(aftermath)
  yield* refusals(aftermath)
}

/** One live record for each session, one cookie that opens it, and no record that nobody has a cookie of. */
function* oneOfEach({ open, listed, scene }: Aftermath): Iterable<Violation> {
  const texts = new Map<Line, Set<string>>()
  for (const { cookie } of open)
    if (!isForeign(cookie)) texts.set(cookie.line, (texts.get(cookie.line) ?? new Set()).add(cookie.text))
  // After a renewal by time, the one before it, too.
  const most = scene.place.renewsByTime ? 2 : 1
  if ([...texts.values()].some(({ size }) => size > most))
    yield { invariant: 'I4', what: 'two cookies of one session open it' }
  if (!listed) return
  const { u } = scene.place.users
  const handles = new Set(open.filter(({ user }) => user === u).map(({ handle }) => `${handle}`))
  if (listed.size > handles.size || [...listed].some((handle) => !handles.has(handle)))
    yield { invariant: 'I4', what: 'a live record that nobody has a cookie of' }
  if ([...handles].some((handle) => !listed.has(handle)))
    yield { invariant: 'I4', what: 'a live session that is not in the list' }
}

/** Anyone who holds the current cookie stays signed in, unless an end or another holder concerns his session. */
function* staysSignedIn(aftermath: Aftermath, { name, cookie }: Actor): Iterable<Violation> {
  if (!cookie || aftermath.opens(cookie)) return
  const { deeds } = aftermath
  const isLost = deeds.some(
    ({ actor, verb, presented, received }) =>
      actor === name && verb === 'renew unanswered' && presented === cookie && received,
  )
  const mine = deeds.findLast(({ received }) => received === cookie) ?? null
  // Signing in again renews the session. If an end of all others forbids that, the session is over: nobody has its new token.
  const isOver = deeds.some(
    (deed) =>
      deed.actor === name &&
      presents(deed, cookie.line) &&
      (isLogout(deed) || (deed.isLogin && !isDone(deed) && isEnded(deeds, deed))),
  )
  if (!isLost && !isOver && !isConcerned(deeds, cookie.line, name, mine))
    yield {
      invariant: 'I4',
      what: `after ${mine ? `"${mine.verb}"` : 'nothing'} the holder of the current cookie is locked out`,
    }
}

/**
 * The requests of one page may be answered in any order, so each Set-Cookie may be the one that its browser has in the end:
 * none may sign it out of what a login or a renewal of the page has made.
 */
function* page({ deeds: all, open, scene }: Aftermath): Iterable<Violation> {
  for (const members of ['OT', 'LM']) {
    const deeds = all.filter(({ actor }) => members.includes(actor))
    const moves = deeds.filter((deed) => deed.isLogin || renews(deed))
    const isPage = all.every(({ ends, key }) => !ends && key.endsWith('0')) && moves.length > 0
    if (!isPage || deeds.length < 2 || (moves.length > 1 && moves.some(({ isLogin }) => isLogin))) continue
    if (all.some(({ verb }) => verb === 'login over the limit')) continue
    // What cannot be had: the answer to a renewal by time arrives after that to a login or a demanded renewal.
    if (scene.place.renewsByTime && deeds.some((deed) => !moves.includes(deed) && deed.setCookie !== undefined))
      continue
    for (const { verb, isLogin, setCookie } of deeds)
      if (
        setCookie !== undefined &&
        !isLogin &&
        !open.some(({ cookie }) => cookie.text === setCookie && isMoved(cookie))
      )
        yield { invariant: 'I4', what: `a page is signed out by its own "${verb}"` }
  }
}

/** Does the cookie come from a login or a renewal? */
const isMoved = ({ line }: Cookie) =>
  line.login !== null || line.parent !== null || ['S0', 'S1', 'A'].includes(line.name)

/** A login, renewal or write may be refused only if something concerns its session. */
function* refusals({ deeds }: Aftermath): Iterable<Violation> {
  for (const deed of deeds) {
    if (!(deed.result instanceof Error) || (deed.ends && !deed.isLogin)) continue
    // Those of a limit are looked at with the limit.
    if (deed.result.name === 'SessionLimitError') continue
    const concerned = deed.presented !== null && isConcerned(deeds, deed.presented.line, deed.actor, null)
    if (!deed.isLogin) {
      if (deed.presented && !concerned)
        yield { invariant: 'I4', what: `"${deed.verb}" was refused, and nothing concerned its session` }
    } else if (!isEnded(deeds, deed) && !(deed.ends && concerned))
      yield { invariant: 'I4', what: `"${deed.verb}" was refused, and nothing had ended it` }
  }
}

const isEnded = (deeds: readonly Deed[], login: Deed) =>
  login.verb !== 'login as v' && deeds.some((end) => end !== login && endsAll(end) && overlaps(end, login))

/** Was something done by which a session may end, by another actor or by leaving it empty, or by which this holder's cookie may be superseded? */
function isConcerned(deeds: readonly Deed[], line: Line, actor: string, mine: Deed | null): boolean {
  return deeds.some((deed) => {
    if (deed.verb === 'revoke' && line.name === 'S0') return true
    // In the cookies of an engine without a store it also gives each holder a cookie of his own.
    if (deed.verb === 'clear' && isDone(deed) && presents(deed, line)) return line.user === null
    if (deed.actor === actor) return false
    if (mine?.isLogin && line.login === mine && lastOf(deed) < beginOf(mine)) return false
    const shares = presents(deed, line)
    if (endsAll(deed) && line.user === 'u' && !spares(deed, line)) return true
    if (deed.verb === 'login over the limit' && line.user === 'u') return true
    // Nobody else has what a login or a demanded renewal has given; but what was adopted, everybody who came with that cookie.
    const isAlone = mine?.presented != null && !isForeign(mine.presented) && (mine.isLogin || renews(mine))
    return shares && (isLogout(deed) || deed.isLogin || (renews(deed) && !isAlone))
  })
}
