import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Redis } from 'ioredis'
import type { Check } from '../../packages/cli/src/doctor/doctor.ts'
import { examineRedis } from '../../packages/cli/src/doctor/redis.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { backendOf, type RedisBackend } from '../../packages/strongroom/src/engines/shared/backend.ts'
import type { ScannableStore } from '../../packages/strongroom/src/store.ts'
import { describeBoth, type RedisServer, startRedis } from '../servers/redis.ts'
import { until } from '../servers/redis-client.ts'

const PASSWORD = 'a-password-of-a-test'

/** What some servers that speak the protocol of Redis leave out, and a managed one forbids: each of it is read. */
const FIELDS = [
  ['INFO', 'redis_version', ['redis-version']],
  ['INFO', 'aof_last_write_status', ['redis-persistence']],
  ['INFO', 'aof_last_bgrewrite_status', ['redis-persistence']],
  ['INFO', 'rdb_last_bgsave_status', ['redis-persistence']],
  ['INFO', 'role', ['redis-primary']],
  ['INFO', 'connected_slaves', ['redis-replicas']],
  ['INFO', 'maxmemory', ['redis-eviction', 'redis-memory']],
  ['INFO', 'maxmemory_policy', ['redis-eviction']],
  ['INFO', 'evicted_keys', ['redis-eviction']],
  ['INFO', 'used_memory', ['redis-memory']],
  ['CONFIG', 'appendfsync', ['redis-durability']],
  ['CONFIG', 'no-appendfsync-on-rewrite', ['redis-durability']],
  ['CONFIG', 'min-replicas-to-write', ['redis-replicas']],
  ['CONFIG', 'min-replicas-max-lag', ['redis-replicas']],
  ['CONFIG', 'protected-mode', ['redis-protected-mode']],
] as const

describeBoth('that does not tell everything, and the doctor', (program) => {
  let [master, replica]: (RedisServer | undefined)[] = []
  let store: ScannableStore | undefined
  let backend: RedisBackend
  before(async () => {
    master = await startRedis({ 'min-replicas-to-write': '1' }, program)
    const { port } = master
    const client = new Redis(port)
    try {
      await client.config('SET', 'requirepass', PASSWORD)
      replica = await startRedis({ masterauth: PASSWORD, replicaof: `127.0.0.1 ${port}` }, program)
      await until(async () => /connected_slaves:1/.test(await client.info('replication')))
    } finally {
      client.disconnect()
    }
    store = redis(`redis://:${PASSWORD}@127.0.0.1:${port}`)
    backend = backendOf(store) as RedisBackend
  })
  after(async () => {
    await store?.close()
    await replica?.stop()
    await master?.stop()
  })

  /** The real replies, without what `isTold` refuses. */
  async function examined(isTold: (command: string, name: string) => boolean): Promise<ReadonlyMap<string, Check>> {
    const command: RedisBackend['command'] = async (...words) => {
      const [name, sub, setting = ''] = words
      const replies = await backend.command(...words)
      if (name === 'CONFIG' && sub === 'GET') return isTold('CONFIG', setting) ? replies : [[]]
      if (name !== 'INFO') return replies
      return replies.map((reply) =>
        String(reply)
          .split('\r\n')
          .filter((line) => isTold('INFO', line.split(':', 1)[0] ?? ''))
          .join('\r\n'),
      )
    }
    const limits = { about: 'engine', isCache: false, limit: 5_000, now: Date.now }
    const checks = await examineRedis({ ...backend, command }, limits)
    return new Map(checks.map((check) => [check.name, check]))
  }

  test('of a server that tells everything, each of these checks is made', async () => {
    const found = await examined(() => true)
    for (const name of FIELDS.flatMap(([, , checks]) => checks))
      assert.notEqual(found.get(name)?.level, 'unknown', name)
    assert.match(found.get('redis-replicas')?.what ?? '', /needs 1 of 1 replicas/)
  })

  for (const [command, field, checks] of FIELDS)
    test(`without ${field} of ${command}, ${checks.join(' and ')} is unknown, and never green`, async () => {
      // A Valkey tells its own version, too.
      const fields: readonly string[] = field === 'redis_version' ? [field, 'valkey_version'] : [field]
      const found = await examined((asked, name) => asked !== command || !fields.includes(name))
      for (const name of checks) assert.equal(found.get(name)?.level, 'unknown', found.get(name)?.what)
    })

  test('without aof_enabled, the setting counts, and without both, durability is unknown', async () => {
    const setting = await examined((_, name) => name !== 'aof_enabled')
    assert.equal(setting.get('redis-durability')?.level, 'green')
    const neither = await examined((_, name) => name !== 'aof_enabled' && name !== 'appendonly')
    assert.equal(neither.get('redis-durability')?.level, 'unknown')
  })

  test('of a server that tells nothing, nothing is green but what was tried', async () => {
    const found = await examined(() => false)
    const green = [...found.values()].filter(({ level }) => level === 'green').map(({ name }) => name)
    assert.deepEqual(green.sort(), ['clock', 'redis-auth', 'redis-tls'])
  })
})
