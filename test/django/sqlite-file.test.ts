import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { SECRET } from './peer.ts'
import { Visitor } from './visitor.ts'

const dir = mkdtempSync(join(tmpdir(), 'strongroom-django-'))
after(() => rmSync(dir, { recursive: true }))

/** A database of Django's, and sessions in it. */
function made(name: string) {
  const path = join(dir, name)
  const database = new DatabaseSync(path)
  database.exec('CREATE TABLE django_session (session_key PRIMARY KEY, session_data NOT NULL, expire_date NOT NULL)')
  database.close()
  return path
}

const sessionsIn = (store: string | DatabaseSync) =>
  createDjangoSessions({ store: djangoSqlite(store), secretKey: SECRET, password: false })

const keysIn = (path: string) => {
  const database = new DatabaseSync(path)
  const rows = database.prepare('SELECT session_key FROM django_session').all()
  database.close()
  return rows.map(({ session_key }) => session_key)
}

const refuses = (work: Promise<unknown>, message: RegExp) =>
  assert.rejects(work, (error: unknown) => error instanceof StoreError && message.test(error.message))

suite('the file of a Django’s SQLite database', () => {
  test('that was deleted while it was open takes no write that would be lost', async () => {
    const path = made('deleted')
    const sessions = sessionsIn(path)
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    rmSync(path)
    await refuses(
      visitor.visit((session) => session.set('a', 2)),
      /was deleted or moved away/,
    )
    await sessions.close()
  })

  test('that was replaced is opened, and the new one is not damaged', async () => {
    const path = made('replaced')
    const sessions = sessionsIn(path)
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    cpSync(path, join(dir, 'backup'))
    await new Visitor(sessions).visit((session) => session.set('b', 1))
    renameSync(join(dir, 'backup'), path)
    await visitor.visit((session) => session.set('a', 2))
    assert.deepEqual(keysIn(path), [visitor.cookie])
    const database = new DatabaseSync(path)
    assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
    database.close()
    await sessions.close()
  })

  test('that was replaced beside a write-ahead log is refused, and the log stays', async () => {
    const path = made('beside')
    const sessions = sessionsIn(path)
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    cpSync(path, join(dir, 'backup'))
    renameSync(join(dir, 'backup'), path)
    writeFileSync(`${path}-wal`, 'of another program')
    await refuses(
      visitor.visit((session) => session.set('a', 2)),
      /was replaced while a -wal file is beside it/,
    )
    for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true })
    await visitor.visit((session) => session.set('a', 2))
    await sessions.close()
  })

  test('whose database was handed in cannot be opened again, so that a replacement is refused', async () => {
    const path = made('given')
    const database = new DatabaseSync(path)
    const sessions = sessionsIn(database)
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    cpSync(path, join(dir, 'backup'))
    renameSync(join(dir, 'backup'), path)
    await refuses(
      visitor.visit((session) => session.set('a', 2)),
      /djangoSqlite\(\) was given was replaced/,
    )
    await sessions.close()
    database.close()
  })
})
