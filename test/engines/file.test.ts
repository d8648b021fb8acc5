import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { inspect, promisify } from 'node:util'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Entry } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'

const HOUR = 3_600_000

async function newDirectory() {
  const top = await mkdtemp(join(tmpdir(), 'strongroom-file-'))
  return { top, dir: join(top, 'sessions'), remove: () => rm(top, { recursive: true }) }
}

for (const durable of [true, false]) {
  storeSuite(`file, durable: ${durable}`, async () => {
    const clock = manualClock()
    const { top, dir, remove } = await newDirectory()
    const store = file({ dir, clock, durable, timeout: 20_000 })
    const others: ReturnType<typeof file>[] = []
    const another = async (where: string) => {
      const other = file({ dir: where, clock, durable, timeout: 20_000 })
      others.push(other)
      return other
    }
    return {
      store,
      clock,
      peer: () => another(dir),
      sibling: () => another(join(top, 'other')),
      breakBackend: async () => {
        await rename(dir, `${dir}.gone`)
        await writeFile(dir, 'not a directory')
      },
      close: async () => {
        for (const each of [store, ...others]) await each.close()
        await remove()
      },
    }
  })
}

describe('file', () => {
  const id = 'ab'.padEnd(64, '1') as Id
  const owner = 'f0e'.padEnd(64, '2')

  /** Runs the check with a store in a new directory, and its paths. */
  const withStore = async (check: (at: Awaited<ReturnType<typeof open>>) => Promise<void>) => {
    const at = await open()
    try {
      await check(at)
    } finally {
      await at.store.close()
      await at.remove()
    }
  }
  const open = async () => {
    const clock = manualClock()
    const { dir, top, remove } = await newDirectory()
    const store = file({ dir, clock, timeout: 20_000 })
    const impatient = () => file({ dir, clock, timeout: 300 })
    const path = join(dir, 'sessions', 'ab', id)
    const marker = join(dir, 'owners', 'f0e', `${owner}.${id}`)
    const entry = (fields: Partial<Entry> = {}): Entry => {
      const bytes = Buffer.from('some bytes')
      return { bytes, expiresAt: clock() + HOUR, owner, label: null, createdAt: clock(), ...fields }
    }
    return { clock, dir, top, remove, store, impatient, path, marker, entry }
  }

  it('is readable by its owner only: files 0600 in directories 0700', () =>
    withStore(async ({ store, dir, entry }) => {
      await store.create(id, entry())
      // A second one, in a directory that is there already.
      await store.create(`${id.slice(0, -4)}0000` as typeof id, entry())
      const modes = globSync('**', { cwd: dir }).map((name) => {
        const facts = statSync(join(dir, name))
        return [name, (facts.mode & 0o777).toString(8), facts.isDirectory()] as const
      })
      assert.ok(modes.length > 7)
      for (const [name, mode, directory] of modes) assert.equal(mode, directory ? '700' : '600', name)
    }))

  it('stores the deadline as the modification time, and a touch changes no byte', () =>
    withStore(async ({ store, clock, path, entry }) => {
      await store.create(id, entry({ expiresAt: clock() + 12_345 }))
      const [before, { ino }] = [readFileSync(path), statSync(path)]
      assert.equal(Math.round(statSync(path).mtimeMs), clock() + 12_345)
      await store.touch(id, clock() + 54_321)
      assert.equal(Math.round(statSync(path).mtimeMs), clock() + 54_321)
      assert.deepEqual(readFileSync(path), before)
      assert.equal(statSync(path).ino, ino)
    }))

  it('stores deadlines to the millisecond', () =>
    withStore(async ({ store, clock, entry }) => {
      await store.create(id, entry())
      for (let ms = 0; ms < 1000; ms += 37) {
        await store.touch(id, clock() + HOUR + ms)
        assert.equal((await store.read(id))?.entry.expiresAt, clock() + HOUR + ms)
      }
    }))

  it('reads a damaged file as absent, whatever the damage, and removes it after its deadline', () =>
    withStore(async ({ store, clock, path, entry }) => {
      const first = entry({ label: Buffer.from('label') })
      await store.create(id, first)
      const whole = readFileSync(path)
      const damaged = [
        ...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)),
        ...Array.from({ length: whole.length }, (_, at) =>
          whole.map((byte, index) => (index === at ? byte ^ 1 : byte)),
        ),
        Buffer.concat([whole, Buffer.from('x')]),
      ]
      for (const image of damaged) {
        writeFileSync(path, image)
        await utimes(path, first.expiresAt / 1000, first.expiresAt / 1000)
        assert.equal(await store.read(id), null)
      }
      assert.deepEqual(await listed(store.byOwner, owner), [])
      assert.equal(await store.touch(id, clock() + HOUR), false)
      clock.advance(HOUR)
      assert.equal(await store.clearExpired(), 1)
      assert.equal(existsSync(path), false)
    }))

  it('replaces a damaged session with a new one', () =>
    withStore(async ({ store, path, entry }) => {
      await store.create(id, entry())
      writeFileSync(path, 'damage')
      assert.equal(await store.create(id, entry()), true)
      assert.ok(await store.read(id))
    }))

  it('reads a copy whose modification times were lost as expired', () =>
    withStore(async ({ store, path, entry, clock }) => {
      await store.create(id, entry())
      await utimes(path, clock() / 1000, clock() / 1000)
      assert.equal(await store.read(id), null)
    }))

  it('clears away what a crash has left: drafts, and owner markers without a session', () =>
    withStore(async ({ store, dir, path, marker, entry }) => {
      await store.create(id, entry())
      const other = 'ab'.padEnd(64, '3')
      const orphan = join(dir, 'owners', 'f0e', `${owner}.${other}`)
      writeFileSync(`${path}.draft`, 'half a write')
      writeFileSync(orphan, '')
      assert.deepEqual(await listed(store.byOwner, owner).then((found) => found.map((each) => each.id)), [id])
      assert.equal(await store.clearExpired({ dryRun: true }), 0)
      assert.ok(existsSync(`${path}.draft`) && existsSync(orphan))
      assert.equal(await store.clearExpired(), 0)
      assert.deepEqual([`${path}.draft`, orphan, marker, path].map(existsSync), [false, false, true, true])
    }))

  it('overwrites a draft that a crash has left', () =>
    withStore(async ({ store, dir, path, entry }) => {
      await mkdir(join(dir, 'sessions', 'ab'), { recursive: true })
      writeFileSync(`${path}.draft`, 'x'.repeat(10_000))
      await store.create(id, entry())
      assert.deepEqual((await store.read(id))?.entry.bytes, Buffer.from('some bytes'))
    }))

  it('leaves no owner marker behind when a session is deleted or cleared', () =>
    withStore(async ({ store, dir, clock, entry }) => {
      await store.create(id, entry())
      await store.delete(id)
      assert.deepEqual(globSync('owners/*/*', { cwd: dir }), [])
      await store.create(id, entry())
      clock.advance(HOUR)
      await store.clearExpired()
      assert.deepEqual(globSync('owners/*/*', { cwd: dir }), [])
    }))

  it('ends very many sessions of an owner, with a time limit for each wait and not for all of them', () =>
    withStore(async ({ dir, impatient, entry, clock }) => {
      const [quick, other] = [file({ dir, clock, durable: false }), impatient()]
      // All of them share a lock.
      const ids = Array.from({ length: 800 }, (_, index) => `ab${`${index}`.padStart(62, '0')}` as Id)
      for (const each of ids) await quick.create(each, entry())
      assert.equal(await other.byOwner.deleteAll(owner), ids.length)
      for (const each of [quick, other]) await each.close()
    }))

  it('moves the owner marker when an expired id gets another owner, and ignores one that a crash has left elsewhere', () =>
    withStore(async ({ store, dir, clock, marker, entry }) => {
      const next = 'f0e'.padEnd(64, '4')
      await store.create(id, entry())
      clock.advance(HOUR)
      assert.equal(await store.create(id, entry({ owner: next })), true)
      assert.deepEqual(globSync('owners/*/*', { cwd: dir }), [join('owners', 'f0e', `${next}.${id}`)])
      writeFileSync(marker, '')
      assert.deepEqual(await listed(store.byOwner, owner), [])
      assert.equal(await store.byOwner.deleteAll(owner), 0)
      assert.equal((await listed(store.byOwner, next)).length, 1)
    }))

  it('rejects, and does not say "absent", while the directory is gone, and works again when it is back', () =>
    withStore(async ({ store, dir, entry }) => {
      await store.create(id, entry())
      await rename(dir, `${dir}.unmounted`)
      for (const call of [() => store.read(id), () => listed(store.byOwner, owner), () => store.clearExpired()]) {
        await assert.rejects(call, StoreError)
      }
      await rename(`${dir}.unmounted`, dir)
      assert.ok(await store.read(id))
    }))

  it('uses the new locks when the directory was removed and created again', () =>
    withStore(async ({ store, impatient, dir, entry }) => {
      await store.create(id, entry())
      await rm(dir, { recursive: true })
      await assert.rejects(store.create(id, entry()), StoreError)
      const other = impatient()
      await other.create(id, entry())
      const holder = new DatabaseSync(join(dir, 'locks', String(0xab % 64)))
      holder.exec('BEGIN IMMEDIATE')
      await assert.rejects(other.delete(id), StoreError)
      const deleted = store.delete(id)
      await assert.rejects(other.delete(id), StoreError)
      assert.ok(await store.read(id), 'the store that had the old locks waits for the new one, too')
      holder.close()
      assert.equal(await deleted, true)
      await other.close()
    }))

  it('does not follow an id out of its directory', () =>
    withStore(async ({ store, top, entry }) => {
      writeFileSync(join(top, 'secret'), 'secret')
      for (const bad of ['../../../secret', 'ab/../../secret', '', `${id}/`, id.toUpperCase()]) {
        await assert.rejects(store.read(bad as Id), StoreError)
        await assert.rejects(store.create(bad as Id, entry()), StoreError)
        await assert.rejects(listed(store.byOwner, bad), StoreError)
      }
    }))

  it('has no paths, and so no ids, in its errors', () =>
    withStore(async ({ store, path, entry }) => {
      await mkdir(path, { recursive: true })
      const error = await store.create(id, entry()).catch((thrown: unknown) => thrown)
      assert.ok(error instanceof StoreError)
      assert.match(inspect(error), /EISDIR/)
      assert.ok(!inspect(error).includes(id))
    }))

  it('gives up on a lock that another process holds, within its time limit, and goes on when the lock is free', () =>
    withStore(async ({ store, impatient, dir, entry }) => {
      await store.create(id, entry())
      const other = impatient()
      const holder = new DatabaseSync(join(dir, 'locks', String(0xab % 64)))
      holder.exec('BEGIN IMMEDIATE')
      const started = performance.now()
      await assert.rejects(other.touch(id, 0), /locked for 300 ms/)
      assert.ok(performance.now() - started < 5000)
      assert.ok(await other.read(id), 'a read takes no lock')
      holder.close()
      assert.equal(await other.delete(id), true)
      await other.close()
    }))

  it('rejects a write on a full disk with the cause, keeps the old session, and leaves no draft', async (test) => {
    if (process.platform !== 'linux') return test.skip('the limit on the size of a file is set with a Linux shell')
    const { dir, remove } = await newDirectory()
    const script = `
      import assert from 'node:assert/strict'
      import { file } from ${JSON.stringify(new URL('../../packages/strongroom/src/engines/file/file.ts', import.meta.url).href)}
      const store = file(${JSON.stringify(dir)})
      const id = 'ab'.padEnd(64, '1')
      const entry = (size) => ({ bytes: new Uint8Array(size), expiresAt: Date.now() + 1e6, owner: null, label: null, createdAt: 0 })
      await store.create(id, entry(100))
      const { version } = await store.read(id)
      // More than fits, as a small file is written and as a large one is.
      for (const size of [20_000, 100_000])
        await assert.rejects(store.update(id, entry(size), version), (error) => error.cause.code === 'EFBIG')
      assert.equal((await store.read(id)).version, version)
      await store.update(id, entry(200), version)
      await store.close()`
    try {
      const shell = ['-c', 'ulimit -f 16 && exec "$0" "$@"', process.execPath, '--input-type=module', '-e', script]
      await promisify(execFile)('sh', shell)
      assert.deepEqual(globSync('sessions/*/*.draft', { cwd: dir }), [])
    } finally {
      await remove()
    }
  })

  it('has locks that exclude other processes and end with their holder, even when it is killed with SIGKILL', () =>
    withStore(async ({ store, impatient, dir, entry }) => {
      await store.create(id, entry())
      const other = impatient()
      const script = `
        const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
        const lock = new DatabaseSync(${JSON.stringify(join(dir, 'locks', String(0xab % 64)))})
        lock.exec('BEGIN IMMEDIATE')
        console.log('held')
        setTimeout(() => lock, 60_000)`
      const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
      await once(holder.stdout, 'data')
      await assert.rejects(other.delete(id), StoreError)
      holder.kill('SIGKILL')
      await once(holder, 'exit')
      assert.equal(await store.delete(id), true)
      await other.close()
    }))

  it('says how durable it is', () => {
    assert.equal(file('somewhere').traits.durable, 'machine')
    assert.equal(file({ dir: 'somewhere', durable: false }).traits.durable, 'process')
  })

  it('refuses options that it does not know or cannot use, and creates nothing before it is used', async () => {
    const { dir, remove } = await newDirectory()
    assert.throws(() => file({ dir, mode: 1 } as object as { dir: string }), /Unknown option "mode" for file\(\)/)
    for (const bad of ['', 5, null, {}, { dir: '' }, { dir, durable: 'no' }, { dir, timeout: -1 }]) {
      assert.throws(() => file(bad as string), ConfigError)
    }
    file(dir)
    assert.equal(existsSync(dir), false)
    await remove()
  })
})
