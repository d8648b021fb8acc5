import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { Memo } from '../../packages/strongroom/src/base/memo.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'
import { secret } from './fixtures/secret.ts'

describe('a memo', () => {
  it('returns the last value of a key or nothing, and never grows over its limit', () => {
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

  it('counts exactly what it keeps, whatever was replaced, deleted or dropped', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ op: fc.constant('set' as const), key, weight: fc.integer({ min: 1, max: 60 }) }),
      },
      { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('delete' as const, 'deleteWhere' as const), key }) },
    )
    const sum = (generation: Map<string, number>) => [...generation.values()].reduce((a, b) => a + b, 0)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        const memo = new Memo<number>(100)
        // The generations, with nothing that is counted: their weights are added up each time.
        let [young, old] = [new Map<string, number>(), new Map<string, number>()]
        for (const step of steps) {
          young.delete(step.key)
          old.delete(step.key)
          if (step.op === 'delete') memo.delete(step.key)
          else if (!('weight' in step)) memo.deleteWhere((_, key) => key === step.key)
          else {
            memo.set(step.key, step.weight, step.weight)
            if (step.weight <= 50) {
              if (sum(young) + step.weight > 50) [young, old] = [new Map(), young]
              young.set(step.key, step.weight)
            }
          }
          assert.ok(sum(young) + sum(old) <= 100)
          for (const key of 'abcdefgh') assert.equal(memo.get(key), young.get(key) ?? old.get(key))
        }
      }),
    )
  })

  it('does not let a key that is set again and again push out the others', () => {
    const memo = new Memo<number>(100)
    for (const key of ['a', 'b', 'c', 'd']) memo.set(key, 0, 10)
    for (let times = 1; times <= 1000; times++) memo.set('a', times, 10)
    for (const key of ['b', 'c', 'd']) assert.equal(memo.get(key), 0)
    assert.equal(memo.get('a'), 1000)
  })

  it('keeps as much as its limit allows, and nothing when the limit is 0', () => {
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

describe('what is kept of a cookie', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }

  for (const store of [memory(), cookie()])
    it(`does not keep the rest of its header alive (${store.traits.engine})`, async () => {
      const sessions = createSessions({ secrets: secret('memo'), store: store as ReturnType<typeof memory> })
      const cookies: string[] = []
      for (let n = 0; n < 1000; n++) {
        const visit = sessions.open({})
        ;(await visit.get()).set('n', n)
        const { setCookie } = await visit.commit()
        cookies.push((setCookie as string).split(';', 1)[0] as string)
      }
      // Sessions of another process, which this one has not seen.
      const other = createSessions({ secrets: secret('memo'), store: store as ReturnType<typeof memory> })
      const before = heap()
      for (const cookie of cookies) {
        // As it arrives from the network: one flat string, of which the cookie value is a slice.
        const header = Buffer.from(`${cookie}; junk=${'x'.repeat(20_000)}`).toString('latin1')
        assert.notEqual((await other.open({ cookie: header }).get()).get('n'), undefined)
      }
      assert.ok(heap() - before < 10_000_000, 'the headers were 20 MB')
    })
})
