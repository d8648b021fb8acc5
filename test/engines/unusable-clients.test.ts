import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { createClient } from 'redis'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'

const dir = mkdtempSync(join(tmpdir(), 'strongroom-unusable-'))
after(() => rmSync(dir, { recursive: true }))

/** Nothing listens there. */
const NOWHERE = '127.0.0.1:1'

function offline(): Store {
  const client = new Redis(`redis://${NOWHERE}`, { enableOfflineQueue: false })
  client.on('error', () => {})
  after(() => client.disconnect())
  return redis({ client, durable: 'no' })
}

async function ended(): Promise<Store> {
  const client = createPool(`mysql://root@${NOWHERE}/x`)
  await client.end()
  return mysql({ client })
}

function closed(): Store {
  const database = new DatabaseSync(':memory:')
  database.close()
  return sqlite({ database })
}

function foreign(): Store {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE strongroom_sessions (id, x)')
  return sqlite({ database })
}

function dangling(): Store {
  symlinkSync(join(dir, 'not-mounted', 'sessions'), join(dir, 'link'))
  return file(join(dir, 'link'))
}

suite('what was handed in and cannot be used is named in the message, and not in the cause alone', () => {
  for (const [what, open, message] of [
    [
      'a client of node-redis that was never connected',
      () => redis({ client: createClient({ url: `redis://${NOWHERE}` }), durable: 'no' }),
      /never connected, or is closed: call await client\.connect\(\) first/,
    ],
    ['ioredis without a connection and without a queue', offline, /not connected, and its enableOfflineQueue is off/],
    [
      'a Client of pg that was never connected',
      () => postgres({ client: new pg.Client(`postgres://me@${NOWHERE}/x`), timeout: 100 }),
      /did not answer within 100 ms\. The client is not connected: call await client\.connect\(\) first\.$/,
    ],
    ['a pool of mysql2 that was ended', ended, /^The client of the session database is closed\. Close it after/],
    ['a database of node:sqlite that was closed', closed, /^The session database is closed\. Close it after/],
    [
      'a table of this name with other columns',
      foreign,
      /other columns than this release expects\. Give sessions a table of their own: option "table"\.$/,
    ],
    [
      'a link to a directory that is not mounted',
      dangling,
      /or what it links to, does not exist\. .* its disk is mounted/,
    ],
  ] as const)
    test(what, async () => {
      const store = await open()
      await assert.rejects(store.read('a'.repeat(64) as Id), (error: unknown) => {
        assert.ok(error instanceof StoreError, String(error))
        assert.match(error.message, message)
        return true
      })
      await store.close()
    })
})
