import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Memo } from '../../src/memo.ts'

describe('a memo', () => {
  it('answers what was last put under a key, or nothing, and never weighs more than its limit', () => {
    const op = fc.record({
      op: fc.constantFrom('set' as const, 'set' as const, 'get' as const, 'delete' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      weight: fc.integer({ min: 1, max: 60 }),
    })
    fc.assert(
      fc.property(fc.array(op, { maxLength: 100 }), (ops) => {
        const memo = new Memo<{ weight: number }>(100)
        const truth = new Map<string, { weight: number }>()
        for (const { op, key, weight } of ops) {
          if (op === 'set') {
            const value = { weight }
            truth.set(key, value)
            memo.set(key, value, weight)
          }
          if (op === 'delete') {
            truth.delete(key)
            memo.delete(key)
          }
          const found = memo.get(key)
          assert.ok(found === undefined || found === truth.get(key))
          const all = [...truth.keys()].flatMap((each) => memo.get(each) ?? [])
          assert.ok(all.reduce((sum, each) => sum + each.weight, 0) <= 100)
        }
      }),
    )
  })

  it('remembers what it has room for, and nothing at all with a limit of nothing', () => {
    const memo = new Memo<number>(100)
    for (const key of ['a', 'b', 'c', 'd', 'e']) memo.set(key, 1, 10)
    for (const key of ['a', 'b', 'c', 'd', 'e']) assert.equal(memo.get(key), 1)
    memo.set('large', 1, 51)
    assert.equal(memo.get('large'), undefined)
    const none = new Memo<number>(0)
    none.set('a', 1, 1)
    assert.equal(none.get('a'), undefined)
  })
})
