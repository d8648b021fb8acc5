import { Aftermath, type Violation } from './aftermath.ts'
import { isDone, isLogout, presents, renews } from './deeds.ts'
import { endings } from './endings.ts'
import { holders } from './holders.ts'
import { lifetimes } from './lifetimes.ts'
import { limits } from './limits.ts'
import type { Played } from './run.ts'
import type { Deed, Line, Scene } from './scene.ts'

/** Checks everything that must be true now. */
export async function violations(scene: Scene, { actors }: Played): Promise<Violation[]> {
  const { place } = scene
  place.clock.advance(place.staleFor)
  const now = await Aftermath.of(scene)
  const found = place.inCookies
    ? [...endings(now), ...beforeLogin(now)]
    : [
        ...endings(now),
        ...acknowledgedWrites(now),
        ...holders(now, actors),
        ...handles(now),
        ...limits(now),
        ...beforeLogin(now),
      ]
  for await (const one of lifetimes(now)) found.push(one)
  const all = place.inCookies ? found.map(({ what }) => ({ invariant: 'I8', what }) as const) : found
  return [...new Map(all.map((one) => [`${one.invariant} ${one.what}`, one])).values()]
}

/** I3. Each copy of a session in a cookie has its own data, so there it holds of servers' sessions only. */
function* acknowledgedWrites({ deeds, open }: Aftermath): Iterable<Violation> {
  for (const deed of deeds) {
    const line = deed.presented?.line
    if (!(deed.verb === 'write' || deed.verb === 'keep') || !isDone(deed) || !deed.loaded?.isLive || !line) continue
    if (deeds.some((other) => other.verb === 'clear' && presents(other, line))) continue
    for (const { cookie, keys } of open)
      if (!keys.has(deed.key) && (cookie.line === line || inherits(deeds, cookie.line, line)))
        yield {
          invariant: 'I3',
          what: `an acknowledged write is missing${cookie.line === line ? '' : ' after a login'}`,
        }
  }
}

/** Must a login have taken over everything of the anonymous session that it came with? If it was the only one. */
function inherits(deeds: readonly Deed[], line: Line, from: Line): boolean {
  const isChanged = deeds.some((deed) => presents(deed, from) && (renews(deed) || isLogout(deed)))
  const logins = deeds.filter((deed) => deed.isLogin && isDone(deed) && deed.presented?.line === from)
  return (
    line.parent === from &&
    line.login?.loaded?.isLive === true &&
    from.user === null &&
    !isChanged &&
    logins.length === 1
  )
}

/** I5. */
function* handles({ deeds }: Aftermath): Iterable<Violation> {
  for (const deed of deeds)
    if (renews(deed) && deed.received && deed.loaded?.handle !== deed.received.handle)
      yield { invariant: 'I5', what: 'a renewal changed the handle' }
}

/** I7. A cookie from before a login opens nothing afterwards, and never what belongs to a user. */
function* beforeLogin(aftermath: Aftermath): Iterable<Violation> {
  const { users } = aftermath.scene.place
  for (const { cookie, user } of aftermath.open)
    if (user !== (cookie.line.user && users[cookie.line.user]))
      yield { invariant: 'I7', what: 'a cookie opens the session of somebody else' }
  for (const deed of aftermath.deeds) {
    const { isLogin, presented, received, loaded } = deed
    if (!isDone(deed) || !presented || !received) continue
    if (aftermath.opens(presented) && (isLogin || renews(deed)))
      yield { invariant: 'I7', what: `the cookie from before "${deed.verb}" still opens` }
    // Of an anonymous session whose cookie was superseded, nobody can tell whose it is now.
    const isTheirs = loaded?.isLive || presented.line.user !== null
    const mustEnd = isLogin && received.line !== presented.line && isTheirs
    if (mustEnd && aftermath.lives(presented.line))
      yield { invariant: 'I7', what: `the session that "${deed.verb}" came with lives on` }
  }
}
