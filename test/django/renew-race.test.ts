import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { SECRET } from './peer.ts'
import { Visitor } from './visitor.ts'

test('a session that ends while it is renewed does not live on in the copy', async () => {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE django_session (session_key PRIMARY KEY, session_data NOT NULL, expire_date NOT NULL)')
  const rows = () => database.prepare('SELECT session_key FROM django_session').all()
  const sessions = createDjangoSessions({ store: djangoSqlite(database), secretKey: SECRET, password: false })
  const visitor = new Visitor(sessions)
  await visitor.visit((session) => session.set('a', 1))
  // Django's logout, after the copy was inserted and before the original is deleted.
  database.exec(`CREATE TRIGGER logout AFTER INSERT ON django_session
    BEGIN DELETE FROM django_session WHERE session_key = '${visitor.cookie}'; END`)
  await visitor.visit((session) => session.renew()).catch(() => undefined)
  assert.deepEqual(rows(), [])
})
