import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { PERSISTENT } from './environments.ts'
import { onEach, type RunningEnvironment } from './fixtures/environment.ts'
import { allAreWhole, losses, Writer } from './fixtures/writer.ts'

const ROUNDS = 10

/** Counts the losses through a new handle, which has nothing in its memory. */
async function inspect(running: RunningEnvironment, last: Awaited<ReturnType<Writer['until']>>): Promise<number> {
  const store = await running.open()
  try {
    const lost = await losses(store, last)
    await allAreWhole(store)
    return lost
  } finally {
    await store.close()
  }
}

function report(
  test: TestContext,
  { lost, sessions }: { lost: number; sessions: number },
  writes: number,
  killed: string,
) {
  const of = `${writes} acknowledged writes to ${sessions} sessions`
  test.diagnostic(`${ROUNDS} kills of ${killed}, ${of}: ${lost} sessions lost something`)
}

onEach(PERSISTENT, { title: 'an acknowledged write', synced: true }, ({ survives }, running) => {
  it('survives when the application is killed in the middle of its writes, ten times', async (test) => {
    let [lost, sessions, writes] = [0, 0, 0]
    for (let round = 0; round < ROUNDS; round++) {
      const writer = await Writer.start(running().location)
      try {
        const last = await writer.until(20 + 7 * round, writer.kill)
        sessions += last.size
        lost += await inspect(running(), last)
      } finally {
        await writer.kill()
      }
      writes += writer.received
    }
    report(test, { lost, sessions }, writes, 'the application')
    assert.equal(lost, 0)
  })

  it('survives when the server is killed in the middle of writes, ten times, or is counted as lost', async (test) => {
    const { servers, location } = running()
    if (servers.length === 0) return test.skip('the application itself is the server')
    const writer = await Writer.start(location)
    let [lost, sessions] = [0, 0]
    try {
      for (let round = 0; round < ROUNDS; round++) {
        let killed: Promise<unknown> = Promise.resolve()
        const last = await writer.until(40 + 17 * round, () => {
          killed = Promise.all(servers.map((server) => server.kill()))
        })
        await killed
        await Promise.all(servers.map((server) => server.start()))
        sessions += last.size
        lost += await inspect(running(), last)
      }
      report(test, { lost, sessions }, writer.received, 'the server')
      if (survives === 'all') assert.equal(lost, 0)
      // Otherwise the count would prove nothing.
      if (survives === 'nothing') assert.ok(lost > 0)
    } finally {
      await writer.kill()
    }
  })
})
