import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { root } from '../../scripts/packages.ts'
import { Project, SECRET } from './project.ts'

interface Check {
  readonly name: string
  readonly about: string
  readonly level: string
  readonly what: string
  readonly mend: string | null
  readonly docs: string
}

const checksIn = (out: string): readonly Check[] => JSON.parse(out).checks
const level = (out: string, name: string) => checksIn(out).find((check) => check.name === name)?.level

suite('doctor', () => {
  const project = new Project()
  const store = `sqlite:${project.path('sessions.db')}`
  before(async () => {
    project.writeConfig('sqlite:./sessions.db')
    await project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), { user: 'ada' })
  })
  after(() => project.remove())

  test('doctor prints what is red and what mends it, and counts, with exit code 1', async () => {
    const { code, out, err } = await project.run(['doctor'])
    assert.deepEqual([code, err], [1, ''])
    assert.match(out, /^\[!\] application \(\d of 3 green\)$/m)
    assert.match(out, /^\[✗\] engine \(\d+ of \d+ green\)$/m)
    // Projects of tests are in the folder for temporary files.
    assert.match(out, /^ {2}✗ The sessions are below \/tmp, which is emptied.* \(sqlite-folder\)$/m)
    assert.match(out, /^ {4}→ Put the sessions into a folder of their own/m)
    assert.match(out, /^ {6}docs\/doctor\.md#sqlite$/m)
    assert.match(out, /^\[✓\] cookie \(6 of 6 green\)$/m)
    assert.match(out, /^[1-9]\d* red, \d+ amber, \d+ unknown, \d+ green\.$/m)
    assert.match(out, /^Not looked at: the running site\./m)
    assert.match(out, /^Not looked at: backups\. Which ones are made cannot be seen from here/m)
    assert.doesNotMatch(out, /✓ The cookie is Secure/)
    const { out: all } = await project.run(['doctor', '-v'])
    assert.match(all, /^ {2}✓ The cookie is Secure\. \(cookie-secure\)$/m)
  })

  test('doctor --json prints the diagnosis', async () => {
    const { code, out, err } = await project.run(['doctor', '--json'])
    assert.deepEqual([code, err], [1, ''])
    const { format, at, checks } = JSON.parse(out)
    assert.equal(format, 1)
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000)
    for (const check of checks) assert.deepEqual(Object.keys(check), ['name', 'about', 'level', 'what', 'mend', 'docs'])
    assert.equal(level(out, 'sqlite-journal'), 'green')
    assert.equal(level(out, 'secrets-strength'), 'green')
    assert.equal(new Set(checks.map(({ about, name }: Check) => `${about} ${name}`)).size, checks.length)
  })

  test('amber and unknown end with code 0, and with --strict with code 1', async () => {
    const elsewhere = ['doctor', '--store', 'memory:', '--json']
    const amber = await project.run(elsewhere)
    assert.equal(amber.code, 0, amber.out)
    assert.ok(!checksIn(amber.out).some((check) => check.level === 'red'))
    assert.ok(checksIn(amber.out).some((check) => check.level === 'amber'))
    assert.equal((await project.run([...elsewhere, '--strict'])).code, 1)
  })

  test('a finding that is accepted does not count, and a name that accepts nothing is told', async () => {
    const elsewhere = ['doctor', '--store', 'memory:', '--strict', '--accept', 'memory', 'node-env', 'secrets-age']
    elsewhere.push('env-file-permissions')
    const accepted = await project.run(elsewhere)
    assert.deepEqual([accepted.code, accepted.err], [0, ''], accepted.out)
    assert.match(accepted.out, /^No issues found: \d+ checks are green\. Accepted, and not counted: .*memory/m)
    assert.doesNotMatch(accepted.out, /NODE_ENV/)
    const { code, err } = await project.run([...elsewhere.slice(0, 5), 'memry', 'node-version'])
    assert.equal(code, 1)
    assert.match(err, /name 1 of --accept accepts nothing: no check of that name was made\. Findings: .*memory/)
    assert.doesNotMatch(err, /memry/)
    assert.match(err, /--accept node-version accepts nothing: that check is green/)
  })

  test('with --store the secrets are those of the environment, and nothing is said about the cookie', async () => {
    const { out } = await project.run(['doctor', '--store', store, '--json'])
    assert.equal(level(out, 'secrets-source'), 'green')
    assert.ok(!checksIn(out).some(({ about }) => about === 'cookie'))
    const elsewhere = new Project()
    const { out: other } = await elsewhere.run(['doctor', '--store', store, '--json'])
    assert.equal(level(other, 'secrets-source'), 'unknown')
    elsewhere.remove()
  })

  test('a config that cannot be loaded is red, and the secrets are looked at all the same', async () => {
    const broken = new Project()
    broken.writeConfig('sqlite:./sessions.db')
    broken.write('.env', 'STRONGROOM_SECRETS=too-short-to-be-one\n')
    const { code, out, err } = await broken.run(['doctor', '--json'])
    assert.deepEqual([code, err], [1, ''])
    assert.equal(level(out, 'config'), 'red')
    assert.match(checksIn(out).find(({ name }) => name === 'config')?.what ?? '', /Secret 1 has 19 bytes/)
    assert.equal(level(out, 'secrets-strength'), 'red')
    broken.write('.env', '')
    const { out: none } = await broken.run(['doctor', '--json'])
    assert.match(checksIn(none).find(({ name }) => name === 'config')?.what ?? '', /got no secrets/)
    broken.remove()
  })

  test('the running site is visited, and backups are read, where they are named', async () => {
    const server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    const { port } = server.address() as AddressInfo
    const { out } = await project.run([
      'doctor',
      '--json',
      '--url',
      `http://127.0.0.1:${port}/`,
      '--backup',
      'sessions.db',
    ])
    server.close()
    assert.equal(level(out, 'site-answers'), 'green')
    assert.equal(level(out, 'site-https'), 'amber')
    assert.equal(level(out, 'backup'), 'amber')
  })

  test('a server that does not answer is red, and the rest goes on', async () => {
    const { code, out } = await project.run([
      'doctor',
      '--json',
      '--timeout',
      '2000',
      '--store',
      'memcached://127.0.0.1:9',
    ])
    assert.equal(code, 1)
    assert.equal(level(out, 'store-answers'), 'red')
    assert.equal(level(out, 'secrets-reused'), 'green')
  })

  test('a secret is not printed, in whatever place it is found', async () => {
    // `run` searches all output.
    for (const args of [
      ['doctor', '--all'],
      ['doctor', '--json'],
    ])
      await project.run(args, { env: { JWT_SECRET: SECRET, OTHER: `a ${SECRET}` } })
    const { out } = await project.run(['doctor', '--json'], { env: { JWT_SECRET: SECRET } })
    assert.equal(level(out, 'secrets-reused'), 'red')
  })

  test('incorrect use ends with one line and exit code 2', async () => {
    const empty = new Project()
    for (const [args, message] of [
      [['doctor'], /There is no strongroom\.config\.ts/],
      [['doctor', '--store', 'nothing'], /A store URL begins with a scheme/],
      [['doctor', '--store', 'django+sqlite:./x'], /check --deploy/],
      [['doctor', '--store', store, '--url', 'shop.example'], /--url must be like https:/],
      [['doctor', '--store', store, '--url', 'https://me:word@shop.example'], /without a user and a password/],
      [['doctor', '--store', store, '--timeout', 'soon'], /whole number/],
      [['doctor', '--store', store, '--stric'], /Did you mean --strict/],
    ] as const) {
      const { code, out, err } = await empty.run(args)
      assert.deepEqual([code, out], [2, ''], args.join(' '))
      assert.match(err, /^strongroom: [^\n]+\n$/)
      assert.match(err, message)
      assert.doesNotMatch(err, /me:word/)
    }
    empty.remove()
  })

  test('a config whose code quotes a value in its error does not print it', async () => {
    const broken = new Project()
    for (const value of ['hunter2', '{"a":"hunter2" hunter3"}', 'hunt\ner2 "hunter3', "it's hunter2"]) {
      broken.write('strongroom.config.mjs', 'export default JSON.parse(process.env.SETTINGS)\n')
      const { out } = await broken.run(['doctor', '--json'], { env: { SETTINGS: value } })
      const { what } = checksIn(out).find(({ name }) => name === 'config') ?? assert.fail()
      assert.match(what, /could not be loaded: /)
      assert.doesNotMatch(what, /hunt|er2|er3|it's/)
      const { err } = await broken.run(['stats'], { env: { SETTINGS: value } })
      assert.doesNotMatch(err, /hunt|er2|er3|it's/)
    }
    broken.remove()
  })
})

suite('docs/doctor.md', () => {
  const page = readFileSync(join(root, 'docs', 'doctor.md'), 'utf8')
  const sources = globSync('packages/cli/src/doctor/*.ts', { cwd: root }).map((path) =>
    readFileSync(join(root, path), 'utf8'),
  )
  const text = sources.join('\n')

  test('docs/doctor.md lists every check', () => {
    const names = [
      ...[
        ...text.matchAll(
          /'((?:postgres|mysql|redis|memcached|sqlite|file|site|cookie|secrets|env-file|key-file)-[a-z-]+)'/g,
        ),
      ].map(([, name]) => name),
      ...['fsync', 'full-page-writes', 'synchronous-commit', 'autovacuum', 'track-counts'].map(
        (name) => `postgres-${name}`,
      ),
      ...[...text.matchAll(/`\$\{engine\}-([a-z-]+)`/g)].flatMap(([, name]) => [`file-${name}`, `sqlite-${name}`]),
      ...[...text.matchAll(/`\$\{prefix\}-([a-z-]+)`/g)].flatMap(([, name]) => [
        `cookie-${name}`,
        `site-cookie-${name}`,
      ]),
      ...['store-answers', 'store-known', 'seal', 'memory', 'clock', 'expired-rows', 'sweep', 'backup', 'node-env'],
      ...['node-version', 'sodium', 'config'],
    ]
    assert.ok(names.length > 60)
    const notThere = [...new Set(names)].filter((name) => !page.includes(`\`${name}\``) && !name?.includes('-and-'))
    assert.deepEqual(notThere, [])
  })

  test('every check names a heading of docs/doctor.md', () => {
    const sections = [...text.matchAll(/new Topic\([^,]+, '([a-z-]+)'\)/g)].map(([, section]) => section)
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-'))
    assert.ok(sections.length >= 10)
    for (const section of sections) assert.ok(headings.includes(section ?? ''), section)
  })
})
