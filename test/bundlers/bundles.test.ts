import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import webpack from 'webpack'
import { type Project, packedProject, SUBPATHS } from './project.ts'
import { ADVICE, USES } from './sources.ts'

/** Built on a package that an application installs, or else does not import them. */
const NEEDS_PACKAGE = /\/(?:device-bound|hono|nest|next|opentelemetry)$/
const NODE = /^node:/

interface Built {
  /** What the bundler had to say. */
  readonly warnings: readonly string[]
}

/** Each bundles `entry` for Node, minified or not, into one file at `out`. */
const BUNDLERS: Readonly<Record<string, (entry: string, out: string) => Promise<Built>>> = {
  async esbuild(entry, out) {
    const options = { bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' } as const
    const { warnings } = await build({ ...options, entryPoints: [entry], outfile: out })
    return { warnings: warnings.map(({ text }) => text) }
  },
  async 'esbuild, minified'(entry, out) {
    const options = { bundle: true, platform: 'node', format: 'esm', minify: true, logLevel: 'silent' } as const
    const { warnings } = await build({ ...options, entryPoints: [entry], outfile: out })
    return { warnings: warnings.map(({ text }) => text) }
  },
  async rollup(entry, out) {
    const warnings: string[] = []
    const bundle = await rollup({
      input: entry,
      external: NODE,
      plugins: [nodeResolve({ exportConditions: ['node'] })],
      // It leaves a package that it cannot find to Node, and says so. That is the same with any optional package.
      onwarn: ({ code, message }) => void (code === 'UNRESOLVED_IMPORT' || warnings.push(message)),
    })
    await bundle.write({ file: out, format: 'esm', inlineDynamicImports: true })
    await bundle.close()
    return { warnings }
  },
  async webpack(entry, out) {
    const [folder, filename] = [join(out, '..'), out.slice(join(out, '..').length + 1)]
    const compiler = webpack({
      mode: 'production',
      target: 'node22',
      entry,
      experiments: { outputModule: true },
      externalsPresets: { node: true },
      output: { path: folder, filename, module: true, library: { type: 'module' } },
      // Its words for what is not installed and optional.
      ignoreWarnings: [/Can't resolve '(?:ioredis|redis|pg|mysql2\/promise|iron-session)'/],
    })
    const stats = await promisify(compiler.run.bind(compiler))()
    await promisify(compiler.close.bind(compiler))()
    const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {}
    if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
    return { warnings: warnings.map(({ message }) => message) }
  },
}

suite('an application that has installed no driver', () => {
  let project: Project
  before(async () => {
    project = await packedProject()
    project.borrow('express')
  })
  after(() => project.remove())

  /** What the bundle prints, in a folder where nothing is installed. */
  const run = (file: string) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    assert.equal(stderr, '')
    return stdout
  }

  for (const [name, bundle] of Object.entries(BUNDLERS))
    suite(`is bundled by ${name}`, () => {
      test('with every subpath', async () => {
        const all = SUBPATHS.filter((specifier) => !NEEDS_PACKAGE.test(specifier))
        assert.ok(all.length > 10)
        const imports = all.map((specifier, i) => `import * as m${i} from '${specifier}'`).join('\n')
        const exported = all.map((_, i) => `Object.keys(m${i}).length`).join(', ')
        const entry = project.write('every.js', `${imports}\nconsole.log(JSON.stringify([${exported}]))\n`)
        const out = join(project.folder, `out-${name.replace(/\W+/g, '-')}`, 'every.mjs')
        assert.deepEqual((await bundle(entry, out)).warnings, [])
        const counts: number[] = JSON.parse(run(out))
        assert.ok(counts.every((count) => count > 0))
        assert.equal(counts.length, all.length)
      })

      test('and what is bundled has sessions, and says which driver to install where one is needed', async () => {
        project.write('uses.js', USES)
        const entry = project.write(
          'main.js',
          `import { drivers, visits } from './uses.js'
          const first = await visits(new Request('https://shop.example/'))
          const cookie = first.headers.get('set-cookie').split(';')[0]
          const second = await visits(new Request('https://shop.example/', { headers: { cookie } }))
          console.log(JSON.stringify([await first.json(), await second.json(), await (await drivers()).json()]))`,
        )
        const out = join(project.folder, `out-${name.replace(/\W+/g, '-')}`, 'main.mjs')
        assert.deepEqual((await bundle(entry, out)).warnings, [])
        assert.deepEqual(JSON.parse(run(out)), [1, 2, ADVICE])
      })
    })
})
