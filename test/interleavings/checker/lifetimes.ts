import { Aftermath, type Violation } from './aftermath.ts'
import { isDone, presents } from './deeds.ts'
import { endings } from './endings.ts'
import type { Deed, Line } from './scene.ts'
import { DAY, MINUTE, SHORTENED } from './spans.ts'

/** A session that was shortened is over, and no other one. */
const SOON = SHORTENED + MINUTE
/** Everything is over, and no tombstone of it is left, except for what was prolonged. */
const LATE = 5 * DAY

/** A session lives as long as the application has said last, and not longer: looks again after some time. */
export async function* lifetimes(now: Aftermath): AsyncIterable<Violation> {
  const { scene, deeds, open } = now
  const { clock } = scene.place
  const shortened = linesOfLast(deeds, 'shorten')
  const prolonged = linesOfLast(deeds, 'prolong')
  if (shortened.size > 0) {
    const soon = await lookAfter(SOON)
    for (const { cookie } of soon.open)
      if (shortened.has(cookie.line))
        yield { invariant: 'I1', what: 'a session that was to end sooner has outlived its end' }
  }
  if (prolonged.size > 0) {
    const late = await lookAfter(LATE)
    yield* endings(late)
    for (const { cookie } of open) {
      // In the cookie it is this copy alone.
      const isProlonged = scene.place.inCookies ? wasProlonged(deeds, cookie) : prolonged.has(cookie.line)
      if (isProlonged && !late.opens(cookie))
        yield { invariant: 'I4', what: 'a session that was prolonged was cut off' }
    }
  }

  async function lookAfter(time: number): Promise<Aftermath> {
    clock.advance(time)
    return Aftermath.of(scene)
  }
}

/** The sessions whose lifetime was set by this verb, and by nothing else. */
function linesOfLast(deeds: readonly Deed[], verb: 'shorten' | 'prolong'): ReadonlySet<Line> {
  const set = deeds.flatMap((deed) =>
    deed.verb === verb && isDone(deed) && deed.presented ? [deed.presented.line] : [],
  )
  const isSetElsewhere = (line: Line) =>
    deeds.some(
      (deed) =>
        presents(deed, line) && (deed.isLogin || (['shorten', 'prolong'].includes(deed.verb) && deed.verb !== verb)),
    )
  return new Set(set.filter((line) => !isSetElsewhere(line)))
}

const wasProlonged = (deeds: readonly Deed[], cookie: Deed['received']) =>
  deeds.some(({ verb, received }) => verb === 'prolong' && received === cookie)
