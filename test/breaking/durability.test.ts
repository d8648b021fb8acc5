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

const tell = (test: TestContext, lost: number, heard: number, who: string) =>
  test.diagnostic(`${lost} sessions lost something, of ${heard} acknowledged writes, in ${ROUNDS} kills of ${who}`)

onEach(KEPT, { title: 'what was acknowledged', synced: true }, ({ keeps }, place) => {
  it('is there after the application was killed ten times in the middle of its writes', async (test) => {
    let [lost, heard] = [0, 0]
    for (let round = 0; round < ROUNDS; round++) {
      const writer = await Writer.start(place().where)
      try {
        const last = await writer.until(20 + 7 * round, writer.kill)
        lost += await inspect(place(), last)
      } finally {
        await writer.kill()
      }
      heard += writer.heard
    }
    tell(test, lost, heard, 'the application')
    assert.equal(lost, 0)
  })

  it('is there after the server was killed ten times in the middle of it, or is counted as lost', async (test) => {
    const { servers, where } = place()
    if (servers.length === 0)
      return test.skip('there is no server, or several that take over from each other: outage.test.ts has that')
    const writer = await Writer.start(where)
    let lost = 0
    try {
      for (let round = 0; round < ROUNDS; round++) {
        let killed: Promise<unknown> = Promise.resolve()
        const last = await writer.until(40 + 17 * round, () => {
          killed = Promise.all(servers.map((server) => server.kill()))
        })
        await killed
        await Promise.all(servers.map((server) => server.start()))
        lost += await inspect(place(), last)
      }
      tell(test, lost, writer.heard, 'the server')
      if (keeps === 'all') assert.equal(lost, 0)
      // So the count can count.
      if (keeps === 'nothing') assert.ok(lost > 0)
    } finally {
      await writer.kill()
    }
  })
})
