import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { root } from '../scripts/build.ts'
import { manifest, npm, pack } from '../scripts/pack.ts'

const { name, exports, bin = {}, peerDependencies = {} } = manifest()
const modules = Object.keys(exports).filter((path) => path !== './package.json')
const specifierOf = (path: string) => name + path.slice(1)
const specifiers = modules.map(specifierOf)
/** An adapter loads its framework; an engine loads its driver when it is first used. */
const isForPeer = (path: string) => exports[path]?.includes('/adapters/') && path.slice(2) in peerDependencies

suite('the package as npm delivers it', () => {
  let folder = ''
  let project = ''

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-package-'))
    project = join(folder, 'project')
    const tarball = pack(folder)
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true }))
    // The peers are optional and stay away at first: a project without frameworks must not need one.
    npm(project, 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', tarball)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const run = (file: string, text: string) => {
    writeFileSync(join(project, file), text)
    return spawnSync(process.execPath, [join(project, file)], { cwd: project, encoding: 'utf8' })
  }

  test('exports something from the start', () => assert.ok(specifiers.includes(name)))

  const loads = (specifier: string) => {
    test(`${specifier} can be imported`, () => {
      const { status, stdout, stderr } = run(
        'import.mjs',
        `const found = await import('${specifier}'); console.log(Object.keys(found).length)`,
      )
      assert.equal(status, 0, stderr)
      assert.equal(stderr, '', 'an import must not warn')
      assert.ok(Number(stdout) > 0, `${specifier} exports nothing`)
    })
    test(`${specifier} can be required by CommonJS`, () => {
      const { status, stdout, stderr } = run(
        'require.cjs',
        `console.log(Object.keys(require('${specifier}')).filter((key) => key !== '__esModule').length)`,
      )
      assert.equal(status, 0, stderr)
      assert.ok(Number(stdout) > 0, `${specifier} exports nothing`)
    })
  }

  suite('without any framework installed', () => {
    for (const path of modules) if (!isForPeer(path)) loads(specifierOf(path))
  })

  test('package.json can be read by tools', () => {
    const { status, stdout, stderr } = run('manifest.cjs', `console.log(require('${name}/package.json').name)`)
    assert.equal(status, 0, stderr)
    assert.equal(stdout.trim(), name)
  })

  test('ships its licence and no sources or tests', () => {
    const installed = join(project, 'node_modules', name)
    assert.ok(existsSync(join(installed, 'LICENSE')))
    for (const folder of ['src', 'test', 'scripts']) assert.ok(!existsSync(join(installed, folder)), folder)
  })

  for (const command of Object.keys(bin)) {
    test(`the command ${command} runs and explains itself`, () => {
      // Through the link that npm makes, so that the shebang and the permission count.
      const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
      const link = join(project, 'node_modules', '.bin', command)
      const { status, stdout, stderr, error } = spawnSync(link, ['--help'], { cwd: project, env, encoding: 'utf8' })
      assert.equal(status, 0, error?.message ?? stderr)
      assert.match(stdout, new RegExp(`\\b${command}\\b`))
    })
  }

  suite('beside the frameworks', () => {
    before(() => {
      // As this repository has them: what is under test is ours, not the registry.
      for (const borrowed of ['@types', 'undici-types', ...Object.keys(peerDependencies)])
        symlinkSync(join(root, 'node_modules', borrowed), join(project, 'node_modules', borrowed), 'junction')
      const lines = specifiers.map((specifier, i) => `import * as m${i} from '${specifier}'`)
      const uses = specifiers.map((_, i) => `m${i}`).join(', ')
      writeFileSync(join(project, 'consumer.ts'), `${lines.join('\n')}\nexport const all: object[] = [${uses}]\n`)
      writeFileSync(join(project, 'consumer.cts'), `${lines.join('\n')}\nexport const all: object[] = [${uses}]\n`)
    })

    for (const path of modules) if (isForPeer(path)) loads(specifierOf(path))

    const compile = (options: object, files: string[]) => {
      const config = join(project, 'tsconfig.json')
      const compilerOptions = { target: 'es2023', strict: true, noEmit: true, types: ['node'], ...options }
      writeFileSync(config, JSON.stringify({ compilerOptions, files }))
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
      const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', config], { cwd: project, encoding: 'utf8' })
      assert.equal(status, 0, stdout)
    }

    // Declarations of other packages are checked with ours here, because ours are under test: no skipLibCheck.
    test('every subpath has types under nodenext, from ESM and from CommonJS', () =>
      compile({ module: 'nodenext', moduleResolution: 'nodenext' }, ['consumer.ts', 'consumer.cts']))
    test('every subpath has types under a bundler', () =>
      compile({ module: 'preserve', moduleResolution: 'bundler' }, ['consumer.ts']))
  })
})
