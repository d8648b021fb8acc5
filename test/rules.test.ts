import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { missing } from '../scripts/lockfile.ts'
import { entryPoints, packageNamed, packages, root } from '../scripts/packages.ts'
import type { Sources } from './support/edges.ts'
import { inStrongroom, keeps, read, sources } from './support/planted.ts'
import * as rules from './support/rules.ts'

keeps('the public door only re-exports', rules.doorThatIsMore, {
  caught: [inStrongroom({ 'index.ts': `export { a } from './a.ts'\nexport const version = 1` })],
  fine: [
    inStrongroom({
      'index.ts': `export { a, type B } from './a.ts'\nexport type { C } from './c.ts'\nexport * from './d.ts'`,
    }),
  ],
})

keeps('no file imports itself by way of others, types included', rules.cycles, {
  caught: [
    { 'src/a.ts': `import { b } from './b.ts'`, 'src/b.ts': `import { a } from './a.ts'` },
    { 'src/a.ts': `import { b } from './b.ts'`, 'src/b.ts': `import type { a } from './a.ts'` },
    {
      'src/a.ts': `import { b } from './b.ts'`,
      'src/b.ts': `export * from './c/c.ts'`,
      'src/c/c.ts': `import { a } from '../a.ts'`,
    },
  ],
  fine: [{ 'src/a.ts': `import { b } from './b.ts'\nimport { c } from './c.ts'`, 'src/b.ts': `import './c.ts'` }],
})

test('nor does any file of the tests, the demo, the benchmarks, the scripts and the site', () => {
  const files = globSync(['{packages/*/src,test,demo,bench,scripts,examples}/**/*.{ts,mjs}', 'site/{*,theme/*}.ts'], {
    cwd: root,
  }).sort()
  assert.deepEqual(rules.cycles(read(files)), [])
})

const exported = packages.flatMap((each) => [...entryPoints(each).values()])
keeps(
  'what package.json exports is what there is',
  (given) =>
    rules.forgottenEntryPoints(
      given,
      given === sources ? exported : ['packages/strongroom/src/engines/memory/memory.ts'],
    ),
  {
    caught: [
      inStrongroom({ 'sessions.ts': '' }),
      inStrongroom({ 'engines/memory/memory.ts': '', 'engines/new/new.ts': '' }),
      inStrongroom({ 'engines/memory/memory.ts': '', 'adapters/koa.ts': '' }),
    ],
    fine: [inStrongroom({ 'engines/memory/memory.ts': '', 'engines/url.ts': '', 'adapters/node/hold.ts': '' })],
  },
)

suite('the demo, the benchmarks and the examples import what is public by the names of the packages', () => {
  test('in the tree', () => {
    const files = globSync('{demo,bench,examples}/**/*.ts', { cwd: root }).sort()
    assert.deepEqual(rules.publicByPath(read(files), exported), [])
  })
  for (const [text, faults] of [
    [`import type { Session } from '../packages/strongroom/src/index.ts'`, 1],
    [`import type { Session } from 'strongroom'`, 0],
    [`import { verifyToken } from '../packages/strongroom/src/crypto/token.ts'`, 0],
  ] as const)
    test(`${faults === 0 ? 'allows' : 'finds'} ${text}`, () => {
      const planted = new Map([['demo/app.ts', text]])
      assert.equal(rules.publicByPath(planted, ['packages/strongroom/src/index.ts']).length, faults)
    })
})

/** For planted sources, what package.json of `strongroom` declares. */
function packagesNotAllowed(given: Sources): string[] {
  if (given !== sources) return rules.packagesNotAllowed(given, packageNamed('strongroom').manifest)
  return packages.flatMap(({ folder, manifest }) => {
    const own = new Map([...given].filter(([file]) => file.startsWith(`${folder}/`)))
    return rules.packagesNotAllowed(own, manifest)
  })
}

keeps('npm packages stay where they belong', packagesNotAllowed, {
  caught: [
    inStrongroom({ 'sessions.ts': `import { parseCookie } from 'cookie'` }),
    inStrongroom({ 'adapters/hono.ts': `import { parse } from 'commander'` }),
    inStrongroom({ 'crypto/token.ts': `import { nanoid } from 'nanoid'` }),
    inStrongroom({ 'engines/sqlite/sqlite.ts': `const load = () => import('@scope/driver/lite')` }),
  ],
  fine: [
    inStrongroom({ 'http/cookie.ts': `import { parseCookie } from 'cookie'` }),
    inStrongroom({ 'adapters/hono.ts': `import type { Context } from 'hono'` }),
    inStrongroom({ 'engines/file/file.ts': `import { join } from 'node:path'` }),
  ],
})

keeps('the session is pure: time and I/O come from its callers', rules.impurities, {
  caught: [
    { 'packages/strongroom/src/session/session.ts': `import { hash } from 'node:crypto'` },
    { 'packages/strongroom/src/session/lifetime.ts': 'export const now = () => Date.now()' },
    { 'packages/strongroom/src/session/merge.ts': 'setTimeout(() => {}, 1)' },
    { 'packages/strongroom/src/session/session.ts': 'const at = new Date()' },
  ],
  fine: [
    { 'packages/strongroom/src/session/session.ts': '// Date.now is not ours\nconst at = new Date(now)' },
    { 'src/memo.ts': 'Date.now()' },
  ],
})

keeps('random numbers come from node:crypto', rules.randomnessFromElsewhere, {
  caught: [
    { 'src/memo.ts': 'if (Math.random() < 0.1) sweep()' },
    { 'src/token.ts': 'const id = randomUUID()' },
    { 'src/token.ts': `import type { randomBytes } from 'node:crypto'` },
  ],
  fine: [{ 'src/token.ts': `import { randomBytes } from 'node:crypto'\nconst token = randomBytes(32)` }],
})

keeps('secrets are compared in constant time', rules.secretsCompared, {
  caught: [
    { 'src/token.ts': 'if (tag === expected) return token' },
    { 'src/token.ts': `return mac.digest('hex') !== given` },
    { 'src/seal.ts': 'if (record.commitment != derived.commitment) return null' },
    { 'src/csrf.ts': 'const ok = request.headers[name] === session.csrfToken' },
    { 'src/signed.ts': `if (signature.toString('hex') === given.slice(9)) open()` },
    { 'src/seal.ts': 'return tag.equals(bytes.subarray(34))' },
  ],
  fine: [
    { 'src/a.ts': `if (token === undefined || tag === null || typeof token !== 'string') return` },
    { 'src/a.ts': 'if (tag.length !== other.length || record.version !== VERSION) return' },
    { 'src/a.ts': `if (token.kind === 'option' && name === "secret") return` },
    { 'src/a.ts': '// tag === expected\nif (!equal(tag, expected)) return' },
    { 'src/a.ts': 'if (entry.owner === owner && at === index) return' },
  ],
})

keeps('no engine has an upsert', rules.upserts, {
  caught: [
    {
      'packages/strongroom/src/engines/postgres/postgres.ts':
        'const sql = `INSERT INTO s VALUES ($1)\n  ON CONFLICT (id)\n  DO UPDATE SET bytes = excluded.bytes`',
    },
    { 'packages/strongroom/src/engines/sqlite/sqlite.ts': `db.exec('insert or replace into s values (?)')` },
    { 'packages/strongroom/src/engines/mysql/mysql.ts': `db.query('REPLACE INTO s VALUES (?)')` },
    {
      'packages/strongroom/src/engines/mysql/mysql.ts':
        'const sql = `INSERT INTO s VALUES (?) ON DUPLICATE KEY UPDATE b = ?`',
    },
    { 'packages/strongroom/src/engines/redis/redis.ts': `client.sendCommand(['SET', key, value, 'PXAT', String(at)])` },
    { 'packages/strongroom/src/engines/redis/redis.ts': `await client.set(key, value, { PXAT: at })` },
    { 'packages/strongroom/src/engines/memcached/memcached.ts': 'write(`set $' + '{key} 0 0 5`)' },
  ],
  fine: [
    {
      'packages/strongroom/src/engines/sqlite/sqlite.ts':
        'const sql = `INSERT INTO s VALUES (?) ON CONFLICT (id) DO NOTHING`',
    },
    {
      'packages/strongroom/src/engines/redis/redis.ts': `client.sendCommand(['SET', key, value, 'NX', 'PXAT', String(at)])`,
    },
    { 'packages/strongroom/src/engines/redis/redis.ts': `await client.set(key, value, { condition: 'XX', PXAT: at })` },
    { 'packages/strongroom/src/engines/memory/memory.ts': 'entries.set(id, entry) // never ON CONFLICT DO UPDATE' },
  ],
})

test('a regular expression or a string hides nothing that comes after it', () => {
  for (const line of ['if (x) /`/.test(y)', 'a = b / 2 / `c`', 'const t = `$' + "{`'`}'`", 'x = /[/`]/.exec(y)'])
    assert.equal(rules.randomnessFromElsewhere(new Map([['src/a.ts', `${line}\nMath.random()`]])).length, 1, line)
})

keeps('files keep to the size guide', (given) => rules.tooLong(given), {
  caught: [{ 'src/sessions.ts': 'line\n'.repeat(401) }],
  fine: [{ 'src/sessions.ts': 'line\n'.repeat(400) }],
})

keeps('nothing is printed by the library and nothing is left undone', rules.leftovers, {
  caught: [{ 'src/sessions.ts': `console.warn('x')` }, { 'src/memo.ts': `// ${'TO'}DO: later` }],
  fine: [
    { 'packages/cli/src/main.ts': `console.log('x')` },
    { 'src/memo.ts': `// console.log is for the command line` },
  ],
})

keeps('adapters show visitors the publicMessage of an error, and never its message', rules.messagesShown, {
  caught: [
    inStrongroom({ 'adapters/hono.ts': 'throw new HTTPException(500, { message: error.message })' }),
    inStrongroom({ 'adapters/node/hold.ts': 'response.end(error.message)' }),
  ],
  fine: [
    inStrongroom({ 'adapters/hono.ts': 'throw new HTTPException(500, { message: error.publicMessage })' }),
    inStrongroom({ 'events.ts': 'log(error.message)' }),
  ],
})

keeps('JSON is parsed by parseJson, because V8 misreads some keys', rules.parsedByV8, {
  caught: [
    inStrongroom({ 'session/content.ts': 'const values = JSON.parse(data)' }),
    inStrongroom({ 'engines/file/record.ts': 'lines.map(JSON.parse)' }),
    { 'packages/django/src/document.ts': 'const { parse, stringify } = JSON' },
  ],
  fine: [
    inStrongroom({ 'base/json.ts': 'return JSON.parse(text)' }),
    inStrongroom({ 'testing/adapter/reading.ts': 'return JSON.parse(response.body)' }),
    inStrongroom({ 'session/content.ts': 'const values = parseJson(data) // like JSON.parse' }),
    { 'packages/cli/src/program.ts': 'JSON.parse(manifest).version' },
  ],
})

keeps('advice about an engine comes from the backing', rules.advicePastTheBacking, {
  caught: [
    inStrongroom({ 'sessions.ts': `throw new UnsupportedError('These sessions are in their cookies.')` }),
    inStrongroom({ 'admin/users.ts': 'const why = `they are in the cookies`' }),
  ],
  fine: [
    inStrongroom({ 'sessions.ts': '// Sessions in their cookies have no store.' }),
    inStrongroom({ 'backing/cookie.ts': `const why = 'they are in their cookies'` }),
  ],
})

const slash = '/'
suite('tracked files name no place of one machine', () => {
  const inGit = existsSync(join(root, '.git')) ? false : 'this is not a git checkout'
  test('in the tree', { skip: inGit }, () => {
    const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
    const text = files.filter((file) => existsSync(join(root, file)) && !/\.(png|ico|woff2|db)$/.test(file))
    assert.deepEqual(rules.machinePlaces(read(text)), [])
  })
  for (const planted of [
    `see ${slash}work/main`,
    `"${slash}home/someone/x"`,
    `"resolved": "${'http'}s://host/a.tgz"`,
    `https://${'registry'}.example.org/a`,
  ])
    test(`finds ${planted}`, () => assert.equal(rules.machinePlaces(new Map([['README.md', planted]])).length, 1))
  test('allows a folder of that name elsewhere', () =>
    assert.deepEqual(rules.machinePlaces(new Map([['README.md', 'docs/work/x ./root/y ~/home/z']])), []))
})

test('the lockfile lists every optional package, or npm ci refuses it: run node scripts/lockfile.ts', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  assert.deepEqual([...missing(lock).keys()], [])
  const incomplete = { a: { optionalDependencies: { '@x/cli-linux-x64-musl': '1.0.0' } } }
  assert.deepEqual(missing({ packages: incomplete }).get('@x/cli-linux-x64-musl'), {
    version: '1.0.0',
    optional: true,
    os: ['linux'],
    cpu: ['x64'],
    libc: ['musl'],
  })
})
