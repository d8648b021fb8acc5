import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { Topic } from '../../packages/cli/src/doctor/check.ts'
import { redisVersionCheck } from '../../packages/cli/src/doctor/redis-version.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { freePort } from '../servers/daemon.ts'
import { describeBoth, type RedisProgram, type RedisServer, startRedis } from '../servers/redis.ts'
import { until } from '../servers/redis-client.ts'
import { startRedisCluster } from '../servers/redis-cluster.ts'
import { need } from '../support/need.ts'
import { certificateIn, examined, outerAddress } from './found.ts'

const openssl = need('openssl')
const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const PASSWORD = 'a-password-of-a-test'
async function send(server: RedisServer, ...commands: readonly (readonly string[])[]): Promise<void> {
  const client = new Redis(server.port, '127.0.0.1', { password: PASSWORD, retryStrategy: () => null })
  client.on('error', () => {})
  try {
    for (const [name = '', ...words] of commands) await client.call(name, ...words)
  } finally {
    client.disconnect()
  }
}

/** The password is set afterwards, because the fixture asks without one whether the server is ready. */
async function startProtected(settings: Readonly<Record<string, string>>, program: RedisProgram): Promise<RedisServer> {
  const server = await startRedis(settings, program)
  const client = new Redis(server.port)
  await client.config('SET', 'requirepass', PASSWORD)
  client.disconnect()
  return server
}

describeBoth('set up well, and the doctor', (program) => {
  let server: RedisServer
  let good: string
  before(async () => {
    server = await startProtected({}, program)
    const admin = await examined(`redis://:${PASSWORD}@127.0.0.1:${server.port}`)
    // As the doctor says it.
    const [name = '', ...words] = (admin.get('redis-rights').mend ?? '').replace('>…', '>web-password').split(' ')
    await send(server, [name, ...words])
    good = `redis://web:web-password@127.0.0.1:${server.port}`
  })
  after(() => server.stop())

  test('everything is green for a user that may do what sessions need, the version excepted', async () => {
    const found = await examined(good)
    const engine = found.diagnosis.checks.filter(({ about, name }) => about === 'engine' && name !== 'redis-version')
    assert.deepEqual(
      engine.filter(({ level }) => level !== 'green'),
      [],
    )
    assert.deepEqual(engine.map(({ name }) => name).sort(), [
      'clock',
      'redis-auth',
      'redis-durability',
      'redis-eviction',
      'redis-memory',
      'redis-persistence',
      'redis-primary',
      'redis-protected-mode',
      'redis-replicas',
      'redis-rights',
      'redis-tls',
      'store-answers',
    ])
    found.is('redis-auth', 'green', /nothing for anyone without a password/)
  })

  test('the rights that the doctor asks for are enough for sessions', async () => {
    const sessions = createSessions({ store: good, secrets: SECRET })
    const visit = sessions.open({})
    const session = await visit.get()
    session.login('ada')
    await visit.commit()
    assert.equal((await sessions.of('ada').list()).length, 1)
    assert.equal(await sessions.of('ada').revokeAll(), 1)
    await sessions.close()
  })

  for (const [library, open] of [
    [
      'ioredis',
      async (url: string) => {
        const client = new Redis(url)
        return { client, close: async () => client.disconnect() }
      },
    ],
    [
      'node-redis',
      async (url: string) => {
        const client = createClient({ url })
        await client.connect()
        return { client, close: async () => client.destroy() }
      },
    ],
    [
      'node-redis with RESP 3',
      async (url: string) => {
        const client = createClient({ url, RESP: 3 })
        await client.connect()
        return { client, close: async () => client.destroy() }
      },
    ],
  ] as const)
    test(`a client of ${library} is asked over its own connection`, async () => {
      const { client, close } = await open(`redis://:${PASSWORD}@127.0.0.1:${server.port}`)
      const store = redis({ client: client as never })
      const sessions = createSessions({ store, secrets: SECRET })
      const found = await examined(sessions)
      found.is('redis-durability', 'green')
      found.is('redis-rights', 'amber', /may run every command/, /ACL SETUSER/)
      found.is('redis-tls', 'green', /stays on this machine/)
      await sessions.close()
      await close()
    })

  test('settings that may not be read are unknown, and never green', async () => {
    await send(server, [
      'ACL',
      'SETUSER',
      'blind',
      'on',
      '>blind-password',
      '~*',
      '&*',
      '+@all',
      '-config',
      '-client',
      '-acl',
      '-time',
    ])
    const found = await examined(`redis://blind:blind-password@127.0.0.1:${server.port}?evicts=false`)
    found.is('redis-durability', 'unknown', /CONFIG GET is forbidden/)
    found.is('redis-protected-mode', 'unknown')
    found.is('redis-auth', 'unknown', /does not show its ACL/)
    found.is('redis-tls', 'unknown')
    found.is('clock', 'unknown')
    // INFO says it, too.
    found.is('redis-eviction', 'green')
    await send(server, ['ACL', 'SETUSER', 'mute', 'on', '>mute-password', '~*', '+ping'])
    const mute = await examined(`redis://mute:mute-password@127.0.0.1:${server.port}`)
    mute.is('redis-info', 'unknown', /could not be looked at/)
  })

  test('a user who may do everything but one thing is amber, and one without what is dangerous green', async () => {
    await send(server, ['ACL', 'SETUSER', 'most', 'on', '>most-password', '~*', '&*', '+@all', '-debug'])
    const most = await examined(`redis://most:most-password@127.0.0.1:${server.port}`)
    most.is('redis-rights', 'amber', /may run every command but debug/)
    await send(server, ['ACL', 'SETUSER', 'most', '-@dangerous', '+info', '+acl'])
    const less = await examined(`redis://most:most-password@127.0.0.1:${server.port}`)
    less.is('redis-rights', 'green')
  })

  test('an fsync that is left out while a file is rewritten is amber', async () => {
    await send(server, ['CONFIG', 'SET', 'no-appendfsync-on-rewrite', 'yes'])
    const found = await examined(`redis://:${PASSWORD}@127.0.0.1:${server.port}`)
    await send(server, ['CONFIG', 'SET', 'no-appendfsync-on-rewrite', 'no'])
    found.is('redis-durability', 'amber', /no-appendfsync-on-rewrite is yes/)
  })

  test('where ACL is renamed, the rights are unknown, and never green', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-doctor-redis-'))
    t.after(() => rmSync(dir, { recursive: true }))
    chmodSync(dir, 0o755)
    writeFileSync(join(dir, 'renamed.conf'), 'rename-command ACL ""\n')
    const renamed = await startRedis({ include: join(dir, 'renamed.conf') }, program)
    const found = await examined(renamed.url)
    await renamed.stop()
    found.is('redis-rights', 'unknown', /ACL is renamed, or missing/)
  })

  test('a Unix socket is no network', async () => {
    const socket = join(server.dir, 'socket')
    const local = await startProtected({ unixsocket: socket }, program)
    const found = await examined(`redis://:${PASSWORD}@/0?socketPath=${socket}`)
    found.is('redis-tls', 'green', /stays on this machine/)
    found.is('redis-auth', 'green')
    await local.stop()
  })

  test('a password that is wrong is red, and in no message', async () => {
    const found = await examined(`redis://:wrong-password@127.0.0.1:${server.port}`, { timeout: 1_000 })
    found.is('store-answers', 'red', undefined, /password/)
    assert.doesNotMatch(JSON.stringify(found.diagnosis), /wrong-password/)
  })

  test('a replica is red, and so is what a master with replicas may lose to a failover amber', async () => {
    const replica = await startProtected({ masterauth: PASSWORD, replicaof: `127.0.0.1 ${server.port}` }, program)
    const asAdmin = `redis://:${PASSWORD}@127.0.0.1`
    await until(async () => (await examined(`${asAdmin}:${server.port}`)).get('redis-replicas').level === 'amber')
    const master = await examined(`${asAdmin}:${server.port}`)
    master.is('redis-replicas', 'amber', /with 1 replica:/, /min-replicas-to-write 1/)
    const found = await examined(`${asAdmin}:${replica.port}`)
    found.is('redis-primary', 'red', /is a replica/, /sentinel/)
    await send(server, ['CONFIG', 'SET', 'min-replicas-to-write', '1'])
    const safe = await examined(`${asAdmin}:${server.port}`)
    safe.is('redis-replicas', 'green', /needs 1 of 1 replicas/)
    await send(server, ['CONFIG', 'SET', 'min-replicas-max-lag', '0'])
    const off = await examined(`${asAdmin}:${server.port}`)
    off.is('redis-replicas', 'amber', /turns min-replicas-to-write off/, /min-replicas-max-lag 5/)
    await send(server, ['CONFIG', 'SET', 'min-replicas-max-lag', '10', 'min-replicas-to-write', '0'])
    await replica.stop()
  })

  test('as a cache, what it loses is green, and who can reach it still counts', async () => {
    const cache = encodeURIComponent(`redis://:${PASSWORD}@127.0.0.1:${server.port}?evicts=true`)
    const found = await examined(`cached:?durable=${encodeURIComponent('file:./nowhere')}&cache=${cache}`)
    assert.equal(found.get('redis-eviction', 'cache').level, 'green')
    assert.equal(found.get('redis-rights', 'cache').level, 'amber')
    assert.ok(!found.has('redis-durability'))
    found.is('file-directory', 'red')
  })
})

describeBoth('set up badly, and the doctor', (program) => {
  let server: RedisServer
  const outer = outerAddress()
  before(async () => {
    server = await startRedis(
      {
        appendonly: 'no',
        save: '3600 1',
        maxmemory: '3mb',
        'maxmemory-policy': 'allkeys-lru',
        'protected-mode': 'no',
        bind: '0.0.0.0',
      },
      program,
    )
  })
  after(() => server.stop())

  for (const [name, what, mend] of [
    ['redis-durability', /appendonly is no/, /CONFIG SET appendonly yes/],
    ['redis-eviction', /maxmemory-policy is allkeys-lru/, /noeviction/],
    ['redis-auth', /asks for no password/, /requirepass/],
    ['redis-protected-mode', /protected-mode is no/, /CONFIG SET protected-mode yes/],
  ] as const)
    test(`${name} is red, and says what mends it`, async () => {
      const found = await examined(server.url)
      found.is(name, 'red', what, mend)
    })

  test('evicted keys are counted, and a memory that is nearly full is amber', async (t) => {
    const client = new Redis(server.port)
    // Not at the end: a test that fails must not leave a client that tries to connect for ever.
    t.after(() => client.disconnect())
    for (let i = 0; i < 60; i++) await client.set(`cache:${i}`, 'x'.repeat(50_000))
    const found = await examined(server.url)
    found.is('redis-eviction', 'red', /and [\d,]+ keys already were/)
    found.is('redis-memory', 'amber', /when it is full, nobody can log in/)
    await client.config('SET', 'maxmemory-policy', 'noeviction')
    const later = await examined(server.url)
    later.is('redis-eviction', 'amber', /keys were evicted since the start/, /RESETSTAT/)
    await client.call('CONFIG', 'RESETSTAT')
    const reset = await examined(server.url)
    reset.is('redis-eviction', 'green')
  })

  test('an fsync each second is amber, and nothing on the disk at all is amber, too', async (t) => {
    const client = new Redis(server.port)
    // Not at the end: a test that fails must not leave a client that tries to connect for ever.
    t.after(() => client.disconnect())
    await client.call('CONFIG', 'SET', 'save', '')
    const nothing = await examined(server.url)
    nothing.is('redis-durability', 'amber', /a restart signs everybody out/)
    await client.call('CONFIG', 'SET', 'appendfsync', 'everysec')
    await client.call('CONFIG', 'SET', 'appendonly', 'yes')
    const second = await examined(server.url)
    second.is('redis-durability', 'amber', /appendfsync is everysec/, /appendfsync always/)
    await client.call('CONFIG', 'SET', 'appendfsync', 'no')
    const later = await examined(server.url)
    later.is('redis-durability', 'amber', /the last half minute/)
  })

  test('a password-less server that only its machine reaches is amber', async () => {
    const local = await startRedis({}, program)
    const found = await examined(local.url)
    found.is('redis-auth', 'amber', /every program on its machine/)
    found.is('redis-protected-mode', 'green')
    await local.kill()
    const gone = await examined(local.url, { timeout: 1_000 })
    gone.is('store-answers', 'red', /did not answer/)
    await local.stop()
  })

  test('a connection without TLS that leaves the loopback addresses is not green', {
    skip: outer === null && 'this machine has only loopback',
  }, async () => {
    const found = await examined(`redis://${outer}:${server.port}`)
    found.is('redis-tls', 'amber', /without TLS/, /rediss:\/\//)
  })

  test('a file that could not be written the last time is red', async (t) => {
    const client = new Redis(server.port)
    // Not at the end: a test that fails must not leave a client that tries to connect for ever.
    t.after(() => client.disconnect())
    // Nothing can be renamed to the name of a folder that is not empty.
    mkdirSync(join(server.dir, 'dump.rdb', 'in the way'), { recursive: true })
    // Also when it is rewriting its log at this moment.
    await client.bgsave('SCHEDULE')
    await until(async () => /rdb_last_bgsave_status:err/.test(await client.info('persistence')))
    const found = await examined(server.url)
    found.is('redis-persistence', 'red', /rdb_last_bgsave_status/, /its log/)
  })
})

describeBoth('as a cluster, and the doctor', (program) => {
  test('the master that is set worst decides', async () => {
    const cluster = await startRedisCluster({}, program)
    try {
      const good = await examined(cluster.url)
      good.is('redis-durability', 'green')
      const [, , last] = await cluster.mastersOf(0)
      const client = new Redis(last?.port ?? 0)
      await client.config('SET', 'appendonly', 'no')
      await client.config('SET', 'save', '60 1')
      client.disconnect()
      const found = await examined(cluster.url)
      found.is('redis-durability', 'red', /appendonly is no/)
      found.is('redis-eviction', 'green')
    } finally {
      await cluster.stop()
    }
  })
})

describeBoth(
  'over TLS, and the doctor',
  (program) => {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-doctor-tls-'))
    const known = getCACertificates('default')
    after(() => {
      setDefaultCACertificates(known)
      rmSync(dir, { recursive: true })
    })

    test('an encrypted connection is green, and the password is asked for there, too', async () => {
      const { certificate, key } = certificateIn(dir, openssl.path)
      const port = await freePort()
      const tls = { 'tls-port': `${port}`, 'tls-cert-file': certificate, 'tls-key-file': key }
      const server = await startProtected(
        { ...tls, 'tls-ca-cert-file': certificate, 'tls-auth-clients': 'no' },
        program,
      )
      setDefaultCACertificates([...known, readFileSync(certificate, 'utf8')])
      const found = await examined(`rediss://:${PASSWORD}@localhost:${port}`)
      found.is('redis-tls', 'green', /is encrypted/)
      found.is('redis-auth', 'green')
      await server.stop()
    })
  },
  openssl,
)

suite('the version of a Redis', () => {
  const topic = new Topic('engine', 'redis-and-valkey')
  for (const [server, version, level] of [
    ['Redis', '6.0.16', 'red'],
    ['Redis', '6.2.19', 'amber'],
    ['Redis', '6.2.20', 'green'],
    ['Redis', '7.0.15', 'amber'],
    ['Redis', '7.2.11', 'green'],
    ['Redis', '7.4.5', 'amber'],
    ['Redis', '8.0.4', 'green'],
    ['Redis', '8.2.1', 'amber'],
    ['Redis', '8.10.0', 'green'],
    ['Valkey', '7.2.11', 'green'],
    ['Valkey', '8.0.1', 'amber'],
    ['Valkey', '8.1.4', 'green'],
    ['Valkey', '9.0.0', 'green'],
    ['Redis', '', 'unknown'],
  ] as const)
    test(`${server} ${version || 'that does not tell it'} is ${level}`, () => {
      assert.equal(redisVersionCheck(topic, server, version).level, level)
    })
})
