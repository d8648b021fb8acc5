import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Break, Failure } from './kit/failures.ts'
import { Load, type Report } from './kit/load.ts'
import { sessionsOn } from './kit/site.ts'
import { openAt } from './kit/where.ts'
import { onEach } from './kit/world.ts'
import { WORLDS } from './worlds.ts'

/** The time limit of a store call, in ms, and what a busy machine may add to it. */
const [LIMIT, SLACK] = [1200, 900]
/** Within this a store has to be back by itself, counted from when its server is. */
const PATIENCE = 15_000

/** Twenty visitors ask without pause: before it strikes, while it lasts, and until all of them are served again. */
async function endure({ where, strike, mend }: Break, { refuses }: Failure): Promise<Report> {
  // The engine's own limit is the larger one: the application's must do.
  const store = await openAt(where, { timeout: 5 * LIMIT })
  const load = new Load(sessionsOn(store, { storeTimeout: LIMIT }))
  try {
    await load.start(20)
    await load.untilServed(PATIENCE)
    await strike()
    load.lasts = true
    await load.untilRefused(refuses === 'some' ? 'one' : 'all', refuses === 'nothing' ? 4 * LIMIT : 10_000)
    load.lasts = false
    await mend()
    await load.untilServed(PATIENCE)
    return await load.end()
  } finally {
    if (load.lasts) await mend()
    await load.stop()
    await store.close()
  }
}

function judge(report: Report, { refuses, forgets, loses }: Failure): void {
  // A request reads and writes, and each may take its time.
  assert.ok(
    report.slowest <= 2 * LIMIT + SLACK,
    `a request took ${report.slowest} ms, with a limit of ${LIMIT} ms a call`,
  )
  assert.equal(report.refused > 0, refuses !== 'nothing', 'who is refused')
  if (refuses === 'writes') assert.ok(report.answeredMeanwhile > 0, 'who only reads is served all the time')
  if (!forgets) assert.equal(report.loggedOut, 0, 'a silent logout')
  if (!forgets && !loses) assert.equal(report.lostWrites, 0, 'an acknowledged write is lost')
}

onEach(
  WORLDS.filter(({ failures }) => failures.length > 0),
  { title: 'an outage', synced: true },
  ({ failures }, place) => {
    for (const failure of failures)
      it(`nobody hangs, is logged out or half written, and all is well afterwards, when ${failure.name}`, async (test) => {
        const ready = await failure.prepare(place())
        if (typeof ready === 'string') return test.skip(ready)
        try {
          const report = await endure(ready, failure)
          test.diagnostic(
            Object.entries(report)
              .map(([name, value]) => `${name} ${value}`)
              .join(', '),
          )
          judge(report, failure)
        } finally {
          await ready.clean?.()
        }
      })
  },
)
