import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, beforeEach, suite, test } from 'node:test'
import { isPrivateGroup, othersMay, wayTo } from '../../packages/cli/src/doctor/way.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { isRoot } from '../servers/daemon.ts'
import { examined, folderAtHome } from './found.ts'

const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const STRANGER = 12_345

async function fill(store: Store): Promise<void> {
  const sessions = createSessions({ store, secrets: SECRET })
  const visit = sessions.open({})
  ;(await visit.get()).login('ada')
  await visit.commit()
  await store.close()
}

suite('the doctor and symbolic links', { skip: process.platform === 'win32' && 'modes are of POSIX' }, () => {
  const home = folderAtHome()
  const at = (...names: string[]) => join(home.dir, ...names)
  /** current/ is a link to releases/1, as deployments make it; in that, data is a link to shared/. */
  before(async () => {
    for (const name of ['releases', 'releases/1', 'shared']) mkdirSync(at(name), { mode: 0o755 })
    symlinkSync(at('releases', '1'), at('current'))
    symlinkSync('../../shared', at('releases', '1', 'data'))
    await fill(sqlite(at('shared', 'real.db')))
    symlinkSync('real.db', at('shared', 'sessions.db'))
    await fill(file(at('shared', 'sessions')))
  })
  beforeEach(() => {
    for (const name of ['releases', 'releases/1', 'shared']) chmodSync(at(name), 0o755)
  })
  after(home.remove)

  const database = () => examined(`sqlite:${at('current', 'data', 'sessions.db')}`)
  const directory = () => examined(`file:${at('current', 'data', 'sessions')}`)

  test('a database behind a link is judged by its own mode, and not by that of the link', async () => {
    const good = await database()
    good.is('sqlite-permissions', 'green')
    good.is('sqlite-journal', 'green')
    chmodSync(at('shared', 'real.db'), 0o644)
    const readable = await database()
    readable.is('sqlite-permissions', 'amber', /shared\/real\.db \(mode 0644\)/, /chmod go-rwx '.*real\.db'/)
    chmodSync(at('shared', 'real.db'), 0o666)
    const writable = await database()
    chmodSync(at('shared', 'real.db'), 0o600)
    writable.is('sqlite-permissions', 'red', /real\.db \(mode 0666\)/)
  })

  test('the write-ahead log is looked for where the link leads', async () => {
    // The application's, whose log is there for as long as it is open.
    const application = new DatabaseSync(at('shared', 'real.db'))
    application.exec('CREATE TABLE other (a)')
    chmodSync(at('shared', 'real.db-wal'), 0o644)
    const found = await database()
    application.close()
    found.is('sqlite-permissions', 'amber', /real\.db-wal/)
  })

  for (const name of ['releases', 'releases/1', 'shared'])
    test(`others who may write to ${name}, on the way to the sessions, are red`, async () => {
      chmodSync(at(name), 0o777)
      const [one, all] = [await database(), await directory()]
      const what = new RegExp(`Other users can write to .*${name} \\(mode 0777\\), which is on the way to the sessions`)
      one.is('sqlite-permissions', 'red', what, /chmod go-w '/)
      all.is('file-permissions', 'red', what, /chmod go-w '/)
      // As /tmp: there, others may replace only what is theirs.
      chmodSync(at(name), 0o1777)
      assert.equal((await database()).get('sqlite-permissions').level, 'green')
      assert.equal((await directory()).get('file-permissions').level, 'green')
    })

  test('a folder or a link of another user on the way is amber', {
    skip: !isRoot && 'only root can give files away',
  }, async () => {
    chownSync(at('releases'), STRANGER, STRANGER)
    const folder = await database()
    chownSync(at('releases'), 0, 0)
    folder.is(
      'sqlite-permissions',
      'amber',
      /releases, which is on the way, belongs to the user 12345/,
      /folders of root/,
    )
    // As in /tmp, where everybody can make one.
    execFileSync('chown', ['-h', `${STRANGER}`, at('releases', '1', 'data')])
    const link = await directory()
    execFileSync('chown', ['-h', '0', at('releases', '1', 'data')])
    link.is('file-permissions', 'amber', /data, which is on the way, belongs to the user 12345/)
    link.is('file-owner', 'amber', /belong to root/)
  })

  test('a directory of sessions that is a link itself is red, because the engine refuses it', async () => {
    symlinkSync(at('shared', 'sessions'), at('linked'))
    const found = await examined(`file:${at('linked')}`)
    found.is('file-permissions', 'red', /linked is a symbolic link, which the engine refuses/, /Name the directory/)
    assert.ok(lstatSync(at('linked')).isSymbolicLink())
  })

  test('a folder for locks or for owners that others may write to is red', async () => {
    for (const name of ['locks', 'owners']) {
      chmodSync(at('shared', 'sessions', name), 0o777)
      const found = await directory()
      chmodSync(at('shared', 'sessions', name), 0o700)
      found.is('file-permissions', 'red', new RegExp(`write to .*sessions/${name} \\(mode 0777\\)`))
    }
  })

  test('where a link leads counts for the folder and the repository, too', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'strongroom-doctor-'))
    await fill(sqlite(join(temporary, 'x.db')))
    symlinkSync(join(temporary, 'x.db'), at('kept.db'))
    const emptied = await examined(`sqlite:${at('kept.db')}`)
    emptied.is('sqlite-folder', 'red', /which is emptied/)
    rmSync(temporary, { recursive: true })
    mkdirSync(at('project'))
    execFileSync('git', ['init', '-q', at('project')])
    await fill(sqlite(at('project', 'y.db')))
    symlinkSync(at('project', 'y.db'), at('tracked.db'))
    const tracked = await examined(`sqlite:${at('tracked.db')}`)
    tracked.is('sqlite-repository', 'red', /does not ignore them/, /Add y\.db to \.gitignore/)
  })

  test('links that lead in a circle are unknown, and a link to nothing is red', async () => {
    symlinkSync('b.db', at('a.db'))
    symlinkSync('a.db', at('b.db'))
    const circle = await examined(`sqlite:${at('a.db')}`)
    circle.is('sqlite-database', 'unknown', /could not be looked at: ELOOP/)
    symlinkSync('nothing.db', at('dangling.db'))
    const dangling = await examined(`sqlite:${at('dangling.db')}`)
    dangling.is('sqlite-database', 'red', /does not exist/)
  })

  test('".." in a link is above the folder that the link is in, and not above the link before it', async () => {
    // releases/1/data is a link to shared: the folder above it is the one of the test, and not releases/1.
    symlinkSync('current/data/../shared/real.db', at('up.db'))
    const { end, steps } = await wayTo(at('up.db'))
    assert.equal(end.path, at('shared', 'real.db'))
    assert.ok(steps.some(({ path }) => path === at('releases', '1')))
  })

  test('a file of secrets in a folder that others may write to is amber, and red in production', async () => {
    mkdirSync(at('app'))
    writeFileSync(at('app', '.env'), `STRONGROOM_SECRETS=${SECRET}\n`, { mode: 0o600 })
    chmodSync(at('app'), 0o777)
    const look = (environment: Record<string, string>) =>
      examined(null, { environment: { STRONGROOM_SECRETS: SECRET, ...environment }, envFile: at('app', '.env') })
    const amber = await look({})
    amber.is(
      'env-file-permissions',
      'amber',
      /write to .*app \(mode 0777\), which is on the way to \.env/,
      /chmod go-w/,
    )
    const red = await look({ NODE_ENV: 'production' })
    red.is('env-file-permissions', 'red', /others can put one of their own in its place/)
  })

  test('a private key of a URL that others may read is amber, and red in production', async () => {
    writeFileSync(at('client.key'), '', { mode: 0o600 })
    symlinkSync('client.key', at('key'))
    const DATABASE_URL = `postgres://web@db.internal/shop?sslmode=verify-full&sslkey=${at('key')}`
    const look = (environment: Record<string, string>) => examined(null, { environment, envFile: at('none') })
    assert.equal((await look({ DATABASE_URL })).get('key-file-permissions').level, 'green')
    chmodSync(at('client.key'), 0o640)
    const group = await look({ DATABASE_URL })
    chmodSync(at('client.key'), 0o644)
    const amber = await look({ DATABASE_URL })
    amber.is('key-file-permissions', 'amber', /can read key, a private key \(mode 0644\)/, /chmod 600/)
    const red = await look({ DATABASE_URL, NODE_ENV: 'production' })
    red.is('key-file-permissions', 'red')
    // Without anybody in it, the group of root is root.
    if (isRoot) group.is('key-file-permissions', 'green')
    assert.ok(!(await look({ DATABASE_URL: 'postgres://web@db.internal/shop' })).has('key-file-permissions'))
  })
})

suite('the bits of a mode that are for others', { skip: process.platform !== 'linux' && 'groups are of Linux' }, () => {
  test('do not have those of a group in which nobody else is', () => {
    assert.equal(othersMay({ mode: 0o664, uid: 0, gid: 0 }), 0o004)
    assert.equal(othersMay({ mode: 0o770, uid: 0, gid: 0 }), 0)
    // No such group, and a group that is not of that name.
    assert.equal(othersMay({ mode: 0o770, uid: STRANGER, gid: STRANGER }), 0o070)
    assert.equal(othersMay({ mode: 0o770, uid: 0, gid: 1 }), 0o070)
  })

  test('count where somebody else is in the group, or it is not the own one', () => {
    const passwd = 'ada:x:1000:1000::/home/ada:/bin/sh\nbob:x:1001:50::/home/bob:/bin/sh\n'
    const among = (group: string, ids = { uid: 1000, gid: 1000 }) => isPrivateGroup(ids, passwd, `${group}\n`)
    assert.deepEqual([among('ada:x:1000:'), among('ada:x:1000:ada')], [true, true])
    for (const group of ['ada:x:1000:bob', 'ada:x:1000:ada,bob', 'users:x:1000:', 'ada:x:1001:', ''])
      assert.equal(among(group), false, group)
    assert.equal(among('bob:x:50:', { uid: 1001, gid: 50 }), true)
    assert.equal(among('ada:x:1000:', { uid: 1001, gid: 1000 }), false)
    assert.equal(among('ada:x:1000:', { uid: 1002, gid: 1000 }), false)
  })
})
