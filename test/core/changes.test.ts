import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Anything, fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'

type Path = readonly (string | number)[]

/** Every part of a value that can be changed, without the value itself. */
function places(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return []
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value)
  return keys.flatMap((key) => [[...path, key], ...places((value as Anything)[key], [...path, key])])
}

/** Changes one part in place to `to`, or deletes it for undefined. `at` is taken modulo the number of parts. */
function change(value: unknown, at: number, to: unknown): void {
  const all = places(value)
  const path = all[at % Math.max(1, all.length)]
  if (!path) return
  const holder = path.slice(0, -1).reduce<Anything>((inner, key) => inner[key], value as Anything)
  const key = path.at(-1) as string | number
  if (to !== undefined)
    Object.defineProperty(holder, key, { value: to, writable: true, enumerable: true, configurable: true })
  else if (Array.isArray(holder)) holder.splice(key as number, 1)
  else delete holder[key]
}

const json = fc.jsonValue({ maxDepth: 4 })
const data = fc.dictionary(
  fc.string({ minLength: 1 }).filter((key) => !key.startsWith('~')),
  json,
  {
    minKeys: 1,
    maxKeys: 5,
    noNullPrototype: true,
  },
)
const mutation = fc.record({ key: fc.nat(), place: fc.nat(), to: fc.option(json, { nil: undefined }) })

/** The value after a round trip through JSON, where -0 becomes 0. */
const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value))

describe('changes', () => {
  it('in place, of random data at random depth, are saved exactly, and unchanged data is not written', async () => {
    const { visitor, calls } = fixture({ seal: 'two-key' })
    let changedRuns = 0
    const check = async (values: Anything, mutations: { key: number; place: number; to: unknown }[]) => {
      const guest = visitor()
      await guest.visit((session) => {
        for (const [key, value] of Object.entries(values)) session.set(key, value)
      })
      await settle()
      calls.length = 0
      const expected = asJson(values)
      const before = JSON.stringify(expected)
      await guest.visit((session) => {
        for (const { key, place, to } of mutations) {
          const keys = Object.keys(expected)
          const name = keys[key % keys.length] as string
          change(expected[name], place, to)
          change(session.get(name), place, asJson({ to }).to)
        }
      })
      const changed = JSON.stringify(expected) !== before
      if (changed) changedRuns++
      assert.deepEqual(calls, changed ? ['read', 'update'] : ['read'])
      await guest.visit((session) => {
        const found = Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))
        assert.equal(JSON.stringify(found), JSON.stringify(expected))
      })
    }
    await fc.assert(fc.asyncProperty(data, fc.array(mutation, { maxLength: 4 }), check), { numRuns: 300 })
    assert.ok(changedRuns > 100, `of three hundred runs only ${changedRuns} changed anything`)
  })

  it('that undo each other do not count as a change', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', { list: [1, 2] }).set('b', 1))
    await settle()
    calls.length = 0
    await guest.visit((session) => {
      const a = session.get('a')
      a.list.push(3)
      a.list.pop()
      session.set('b', 2).set('b', 1)
      session.update('b', (b) => b)
      session.set('a', { list: [1, 2] })
      session.delete('none')
      session.pull('none')
      session.flash('none')
    })
    assert.deepEqual(calls, ['read'])
  })

  it('of the order of keys in a value count as changes', async () => {
    const { visitor } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', { x: 1, y: 2 }))
    await guest.visit((session) => {
      const a = session.get('a')
      delete a.x
      a.x = 1
    })
    await guest.visit((session) => assert.deepEqual(Object.keys(session.get('a')), ['y', 'x']))
  })

  const values: Record<string, [before: unknown, after: (value: Anything) => void]> = {
    'a key named __proto__': [
      JSON.parse('{"__proto__":{"a":1}}'),
      (value) => {
        Object.defineProperty(value, '__proto__', { value: { a: 2 } })
      },
    ],
    'keys that look like numbers': [
      { 2: 'b', 1: 'a', x: 0 },
      (value) => {
        value[0] = 'first'
      },
    ],
    unicode: [
      { text: 'Zoë 🔑 \u2028' },
      (value) => {
        value.text += '\u0000'
      },
    ],
    'a lone surrogate': [
      { text: '\ud83d' },
      (value) => {
        value.text = '\udd11'
      },
    ],
    'an empty key': [
      { '': 1 },
      (value) => {
        value[''] = 2
      },
    ],
    'null and false': [
      { a: null, b: false },
      (value) => {
        value.a = false
        value.b = null
      },
    ],
    'a number and the same digits': [
      { n: 1 },
      (value) => {
        value.n = '1'
      },
    ],
    'a length of a list': [
      { list: [1, 2, 3] },
      (value) => {
        value.list.length = 1
      },
    ],
    'a very small difference': [
      { n: 0.1 },
      (value) => {
        value.n += Number.EPSILON
      },
    ],
  }
  for (const [what, [before, mutate]] of Object.entries(values))
    it(`are noticed in ${what}`, async () => {
      const { visitor, calls } = fixture({ seal: 'two-key' })
      const guest = visitor()
      await guest.visit((session) => session.set('value', before))
      await guest.visit((session) => assert.equal(JSON.stringify(session.get('value')), JSON.stringify(before)))
      await settle()
      const after = asJson(before) as Anything
      mutate(after)
      calls.length = 0
      await guest.visit((session) => mutate(session.get('value')))
      assert.deepEqual(calls, ['read', 'update'])
      await guest.visit((session) => assert.equal(JSON.stringify(session.get('value')), JSON.stringify(after)))
    })

  it('from 0 to -0 do not count, because JSON has one zero', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('value', { n: 0 }))
    await settle()
    calls.length = 0
    await guest.visit((session) => {
      session.get('value').n = -0
    })
    assert.deepEqual(calls, ['read'])
  })

  it('to an object that was set, updated or pulled are noticed until the response begins', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => {
      const put = { n: 1 }
      session.set('put', put)
      put.n = 2
      const updated: Anything = session.update('updated', () => ({ n: 1 })) ?? {}
      updated.n = 2
      session.set('again', put)
    })
    await guest.visit((session) => {
      assert.deepEqual(
        [session.get('put'), session.get('updated'), session.get('again')],
        [{ n: 2 }, { n: 2 }, { n: 2 }],
      )
      const pulled = session.pull('put')
      pulled.n = 3
      session.set('put', pulled)
      pulled.n = 4
    })
    await guest.visit((session) => assert.deepEqual(session.get('put'), { n: 4 }))
  })

  it('in place and by update of one value are both applied', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.set('cart', { items: ['a'], count: 1 }))
    await guest.visit((session) => {
      session.get('cart').items.push('b')
      session.update('cart', (cart) => ({ ...cart, count: cart.count + 1 }))
      session.get('cart').items.push('c')
      session.update('cart', (cart) => ({ ...cart, count: cart.count + 1 }))
    })
    await guest.visit((session) => assert.deepEqual(session.get('cart'), { items: ['a', 'b', 'c'], count: 3 }))
  })

  it('in place and by update of one value are both saved when a concurrent request came first', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.set('cart', { items: ['a'], count: 1 }))
    await settle()
    const [one, other] = [guest.begin(), guest.begin()]
    const [first, second] = await Promise.all([one.session(), other.session()])
    first.set('x', 1)
    await one.respond()
    second.get('cart').items.push('b')
    second.update('cart', (cart) => ({ ...cart, count: cart.count + 1 }))
    await other.respond()
    await guest.visit((session) => {
      assert.deepEqual(session.get('cart'), { items: ['a', 'b'], count: 2 })
      assert.equal(session.get('x'), 1)
    })
  })

  it('to the values of one request are not seen by another that runs concurrently', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.set('cart', { items: [] }))
    await settle()
    const [one, other] = [guest.begin(), guest.begin()]
    const [first, second] = await Promise.all([one.session(), other.session()])
    first.get('cart').items.push('mine')
    assert.deepEqual(second.get('cart'), { items: [] })
    await Promise.all([one.respond(), other.respond()])
  })
})
