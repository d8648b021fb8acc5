import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Listing, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { newEntry, newId } from '../../packages/strongroom/src/testing/store/entries.ts'

const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strongroom-sqlite-file-'))
  path = join(dir, 'sessions.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

async function listed(store: ScannableStore): Promise<Listing[]> {
  const all: Listing[] = []
  for await (const page of store.scan()) all.push(...page)
  return all
}

const entry = () => newEntry(Date.now())
const isGone = (error: unknown) =>
  error instanceof StoreError && /deleted or moved away: restore it/.test(error.message)

function remove(): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
}

suite('a SQLite file that is deleted, moved or replaced while it is open is noticed', {
  skip: process.platform === 'win32',
}, () => {
  for (const [what, open] of [
    ['by path', () => ({ store: sqlite(path), close: () => {} })],
    [
      'that was handed in',
      () => {
        const database = new DatabaseSync(path)
        return { store: sqlite({ database }), close: () => database.close() }
      },
    ],
  ] as const)
    test(`a database ${what}: no write is acknowledged into a deleted file`, async () => {
      const { store, close } = open()
      const id = newId()
      assert.equal(await store.create(id, entry()), true)
      const found = await store.read(id)
      remove()
      await assert.rejects(store.create(newId(), entry()), isGone)
      await assert.rejects(store.update(id, entry(), found?.version ?? 0), isGone)
      await assert.rejects(store.touch(id, Date.now() + 5000), isGone)
      await assert.rejects(store.delete(id), isGone)
      assert.equal(existsSync(path), false)
      await store.close()
      close()
    })

  test('reads, lists and the sweep notice it within a second or so', async (t) => {
    const store = sqlite(path)
    const id = newId()
    await store.create(id, entry())
    remove()
    const { now } = performance
    t.mock.method(performance, 'now', () => now.call(performance) + 1500)
    await assert.rejects(store.read(id), isGone)
    await assert.rejects(store.clearExpired(), isGone)
    await assert.rejects(listed(store), isGone)
    t.mock.restoreAll()
    await store.close()
  })

  test('a sweep notices it immediately', async () => {
    const sessions = createSessions({ store: sqlite(path), secrets: SECRET })
    await sessions.clearExpired()
    remove()
    await assert.rejects(sessions.clearExpired(), isGone)
    await sessions.close()
  })

  test('a file that was put back is opened again', async () => {
    const store = sqlite(path)
    const id = newId()
    await store.create(id, entry())
    await store.clearExpired()
    renameSync(path, `${path}.away`)
    await assert.rejects(store.create(newId(), entry()), isGone)
    renameSync(`${path}.away`, path)
    assert.equal(await store.create(newId(), entry()), true)
    assert.ok(await store.read(id))
    await store.close()
  })

  test('a file that was replaced, as from a backup, is opened instead of the old one', async () => {
    const [kept, later] = [newId(), newId()]
    const first = sqlite(path)
    await first.create(kept, entry())
    await first.close()
    copyFileSync(path, `${path}.backup`)
    const store = sqlite(path)
    await store.create(later, entry())
    remove()
    renameSync(`${path}.backup`, path)
    assert.equal(await store.create(newId(), entry()), true)
    assert.ok(await store.read(kept))
    assert.equal(await store.read(later), null)
    await store.close()
    const again = sqlite(path)
    assert.equal((await listed(again)).length, 2)
    await again.close()
  })

  test('a database in memory has no file to lose', async () => {
    const store = sqlite(':memory:')
    assert.equal(await store.create(newId(), entry()), true)
    const database = new DatabaseSync(':memory:')
    const given = sqlite({ database })
    assert.equal(await given.create(newId(), entry()), true)
    for (const each of [store, given, database]) await each.close()
  })
})
