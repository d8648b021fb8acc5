import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { importIn, NODE_TYPES, Project } from './project.ts'

suite('the import that init prints', () => {
  let project: Project
  beforeEach(() => {
    project = new Project()
  })
  afterEach(() => project.remove())

  const init = async (...args: string[]) => {
    const result = await project.run(['init', ...args])
    assert.equal(result.code, 0, result.err)
    return result
  }

  const emit = { outDir: 'dist' }
  for (const [type, options] of [
    ['module', { module: 'nodenext', ...emit }],
    ['module', { module: 'nodenext', noEmit: true, allowImportingTsExtensions: true }],
    ['module', { module: 'nodenext', rewriteRelativeImportExtensions: true, ...emit }],
    ['module', { module: 'esnext', moduleResolution: 'bundler', ...emit }],
    ['module', { module: 'preserve', noEmit: true }],
    ['commonjs', { module: 'nodenext', ...emit }],
    ['commonjs', { module: 'nodenext', noEmit: true, allowImportingTsExtensions: true }],
    ['commonjs', { module: 'commonjs', ...emit }],
    ['commonjs', { module: 'node16', ...emit }],
    ['commonjs', { module: 'node16', rewriteRelativeImportExtensions: true, ...emit }],
    [undefined, { module: 'nodenext', ...emit }],
    [undefined, { module: 'nodenext', noEmit: true, allowImportingTsExtensions: true }],
    [undefined, { module: 'commonjs', ...emit }],
    [undefined, { module: 'node16', ...emit }],
  ] as const) {
    const where = `in a package ${type ? `of type ${type}` : 'without a type'} with ${JSON.stringify(options)}`
    test(`the import that init prints works ${where}`, async () => {
      project.write('package.json', JSON.stringify({ type }))
      project.write('tsconfig.json', JSON.stringify({ compilerOptions: { ...STRICT, ...options } }))
      const { out } = await init('--yes', '--ts')
      compiles(out)
      if ('outDir' in options) runs('dist/main.js')
      else if ('allowImportingTsExtensions' in options) runs('main.ts')
    })
  }

  for (const type of ['module', 'commonjs', undefined])
    for (const options of [
      { module: 'nodenext', ...emit },
      { module: 'nodenext', noEmit: true, allowImportingTsExtensions: true },
      { module: 'node16', ...emit },
    ]) {
      const where = `in a package ${type ? `of type ${type}` : 'without a type'} with ${JSON.stringify(options)}`
      test(`the import of a config in JavaScript works ${where}`, async () => {
        project.write('package.json', JSON.stringify({ type }))
        project.write('tsconfig.json', JSON.stringify({ compilerOptions: { ...STRICT, ...options, allowJs: true } }))
        const { out } = await init('--yes', '--js')
        compiles(out)
        runs('outDir' in options ? 'dist/main.js' : 'main.ts')
      })
    }

  for (const type of ['module', 'commonjs', undefined, null])
    for (const language of ['js', 'ts'] as const) {
      const where = type === null ? 'no package' : type === undefined ? 'a package without a type' : `a ${type} package`
      test(`without tsconfig.json, Node runs what init --${language} prints in ${where}`, async () => {
        if (type === null) rmSync(project.path('package.json'))
        else project.write('package.json', JSON.stringify({ type }))
        const { out } = await init('--yes', `--${language}`)
        const lines = out.match(/^(?:In your application|Or, in a file that uses require): .*$/gm) ?? []
        const uses = lines.map((line) => {
          const statement = line.slice(line.indexOf(': ') + 2)
          const isRequire = statement.includes('require(')
          // As in an application: something else is imported in the same way.
          const other = isRequire ? "const fs = require('node:fs')" : "import fs from 'node:fs'"
          const file = `app${isRequire ? '-require' : ''}.${language}`
          project.write(file, `${other}\n${statement}\nif (!fs.existsSync('.env')) throw 0\nvoid sessions.close()\n`)
          runs(file)
          return isRequire ? 'require' : 'import'
        })
        const expected = { module: ['import'], commonjs: ['require'] }[`${type}`] ?? ['import', 'require']
        assert.deepEqual(uses, expected)
      })
    }

  test('the import that init prints respects what tsconfig.json extends', async () => {
    symlinkSync(join(root, 'node_modules', 'typescript'), project.path('node_modules', 'typescript'), 'junction')
    symlinkSync(join(root, 'node_modules', '@typescript'), project.path('node_modules', '@typescript'), 'junction')
    const base = {
      compilerOptions: { ...STRICT, module: 'nodenext', rewriteRelativeImportExtensions: true, ...emit },
    }
    project.write('tsconfig.base.json', JSON.stringify(base))
    project.write('tsconfig.json', '{ // with a comment\n  "extends": "./tsconfig.base.json" }')
    const { out } = await init('--yes', '--ts')
    assert.match(importIn(out), /strongroom\.config\.ts'$/)
    compiles(out)
    runs('dist/main.js')
  })

  for (const type of ['module', 'commonjs'])
    test(`the import of a config that Node runs as it is works once tsconfig.json has what init says: ${type}`, async () => {
      const compilerOptions = { ...STRICT, module: 'nodenext', noEmit: true }
      project.write('package.json', JSON.stringify({ type }))
      project.write('tsconfig.json', JSON.stringify({ compilerOptions }))
      const { out } = await init('--yes', '--ts')
      assert.match(out, /^For tsc, add "allowImportingTsExtensions": true to tsconfig\.json/m)
      assert.match(importIn(out), /strongroom\.config\.m?ts'/)
      const allowed = { ...compilerOptions, allowImportingTsExtensions: true }
      project.write('tsconfig.json', JSON.stringify({ compilerOptions: allowed }))
      compiles(out)
      runs('main.ts')
      assert.doesNotMatch((await init('--yes', '--ts', '--force')).out, /^For tsc/m)
    })

  test('the import of a config in JavaScript works once tsconfig.json has what init says', async () => {
    const compilerOptions = { ...STRICT, module: 'nodenext', ...emit }
    project.write('tsconfig.json', JSON.stringify({ compilerOptions }))
    const { out } = await init('--yes', '--js')
    assert.match(out, /^For tsc, add "allowJs": true to tsconfig\.json/m)
    project.write('tsconfig.json', JSON.stringify({ compilerOptions: { ...compilerOptions, allowJs: true } }))
    compiles(out)
    runs('dist/main.js')
    assert.doesNotMatch((await init('--yes', '--js', '--force')).out, /allowJs/)
  })

  const STRICT = { strict: true, target: 'es2023', skipLibCheck: true, ...NODE_TYPES }

  /** Compiles an application that imports its config as init says. */
  function compiles(out: string): void {
    project.write(
      'node_modules/strongroom/index.d.ts',
      'export declare function createSessions<T = object>(options: object): { close(): Promise<void>; data?: T }\n',
    )
    // In a function, because that is where CommonJS can wait for an import.
    const statement = importIn(out)
    const [outside, inside] = statement.startsWith('import') ? [statement, ''] : ['', statement]
    project.write('main.ts', `${outside}\nasync function main() {\n${inside}\nawait sessions.close()\n}\nvoid main()\n`)
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project.dir], { encoding: 'utf8' })
    assert.equal(status, 0, `${statement}\n${stdout}`)
  }

  function runs(file: string): void {
    const flags = ['--env-file=.env', '--unhandled-rejections=strict', file]
    const { status, stderr } = spawnSync(process.execPath, flags, { cwd: project.dir, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
})
