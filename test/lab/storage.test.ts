import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { mariadbNeed } from '../servers/mariadb.ts'
import { postgresNeed } from '../servers/postgres.ts'
import { REDIS_PROGRAMS, redisNeed } from '../servers/redis.ts'
import { cellsOf, rowNamed } from './cells.ts'

const STORAGE = [
  ...['kill-the-store', 'kill-the-application', 'read-the-files', 'read-a-backup', 'read-a-backup-and-the-secrets'],
  ...['alter-rows', 'swap-rows', 'roll-back-rows', 'write-to-the-cache', 'abandoned-sessions', 'memory-after-the-end'],
]

const SERVERS: Readonly<Record<string, readonly { readonly skip: string | false }[]>> = {
  memory: [],
  file: [],
  sqlite: [],
  'cookie, with revocations': [],
  postgres: [postgresNeed],
  mysql: [mariadbNeed],
  redis: [redisNeed],
  valkey: [REDIS_PROGRAMS.valkey],
  'cached, redis over sqlite': [redisNeed],
}

suite('no attack on what is stored breaks what the documents promise', () => {
  for (const [name, needs] of Object.entries(SERVERS))
    test(`on ${name}`, { skip: needs.find(({ skip }) => skip)?.skip ?? false }, async () => {
      const cells = await cellsOf(rowNamed(name), STORAGE)
      assert.equal(cells.size, STORAGE.length)
      for (const { attack, verdict, promised, summary } of cells.values()) {
        assert.notEqual(verdict, 'not run', `${attack}: ${summary}`)
        if (promised) assert.notEqual(verdict, 'broken', `${attack}: ${summary}`)
      }
    })
})
