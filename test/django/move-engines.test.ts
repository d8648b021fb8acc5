import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { Redis as Ioredis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import { django as djangoSource } from '../../packages/django/src/source.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { main } from '../cli/project.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { need } from '../support/need.ts'
import { Django, djangoNeed, SECRET } from './peer.ts'

const OURS = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const PASSWORD = 'hash of a password'
const UUID = '7f1c2a52-64a5-4b53-9d0f-0a4f3b1c9e11'

suite('strongroom move out of each engine of Django', { skip: djangoNeed.skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-move-'))
  const files = join(dir, 'sessions')
  const usersPath = join(dir, 'users.db')
  let django: Django
  let users: DatabaseSync
  before(async () => {
    mkdirSync(files)
    users = new DatabaseSync(usersPath)
    users.exec('CREATE TABLE people (uid char(32) PRIMARY KEY, password text, is_active bool)')
    users.prepare('INSERT INTO people VALUES (?, ?, 1)').run(UUID.replaceAll('-', ''), PASSWORD)
    users.prepare('INSERT INTO people VALUES (?, ?, 0)').run('gone', PASSWORD)
    django = await Django.start({
      SESSION_FILE_PATH: files,
      DATABASES: { default: { ENGINE: 'django.db.backends.sqlite3', NAME: ':memory:' } },
    })
  })
  after(async () => {
    users?.close()
    await django?.stop()
    rmSync(dir, { recursive: true })
  })
  const people = `django+sqlite:${usersPath}?users=people&userKey=uid`

  async function move(from: string, to: string, more: readonly string[]) {
    const target = ['--to', to, '--namespace', '__Host-id']
    const flags = ['--disable-warning=ExperimentalWarning', main, 'move', '--from', from, ...target, '--json', ...more]
    const child = spawn(process.execPath, flags, {
      cwd: dir,
      env: { PATH: process.env.PATH, STRONGROOM_SECRETS: OURS, DJANGO_SECRET_KEY: SECRET },
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (data) => {
      out += data
    })
    child.stderr.on('data', (data) => {
      err += data
    })
    await once(child, 'close')
    assert.deepEqual([child.exitCode, err], [0, ''])
    return JSON.parse(out)
  }

  /** Returns who the visitors with these keys are, without Django. */
  async function whoAre(path: string, keys: readonly string[]) {
    const store = sqlite(path)
    const source = djangoSource({ until: new Date(Date.now() + 86_400_000) })
    const sessions = createSessions({ store, secrets: OURS, sweep: false, adoptFrom: source })
    const found = await Promise.all(keys.map((key) => sessions.read({ cookie: `sessionid=${key}` })))
    await store.close()
    return found.map((session) => [session.userId, session.get('n')])
  }

  test('session files are moved when the users are elsewhere and have UUIDs as keys', async () => {
    const ours = join(dir, 'files.db')
    const keys: string[] = []
    for (const [n, user] of [UUID, UUID, 'gone', 'nobody', null].entries())
      keys.push(await django.ask('put', ['file', JSON.stringify({ n })], { user, password: PASSWORD }))
    const more = ['--users', people, '--delete', '--namespace', '__Host-id']
    const report = await move(`django+file:${files}`, `sqlite:${ours}`, more)
    assert.deepEqual([report.moved, report.compared, report.signedOut, report.deleted], [3, 3, 2, true])
    assert.deepEqual(await whoAre(ours, keys), [
      [UUID, 0],
      [UUID, 1],
      [null, undefined],
      [null, undefined],
      [null, 4],
    ])
    assert.deepEqual(await Promise.all(keys.map((key) => django.ask('exists', ['file', key]))), [
      ...[false, false, true, true, false],
    ])
  })

  test('sessions in Redis are moved from among other keys', { skip: redisNeed.skip }, async (t) => {
    const server = await startRedis()
    const client = new Ioredis(server.url)
    t.after(() => {
      client.disconnect()
      return server.stop()
    })
    const ours = join(dir, 'redis.db')
    const hash = await django.ask('auth_hash', [PASSWORD])
    const keys = Array.from({ length: 30 }, (_, i) => `${i}`.padStart(32, 'k'))
    for (const [n, key] of keys.entries()) {
      const data = { n, _auth_user_id: UUID, _auth_user_hash: hash }
      await client.set(`shop:${key}`, await django.ask('encode', [JSON.stringify(data)]), 'PX', 3_600_000)
      await client.set(`other:${key}`, 'x')
    }
    const report = await move(`django+${server.url}?prefix=shop`, `sqlite:${ours}`, ['--users', people, '--page', '7'])
    assert.deepEqual([report.moved, report.compared], [30, 30])
    assert.deepEqual(
      await whoAre(ours, keys),
      [...keys.keys()].map((n) => [UUID, n]),
    )
  })

  test('sessions in MariaDB are moved', { skip: mariadbNeed.skip || need('MySQLdb').skip }, async (t) => {
    const server = await startMariadb()
    const settings = { ENGINE: 'django.db.backends.mysql', NAME: 'test', USER: 'root', HOST: '127.0.0.1' }
    const peer = await Django.start({ DATABASES: { default: { ...settings, PORT: server.port } } })
    const connection = await createConnection(server.url)
    t.after(async () => {
      await connection.end()
      await peer.stop()
      await server.stop()
    })
    await peer.ask('migrate')
    await connection.query(
      "INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) VALUES (1, ?, 0, 'ada', '', '', '', 0, 1, '2023-11-14'), (2, ?, 0, 'bob', '', '', '', 0, 0, '2023-11-14')",
      [PASSWORD, PASSWORD],
    )
    const ours = join(dir, 'mariadb.db')
    const keys: string[] = []
    for (let n = 0; n < 20; n++)
      keys.push(await peer.ask('put', ['db', JSON.stringify({ n })], { user: n < 15 ? '1' : '2', password: PASSWORD }))
    const report = await move(`django+${server.url}?timeZone=UTC`, `sqlite:${ours}`, ['--page', '6'])
    assert.deepEqual([report.moved, report.compared, report.signedOut], [15, 15, 5])
    assert.deepEqual(
      await whoAre(ours, keys),
      keys.map((_, n) => (n < 15 ? ['1', n] : [null, undefined])),
    )
  })
})
