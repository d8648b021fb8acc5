import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { onEach, type Place } from './kit/world.ts'
import { allAreWhole, losses, Writer } from './kit/writer.ts'
import { KEPT } from './worlds.ts'

const ROUNDS = 10

/** What is found by a handle that knows of nothing. */
async function inspect(place: Place, last: Awaited<ReturnType<Writer['until']>>): Promise<number> {
  const store = await place.open()
  try {
    const lost = await losses(store, last)
    await allAreWhole(store)
    return lost
  } finally {
    await store.close()
  }
}

function tell(test: TestContext, { lost, sessions }: { lost: number; sessions: number }, writes: number, who: string) {
  const of = `${writes} acknowledged writes to ${sessions} sessions`
  test.diagnostic(`${ROUNDS} kills of ${who}, ${of}: ${lost} sessions lost something`)
}

onEach(KEPT, { title: 'what was acknowledged', synced: true }, ({ keeps }, place) => {
  it('is there after the application was killed ten times in the middle of its writes', async (test) => {
    let [lost, sessions, heard] = [0, 0, 0]
    for (let round = 0; round < ROUNDS; round++) {
      const writer = await Writer.start(place().where)
      try {
        const last = await writer.until(20 + 7 * round, writer.kill)
        sessions += last.size
        lost += await inspect(place(), last)
      } finally {
        await writer.kill()
      }
      heard += writer.heard
    }
    tell(test, { lost, sessions }, heard, 'the application')
    assert.equal(lost, 0)
  })

  it('is there after the server was killed ten times in the middle of it, or is counted as lost', async (test) => {
    const { servers, where } = place()
    if (servers.length === 0) return test.skip('there is no server but the application')
    const writer = await Writer.start(where)
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
        lost += await inspect(place(), last)
      }
      tell(test, { lost, sessions }, writer.heard, 'the server')
      if (keeps === 'all') assert.equal(lost, 0)
      // So the count can count.
      if (keeps === 'nothing') assert.ok(lost > 0)
    } finally {
      await writer.kill()
    }
  })
})
