import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ENVIRONMENTS } from './environments.ts'
import { type Fault, onEach, type PreparedFault } from './fixtures/environment.ts'
import { Load, type Report } from './fixtures/load.ts'
import { openStore } from './fixtures/location.ts'
import { sessionsOn } from './fixtures/site.ts'

/** The time limit of a store call in ms, and what a busy machine may add to it. */
const [LIMIT, SLACK] = [1200, 900]
/** Within this time after its server is back, a store must work again by itself. */
const RECOVERY_LIMIT = 15_000

/** Twenty visitors send requests without pause: before the fault, while it lasts, and until all of them are served again. */
async function endure({ location, inject, recover }: PreparedFault, { refuses }: Fault): Promise<Report> {
  // The limit of the engine is larger, so that the limit of the application is what is tested.
  const store = await openStore(location, { timeout: 5 * LIMIT })
  const load = new Load(sessionsOn(store, { storeTimeout: LIMIT }))
  try {
    await load.start(20)
    await load.untilServed(RECOVERY_LIMIT)
    await inject()
    load.faultLasts = true
    await load.untilRefused(refuses === 'some' ? 'one' : 'all', refuses === 'nothing' ? 3 * LIMIT : 10_000)
    load.faultLasts = false
    await recover()
    await load.untilServed(RECOVERY_LIMIT)
    return await load.end()
  } finally {
    if (load.faultLasts) await recover()
    await load.stop()
    await store.close()
  }
}

function judge(report: Report, { refuses, forgets, loses }: Fault): void {
  // A request reads and writes, and each call may take the full time.
  assert.ok(
    report.slowest <= 2 * LIMIT + SLACK,
    `a request took ${report.slowest} ms, with a limit of ${LIMIT} ms a call`,
  )
  assert.equal(report.refused > 0, refuses !== 'nothing', 'whether requests are refused')
  if (refuses === 'writes') assert.ok(report.answeredDuring > 0, 'requests that only read are served during the fault')
  if (!forgets) assert.equal(report.loggedOut, 0, 'a silent logout')
  if (!forgets && !loses) assert.equal(report.lostWrites, 0, 'an acknowledged write is lost')
}

onEach(
  ENVIRONMENTS.filter(({ faults }) => faults.length > 0),
  { title: 'an outage', synced: true },
  ({ faults }, running) => {
    for (const fault of faults)
      it(`no request hangs, no visitor is logged out, no session is half-written, and all are served afterwards, when ${fault.name}`, async (test) => {
        const ready = await fault.prepare(running())
        if (typeof ready === 'string') return test.skip(ready)
        try {
          const report = await endure(ready, fault)
          test.diagnostic(
            Object.entries(report)
              .map(([name, value]) => `${name} ${value}`)
              .join(', '),
          )
          judge(report, fault)
        } finally {
          await ready.cleanUp?.()
        }
      })
  },
)
