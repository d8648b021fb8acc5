import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { FirstUse } from '../../packages/strongroom/src/engines/shared/first-use.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { newId } from '../../packages/strongroom/src/testing/store/entries.ts'

const tooLate = (limit: number) => new StoreError(`too late after ${limit} ms`)

suite('the check before the first use', () => {
  test('counts towards the time limit of each call that waits for it, and goes on for the next one', async () => {
    let resolve = () => {}
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    let checks = 0
    const check = () => {
      checks += 1
      return promise
    }
    const first = new FirstUse(check, 20, tooLate)
    const sent: string[] = []
    const send = (what: string) => first.before(async () => sent.push(what))
    await Promise.all([assert.rejects(send('one'), /too late/), assert.rejects(send('two'), /too late/)])
    resolve()
    await first.passed()
    await wait(1)
    assert.deepEqual(sent, [], 'what was given up is not sent afterwards')
    await send('three')
    assert.deepEqual([sent, checks], [['three'], 1])
  })

  test('and the call together take no longer than one call may', async () => {
    const first = new FirstUse(() => wait(30), 60, tooLate)
    await assert.rejects(
      first.before(() => wait(10_000, null, { ref: false })),
      /too late after 60 ms/,
    )
  })

  test('is made again when it failed', async () => {
    let checks = 0
    const check = async () => {
      checks += 1
      if (checks === 1) throw new StoreError('not yet')
    }
    const first = new FirstUse(check, 10_000, tooLate)
    await assert.rejects(
      first.before(async () => 'done'),
      /not yet/,
    )
    assert.equal(await first.before(async () => 'done'), 'done')
    await first.passed()
    assert.equal(checks, 2)
  })
})

test('the first call to a PostgreSQL that does not answer rejects within the time limit', async () => {
  const silent = createServer(() => {}).listen(0)
  const { port } = silent.address() as { port: number }
  const client = new pg.Client({ host: '127.0.0.1', port })
  const store = postgres({ client, timeout: 500 })
  for (const _ of [1, 2]) {
    const before = performance.now()
    await assert.rejects(store.read(newId()), /did not answer within 500 ms/)
    assert.ok(performance.now() - before < 1500)
  }
  silent.close()
})
