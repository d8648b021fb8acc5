import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { need } from '../support/need.ts'
import { type Project, packedProject } from './project.ts'

/** The examples of the page, by what only one of them has. */
const page = readFileSync(join(root, 'docs', 'testing.md'), 'utf8')
const example = (sign: string) => {
  const found = [...page.matchAll(/```[jt]s fragment\n([\s\S]*?)```/g)]
    .map(([, code = '']) => code)
    .find((code) => code.includes(sign))
  assert.ok(found, `docs/testing.md has no example with ${sign}`)
  return found
}

const chromium = need('chromium')

const bin = (...path: string[]) => join(root, 'node_modules', ...path)

suite('a project in CommonJS that has installed the package', { timeout: 550_000 }, () => {
  let project: Project
  before(async () => {
    project = await packedProject()
    project.borrow('vitest')
    project.write('package.json', JSON.stringify({ name: 'project', private: true }))
  })
  after(() => project.remove())

  const run = (args: readonly string[]) => {
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env
    const STRONGROOM_SECRETS = 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)
    const options = { cwd: project.folder, encoding: 'utf8', env: { ...env, STRONGROOM_SECRETS, CI: 'true' } } as const
    const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
    return { status, printed: `${stdout}${stderr}` }
  }

  const jest = (file: string, flags: readonly string[]) =>
    run([...flags, bin('jest', 'bin', 'jest.js'), '--rootDir', project.folder, '--testMatch', `**/${file}`])

  test('runs the example for Jest, which needs the flag of the page', () => {
    project.write('recipe.test.js', example("require('strongroom')"))
    const { status, printed } = jest('recipe.test.js', ['--experimental-vm-modules'])
    assert.equal(status, 0, printed)
    assert.match(printed, /✓ a page is shown to somebody who is signed in/)
    assert.match(printed, /✓ after half an hour without use, the page is refused/)
    assert.match(jest('recipe.test.js', []).printed, /Must use import to load ES Module/)
  })

  test('runs it in Jest as an ES module, too', () => {
    const imported = example("require('strongroom')").replaceAll(
      /const (\{.*\}) = require\((.*)\)/g,
      'import $1 from $2',
    )
    project.write('recipe.test.mjs', imported)
    const { status, printed } = jest('recipe.test.mjs', ['--experimental-vm-modules'])
    assert.equal(status, 0, printed)
    assert.match(printed, /✓ a page is shown to somebody who is signed in/)
    assert.match(printed, /✓ after half an hour without use, the page is refused/)
  })

  test('runs the example for Vitest', () => {
    project.write('vitest/recipe.test.mjs', example("from 'vitest'"))
    const { status, printed } = run([bin('vitest', 'vitest.mjs'), 'run', '--root', join(project.folder, 'vitest')])
    assert.equal(status, 0, printed)
    assert.match(printed, /2 passed/)
  })

  test('runs the example for Playwright, in a real browser', { skip: chromium.skip }, () => {
    project.borrow('@playwright/test')
    project.write('playwright/recipe.spec.mts', example("from '@playwright/test'"))
    const use = { launchOptions: { executablePath: chromium.path, args: ['--no-sandbox', '--disable-gpu'] } }
    const settings = { testDir: '.', outputDir: 'results', workers: 1, reporter: 'list', timeout: 60_000, use }
    project.write('playwright/playwright.config.mjs', `export default ${JSON.stringify(settings)}`)
    const config = join(project.folder, 'playwright', 'playwright.config.mjs')
    const { status, printed } = run([bin('@playwright', 'test', 'cli.js'), 'test', '--config', config])
    assert.equal(status, 0, printed)
    assert.match(printed, /3 passed/)
  })

  const IMPORT = "import { createSessions } from 'strongroom'\nexport const made = createSessions({ sweep: false })\n"
  const DYNAMIC =
    "export const made = import('strongroom').then(({ createSessions }) => createSessions({ sweep: false }))\n"

  for (const [settings, code, error] of [
    [{ module: 'node20' }, IMPORT, null],
    [{ module: 'nodenext' }, IMPORT, null],
    [{ module: 'commonjs', moduleResolution: 'bundler' }, IMPORT, null],
    [{ module: 'node16' }, DYNAMIC, null],
    [{ module: 'node18' }, DYNAMIC, null],
    [{ module: 'node16' }, IMPORT, /TS1479/],
    [{ module: 'node18' }, IMPORT, /TS1479/],
    [{ module: 'commonjs', moduleResolution: 'node10' }, IMPORT, /node10' has been removed/],
  ] as const)
    test(`compiles as the page says: ${JSON.stringify(settings)}, ${code === IMPORT ? 'import' : 'import()'}`, () => {
      project.write('main.ts', code)
      const compilerOptions = {
        target: 'es2023',
        strict: true,
        outDir: 'out',
        types: ['node'],
        typeRoots: [bin('@types')],
      }
      project.write(
        'tsconfig.json',
        JSON.stringify({ compilerOptions: { ...compilerOptions, ...settings }, files: ['main.ts'] }),
      )
      const { status, printed } = run([bin('typescript', 'bin', 'tsc'), '-p', project.folder])
      if (error) return assert.match(printed, error)
      assert.equal(status, 0, printed)
      const loaded = run([
        '-e',
        "Promise.resolve(require('./out/main.js').made).then((s) => console.log(typeof s.get))",
      ])
      assert.match(loaded.printed, /^function$/m)
    })
})
