import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { givenClient, ownClient, RedisConnection } from '../../packages/strongroom/src/engines/redis/connection.ts'
import { openIoredis } from '../../packages/strongroom/src/engines/redis/ioredis.ts'
import { openNodeRedis } from '../../packages/strongroom/src/engines/redis/node-redis.ts'
import { parseRedisUrl } from '../../packages/strongroom/src/engines/redis/url.ts'
import { engineFromUrl, localStoresIn, storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { newEntry, newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { describeBoth, type RedisServer, startRedis } from '../servers/redis.ts'
import { send } from '../servers/redis-client.ts'

const PASSWORD = 'sesame'

/** It is refused when the store is made, by a message that matches and repeats nothing of the URL. */
function refuses(url: string, message: RegExp) {
  assert.throws(
    () => engineFromUrl(url),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError, String(error))
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, new RegExp(PASSWORD))
      assert.equal(error.cause instanceof Error && error.cause.message.includes(PASSWORD), false)
      return true
    },
  )
}

async function works(store: Store) {
  const id = newId()
  assert.equal(await store.create(id, newEntry(Date.now())), true)
  assert.ok(await store.read(id))
  await store.close()
}

const pathIn = (url: string) => localStoresIn(url)[0]?.path ?? null

suite('a URL that a person got almost right works, or the message says what to write', () => {
  for (const scheme of ['postgres', 'mysql', 'mariadb', 'redis'])
    for (const [what, password, message] of [
      ['a raw %', `50%${PASSWORD}`, /"%" .*as %25/],
      ['a % at its end', `${PASSWORD}%`, /"%" .*as %25/],
      ['a code that is no UTF-8', `%E0${PASSWORD}`, /"%" .*as %25/],
      ['a /', `1/${PASSWORD}`, /with @ : \/ \? # and % in the password as %40 %3A %2F %3F %23 and %25/],
      ['a #', `1#${PASSWORD}`, /in the password as %40/],
      ['a ?', `1?${PASSWORD}`, /unknown option|in the password|an option that is unknown/],
      ['a line break', `1\n${PASSWORD}`, /has a line break or another control character in it/],
    ] as const)
      test(`${scheme}: with ${what} in the password`, () => refuses(`${scheme}://me:${password}@host/1`, message))

  for (const url of [
    ...['postgres', 'mysql', 'mariadb', 'redis', 'memcached'].map((scheme) => `${scheme}://${PASSWORD} 1@host`),
    `postgres://ho st/x`,
    `postgres://host/x?application_name=a b`,
    `mysql://host/x\u00a0y`,
    `redis+sentinel://host,\u2003other/main`,
  ])
    test(`a blank within the URL of a server: ${url.replaceAll(PASSWORD, '…')}`, () =>
      refuses(url, /has a blank in it: remove it, or write %20\./))

  for (const url of [
    `postgres://host/x?${PASSWORD}=1`,
    `postgres://host/x?tabel=${PASSWORD}`,
    `mysql://host/x?${PASSWORD}=1`,
    `redis://host/1?${PASSWORD}=1`,
    `memcached://host?${PASSWORD}`,
    `sqlite:./x.db?${PASSWORD}=1`,
    `cached:?${PASSWORD}=1`,
    `moving:?${PASSWORD}=1`,
    `cookie:?${PASSWORD}=1`,
  ])
    test(`the name of an unknown option is not repeated: ${url.replaceAll(PASSWORD, '…')}`, () =>
      refuses(url, /\boption\b.*Known: /))

  for (const [url, first, rest] of [
    ['postgres://host/x?tabel=', 'Did you mean "table"? Known: max, table,', /; and to pg: database, .*sslmode/],
    ['mysql://host/x?tabel=', 'Did you mean "table"? Known: table, createTable,', /; and to mysql2: socketPath, /],
    ['redis://host/1?prefx=', 'Did you mean "prefix"? Known: ', /prefix/],
    ['postgres://host/x?zzzzzz=', 'may not set. Known: max, table,', /; and to pg: /],
  ] as const)
    test(`the options of ours come first: ${url}`, () => {
      refuses(`${url}${PASSWORD}`, new RegExp(first.replaceAll('?', '\\?')))
      refuses(`${url}${PASSWORD}`, rest)
    })

  test('nor is a scheme, which may be the beginning of a password', () =>
    refuses(`${PASSWORD}:x@host`, /Unknown store URL\. Known: /))

  for (const blank of [' ', '\n', '\r\n', '\t'])
    test(`${JSON.stringify(blank)} at its ends is no part of it`, async () => {
      const around = (url: string) => `${blank}${url}${blank}`
      assert.equal(pathIn(around('sqlite:./x.db')), './x.db')
      assert.equal(pathIn(around('file:./x?timeout=5')), './x')
      for (const url of [
        'postgres://h/x?max=5',
        'mysql://h/x?table=a',
        'redis://h/1?timeout=5',
        'memcached://h?timeout=5',
        'memory:?max=5',
        'cookie:',
      ])
        assert.ok(engineFromUrl(around(url)).traits, url)
    })

  for (const path of ['~', '~/x.db', '~root/x.db'])
    for (const scheme of ['sqlite', 'file'])
      test(`${scheme}:${path}: no shell expands it`, () => {
        refuses(`${scheme}:${path}`, new RegExp(`write the whole path, as in ${scheme}:\\$HOME/`))
        assert.throws(() => localStoresIn(`${scheme}:${path}`), ConfigError)
        assert.equal(pathIn(`${scheme}:./${path}`), `./${path}`)
      })

  for (const url of [
    'postgres://u:p@/db?host=/cloudsql/project:region:instance',
    'postgres:///db?host=/run/postgresql',
    'postgres://%2Frun%2Fpostgresql/db',
    'postgres://u@[::1]:5432/db?sslmode=verify-full&application_name=shop&pgbouncer=true',
    'mysql://root@/db?socketPath=/run/mysqld/mysqld.sock',
    'mariadb:///db?socketPath=/run/mysqld/mysqld.sock',
    'mysql://root:p%40ss@[::1]:3306/db',
    'redis://:p@/2?socketPath=/run/redis.sock',
    'redis://[::1]:6379/1',
    'memcached://[::1]:11211',
  ])
    test(`${url} is accepted`, () => assert.ok(storeFromUrl(url).traits))

  for (const [url, message] of [
    ['mysql://root@/db', /or mysql:\/\/user@\/database\?socketPath=/],
    ['postgres://u:p@/db', /or postgres:\/\/user@\/database\?host=/],
    ['redis://h/0?socketPath=/x', /names no host/],
    ['rediss:///0?socketPath=/x', /there is no TLS/],
    ['redis+sentinel://h/boss?socketPath=/x', /unknown option/],
    ['unix:/run/redis.sock', /redis:\/\/user:password@\/0\?socketPath=/],
    ['redis+unix:///run/redis.sock', /redis:\/\/user:password@\/0\?socketPath=/],
    ['memcached:///run/memcached.sock', /Unix sockets are not supported/],
  ] as const)
    test(`${url} is refused`, () => refuses(url, message))
})

suite('PostgreSQL on a Unix socket', { skip: postgresNeed.skip }, () => {
  test('works by its URL', async () => {
    const server = await startPostgres()
    await works(
      storeFromUrl(`postgres://strongroom:p@/postgres?host=${server.dir}&port=${server.port}&createTable=true`),
    )
    await server.stop()
  })
})

suite('MariaDB on a Unix socket', { skip: mariadbNeed.skip }, () => {
  test('works by its URL', async () => {
    const server = await startMariadb()
    const { username, password, pathname } = new URL(server.url)
    const socket = join(server.dir, 'socket')
    await works(storeFromUrl(`mysql://${username}:${password}@${pathname}?socketPath=${socket}&createTable=true`))
    await server.stop()
  })
})

interface Given {
  readonly port?: number
  readonly username?: string
}

describeBoth('by URL', (program) => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({ databases: '4', unixsocket: './socket' }, program)
  })
  after(() => server.stop())

  const SET = { name: 'set', lua: "return redis.call('set', KEYS[1], ARGV[1])", sha: '0'.repeat(40) } as never
  const limits = [1000, { durable: 'no', evicts: null }] as const

  for (const [client, opener] of [
    ['ioredis', openIoredis],
    ['node-redis', openNodeRedis],
  ] as const) {
    const connect = (url: string) => {
      const { address } = parseRedisUrl(url)
      return new RedisConnection(ownClient(address, 1000, [opener]), ...limits)
    }

    test(`${client} connects to a Unix socket`, async () => {
      const connection = connect(`redis:///3?socketPath=${join(server.dir, 'socket')}`)
      assert.equal(await connection.get('nothing'), null)
      await connection.close()
    })

    test(`${client}: a database that the server does not have is refused, and nothing is sent to another one`, async () => {
      const connection = connect(`${server.url}/99`)
      for (let i = 0; i < 3; i++)
        await assert.rejects(connection.run(SET, [`key${i}`], ['value']), (error: unknown) => {
          assert.ok(error instanceof ConfigError, String(error))
          assert.match(
            error.message,
            /the server has no database of the number that the URL ends with, .*\. Use another one, or raise "databases"/,
          )
          return true
        })
      await connection.close()
      assert.equal(await send(server.port, 'DBSIZE'), 0)
    })

    test(`${client}: one that the server has is used`, async () => {
      const connection = connect(`${server.url}/3`)
      assert.equal(await connection.get('nothing'), null)
      await connection.close()
    })
  }

  /** Clients of an application that listens to no errors, before and after they have connected. */
  const given = {
    ioredis(t: TestContext, database: number, { port = server.port, username }: Given = {}) {
      const login = username === undefined ? {} : { username, password: 'p' }
      const client = new Redis({ port, db: database, maxRetriesPerRequest: 1, ...login })
      client.on('error', () => {})
      t.after(() => client.disconnect())
      return client
    },
    'node-redis'(t: TestContext, database: number, { port = server.port, username }: Given = {}) {
      const login = username === undefined ? {} : { username, password: 'p' }
      const socket = { port, reconnectStrategy: () => 20 }
      const client = createClient({ socket, database, ...login })
      client.on('error', () => {})
      client.connect().catch(() => {})
      t.after(() => client.destroy())
      return client
    },
  }
  /** Until the server has refused the database. ioredis is ready all the same; node-redis tries again and again. */
  const connected = async (client: Redis | EventEmitter) => {
    if (!('status' in client)) await once(client, 'error')
    else if (client.status !== 'ready') await once(client, 'ready')
  }
  for (const [name, make] of Object.entries(given)) {
    test(`a client of ${name} whose database the server does not have is refused, and nothing is sent to another one`, async (t) => {
      const client = make(t, 99)
      for (const moment of ['before it has connected', 'after']) {
        if (moment === 'after') await connected(client)
        const connection = new RedisConnection(givenClient(client as never), ...limits)
        await assert.rejects(connection.run(SET, ['key'], ['value']), (error: Error) => {
          assert.ok(error instanceof ConfigError, String(error))
          assert.match(error.message, /has no database of the number .* that the client has as its db or database/)
          return true
        })
      }
      assert.equal(await send(server.port, 'DBSIZE'), 0)
    })

    test(`a client of ${name} stays in its database, which is the one that it was told to use`, async (t) => {
      const client = make(t, 2)
      const connection = new RedisConnection(givenClient(client as never), ...limits)
      await connection.run(SET, [`${name}-2`], ['value'])
      assert.equal(String(await connection.get(`${name}-2`)), 'value')
      // An application that has moved its client since knows where it is.
      await client.select(3)
      const moved = new RedisConnection(givenClient(client as never), ...limits)
      assert.equal(await moved.get(`${name}-2`), null)
      await moved.run(SET, [`${name}-3`], ['value'])
      await client.select(2)
      assert.equal(await connection.get(`${name}-3`), null)
    })

    test(`a client of ${name} is not followed into database 0 of a server that has come back with fewer databases`, async (t) => {
      const config = join(server.dir, `${name}.conf`)
      writeFileSync(config, 'databases 4')
      const other = await startRedis({ include: config, appendonly: 'no' }, program)
      t.after(() => other.stop())
      const { port } = other
      const client = make(t, 3, { port })
      const connection = new RedisConnection(givenClient(client as never), ...limits)
      await connection.run(SET, ['before'], ['value'])
      await other.kill()
      writeFileSync(config, 'databases 2')
      const waiting = connection.run(SET, ['meanwhile'], ['value'])
      waiting.catch(() => {})
      await other.start()
      await assert.rejects(waiting)
      const until = performance.now() + 1000
      for (let sent = 0; performance.now() < until; sent += 1) {
        const writes = [1, 2, 3].map((each) => connection.run(SET, [`key${sent}.${each}`], ['value']))
        for (const write of writes) await assert.rejects(write)
        await assert.rejects(connection.get('before'))
      }
      assert.equal(await send(port, 'DBSIZE'), 0)
    })

    test(`a client of ${name} goes on in its database, or in that to which it was moved, after a restart`, async (t) => {
      const other = await startRedis({ databases: '4', appendonly: 'no' }, program)
      t.after(() => other.stop())
      const { port } = other
      const client = make(t, 2, { port })
      const connection = new RedisConnection(givenClient(client as never), ...limits)
      await connection.run(SET, ['before'], ['value'])
      await client.select(3)
      await other.kill()
      await other.start()
      for (let done = false; !done; )
        done = await connection.run(SET, ['after'], ['value']).then(
          () => true,
          () => false,
        )
      assert.match(String(await send(port, 'INFO', 'keyspace')), /^db3:keys=1/m)
      assert.doesNotMatch(String(await send(port, 'INFO', 'keyspace')), /^db[012]:/m)
    })

    test(`a client of ${name} in the first database needs no right to choose another one`, async (t) => {
      await send(server.port, 'ACL', 'SETUSER', 'plain', 'on', '>p', '~*', '+@all', '-select', '-client')
      const connection = new RedisConnection(givenClient(make(t, 0, { username: 'plain' }) as never), ...limits)
      assert.equal(await connection.get('nothing'), null)
    })
  }
})
