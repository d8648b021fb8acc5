import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createProgram } from '../../packages/cli/src/program.ts'
import { hasPassword, withPassword } from '../../packages/cli/src/store-url.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { root } from '../../scripts/packages.ts'
import { FAKE_PSQL, Project, SECRET } from './project.ts'

const PASSWORD = 'sesame-opens'
const WARNING =
  /^strongroom: warning: other users of this machine can read the password in the arguments of a command\..*\n/

suite('a password need not be an argument of a command', () => {
  const project = new Project()
  const url = 'sqlite:./sessions.db'
  before(async () => {
    await project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), { user: 'ada' })
    project.write('.env', `SHOP_STORE=${url}\n`)
    project.write('url.txt', `${url}\n`)
  })
  after(() => project.remove())

  for (const [what, given, env] of [
    ['a variable of the environment', 'env:ELSEWHERE', { ELSEWHERE: ` ${url}\n` }],
    ['a variable of .env', 'env:SHOP_STORE', {}],
    ['a file', '@url.txt', {}],
  ] as const)
    test(`--store takes the URL from ${what}`, async () => {
      const args = ['--store', given, '--namespace', '__Host-id']
      const { code, out, err } = await project.run(['stats', '--json', ...args], { env })
      assert.deepEqual([code, err], [0, ''])
      assert.equal(JSON.parse(out).live, 1)
    })

  test('without --store and a config, the URL is the one in STRONGROOM_STORE', async () => {
    const env = { STRONGROOM_STORE: url, STRONGROOM_SECRETS: SECRET }
    for (const args of [['stats'], ['list', '--user', 'ada'], ['migrate']]) {
      const { code, err } = await project.run(args, { env })
      assert.equal(code, 0, err)
    }
    const absent = await project.run(['revoke', 'abcdefghijklmnop'], { env })
    assert.match(absent.err, /No live session has this handle \(namespace __Host-id\)\./)
    const { code } = await project.run(['backup', '-o', 'copy.db'], { env })
    assert.equal(code, 0)
  })

  test('--store - reads a line of standard input, and move one for each store', async () => {
    const input = `${url}\nsqlite:./new.db\n`
    const counted = await project.run(['stats', '--json', '--store', '-'], { input })
    assert.equal(JSON.parse(counted.out).live, 1)
    const moved = await project.run(['move', '--from', '-', '--to', '-', '--dry-run', '--json'], { input })
    assert.equal(JSON.parse(moved.out).moved, 1)
    const { code, err } = await project.run(['stats', '--store', '-'], { input: '\n' })
    assert.equal(code, 2)
    assert.match(err, /Standard input has no line for --store\./)
  })

  for (const [given, message] of [
    ['env:NOT_SET', /environment variable NOT_SET is not set/],
    [`env:postgres://me:${PASSWORD}@db`, /After env: comes the name of an environment variable/],
    ['@nowhere', /The file that --store names could not be read: ENOENT/],
    ['@empty', /There is no URL in what --store names/],
  ] as const)
    test(`--store ${given.slice(0, 9)} is refused with one line`, async () => {
      project.write('empty', '\n')
      const { code, out, err } = await project.run(['stats', '--store', given])
      assert.deepEqual([code, out], [2, ''])
      assert.match(err.replace(WARNING, ''), message)
      assert.ok(!err.includes(PASSWORD))
    })

  test('the password that a URL leaves out is read from where the client of the server looks for it', () => {
    process.env.MYSQL_PWD = 'a/b'
    process.env.REDISCLI_AUTH = 'c@d'
    try {
      for (const [given, wanted] of [
        ['mysql://me@db/x', 'mysql://me:a%2Fb@db/x'],
        ['django+mariadb://me@db/x?socketPath=/y', 'django+mariadb://me:a%2Fb@db/x?socketPath=/y'],
        ['redis://db/1', 'redis://:c%40d@db/1'],
        ['django+redis-cache://db/1?version=2', 'django+redis-cache://:c%40d@db/1?version=2'],
        [
          'django+postgres://me@db/x?cache=redis%3A%2F%2Fc%2F1&version=2',
          `django+postgres://me@db/x?cache=${encodeURIComponent('redis://:c%40d@c/1')}&version=2`,
        ],
        [
          `django+mysql://me@db/x?cache=${encodeURIComponent('redis://:own@c/1')}`,
          `django+mysql://me:a%2Fb@db/x?cache=${encodeURIComponent('redis://:own@c/1')}`,
        ],
        [
          `cached:?durable=${encodeURIComponent('mysql://me@db/x')}&cache=memory%3A`,
          `cached:?durable=${encodeURIComponent('mysql://me:a%2Fb@db/x')}&cache=memory%3A`,
        ],
        ['redis+sentinel://h/m?sentinelPassword=sp', 'redis+sentinel://:c%40d@h/m?sentinelPassword=sp'],
        ['mysql://me@db/x?password1=x', 'mysql://me:a%2Fb@db/x?password1=x'],
        ['redis://h/0?prefix=https://x:y@z', 'redis://:c%40d@h/0?prefix=https://x:y@z'],
        ['redis://h:1/0?prefix=x:y@z', 'redis://:c%40d@h:1/0?prefix=x:y@z'],
        ['redis://[::1]:6379/0?prefix=@', 'redis://:c%40d@[::1]:6379/0?prefix=@'],
        ['redis://:@h/0', 'redis://:@h/0'],
        // A "+" is a space in a query, so that this is no URL of a Redis, whatever is in the environment.
        ['django+mysql://m:p@h/x?cache=redis+sentinel://a/m', 'django+mysql://m:p@h/x?cache=redis+sentinel://a/m'],
        [
          'django+mysql://m:p@h/x?cache=redis%2Bsentinel://a/m',
          `django+mysql://m:p@h/x?cache=${encodeURIComponent('redis+sentinel://:c%40d@a/m')}`,
        ],
        ['django+sqlite:./x?cache=redis://c/%', `django+sqlite:./x?cache=${encodeURIComponent('redis://:c%40d@c/%')}`],
        ['valkeys+cluster://me@a,b', 'valkeys+cluster://me:c%40d@a,b'],
        ['mysql://me:own@db/x', 'mysql://me:own@db/x'],
        ['postgres://me@db/x', 'postgres://me@db/x'],
        ['sqlite:./x.db', 'sqlite:./x.db'],
      ] as const)
        assert.equal(withPassword(given), wanted)
    } finally {
      delete process.env.MYSQL_PWD
      delete process.env.REDISCLI_AUTH
    }
  })
})

suite('a password that is an argument all the same', () => {
  const project = new Project()
  after(() => project.remove())

  test('is recognized wherever it may be in a URL', () => {
    for (const url of [
      'postgres://me:x@db/shop',
      'redis://:x@db',
      'mysql://me:a/b@db',
      'postgres://me@db/shop?password=x',
      'redis+sentinel://a/b?sentinelPassword=x',
      'mysql://me@db/x?password1=x',
      'django+redis-cache://:x@db',
      `django+sqlite:./x.db?cache=${encodeURIComponent('redis://:x@db')}`,
      `cached:?durable=${encodeURIComponent('postgres://me:x@db')}&cache=memory%3A`,
      `moving:?from=file%3A.&to=${encodeURIComponent(`cached:?durable=${encodeURIComponent('redis://:x@db')}&cache=x`)}`,
    ])
      assert.ok(hasPassword(url), url)
    for (const url of [
      'postgres://me@db:5432/shop',
      'postgres://db/x?host=/run',
      'redis://db:6379/0',
      'django+redis-cache://db:6379/0',
      'django+postgres://me@db:5432/shop?cache=redis%3A%2F%2Fme%40c%3A6379%2F1',
      'sqlite:/a:b.db',
      'file:./x',
    ])
      assert.ok(!hasPassword(url), url)
  })

  test('works, with a warning', async () => {
    const { code, err } = await project.run(['stats', '--store', `redis://:${PASSWORD}@127.0.0.1:1?timeout=100`])
    assert.equal(code, 1)
    assert.match(err, WARNING)
    assert.match(err.replace(WARNING, ''), /^strongroom: Redis [^\n]+\n$/)
    assert.ok(!err.includes(PASSWORD))
  })

  test('is never advised: not by a help text, and not by the documentation of the command', async () => {
    const program = await createProgram()
    const texts = program.commands
      .flatMap((one) => [one, ...one.commands])
      .map((one) => {
        let text = ''
        one.configureOutput({ writeOut: (given) => (text += given) }).outputHelp()
        return text
      })
    const docs = readFileSync(`${root}/docs/cli.md`, 'utf8')
    for (const text of [...texts, docs])
      assert.doesNotMatch(
        text,
        /--(?:store|from|to|users) \S*:\/\/[^\s@/]*:[^\s@]*@|--\w+ "\$/,
        'a password as an argument',
      )
  })

  for (const [program, url] of [
    ['pg_dump', `postgres://me:${PASSWORD}@db/shop`],
    ['pg_dump', `postgres://me@db/shop?password=${PASSWORD}`],
    ['mariadb-dump', `mysql://me:${PASSWORD}@db/shop`],
    ['mysqldump', `mariadb://me@db/shop?password=${PASSWORD}`],
  ] as const)
    test(`is in no list of arguments while ${program} runs: ${url.replace(PASSWORD, '…')}`, {
      skip: existsSync('/proc/self/cmdline') ? false : 'needs /proc',
    }, async () => {
      const bin = `bin-${program}-${url.length}`
      project.makeFolder(bin)
      const fake = `#!/bin/sh\n[ "$2" = --help ] && exit\necho "$PGPASSWORD$MYSQL_PWD" > ${bin}/running\nwhile [ ! -e ${bin}/seen ]; do /bin/sleep 0.02; done\necho dump\n`
      project.write(`${bin}/${program}`, fake)
      chmodSync(project.path(bin, program), 0o755)
      const PATH = `${project.path(bin)}:${project.fake('psql', FAKE_PSQL)}`
      let hasEnded = false
      const run = project.run(['backup', '--store', url, '-o', `${bin}/dump`], { env: { PATH } }).finally(() => {
        hasEnded = true
      })
      while (!hasEnded && !existsSync(project.path(bin, 'running'))) await wait(10)
      const lines = commandLines()
      project.write(`${bin}/seen`, '')
      assert.equal((await run).code, 0)
      assert.ok(lines.some((line) => line.includes(project.path(bin, program))))
      assert.deepEqual(
        lines.filter((line) => line.includes(PASSWORD)),
        [],
      )
      assert.match(readFileSync(project.path(bin, 'running'), 'utf8'), new RegExp(PASSWORD))
    })
})

/** The arguments of every process that runs now. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
}
