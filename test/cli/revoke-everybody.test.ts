import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { OLDER, Project, SECRET } from './project.ts'

const kidOf = (secret: string) => createKeyring(secret).current.kid

suite('revoke-everybody', () => {
  const project = new Project()
  const open = (secrets: string) => createSessions({ store: sqlite(project.path('sessions.db')), secrets })
  const login = async (secrets: string) => {
    const visit = open(secrets).open({})
    ;(await visit.get()).login('ada')
    await visit.commit()
  }
  before(async () => {
    project.writeConfig('sqlite:./sessions.db')
    // The secrets were replaced already.
    project.write('.env', `STRONGROOM_SECRETS=${SECRET}\n`)
    for (let i = 0; i < 3; i += 1) await login(OLDER)
    await login(SECRET)
  })
  after(() => project.remove())

  test("ending all of a user's sessions is refused while the old secret may have some", async () => {
    await assert.rejects(open(SECRET).of('ada').revokeAll(), { code: 'STRONGROOM_STORE', message: /keys forget/ })
    const { code, err } = await project.run(['revoke-all', '--user', 'ada', '--yes'])
    assert.equal(code, 1)
    assert.ok(err.includes(`keys forget ${kidOf(OLDER)}`), err)
  })

  test('revoke-everybody removes what the secrets of the config do not open, and nothing else', async () => {
    const { code, out, err } = await project.run(['revoke-everybody', '--yes', '--watch', '1'])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^Removed 3 sessions\.$/m)
    assert.match(out, /^No server has made a session under an old secret meanwhile\.$/m)
    assert.equal((await open(SECRET).of('ada').list()).length, 1)
  })

  test('that it has removed nothing is no success while sessions are alive: perhaps the secret was never replaced', async () => {
    const { code, out, err } = await project.run(['revoke-everybody', '--yes', '--watch', '1'])
    assert.deepEqual([code, out], [1, 'Removed 0 sessions.\n'])
    assert.match(err, /Nothing was ended: the secret opens 1 session, the oldest of which began .* UTC/)
    const { code: again, out: value } = await project.run(['revoke-everybody', '--yes', '--json'])
    const { removed, alive, oldSecretInUse } = JSON.parse(value)
    assert.deepEqual([again, removed, alive, oldSecretInUse], [1, 0, 1, null])
  })

  test('it is refused while an old secret is in the ring, where it opens its sessions', async () => {
    const { code, out, err } = await project.run(['revoke-everybody', '--yes'], {
      env: { STRONGROOM_SECRETS: `${SECRET},${OLDER}` },
    })
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /There are 2 secrets \(key ids \d+, \d+\).* Nothing was ended\./)
    assert.equal((await open(SECRET).of('ada').list()).length, 1)
  })

  test('after that, all sessions of a user can be ended without the old secret', async () => {
    assert.equal(await open(SECRET).of('ada').revokeAll(), 1)
  })

  test('a server that still has the old secret is noticed', async () => {
    const running = project.run(['revoke-everybody', '--yes', '--watch', '3', '--json'])
    const timer = setInterval(() => login(OLDER).catch(() => undefined), 200)
    const { code, out, err } = await running
    clearInterval(timer)
    assert.equal(code, 1)
    assert.equal(JSON.parse(out).oldSecretInUse, true)
    assert.ok(err.includes(`key id ${kidOf(OLDER)}`), err)
    assert.match(err, /sessions? stored meanwhile, the newest of them began .* UTC \(\d seconds? ago\)\./)
  })
})

/** A store that cannot list its sessions, like memcached. */
const UNWALKABLE = `import { createSessions } from 'strongroom'
import { sqlite } from 'strongroom/sqlite'
const store = new Proxy(sqlite('./sessions.db'), {
  get: (target, name) => {
    if (name === 'scan') return undefined
    const found = target[name]
    return typeof found === 'function' ? found.bind(target) : found
  },
})
export default createSessions({ secrets: process.env.STRONGROOM_SECRETS, store })
`

suite('revoke-everybody, where nothing can be looked at', () => {
  const project = new Project()
  before(() => project.write('.env', `STRONGROOM_SECRETS=${SECRET}\n`))
  after(() => project.remove())

  const cases = [
    [
      'sessions are in their cookies',
      ['--store', 'cookie:'],
      /^These sessions are in their cookies: nothing is stored, /,
    ],
    ['the store cannot be walked', [], /^The store sqlite cannot be walked: nothing was removed, /],
  ] as const
  for (const [where, options, expected] of cases)
    test(`says so if ${where}, and not that no server has an old secret`, async () => {
      if (options.length === 0) project.write('strongroom.config.mjs', UNWALKABLE)
      const { code, out } = await project.run(['revoke-everybody', '--yes', '--watch', '1', ...options])
      assert.equal(code, 0)
      assert.match(out, expected)
      assert.match(out, /^Replacing the secrets has ended these sessions /m)
      assert.doesNotMatch(out, /No server|Removed/)
      const { out: value } = await project.run(['revoke-everybody', '--yes', '--json', ...options])
      const unknown = { alive: null, oldestAlive: null, oldSecretInUse: null, otherNamespaces: null }
      assert.deepEqual(JSON.parse(value), { removed: 0, ...unknown })
    })
})

suite('keys forget', () => {
  const project = new Project()
  before(async () => {
    project.writeConfig('sqlite:./sessions.db')
    project.write('.env', `STRONGROOM_SECRETS=${SECRET}\n`)
    const visit = createSessions({ store: sqlite(project.path('sessions.db')), secrets: OLDER }).open({})
    ;(await visit.get()).login('ada')
    await visit.commit()
  })
  after(() => project.remove())

  test('keys forget forgets a secret that was removed, once, and none that is in use', async () => {
    const forget = (kid: number) => project.run(['keys', 'forget', `${kid}`])
    assert.equal((await forget(kidOf(SECRET))).code, 2)
    const done = await forget(kidOf(OLDER))
    assert.deepEqual([done.code, done.out], [0, `Forgot the secret with key id ${kidOf(OLDER)}.\n`])
    assert.equal((await forget(kidOf(OLDER))).code, 3)
    for (const kid of ['256', '1000', '-1', '1.5', 'x']) {
      const { code, err } = await project.run(['keys', 'forget', '--', kid])
      assert.equal(code, 2)
      assert.match(err, /A key id is a whole number from 0 to 255\./)
    }
    assert.equal((await project.run(['keys', 'forget', '255'])).code, 3)
    assert.equal((await project.run(['revoke-all', '--user', 'ada', '--yes'])).code, 0)
  })
})
