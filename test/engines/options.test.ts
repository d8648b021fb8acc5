import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'

/** What needs no server: none of these stores opens a connection. */
describe('engines with servers', () => {
  it('refuse an option that is given both in the URL and beside it', async () => {
    for (const [where, make] of [
      ['redis()', () => redis({ url: 'redis://h?prefix=a', prefix: 'b' })],
      ['redis()', () => redis({ url: 'redis://h?notify=false', notify: false })],
      ['postgres()', () => postgres({ url: 'postgres://h/x?table=a', table: 'b' })],
      ['postgres()', () => postgres({ url: 'postgres://h/x?max=5', max: 5 })],
      ['mysql()', () => mysql({ url: 'mysql://h/x?table=a', table: 'b' })],
      ['mysql()', () => mysql({ url: 'mariadb://h/x?createTable=true', createTable: false })],
    ] as const)
      assert.throws(make, (error: unknown) => {
        assert.ok(error instanceof ConfigError)
        return error.message.includes(`of ${where} is given both in the URL and as an option`)
      })
    for (const store of [
      redis({ url: 'redis://h?prefix=a', timeout: 5 }),
      postgres({ url: 'postgres://h/x?table=a', table: undefined, timeout: 5 }),
      mysql({ url: 'mysql://h/x?table=a', table: undefined, timeout: 5 }),
    ])
      await store.close()
  })

  it('refuse ids and owners in capitals, and those that are too short', async () => {
    for (const store of [postgres('postgres://h/x'), mysql('mysql://h/x')]) {
      for (const bad of ['A'.repeat(64), 'a'.repeat(63), 'g'.repeat(64), ''] as Id[]) {
        const calls = [
          store.read(bad),
          store.touch(bad, 5),
          store.delete(bad),
          listed(store.byOwner, bad),
          store.byOwner.deleteAll(bad),
          store.byOwner.deleteAll('a'.repeat(64), bad),
        ]
        for (const call of calls) await assert.rejects(call, { name: StoreError.name, message: /lower-case hex/ })
      }
      await store.close()
    }
  })
})

describe('the name of a table', () => {
  it('has up to 63 characters in SQLite, and up to 50 after a schema elsewhere', async () => {
    await sqlite({ path: ':memory:', table: `T${'_'.repeat(62)}` }).close()
    await postgres({ url: 'postgres://h/x', table: `app.${'T'.repeat(50)}` }).close()
    for (const table of ['x'.repeat(51), '1x', 'a.b.c', '.x', 'x.', '', 'x y', null])
      assert.throws(() => postgres({ url: 'postgres://h/x', table: table as string }), /"table" of postgres\(\)/)
    for (const table of ['x'.repeat(64), 'app.x', '1x', '', null])
      assert.throws(() => sqlite({ path: ':memory:', table: table as string }), /"table" of sqlite\(\)/)
  })
})
