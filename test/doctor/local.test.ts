import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { Topic } from '../../packages/cli/src/doctor/check.ts'
import { fileSystemCheck, spaceCheck } from '../../packages/cli/src/doctor/file-systems.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import type { SqliteHandle } from '../../packages/strongroom/src/engines/sqlite/handle.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { isRoot } from '../servers/daemon.ts'
import { examined, type Found, folderAtHome } from './found.ts'

const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const HOUR = 3_600_000
// Its types need a namespace that its package does not declare.
const Libsql = createRequire(import.meta.url)('libsql') as new (path: string) => SqliteHandle & { close(): void }
const isWindows = process.platform === 'win32'

async function fill(store: Store): Promise<void> {
  const sessions = createSessions({ store, secrets: SECRET })
  const visit = sessions.open({})
  const session = await visit.get()
  session.login('ada')
  await visit.commit()
  await store.close()
}

/** What is not green, apart from what a test that runs as root cannot help. */
const findings = (found: Found) =>
  found.diagnosis.checks
    .filter(({ about, level, name }) => about === 'engine' && level !== 'green' && !(isRoot && name.endsWith('-owner')))
    .map(({ name, level }) => `${name} ${level}`)

suite('the doctor and sessions in files', () => {
  const home = folderAtHome()
  const dir = join(home.dir, 'sessions')
  const url = `file:${dir}`
  before(() => fill(file(dir)))
  after(home.remove)

  test('everything is green for a directory that the engine made on a local disk', async () => {
    const found = await examined(url)
    assert.deepEqual(findings(found), [])
    for (const name of ['file-directory', 'file-durability', 'file-permissions', 'file-file-system', 'file-space'])
      found.is(name, 'green')
    for (const name of ['file-folder', 'file-repository', 'expired-rows', 'sweep']) found.is(name, 'green')
    assert.ok(!found.has('store-answers'), 'there is no server')
  })

  test('a directory that others may write to is red, and one that they may read is amber', {
    skip: isWindows,
  }, async () => {
    chmodSync(dir, 0o755)
    const readable = await examined(url)
    readable.is('file-permissions', 'amber', /mode 0755/, /chmod go-rwx/)
    chmodSync(dir, 0o777)
    const writable = await examined(url)
    writable.is('file-permissions', 'red', /bring ended ones back/, /chmod go-rwx/)
    chmodSync(dir, 0o700)
  })

  test('files of several users are red', { skip: !isRoot && 'only root can give files away' }, async () => {
    const shard = readdirSync(join(dir, 'sessions'))[0] ?? ''
    const name = readdirSync(join(dir, 'sessions', shard))[0] ?? ''
    chownSync(join(dir, 'sessions', shard, name), 12_345, 12_345)
    const found = await examined(url)
    found.is('file-owner', 'red', /several users \(0, 12345\)/, /chown -R 0/)
    assert.doesNotMatch(JSON.stringify(found.diagnosis), new RegExp(name), 'an id')
    chownSync(join(dir, 'sessions', shard, name), 0, 0)
    const root = await examined(url)
    root.is('file-owner', 'amber', /the application runs as root/)
  })

  test('sessions that nobody sweeps are red, by the deadline of their files', async () => {
    const shard = readdirSync(join(dir, 'sessions'))[0] ?? ''
    const name = readdirSync(join(dir, 'sessions', shard))[0] ?? ''
    const path = join(dir, 'sessions', shard, name)
    const { mtime } = statSync(path)
    const past = new Date(Date.now() - 50 * HOUR)
    utimesSync(path, past, past)
    const found = await examined(url)
    found.is('sweep', 'red', /ended 50 hours ago/)
    found.is('expired-rows', 'green', /^1 expired and 1 live rows/)
    utimesSync(path, mtime, mtime)
  })

  test('a write that does not wait for the disk is amber', async () => {
    const found = await examined(`${url}?durable=false`)
    found.is('file-durability', 'amber', /undoes the last logouts/, /durable/)
  })

  test('a directory that is not there is red, and stays so', async () => {
    const missing = join(home.dir, 'missing')
    for (let i = 0; i < 2; i++) {
      const found = await examined(`file:${missing}`)
      found.is('file-directory', 'red', /does not exist/)
    }
    mkdirSync(missing, { mode: 0o700 })
    const empty = await examined(`file:${missing}`)
    empty.is('file-directory', 'red', /The folder sessions of the session directory does not exist/)
    assert.deepEqual(readdirSync(missing), [])
  })

  test('a folder that is emptied, served, rebuilt or committed is red', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'strongroom-doctor-'))
    const project = join(home.dir, 'project')
    for (const [path, check, what] of [
      [join(temporary, 'sessions'), 'file-folder', /which is emptied/],
      [join(home.dir, 'public', 'sessions'), 'file-folder', /called public/],
      [join(home.dir, 'node_modules', 'sessions'), 'file-folder', /below node_modules/],
      [join(project, 'sessions'), 'file-repository', /the next "git add \." commits them/],
    ] as const) {
      mkdirSync(path, { recursive: true })
      if (check === 'file-repository') execFileSync('git', ['init', '-q', project])
      await fill(file(path))
      const found = await examined(`file:${path}`)
      found.is(check, 'red', what)
    }
    writeFileSync(join(project, '.gitignore'), 'sessions/\n')
    const ignored = await examined(`file:${join(project, 'sessions')}`)
    ignored.is('file-repository', 'green', /ignores/)
    rmSync(temporary, { recursive: true })
  })
})

suite('the doctor and sessions in SQLite', () => {
  const home = folderAtHome()
  const at = (name: string) => join(home.dir, name)
  before(() => fill(sqlite(at('good.db'))))
  after(home.remove)

  test('everything is green for a database that the engine made on a local disk', async () => {
    const before = readdirSync(home.dir)
    const bytes = readFileSync(at('good.db'))
    const found = await examined(`sqlite:${at('good.db')}`)
    assert.deepEqual(findings(found), [])
    for (const name of [
      'sqlite-database',
      'sqlite-journal',
      'sqlite-synchronous',
      'sqlite-permissions',
      'sqlite-table',
    ])
      found.is(name, 'green')
    for (const name of ['sqlite-index-owner', 'sqlite-index-purge-at', 'expired-rows', 'sweep']) found.is(name, 'green')
    assert.deepEqual(readdirSync(home.dir), before)
    assert.deepEqual(readFileSync(at('good.db')), bytes, 'nothing was written')
  })

  for (const [name, change, check, level, mend] of [
    ['ownerless', 'DROP INDEX strongroom_sessions_owner', 'sqlite-index-owner', 'red', /CREATE INDEX/],
    ['sweepless', 'DROP INDEX strongroom_sessions_purge', 'sqlite-index-purge-at', 'red', /\(purge_at\)/],
    ['rollback', 'PRAGMA journal_mode = DELETE', 'sqlite-journal', 'amber', /journal_mode = WAL/],
    ['other', 'DROP TABLE strongroom_sessions', 'sqlite-table', 'red', /option table/],
  ] as const)
    test(`${check} is ${level} after ${change}`, async () => {
      await fill(sqlite(at(name)))
      const database = new DatabaseSync(at(name))
      database.exec(change)
      database.close()
      const found = await examined(`sqlite:${at(name)}`)
      found.is(check, level, undefined, mend)
    })

  test('a database of the application is asked for its own settings', async () => {
    await fill(sqlite(at('given.db')))
    const levels: Record<string, string[]> = {}
    for (const [settings, name] of [
      ['PRAGMA synchronous = FULL', 'full'],
      ['PRAGMA synchronous = NORMAL', 'normal'],
      ['PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY', 'off'],
    ] as const) {
      const database = new DatabaseSync(at('given.db'))
      database.exec(settings)
      const sessions = createSessions({ store: sqlite({ database }), secrets: SECRET })
      const found = await examined(sessions)
      levels[name] = [found.get('sqlite-synchronous').level, found.get('sqlite-journal').level]
      await sessions.close()
      database.close()
    }
    assert.deepEqual(levels, { full: ['green', 'green'], normal: ['amber', 'green'], off: ['red', 'red'] })
  })

  test('the locks of an application that is examined in its own process are kept', {
    skip: isWindows && 'locks of Windows belong to a handle',
  }, async () => {
    await fill(sqlite(at('locked.db')))
    // Another copy of SQLite than the one in Node: if that opens and closes the file, the locks of both are gone (POSIX).
    const database = new Libsql(at('locked.db'))
    database.exec('PRAGMA journal_mode = WAL')
    const sessions = createSessions({ store: sqlite({ database }), secrets: SECRET })
    database.prepare('SELECT count(*) FROM strongroom_sessions').get()
    const found = await examined(sessions)
    found.is('sqlite-table', 'green')
    const open = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(at('locked.db'))})`
    // The last one to close a database removes its log, and takes the lock of everybody for that.
    execFileSync(process.execPath, ['-e', `const db = ${open}; db.exec('CREATE TABLE other (a)'); db.close()`])
    assert.ok(readdirSync(home.dir).includes('locked.db-wal'))
    await sessions.close()
    database.close()
  })

  test('the option synchronous of a URL counts', async () => {
    const found = await examined(`sqlite:${at('good.db')}?synchronous=normal`)
    found.is('sqlite-synchronous', 'amber', /NORMAL/)
  })

  test('a database that others may write to, or replace, is red', { skip: isWindows }, async () => {
    const shared = join(home.dir, 'shared')
    mkdirSync(shared)
    await fill(sqlite(join(shared, 'x.db')))
    chmodSync(join(shared, 'x.db'), 0o644)
    const readable = await examined(`sqlite:${join(shared, 'x.db')}`)
    readable.is('sqlite-permissions', 'amber', /x\.db \(mode 0644\)/)
    chmodSync(join(shared, 'x.db'), 0o600)
    chmodSync(shared, 0o777)
    const replaceable = await examined(`sqlite:${join(shared, 'x.db')}`)
    replaceable.is('sqlite-permissions', 'red', /shared \(mode 0777\)/)
  })

  test('a database that is not there, or in memory, is red, and none is made', async () => {
    const found = await examined(`sqlite:${at('missing.db')}`)
    found.is('sqlite-database', 'red', /does not exist/)
    assert.ok(!readdirSync(home.dir).includes('missing.db'))
    const memory = await examined('sqlite::memory:')
    memory.is('sqlite-database', 'red', /in memory/)
  })

  test('a file that is no database is unknown', async () => {
    writeFileSync(at('text.db'), 'x'.repeat(5_000), { mode: 0o600 })
    const found = await examined(`sqlite:${at('text.db')}`)
    found.is('sqlite-table', 'unknown', /not a database/)
  })

  test('expired rows that nobody sweeps are red', async () => {
    await fill(sqlite(at('stale.db')))
    const database = new DatabaseSync(at('stale.db'))
    database.exec(`UPDATE strongroom_sessions SET purge_at = ${Date.now() - 30 * HOUR}, expires_at = 1`)
    database.close()
    const found = await examined(`sqlite:${at('stale.db')}`)
    found.is('sweep', 'red', /ended 30 hours ago/)
  })
})

suite('the type of a file system', () => {
  const topic = new Topic('engine', 'file')
  const on = (type: number, platform = 'linux') => fileSystemCheck(topic, type, { engine: 'file', platform })

  for (const [name, type, level] of [
    ['ext4', 0xef53, 'green'],
    ['XFS', 0x58465342, 'green'],
    ['Btrfs', 0x9123683e, 'green'],
    ['ZFS', 0x2fc12fc1, 'green'],
    ['NFS', 0x6969, 'red'],
    ['SMB 1', 0x517b, 'red'],
    ['CIFS', 0xff534d42, 'red'],
    ['SMB 2', 0xfe534d42, 'red'],
    ['CIFS as a signed number', 0xff534d42 | 0, 'red'],
    ['9p', 0x01021997, 'red'],
    ['CephFS', 0x00c36400, 'red'],
    ['AFS', 0x5346414f, 'red'],
    ['overlay', 0x794c7630, 'red'],
    ['tmpfs', 0x01021994, 'red'],
    ['FUSE', 0x65735546, 'amber'],
    ['vmhgfs, which is in no list', 0xbacbacbc, 'unknown'],
  ] as const)
    test(`${name} is ${level}`, () => assert.equal(on(type).level, level))

  test('on another system it is unknown, and never green', () => {
    // The numbers of ext4 and NFS on Linux, which are of something else there.
    for (const type of [0x1a, 0xef53, 0x6969]) assert.equal(on(type, 'darwin').level, 'unknown')
  })

  test('a real tmpfs is red', { skip: process.platform !== 'linux' && 'there is no /dev/shm' }, async () => {
    const dir = mkdtempSync('/dev/shm/strongroom-doctor-')
    await fill(file(dir))
    const found = await examined(`file:${dir}`)
    found.is('file-file-system', 'red', /in memory \(tmpfs\)/, /on a disk/)
    rmSync(dir, { recursive: true })
  })

  test('a disk is nearly full below 5 % or 100 MB, and full below 1 %', () => {
    const real = statfsSync('/')
    const space = (changes: object) =>
      spaceCheck(topic, { ...real, bsize: 4096, files: 0, ...changes }, { engine: 'file' }).level
    const blocks = 2 ** 24
    assert.equal(space({ blocks, bavail: blocks / 2 }), 'green')
    assert.equal(space({ blocks, bavail: blocks * 0.04 }), 'amber')
    assert.equal(space({ blocks, bavail: blocks * 0.009 }), 'red')
    assert.equal(space({ blocks: 2 ** 16, bavail: 2 ** 14 }), 'amber')
    assert.equal(space({ blocks, bavail: blocks / 2, files: 1000, ffree: 40 }), 'amber')
    assert.equal(space({ blocks, bavail: blocks / 2, files: 1000, ffree: 5 }), 'red')
  })
})
