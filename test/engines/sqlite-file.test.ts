import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, suite, test } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
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

/** Makes a backup with so many sessions, without files beside it, and leaves no database. Returns their ids. */
async function backupOf(count: number): Promise<Id[]> {
  const ids = Array.from({ length: count }, () => newId())
  const store = sqlite(path)
  await Promise.all(ids.map((id) => store.create(id, entry())))
  await store.close()
  renameSync(path, `${path}.backup`)
  return ids
}

function checkIntegrity(): unknown[] {
  const database = new DatabaseSync(path)
  try {
    return database.prepare('PRAGMA integrity_check').all().flatMap(Object.values)
  } finally {
    database.close()
  }
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

  test('a file that is replaced while the old one has a write-ahead log is opened undamaged', async () => {
    const kept = await backupOf(300)
    const store = sqlite(path)
    const later = newId()
    for (let made = 0; made < 200; made += 1) await store.create(newId(), entry())
    assert.ok(statSync(`${path}-wal`).size > 0)
    renameSync(`${path}.backup`, path)
    assert.equal(await store.create(later, entry()), true)
    for (const id of kept) assert.ok(await store.read(id))
    await store.close()
    assert.deepEqual(checkIntegrity(), ['ok'])
    const again = sqlite(path)
    assert.equal((await listed(again)).length, 301)
    await again.close()
  })

  test('a sweep, too, opens a file that was replaced without the old write-ahead log', async () => {
    await backupOf(300)
    const store = sqlite(path)
    for (let made = 0; made < 50; made += 1) await store.create(newId(), entry())
    renameSync(`${path}.backup`, path)
    await store.clearExpired()
    assert.equal((await listed(store)).length, 300)
    await store.close()
    assert.deepEqual(checkIntegrity(), ['ok'])
  })

  test('a file that was replaced is not opened beside a write-ahead log that is not known', async () => {
    const kept = await backupOf(300)
    const store = sqlite(path)
    for (let made = 0; made < 200; made += 1) await store.create(newId(), entry())
    // Another inode, as when another process has replaced it.
    copyFileSync(`${path}-wal`, `${path}-other`)
    renameSync(`${path}-other`, `${path}-wal`)
    renameSync(`${path}.backup`, path)
    const isRefused = (error: unknown) =>
      error instanceof StoreError &&
      /stop all programs .* delete its -wal and -shm files, and restore it/.test(error.message)
    await assert.rejects(store.create(newId(), entry()), isRefused)
    await assert.rejects(store.clearExpired(), isRefused)
    await store.close()
    for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`)
    assert.deepEqual(checkIntegrity(), ['ok'])
    const again = sqlite(path)
    for (const id of kept) assert.ok(await again.read(id))
    await again.close()
  })

  test('of two stores that notice it, one does not delete the log of the file that the other has opened', async () => {
    const kept = await backupOf(300)
    const [first, second] = [sqlite({ path }), sqlite({ path, timeout: 300 })]
    for (const store of [first, second]) await store.create(newId(), entry())
    renameSync(`${path}.backup`, path)
    const later = newId()
    assert.equal(await first.create(later, entry()), true)
    await assert.rejects(second.create(newId(), entry()), /restore it again/)
    await second.close()
    assert.ok(await first.read(later))
    await first.close()
    assert.deepEqual(checkIntegrity(), ['ok'])
    const again = sqlite(path)
    for (const id of [...kept, later]) assert.ok(await again.read(id))
    await again.close()
  })

  test('two programs do not delete the log of a replaced file at the same time', async () => {
    await backupOf(1)
    const store = sqlite({ path, timeout: 100 })
    await store.create(newId(), entry())
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    renameSync(`${path}.backup`, path)
    await assert.rejects(store.create(newId(), entry()), /stayed locked/)
    await assert.rejects(store.clearExpired(), /stayed locked/)
    assert.equal(existsSync(`${path}-wal`), true)
    other.exec('ROLLBACK')
    assert.equal(await store.create(newId(), entry()), true)
    other.close()
    await store.close()
    assert.deepEqual(checkIntegrity(), ['ok'])
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
