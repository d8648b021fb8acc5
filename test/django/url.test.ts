import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { djangoCache } from '../../packages/django/src/stores/cache.ts'
import { djangoCachedDb } from '../../packages/django/src/stores/cached-db.ts'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoRedis } from '../../packages/django/src/stores/redis.ts'
import { djangoFromUrl, isDjangoUrl } from '../../packages/django/src/url.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { Id, Store } from '../../packages/strongroom/src/index.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'

const PASSWORD = 'sesame'
const CONTEXT = { clock: Date.now, cookieName: 'sessionid', endOf: () => 0 }

/** It is refused when the engine is made, by a message that matches and repeats nothing of the URL. */
function refuses(make: () => unknown, message: RegExp) {
  assert.throws(make, (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error))
    assert.match(error.message, message)
    assert.ok(!error.message.includes(PASSWORD), error.message)
    assert.ok(!String((error.cause as Error | undefined)?.message).includes(PASSWORD))
    return true
  })
}

const encoded = encodeURIComponent

test('the scheme of a URL may be in capitals', () => {
  for (const url of ['DJANGO+Postgres://h/x', ' Django+Sqlite:./X.db', 'django+REDIS-Cache://h/1']) {
    assert.equal(isDjangoUrl(url), true)
    assert.ok(djangoFromUrl(url).engine)
  }
  assert.equal(djangoFromUrl('Django+FILE:./X').path, resolve('X'))
})

suite('a django+ URL', () => {
  const cache = `cache=${encoded(`redis://:${PASSWORD}@cache:6379/1`)}`
  for (const [url, name, engine, path, hasDatabase] of [
    ['sqlite:./x.db', 'db', 'django (sqlite)', './x.db', true],
    ['sqlite:///x/y.db?table=s&users=u&userKey=k', 'db', 'django (sqlite)', '/x/y.db', true],
    [`sqlite:x%20y.db?${cache}`, 'cached_db', 'django (cached_db, sqlite)', 'x y.db', true],
    ['postgres://me@host/x', 'db', 'django (postgres)', null, true],
    ['postgresql:///x?host=/run/postgresql', 'db', 'django (postgres)', null, true],
    [`postgres://me@[::1]/x?sslmode=require&${cache}`, 'cached_db', 'django (cached_db, postgres)', null, true],
    ['mysql://me@host/x', 'db', 'django (mysql)', null, true],
    ['mariadb://me@/x?socketPath=/run/mysqld.sock', 'db', 'django (mysql)', null, true],
    [`mysql://host/x?${cache}&keyPrefix=shop&version=0`, 'cached_db', 'django (cached_db, mysql)', null, true],
    [`mysql://host/x?cache=redis://cache/1`, 'cached_db', 'django (cached_db, mysql)', null, true],
    [`mysql://host/x?cache=${encoded('valkeys+cluster://a,b')}`, 'cached_db', 'django (cached_db, mysql)', null, true],
    ['file:./sessions?cookieName=sid&cookieAge=7d', 'file', 'django (file)', './sessions', false],
    ['redis://host/1?prefix=session', 'redis', 'django (redis)', null, false],
    ['rediss://:p@host', 'redis', 'django (redis)', null, false],
    ['redis+sentinel://a,b/main/1?sentinelPassword=x', 'redis', 'django (redis)', null, false],
    ['redis:///1?socketPath=/run/redis.sock', 'redis', 'django (redis)', null, false],
    ['redis-cache://host:6379/1', 'cache', 'django (cache)', null, false],
    ['redis-cache://host?keyPrefix=shop&version=2&expireAtBrowserClose=true', 'cache', 'django (cache)', null, false],
    ['rediss-cache://host', 'cache', 'django (cache)', null, false],
    ['valkey-cache+cluster://a,b', 'cache', 'django (cache)', null, false],
  ] as const)
    for (const blank of ['', ' ', '\r\n'])
      test(`${JSON.stringify(blank)} around it is no part of it: ${url.replaceAll(PASSWORD, '…')}`, async () => {
        const given = `${blank}django+${url}${blank}`
        assert.ok(isDjangoUrl(given))
        const found = djangoFromUrl(given)
        assert.deepEqual(
          [found.engine.name, found.path, found.database?.name],
          [name, path === null ? null : resolve(path), hasDatabase ? 'db' : undefined],
        )
        const store = found.engine.open(CONTEXT) as Store
        assert.equal(store.traits.engine, engine)
        await store.close()
      })

  for (const scheme of ['sqlite', 'file'])
    for (const [path, message] of [
      ['~/x', new RegExp(`write the whole path, as in django\\+${scheme}:\\$HOME/`)],
      ['~root/x', /does not expand "~"/],
      [`100%${PASSWORD}`, /has a "%" .*write it as %25/],
      [`${PASSWORD}%`, /has a "%" .*write it as %25/],
      [`x\n${PASSWORD}`, /has a line break or another control character in it/],
      [`//host/${PASSWORD}`, new RegExp(`and no host: write django\\+${scheme}:\\./relative`)],
      ['', new RegExp(`needs a path: django\\+${scheme}:\\./relative or`)],
      [`./x?${PASSWORD}=1`, new RegExp(`The django\\+${scheme}: URL has an unknown option\\. Known: cookieName`)],
    ] as const)
      test(`${scheme}:${JSON.stringify(path.replace(PASSWORD, '…'))} is refused`, () =>
        refuses(() => djangoFromUrl(`django+${scheme}:${path}`), message))

  test('a "~" that belongs to a name is written as ./~', () =>
    assert.equal(djangoFromUrl('django+sqlite:./~x.db').path, resolve('~x.db')))

  const needsRedis = /option cache of a django\+ URL is the URL of Django's cache on Redis, percent-encoded/
  for (const [url, message] of [
    [
      `postgres://host/x?tabel=${PASSWORD}`,
      /Did you mean "table"\? Known: cookieName, .*userKey, cache, .*; and to pg: /,
    ],
    [`mariadb://host/x?userkey=${PASSWORD}`, /Did you mean "userKey"\? Known: cookieName, .*; and to mysql2: /],
    ['postgres://host/x?cache=', needsRedis],
    [`postgres://host/x?cache=${encoded(`memcached://${PASSWORD}`)}`, needsRedis],
    [`sqlite:./x.db?cache=${encoded(`django+redis://${PASSWORD}`)}`, needsRedis],
    [`mysql://host/x?cache=redis+sentinel://${PASSWORD}/main`, needsRedis],
    [`mysql://host/x?cache=redis:${PASSWORD}`, /A Redis URL is redis:\/\/host:6379\/0/],
    [`mysql://host/x?cache=${encoded(`redis://:5%${PASSWORD}@h`)}`, /A Redis URL contains a "%"/],
    [
      `sqlite:./x.db?cache=${encoded('redis://h/1?keyPrefix=shop')}`,
      /The redis: URL has an unknown option\. Known: socket/,
    ],
    ['postgres://host/x?keyPrefix=shop', /keyPrefix and version are those of Django's cache: add its URL, \?cache=URL/],
    ['sqlite:./x.db?version=1', /keyPrefix and version are those of Django's cache/],
    [`sqlite:./x.db?cache=redis://${PASSWORD}&cache=redis://h`, /Option "cache" is given twice/],
    ['redis-cache://host/x', /The path of a Redis URL is the number of a database/],
    ['redis-cache://host/1?version=two', /Option "version" in a store URL must be a whole number/],
    ['redis-cache://host/1?prefix=session', /The redis: URL has an unknown option\. Known: socketPath/],
    ['redis-cache+cluster://a,b?timeout=5', /The redis\+cluster: URL has an unknown option\. Known: none/],
    ['redis://host/1?keyPrefix=shop', /The redis: URL has an unknown option/],
    ['redis://host/1?durable=machine', /The redis: URL has an unknown option/],
    ['redis-cache:host', /A Redis URL is/],
    ['redis-cached://host', /Unknown store URL\. Known: .*django\+redis-cache: \(the cache backend\)/],
    ['cached-db://host', /Unknown store URL\. Known: .*\(for cached_db, with \?cache=\)/],
    [`${PASSWORD}`, /Unknown store URL\./],
    ['constructor:x', /Unknown store URL\./],
  ] as const)
    test(`django+${url.replaceAll(PASSWORD, '…')} is refused`, () =>
      refuses(() => djangoFromUrl(`django+${url}`), message))
})

suite('the URL of an engine of Django is checked when the engine is made', () => {
  const database = djangoPostgres('postgres://host/x')
  const makers: Readonly<Record<string, (url: string) => unknown>> = {
    'djangoPostgres()': (url) => djangoPostgres({ url }),
    'djangoMysql()': (url) => djangoMysql({ url }),
    'djangoRedis()': (url) => djangoRedis({ url }),
    'djangoCache()': (url) => djangoCache({ url }),
    'djangoCachedDb(): cache': (url) => djangoCachedDb({ database, cache: url }),
  }
  for (const [name, make] of Object.entries(makers)) {
    const scheme = /postgres|mysql/i.exec(name)?.[0].toLowerCase() ?? 'redis'
    for (const [what, password, message] of [
      ['a raw %', `50%${PASSWORD}`, /"%" .*as %25/],
      ['a /', `1/${PASSWORD}`, /with @ : \/ \? # and % in the password as %40 %3A %2F %3F %23 and %25/],
      ['a #', `1#${PASSWORD}`, /in the password as %40/],
      ['a ?', `1?${PASSWORD}`, /unknown option|in the password|an option that is unknown/],
    ] as const)
      test(`${name}: ${what} in the password`, () => refuses(() => make(`${scheme}://me:${password}@host/1`), message))
    test(`${name}: a line break`, () =>
      refuses(
        () => make(`${scheme}://me:1\n${PASSWORD}@host/1`),
        new RegExp(`The URL of ${name.replace(/[()]/g, '\\$&')} has a line break`),
      ))
    test(`${name}: an unknown option`, () => refuses(() => make(`${scheme}://host/1?tabel=${PASSWORD}`), /option/))
    test(`${name}: IPv6, a Unix socket, and blanks around it`, () => {
      make(` ${scheme}://me:p%40@[::1]:99/1\n`)
      make(`${scheme}://me@/1?${scheme === 'postgres' ? 'host=/run/postgresql' : 'socketPath=/run/x.sock'}`)
    })
  }
  test('a URL without a host, and one of another database, say what to write', () => {
    refuses(() => djangoPostgres('postgres://me@/x'), /URL of djangoPostgres\(\) must be .*\?host=\/run\/postgresql/)
    refuses(() => djangoPostgres('mysql://host/x'), /URL of djangoPostgres\(\) must be like postgres:/)
    refuses(() => djangoMysql('postgres://host/x'), /URL of djangoMysql\(\) must be like mysql:/)
    refuses(() => djangoMysql('mysql://me@/x'), /URL of djangoMysql\(\) must be .*\?socketPath=/)
  })
})

suite('PostgreSQL on a Unix socket', { skip: postgresNeed.skip }, () => {
  test('is a storage of Django by its URL', async (t) => {
    const server = await startPostgres()
    const url = `postgres://strongroom:p@/postgres?host=${server.dir}&port=${server.port}`
    const store = djangoPostgres({ url }).open(CONTEXT) as Store
    t.after(async () => {
      await store.close()
      await server.stop()
    })
    // It was reached: it says that it has no such table.
    await assert.rejects(store.read('k'.repeat(32) as Id), /Django's session table does not exist/)
  })
})

suite('a Redis without the database that the URL names', { skip: redisNeed.skip }, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({ databases: '4' })
  })
  after(() => server.stop())

  for (const make of [djangoRedis, djangoCache])
    test(`is refused by ${make.name}(), and nothing is sent to another database`, async () => {
      const refused = make({ url: `${server.url}/99` }).open(CONTEXT) as Store
      const entry = { bytes: Buffer.from('{}'), expiresAt: Date.now() + 60_000, owner: null, label: null, createdAt: 0 }
      for (let i = 0; i < 3; i++)
        await assert.rejects(
          refused.create(`${i}`.padStart(32, 'k') as Id, entry),
          (error) => error instanceof ConfigError && /the server has no database of the number/.test(error.message),
        )
      await refused.close()
      const first = make({ url: server.url }).open(CONTEXT) as Store
      assert.equal(await first.read('0'.padStart(32, 'k') as Id), null)
      await first.close()
    })
})
