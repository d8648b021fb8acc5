import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoCachedDb } from '../../packages/django/src/stores/cached-db.ts'
import { type DjangoSqliteOptions, djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { NOW, SECRET } from './peer.ts'
import { Visitor } from './visitor.ts'

const clock = manualClock(NOW)

/** Like the tables of django-user-sessions and django-qsessions. */
function setup(more: Partial<DjangoSqliteOptions> = {}, more2: { cache?: string[] } = {}) {
  const database = new DatabaseSync(':memory:')
  database.exec(
    'CREATE TABLE member_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL, account_id integer, created_at datetime NOT NULL, mobile bool NOT NULL)',
  )
  const table = djangoSqlite({
    ...{ database, table: 'member_session', userColumn: 'account_id' },
    columns: ({ isNew, at }) => (isNew ? { created_at: at, mobile: false } : {}),
    ...more,
  })
  const { cache } = more2
  const store = cache ? djangoCachedDb({ database: table, cache: { delete: (key) => cache.push(key) } }) : table
  const sessions = createDjangoSessions({ store, secretKey: SECRET, password: (id) => `password of ${id}`, clock })
  const signIn = async (user: string) => {
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.login(user))
    return visitor
  }
  const rows = () => database.prepare('SELECT * FROM member_session ORDER BY session_key').all()
  return { database, sessions, signIn, rows }
}
const who = (session: Session<Record<string, unknown>>) => session.userId

suite('a session table with columns of its own', () => {
  test('has no addresses: the options for them are refused, and lists show null', async () => {
    const { sessions, signIn } = setup()
    for (const name of ['address', 'place'])
      assert.throws(
        () => createDjangoSessions({ store: {}, secretKey: SECRET, password: false, [name]: () => null } as never),
        (error) =>
          error instanceof ConfigError && /no place for an address, and lists of them show none/.test(error.message),
      )
    assert.throws(
      () => createDjangoSessions({ store: {}, secretKey: SECRET, password: false, signals: {} } as never),
      (error) => error instanceof ConfigError && /no place for what a login came from/.test(error.message),
    )
    await signIn('7')
    const [device] = await sessions.of('7').list()
    assert.deepEqual([device?.address, device?.place], [null, null])
  })

  test('the columns are filled at every insert and update, with the user of that moment', async () => {
    const { sessions, rows } = setup()
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    const others = () => rows().map(({ account_id, created_at, mobile }) => [account_id, created_at, mobile])
    assert.deepEqual(others(), [[null, '2023-11-14 22:13:20', 0]])
    await visitor.visit((session) => session.login('7'))
    assert.deepEqual(others(), [[7, '2023-11-14 22:13:20', 0]])
    await visitor.visit((session) => session.set('a', 2))
    assert.deepEqual(others(), [[7, '2023-11-14 22:13:20', 0]])
  })

  test('a user’s sessions are listed, and one, the others or all of them are ended', async () => {
    for (const cache of [undefined, []]) {
      const { sessions, signIn, rows } = setup({}, cache && { cache })
      const ada = [await signIn('7'), await signIn('7'), await signIn('7')] as const
      const bob = await signIn('8')
      const user = sessions.of('7')
      const current = await sessions.read({ cookie: `sessionid=${ada[0].cookie}` })
      const devices = await user.list(current as never)
      assert.deepEqual(
        devices.map((device) => [device.current, device.createdAt.getTime(), device.label]),
        [
          [devices[0]?.current, NOW, null],
          [devices[1]?.current, NOW, null],
          [devices[2]?.current, NOW, null],
        ],
      )
      assert.deepEqual(
        devices.filter((device) => device.current).map(({ handle }) => handle),
        [current.handle],
      )
      const handle = await ada[1].visit((session) => session.handle)
      assert.equal(await user.revoke(String(handle)), true)
      assert.equal(await user.revoke(String(handle)), false)
      assert.equal(await ada[1].visit(who), null)
      assert.equal(await ada[0].visit(async (session) => user.revokeOthers(session)), 1)
      assert.deepEqual([await ada[0].visit(who), await ada[2].visit(who)], ['7', null])
      assert.equal(await user.revokeAll(), 1)
      assert.equal(await user.revokeAll(), 0)
      assert.deepEqual([await ada[0].visit(who), await bob.visit(who)], [null, '8'])
      assert.equal(rows().length, 1)
      // Each session that ended, before and after.
      if (cache) assert.equal(new Set(cache).size, 3)
      await sessions.close()
    }
  })

  test('an expired session is not listed', async () => {
    const { sessions, signIn } = setup()
    const visitor = await signIn('7')
    await visitor.visit((session) => session.set('_session_expiry', 60))
    clock.advance(60_000)
    assert.deepEqual(await sessions.of('7').list(), [])
    clock.set(NOW)
  })

  test('a UUID is found with and without its dashes', async () => {
    const { database, sessions, signIn } = setup()
    database.exec('ALTER TABLE member_session DROP COLUMN account_id')
    database.exec('ALTER TABLE member_session ADD COLUMN account_id text')
    const id = '0b7a1c9e-6c1d-4c0b-9d7e-1a2b3c4d5e6f'
    await signIn(id)
    await signIn(id)
    const [{ session_key } = {}] = database.prepare('SELECT session_key FROM member_session').all()
    database
      .prepare('UPDATE member_session SET account_id = ? WHERE session_key = ?')
      .run(id.replaceAll('-', ''), session_key as string)
    assert.equal((await sessions.of(id).list()).length, 2)
  })

  test('a column that must not be null and is not filled is an error that says what to do', async () => {
    const { sessions } = setup({ columns: undefined })
    await assert.rejects(
      new Visitor(sessions).visit((session) => session.set('a', 1)),
      (error) => error instanceof StoreError && /option columns/.test(error.message),
    )
  })

  test('what columns() returns takes precedence, and names that are none are refused', async () => {
    const { sessions, rows } = setup({
      columns: ({ userId, at }) => ({
        account_id: userId === null ? null : Number(userId) + 100,
        created_at: at,
        mobile: true,
      }),
    })
    await new Visitor(sessions).visit((session) => session.login('7'))
    assert.deepEqual(
      rows().map(({ account_id, mobile }) => [account_id, mobile]),
      [[107, 1]],
    )
    for (const name of ['a b', 'x"; DROP TABLE y; --', 'session_data', 'SESSION_KEY'])
      await assert.rejects(
        new Visitor(setup({ columns: () => ({ [name]: 1 }) }).sessions).visit((session) => session.set('a', 1)),
        (error: Error) => /name that columns\(\) returned/.test(String(error.cause)),
      )
    for (const wrong of [{ userColumn: 'a b' }, { userColumn: 'expire_date' }, { userColumn: '' }, { columns: {} }])
      assert.throws(() => setup(wrong as never), ConfigError)
  })
})
