import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { newSessionKey } from '../../packages/django/src/engine.ts'
import type { Entry, Id, Store } from '../../packages/strongroom/src/index.ts'
import { storages } from './storages.ts'

const DAY = 86_400_000
/** JSON, because that is what the cache contains. */
const [FIRST, REMEMBERED] = ['{"first":1}', '{"remembered":1}'] as const
const MOMENT: Readonly<Record<string, string>> = { 'db on PostgreSQL': 'timestamptz', 'db on MariaDB': 'datetime(6)' }

for (const storage of storages.filter(({ backend }) => !['signed_cookies', 'table'].includes(backend)))
  suite(`versions in Django's own storage: ${storage.name}`, { skip: storage.skip }, () => {
    test('a touch of a version leaves a session alone that has been saved since', async () => {
      const opened = await storage.open()
      const users = opened.users()
      let store: Store | null = null
      try {
        const moment = MOMENT[storage.name] ?? 'datetime'
        if (['db', 'cached_db'].includes(storage.backend))
          await users.change(
            `CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date ${moment} NOT NULL)`,
            [],
          )
        const endOf = (text: string, savedAt: number) => savedAt + (text === REMEMBERED ? 14 : 1) * DAY
        store = opened.engine.open({ clock: Date.now, cookieName: 'sessionid', endOf })
        assert.ok(store)
        const id = newSessionKey() as Id
        const entry = (text: string): Entry => {
          const now = Date.now()
          return { bytes: Buffer.from(text), expiresAt: endOf(text, now), owner: null, label: null, createdAt: now }
        }
        assert.equal(await store.create(id, entry(FIRST)), true)
        const first = (await store.read(id))?.version ?? assert.fail('the session is there')
        const soon = endOf(FIRST, Date.now())
        // The second changes nothing, and some servers count only rows that changed.
        for (let times = 0; times < 2; times += 1) assert.equal(await store.touch(id, soon, first), true)
        const second = (await store.update(id, entry(REMEMBERED), first)) ?? assert.fail('the update was refused')
        assert.equal(await store.touch(id, soon, first), false)
        const found = await store.read(id)
        assert.equal(found?.version, second)
        assert.ok(Number(found?.entry.expiresAt) > Date.now() + 13 * DAY)
        assert.equal(await store.touch(id, Number(found?.entry.expiresAt), second), true)
        await store.delete(id)
        assert.equal(await store.touch(id, soon, second), false)
      } finally {
        await store?.close()
        await users.close()
        await opened.close()
      }
    })
  })
