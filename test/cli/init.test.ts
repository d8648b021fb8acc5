import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { CANARY, Project, SECRET } from './project.ts'

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

  test('writes a config and a key that work at once', async () => {
    const { out } = await init('--yes')
    assert.deepEqual(files(), ['.env', 'strongroom.config.ts'])
    assert.match(out, /^Wrote strongroom\.config\.ts: sessions rest in sqlite\.$/m)
    // The application: signs somebody in.
    project.write(
      'application.ts',
      `import sessions from './strongroom.config.ts'
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

  test('its TypeScript passes the strictest compiler', async () => {
    await init('--store', `sqlite:./it's "here".db`, '--ts')
    const strict = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
    }
    const modules = { module: 'nodenext', target: 'es2023', allowImportingTsExtensions: true, noEmit: true }
    const paths = { strongroom: [join(root, 'src', 'index.ts')] }
    const types = { types: ['node'], typeRoots: [join(root, 'node_modules', '@types')] }
    const compilerOptions = {
      ...strict,
      ...modules,
      ...types,
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

  test('the key is readable by its owner alone, also where the file was there before', async () => {
    project.write('.env', 'PORT=80')
    chmodSync(project.path('.env'), 0o644)
    await init('--yes')
    assert.match(read('.env'), /^PORT=80\nSTRONGROOM_SECRETS=[\w-]{43}\n$/)
    if (process.platform !== 'win32') assert.equal(statSync(project.path('.env')).mode & 0o777, 0o600)
  })

  test('a second time it refuses, and changes nothing', async () => {
    await init('--yes')
    const before = files().map(read)
    const { code, err } = await project.run(['init', '--yes'])
    assert.equal(code, 2)
    assert.match(err, /^strongroom: strongroom\.config\.ts is there already, and nothing was changed\. .*--force\.\n$/)
    assert.deepEqual(files().map(read), before)
  })

  test('--force replaces the config and never the key', async () => {
    await init('--yes')
    const key = read('.env')
    const { out } = await init('--store', 'file:./kept', '--force')
    assert.match(out, /^Kept the key that is in \.env\.$/m)
    assert.equal(read('.env'), key)
    assert.match(read('strongroom.config.ts'), /file:\.\/kept/)
  })

  test('an empty key in .env is no key', async () => {
    project.write('.env', 'STRONGROOM_SECRETS=\n')
    await init('--yes')
    assert.equal((await project.run(['keys', 'list'])).code, 0)
  })

  test('a key in the environment is enough', async () => {
    const { code, out } = await project.run(['init', '--yes'], { env: { STRONGROOM_SECRETS: SECRET } })
    assert.equal(code, 0)
    assert.match(out, /^Kept the key that is in the environment \(STRONGROOM_SECRETS\)\.$/m)
    assert.deepEqual(files(), ['strongroom.config.ts'])
  })

  test('--js writes JavaScript', async () => {
    await init('--yes', '--js')
    assert.deepEqual(files(), ['.env', 'strongroom.config.mjs'])
    assert.equal((await project.run(['stats'])).code, 0)
  })

  test('a CommonJS package gets a module all the same', async () => {
    project.write('package.json', '{ "type": "commonjs" }')
    await init('--yes')
    assert.deepEqual(files(), ['.env', 'strongroom.config.mts'])
    assert.equal((await project.run(['stats'])).code, 0)
  })

  test('a folder without a package will do', async () => {
    rmSync(project.path('package.json'))
    await init('--yes')
    const { code, err } = await project.run(['stats'])
    assert.deepEqual([code, err], [0, ''])
  })

  test('git does not get to see the key', async () => {
    mkdirSync(project.path('.git'))
    project.write('.gitignore', 'node_modules')
    const { out } = await init('--yes')
    assert.match(out, /^Added \.env to \.gitignore\.$/m)
    assert.equal(read('.gitignore'), 'node_modules\n.env\n')
    await init('--yes', '--force')
    assert.equal(read('.gitignore'), 'node_modules\n.env\n')
  })

  test('--env puts the key elsewhere, and the verbs find it there', async () => {
    mkdirSync(project.path('.git'))
    await init('--yes', '--env', '.env.local')
    assert.equal(read('.gitignore'), '.env.local\n')
    assert.equal((await project.run(['keys', 'list', '--env', '.env.local'])).code, 0)
  })

  test('without a terminal and without options it says which there are, and does nothing', async () => {
    const { code, out, err } = await project.run(['init'])
    assert.deepEqual([code, out], [2, ''])
    for (const flag of ['--store', '--yes', '--js', '--ts', '--env', '--force']) assert.ok(err.includes(flag), flag)
    assert.deepEqual(files(), [])
  })

  for (const store of ['redsi://host', 'nothing', 'sqlite:', 'sqlite:./x.db?speed=1', 'cookie:./x'])
    test(`a store that cannot be is refused, and nothing is written: ${store}`, async () => {
      const { code, err } = await project.run(['init', '--store', store])
      assert.equal(code, 2)
      assert.match(err, /^strongroom: .*\n$/)
      assert.deepEqual(files(), [])
    })

  test('two configs are one too many', async () => {
    await init('--yes', '--js')
    const { code, err } = await project.run(['init', '--yes', '--ts', '--force'])
    assert.equal(code, 2)
    assert.match(
      err,
      /^strongroom: strongroom\.config\.mjs is there, and strongroom\.config\.ts beside it would be one too many/,
    )
    assert.deepEqual(files(), ['.env', 'strongroom.config.mjs'])
  })

  test('says when the library itself is not installed', async () => {
    rmSync(project.path('node_modules'), { recursive: true })
    assert.match((await init('--yes')).out, /^Install the library: npm install strongroom$/m)
  })
})
