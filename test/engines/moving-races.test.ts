import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { move, moving, type Phase } from '../../packages/strongroom/src/engines/moving/moving.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry, IndexedStore, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { HOUR, newId, newOwner } from '../../packages/strongroom/src/testing/store/entries.ts'
import { Gates, race } from '../core/fixtures/gates.ts'

type Whole = IndexedStore & ScannableStore

/** What happens to one session at the same time, each actor on a node of its own. */
const phase = fc.constantFrom<Phase>('prepare', 'move')
const actor = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant('write' as const), phase }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('touch' as const), phase, minutes: fc.nat({ max: 90 }) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('read' as const), phase }) },
  fc.record({ does: fc.constant('delete' as const), phase }),
  fc.record({ does: fc.constant('deleteAll' as const), phase }),
  { weight: 2, arbitrary: fc.record({ does: fc.constant('move' as const) }) },
  /** Dies after that many calls to a store. */
  { weight: 2, arbitrary: fc.record({ does: fc.constant('die' as const), after: fc.integer({ min: 3, max: 9 }) }) },
)
type Actor = typeof actor extends fc.Arbitrary<infer T> ? T : never

/** Makes that many calls, and no more: as far as the stores can tell, the process was killed. */
function mortal(store: Whole, calls: { left: number }): Whole {
  const wrap =
    <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      calls.left -= 1
      return calls.left < 0 ? Promise.reject(new StoreError('dead')) : method(...args)
    }
  const names = ['create', 'read', 'update', 'touch', 'delete'] as const
  return {
    ...store,
    ...Object.fromEntries(names.map((name) => [name, wrap(store[name] as (...args: unknown[]) => Promise<unknown>)])),
  }
}

/** One session in the old store, and everything that its users were told. */
class Fixture {
  readonly id = newId()
  readonly owner = newOwner()
  readonly clock = manualClock()
  readonly gates = new Gates()
  readonly from: Whole
  readonly to: Whole
  readonly written: number[] = []
  deadline: number
  ended = false

  constructor() {
    const { clock, gates } = this
    this.from = gates.around(memory({ clock, max: 10 }))
    this.to = gates.around(memory({ clock, max: 10 }))
    this.deadline = clock() + HOUR
  }

  entry(marks: readonly number[], expiresAt = this.clock() + HOUR): Entry {
    const bytes = Buffer.from(JSON.stringify(marks))
    return { bytes, expiresAt, owner: this.owner, label: null, createdAt: this.clock() }
  }

  node(phase: Phase): Whole {
    const { from, to, clock } = this
    return moving({ from, to, phase, clock })
  }

  async act(given: Actor, mark: number): Promise<void> {
    const { id, owner, from, to, clock } = this
    switch (given.does) {
      case 'write':
        return this.#write(this.node(given.phase), mark)
      case 'touch': {
        const expiresAt = clock() + HOUR + given.minutes * 60_000
        if (await this.node(given.phase).touch(id, expiresAt)) this.deadline = expiresAt
        return
      }
      case 'read': {
        const [known, ended] = [[...this.written], this.ended]
        const found = await this.node(given.phase).read(id)
        if (ended) assert.equal(found, null, 'a read finds the session after the logout')
        if (!found) assert.ok(this.ended || this.ending, 'a read finds nothing')
        else for (const each of known) assert.ok(marksOf(found.entry).includes(each), 'a read misses what was written')
        return
      }
      case 'delete':
        if (await this.node(given.phase).delete(id)) this.#end()
        return
      case 'deleteAll':
        if ((await this.node(given.phase).byOwner.deleteAll(owner)) > 0) this.#end()
        return
      case 'move':
        await move({ from, to, clock })
        return
      case 'die': {
        const calls = { left: given.after }
        await move({ from: mortal(from, calls), to: mortal(to, calls), clock }).catch(() => undefined)
      }
    }
  }

  /** Set when an actor is going to end it: the session may be gone before that call returns. */
  ending = false

  #end(): void {
    assert.equal(this.ended, false, 'ended twice')
    this.ended = true
  }

  async #write(node: Whole, mark: number): Promise<void> {
    for (let round = 0; round < 50; round += 1) {
      const ended = this.ended
      const found = await node.read(this.id)
      if (!found) return assert.ok(this.ended || this.ending, 'a session that was there is gone')
      assert.equal(ended, false, 'a session came back')
      const next = this.entry([...marksOf(found.entry), mark], found.entry.expiresAt)
      if ((await node.update(this.id, next, found.version)) === null) continue
      this.written.push(mark)
      return
    }
    assert.fail('a write never succeeded')
  }

  /** When all actors have ended: finishes the move, and checks the outcome. */
  async check(actors: readonly Actor[]): Promise<void> {
    const { id, from, to, clock } = this
    const report = await move({ from, to, clock })
    assert.equal(report.remaining, 0)
    assert.equal(await from.read(id), null)
    const found = await this.node('move').read(id)
    assert.deepEqual(await this.node('prepare').read(id), found)
    if (this.ending) assert.equal(this.ended, true, 'an actor ended it, and was told so')
    if (this.ended) return assert.equal(found, null, 'it stays ended')
    assert.ok(found, 'it is live')
    assert.deepEqual(marksOf(found.entry).sort(), this.written.sort(), 'every write is there, once')
    const did = (verb: Actor['does']) => actors.filter(({ does }) => does === verb).length
    // A write also sets the deadline, to the one that it has read. Several touches may overtake each other.
    if (did('touch') === 1 && did('write') === 0)
      assert.equal(found.entry.expiresAt, this.deadline, 'the deadline of the touch')
  }
}

function marksOf({ bytes }: Entry): number[] {
  return JSON.parse(Buffer.from(bytes).toString())
}

describe('moving, whatever happens at the same time', () => {
  const run = async (actors: readonly Actor[], choices: readonly number[]) => {
    const fixture = new Fixture()
    await fixture.from.create(fixture.id, fixture.entry([]))
    fixture.ending = actors.some(({ does }) => does === 'delete' || does === 'deleteAll')
    let turn = 0
    const choose = (count: number) => (choices[turn++ % choices.length] ?? 0) % count
    const tasks = actors.map((actor, index) => () => fixture.act(actor, index))
    const results = await race(fixture.gates, tasks, choose)
    for (const result of results) if (result.status === 'rejected') throw result.reason
    await fixture.check(actors)
  }

  it('loses no session and no update, and brings back no session that has ended', async () => {
    const property = fc.asyncProperty(
      fc.array(actor, { minLength: 2, maxLength: 5 }),
      fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 200 }),
      run,
    )
    await fc.assert(property, { numRuns: 600 })
  })

  for (const does of ['touch', 'deleteAll', 'write'] as const) {
    it(`lets no mover miss a ${does} by a node in phase prepare`, async () => {
      const property = fc.asyncProperty(
        fc.constantFrom<Actor>({ does: 'move' }, { does: 'touch', phase: 'move', minutes: 0 }),
        fc.array(fc.nat({ max: 1 }), { minLength: 60, maxLength: 60 }),
        (mover, choices) => run([{ does, phase: 'prepare', minutes: 30 } as Actor, mover], choices),
      )
      await fc.assert(property, { numRuns: 300 })
    })
  }

  it('survives a mover that dies at any of its calls, and the next mover goes on', async () => {
    for (let after = 0; after < 12; after += 1) {
      for (const phase of ['prepare', 'move'] as const) {
        await run([{ does: 'die', after }], [0])
        await run(
          [
            { does: 'die', after },
            { does: 'write', phase },
          ],
          [0],
        )
        await run(
          [
            { does: 'die', after },
            { does: 'delete', phase },
          ],
          [0],
        )
        await run(
          [
            { does: 'die', after },
            { does: 'touch', phase, minutes: 9 },
          ],
          [0],
        )
      }
    }
  })
})
