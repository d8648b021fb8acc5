import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { OLDER, Project, SECRET } from './project.ts'

const NOTE = 'strongroom: in the namespace __Host-id; --namespace names another.\n'

suite('with --store, for an application that has a namespace of its own', () => {
  const project = new Project()
  const there = ['--store', 'sqlite:./sessions.db']
  const open = (secrets = SECRET) =>
    createSessions({ store: sqlite(project.path('sessions.db')), secrets, namespace: 'shop' })
  const alive = async () => (await open().of('ada').list()).length
  const run = (...args: string[]) => project.run([...args, ...there], { env: { STRONGROOM_SECRETS: SECRET } })
  const inShop = (...args: string[]) => run(...args, '--namespace', 'shop')

  before(async () => {
    for (const secrets of [SECRET, SECRET]) {
      const visit = open(secrets).open({})
      ;(await visit.get()).login('ada')
      await visit.commit()
    }
  })
  after(() => project.remove())

  test('what was found in another namespace does not look like success, because the namespace is named', async () => {
    const list = await run('list', '--user', 'ada')
    assert.deepEqual([list.out, list.err], ['This user has no sessions (namespace __Host-id).\n', NOTE])
    const all = await run('revoke-all', '--user', 'ada')
    assert.deepEqual([all.code, all.out, all.err], [0, 'Ended 0 sessions (namespace __Host-id).\n', NOTE])
    const json = await run('revoke-all', '--user', 'ada', '--json')
    assert.deepEqual([json.out, json.err], ['{"ended":0}\n', NOTE])
    assert.equal(await alive(), 2)
  })

  test('a command that needs no namespace names none, and does not take one', async () => {
    assert.equal((await run('keys', 'list')).err, '')
    assert.equal((await inShop('clear-expired')).code, 2)
    assert.equal((await inShop('keys', 'list')).code, 2)
  })

  test('stats, and the count of keys, do not say that there are no sessions because they are in another namespace', async () => {
    const others = '2 sessions of other namespaces are not counted.'
    const stats = await run('stats')
    assert.match(stats.out, new RegExp(`\nLive +0\n[^]*\n${others}\n$`))
    assert.equal(stats.err, NOTE)
    const keys = await run('keys', 'list', '--count')
    assert.ok(keys.out.includes(`${others} If they have these secrets, too, count them there.\n`), keys.out)
    assert.equal(keys.err, NOTE)
    assert.equal(JSON.parse((await run('stats', '--json')).out).otherNamespaces, 2)
    assert.equal(JSON.parse((await run('keys', 'list', '--count', '--json')).out).otherNamespaces, 2)

    const counted = await inShop('stats')
    assert.match(counted.out, /^Live +2 \(2 signed in, 0 anonymous\)$/m)
    assert.deepEqual([/other/.test(counted.out), counted.err], [false, ''])
    assert.match((await inShop('keys', 'list', '--count')).out, /^1 +\d+ +current +2$/m)
  })

  test('a session is shown and ended by its handle in its namespace only', async () => {
    const visit = open().open({})
    const session = await visit.get()
    session.login('bob')
    await visit.commit()
    const { handle } = session
    assert.ok(handle)
    for (const command of ['show', 'revoke']) {
      const elsewhere = await run(command, handle)
      assert.deepEqual(
        [elsewhere.code, elsewhere.err],
        [3, 'strongroom: No live session has this handle (namespace __Host-id).\n'],
      )
    }
    const shown = await inShop('show', handle)
    assert.deepEqual([shown.code, shown.err], [0, ''])
    assert.deepEqual((await inShop('revoke', handle)).out, 'Ended 1 session.\n')
    assert.equal((await inShop('revoke', handle)).code, 3)
  })

  test('a secret is forgotten in the namespace that is named', async () => {
    const visit = open(OLDER).open({})
    ;(await visit.get()).login('ada')
    await visit.commit()
    const { kid } = createKeyring(OLDER).current
    const elsewhere = await run('keys', 'forget', `${kid}`)
    assert.equal(elsewhere.code, 3)
    assert.match(elsewhere.err, /key id \d+ \(namespace __Host-id\)\.\n$/)
    const removed = await run('revoke-everybody', '--yes', '--watch', '1')
    assert.deepEqual([removed.code, removed.err], [0, NOTE])
    assert.match(removed.out, /^Removed 0 sessions \(namespace __Host-id\)\.$/m)
    assert.match(
      removed.out,
      /^3 sessions of other namespaces were left\. If a leaked secret was theirs, too, run this/m,
    )
    assert.match(removed.out, /^No server has made a session under an old secret meanwhile \(namespace __Host-id\)\.$/m)
    await assert.rejects(open().of('ada').revokeAll(), /keys forget/)
    const forgotten = await inShop('keys', 'forget', `${kid}`)
    assert.deepEqual([forgotten.code, forgotten.err], [0, ''])
    const ended = await inShop('revoke-everybody', '--yes', '--watch', '1', '--json')
    const { oldestAlive, ...numbers } = JSON.parse(ended.out)
    assert.deepEqual(numbers, { removed: 1, alive: 2, oldSecretInUse: false, otherNamespaces: 0 })
    assert.ok(Date.parse(oldestAlive) <= Date.now())
  })

  test('--namespace finds and ends the sessions', async () => {
    const list = await inShop('list', '--user', 'ada', '--json')
    assert.deepEqual([JSON.parse(list.out).length, list.err], [2, ''])
    const { out } = await inShop('revoke-all', '--user', 'ada')
    assert.equal(out, 'Ended 2 sessions (namespace shop).\n')
    assert.equal(await alive(), 0)
  })

  test('--namespace is refused beside a config, and if it cannot be one', async () => {
    const wrong = await run('list', '--user', 'ada', '--namespace', 'a b')
    assert.deepEqual([wrong.code, wrong.out], [2, ''])
    assert.match(wrong.err, /namespace must be a string of 1 to 256 printable/)
    project.writeConfig('sqlite:./sessions.db')
    for (const config of [[], ['--config', 'strongroom.config.ts']]) {
      const { code, err } = await project.run(['list', '--user', 'ada', '--namespace', 'shop', ...config])
      assert.equal(code, 2)
      assert.match(err, /--namespace/)
    }
  })
})
