import assert from 'node:assert/strict'
import fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { DirectorySyncs } from '../../packages/strongroom/src/engines/file/sync.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry, Found } from '../../packages/strongroom/src/store.ts'

/** A sync that has begun, and does not end before the test says so. */
interface Sync {
  readonly of: 'file' | 'directory'
  readonly inode: number
  end(error?: Error): void
}

const syncs: Sync[] = []
let isHeld = false

const { fsync, fstatSync, statSync } = fs
mock.method(fs, 'fsync', (fd: number, done: (error: Error | null) => void) => {
  const { ino: inode } = fstatSync(fd)
  const of = fstatSync(fd).isDirectory() ? 'directory' : 'file'
  const end = (error?: Error) => (error ? done(error) : fsync(fd, done))
  if (isHeld) syncs.push({ of, inode, end })
  else end()
})
syncBuiltinESMExports()
// Imported now, because it takes the functions of node:fs when it is loaded.
const { file } = await import('../../packages/strongroom/src/engines/file/file.ts')

async function nextSync(): Promise<Sync> {
  for (;;) {
    const sync = syncs.shift()
    if (sync) return sync
    await turn()
  }
}

/** Of one directory, and of another with the same lock. */
const ids = ['ab1', 'ab2', '2b3'].map((start) => start.padEnd(64, '0') as Id)
const [id] = ids as [Id]
const entryOf = (text: string): Entry => {
  return { bytes: Buffer.from(text), expiresAt: Date.now() + 3_600_000, owner: null, label: null, createdAt: 0 }
}

describe('file, when it commits', () => {
  let dir: string
  let store: ReturnType<typeof file>
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'strongroom-commits-'))
    store = file(dir)
    for (const each of ids) await store.create(each, entryOf('old'))
    isHeld = true
  })
  afterEach(async () => {
    isHeld = false
    await store.close()
    await rm(dir, { recursive: true })
  })

  const text = (found: Found | null) => String(found && Buffer.from(found.entry.bytes))
  const update = async (which: Id, of = store) => {
    const { version } = (await of.read(which)) as Found
    return of.update(which, entryOf('new'), version)
  }
  /** Asks for all of them in one turn of the event loop. */
  const updateAll = async () => {
    const found = (await Promise.all(ids.map((each) => store.read(each)))) as Found[]
    return ids.map((each, index) => store.update(each, entryOf('new'), (found[index] as Found).version))
  }
  const isPending = async (call: Promise<unknown>) => {
    for (let turns = 0; turns < 20; turns++) await turn()
    return (await Promise.race([call, Promise.resolve('pending')])) === 'pending'
  }

  it('acknowledges an update when first its file, and then the name of the file, is on the disk', async () => {
    const done = update(id)
    const first = await nextSync()
    assert.equal(first.of, 'file')
    assert.equal(text(await store.read(id)), 'old')
    first.end()
    const second = await nextSync()
    assert.equal(second.inode, statSync(join(dir, 'sessions', 'ab')).ino)
    assert.equal(text(await store.read(id)), 'new')
    assert.ok(await isPending(done))
    second.end()
    assert.notEqual(await done, null)
    assert.equal(syncs.length, 0)
  })

  it('acknowledges a touch when the new deadline is on the disk, and a delete when the name is gone from it', async () => {
    const touched = store.touch(id, Date.now() + 1_000_000)
    const first = await nextSync()
    assert.equal(first.inode, statSync(join(dir, 'sessions', 'ab', id)).ino)
    assert.ok(await isPending(touched))
    first.end()
    assert.equal(await touched, true)
    const deleted = store.delete(id)
    const second = await nextSync()
    assert.equal(second.of, 'directory')
    assert.ok(await isPending(deleted))
    second.end()
    assert.equal(await deleted, true)
  })

  it('syncs nothing where it need not be durable', async () => {
    const careless = file({ dir, durable: false })
    assert.notEqual(await update(id, careless), null)
    assert.equal(await careless.delete(id), true)
    assert.equal(syncs.length, 0)
    await careless.close()
  })

  it('writes the sessions of one turn beside each other, and syncs their directory once for those that are ready', async () => {
    const done = Promise.all(await updateAll())
    const files = [await nextSync(), await nextSync(), await nextSync()]
    assert.deepEqual(
      files.map(({ of }) => of),
      ['file', 'file', 'file'],
    )
    for (const each of files) each.end()
    const directories = [await nextSync(), await nextSync()]
    // The first two sessions are in one directory. The second came when its sync had begun, and so shares none with the first.
    assert.equal(await isPending(done), true)
    assert.equal(syncs.length, 0)
    for (const each of directories) each.end()
    ;(await nextSync()).end()
    assert.ok((await done).every((version) => version !== null))
  })

  it('does not fail the other writes of a turn when one fails, and leaves the session of that one as it was', async () => {
    const done = Promise.allSettled(await updateAll())
    const failing = await nextSync()
    failing.end(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO', syscall: 'fsync' }))
    isHeld = false
    for (const each of syncs.splice(0)) each.end()
    const results = await done
    const refused = results.flatMap((result, at) =>
      result.status === 'rejected' ? [[result.reason, at] as const] : [],
    )
    assert.equal(refused.length, 1)
    const [[error, at]] = refused as [[unknown, number]]
    assert.ok(error instanceof StoreError)
    assert.match(String(error.cause), /EIO in fsync/)
    for (const [index, each] of ids.entries()) assert.equal(text(await store.read(each)), index === at ? 'old' : 'new')
    assert.deepEqual(fs.globSync('sessions/*/*.draft', { cwd: dir }), [])
  })
})

describe('syncs of directories', () => {
  /** What syncs the directories here, and the syncs that have begun. */
  const open = () => {
    const begun: { readonly directory: string; readonly end: (error?: Error) => void }[] = []
    const syncs = new DirectorySyncs(
      (directory) =>
        new Promise((resolve, reject) => {
          begun.push({ directory, end: (error) => (error ? reject(error) : resolve()) })
        }),
    )
    return { begun, syncs }
  }

  it('begin immediately, and those of different directories do not wait for each other', () => {
    const { begun, syncs } = open()
    for (const directory of ['a', 'b']) void syncs.sync(directory)
    assert.deepEqual(
      begun.map(({ directory }) => directory),
      ['a', 'b'],
    )
  })

  it('that are asked for while one is under way share the next one, which begins after it', async () => {
    const { begun, syncs } = open()
    const notes: string[] = []
    const ask = (name: string) => syncs.sync('a').then(() => notes.push(name))
    const all = [ask('first'), ask('second'), ask('third')]
    await turn()
    assert.equal(begun.length, 1)
    begun[0]?.end()
    await turn()
    assert.deepEqual([notes, begun.length], [['first'], 2])
    all.push(ask('fourth'))
    begun[1]?.end()
    await turn()
    assert.deepEqual([notes, begun.length], [['first', 'second', 'third'], 3])
    begun[2]?.end()
    await Promise.all(all)
    void syncs.sync('a')
    assert.equal(begun.length, 4, 'after all of them, one begins immediately')
  })

  it('that fail are told to those who asked for them, and not to those who share the next one', async () => {
    const { begun, syncs } = open()
    const [first, second] = [syncs.sync('a'), syncs.sync('a')]
    begun[0]?.end(new Error('EIO'))
    await assert.rejects(first, /EIO/)
    await turn()
    begun[1]?.end()
    await second
  })
})
