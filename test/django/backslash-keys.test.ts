import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sessionCodec } from '../../packages/django/src/session-data.ts'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { NOW, SECRET } from './peer.ts'
import { Visitor } from './visitor.ts'

/** In the order in which V8 mistakes the second of each pair for the first. */
const PAIRS = [
  ['\\', '"'],
  ['\\u', '\n\n'],
  ['a\\n', 'a\nb'],
  ['\\"', '"\\'],
] as const

test('keys with escapes stay those of their own session, when they are read, changed and renewed', async () => {
  const clock = manualClock(NOW)
  const codec = sessionCodec({
    secretKey: SECRET,
    salt: 'django.contrib.sessions.SessionStore',
    legacy: false,
    maxSize: 10_000,
    clock,
  })
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE django_session (session_key PRIMARY KEY, session_data, expire_date)')
  const write = database.prepare("INSERT INTO django_session VALUES (?, ?, '2023-11-28 22:13:20')")
  const read = database.prepare('SELECT session_data FROM django_session WHERE session_key = ?')
  const sessions = createDjangoSessions({ store: djangoSqlite(database), secretKey: SECRET, password: false, clock })

  for (const [i, pair] of PAIRS.entries())
    for (const [j, name] of pair.entries()) {
      // The shapes of each pair are new to V8, which knows nothing else that it could compare with.
      const shape = `"shape ${i}":1,`
      const json = `{${shape}${JSON.stringify(name)}:{${shape}${JSON.stringify(name)}:1.0}}`
      const visitor = new Visitor(sessions, `${i}${j}`.repeat(16))
      write.run(visitor.cookie, codec.encode(json))
      assert.deepEqual(await visitor.visit((session) => session.keys()), [`shape ${i}`, name])
      await visitor.visit((session) => session.set('more', 1))
      await visitor.visit((session) => session.renew())
      await visitor.visit((session) => session.set('more', 2))
      const { session_data } = read.get(visitor.cookie) as { session_data: string }
      const stored = codec.decode(session_data)
      assert.ok('document' in stored)
      assert.equal(stored.document.raw, `${json.slice(0, -1)},"more":2}`)
    }
})
