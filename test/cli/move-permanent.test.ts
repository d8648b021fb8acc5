import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { sessionAuthHash } from '../../packages/django/src/auth.ts'
import { sessionCodec } from '../../packages/django/src/session-data.ts'
import { TimestampSigner } from '../../packages/django/src/signer.ts'
import { isPermanent } from '../../packages/strongroom/src/engines/shared/permanent.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { Project, SECRET } from './project.ts'

const KEY = 'a key of django that is long enough for everybody'

suite('move from Django names what will not pass by itself, and does not advise to run it again', () => {
  const project = new Project()
  let database: DatabaseSync
  before(() => {
    database = new DatabaseSync(project.path('django.db'))
    database.exec(`CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL);
      CREATE TABLE accounts_user (id integer PRIMARY KEY, password varchar(128) NOT NULL);
      INSERT INTO accounts_user VALUES (1, 'hash')`)
    const codec = sessionCodec({
      ...{ secretKey: KEY, salt: 'django.contrib.sessions.SessionStore', legacy: false, maxSize: 1e6, clock: Date.now },
    })
    const values = {
      _auth_user_id: '1',
      _auth_user_backend: 'django.contrib.auth.backends.ModelBackend',
      _auth_user_hash: sessionAuthHash('hash', { secretKey: KEY }),
    }
    const insert = database.prepare("INSERT INTO django_session VALUES (?, ?, '2999-01-01 00:00:00')")
    for (let i = 0; i < 30; i++) {
      insert.run(`user${i}`.padEnd(32, 'x'), codec.encode(JSON.stringify(values)))
      insert.run(`anonymous${i}`.padEnd(32, 'x'), codec.encode('{"cart":["tea"]}'))
    }
  })
  after(() => {
    database.close()
    project.remove()
  })
  const move = (from: string) =>
    project.run(['move', '--from', from, '--to', 'sqlite:./new.db'], {
      env: { STRONGROOM_SECRETS: SECRET, DJANGO_SECRET_KEY: KEY },
    })

  for (const [what, from, cause] of [
    [
      'a user model of its own without is_active',
      'django+sqlite:./django.db?users=accounts_user',
      /no such column: "?is_active"?/,
    ],
    [
      'a table of users that does not exist',
      'django+sqlite:./django.db',
      /Django's table of users does not exist\. Name it, as in \?users=accounts_user: no such table: auth_user/,
    ],
    [
      'a column of users that does not exist',
      'django+sqlite:./django.db?users=accounts_user&userKey=uid',
      /Django's table of users lacks a column\. Correct \?users= and \?userKey=/,
    ],
  ] as const)
    test(what, async () => {
      const { code, err } = await move(from)
      assert.equal(code, 1)
      assert.match(err, cause)
      assert.match(
        err,
        /^strongroom: Django's users could not be read: .*\. Running it again will not help until that is mended\.\n$/m,
      )
      assert.doesNotMatch(err, /run it again\)/i)
    })

  test('a table that is not the one of the sessions', async () => {
    const { code, err } = await move('django+sqlite:./django.db?table=accounts_user&users=accounts_user')
    assert.equal(code, 1)
    assert.match(
      err,
      /^strongroom: Django's sessions could not be listed: The table that is read as Django's session table lacks a column\. Correct the option "table", .*: no such column: session_key\. Running it again will not help until that is mended\.\n$/m,
    )
  })

  test('data that is signed and is no session is not said to be signed with another key', async () => {
    const other = new DatabaseSync(project.path('malformed.db'))
    other.exec(
      `CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL)`,
    )
    const signer = new TimestampSigner({ key: KEY, salt: 'django.contrib.sessions.SessionStore' })
    const encoded = (text: string) => signer.sign(Buffer.from(text).toString('base64url'))
    const insert = other.prepare("INSERT INTO django_session VALUES (?, ?, '2999-01-01 00:00:00')")
    const deep = `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`
    for (const [i, text] of [...['[1]', '"x"', '{"a":', '{"cart":["tea"]}', deep].map(encoded), 'a:b:c'].entries())
      insert.run(`row${i}`.padEnd(32, 'x'), text)
    other.close()
    const { code, out, err } = await project.run(
      ['move', '--from', 'django+sqlite:./malformed.db', '--to', 'sqlite:./new.db', '--json'],
      { env: { STRONGROOM_SECRETS: SECRET, DJANGO_SECRET_KEY: KEY } },
    )
    const { moved, malformed, unreadable } = JSON.parse(out)
    assert.deepEqual([code, moved, malformed, unreadable], [1, 1, 4, 1], err)
    assert.match(err, /Not moved: 1 session not signed with .*, 4 sessions with malformed data\.\n$/)
  })
})

test('an error that will not pass by itself is told from one that may, by the codes of each driver', () => {
  const wrapped = (fields: object, message = 'x') =>
    new StoreError('down', { cause: Object.assign(new Error(message), fields) })
  for (const error of [
    wrapped({ code: '42703' }),
    wrapped({ code: '28P01' }),
    wrapped({ code: 'ER_BAD_FIELD_ERROR', errno: 1054 }),
    wrapped({ code: 'ERR_SQLITE_ERROR', errcode: 1 }),
    wrapped({ code: 'ERR_SQLITE_ERROR', errcode: 1811 }),
    wrapped({ code: 'EACCES', errno: -13 }),
    wrapped({}, 'NOPERM this user has no permissions'),
  ])
    assert.equal(isPermanent(error), true, JSON.stringify(error.cause))
  for (const error of [
    new StoreError('down'),
    wrapped({ code: '53300' }),
    wrapped({ code: '57P01' }),
    wrapped({ code: '40001' }),
    wrapped({ code: 'ECONNREFUSED', errno: -111 }),
    wrapped({ code: 'ER_LOCK_DEADLOCK', errno: 1213 }),
    wrapped({ code: 'ERR_SQLITE_ERROR', errcode: 5 }),
    wrapped({}, 'LOADING Redis is loading'),
  ])
    assert.equal(isPermanent(error), false, JSON.stringify(error.cause))
})
