import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { createProgram } from '../../packages/cli/src/program.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { Project, SECRET } from './project.ts'

/** What a command needs: the keys, a store that the application uses too, or neither. */
type Needs = 'keys' | 'store' | 'keys and store' | 'nothing of a config'

const HANDLE = 'abcdefghijklmnop'
const VERBS: readonly (readonly [needs: Needs, ...args: string[]])[] = [
  ['keys', 'keys', 'list'],
  ['keys and store', 'keys', 'list', '--count'],
  ['keys and store', 'keys', 'forget', '17'],
  ['keys and store', 'list', '--user', 'ada'],
  ['keys and store', 'revoke-all', '--user', 'ada', '--yes'],
  ['keys and store', 'revoke-everybody', '--yes', '--watch', '1'],
  ['keys and store', 'studio'],
  ['store', 'show', HANDLE],
  ['store', 'revoke', HANDLE],
  ['store', 'stats'],
  ['store', 'clear-expired'],
  ['store', 'migrate'],
  ['store', 'migrate', '--sql'],
  ['nothing of a config', 'keys', 'new'],
  ['nothing of a config', 'init'],
  ['nothing of a config', 'move'],
  ['nothing of a config', 'backup'],
  ['nothing of a config', 'scan'],
  ['nothing of a config', 'advise'],
  ['nothing of a config', 'lab'],
  // A config that cannot be loaded is one of its findings.
  ['nothing of a config', 'doctor'],
]
const verbs = (...needs: Needs[]) => VERBS.filter(([need]) => needs.includes(need)).map(([, ...args]) => args)
const withConfig = verbs('keys', 'store', 'keys and store')

const config = (options: string) =>
  `import { createSessions } from 'strongroom'\nexport default createSessions(${options})`

suite('no command works with what the library makes up for development', () => {
  const project = new Project()
  before(() => project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), { user: 'ada' }))
  after(() => project.remove())

  async function refuses(args: readonly string[], message: RegExp, env: Record<string, string> = {}) {
    const { code, out, err } = await project.run(args, { env })
    assert.deepEqual([code, out], [2, ''], `${args.join(' ')}: ${err}`)
    assert.match(err, /^strongroom: [^\n]+\n$/)
    assert.match(err, message)
  }

  test('the table has every command', async () => {
    const all = (await createProgram()).commands.flatMap((one) =>
      one.commands.length > 0 ? one.commands.map((below) => `${one.name()} ${below.name()}`) : [one.name()],
    )
    const listed = VERBS.map(([, first = '', second = '']) => (first === 'keys' ? `${first} ${second}` : first))
    assert.deepEqual([...new Set(listed)].sort(), all.sort())
  })

  for (const [what, options, message] of [
    [
      'secrets that are undefined, as under cron and sudo',
      `{ secrets: process.env.NOT_SET, store: 'sqlite:./sessions.db' }`,
      /createSessions\(\) got no secrets: .* Set it, or add it to the \.env .*cron and sudo.* --env/,
    ],
    [
      'a store that is undefined',
      '{ secrets: process.env.STRONGROOM_SECRETS, store: process.env.NOT_SET }',
      /got no store: /,
    ],
    ['neither', '', /got no secrets and store: /],
  ] as const)
    for (const args of withConfig)
      test(`a config with ${what}: ${args.join(' ')} ends with code 2`, async () => {
        project.write('strongroom.config.ts', config(options))
        await refuses(args, message, { STRONGROOM_SECRETS: SECRET })
      })

  for (const store of ['memory:', 'sqlite::memory:'])
    for (const args of verbs('store', 'keys and store'))
      test(`a store of this process alone, ${store}: ${args.join(' ')} ends with code 2`, async () => {
        project.write('strongroom.config.ts', config(`{ secrets: '${SECRET}', store: '${store}' }`))
        await refuses(args, /in memory belongs to one process: .* Name the store that the application uses\./)
        await refuses([...args, '--store', store], /in memory belongs to one process/, { STRONGROOM_SECRETS: SECRET })
      })

  for (const args of verbs('keys', 'keys and store'))
    test(`--store without secrets: ${args.join(' ')} ends with code 2`, () =>
      refuses([...args, '--store', 'sqlite:./sessions.db'], /needs the application's keys: set STRONGROOM_SECRETS/))

  for (const args of verbs('store'))
    test(`--store without secrets: ${args.join(' ')} works, because it needs none`, async () => {
      const { code } = await project.run([...args, '--store', 'sqlite:./sessions.db'])
      assert.equal(code, args.includes(HANDLE) ? 3 : 0)
    })

  test('what was refused has changed nothing', async () => {
    const env = { STRONGROOM_SECRETS: SECRET }
    const { out } = await project.run(['list', '--user', 'ada', '--json', '--store', 'sqlite:./sessions.db'], { env })
    assert.equal(JSON.parse(out).length, 1)
  })

  test('moving from Django is refused without secrets, and with secrets that were made up', async () => {
    project.write('django.db', '')
    const from = ['move', '--from', 'django+sqlite:./django.db', '--delete', '--yes']
    await refuses([...from, '--to', 'sqlite:./fresh.db'], /needs the application's keys/, { DJANGO_SECRET_KEY: 'x' })
    project.write('strongroom.config.ts', config(`{ store: 'sqlite:./sessions.db' }`))
    await refuses(from, /got no secrets/, { DJANGO_SECRET_KEY: 'x' })
    assert.ok(!existsSync(project.path('fresh.db')))
  })
})

suite('an environment file is read as other programs read it', () => {
  const project = new Project()
  before(async () => {
    project.writeConfig('sqlite:./sessions.db')
    await project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), { user: 'ada' })
  })
  after(() => project.remove())
  const listed = async (env: string | Buffer) => {
    project.write('.env', env)
    return project.run(['list', '--user', 'ada', '--json'])
  }

  const line = `STRONGROOM_SECRETS=${SECRET}`
  for (const [what, env] of [
    ['a byte order mark', `\ufeff${line}\n`],
    ['UTF-16, as PowerShell writes it', Buffer.from(`\ufeff${line}\r\n`, 'utf16le')],
    ['big-endian UTF-16', Buffer.from(`\ufeff${line}\n`, 'utf16le').swap16()],
    ['export, spaces and CRLF', ` export STRONGROOM_SECRETS = ${SECRET} \r\nOTHER=1\r\n`],
    ['double quotes and a comment after them', `STRONGROOM_SECRETS="${SECRET}" # current\n`],
    ['a value of several lines before', `PEM="-----BEGIN\nSTRONGROOM_SECRETS=no # not me\n-----END"\n${line}\n`],
    ['a comment that looks like it', `# STRONGROOM_SECRETS=old # x\n${line}\n`],
    ['several lines in quotes', `STRONGROOM_SECRETS='${SECRET}\n'\n`],
  ] as const)
    test(`with ${what}`, async () => {
      const { code, out, err } = await listed(env)
      assert.deepEqual([code, err], [0, ''])
      assert.equal(JSON.parse(out).length, 1)
    })

  for (const [what, env] of [
    ['a comment without quotes', `${line} # current\n`],
    ['a "#" in the value', `${line}#1\n`],
    ['a quote that is never closed', `STRONGROOM_SECRETS="${SECRET}\n`],
    ['something behind the closing quote', `STRONGROOM_SECRETS='${SECRET}'x\n`],
  ] as const)
    test(`${what} is refused: programs disagree on where the value ends`, async () => {
      const { code, err } = await listed(env)
      assert.equal(code, 2)
      assert.match(err, /^strongroom: In \.env, put the value of STRONGROOM_SECRETS in single quotes: .*\n$/)
    })

  test("a value of the application's that was cut is reported, and no part of it is printed", async () => {
    const { code, err } = await listed(`DATABASE_URL=postgres://me:open#sesame@db/x\n${line}\n`)
    assert.equal(code, 0)
    assert.equal(
      err,
      'strongroom: warning: in .env, the value of DATABASE_URL was cut at a "#": put it in single quotes.\n',
    )
  })

  test('a folder of this name is no environment file, unless it is named', async () => {
    rmSync(project.path('.env'))
    project.makeFolder('.env')
    const { code } = await project.run(['list', '--user', 'ada'], { env: { STRONGROOM_SECRETS: SECRET } })
    assert.equal(code, 0)
    const named = await project.run(['list', '--user', 'ada', '--env', '.env'])
    assert.equal(named.code, 2)
    assert.match(named.err, /\.env is a folder, and not an environment file\./)
  })
})
