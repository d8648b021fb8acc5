import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { missing } from '../scripts/lockfile.ts'
import { entryPoints, packages, root } from '../scripts/packages.ts'
import * as rules from './support/rules.ts'

const read = (files: readonly string[]) => new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
const sources = read(globSync('packages/*/src/**/*.ts', { cwd: root }).sort())

/** The rule finds nothing in the real tree, one fault in each planted source, and none in what only looks like it. */
function keeps(
  title: string,
  rule: (sources: rules.Sources) => string[],
  { caught, fine = [] }: { caught: readonly Record<string, string>[]; fine?: readonly Record<string, string>[] },
) {
  suite(title, () => {
    test('in the sources', () => assert.deepEqual(rule(sources), []))
    for (const planted of caught)
      test(`finds ${titleOf(planted)}`, () => {
        const faults = rule(new Map(Object.entries(planted)))
        assert.equal(faults.length, 1, JSON.stringify(faults))
      })
    for (const innocent of fine)
      test(`allows ${titleOf(innocent)}`, () => assert.deepEqual(rule(new Map(Object.entries(innocent))), []))
  })
}

const titleOf = (planted: Record<string, string>) => {
  const [[path = '', text = ''] = []] = Object.entries(planted)
  return text ? `${path}: ${text.split('\n')[0]}` : Object.keys(planted).join(', ')
}

keeps('imports run as the design says', rules.importsAgainstTheDesign, {
  caught: [
    { 'src/errors.ts': `import { mint } from './token.ts'` },
    { 'src/store.ts': `import { type Id } from './token.ts'` },
    { 'src/token.ts': `import type { Store } from './store.ts'` },
    { 'src/session.ts': `import { memory } from './engines/memory.ts'` },
    { 'src/codec/seal.ts': `import type { Session } from '../session.ts'` },
    { 'src/transport/cookie.ts': `export { Store } from '../store.ts'` },
    { 'src/engines/memory.ts': `import { mint } from '../token.ts'` },
    { 'src/engines/file.ts': `import type { Sessions } from '../sessions.ts'` },
    { 'src/adapters/hono.ts': `import { createSessions } from '../sessions.ts'` },
    { 'src/adapters/fetch.ts': `import type { Claim } from '../token.ts'` },
    { 'src/sessions.ts': `import { suite } from './testing/suite.ts'` },
    { 'src/backing.ts': `const { sqlite } = await import('./engines/sqlite.ts')` },
    { 'src/events.ts': `import './adapters/node.ts'` },
    { 'src/index.ts': `export * from './cli/main.ts'` },
  ],
  fine: [
    { 'src/store.ts': `import type { Id } from './token.ts'\n// import { mint } from './sessions.ts'` },
    { 'src/session.ts': `const text = "import { a } from './sessions.ts'"` },
    { 'src/engines/memory.ts': `import type { Id } from '../token.ts'\nimport { StoreError } from '../errors.ts'` },
    { 'src/adapters/hono.ts': `import type { Sessions } from '../sessions.ts'` },
    { 'src/backing.ts': `type Options = import('./engines/sqlite.ts').Options` },
    { 'src/cli/main.ts': `import { createSessions } from '../sessions.ts'` },
  ],
})

keeps('the public door only re-exports', rules.doorThatIsMore, {
  caught: [{ 'src/index.ts': `export { a } from './a.ts'\nexport const version = 1` }],
  fine: [
    { 'src/index.ts': `export { a, type B } from './a.ts'\nexport type { C } from './c.ts'\nexport * from './d.ts'` },
  ],
})

keeps('no cycle is loaded at run time', rules.cycles, {
  caught: [
    { 'src/a.ts': `import { b } from './b.ts'`, 'src/b.ts': `import { a } from './a.ts'` },
    {
      'src/a.ts': `import { b } from './b.ts'`,
      'src/b.ts': `export * from './c/c.ts'`,
      'src/c/c.ts': `import { a } from '../a.ts'`,
    },
  ],
  fine: [{ 'src/a.ts': `import { b } from './b.ts'`, 'src/b.ts': `import type { a } from './a.ts'` }],
})

const published = { exports: { './memory': './dist/engines/memory.js' }, bin: { strongroom: './dist/cli/main.js' } }
keeps(
  'what package.json publishes is what there is',
  (given) => rules.exportsAgainstFiles(given, given === sources ? manifest() : published),
  {
    caught: [
      { 'src/engines/memory.ts': '' },
      { 'src/engines/memory.ts': '', 'src/cli/main.ts': '', 'src/engines/new.ts': '' },
      { 'src/engines/memory.ts': '', 'src/cli/main.ts': '', 'src/adapters/koa.ts': '' },
    ],
    fine: [{ 'src/engines/memory.ts': '', 'src/cli/main.ts': '', 'src/engines/url.ts': '', 'src/sessions.ts': '' }],
  },
)

keeps('packages stay where they belong', (given) => rules.packagesNotAllowed(given, manifest()), {
  caught: [
    { 'src/sessions.ts': `import { LRUCache } from 'lru-cache'` },
    { 'src/engines/file.ts': `import { LRUCache } from 'lru-cache'` },
    { 'src/adapters/hono.ts': `import { parse } from 'commander'` },
    { 'src/token.ts': `import { nanoid } from 'nanoid'` },
    { 'src/engines/sqlite.ts': `const load = () => import('@scope/driver/lite')` },
  ],
  fine: [
    { 'src/transport/cookie.ts': `import { parseCookie } from 'cookie'` },
    { 'src/adapters/hono.ts': `import type { Context } from 'hono'` },
    { 'src/engines/memory.ts': `import { LRUCache } from 'lru-cache'` },
    { 'src/cli/main.ts': `import { Command } from 'commander'\nimport { join } from 'node:path'` },
  ],
})

keeps('the session is pure: time and I/O come from whoever calls it', rules.impurities, {
  caught: [
    { 'src/session.ts': `import { hash } from 'node:crypto'` },
    { 'src/lifetime.ts': 'export const now = () => Date.now()' },
    { 'src/merge.ts': 'setTimeout(() => {}, 1)' },
    { 'src/session.ts': 'const at = new Date()' },
  ],
  fine: [{ 'src/session.ts': '// Date.now is not ours\nconst at = new Date(now)' }, { 'src/memo.ts': 'Date.now()' }],
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
    { 'src/token.ts': 'if (tag === expected) return claim' },
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
      'src/engines/postgres.ts':
        'const sql = `INSERT INTO s VALUES ($1)\n  ON CONFLICT (id)\n  DO UPDATE SET bytes = excluded.bytes`',
    },
    { 'src/engines/sqlite.ts': `db.exec('insert or replace into s values (?)')` },
    { 'src/engines/mysql.ts': `db.query('REPLACE INTO s VALUES (?)')` },
    { 'src/engines/mysql.ts': 'const sql = `INSERT INTO s VALUES (?) ON DUPLICATE KEY UPDATE b = ?`' },
    { 'src/engines/redis.ts': `client.sendCommand(['SET', key, value, 'PXAT', String(at)])` },
    { 'src/engines/redis.ts': `await client.set(key, value, { PXAT: at })` },
    { 'src/engines/memcached.ts': 'write(`set $' + '{key} 0 0 5`)' },
  ],
  fine: [
    { 'src/engines/sqlite.ts': 'const sql = `INSERT INTO s VALUES (?) ON CONFLICT (id) DO NOTHING`' },
    { 'src/engines/redis.ts': `client.sendCommand(['SET', key, value, 'NX', 'PXAT', String(at)])` },
    { 'src/engines/redis.ts': `await client.set(key, value, { condition: 'XX', PXAT: at })` },
    { 'src/engines/memory.ts': 'entries.set(id, entry) // never ON CONFLICT DO UPDATE' },
  ],
})

keeps('files keep to the size guide', (given) => rules.tooLong(given), {
  caught: [{ 'src/sessions.ts': 'line\n'.repeat(251) }],
  fine: [{ 'src/sessions.ts': 'line\n'.repeat(250) }],
})

keeps('nothing is printed by the library and nothing is left undone', rules.leftovers, {
  caught: [{ 'src/sessions.ts': `console.warn('x')` }, { 'src/memo.ts': `// ${'TO'}DO: later` }],
  fine: [{ 'src/cli/main.ts': `console.log('x')` }, { 'src/memo.ts': `// console.log is for the command line` }],
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
