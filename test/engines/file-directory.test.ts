import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { newEntry, newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { root } from '../../scripts/packages.ts'

const NOBODY = 65_534
const notWindows = process.platform === 'win32' ? 'there are no modes' : false
const asRoot = process.getuid?.() === 0 ? false : 'only root can act as two users'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strongroom-directory-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

suite('a session directory that is not ours alone is refused, with the command that mends it', {
  skip: notWindows,
}, () => {
  for (const mode of [0o777, 0o1777, 0o770, 0o720, 0o702])
    for (const name of ['.', 'sessions', 'owners', 'locks'])
      test(`${name} with mode ${mode.toString(8)}`, async () => {
        const path = join(dir, 'shop', name)
        mkdirSync(path, { recursive: true, mode: 0o700 })
        chmodSync(path, mode)
        const store = file(join(dir, 'shop'))
        const refusal = (error: unknown) =>
          error instanceof ConfigError && error.message.endsWith(`If none of its content is theirs: chmod go-w ${path}`)
        await assert.rejects(store.create(newId(), newEntry(Date.now())), refusal)
        await assert.rejects(store.read(newId()), refusal)
        spawnSync('chmod', ['go-w', path])
        assert.equal(await store.create(newId(), newEntry(Date.now())), true)
        await store.close()
      })

  for (const name of ['.', 'sessions', 'owners', 'locks'])
    test(`${name} is a symbolic link`, async () => {
      const real = join(dir, 'elsewhere')
      mkdirSync(real, { mode: 0o700 })
      const path = join(dir, 'shop', name)
      mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
      symlinkSync(real, path)
      const store = file(join(dir, 'shop'))
      await assert.rejects(store.create(newId(), newEntry(Date.now())), (error: Error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, new RegExp(`is a symbolic link\\. Name where it leads: ${real}$`))
        return true
      })
      assert.deepEqual(readdirSync(real), [])
      await store.close()
    })

  test('others may read its name, and a new one is made for us alone', async () => {
    mkdirSync(join(dir, 'shop'), { mode: 0o755 })
    for (const name of ['shop', 'new']) {
      const store = file(join(dir, name))
      assert.equal(await store.create(newId(), newEntry(Date.now())), true)
      await store.close()
    }
    assert.equal(statSync(join(dir, 'new')).mode & 0o777, 0o700)
  })
})

/**
 * Creates a session in a process of its own, as another user, once it has loaded the sources, which that user may not be able to
 * read. Returns its warnings, or the error.
 */
function createAs(uid: number, path: string): string {
  const url = (name: string) => pathToFileURL(join(root, 'packages/strongroom/src', name)).href
  const program = `import { file } from '${url('engines/file/file.ts')}'
    import { newEntry, newId } from '${url('testing/store/entries.ts')}'
    process.setgroups([])
    process.setgid(${uid})
    process.setuid(${uid})
    process.on('warning', ({ code, message }) => code === 'STRONGROOM_ROOT' && console.log(message))
    try { await file(${JSON.stringify(path)}).create(newId(), newEntry(Date.now())) } catch (error) { console.log(error.message) }`
  const args = ['--no-warnings', '--input-type=module-typescript', '--eval', program]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', env: {} })
  assert.equal(status, 0, stderr)
  return stdout.trim()
}

suite('files of another user', { skip: asRoot }, () => {
  test('root is warned that what it makes belongs to root, and the application is told whose files they are', () => {
    chownSync(dir, NOBODY, NOBODY)
    for (const path of [dir, join(dir, 'new')]) {
      assert.match(
        createAs(0, path),
        new RegExp(
          `^This process is root, and the session directory ${path} belongs to the user 65534: .* chown -R 65534 ${path}$`,
        ),
      )
      assert.equal(
        createAs(NOBODY, path),
        `The session directory, or something in it, cannot be opened: ${path}. It belongs to the user 0, and this process is 65534. As root: chown -R 65534 ${path}`,
      )
      spawnSync('chown', ['-R', String(NOBODY), path])
      assert.equal(createAs(NOBODY, path), '')
    }
  })

  test('root in a directory of its own, and another user in one of its own, are told nothing', () => {
    chmodSync(dir, 0o755)
    assert.equal(createAs(0, join(dir, 'root')), '')
    mkdirSync(join(dir, 'nobody'), { mode: 0o700 })
    chownSync(join(dir, 'nobody'), NOBODY, NOBODY)
    assert.equal(createAs(NOBODY, join(dir, 'nobody')), '')
  })

  test('only the file of a lock', () => {
    chownSync(dir, NOBODY, NOBODY)
    assert.equal(createAs(NOBODY, dir), '')
    for (let lock = 0; lock < 64; lock++) {
      const path = join(dir, 'locks', String(lock).padStart(2, '0'))
      writeFileSync(path, '', { mode: 0o600 })
      chownSync(path, 0, 0)
    }
    assert.match(createAs(NOBODY, dir), /It belongs to the user 0, and this process is 65534/)
  })
})
