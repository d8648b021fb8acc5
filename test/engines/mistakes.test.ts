import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import { failure as mysqlFailure } from '../../packages/strongroom/src/engines/mysql/errors.ts'
import { failure as postgresFailure } from '../../packages/strongroom/src/engines/postgres/errors.ts'
import { storeError as redisFailure } from '../../packages/strongroom/src/engines/redis/errors.ts'
import { isPermanent } from '../../packages/strongroom/src/engines/shared/permanent.ts'
import { unanswered as sqliteFailure } from '../../packages/strongroom/src/engines/sqlite/errors.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { send } from '../servers/redis-client.ts'

/** In a user name, a password and a host: no message may contain it. */
const MARK = 'hunter2'

/** The error of the first request that has something to save. */
async function firstError(store: string): Promise<StoreError> {
  const sessions = createSessions({ secrets: secret('mistakes'), store, sweep: false, on: () => {} })
  try {
    const visit = sessions.open({})
    ;(await visit.get()).set('cart', ['tea'])
    await visit.save()
  } catch (error) {
    assert.ok(error instanceof StoreError, String(error))
    assert.ok(!error.message.includes(MARK), error.message)
    return error
  } finally {
    await sessions.close()
  }
  throw new Error('the session was saved')
}

/** That what a log shows of an error, its message, says what happened and what to do; and that it will not pass by itself. */
async function says(store: string, message: RegExp): Promise<void> {
  const error = await firstError(store)
  assert.match(error.message, message)
  assert.equal(isPermanent(error), true, 'nobody should be told to try again')
}

suite('a path that cannot be used is named, with what to do', () => {
  let dir: string
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'strongroom-mistakes-'))
    mkdirSync(join(dir, 'folder'))
    writeFileSync(join(dir, 'plain'), 'not a database, and long enough to be looked at. '.repeat(50))
  })
  after(() => rmSync(dir, { recursive: true }))

  for (const [mistake, scheme, path, message] of [
    [
      'a folder that does not exist',
      'sqlite',
      'none/x.db',
      /folder of the session database does not exist: .*none\. Create it/,
    ],
    ['a folder that is a file', 'sqlite', 'plain/x.db', /cannot be made in .*plain, which is not a folder/],
    ['a file that is no database', 'sqlite', 'plain', /is not a file of SQLite: .*plain\. Choose another path/],
    ['a file', 'file', 'plain', /A file has the name of the session directory/],
    ['a directory in a file', 'file', 'plain/x', /A file has the name of .* a folder above it/],
  ] as const)
    test(`${scheme}: ${mistake}`, () => says(`${scheme}:${join(dir, path)}`, message))

  test('sqlite: a folder', async () => {
    const error = await firstError(`sqlite:${join(dir, 'folder')}`)
    assert.match(error.message, /is a folder: .*folder\. Name a file in it/)
  })
})

test('each driver of SQLite has codes of its own, and the message is the same', () => {
  for (const fields of [
    { errcode: 8 },
    { errcode: 8 | (4 << 8) },
    { rawCode: 8 },
    { code: 'SQLITE_READONLY' },
    { code: 'SQLITE_READONLY_DIRECTORY' },
    { code: 'EACCES' },
  ])
    assert.match(
      sqliteFailure(Object.assign(new Error('x'), fields), '/srv/x.db').message,
      /cannot be written: \/srv\/x\.db\. Let the user of this process write/,
      JSON.stringify(fields),
    )
  for (const name of ['ERROR', 'PERM', 'READONLY', 'CORRUPT', 'CONSTRAINT', 'MISMATCH', 'AUTH', 'NOTADB'])
    assert.equal(isPermanent(Object.assign(new Error('x'), { code: `SQLITE_${name}` })), true, name)
  for (const fields of [{ rawCode: 8 | (1 << 8) }, { code: 'SQLITE_CONSTRAINT_UNIQUE' }, { errcode: 26 }])
    assert.equal(isPermanent(Object.assign(new Error('x'), fields)), true, JSON.stringify(fields))
  for (const fields of [
    { rawCode: 5 },
    { code: 'SQLITE_BUSY_SNAPSHOT' },
    { code: 'SQLITE_FULL' },
    { code: 'SQLITE_NEW' },
  ])
    assert.equal(isPermanent(Object.assign(new Error('x'), fields)), false, JSON.stringify(fields))
  assert.match(sqliteFailure({ code: 'SQLITE_FULL' }, null).message, /disk with the session database is full/)
  assert.match(sqliteFailure({ errcode: 11 }, null).message, /damaged: the one that sqlite\(\) was given/)
  for (const cause of [new Error('x'), { code: 'constructor' }, null, { errcode: 19 }])
    assert.equal(sqliteFailure(cause, null).message, 'A call to the session database failed. The cause says why.')
})

suite('PostgreSQL', { skip: postgresNeed.skip }, () => {
  let url: string
  let stop: () => Promise<unknown>
  before(async () => {
    const server = await startPostgres()
    ;[url, stop] = [server.url, () => server.stop()]
  })
  after(() => stop())

  for (const [mistake, change, message] of [
    ['no table', () => url, /table strongroom_sessions is missing\. Run "npx @strongroom\/cli migrate"/],
    [
      'an unknown database',
      () => url.replace('/postgres', `/${MARK}`),
      /no database of that name\. Create it, or correct/,
    ],
    ['an unknown user', () => url.replace('strongroom@', `${MARK}:${MARK}@`), /refused the login: no such role/],
    ['TLS that the server does not speak', () => `${url}?sslmode=require`, /does not speak TLS there/],
  ] as [string, () => string, RegExp][])
    test(mistake, async () => {
      const error = await firstError(change())
      assert.match(error.message, message)
    })
})

suite('MariaDB', { skip: mariadbNeed.skip }, () => {
  let url: string
  let stop: () => Promise<unknown>
  before(async () => {
    const server = await startMariadb()
    ;[url, stop] = [server.url, () => server.stop()]
  })
  after(() => stop())

  for (const [mistake, change, message] of [
    ['no table', () => url, /table is missing\. Run "npx @strongroom\/cli migrate"/],
    ['an unknown database', () => url.replace('/test', `/${MARK}`), /no database of that name\. Create it, or correct/],
    ['no database', () => url.replace('/test', '/'), /no database|table is missing/],
    [
      'a wrong password',
      () => url.replace('root@', `root:${MARK}@`),
      /refused the login\. Check the user and the password/,
    ],
  ] as [string, () => string, RegExp][])
    test(mistake, async () => {
      const error = await firstError(change())
      assert.match(error.message, message)
    })
})

suite('Redis', { skip: redisNeed.skip }, () => {
  let port: number
  let stop: () => Promise<unknown>
  before(async () => {
    const server = await startRedis()
    await send(server.port, 'CONFIG', 'SET', 'requirepass', 'p')
    ;[port, stop] = [server.port, () => server.stop()]
  })
  after(() => stop())

  for (const [mistake, url, message] of [
    [
      'no password',
      () => `redis://localhost:${port}`,
      /requires a password\. .*redis:\/\/:password@.* environment variable; .* REDISCLI_AUTH/,
    ],
    ['a wrong password', () => `redis://:${MARK}@localhost:${port}`, /rejected the user name or the password/],
    [
      'TLS that the server does not speak',
      () => `rediss://:p@localhost:${port}`,
      /both sides use TLS \(rediss:\), or neither/,
    ],
    ['a database that there is not', () => `redis://:p@localhost:${port}/99`, /no database of the number/],
  ] as const)
    test(mistake, async () => {
      const error = await firstError(url())
      assert.match(error.message, message)
    })
})

suite('a setting of TLS is told from an outage, and the message says what to change', () => {
  for (const [server, failure] of [
    ['PostgreSQL', postgresFailure],
    ['the session database', mysqlFailure],
    ['Redis', redisFailure],
  ] as const)
    for (const [code, message] of [
      ['SELF_SIGNED_CERT_IN_CHAIN', /Set NODE_EXTRA_CA_CERTS/],
      ['CERT_HAS_EXPIRED', /has expired/],
      ['ERR_TLS_CERT_ALTNAME_INVALID', /another host name/],
      ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/],
    ] as const)
      test(`${server}: ${code}`, () => {
        const error = failure(Object.assign(new Error(`for ${MARK}`), { code }))
        assert.match(error.message, message)
        assert.ok(error.message.includes(server), error.message)
        assert.ok(!error.message.includes(MARK), error.message)
        assert.equal(isPermanent(error), true)
      })
})

test('what the drivers say without a code, or with one that has several reasons', () => {
  for (const [error, message] of [
    [
      postgresFailure(new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')),
      /^PostgreSQL wants a password, and was given none\. Set PGPASSWORD, .* environment variable\.$/,
    ],
    [postgresFailure(new Error('timeout exceeded when trying to connect')), /became free in time/],
    [postgresFailure(new Error('connect ENOENT /run/.s.PGSQL.5432')), /has no such Unix socket/],
    [
      mysqlFailure(Object.assign(new Error("Access denied for user 'me'@'h' (using password: NO)"), { errno: 1045 })),
      /was given no password\. .*MYSQL_PWD/,
    ],
    [postgresFailure(Object.assign(new Error('x'), { code: '42P17' })), /what was asked \(42P17\); the cause/],
    [postgresFailure(new Error('x')), /what was asked; the cause/],
    [mysqlFailure(Object.assign(new Error('x'), { errno: 1142 })), /may not do that.*grants/],
    [mysqlFailure(Object.assign(new Error('x'), { errno: 1046 })), /Name it at the end of the URL/],
    [mysqlFailure(Object.assign(new Error('x'), { errno: 3159 })), /only connections with TLS/],
    [mysqlFailure(Object.assign(new Error('x'), { errno: 4999 })), /reported error 4999/],
    [mysqlFailure(Object.assign(new Error('x'), { code: 'HANDSHAKE_NO_SSL_SUPPORT' })), /does not speak TLS/],
    [redisFailure(new Error('Protocol error, got "H" as reply type byte')), /what answers there is not Redis/],
    [
      redisFailure(new Error('ERR AUTH <password> called without any password configured for the default user')),
      /which has none for that user/,
    ],
  ] as const)
    assert.match(error.message, message)
})

suite('a connection that failed', () => {
  const lost = { postgres: /closed the connection\. Check/, mysql: /closed the connection\. Check/, redis: /was lost/ }
  const unreached = {
    postgres: /PostgreSQL cannot be reached\. Check/,
    mysql: /session database cannot be reached\. Check/,
    redis: /Redis cannot be reached: (?:the connection|there is no)/,
  }
  const unresolved = { postgres: /cannot be resolved/, mysql: /cannot be reached/, redis: /host was not found/ }
  const failures = { postgres: postgresFailure, mysql: mysqlFailure, redis: redisFailure }
  for (const [codes, messages] of [
    [['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'], unreached],
    [['ENOTFOUND', 'EAI_AGAIN'], unresolved],
    [['ECONNRESET', 'EPIPE'], lost],
  ] as const)
    for (const code of codes)
      for (const [engine, failure] of Object.entries(failures))
        test(`${engine}: ${code} has advice`, () => {
          const { message } = failure(Object.assign(new Error(`connect ${code} ${MARK}`), { code }))
          assert.match(message, messages[engine as keyof typeof failures])
          assert.ok(!message.includes(MARK), message)
        })

  test('mysql: PROTOCOL_CONNECTION_LOST has advice', () => {
    assert.match(mysqlFailure({ code: 'PROTOCOL_CONNECTION_LOST' }).message, lost.mysql)
  })

  for (const [said, message] of [
    ['Connection terminated due to connection timeout', unreached.postgres],
    ['timeout expired', unreached.postgres],
    ['Connection terminated unexpectedly', lost.postgres],
    ['Client has encountered a connection error and is not queryable', lost.postgres],
  ] as const)
    test(`postgres: "${said}" has advice, and no words of pg`, () => {
      const error = postgresFailure(new Error(said))
      assert.match(error.message, message)
      assert.equal(error.cause, undefined)
    })
})

suite('a port of something else', () => {
  /** What each does with a connection, and what each engine says. */
  const ports = {
    'closes it': (socket: Socket) => socket.end(),
    'speaks HTTP': (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
    'says nothing': () => {},
  }
  for (const [what, handle] of Object.entries(ports))
    for (const scheme of ['postgres', 'mysql', 'redis', 'memcached'])
      test(`${scheme}: one that ${what}`, async () => {
        const sockets = new Set<Socket>()
        const server = createServer((socket) => {
          sockets.add(socket.on('error', () => {}))
          handle(socket)
        })
        await once(server.listen(0, '127.0.0.1'), 'listening')
        const { port } = server.address() as AddressInfo
        const database = scheme === 'memcached' ? '' : scheme === 'redis' ? '/0' : '/x'
        const login = scheme === 'memcached' ? '' : `u:${MARK}@`
        const { message } = await firstError(`${scheme}://${login}127.0.0.1:${port}${database}?timeout=400`)
        server.close()
        for (const socket of sockets) socket.destroy()
        assert.match(message, /(?:Check|Try|Set) .*\.$/)
        assert.doesNotMatch(message, /the cause says/i)
      })
})

test('a server that does not run is no permanent mistake', () => {
  for (const fields of [
    { code: 'ENOENT', syscall: 'connect' },
    { code: 'ECONNREFUSED', syscall: 'connect' },
    { code: 'ENOENT' },
  ])
    assert.equal(isPermanent(Object.assign(new Error('x'), fields)), false, JSON.stringify(fields))
})

suite('a driver that is not installed', () => {
  const source = `
    import { createSessions } from ${JSON.stringify(import.meta.resolve('../../packages/strongroom/src/index.ts'))}
    const sessions = createSessions({ secrets: ${JSON.stringify(secret('mistakes'))}, store: process.argv[1], sweep: false })
    const visit = sessions.open({})
    const session = await visit.get()
    session.set('cart', ['tea'])
    for (let times = 0; times < 3; times++) await visit.save().catch(({ name, message }) => console.log(name, message))
    setImmediate(() => process.exit())`
  for (const [store, advice] of [
    ['postgres://me@localhost/x', 'postgres() needs the package pg: npm install pg'],
    ['mysql://me@localhost/x', 'mysql() needs the package mysql2: npm install mysql2'],
    ['redis://localhost', 'redis() needs the package ioredis, or redis: npm install ioredis'],
  ] as const)
    test(`${new URL(store).protocol} the error says what to install, and so does one warning`, async () => {
      const hooks = import.meta.resolve('../core/fixtures/without-drivers.ts')
      const args = ['--import', hooks, '--input-type=module', '-e', source, '--', store]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
      assert.deepEqual(out.trim().split('\n'), Array(3).fill(`StoreError ${advice}`))
      assert.equal(err.split('[STRONGROOM_STORE]').length, 2, err)
      assert.ok(err.includes(advice), err)
    })
})
