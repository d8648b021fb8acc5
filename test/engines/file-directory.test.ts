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
import { FOLDERS } from '../../packages/strongroom/src/engines/file/directory.ts'
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
        const advice =
          mode === 0o1777
            ? 'Choose a directory for sessions alone.'
            : `If none of its content is theirs: chmod go-w ${path}`
        const refusal = (error: unknown) => error instanceof ConfigError && error.message.endsWith(`. ${advice}`)
        await assert.rejects(store.create(newId(), newEntry(Date.now())), refusal)
        await assert.rejects(store.read(newId()), refusal)
        spawnSync('chmod', ['go-w', path])
        assert.equal(await store.create(newId(), newEntry(Date.now())), true)
        await store.close()
      })

  test('one that holds something else, too, is not to be changed', async () => {
    writeFileSync(join(dir, 'something'), '')
    chmodSync(dir, 0o777)
    const store = file(dir)
    await assert.rejects(store.read(newId()), ({ message }: Error) => {
      assert.match(message, /other users can write to .*\. Choose a directory for sessions alone\.$/)
      return true
    })
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
  const ours = (path: string) => FOLDERS.map((name) => `${path}/${name}`).join(' ')

  test('root is warned that what it makes belongs to root, and the application is told whose files they are', () => {
    chownSync(dir, NOBODY, NOBODY)
    assert.equal(createAs(0, dir), warning(dir, ours(dir)))
    assert.equal(
      createAs(NOBODY, dir),
      `The session directory, or something in it, cannot be opened: ${dir}. It belongs to the user 0, and this process is 65534. As root: chown -R 65534 ${ours(dir)}`,
    )
    spawnSync('chown', ['-R', String(NOBODY), ...FOLDERS.map((name) => join(dir, name))])
    assert.equal(createAs(NOBODY, dir), '')
  })

  test('root is told of all folders that it makes, and of nothing that was there before', () => {
    chownSync(dir, NOBODY, NOBODY)
    assert.equal(createAs(0, join(dir, 'a/b')), warning(join(dir, 'a/b'), join(dir, 'a')))
    spawnSync('chown', ['-R', String(NOBODY), join(dir, 'a')])
    assert.equal(createAs(NOBODY, join(dir, 'a/b')), '')
  })

  const warning = (path: string, mend: string) =>
    `This process is root, and the session directory ${path} belongs to the user 65534: files that are made now belong to root, and that user cannot open them. Run it as that user, or afterwards: chown -R 65534 ${mend}`

  for (const [what, names] of [
    ['of something else', ['passwd', 'locks']],
    ['that is empty', []],
  ] as const)
    test(`nobody is advised to change the owner of a directory ${what}`, () => {
      chmodSync(dir, 0o755)
      for (const name of names) mkdirSync(join(dir, name))
      assert.equal(
        createAs(NOBODY, dir),
        `The session directory, or something in it, cannot be opened: ${dir}. It belongs to the user 0, and this process is 65534. Choose a directory for sessions alone; or let it belong to this user, if it holds nothing else.`,
      )
      // One that this user may not even list.
      chmodSync(dir, 0o700)
      assert.match(createAs(NOBODY, dir), / Choose a directory for sessions alone;/)
    })

  test('a directory that cannot be created is made by a command, and nothing above it changes', () => {
    chmodSync(dir, 0o755)
    const path = join(dir, "it's a/b")
    const message = createAs(NOBODY, path)
    const start = `The session directory cannot be created: ${path}. ${dir} belongs to the user 0. This process is the user 65534. As root: `
    assert.ok(message.startsWith(`${start}install -d -o 65534 -m 700 `), message)
    const shell = spawnSync('sh', ['-c', message.slice(start.length)], { encoding: 'utf8' })
    assert.equal(shell.status, 0, shell.stderr)
    assert.equal(statSync(dir).uid, 0)
    assert.equal(createAs(NOBODY, path), '')
  })

  test('one behind a directory that keeps this user out gets no command', () => {
    chmodSync(dir, 0o700)
    const path = join(dir, 'sessions')
    assert.equal(
      createAs(NOBODY, path),
      `The session directory cannot be reached: ${path}. ${dir} belongs to the user 0. This process is the user 65534. Choose another one.`,
    )
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
