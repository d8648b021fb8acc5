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
