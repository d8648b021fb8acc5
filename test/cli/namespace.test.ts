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
    for (const args of [['keys', 'list', '--count'], ['stats']]) assert.equal((await run(...args)).err, '')
    assert.equal((await inShop('stats')).code, 2)
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
    await assert.rejects(open().of('ada').revokeAll(), /keys forget/)
    const forgotten = await inShop('keys', 'forget', `${kid}`)
    assert.deepEqual([forgotten.code, forgotten.err], [0, ''])
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
