import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Entry, Id } from 'strongroom'
import { memory } from 'strongroom/memory'
import { explore, Interleaver } from '../../packages/cli/src/lab/interleaver.ts'

const signal = new AbortController().signal
const options = { limit: 10_000, longest: 60_000, abreast: 1, signal }
const id = 'a'.repeat(64) as Id
const entry = (bytes: string): Entry => ({
  ...{ expiresAt: Date.now() + 60_000, owner: null, label: null, createdAt: Date.now() },
  bytes: Buffer.from(bytes),
})

/** Two actors that read, and then write one letter more whatever has happened in between. */
async function appending(choose: (actors: readonly number[]) => number) {
  const interleaver = new Interleaver()
  const store = memory()
  await store.create(id, entry(''))
  const views = ['a', 'b'].map((_, actor) => interleaver.store(actor, store))
  const order: string[] = []
  const append = (letter: string, actor: number) => async () => {
    const view = views[actor] ?? assert.fail()
    const found = (await view.read(id)) ?? assert.fail()
    order.push(`${letter} has read`)
    const text = Buffer.from(found.entry.bytes).toString()
    const now = (await store.read(id)) ?? assert.fail()
    await view.update(id, entry(text + letter), now.version)
    order.push(`${letter} has written`)
  }
  const results = await interleaver.run([append('a', 0), append('b', 1)], choose)
  const last = (await store.read(id)) ?? assert.fail()
  return { order: order.join(', '), results, text: Buffer.from(last.entry.bytes).toString() }
}

suite('the orders of store calls', () => {
  test('are all run, and each once', async () => {
    const { outcomes, complete } = await explore(appending, options)
    assert.equal(complete, null)
    assert.equal(outcomes.length, 6)
    assert.equal(new Set(outcomes.map(({ order }) => order)).size, 6)
    for (const { results } of outcomes) assert.ok(results.every(({ status }) => status === 'fulfilled'))
  })

  test('begin with those that have no interruption, and those with one come next', async () => {
    const { outcomes } = await explore(appending, options)
    const texts = outcomes.map(({ order }) => order)
    assert.deepEqual(texts.slice(0, 2).sort(), [
      'a has read, a has written, b has read, b has written',
      'b has read, b has written, a has read, a has written',
    ])
  })

  test('say how far they got when there are more than the limit', async () => {
    const { outcomes, complete } = await explore(appending, { ...options, limit: 2 })
    assert.equal(outcomes.length, 2)
    assert.equal(complete, 0)
  })

  test('are the same when several run at the same time', async () => {
    const { outcomes, complete } = await explore(appending, { ...options, abreast: 4 })
    assert.equal(complete, null)
    assert.equal(new Set(outcomes.map(({ order }) => order)).size, 6)
  })

  test('are not begun when there is no time left', async () => {
    const { outcomes, complete } = await explore(appending, { ...options, longest: 0 })
    assert.deepEqual([outcomes.length, complete], [0, -1])
  })

  test('are not run after the attack was stopped', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'))
    await assert.rejects(explore(appending, { ...options, signal: stopped }), /stopped/)
  })
})
