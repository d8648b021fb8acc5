import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { applyChanges, type Changes } from '../../packages/strongroom/src/session/merge.ts'
import { type Anything, fixture } from './fixtures/fixture.ts'
import { race, settle } from './fixtures/gates.ts'

/** What a request does, and the same done to plain values, as the model. */
type Op =
  | { readonly op: 'set'; readonly key: string; readonly value: number }
  | { readonly op: 'delete' | 'pull' | 'count'; readonly key: string }
  | { readonly op: 'push'; readonly key: string; readonly value: number }
  | { readonly op: 'flash'; readonly value: number }
  | { readonly op: 'flashed' | 'clear' }

const KEYS = ['a', 'b', '__proto__', 'constructor']
const LISTS = ['list', '7']
const key = fc.constantFrom(...KEYS)
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('set' as const), key, value: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('delete' as const, 'pull' as const), key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('count' as const), key: fc.constant('n') }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('push' as const), key: fc.constantFrom(...LISTS), value: fc.nat(9) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('flash' as const), value: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('flashed' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear' as const) }) },
)

/** Returns the flash messages that each read has shown. */
function play(session: Anything, ops: readonly Op[]): number[][] {
  const shown: number[][] = []
  for (const each of ops)
    switch (each.op) {
      case 'set':
        session.set(each.key, each.value)
        break
      case 'count':
        session.update(each.key, (n = 0) => n + 1)
        break
      case 'push':
        session.update(each.key, (list = []) => [...list, each.value])
        break
      case 'flash':
        session.flash('x', each.value)
        break
      case 'flashed':
        shown.push(session.flash('x'))
        break
      case 'clear':
        session.clear()
        break
      default:
        session[each.op](each.key)
    }
  return shown
}

interface Model {
  readonly values: ReadonlyMap<string, unknown>
  readonly flashed: readonly number[]
}

/**
 * What a request does to a newer state: it sets and deletes its own keys as it last did, runs its updates again, and removes the
 * flash messages that it has shown, but not those that were added since.
 */
function laid(before: Model, ops: readonly Op[], shown: readonly number[][]): Model {
  const values = new Map(before.values)
  const flashed = [...before.flashed]
  let reading = 0
  for (const each of ops) {
    if (each.op === 'set') values.set(each.key, each.value)
    if (each.op === 'delete' || each.op === 'pull') values.delete(each.key)
    if (each.op === 'count') values.set(each.key, ((values.get(each.key) as number) ?? 0) + 1)
    if (each.op === 'push') values.set(each.key, [...((values.get(each.key) as number[]) ?? []), each.value])
    if (each.op === 'flash') flashed.push(each.value)
    if (each.op === 'flashed')
      for (const message of shown[reading++] ?? [])
        if (flashed.includes(message)) flashed.splice(flashed.indexOf(message), 1)
    if (each.op === 'clear') {
      values.clear()
      flashed.length = 0
    }
  }
  return { values, flashed }
}

const permutations = (items: readonly number[]): number[][] =>
  items.length < 2
    ? [[...items]]
    : items.flatMap((item) => permutations(items.filter((i) => i !== item)).map((rest) => [item, ...rest]))

const textOf = ({ values, flashed }: Model) =>
  JSON.stringify([[...values].sort(([a], [b]) => (a < b ? -1 : 1)), flashed])

const START: Model = {
  values: new Map<string, unknown>([
    ['a', 100],
    ['n', 5],
    ['list', [0]],
    ['keep', 1],
  ]),
  flashed: [50],
}

const requests = fc.array(fc.array(op, { minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 4 })
const order = fc.array(fc.nat(11), { minLength: 8, maxLength: 40 })

/** A logged-in visitor, whose session therefore survives a clear, with the data that the model starts with. */
async function begin(options: Parameters<typeof fixture>[0] = {}) {
  const made = fixture(options)
  const guest = made.visitor()
  await guest.visit((session) => {
    session.login('ada')
    for (const [name, value] of START.values) session.set(name, value)
    for (const message of START.flashed) session.flash('x', message)
  })
  await settle()
  return { ...made, guest }
}

describe('concurrent requests for one session', () => {
  it('end in a state that some order of their changes, one after the other, would have produced', async () => {
    let conflicts = 0
    const check = async (requests: Op[][], order: number[]) => {
      const { gates, guest, events } = await begin()
      const shown: number[][][] = []
      const tasks = requests.map((ops, i) => async () => {
        const request = guest.copy().begin()
        shown[i] = play(await request.session(), ops)
        await request.respond()
      })
      let turn = 0
      const results = await race(gates, tasks, (count) => (order[turn++ % order.length] as number) % count)
      for (const result of results) if (result.status === 'rejected') throw result.reason
      if (events.some(({ type }) => type === 'conflict')) conflicts++
      const end = await guest.visit((session) => {
        const values = new Map(session.keys().map((name) => [name, session.get(name)]))
        return textOf({ values, flashed: session.flash('x') as number[] })
      })
      const possible = permutations(requests.map((_, i) => i)).map((serial) =>
        textOf(serial.reduce((model, i) => laid(model, requests[i] ?? [], shown[i] ?? []), START)),
      )
      assert.ok(possible.includes(end), `${end}\nis none of\n${[...new Set(possible)].join('\n')}`)
    }
    await fc.assert(fc.asyncProperty(requests, order, check), { numRuns: 400 })
    assert.ok(conflicts > 100, `of four hundred runs only ${conflicts} met a conflict`)
  })

  it('count two hundred updates as two hundred', async () => {
    const { guest } = await begin()
    const one = async () => {
      const request = guest.copy().begin()
      ;(await request.session()).update('n', (n) => n + 1)
      await request.respond()
    }
    await Promise.all(Array.from({ length: 200 }, one))
    await guest.visit((session) => assert.equal(session.get('n'), 205))
  })

  it('that set different keys lose nothing, and of one key the last one saved wins', async () => {
    const { guest, gates } = await begin()
    const put = (values: Anything) => async () => {
      const request = guest.copy().begin()
      const session = await request.session()
      for (const [key, value] of Object.entries(values)) session.set(key, value)
      await request.respond()
    }
    // The request that began last always runs next, so that the first to begin is the last to be saved.
    await race(gates, [put({ x: 1, both: 'first' }), put({ y: 1, both: 'second' })], (count) => count - 1)
    await guest.visit((session) =>
      assert.deepEqual([session.get('x'), session.get('y'), session.get('both')], [1, 1, 'first']),
    )
  })

  it('of which one clears and one sets: the later value is there, and what was cleared is not', async () => {
    for (const pick of [0, -1]) {
      const { guest, gates } = await begin()
      const clear = async () => {
        const request = guest.copy().begin()
        ;(await request.session()).clear()
        await request.respond()
      }
      const set = async () => {
        const request = guest.copy().begin()
        ;(await request.session()).set('new', 1)
        await request.respond()
      }
      await race(gates, [clear, set], (count) => (pick + count) % count)
      await guest.visit((session) => assert.deepEqual(session.keys(), pick === 0 ? ['new'] : []))
    }
  })

  it('of which one empties an anonymous session and one writes to it are both saved', async () => {
    let met = 0
    for (let seed = 0; seed < 64; seed++) {
      const { visitor, gates, events } = fixture()
      const guest = visitor()
      await guest.visit((session) => session.set('a', 1))
      const request = (change: (session: Anything) => void) => async () => {
        const request = guest.copy().begin()
        change(await request.session())
        await request.respond()
      }
      let bits = seed
      const [emptied, wrote] = await race(
        gates,
        [request((session) => session.delete('a')), request((session) => session.set('b', 2))],
        (count) => {
          const bit = bits & 1
          bits >>= 1
          return bit % count
        },
      )
      assert.deepEqual([emptied?.status, wrote?.status], ['fulfilled', 'fulfilled'])
      assert.deepEqual(await guest.visit((session) => session.keys()), ['b'])
      if (events.some(({ type }) => type === 'conflict')) met++
    }
    assert.ok(met > 0)
  })

  it('whose update returns an invalid value only for the newer copy fail, and nothing is half-saved', async () => {
    const { guest } = await begin()
    const [one, other] = [guest.begin(), guest.begin()]
    const [first, second] = await Promise.all([one.session(), other.session()])
    first.set('n', 6)
    second.set('x', 1).update('n', (n) => (n === 5 ? 1 : Number.NaN))
    await one.respond()
    await assert.rejects(other.respond(), { code: 'STRONGROOM_DATA', key: 'n' })
    await guest.visit((session) => assert.deepEqual([session.get('n'), session.has('x')], [6, false]))
  })

  it('may delete a key with the name of an inherited property while another request writes', async () => {
    const { guest } = await begin()
    await guest.visit((session) => session.set('constructor', 1))
    await settle()
    const [one, other] = [guest.begin(), guest.begin()]
    const [first, second] = await Promise.all([one.session(), other.session()])
    first.set('x', 1)
    second.update('constructor', () => undefined)
    await one.respond()
    await other.respond()
    await guest.visit((session) => assert.deepEqual([session.has('constructor'), session.get('x')], [false, 1]))
  })

  it('that always lose the race get an error', async () => {
    const { visitor, events } = fixture({}, (clock) =>
      Object.assign(memory({ clock, max: 10 }), { update: async () => null }),
    )
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    await assert.rejects(
      guest.visit((session) => session.set('a', 2)),
      { code: 'STRONGROOM_CONFLICT', status: 409 },
    )
    assert.equal(events.filter(({ type }) => type === 'conflict').length, 200)
  })
})

describe('applying changes to a newer copy', () => {
  const changes = (
    edits: [string, Changes['edits'] extends ReadonlyMap<string, infer E> ? E : never][],
    cleared = false,
  ) => ({
    cleared,
    edits: new Map(edits),
  })

  it('sets, deletes and runs updates again, and leaves every other key alone', () => {
    const newer = { a: 1, b: 2, c: 3, d: 4 }
    const edits = changes([
      ['a', { kind: 'set', value: 10 }],
      ['b', { kind: 'delete' }],
      ['c', { kind: 'update', steps: [(c) => (c as number) + 1, (c) => (c as number) * 2] }],
      ['e', { kind: 'update', steps: [(e) => e ?? 'new'] }],
      ['f', { kind: 'delete' }],
    ])
    assert.deepEqual(applyChanges(edits, newer), { a: 10, c: 8, d: 4, e: 'new' })
    assert.deepEqual(applyChanges(changes([['a', { kind: 'set', value: 1 }]], true), { a: 0, b: 1 }), { a: 1 })
  })

  it('never changes a prototype', () => {
    const merged = applyChanges(
      changes([['__proto__', { kind: 'set', value: { polluted: true } }]]),
      JSON.parse('{"a":1}'),
    )
    assert.equal(JSON.stringify(merged), '{"a":1,"__proto__":{"polluted":true}}')
    assert.equal(Object.getPrototypeOf(merged), Object.prototype)
    assert.equal(({} as Anything).polluted, undefined)
    assert.deepEqual(applyChanges(changes([['toString', { kind: 'update', steps: [(f) => typeof f] }]]), {}), {
      toString: 'undefined',
    })
  })
})
