import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, suite, test } from 'node:test'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { examined, type Found, folderAtHome } from './found.ts'

const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const OLDER = 'q8Zt1mWc6Yp3Rk9Jv4Hn7Bs2Lf5Dg0Xe-Ua_TiOyMwE'
const DAY = 86_400_000

const names = (found: Found, level: 'red' | 'amber' | 'unknown') =>
  found.diagnosis.checks
    .filter((check) => check.about === 'secrets' && check.level === level)
    .map(({ name }) => name)
    .sort()

suite('the doctor and the secrets', () => {
  const home = folderAtHome()
  const path = (name: string) => join(home.dir, name)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], { cwd: home.dir })
  /** As the secrets of a store that is named by its URL. */
  const look = (environment: Record<string, string>) => {
    const found = examined(`file:${path('sessions')}`, { environment, folder: home.dir, envFile: path('.env') })
    return found.then((all) => {
      for (const value of Object.values(environment).filter((each) => each !== 'production'))
        assert.ok(!JSON.stringify(all.diagnosis).includes(value), 'a value')
      return all
    })
  }
  before(() => {
    git('init', '-q')
    writeFileSync(path('.gitignore'), '.env\nsessions\n')
    git('add', '.gitignore')
    git('commit', '-q', '-m', 'first')
  })
  beforeEach(() => writeFileSync(path('.env'), `STRONGROOM_SECRETS=${SECRET}\n`, { mode: 0o600 }))
  after(home.remove)

  test('a secret of its own, in a private file that git ignores, is green', async () => {
    const found = await look({ STRONGROOM_SECRETS: SECRET, OTHER: OLDER })
    assert.deepEqual([names(found, 'red'), names(found, 'amber')], [[], []])
    assert.deepEqual(names(found, 'unknown'), ['secrets-age'])
    for (const name of [
      'secrets-committed',
      'secrets-history',
      'secrets-reused',
      'secrets-strength',
      'secrets-retired',
    ])
      found.is(name, 'green')
    for (const name of ['secrets-source', 'env-file-permissions', 'env-file-repository']) found.is(name, 'green')
  })

  test('a secret that is short, or a pattern, is red', async () => {
    const short = await look({ STRONGROOM_SECRETS: SECRET.slice(0, 31) })
    short.is('secrets-strength', 'red', /^Secret 1 has 31 bytes; at least 32 are needed/, /keys new/)
    const second = await look({ STRONGROOM_SECRETS: `${SECRET},${'ab'.repeat(20)}` })
    second.is('secrets-strength', 'red', /^Secret 2 looks guessable/)
  })

  test('a secret that another variable has, too, is red, and so is one that is there twice', async () => {
    const reused = await look({ STRONGROOM_SECRETS: SECRET, JWT_SECRET: SECRET, KEYS: `a,${SECRET}` })
    reused.is('secrets-reused', 'red', /The variable JWT_SECRET, KEYS has/, /keys new/)
    const twice = await look({ STRONGROOM_SECRETS: `${SECRET} ${SECRET}` })
    twice.is('secrets-reused', 'red', /Secrets 1 and 2 are the same/)
  })

  test('a file of secrets that others may read is amber, and in production red', {
    skip: process.platform === 'win32',
  }, async () => {
    chmodSync(path('.env'), 0o644)
    const amber = await look({ STRONGROOM_SECRETS: SECRET })
    amber.is('env-file-permissions', 'amber', /mode 0644/, /^chmod 600 '.*\/\.env'$/)
    const red = await look({ STRONGROOM_SECRETS: SECRET, NODE_ENV: 'production' })
    red.is('env-file-permissions', 'red')
  })

  test('a file of secrets that git does not ignore is red', async () => {
    writeFileSync(path('.gitignore'), 'sessions\n')
    const found = await look({ STRONGROOM_SECRETS: SECRET })
    found.is('env-file-repository', 'red', /git does not ignore \.env/, /\.gitignore/)
    writeFileSync(path('.gitignore'), '.env\nsessions\n')
  })

  test('a secret in a tracked file is red, and stays in the history when it was removed', async () => {
    const committed = 'tN4pXw8LrQ2vYb6mKc0hZf5jGd9sAe3uTi7oRx1yWqE'
    writeFileSync(path('config.ts'), `export const secret = '${committed}'\n`)
    const untracked = await look({ STRONGROOM_SECRETS: committed })
    untracked.is('secrets-committed', 'green')
    git('add', 'config.ts')
    const tracked = await look({ STRONGROOM_SECRETS: `${SECRET},${committed}` })
    tracked.is('secrets-committed', 'red', /config\.ts/, /revoke-everybody/)
    git('commit', '-q', '-m', 'second')
    git('rm', '-q', 'config.ts')
    git('commit', '-q', '-m', 'third')
    const removed = await look({ STRONGROOM_SECRETS: committed })
    removed.is('secrets-committed', 'green')
    removed.is('secrets-history', 'red', /was committed once/, /revoke-everybody/)
  })

  test('a secret is found in base64, in hexadecimal, in a large file and in a message', async () => {
    const secretOf = (i: number) => `${i}N4pXw8LrQ2vYb6mKc0hZf5jGd9sAe3uTi7oRx1yWqZ`
    const written: readonly string[] = [
      `data:\n  STRONGROOM_SECRETS: ${Buffer.from(secretOf(0)).toString('base64')}\n`,
      `data:\n  env: ${Buffer.from(`A=b\nSTRONGROOM_SECRETS=${secretOf(1)},older\n`).toString('base64')}\n`,
      Buffer.from(secretOf(2)).toString('hex'),
      Buffer.from(secretOf(5)).toString('hex').toUpperCase(),
      `${'x'.repeat(3 * 2 ** 20)}${secretOf(3)}`,
    ]
    for (const [at, content] of written.entries()) {
      const i = [0, 1, 2, 5, 3][at] ?? assert.fail()
      writeFileSync(path('secret.yaml'), content)
      git('add', 'secret.yaml')
      const tracked = await look({ STRONGROOM_SECRETS: secretOf(i) })
      tracked.is('secrets-committed', 'red', /secret\.yaml/)
      git('rm', '-q', '-f', 'secret.yaml')
      const removed = await look({ STRONGROOM_SECRETS: secretOf(i) })
      removed.is('secrets-history', 'red')
    }
    git('commit', '-q', '--allow-empty', '-m', `rotate to ${secretOf(4)}`)
    const message = await look({ STRONGROOM_SECRETS: secretOf(4) })
    message.is('secrets-history', 'red')
  })

  test('of a clone that lacks a part of the history, the history is unknown, whatever is not found', async () => {
    const lost = 'hN4pXw8LrQ2vYb6mKc0hZf5jGd9sAe3uTi7oRx1yWqP'
    const origin = folderAtHome()
    const run = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], { cwd: origin.dir })
    run('init', '-q', 'origin')
    run('-C', 'origin', 'config', 'uploadpack.allowFilter', 'true')
    writeFileSync(join(origin.dir, 'origin', 'secret.txt'), lost)
    run('-C', 'origin', 'add', '.')
    run('-C', 'origin', 'commit', '-q', '-m', 'one')
    run('-C', 'origin', 'rm', '-q', 'secret.txt')
    run('-C', 'origin', 'commit', '-q', '--allow-empty', '-m', 'two')
    const url = `file://${join(origin.dir, 'origin')}`
    run('clone', '-q', '--depth', '1', url, 'shallow')
    run('clone', '-q', '--filter=blob:none', url, 'partial')
    run('clone', '-q', url, 'whole')
    const inClone = (name: string) =>
      examined(null, { environment: { STRONGROOM_SECRETS: lost }, folder: join(origin.dir, name) })
    const shallow = await inClone('shallow')
    shallow.is('secrets-history', 'unknown', /shallow clone/, /^git fetch --unshallow$/)
    const partial = await inClone('partial')
    partial.is('secrets-history', 'unknown', /partial clone/, /without --filter/)
    run('-C', 'shallow', 'fetch', '-q', '--unshallow')
    for (const name of ['whole', 'shallow']) (await inClone(name)).is('secrets-history', 'red', /was committed once/)
    origin.remove()
  })

  test('a file of secrets behind a symbolic link is looked at', { skip: process.platform === 'win32' }, async () => {
    writeFileSync(path('shared.env'), `STRONGROOM_SECRETS=${SECRET}\n`, { mode: 0o644 })
    rmSync(path('.env'))
    symlinkSync('shared.env', path('.env'))
    const found = await look({ STRONGROOM_SECRETS: SECRET })
    found.is('env-file-permissions', 'amber', /mode 0644/)
    // The link is ignored, and what it leads to is not.
    found.is('env-file-repository', 'red', /git does not ignore shared\.env/)
    rmSync(path('.env'))
    symlinkSync('.env', path('.env'))
    const loop = await look({ STRONGROOM_SECRETS: SECRET })
    loop.is('env-file-permissions', 'unknown', /could not be looked at/)
    rmSync(path('.env'))
    rmSync(path('shared.env'))
  })

  test('no secret is among the arguments of git, which other users can read', {
    skip: process.platform === 'win32',
  }, async () => {
    const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim()
    const fake = path('bin')
    mkdirSync(fake)
    writeFileSync(join(fake, 'git'), `#!/bin/sh\necho "$@" >> ${path('log')}\nexec ${real} "$@"\n`, { mode: 0o755 })
    const { PATH } = process.env
    process.env.PATH = `${fake}:${PATH}`
    try {
      await look({ STRONGROOM_SECRETS: `${SECRET},${OLDER}` })
    } finally {
      process.env.PATH = PATH
    }
    const log = readFileSync(path('log'), 'utf8')
    assert.match(log, /grep .* -F -f -$/m)
    assert.ok(!log.includes(SECRET) && !log.includes(OLDER))
  })

  test('a tracked file of secrets is red, whatever is ignored', async () => {
    git('add', '-f', '.env')
    const found = await look({ STRONGROOM_SECRETS: SECRET })
    found.is('env-file-repository', 'red', /git tracks \.env/, /git rm --cached \.env/)
    found.is('secrets-committed', 'red', /\.env/)
    git('rm', '-q', '--cached', '.env')
  })

  test('a secret that was not changed for a year is amber', async () => {
    const past = new Date(Date.now() - 400 * DAY)
    utimesSync(path('.env'), past, past)
    const found = await look({ STRONGROOM_SECRETS: SECRET })
    found.is('secrets-age', 'amber', /at least 400 days old/, /keys new/)
    const other = await look({ STRONGROOM_SECRETS: OLDER })
    other.is('secrets-age', 'unknown', /Nothing says how old/)
  })

  test('a retired secret that no session needs is amber, and one that a session needs is green', async () => {
    rmSync(path('sessions'), { recursive: true, force: true })
    const used = file(path('sessions'))
    const sessions = createSessions({ store: used, secrets: OLDER })
    const visit = sessions.open({})
    ;(await visit.get()).login('ada')
    await visit.commit()
    await used.close()
    const needed = await look({ STRONGROOM_SECRETS: `${SECRET},${OLDER}` })
    needed.is('secrets-retired', 'green', /need each of the retired/)
    needed.is('secrets-age', 'green')
    const idle = 'tN4pXw8LrQ2vYb6mKc0hZf5jGd9sAe3uTi7oRx1yWqE'
    const found = await look({ STRONGROOM_SECRETS: `${SECRET},${OLDER},${idle}` })
    found.is('secrets-retired', 'amber', /^Secret 3 is retired, and no stored session needs it/, /keys forget/)
    rmSync(path('sessions'), { recursive: true })
    const unread = await look({ STRONGROOM_SECRETS: `${SECRET},${OLDER}` })
    unread.is('secrets-retired', 'unknown', /could not be read/)
  })

  test('the secrets of a config are found in whatever variable they are, and otherwise unknown', async () => {
    const sessions = createSessions({ store: file(path('sessions')), secrets: [SECRET, OLDER] })
    const options = { folder: home.dir, envFile: path('none') }
    const found = await examined(sessions, {
      ...options,
      environment: { OTHER: SECRET, APP_KEYS: `${SECRET} ${OLDER}` },
    })
    found.is('secrets-source', 'green', /in the variable APP_KEYS/)
    found.is('secrets-reused', 'red', /The variable OTHER/)
    const elsewhere = await examined(sessions, { ...options, environment: { STRONGROOM_SECRETS: SECRET } })
    elsewhere.is('secrets-source', 'unknown', /from a vault, or they are in the code/)
    assert.ok(!elsewhere.has('secrets-strength'))
    await sessions.close()
  })

  test('without secrets and without git, nothing is called green', async () => {
    const none = await look({})
    none.is('secrets-source', 'unknown', /STRONGROOM_SECRETS is not set/, /--env FILE/)
    const { PATH } = process.env
    process.env.PATH = home.dir
    const gitless = await look({ STRONGROOM_SECRETS: SECRET })
    process.env.PATH = PATH
    gitless.is('secrets-committed', 'unknown', /git is not installed/)
    gitless.is('env-file-repository', 'unknown', /git is not installed/)
  })

  test('outside a repository nothing is committed', async () => {
    const outside = folderAtHome()
    const found = await examined(null, { environment: { STRONGROOM_SECRETS: SECRET }, folder: outside.dir })
    found.is('secrets-committed', 'green', /in no git repository/)
    outside.remove()
  })
})
