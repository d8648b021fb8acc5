import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, beforeEach, suite, test } from 'node:test'
import { packages, root } from '../../scripts/packages.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { SECRET } from './project.ts'

// As npx installs the command: in a folder of its own, which has no drivers. The application is elsewhere.
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'strongroom-npx-')))
after(() => rmSync(folder, { recursive: true, force: true }))
const application = join(folder, 'application')
const link = (target: string, path: string) => {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path, 'junction')
}
for (const { folder: source, manifest } of packages) {
  const copy = join(folder, 'npx', source)
  for (const name of ['src', 'package.json']) cpSync(join(root, source, name), join(copy, name), { recursive: true })
  link(copy, join(folder, 'npx', 'node_modules', manifest.name))
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const [installed, path] = [root, join(folder, 'npx')].map((place) => join(place, 'node_modules', name)) as [
      string,
      string,
    ]
    if (!packages.some((each) => each.manifest.name === name) && !existsSync(path)) link(realpathSync(installed), path)
  }
}

beforeEach(() => {
  rmSync(application, { recursive: true, force: true })
  mkdirSync(application)
  writeFileSync(join(application, 'package.json'), '{ "type": "module" }')
})
const install = (name: string) =>
  link(realpathSync(join(root, 'node_modules', name)), join(application, 'node_modules', name))

function strongroom(args: readonly string[], flags: readonly string[] = []) {
  const main = join(folder, 'npx', 'packages', 'cli', 'src', 'main.ts')
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, main, ...args], {
    cwd: application,
    encoding: 'utf8',
    env: { ...process.env, STRONGROOM_SECRETS: SECRET, DJANGO_SECRET_KEY: 'of Django' },
  })
  return { code: status, out: stdout, err: stderr }
}

/** A Node before 22.15 has no `registerHooks`. */
const OLD = `import module from 'node:module'; module.registerHooks = undefined; module.syncBuiltinESMExports()`
const OLD_NODE = ['--import', `data:text/javascript,${encodeURIComponent(OLD)}`]

suite('a command that is installed elsewhere, as by npx', () => {
  for (const [driver, url, engine] of [
    ['pg', 'postgres://localhost:1/app', 'postgres()'],
    ['mysql2', 'mysql://localhost:1/app', 'mysql()'],
    ['ioredis', 'redis://localhost:1', 'redis()'],
    ['ioredis', 'redis+cluster://localhost:1', 'redis()'],
  ] as const) {
    test(`without ${driver} in the application, the message for ${url} names the package to install`, () => {
      const { code, out, err } = strongroom(['stats', '--store', url])
      assert.deepEqual([code, out], [2, ''], err)
      const start = `strongroom: ${engine} needs the package ${driver}`
      assert.ok(err.startsWith(start) && err.endsWith(`: npm install ${driver}\n`), err)
    })

    test(`${driver} of the application is used for ${url}`, () => {
      install(driver)
      const { code, out, err } = strongroom(['stats', '--store', url])
      assert.deepEqual([code, out], [1, ''], err)
      assert.doesNotMatch(err, /npm install/)
    })

    test(`on a Node without module hooks, the message for ${url} says to install the command beside ${driver}`, () => {
      install(driver)
      const { code, out, err } = strongroom(['stats', '--store', url], OLD_NODE)
      assert.deepEqual([code, out], [2, ''], err)
      assert.equal(
        err,
        `strongroom: ${driver} is installed in this folder, but not where this copy of strongroom looks for it. Install the command beside it: npm install --save-dev @strongroom/cli\n`,
      )
    })
  }

  test('where node-redis cannot be used, the message has the same form and the same advice', () => {
    install('redis')
    const args = ['stats', '--store', 'redis+cluster://localhost:1']
    assert.match(
      strongroom(args).err,
      /^strongroom: redis\(\) with a redis\+cluster: URL needs the package ioredis, or a client of redis: npm install ioredis\n$/,
    )
  })

  test('node-redis of the application is used when ioredis is not installed', () => {
    install('redis')
    const { code, err } = strongroom(['stats', '--store', 'redis://localhost:1'])
    assert.equal(code, 1, err)
  })

  test('the driver of the application is used for moving from Django, too', () => {
    const args = ['move', '--from', 'django+postgres://localhost:1/shop', '--to', 'sqlite:./sessions.db']
    assert.match(strongroom(args).err, /npm install pg\. Running it again will not help until that is mended\.\n$/)
    install('pg')
    const { code, err } = strongroom(args)
    assert.equal(code, 1, err)
    assert.doesNotMatch(err, /npm install/)
  })

  test('a real PostgreSQL is reached through the driver of the application', { skip: postgresNeed.skip }, async () => {
    install('pg')
    const server = await startPostgres()
    try {
      assert.match(strongroom(['migrate', '--store', server.url]).out, /Done\.\n$/)
      assert.match(strongroom(['stats', '--store', server.url]).out, /^Live +0$/m)
    } finally {
      await server.stop()
    }
  })

  test('a package that a config imports is not looked for in the folder of the application', () => {
    install('pg')
    mkdirSync(join(folder, 'elsewhere'), { recursive: true })
    writeFileSync(join(folder, 'elsewhere', 'any.mjs'), `import 'pg'`)
    const { code, err } = strongroom(['stats', '--config', '../elsewhere/any.mjs'])
    assert.equal(code, 2)
    assert.match(err, /could not be loaded: Cannot find package 'pg'/)
  })
})
