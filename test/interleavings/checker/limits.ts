import type { Aftermath, Violation } from './aftermath.ts'
import { canEnd, endsAll, firstOf, isDone, isLogout, lastOf, spares } from './deeds.ts'
import type { Deed, Line } from './scene.ts'
import { LIMIT } from './verbs.ts'

const isLimited = ({ verb }: Deed) => verb === 'login at the limit' || verb === 'login over the limit'

/** A limit is never exceeded, and sessions that have ended do not count (I6). */
export function* limits({ deeds, listed, scene }: Aftermath): Iterable<Violation> {
  const logins = deeds.filter(({ verb }) => verb.startsWith('login') && verb !== 'login as v')
  if (logins.some(isLimited) && logins.every(isLimited) && listed && listed.size > LIMIT)
    yield { invariant: 'I6', what: 'there are more sessions than the limit allows' }
  const before = ['S0', 'S1'].flatMap((name) => scene.start.get(name)?.line ?? [])
  for (const deed of deeds.filter(({ result }) => result instanceof Error && result.name === 'SessionLimitError')) {
    const others = before.filter((line) => line !== deed.presented?.line && !hadEnded(deeds, line, deed))
    const begun = deeds.filter((other) => isLoginOfUser(other) && other !== deed && firstOf(other) < lastOf(deed))
    if (others.length + begun.length < LIMIT)
      yield { invariant: 'I6', what: 'a login was refused, and there were fewer sessions than the limit allows' }
  }
}

const isLoginOfUser = ({ isLogin, verb }: Deed) => isLogin && verb !== 'login as v'

/** Had the end of this session been acknowledged when the login came? */
function hadEnded(deeds: readonly Deed[], line: Line, login: Deed): boolean {
  const ended = deeds.filter((end) => isDone(end) && lastOf(end) < firstOf(login))
  return ended.some(
    (end) =>
      (isLogout(end) && canEnd(end, line)) ||
      (end.verb === 'revoke' && line.name === 'S0') ||
      (endsAll(end) && !spares(end, line)),
  )
}
