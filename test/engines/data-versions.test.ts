import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { ReadOnlyError } from '../../packages/strongroom/src/errors.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { deployments } from '../core/fixtures/deployments.ts'
import type { Anything } from '../core/fixtures/fixture.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'

const one = { dataSchema: z.object({ names: z.array(z.string()) }) }
const two = {
  dataSchema: {
    schema: z.object({ names: z.record(z.string(), z.number()) }),
    version: 2,
    upgrades: {
      1: ({ names, ...data }: Anything) => ({
        ...data,
        names: Object.fromEntries(names.map((name: string) => [name, 1])),
      }),
    },
  },
}

/** Requests of both versions at the same time: what one of them has acknowledged is there afterwards, and the rest was refused. */
async function rollOver(store: IndexedStore): Promise<void> {
  const made = deployments(store)
  const [v1, v2] = [made.deploy(one), made.deploy(two)]
  const guest = made.visitor(v1)
  await guest.visit((session) => session.set('names', ['first']).login('ada'))
  const saved: string[] = ['first']
  const refused: unknown[] = []
  const add = async (version: 1 | 2, name: string) => {
    const own = made.visitor(version === 1 ? v1 : v2)
    own.cookie = guest.cookie
    const change = (names?: Anything) =>
      version === 1 ? [...((names as string[] | undefined) ?? []), name] : { ...names, [name]: 1 }
    await own
      .visit((session) => void session.update('names', change))
      .then(
        () => saved.push(name),
        (error) => refused.push(error),
      )
  }
  await Promise.all(Array.from({ length: 10 }, (_, i) => add(1, `before-${i}`)))
  await Promise.all(Array.from({ length: 40 }, (_, i) => add(i % 2 === 0 ? 1 : 2, `name-${i}`)))
  assert.ok(refused.length > 0 && refused.every((error) => error instanceof ReadOnlyError))
  assert.equal(saved.length + refused.length, 51)
  await guest.on(v2).visit((session) => {
    assert.deepEqual(Object.keys(session.get('names')).sort(), saved.sort())
    assert.equal(session.userId, 'ada')
  })
}

describe('two versions of an application at the same time lose nothing that was saved', () => {
  test('on Redis', { skip: redisNeed.skip }, async () => {
    const server = await startRedis({})
    const store = redis({ url: server.url, durable: 'no', evicts: false })
    try {
      await rollOver(store)
    } finally {
      await store.close()
      await server.stop()
    }
  })

  test('on PostgreSQL', { skip: postgresNeed.skip }, async () => {
    const server = await startPostgres()
    const store = postgres({ url: server.url, createTable: true })
    try {
      await rollOver(store)
    } finally {
      await store.close()
      await server.stop()
    }
  })
})
