import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { exitCodeOf, Failure } from '../../packages/cli/src/failure.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { root } from '../../scripts/packages.ts'
import { OLDER, Project, SECRET } from './project.ts'

let project: Project
beforeEach(() => {
  project = new Project()
})
afterEach(() => project.remove())

const HANDLE = 'abcdefghijklmnop'
const VERBS = [
  ['stats'],
  ['stats', '--json'],
  ['list', '--user', '1'],
  ['revoke-all', '--user', '1'],
  ['revoke-everybody', '--yes', '--watch', '1'],
  ['clear-expired'],
  ['clear-expired', '--dry-run'],
  ['show', HANDLE],
  ['revoke', HANDLE],
  ['keys', 'list', '--count'],
  ['keys', 'forget', '17'],
]
const KEYS = { STRONGROOM_SECRETS: SECRET }

async function refuses(args: readonly string[], message: RegExp, code = 2, env: Record<string, string> = KEYS) {
  const result = await project.run(args, { env })
  assert.deepEqual([result.code, result.out], [code, ''], `${args.join(' ')}: ${result.err}`)
  assert.match(result.err, message)
}

/** The database of an application that has tables of its own, in the mode in which Django or a server leaves it. */
function database(name: string, tables: readonly string[], mode = 'DELETE') {
  const opened = new DatabaseSync(project.path(name))
  opened.exec(`PRAGMA journal_mode = ${mode}`)
  for (const table of tables) opened.exec(`CREATE TABLE ${table} (id TEXT); INSERT INTO ${table} VALUES ('live')`)
  opened.close()
}

/** Every file of the project, with its content. The locks of a source that is only read are no part of it. */
const files = () =>
  readdirSync(project.dir, { recursive: true, withFileTypes: true })
    .map((one) => [join(one.parentPath, one.name), one.isFile()] as const)
    .filter(([path]) => !path.includes('node_modules') && !path.includes('/old/locks/'))
    .map(([path, isFile]) => [path, isFile && readFileSync(path, 'latin1')] as const)
    .sort()

const EMPTY =
  /has no sessions of Strongroom: it has no table strongroom_sessions\. Nothing was created\. .*nothing to do/
const DJANGO = /db\.sqlite3 has no sessions of Strongroom, but those of a Django: .* django\+sqlite:\.\/db\.sqlite3\./
const NO_LAYOUT =
  /has no sessions of Strongroom: it is no session directory, which has the folders sessions, owners and locks/

suite('a file or a directory without sessions is not reported as a store in which nobody is signed in', () => {
  for (const args of VERBS)
    test(args.join(' '), async () => {
      database('db.sqlite3', ['django_session', 'auth_user'])
      database('app.db', ['orders'], 'WAL')
      project.write('empty.db', '')
      mkdirSync(project.path('docs', 'sessions'), { recursive: true })
      const before = files()
      await refuses([...args, '--store', 'sqlite:./db.sqlite3'], DJANGO)
      await refuses([...args, '--store', 'sqlite:./app.db'], EMPTY)
      await refuses([...args, '--store', 'sqlite:./empty.db'], EMPTY)
      await refuses([...args, '--store', 'file:./docs'], NO_LAYOUT)
      await refuses([...args, '--store', 'file:./empty.db'], NO_LAYOUT)
      assert.deepEqual(files(), before)
    })

  test('in STRONGROOM_STORE, and in the URL of a store made of others', async () => {
    database('app.db', ['orders'])
    database('db.sqlite3', ['django_session'])
    const before = files()
    await refuses(['stats'], EMPTY, 2, { STRONGROOM_STORE: 'sqlite:./app.db' })
    for (const url of [
      'cached:?durable=sqlite:./app.db&cache=memory:?evicts%3Dtrue',
      'moving:?from=sqlite:./app.db&to=sqlite:./db.sqlite3',
      'cookie:?revocations=sqlite:./app.db',
    ])
      await refuses(['clear-expired', '--store', url], EMPTY)
    assert.deepEqual(files(), before)
  })

  test('where the table has another name, only that one counts', async () => {
    await project.fill((clock) => sqlite({ path: project.path('app.db'), table: 'people', clock }), { user: 'ada' })
    await refuses(['stats', '--store', 'sqlite:./app.db'], EMPTY)
    const { code, out } = await project.run(['stats', '--json', '--store', 'sqlite:./app.db?table=people'])
    assert.deepEqual([code, JSON.parse(out).live], [0, 1])
    await refuses(['stats', '--store', 'sqlite:./app.db?tabel=people'], /unknown option/)
  })

  test('a store that the application has only opened is one', async () => {
    const before = file({ dir: project.path('sessions'), durable: false })
    await before.clearExpired()
    await before.close()
    const { code, err } = await project.run(['stats', '--store', 'file:./sessions'])
    assert.deepEqual([code, err], [0, 'strongroom: in the namespace __Host-id; --namespace names another.\n'])
  })

  test('the store of a config is opened as the application opens it', async () => {
    project.writeConfig('sqlite:./new.db')
    const { code, out } = await project.run(['stats', '--json'])
    assert.deepEqual([code, JSON.parse(out).live], [0, 0])
  })

  test('migrate, which makes what is missing, is not refused', async () => {
    database('app.db', ['orders'])
    const { code, out } = await project.run(['migrate', '--store', 'sqlite:./app.db'])
    assert.deepEqual([code, out], [0, 'The store sqlite needs no tables.\n'])
  })
})

suite('move', () => {
  const fill = () => project.fill((clock) => file({ dir: project.path('old'), clock, durable: false }), { count: 3 })

  test('does not take a database without sessions for an empty store', async () => {
    database('db.sqlite3', ['django_session'])
    const before = files()
    for (const dry of [[], ['--dry-run']])
      await refuses(['move', '--from', 'sqlite:./db.sqlite3', '--to', 'sqlite:./new.db', ...dry], DJANGO)
    assert.deepEqual(files(), before)
  })

  for (const to of ['sqlite:./new.db', 'sqlite:./app.db', 'file:./new', 'file:./docs'])
    test(`--dry-run does not create ${to}, and a run does`, async () => {
      await fill()
      database('app.db', ['orders'])
      project.makeFolder('docs')
      const before = files()
      const args = ['move', '--from', 'file:./old', '--to', to]
      const { code, out } = await project.run([...args, '--dry-run'])
      assert.deepEqual(
        [code, out],
        [
          0,
          `3 sessions would be moved from file to ${to.split(':')[0]}. Nothing was changed.\nLive now in file: 3; in ${to.split(':')[0]}: 0.\n`,
        ],
      )
      assert.deepEqual(files(), before)
      assert.equal((await project.run([...args, '--json'])).code, 0)
      assert.equal(JSON.parse((await project.run([...args, '--json', '--dry-run'])).out).present, 3)
    })

  test('--dry-run does not create the target of a move from Django', async () => {
    const opened = new DatabaseSync(project.path('db.sqlite3'))
    opened.exec(`CREATE TABLE django_session (session_key TEXT PRIMARY KEY, session_data TEXT, expire_date TEXT);
      CREATE TABLE auth_user (id INTEGER PRIMARY KEY, password TEXT, is_active INTEGER)`)
    opened.close()
    const { code, err } = await project.run(
      ['move', '--from', 'django+sqlite:./db.sqlite3', '--to', 'sqlite:./new.db', '--dry-run'],
      { env: { ...KEYS, DJANGO_SECRET_KEY: 'django-insecure-but-long-enough-for-a-test' } },
    )
    assert.equal(code, 0, err)
    assert.ok(!existsSync(project.path('new.db')))
  })
})

suite('list, under secrets that are not those of the sessions', () => {
  const url = 'sqlite:./sessions.db'
  beforeEach(() => project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), { user: 'ada' }))

  for (const args of [['--json'], []])
    test(`says that it cannot know: list ${args.join(' ')}`, async () => {
      const lacks = /This server lacks the secret with key id \d+, .*: not all can be listed\. Add the secret/
      await refuses(['list', '--user', 'ada', '--store', url, ...args], lacks, 1, { STRONGROOM_SECRETS: OLDER })
      // Of a user who has none: that cannot be told without the secret.
      await refuses(['list', '--user', 'bob', '--store', url, ...args], lacks, 1, { STRONGROOM_SECRETS: OLDER })
    })

  test('lists them once it has both', async () => {
    const env = { STRONGROOM_SECRETS: `${OLDER},${SECRET}` }
    const { code, out } = await project.run(['list', '--user', 'ada', '--store', url, '--json'], { env })
    assert.deepEqual([code, JSON.parse(out).length], [0, 1])
  })
})

suite('a path that may not be opened', {
  skip: process.getuid?.() === 0 ? false : 'only root can act as two users',
}, () => {
  const NOBODY = 65534

  /** The message of what the expression throws in a process of another user, which has loaded the sources before. */
  function asNobody(expression: string): string {
    const url = (name: string) => pathToFileURL(join(root, 'packages/cli/src', name)).href
    const program = `import { findConfig } from '${url('config.ts')}'
      import { loadEnv } from '${url('environment.ts')}'
      import { checkPath } from '${url('paths.ts')}'
      import { Draft } from '${url('backup/draft.ts')}'
      import { writeText } from '${url('init/file.ts')}'
      process.setgroups([])
      process.setgid(${NOBODY})
      process.setuid(${NOBODY})
      const path = (name) => ${JSON.stringify(`${project.dir}/`)} + name
      try { ${expression} } catch (error) { console.log(error.exitCode, error.message) }`
    const args = ['--no-warnings', '--input-type=module-typescript', '--eval', program]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', env: {} })
    assert.equal(status, 0, stderr)
    return stdout
  }

  test('and a folder that may not be written to, is named instead of a draft in it', () => {
    chmodSync(project.dir, 0o755)
    const advice = `could not be written: this user may not write to ${project.dir}. Run this as its owner, or choose another folder.\n`
    assert.equal(asNobody(`writeText(path('x.env'), 'a')`), `1 ${project.path('x.env')} ${advice}`)
    assert.equal(asNobody(`new Draft(path('x.sql')).create()`), `1 ${project.path('x.sql')} ${advice}`)
  })

  test('is not reported as missing', () => {
    mkdirSync(project.path('closed'), { mode: 0o700 })
    writeFileSync(project.path('closed', 'there'), '')
    writeFileSync(project.path('own'), '', { mode: 0o600 })
    chmodSync(project.dir, 0o755)
    assert.equal(statSync(project.dir).uid, 0)
    const advice = ': this user may not open it. Run this as its owner.\n'
    const there = project.path('closed', 'there')
    assert.equal(asNobody(`checkPath(path('closed/there'))`), `2 ${there}${advice}`)
    assert.equal(asNobody(`findConfig({ config: path('closed/there') })`), `2 ${there}${advice}`)
    assert.equal(asNobody(`loadEnv('.', path('closed/there'))`), `2 ${there}${advice}`)
    assert.equal(asNobody(`checkPath(path('own'))`), `2 ${project.path('own')}${advice}`)
    assert.match(asNobody(`checkPath(path('nope'))`), /nope does not exist/)
    assert.match(asNobody(`checkPath(path('own/nope'))`), /own\/nope does not exist/)
  })
})

suite('the exit code does not depend on where a wrong URL is noticed', () => {
  const wrong = new ConfigError('redis(): the server has no database of that number.')
  for (const [what, error, code] of [
    ['thrown itself', wrong, 2],
    ['as the cause of a failure of the store', new StoreError('Redis did not answer.', { cause: wrong }), 2],
    ['further down', new Error('a', { cause: new StoreError('b', { cause: wrong }) }), 2],
    ['a failure of the store with another cause', new StoreError('a', { cause: new Error('b') }), 1],
    ['a failure that has its code', new Failure(1, 'a', { cause: wrong }), 1],
  ] as const)
    test(what, () => assert.equal(exitCodeOf(error), code))
})
