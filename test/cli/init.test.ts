import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { parseEnv } from 'node:util'
import { root } from '../../scripts/packages.ts'
import { CANARY, importIn, NODE_TYPES, Project, SECRET } from './project.ts'

suite('init', () => {
  let project: Project
  beforeEach(() => {
    project = new Project()
  })
  afterEach(() => project.remove())

  const read = (name: string) => readFileSync(project.path(name), 'utf8')
  const files = () =>
    readdirSync(project.dir)
      .filter((name) => !['node_modules', 'package.json'].includes(name))
      .sort()
  const init = async (...args: string[]) => {
    const result = await project.run(['init', ...args])
    assert.equal(result.code, 0, result.err)
    return result
  }

  test('init says what a store in memory means for the other commands', async () => {
    assert.match(
      (await init('--yes', '--store', 'memory:')).out,
      /in memory end with the process .*no other command can/,
    )
    assert.doesNotMatch((await init('--yes', '--force')).out, /in memory/)
  })

  test('init writes a config and a secret that work without further changes', async () => {
    const { out } = await init('--yes')
    assert.deepEqual(files(), ['.env', 'strongroom.config.ts'])
    assert.match(out, /^Wrote strongroom\.config\.ts \(store: sqlite\)\.$/m)
    assert.match(out, /^Start it with node --env-file=\.env,/m)
    project.write(
      'application.ts',
      `${importIn(out)}
const visit = sessions.open({})
const session = await visit.get()
session.login('ada')
session.set('basket', ['${CANARY}'])
await visit.commit()
await sessions.close()\n`,
    )
    const run = spawnSync(process.execPath, ['--env-file=.env', 'application.ts'], {
      cwd: project.dir,
      encoding: 'utf8',
    })
    assert.equal(run.status, 0, run.stderr)
    const listed = await project.run(['list', '--user', 'ada', '--json'])
    assert.equal(JSON.parse(listed.out).length, 1)
    const counted = await project.run(['stats', '--json'])
    assert.equal(JSON.parse(counted.out).signedIn, 1)
  })

  test('the TypeScript that init writes compiles under the strictest options', async () => {
    await init('--store', `sqlite:./it's "here".db`, '--ts')
    const strict = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
    }
    const modules = { module: 'nodenext', target: 'es2023', allowImportingTsExtensions: true, noEmit: true }
    const paths = { strongroom: [join(root, 'packages', 'strongroom', 'src', 'index.ts')] }
    const compilerOptions = {
      ...strict,
      ...modules,
      ...NODE_TYPES,
      paths,
      verbatimModuleSyntax: true,
      erasableSyntaxOnly: true,
    }
    project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['strongroom.config.ts'] }))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project.dir], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
    assert.equal((await project.run(['stats'])).code, 0)
    assert.ok(existsSync(project.path(`it's "here".db`)))
  })

  test('the file with the secret is readable only by its owner, even if it existed before', async () => {
    project.write('.env', 'PORT=80')
    chmodSync(project.path('.env'), 0o644)
    await init('--yes')
    assert.match(read('.env'), /^PORT=80\nSTRONGROOM_SECRETS=[\w-]{43}\n$/)
    if (process.platform !== 'win32') assert.equal(statSync(project.path('.env')).mode & 0o777, 0o600)
  })

  test('init run again refuses, and changes nothing', async () => {
    await init('--yes')
    const before = files().map(read)
    const { code, err } = await project.run(['init', '--yes'])
    assert.equal(code, 2)
    assert.match(err, /^strongroom: strongroom\.config\.ts already exists, and nothing was changed\. .*--force\.\n$/)
    assert.deepEqual(files().map(read), before)
  })

  test('init --force replaces the config and never the secret', async () => {
    await init('--yes')
    const key = read('.env')
    const { out } = await init('--store', 'file:./kept', '--force')
    assert.match(out, /^Kept the secret in \.env\.$/m)
    assert.equal(read('.env'), key)
    assert.match(read('strongroom.config.ts'), /file:\.\/kept/)
  })

  test('an empty secret in .env counts as none', async () => {
    project.write('.env', 'STRONGROOM_SECRETS=\n')
    await init('--yes')
    assert.equal((await project.run(['keys', 'list'])).code, 0)
  })

  test('init writes no secret when there is one in the environment', async () => {
    const { code, out } = await project.run(['init', '--yes'], { env: { STRONGROOM_SECRETS: SECRET } })
    assert.equal(code, 0)
    assert.match(out, /^Kept the secret in the environment \(STRONGROOM_SECRETS\)\.$/m)
    assert.deepEqual(files(), ['strongroom.config.ts'])
  })

  test('init --js writes JavaScript', async () => {
    await init('--yes', '--js')
    assert.deepEqual(files(), ['.env', 'strongroom.config.mjs'])
    assert.equal((await project.run(['stats'])).code, 0)
  })

  test('a CommonJS package gets a config that is an ES module', async () => {
    project.write('package.json', '{ "type": "commonjs" }')
    await init('--yes')
    assert.deepEqual(files(), ['.env', 'strongroom.config.mts'])
    assert.equal((await project.run(['stats'])).code, 0)
  })

  test('init works in a folder without a package.json', async () => {
    rmSync(project.path('package.json'))
    await init('--yes')
    const { code, err } = await project.run(['stats'])
    assert.deepEqual([code, err], [0, ''])
  })

  test('init adds the file with the secret to .gitignore, once', async () => {
    mkdirSync(project.path('.git'))
    project.write('.gitignore', 'node_modules')
    const { out } = await init('--yes')
    assert.match(out, /^Added \.env to \.gitignore\.$/m)
    assert.equal(read('.gitignore'), 'node_modules\n.env\n')
    await init('--yes', '--force')
    assert.equal(read('.gitignore'), 'node_modules\n.env\n')
  })

  test('init adds it in a folder of a larger repository, too, and nowhere outside of one', async () => {
    mkdirSync(project.path('apps', 'shop'), { recursive: true })
    const cwd = project.path('apps', 'shop')
    const outside = await project.run(['init', '--yes'], { cwd })
    assert.equal(outside.code, 0)
    assert.ok(!existsSync(join(cwd, '.gitignore')))
    mkdirSync(project.path('.git'))
    const inside = await project.run(['init', '--yes', '--force'], { cwd })
    assert.match(inside.out, /^Added \.env to \.gitignore\.$/m)
    assert.equal(readFileSync(join(cwd, '.gitignore'), 'utf8'), '.env\n')
  })

  test('init --env writes the secret to another file, where the commands find it', async () => {
    mkdirSync(project.path('.git'))
    await init('--yes', '--env', '.env.local')
    assert.equal(read('.gitignore'), '.env.local\n')
    assert.equal((await project.run(['keys', 'list', '--env', '.env.local'])).code, 0)
  })

  test('init --env refuses a file in a folder that does not exist, and writes nothing', async () => {
    const { code, err } = await project.run(['init', '--yes', '--env', 'nodir/.env'])
    assert.equal(code, 2)
    assert.equal(err, 'strongroom: The folder nodir of --env does not exist, and nothing was changed.\n')
    assert.deepEqual(files(), [])
  })

  test('init without a terminal and without options names the options, and does nothing', async () => {
    const { code, out, err } = await project.run(['init'])
    assert.deepEqual([code, out], [2, ''])
    for (const flag of ['--store', '--yes', '--js', '--ts', '--env', '--force']) assert.ok(err.includes(flag), flag)
    assert.deepEqual(files(), [])
  })

  for (const store of ['redsi://host', 'nothing', 'sqlite:', 'sqlite:./x.db?speed=1', 'cookie:./x'])
    test(`init refuses an unusable store, and writes nothing: ${store}`, async () => {
      const { code, err } = await project.run(['init', '--store', store])
      assert.equal(code, 2)
      assert.match(err, /^strongroom: .*\n$/)
      assert.deepEqual(files(), [])
    })

  test('init refuses to write a second config', async () => {
    await init('--yes', '--js')
    const { code, err } = await project.run(['init', '--yes', '--ts', '--force'])
    assert.equal(code, 2)
    assert.match(
      err,
      /^strongroom: strongroom\.config\.mjs exists, and there must not be a second config \(strongroom\.config\.ts\)\./,
    )
    assert.deepEqual(files(), ['.env', 'strongroom.config.mjs'])
  })

  for (const [store, missing, installed] of [
    ['sqlite:./sessions.db', 'strongroom', []],
    ['postgres://localhost/app', 'strongroom pg', []],
    ['mariadb://localhost/app', 'strongroom mysql2', []],
    ['redis://localhost', 'strongroom ioredis', []],
    ['redis://localhost', 'strongroom', ['redis']],
    ['redis+cluster://localhost', 'strongroom ioredis', ['redis']],
    ['memcached://localhost', 'strongroom', []],
    ['cached:?durable=postgres%3A%2F%2Flocalhost%2Fapp&cache=redis%3A%2F%2Flocalhost', 'strongroom pg ioredis', []],
  ] as const)
    test(`init names the packages to install for ${store}: ${missing}`, async () => {
      rmSync(project.path('node_modules'), { recursive: true })
      for (const name of installed) install(name)
      const { out } = await init('--store', store)
      assert.match(out, new RegExp(`^Install what is missing: npm install ${missing}$`, 'm'))
      assert.equal(/npx @strongroom\/cli migrate/.test(out), /postgres|mariadb/.test(store))
    })

  test('init asks to install nothing when nothing is missing', async () => {
    install('pg')
    assert.doesNotMatch((await init('--store', 'postgres://localhost/app')).out, /npm install/)
  })

  test('a store URL with a password goes into the file with the secret, and not into the config', async () => {
    const url = "postgres://app:it's%20secret@localhost/app"
    const { out } = await init('--store', url)
    assert.match(out, /^Wrote the URL of the store to \.env, because it contains a password/m)
    assert.ok(!out.includes('secret@'))
    assert.match(read('strongroom.config.ts'), /store: process\.env\.STRONGROOM_STORE,/)
    assert.ok(!read('strongroom.config.ts').includes('secret@'))
    assert.equal(parseEnv(read('.env')).STRONGROOM_STORE, url.replace("'", '%27'))
    const env = read('.env')
    assert.match((await init('--store', url, '--force')).out, /^Kept the URL of the store/m)
    assert.equal(read('.env'), env)
  })

  test('a store URL with quotes of every kind is written so that every program reads it', async () => {
    for (const quotes of ["'", '"', '`', `'a"b\`c`]) {
      const url = `redis://:p${quotes}w#$x@127.0.0.1:1?timeout=100`.replace('#', '%23')
      await init('--store', url, '--force', '--js')
      const [, value = ''] = /^STRONGROOM_STORE='([^'"`\n]*)'$/m.exec(read('.env')) ?? []
      assert.equal(decodeURIComponent(value), decodeURIComponent(url))
      const { err } = await project.run(['clear-expired', '--store', 'env:STRONGROOM_STORE'])
      assert.match(err, /Redis|ECONNREFUSED|respond/)
      rmSync(project.path('.env'))
    }
  })

  test('a file in which what is added could not be read again is left as it is', async () => {
    const text = `STRONGROOM_SECRETS=${'s'.repeat(43)}\nX='never closed`
    project.write('.env', text)
    const env = { URL: 'redis://:secret@localhost' }
    const { code, err } = await project.run(['init', '--yes', '--store', 'env:URL'], { env })
    assert.equal(code, 2)
    assert.match(
      err,
      /^strongroom: STRONGROOM_STORE was not written to \.env, .* Does it have a quote that is never closed\?\n$/m,
    )
    assert.deepEqual([read('.env'), files()], [text, ['.env']])
  })

  test('init writes through no symbolic link to a folder', async () => {
    mkdirSync(project.path('elsewhere'))
    mkdirSync(project.path('elsewhere/deep'))
    symlinkSync('elsewhere', project.path('linked'))
    for (const file of ['linked/.env', 'linked/deep/.env', './elsewhere/../linked/.env']) {
      const { code, err } = await project.run(['init', '--yes', '--env', file])
      assert.equal(code, 2)
      assert.match(err, /^strongroom: \S+ is or is behind a symbolic link, and nothing was changed\. .*\n$/)
    }
    assert.deepEqual([readdirSync(project.path('elsewhere')), files()], [['deep'], ['elsewhere', 'linked']])
    assert.equal((await project.run(['init', '--yes', '--env', 'elsewhere/deep/.env'])).code, 0)
  })

  for (const [what, name, ...args] of [
    ['the secret', '.env'],
    ['the secret, under another name', 'elsewhere.env', '--env', 'elsewhere.env'],
    ['the config', 'strongroom.config.ts', '--force'],
    ['the list of what git ignores', '.gitignore'],
  ] as const)
    for (const target of ['victim', 'missing', '/dev/null'])
      test(`init writes ${what} through no symbolic link: to ${target}`, async () => {
        mkdirSync(project.path('.git'))
        project.write('victim', 'kept')
        chmodSync(project.path('victim'), 0o644)
        symlinkSync(target, project.path(name))
        const before = files()
        const modes = () => ['/dev/null', project.path('victim')].map((path) => statSync(path).mode)
        const modesBefore = modes()
        const { code, err } = await project.run(['init', '--yes', '--ts', ...args])
        assert.equal(code, 2)
        assert.match(err, /^strongroom: \S+ is a symbolic link, and nothing was changed\. .*\n$/)
        assert.deepEqual([files(), modes(), read('victim')], [before, modesBefore, 'kept'])
      })

  test('init refuses to write into a folder of that name', async () => {
    mkdirSync(project.path('.env'))
    const { code, err } = await project.run(['init', '--yes'])
    assert.equal(code, 2)
    assert.match(err, /^strongroom: \.env is a folder, and nothing was changed\. .*\n$/)
  })

  for (const [encoding, encode] of [
    ['UTF-8', (text: string) => Buffer.from(`\ufeff${text}`)],
    ['UTF-16', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['big-endian UTF-16', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
  ] as const)
    test(`init reads files with the byte order mark of ${encoding}, and writes what node --env-file reads`, async () => {
      mkdirSync(project.path('.git'))
      project.write('package.json', encode('{ "type": "commonjs" }'))
      project.write('tsconfig.json', encode('{ "compilerOptions": { "allowImportingTsExtensions": true } }'))
      project.write('.env', encode('FIRST=1'))
      project.write('.gitignore', encode('dist'))
      const { out } = await init('--yes', '--ts')
      assert.match(out, /strongroom\.config\.mts/)
      assert.deepEqual(Object.keys(parseEnv(read('.env'))), ['FIRST', 'STRONGROOM_SECRETS'])
      assert.equal(read('.gitignore'), 'dist\n.env\n')
      const again = await init('--yes', '--ts', '--force')
      assert.match(again.out, /^Kept the secret in \.env\.$/m)
    })

  test('init does not replace the URL of a store in .env, and then writes nothing', async () => {
    project.write('.env', 'STRONGROOM_STORE=redis://:old@localhost\n')
    const { code, err } = await project.run(['init', '--store', 'redis://:new@localhost'])
    assert.equal(code, 2)
    assert.match(err, /^strongroom: STRONGROOM_STORE already has another URL, .* Remove it first\.\n$/m)
    assert.deepEqual(files(), ['.env'])
  })

  /** A package that the application has installed. */
  function install(name: string): void {
    mkdirSync(project.path('node_modules', name), { recursive: true })
    project.write(`node_modules/${name}/index.js`, '')
    project.write(`node_modules/${name}/package.json`, JSON.stringify({ name }))
  }
})
