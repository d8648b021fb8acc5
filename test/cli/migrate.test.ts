import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { need } from '../support/need.ts'
import { Project } from './project.ts'

const script =
  process.platform === 'linux' ? need('script') : { skip: 'only the script of util-linux, on Linux', path: '' }

for (const [engine, wanted, start] of [
  ['postgres', postgresNeed, startPostgres],
  ['mysql', mariadbNeed, startMariadb],
] as const) {
  suite(`migrate on ${engine}`, { skip: wanted.skip }, () => {
    const project = new Project()
    let server: Awaited<ReturnType<typeof start>>
    let store: string[]
    before(async () => {
      server = await start()
      store = ['--store', server.url]
    })
    after(async () => {
      await server.stop()
      project.remove()
    })

    test('migrate --sql prints the statements without connecting', async () => {
      const nowhere = server.url.replace(/:\d+\//, ':1/')
      const { code, out, err } = await project.run(['migrate', '--sql', '--store', nowhere])
      assert.deepEqual([code, err], [0, ''])
      assert.match(out, /CREATE TABLE/)
      assert.match(out, /;\n$/)
      const { statements } = JSON.parse((await project.run(['migrate', '--sql', '--json', '--store', nowhere])).out)
      for (const statement of statements) assert.ok(out.includes(statement.replace(/;\s*$/, '').trim()))
    })

    test('before migrate, a sweep says that the table is missing; after it, the store works', async () => {
      const before = await project.run(['clear-expired', ...store])
      assert.equal(before.code, 1)
      assert.match(before.err, /migrate/)
      const made = await project.run(['migrate', ...store])
      assert.deepEqual([made.code, made.err], [0, ''])
      assert.match(made.out, /CREATE TABLE[\s\S]*;\nDone\.\n$/)
      const swept = await project.run(['clear-expired', ...store])
      assert.deepEqual([swept.code, swept.out], [0, 'Nothing has expired.\n'])
    })

    test('migrate run again has nothing to do, and says so', async () => {
      const { code, out } = await project.run(['migrate', ...store])
      assert.deepEqual([code, out], [0, 'Nothing to do: the tables exist and are up to date.\n'])
      const json = await project.run(['migrate', ...store, '--json'])
      assert.deepEqual(JSON.parse(json.out), { engine, statements: [] })
    })

    test('several runs of migrate in parallel all succeed', async () => {
      const fresh = ['--store', `${server.url}?table=others`]
      const runs = await Promise.all([1, 2, 3].map(() => project.run(['migrate', ...fresh])))
      for (const { code, err } of runs) assert.deepEqual([code, err], [0, ''])
      assert.equal((await project.run(['stats', ...fresh])).code, 0)
    })

    test('migrate asks on a terminal, and changes nothing when the answer is no', { skip: script.skip }, async () => {
      const fresh = ['--store', `'${server.url}?table=asked'`]
      const no = await project.runOnTerminal(script.path, ['migrate', ...fresh], {
        steps: [{ when: /Run this\?/, type: '\r' }],
      })
      assert.equal(no.code, 130)
      assert.match(no.out, /Nothing was changed\./)
      const sure = await project.runOnTerminal(script.path, ['migrate', ...fresh, '--yes'])
      assert.match(sure.out, /Done\.\r\n$/)
    })

    test('migrate ends with exit code 1 when the server is down, and does not print the password', async () => {
      const url = server.url.replace(/:\d+\//, ':1/').replace(/\/\/(\w+)@/, '//$1:hunter2secret@')
      const { code, out, err } = await project.run(['migrate'], { env: { STRONGROOM_STORE: url } })
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, /^strongroom: [^\n]+\n$/)
      assert.doesNotMatch(err, /hunter2/)
    })
  })
}

suite('migrate on stores that need no tables', () => {
  const project = new Project()
  before(() => project.writeConfig('sqlite:./sessions.db'))
  after(() => project.remove())

  test('migrate says that there is nothing to create', async () => {
    const { code, out } = await project.run(['migrate'])
    assert.deepEqual([code, out], [0, 'The store sqlite needs no tables.\n'])
    assert.deepEqual(JSON.parse((await project.run(['migrate', '--json'])).out), { engine: 'sqlite', statements: [] })
  })

  test('migrate --sql says so in an SQL comment', async () => {
    const { code, out } = await project.run(['migrate', '--sql'])
    assert.deepEqual([code, out], [0, '-- The store sqlite needs no tables.\n'])
  })
})
