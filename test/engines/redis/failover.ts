import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import type { RedisServer } from '../../servers/redis.ts'
import { entry, HOUR, id, type Made, OWNER } from './fixture.ts'

/**
 * Visitors use their sessions while a server is killed. No session is ever reported as absent, every call ends within its time
 * limit, and the store recovers by itself. Resolves to how many calls failed, and for how long.
 */
export async function survivesFailover(store: Made, limit: number, victim: RedisServer) {
  const ids = Array.from({ length: 30 }, (_, number) => id(number))
  const each = () => entry({ owner: OWNER })
  for (const one of ids) assert.equal(await store.create(one, each()), true)
  let [failed, served, stop, lastFailure] = [0, 0, false, 0]
  let lastError: unknown
  /** For each session, when its last successful visit began. */
  const servedAt = new Map<Id, number>()
  const visit = async (one: Id): Promise<void> => {
    const found = await store.read(one)
    assert.ok(found, 'nobody is logged out')
    await store.update(one, { ...each(), bytes: Buffer.from(`${served}`) }, found.version)
    await store.touch(one, Date.now() + HOUR)
  }
  const visitors = ids.map(async (one) => {
    while (!stop) {
      const began = performance.now()
      await visit(one).then(
        () => {
          served += 1
          servedAt.set(one, began)
        },
        (error) => {
          assert.ok(error instanceof StoreError, inspect(error))
          failed += 1
          lastFailure = performance.now()
          lastError = error
        },
      )
      assert.ok(performance.now() - began < 3 * limit + 1000, 'every call ends within its time limit')
      await wait(10)
    }
  })
  const all = Promise.all(visitors)
  while (served < 100) await wait(10)
  const killedAt = performance.now()
  await victim.kill()
  // Until every visit has succeeded for a second. A call that still waits for the dead server has not failed yet.
  const isCalm = () => {
    const since = Math.max(lastFailure, killedAt)
    return performance.now() - since > 1000 && ids.every((one) => (servedAt.get(one) ?? 0) > since)
  }
  try {
    while (!isCalm()) {
      await Promise.race([all, wait(20)])
      const late = performance.now() - killedAt > 30_000
      assert.ok(!late, `the store recovers by itself; it has ${failed} errors, the last one is ${inspect(lastError)}`)
    }
  } finally {
    // Whatever happened: visitors that go on would keep this process from ending.
    stop = true
    await all.catch(() => {})
  }
  await all
  assert.equal((await listed(store.byOwner, OWNER)).length, 30)
  assert.equal(await store.byOwner.deleteAll(OWNER), 30)
  return { failed, recoveredAfter: Math.max(0, Math.round(lastFailure - killedAt)) }
}
