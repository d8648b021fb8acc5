import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock } from '../../packages/strongroom/src/store.ts'
import { main, OLDER, Project, SECRET } from './project.ts'

let project: Project
beforeEach(() => {
  project = new Project()
  project.write('.env', `STRONGROOM_SECRETS=${SECRET}\n`)
})
afterEach(() => project.remove())
const store = (clock: Clock) => sqlite({ path: project.path('sessions.db'), clock })

const CREATE = `createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: 'sqlite:./sessions.db' })`
const IMPORT = `import { createSessions } from 'strongroom'`

/** The command ends with this exit code and one line on stderr, and prints nothing else. */
async function refuses(args: readonly string[], code: number, message: RegExp, options = {}) {
  const result = await project.run(args, options)
  assert.deepEqual([result.code, result.out], [code, ''], result.err)
  assert.match(result.err, /^strongroom: [^\n]+\n$/)
  assert.match(result.err, message)
}

suite('a config is found and loaded', () => {
  for (const [what, name, text] of [
    ['TypeScript, default export', 'strongroom.config.ts', `${IMPORT}\nexport default ${CREATE} satisfies object`],
    ['.mts', 'strongroom.config.mts', `${IMPORT}\nexport default ${CREATE}`],
    ['JavaScript, an export named sessions', 'strongroom.config.js', `${IMPORT}\nexport const sessions = ${CREATE}`],
    ['a promise', 'strongroom.config.mjs', `${IMPORT}\nexport default Promise.resolve(${CREATE})`],
    [
      'an export named sessions beside another default export',
      'strongroom.config.mjs',
      `${IMPORT}\nexport const sessions = ${CREATE}\nexport default {}`,
    ],
    [
      'CommonJS',
      'strongroom.config.js',
      `const { createSessions } = require('strongroom')\nmodule.exports = { sessions: ${CREATE} }`,
    ],
  ] as const)
    test(`${what}: ${name}`, async () => {
      if (what === 'CommonJS') project.write('package.json', '{}')
      await project.fill(store, { user: 'ada' })
      project.write(name, text)
      const { code, out, err } = await project.run(['list', '--user', 'ada', '--json'])
      assert.deepEqual([code, err], [0, ''])
      assert.equal(JSON.parse(out).length, 1)
    })

  for (const [what, name, text] of [
    ['an export named sessions', 'strongroom.config.mjs', 'export const sessions = SESSION'],
    ['the default export', 'strongroom.config.ts', 'export default SESSION'],
    ['the sessions underneath', 'strongroom.config.mjs', 'export default SESSION.sessions'],
    ['a promise', 'strongroom.config.mjs', 'export const sessions = Promise.resolve(SESSION)'],
    ['CommonJS', 'strongroom.config.cjs', 'module.exports = { sessions: SESSION }'],
  ] as const)
    test(`the drop-in for express-session, ${what}`, async () => {
      const make = `session({
        secret: process.env.STRONGROOM_SECRETS, store: 'sqlite:./sessions.db', name: '__Host-id',
        resave: false, saveUninitialized: false, cookie: { secure: true, sameSite: 'lax' } })`
      const from = "'strongroom/express-session'"
      const head = what === 'CommonJS' ? `const session = require(${from})` : `import session from ${from}`
      project.write(name, `${head}\n${text.replace('SESSION', make)}`)
      await project.fill(store, { user: 'ada' })
      const { code, out, err } = await project.run(['list', '--user', 'ada', '--json', '--config', name])
      assert.deepEqual([code, err], [0, ''])
      assert.equal(JSON.parse(out).length, 1)
    })

  test('the environment wins over .env', async () => {
    project.writeConfig('sqlite:./sessions.db')
    await project.fill(store, { user: 'ada', secrets: OLDER })
    await refuses(['list', '--user', 'ada', '--json'], 1, /lacks the secret with key id/)
    const outside = await project.run(['list', '--user', 'ada', '--json'], { env: { STRONGROOM_SECRETS: OLDER } })
    assert.equal(JSON.parse(outside.out).length, 1)
  })

  test('--config names a config in another folder, and its .env and paths are relative to that folder', async () => {
    project.writeConfig('sqlite:./sessions.db', 'any-name.ts')
    await project.fill(store, { user: 'ada' })
    mkdirSync(project.path('deep'))
    const { code, out } = await project.run(['list', '--user', 'ada', '--json', '--config', '../any-name.ts'], {
      cwd: project.path('deep'),
    })
    assert.equal(code, 0)
    assert.equal(JSON.parse(out).length, 1)
    assert.ok(!existsSync(project.path('deep', 'sessions.db')))
  })

  test('what a config leaves open does not keep the program alive, and what it prints is not in the result', async () => {
    project.write(
      'strongroom.config.ts',
      `${IMPORT}\nconsole.log('hello')\nsetInterval(() => {}, 1000)\nexport default ${CREATE}`,
    )
    const { code, out, err } = await project.run(['stats', '--json'])
    assert.equal(code, 0)
    assert.equal(JSON.parse(out).live, 0)
    assert.equal(err, 'hello\n')
  })
})

suite('a config that cannot be used ends with one line and exit code 2', () => {
  test('there is none', () =>
    refuses(['stats'], 2, /There is no strongroom\.config\.ts in this folder\. .*strongroom\/cli init.*--store/))
  test('there is none of this name', () => refuses(['stats', '--config', 'nope.ts'], 2, /nope\.ts does not exist\./))
  test('there is no such environment file', async () => {
    project.writeConfig('sqlite:./sessions.db')
    for (const args of [
      ['stats'],
      ['stats', '--store', 'sqlite:./sessions.db'],
      ['clear-expired', '--store', 'sqlite:./sessions.db'],
      ['move', '--from', 'sqlite:./sessions.db', '--to', 'file:./new'],
      ['backup', '--store', 'sqlite:./sessions.db', '-o', 'copy.db'],
    ])
      await refuses([...args, '--env', 'nope.env'], 2, /nope\.env does not exist\./)
  })
  test('there are two', async () => {
    project.writeConfig('memory:')
    project.writeConfig('memory:', 'strongroom.config.js')
    await refuses(
      ['stats'],
      2,
      /Both strongroom\.config\.ts and strongroom\.config\.js are in this folder\. .*--config/,
    )
  })

  for (const [what, text, message] of [
    [
      'throws',
      `throw new Error('no database\\nfor you')`,
      /strongroom\.config\.ts could not be loaded: no database\n$/,
    ],
    ['throws something other than an error', `throw 'a word'`, /could not be loaded: a word\n$/],
    ['rejects', `export default Promise.reject(new Error('vault is sealed'))`, /could not be loaded: vault is sealed/],
    ['is not JavaScript', 'export default {{', /strongroom\.config\.ts could not be loaded: /],
    [
      'imports a package that is not installed',
      `import 'not-installed'`,
      /could not be loaded: Cannot find package 'not-installed'/,
    ],
    [
      'exports nothing',
      'const a = 1',
      /exports no sessions\. Write: export default createSessions\(.+ or export default session\(.+express-session/,
    ],
    ['exports a function that has no sessions', 'export const sessions = () => 1', /exports no sessions/],
    [
      'exports the drop-in for express-session without a secret',
      `import session from 'strongroom/express-session'
      export const sessions = session({ resave: false, saveUninitialized: false, cookie: { secure: true, sameSite: 'lax' } })`,
      /could not be loaded: The secret option is required for sessions/,
    ],
    ['exports something else', 'export default { clearExpired() {} }', /exports no sessions/],
    ['exports null', 'export default null', /exports no sessions/],
    [
      'has an unknown option',
      `${IMPORT}\nexport default createSessions({ store: 'sqlite:./x.db', idel: '1h' })`,
      /could not be loaded: Unknown option "idel" for createSessions\(\)/,
    ],
    [
      'has a weak secret',
      `${IMPORT}\nexport default createSessions({ store: 'sqlite:./x.db', secrets: 'hunter2hunter2' })`,
      /could not be loaded: Secret 1 has 14 bytes/,
    ],
    [
      'throws an error with a cause whose message contains a secret',
      `throw new Error('no vault', { cause: new Error('bad key ' + process.env.STRONGROOM_SECRETS) })`,
      /could not be loaded: no vault: bad key \[…\]\n$/,
    ],
    [
      'throws an error whose message contains a secret',
      `throw new Error('bad key ' + process.env.STRONGROOM_SECRETS)`,
      /could not be loaded: bad key \[…\]\n$/,
    ],
  ] as const)
    test(`it ${what}`, async () => {
      project.write('strongroom.config.ts', text)
      await refuses(['stats'], 2, message)
    })

  test('it is TypeScript, on a Node that does not run TypeScript', async () => {
    project.writeConfig('sqlite:./sessions.db')
    const without = `Object.defineProperty(process.features, 'typescript', { value: false })`
    const flags = ['--import', `data:text/javascript,${encodeURIComponent(without)}`]
    await refuses(
      ['stats'],
      2,
      /needs a Node that runs TypeScript, such as 22\.18 or later\. This is v.*strongroom\.config\.mjs/,
      {
        flags,
      },
    )
  })
})

suite('--store names a store by its URL', () => {
  test('--store cannot be used with --config', () =>
    refuses(
      ['stats', '--store', 'memory:', '--config', 'x.ts'],
      2,
      /'--config <file>' cannot be used with option '--store/,
    ))
  test('a store in memory is called one, whatever its engine', async () => {
    await refuses(['stats', '--store', 'memory:'], 2, /^strongroom: A store in memory belongs to one process/)
    await refuses(['stats', '--store', 'sqlite::memory:'], 2, /^strongroom: A sqlite store in memory belongs/)
  })
  test('an unknown URL is refused, and its password is not printed', async () => {
    const { code, err } = await project.run(['stats', '--store', 'redsi://user:hunter2@host'])
    assert.equal(code, 2)
    assert.match(err, /^strongroom: Unknown store URL.* Known: .*\n$/m)
    assert.ok(!err.includes('hunter2'))
  })
  for (const url of ['sqlite:./typo.db', 'file:./typo', 'sqlite:./typo%20here.db?timeout=1'])
    test(`a mistyped path creates nothing: ${url}`, async () => {
      await refuses(['stats', '--store', url], 2, /\.\/typo.* does not exist, and nothing was created\./)
      await refuses(['clear-expired', '--store', url], 2, /nothing was created/)
      assert.ok(!existsSync(project.path('typo')) && !existsSync(project.path('typo.db')))
    })
  test('cookie sessions cannot be counted or listed', async () => {
    await refuses(['stats', '--store', 'cookie:'], 2, /in their cookies, and not on the server/)
    await refuses(['list', '--user', 'ada', '--store', 'cookie:'], 2, /cannot list a user's sessions/, {
      env: { STRONGROOM_SECRETS: SECRET },
    })
  })
  test("the revocations of cookie sessions are swept, and all of a user's sessions can be ended without a count", async () => {
    await project.fill(store, { count: 2, age: 86_400_000 })
    const url = 'cookie:?revocations=sqlite:./sessions.db'
    const swept = await project.run(['clear-expired', '--store', url])
    assert.deepEqual([swept.code, swept.out], [0, 'Removed 2 expired sessions.\n'])
    const ended = await project.run(['revoke-all', '--user', 'ada', '--store', url])
    assert.deepEqual([ended.code, ended.out], [0, 'Ended all sessions of this user (namespace __Host-id).\n'])
  })
})

suite('a store that does not respond ends with one line and exit code 1', () => {
  beforeEach(() => {
    writeFileSync(project.path('sessions.db'), 'this is no database, and longer than its header '.repeat(100))
  })
  for (const args of [
    ['stats'],
    ['clear-expired'],
    ['clear-expired', '--json'],
    ['show', 'abcdefghijklmnop'],
    ['revoke', 'abcdefghijklmnop'],
    ['list', '--user', 'ada'],
    ['revoke-all', '--user', 'ada'],
    ['keys', 'list', '--count'],
  ])
    test(args.join(' '), () =>
      refuses(
        [...args, '--store', 'sqlite:./sessions.db'],
        1,
        /The session database is not a file of SQLite: [^\n]*: file is not a database\n$/,
      ),
    )

  for (const [option, args, env] of [
    ['--debug', ['--debug'], {}],
    ['STRONGROOM_DEBUG', [], { STRONGROOM_DEBUG: '1' }],
  ] as const)
    test(`${option} prints the stack and the cause`, async () => {
      const { code, err } = await project.run(['stats', '--store', 'sqlite:./sessions.db', ...args], {
        env,
        stack: true,
      })
      assert.equal(code, 1)
      assert.match(err, /^strongroom: The session database is not a file of SQLite/)
      assert.match(err, /^StoreError: .*\n {4}at /m)
      assert.match(err, /^Caused by: .*file is not a database\n {4}at /m)
    })
})

test('it is not an error when the reader of the output stops reading', async () => {
  project.writeConfig('sqlite:./sessions.db')
  await project.fill(store, { user: 'ada' })
  const child = spawn(process.execPath, [main, 'list', '--user', 'ada'], { cwd: project.dir })
  child.stdout.destroy()
  let err = ''
  child.stderr.on('data', (text) => {
    err += text
  })
  const code = await new Promise((done) => child.on('close', done))
  assert.deepEqual([code, err], [0, ''])
})
