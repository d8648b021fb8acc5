import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { DataError } from '../../packages/strongroom/src/errors.ts'
import { checkpoint } from '../../packages/strongroom/src/session/checkpoint.ts'
import type { Serializer } from '../../packages/strongroom/src/session/serializer.ts'
import { stateOf } from '../../packages/strongroom/src/session/session.ts'
import { type Anything, fixture } from './fixtures/fixture.ts'

/** Represents Dates and Maps at any depth as lists with a type name, and lists under a type name of their own. */
const rich: Serializer = { toJson, fromJson }

function toJson(value: unknown): unknown {
  if (value instanceof Date) return ['Date', value.toISOString()]
  if (value instanceof Map) return ['Map', ...[...value].map(([key, item]) => [key, toJson(item)])]
  if (Array.isArray(value)) return ['list', ...value.map(toJson)]
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]))
}

function fromJson(json: unknown): unknown {
  if (Array.isArray(json)) {
    const [kind, ...rest] = json
    if (kind === 'Date') return new Date(rest[0])
    return kind === 'Map' ? new Map(rest.map(([key, item]) => [key, fromJson(item)])) : rest.map(fromJson)
  }
  if (typeof json !== 'object' || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, fromJson(item)]))
}

const open = () => fixture({ serializer: rich })
const at = (day: number) => new Date(Date.UTC(2030, 0, day))

suite('with a serializer', () => {
  test('a login that is taken back leaves the values of before, as the application had them', async () => {
    const guest = open().visitor()
    await guest.visit((session) => void session.set('when', at(1)))
    await guest.visit((session) => {
      session.flash('notice', 'hello')
      const when = session.get('when')
      const takeBack = checkpoint(stateOf(session))
      session.login('ada', { keep: 'none' })
      session.set('when', at(2))
      takeBack()
      assert.equal(session.userId, null)
      assert.equal(session.get('when'), when)
    })
    await guest.visit((session) => {
      assert.deepEqual([session.get('when'), session.flash('notice')], [at(1), ['hello']])
    })
  })

  test('what belonged to a session that has ended is not taken back', async () => {
    const guest = open().visitor()
    await guest.visit((session) => void session.set('when', at(1)))
    await guest.visit(async (session, { save }) => {
      const takeBack = checkpoint(stateOf(session))
      session.logout()
      await save()
      takeBack()
      assert.deepEqual([session.keys(), session.isNew], [[], true])
    })
  })

  test('values come back unchanged, at any depth', async () => {
    const guest = open().visitor()
    const values: Anything = {
      when: at(1),
      basket: { added: [at(2)], counts: new Map([['tea', { last: at(3) }]]) },
      plain: 1,
      list: [1, [2]],
      nothing: null,
    }
    await guest.visit((session) => {
      for (const [key, value] of Object.entries(values)) session.set(key, value)
    })
    await guest.visit((session) => {
      assert.deepEqual(session.keys(), Object.keys(values))
      for (const [key, value] of Object.entries(values)) assert.deepEqual(session.get(key), value)
      assert.equal(session.get('absent'), undefined)
    })
  })

  test('a request sees one object for a value, and changes to it in place are saved', async () => {
    const guest = open().visitor()
    await guest.visit((session) => session.set('basket', { added: [at(2)], counts: new Map() }))
    await guest.visit((session) => {
      const basket = session.get('basket')
      assert.equal(session.get('basket'), basket)
      basket.added[0].setUTCDate(9)
      basket.counts.set('tea', 3)
    })
    await guest.visit((session) =>
      assert.deepEqual(session.get('basket'), { added: [at(9)], counts: new Map([['tea', 3]]) }),
    )
  })

  test('values from set and update can be changed in place afterwards', async () => {
    const guest = open().visitor()
    await guest.visit((session) => {
      const map = new Map([['a', 1]])
      session.set('map', map)
      map.set('b', 2)
      session.update('other', () => new Map([['a', 1]])).set('c', 3)
    })
    await guest.visit((session) => {
      assert.deepEqual([...session.get('map').keys()], ['a', 'b'])
      assert.deepEqual([...session.get('other').keys()], ['a', 'c'])
    })
  })

  test('a value that is only read is not written', async () => {
    const { visitor, calls } = open()
    const guest = visitor()
    await guest.visit((session) => session.set('when', at(1)).set('n', 1))
    calls.length = 0
    await guest.visit((session) => {
      session.get('when')
      session.set('when', at(1))
      session.update('n', (n) => n)
    })
    assert.deepEqual(calls, ['read'])
  })

  test('concurrent updates lose nothing: each runs again on the newer value', async () => {
    const guest = open().visitor()
    await guest.visit((session) => session.set('seen', new Map()))
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        guest
          .copy()
          .visit((session) => void session.update('seen', (seen = new Map()) => new Map(seen).set(`${i}`, at(i + 1)))),
      ),
    )
    await guest.visit((session) => assert.equal(session.get('seen').size, 20))
  })

  test('changes to values after save() are still noticed', async () => {
    const guest = open().visitor()
    await guest.visit(async (session, { save }) => {
      const map = new Map()
      session.set('map', map)
      await save()
      map.set('later', at(5))
    })
    await guest.visit((session) => assert.deepEqual(session.get('map'), new Map([['later', at(5)]])))
  })

  test('delete, clear, pull, login and logout leave nothing behind', async () => {
    const guest = open().visitor()
    await guest.visit((session) => {
      session.set('a', at(1)).set('b', at(2)).set('c', at(3))
      assert.deepEqual(session.pull('a'), at(1))
      session.delete('b')
      assert.equal(session.get('b'), undefined)
    })
    await guest.visit((session) => {
      session.get('c').setUTCDate(7)
      session.login('ada', { keep: ['c'] })
    })
    await guest.visit((session) => {
      assert.deepEqual([session.keys(), session.get('c')], [['c'], at(7)])
      session.clear()
      assert.equal(session.get('c'), undefined)
      session.set('d', at(4))
    })
    await guest.visit((session) => assert.deepEqual(session.keys(), ['d']))
  })

  test('flash messages stay plain JSON', async () => {
    const guest = open().visitor()
    await guest.visit((session) => session.flash('notice', ['Date', 'is a word']))
    await guest.visit((session) => assert.deepEqual(session.flash('notice'), [['Date', 'is a word']]))
  })

  test('a value that it cannot represent causes a DataError with the key, and nothing is saved', async () => {
    const strict: Serializer = {
      toJson: (value) => {
        if (typeof value === 'symbol') throw new Error('no symbols')
        return value === 'nothing' ? undefined : value === 'date' ? new Date(0) : value
      },
      fromJson: (json) => json,
    }
    const { visitor, calls } = fixture({ serializer: strict })
    for (const value of [Symbol('a'), 'nothing', 'date'])
      await assert.rejects(
        visitor().visit((session) => session.set('key', value)),
        (error) => error instanceof DataError && error.key === 'key',
      )
    assert.deepEqual(calls, [])
  })

  test('a stored value that it cannot parse causes a DataError too', async () => {
    let old = true
    const fromJson = (json: unknown) => {
      if (old) return json
      throw new Error('an older form')
    }
    const guest = fixture({ serializer: { toJson: (value) => value, fromJson } }).visitor()
    await guest.visit((session) => session.set('key', 1).set('other', 1))
    old = false
    await guest.visit((session) => {
      for (const read of [() => session.get('key'), () => session.update('key', (value) => value)])
        assert.throws(read, (error) => error instanceof DataError && error.key === 'key')
      assert.equal(session.has('other'), true)
    })
  })

  test('is checked when sessions are created', () => {
    for (const [serializer, said] of [
      [{}, /two functions, toJson and fromJson/],
      [{ toJson: () => 1 }, /two functions/],
      [{ ...rich, dumps: () => 1 }, /Unknown option "dumps" for serializer/],
      ['json', /takes its options as an object/],
    ] as const)
      assert.throws(() => fixture({ serializer: serializer as never }), said)
  })
})
