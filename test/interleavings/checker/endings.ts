import type { Aftermath, Violation } from './aftermath.ts'
import { beginOf, canEnd, endsAll, firstOf, isDone, isLogout, lastOf, linesOf, spares } from './deeds.ts'
import type { Deed } from './scene.ts'

/** What holds of every end, wherever the sessions are: of single sessions (I1) and of all that a user has (I2). */
export function* endings(aftermath: Aftermath): Iterable<Violation> {
  yield* endedOnes(aftermath)
  yield* loads(aftermath)
  yield* endedAll(aftermath)
}

/** What a logout or a revocation has ended opens for nobody. */
function* endedOnes(aftermath: Aftermath): Iterable<Violation> {
  const revoked = aftermath.scene.start.get('S0')?.line
  for (const deed of aftermath.deeds.filter(isDone)) {
    if (deed.verb === 'revoke' && revoked && aftermath.lives(revoked))
      yield { invariant: 'I1', what: 'a session that was revoked by its handle is alive' }
    if (!isLogout(deed)) continue
    for (const line of linesOf(deed))
      if (canEnd(deed, line) && aftermath.lives(line))
        yield { invariant: 'I1', what: `a session whose owner logged out with ${cookieOf(deed)} is alive` }
  }
}

function cookieOf({ loaded, besides }: Deed): string {
  if (besides) return 'two cookies'
  return loaded?.isLive ? 'the current cookie' : 'a superseded cookie'
}

/** Nor did it open for anybody who came after the end had been acknowledged. */
function* loads(aftermath: Aftermath): Iterable<Violation> {
  const { scene, deeds } = aftermath
  if (scene.place.staleFor > 0) return
  for (const deed of deeds) {
    const line = deed.presented?.line
    // With two cookies, the other one may have opened.
    if (!line || !deed.loaded?.isLive || deed.besides) continue
    const { since } = deed.loaded
    const ends = (end: Deed) => isLogout(end) && canEnd(end, line)
    if (deeds.some((end) => isDone(end) && lastOf(end) < since && ends(end)))
      yield { invariant: 'I1', what: 'a session opened after its owner had logged out' }
  }
}

function* endedAll({ deeds, open }: Aftermath): Iterable<Violation> {
  for (const deed of deeds.filter((deed) => isDone(deed) && endsAll(deed)))
    for (const { cookie } of open) {
      const { line } = cookie
      if (line.user !== 'u' || spares(deed, line)) continue
      if (line.login === null || beginOf(line.login) < firstOf(deed))
        yield { invariant: 'I2', what: `a session that began before "${deed.verb}" outlived it` }
    }
}
