import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { copyRepository } from '../scripts/mutation/copy.ts'
import { npm, pack } from '../scripts/pack.ts'
import { entryPoints, packageNamed, packages, root } from '../scripts/packages.ts'

const specifiers = packages.flatMap((each) => [...entryPoints(each)])
const { peerDependencies: frameworksAndDrivers = {} } = packageNamed('strongroom').manifest
/**
 * An adapter loads its framework, strongroom/opentelemetry its API, and strongroom/device-bound what checks proofs; an engine loads its
 * driver when it is first used.
 */
const needsFramework = (file: string) =>
  file.endsWith('/opentelemetry.ts') ||
  file.endsWith('/device-bound.ts') ||
  (file.includes('/adapters/') &&
    [...Object.keys(frameworksAndDrivers), 'nest'].some((peer) => file.endsWith(`/${peer}.ts`)))

/** The types of these frameworks do not compile under the strict options of a user, whatever imports them. */
const HAS_WRONG_TYPES = /\/(?:elysia|koa|next|react-router)$/

/** What an application may export of its sessions, without a type of its own making. */
const EXPORTS = `
import { createSessions } from 'strongroom'
import { memory } from 'strongroom/memory'
import { cookie } from 'strongroom/cookie'
import { strongroom as express } from 'strongroom/express'
import { withSessions as node } from 'strongroom/node'
import { withSessions as fetch } from 'strongroom/fetch'
import { strongroom as hono } from 'strongroom/hono'

export const sessions = createSessions<{ basket: string[] }>({ store: memory() })
export const inCookies = createSessions({ store: cookie() })
export const revocable = createSessions({ store: cookie({ revocations: memory() }) })
export const middleware = [express(sessions), hono(sessions)]
export const handlers = [node(sessions, () => {}), fetch(sessions, () => new Response())]
export const session = await sessions.get({})
export const shown = session.toJSON()
export const user = sessions.of('ada')
export const devices = await user.list()
export const moment = user.moment
export const epoch = revocable.of('ada')
export const methods = { ...sessions }
export const visit = sessions.open({})
export const outcome = visit.commit()
export const observation = sessions.observe({ event() {}, call() {} })
export const { policy, schema } = sessions
`

test('npm publish that was interrupted loses nothing: the next one begins with the sources again', () => {
  const copy = copyRepository()
  try {
    for (const name of ['LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'tsconfig.build.json'])
      cpSync(join(root, name), join(copy, name))
    const folder = join(copy, 'packages', 'strongroom')
    const read = () => ['package.json', 'README.md'].map((file) => readFileSync(join(folder, file), 'utf8'))
    const run = (flag: string) => {
      const script = join(copy, 'scripts', 'pack.ts')
      const { status, stderr } = spawnSync(process.execPath, [script, flag], { cwd: folder, encoding: 'utf8' })
      assert.equal(status, 0, stderr)
    }
    const sources = read()
    run('--prepare')
    const prepared = read()
    assert.ok(prepared.every((text, index) => text !== sources[index]))
    run('--prepare')
    assert.deepEqual(read(), prepared)
    run('--restore')
    assert.deepEqual(read(), sources)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
})

suite('the packages as npm delivers them', () => {
  let folder = ''
  let project = ''
  const tarballs = new Map<string, string>()

  const newProject = (name: string, ...tarballs: readonly string[]) => {
    const path = join(folder, name)
    mkdirSync(path)
    writeFileSync(join(path, 'package.json'), JSON.stringify({ name, private: true }))
    npm(path, 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', ...tarballs)
    return path
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-package-'))
    for (const each of packages) tarballs.set(each.manifest.name, pack(each, folder))
    // The peers are optional and stay away at first: a project without frameworks must not need one.
    project = newProject('project', ...tarballs.values())
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const run = (file: string, text: string) => {
    writeFileSync(join(project, file), text)
    return spawnSync(process.execPath, [join(project, file)], { cwd: project, encoding: 'utf8' })
  }

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

  test('an application that installs strongroom gets cookie with it, and nothing else', () => {
    const application = newProject('application', tarballs.get('strongroom') as string)
    const installed = readdirSync(join(application, 'node_modules')).filter((name) => !name.startsWith('.'))
    assert.deepEqual(installed.sort(), ['cookie', 'strongroom'])
  })

  suite('without any framework installed', () => {
    for (const [specifier, file] of specifiers) if (!needsFramework(file)) loads(specifier)

    for (const [specifier, file] of specifiers.filter(([, file]) => needsFramework(file)))
      test(`${specifier} can be imported, or Node says which package to install`, () => {
        const { status, stderr } = run('without.mjs', `await import('${specifier}')`)
        if (status === 0) return
        const [, missing = ''] = /Cannot find (?:package|module) '([^']+)'/.exec(stderr) ?? []
        const peer = Object.keys(frameworksAndDrivers).find((name) => `${missing}/`.startsWith(`${name}/`))
        assert.ok(peer, `${file}: ${stderr}`)
      })
  })

  for (const { manifest } of packages)
    suite(manifest.name, () => {
      test('its package.json can be read by tools', () => {
        const { status, stdout, stderr } = run(
          'manifest.cjs',
          `console.log(require('${manifest.name}/package.json').name)`,
        )
        assert.equal(status, 0, stderr)
        assert.equal(stdout.trim(), manifest.name)
      })

      test('ships a README and its licence, and no sources or tests', () => {
        const installed = join(project, 'node_modules', manifest.name)
        for (const file of ['LICENSE', 'README.md', ...manifest.files])
          assert.ok(existsSync(join(installed, file)), file)
        for (const folder of ['src', 'test', 'scripts']) assert.ok(!existsSync(join(installed, folder)), folder)
      })

      test('its pages link only to files that it ships', () => {
        const installed = join(project, 'node_modules', manifest.name)
        const dead = globSync('**/*.md', { cwd: installed }).flatMap((page) => {
          const links = readFileSync(join(installed, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)
          return [...links]
            .filter(([, file = '']) => !existsSync(join(installed, dirname(page), file)))
            .map(([link]) => `${page}: ${link}`)
        })
        assert.deepEqual(dead, [])
      })

      test('its README still has the links that it has in the repository', () => {
        const count = (file: string) => readFileSync(file, 'utf8').match(/\]\((?!https?:|#)/g)?.length ?? 0
        const here = count(join(root, packageNamed(manifest.name).folder, 'README.md'))
        assert.equal(count(join(project, 'node_modules', manifest.name, 'README.md')), here)
      })

      for (const command of Object.keys(manifest.bin ?? {}))
        test(`the command ${command} runs and explains itself`, () => {
          // Through the link that npm makes, so that the shebang and the permission count.
          const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
          const link = join(project, 'node_modules', '.bin', command)
          const { status, stdout, stderr, error } = spawnSync(link, ['--help'], { cwd: project, env, encoding: 'utf8' })
          assert.equal(status, 0, error?.message ?? stderr)
          assert.match(stdout, new RegExp(`\\b${command}\\b`))
        })
    })

  test('npx runs the packed command in an empty folder', () => {
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    // Not published yet, so what it builds on is named as well; npx installs all of it somewhere else.
    const given = [...tarballs.values()].flatMap((tarball) => ['--package', tarball])
    const printed = npm(empty, 'exec', '--yes', ...given, '--', 'strongroom', 'keys', 'new')
    assert.match(printed, /[A-Za-z0-9_-]{43}/)
    assert.deepEqual(readdirSync(empty), [])
  })

  const CRYPTO = `
    import { createSessions } from 'strongroom'
    const { policy } = createSessions({ store: 'memory:', secrets: '${'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)}' })
    console.log(policy.crypto)`

  test('sessions are sealed by node:crypto while sodium-native is not installed', () =>
    assert.deepEqual(run('crypto.mjs', CRYPTO).stdout, 'node\n'))

  suite('beside the frameworks', () => {
    before(() => {
      // As this repository has them: what is under test is ours, not the registry.
      // What came with one of our packages is there already.
      for (const borrowed of ['@types', 'undici-types', ...Object.keys(frameworksAndDrivers)]) {
        const link = join(project, 'node_modules', borrowed)
        if (existsSync(link)) continue
        mkdirSync(dirname(link), { recursive: true })
        symlinkSync(join(root, 'node_modules', borrowed), link, 'junction')
      }
      const all = specifiers.map(([specifier]) => specifier)
      for (const [name, imported] of [
        ['consumer', all.filter((specifier) => !HAS_WRONG_TYPES.test(specifier))],
        ['everything', all],
      ] as const) {
        const lines = imported.map((specifier, i) => `import * as m${i} from '${specifier}'`)
        const uses = imported.map((_, i) => `m${i}`).join(', ')
        for (const file of [`${name}.ts`, `${name}.cts`])
          writeFileSync(join(project, file), `${lines.join('\n')}\nexport const all: object[] = [${uses}]\n`)
      }
    })

    for (const [specifier, file] of specifiers) if (needsFramework(file)) loads(specifier)

    test('sessions are sealed by libsodium once sodium-native is installed', () =>
      assert.deepEqual(run('crypto.mjs', CRYPTO).stdout, 'sodium\n'))

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
    test('every subpath has types beside those of every framework', () => {
      const options = { module: 'nodenext', moduleResolution: 'nodenext', skipLibCheck: true }
      compile(options, ['everything.ts', 'everything.cts'])
    })

    test('every type in a public signature can be named: an application that emits declarations exports what it likes', async () => {
      const lines: string[] = []
      for (const [i, [specifier]] of specifiers.filter(([specifier]) => !specifier.endsWith('/internal')).entries()) {
        lines.push(`import * as m${i} from '${specifier}'`)
        for (const [name, value] of Object.entries(await import(specifier))) {
          // What require() returns: TypeScript has no other name for it.
          if (name === 'module.exports') continue
          const exported = `m${i}.${name}`
          const called = `() => ${exported}(...([] as unknown as Parameters<typeof ${exported}>))`
          const isFunction = typeof value === 'function' && !/^class\b/.test(String(value))
          lines.push(`export const e${i}_${name} = ${isFunction ? called : exported}`)
        }
      }
      assert.ok(lines.length > 60)
      writeFileSync(join(project, 'exports.mts'), `${lines.join('\n')}\n${EXPORTS}`)
      for (const options of [{ module: 'nodenext' }, { module: 'preserve', moduleResolution: 'bundler' }])
        compile({ ...options, declaration: true, noEmit: false, outDir: 'declarations', skipLibCheck: true }, [
          'exports.mts',
        ])
    })
  })
})
