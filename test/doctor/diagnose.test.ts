import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { inspect } from 'node:util'
import { examineApplication } from '../../packages/cli/src/doctor/application.ts'
import { Topic } from '../../packages/cli/src/doctor/check.ts'
import { clockCheck } from '../../packages/cli/src/doctor/clock.ts'
import { diagnose } from '../../packages/cli/src/doctor/doctor.ts'
import { reachBetween, reachOf, tlsCheck } from '../../packages/cli/src/doctor/network.ts'
import { rowChecks } from '../../packages/cli/src/doctor/rows.ts'
import { versionCheck } from '../../packages/cli/src/doctor/versions.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { examined, folderAtHome } from './found.ts'

const secrets = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'

suite('a diagnosis', () => {
  const home = folderAtHome()
  const path = (name: string) => join(home.dir, name)
  after(home.remove)

  test('of sessions in memory says that they are lost at a restart', async () => {
    const sessions = createSessions({ store: memory(), secrets })
    const amber = await examined(sessions)
    amber.is('memory', 'amber', /a restart signs everybody out/)
    amber.is('seal', 'green')
    const red = await examined(sessions, { environment: { NODE_ENV: 'production' } })
    red.is('memory', 'red', undefined, /postgres, mysql or redis/)
    await sessions.close()
  })

  test('of a seal that the server can open is amber, and of none red', async () => {
    const levels = await Promise.all(
      (['two-key', 'server-key', 'none'] as const).map(async (seal) => {
        const sessions = createSessions({ store: file(path(seal)), secrets, seal })
        const found = await examined(sessions)
        await sessions.close()
        return found.get('seal').level
      }),
    )
    assert.deepEqual(levels, ['green', 'amber', 'red'])
  })

  test("of a store of somebody else's is unknown, and the rest goes on", async () => {
    const inner = memory()
    const traits = { ...inner.traits, engine: 'papyrus', shared: 'network', durable: 'machine' } as const
    const store = new Proxy(inner, {
      get: (target, name) => (name === 'traits' ? traits : Reflect.get(target, name, target)),
    })
    const sessions = createSessions({ store: store as Store, secrets })
    const found = await examined(sessions)
    found.is('store-known', 'unknown', /The store papyrus is none of this library's/)
    found.is('cookie-prefix', 'green')
    await sessions.close()
  })

  test('of a store made of two looks at both', async () => {
    const url = (name: string) => encodeURIComponent(`file:${path(name)}`)
    const cached = await examined(`cached:?durable=${url('a')}&cache=memory%3A%3Fevicts%3Dtrue`)
    assert.equal(cached.get('memory', 'cache').level, 'green')
    assert.equal(cached.get('file-directory', 'engine').level, 'red')
    const moving = await examined(`moving:?from=${url('a')}&to=${url('b')}`)
    assert.equal(moving.get('file-directory', 'engine').level, 'red')
    assert.equal(moving.get('file-directory', 'engine that is left').level, 'red')
  })

  test('of a URL that names no store throws, and repeats nothing of it', async () => {
    await assert.rejects(
      diagnose('strange://user:password@host'),
      (error: Error) => !error.message.includes('password'),
    )
  })

  test('shows nothing of what it looks through to those who print a store or sessions', async () => {
    const store = sqlite(path('seen.db'))
    const sessions = createSessions({ store, secrets })
    for (const each of [store, sessions]) {
      assert.doesNotMatch(inspect(each, { depth: 9, showHidden: false }), /hasSecrets|synchronous|setCookie/)
      assert.deepEqual(
        Reflect.ownKeys({ ...each }).filter((key) => typeof key === 'symbol' && String(key).includes('strongroom.')),
        [],
      )
    }
    await sessions.close()
    await store.close()
  })

  test('has a moment, a format, and only what was asked for', async () => {
    const { format, at, checks } = await diagnose(null, { environment: {}, folder: home.dir, clock: () => 0 })
    assert.deepEqual([format, at], [1, '1970-01-01T00:00:00.000Z'])
    assert.deepEqual([...new Set(checks.map(({ about }) => about))], ['application', 'secrets'])
  })
})

suite('the doctor and backups', () => {
  const home = folderAtHome()
  const path = (name: string) => join(home.dir, name)
  const backup = async (name: string) => (await examined(null, { backups: [path(name)] })).get('backup')
  before(async () => {
    for (const [name, seal] of [
      ['two-key.db', 'two-key'],
      ['server-key.db', 'server-key'],
      ['none.db', 'none'],
    ] as const) {
      const store = sqlite(path(name))
      const sessions = createSessions({ store, secrets, seal })
      const visit = sessions.open({})
      ;(await visit.get()).set('note', 'milk')
      await visit.commit()
      await store.close()
    }
    const database = new DatabaseSync(path('people.db'))
    database.exec('CREATE TABLE people (name TEXT); INSERT INTO people VALUES (1)')
    database.close()
    writeFileSync(path('cut.db'), readFileSync(path('two-key.db')).subarray(0, 5_000))
  })
  after(home.remove)

  test('a backup without sessions is green, with sealed ones amber, and with readable ones red', async () => {
    const names = ['people.db', 'two-key.db', 'server-key.db', 'none.db']
    const found = []
    for (const name of names) found.push(await backup(name))
    assert.deepEqual(
      found.map(({ level }) => level),
      ['green', 'amber', 'amber', 'red'],
    )
    assert.match(found[1]?.what ?? '', /a restore brings sessions back/)
    assert.match(found[1]?.mend ?? '', /strongroom\/cli backup/)
    assert.match(found[3]?.what ?? '', /anyone who finds it can read/)
  })

  test('a backup that cannot be read whole is unknown, and never green', async () => {
    assert.equal((await backup('cut.db')).level, 'unknown')
    const missing = await backup('missing.db')
    assert.equal(missing.level, 'unknown')
    assert.match(missing.what, /no such file/)
  })
})

suite('the doctor and the application', () => {
  const look = (changes: object) =>
    examineApplication({
      environment: {},
      usesSodium: null,
      version: 'v24.1.0',
      now: Date.parse('2026-11-29'),
      ...changes,
    })
  const level = (name: string, changes: object) => look(changes).find((check) => check.name === name)?.level

  test('NODE_ENV is green when it is production, and amber otherwise', () => {
    assert.equal(level('node-env', { environment: { NODE_ENV: 'production' } }), 'green')
    assert.equal(level('node-env', { environment: { NODE_ENV: 'development' } }), 'amber')
    assert.equal(level('node-env', {}), 'amber')
  })

  test('a Node that is too old is red, and one without fixes amber', () => {
    assert.equal(level('node-version', {}), 'green')
    assert.equal(level('node-version', { version: 'v22.12.0' }), 'red')
    assert.equal(level('node-version', { version: 'v22.13.0' }), 'green')
    assert.equal(level('node-version', { version: 'v22.13.0', now: Date.parse('2027-05-01') }), 'amber')
    assert.equal(level('node-version', { version: 'v26.0.0' }), 'green')
  })

  test('without sodium-native it is green, and says what that would do', () => {
    assert.equal(level('sodium', { usesSodium: false }), 'green')
    assert.match(
      look({ usesSodium: false }).find(({ name }) => name === 'sodium')?.what ?? '',
      /npm install sodium-native/,
    )
    assert.equal(level('sodium', {}), undefined)
  })

  test('a server whose line gets no fixes any more is amber from that day on', () => {
    const topic = new Topic('engine', 'postgresql')
    const on = (day: string) => {
      const version = { program: 'PostgreSQL', line: '15', full: '15.9', isSupported: true, needed: '12 or later' }
      return versionCheck(topic, 'postgres-version', { ...version, now: Date.parse(day) }).level
    }
    assert.deepEqual([on('2027-11-10'), on('2027-11-11')], ['green', 'amber'])
  })

  test('a server that this library does not support is red, whatever fixes it gets', () => {
    const version = {
      program: 'PostgreSQL',
      line: '11',
      full: '11.22',
      isSupported: false,
      needed: '12 or later',
      now: 0,
    }
    const check = versionCheck(new Topic('engine', 'postgresql'), 'postgres-version', version)
    assert.deepEqual([check.level, check.mend], ['red', 'Use PostgreSQL 12 or later.'])
  })

  test('a line whose end is not known is unknown, and never green', () => {
    const topic = new Topic('engine', 'postgresql')
    const look = (program: string, line: string) => {
      const version = { program, line, full: `${line}.1`, isSupported: true, needed: '12 or later' }
      return versionCheck(topic, 'version', { ...version, now: Date.parse('2026-11-29') })
    }
    assert.equal(look('PostgreSQL', '19').level, 'unknown')
    assert.match(look('MariaDB', '12.3').what, /Until when MariaDB 12\.3 gets fixes is not known/)
    // Ended with the line after it, long before the long-term line that is older.
    assert.deepEqual([look('MySQL', '9.1').level, look('MySQL', '8.4').level], ['amber', 'green'])
  })
})

suite('a clock', () => {
  test('that is not told is unknown, and never green', () => {
    const clocks = { whose: 'memcached', theirs: Number.NaN, before: 0, after: 0 }
    const check = clockCheck(new Topic('engine', 'memcached'), 'clock', clocks)
    assert.deepEqual([check.level, check.mend], ['unknown', null])
  })
})

suite('what lies in a store', () => {
  const topic = new Topic('engine', 'every-store')
  const now = Date.parse('2026-11-29')
  const say = (rows: object) =>
    rowChecks(topic, { live: 0, expired: 0, oldest: null, ...rows }, { every: null, now })[0]?.what

  test('is not called counted when only some of it was looked at', () => {
    assert.equal(
      say({ live: 19_999, expired: 1, isSample: true }),
      'Of 20,000 rows that were looked at, 1 have expired.',
    )
    assert.equal(say({ live: 100_001, expired: 5 }), '5 expired and more than 100,000 live rows are stored.')
  })
})

suite('what counts as a network', () => {
  for (const [address, reach] of [
    [null, 'machine'],
    ['localhost', 'machine'],
    ['127.0.0.1', 'machine'],
    ['127.0.0.2', 'machine'],
    ['::1', 'machine'],
    ['::ffff:127.0.0.1', 'machine'],
    ['10.1.2.3', 'private'],
    ['172.17.0.2', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::2', 'private'],
    ['fe80::1%eth0', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['db.internal', 'private'],
    ['172.32.0.1', 'public'],
    ['203.0.113.7', 'public'],
    ['2001:db8::1', 'public'],
  ] as const)
    test(`${address ?? 'a Unix socket'} is reached by way of: ${reach}`, () => assert.equal(reachOf(address), reach))

  test('one address at both ends stays on the machine, but the server listens to a network', () => {
    assert.equal(reachBetween('203.0.113.7', '203.0.113.7'), 'private')
    assert.equal(reachBetween('203.0.113.8', '203.0.113.7'), 'public')
    assert.equal(reachBetween('127.0.0.1', '127.0.0.1'), 'machine')
    // A proxy on the way: the server sees its own machine, and the connection comes from another.
    assert.equal(reachBetween('203.0.113.8', '127.0.0.1'), 'public')
  })

  test('a connection is red over a public network, amber over a private one, and unknown where its client does not tell', () => {
    const topic = new Topic('engine', 'postgresql')
    const level = (encrypted: boolean | null, reach: 'machine' | 'private' | 'public') =>
      tlsCheck(topic, 'postgres-tls', { server: 'PostgreSQL', encrypted, reach, mend: 'TLS' }).level
    assert.deepEqual(
      (['machine', 'private', 'public'] as const).map((reach) => [true, false, null].map((tls) => level(tls, reach))),
      [
        ['green', 'green', 'green'],
        ['green', 'amber', 'unknown'],
        ['green', 'red', 'unknown'],
      ],
    )
  })
})
