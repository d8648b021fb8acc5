import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Clock } from '../../packages/strongroom/src/store.ts'
import { main, OLDER, Project, SECRET } from './project.ts'

const kidOf = (secret: string) => createKeyring(secret).current.kid

suite('keys new', () => {
  const project = new Project()
  after(() => project.remove())

  test('keys new prints a valid secret, and nothing else', async () => {
    const { code, out, err } = await project.run(['keys', 'new'])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^[\w-]{43}\n$/)
    assert.equal(Buffer.from(out.trim(), 'base64url').length, 32)
    assert.equal(createKeyring(out).masters.length, 1)
  })

  test('keys new fails when nobody gets the secret', { skip: process.platform === 'win32' }, () => {
    for (const to of ['>&-', '> /dev/null']) {
      const { status, stderr } = spawnSync('/bin/sh', ['-c', `"$0" "$1" keys new ${to}`, process.execPath, main], {
        cwd: project.dir,
        encoding: 'utf8',
      })
      assert.equal(status, 1, to)
      assert.match(
        stderr,
        /^strongroom: The new secret would be lost: standard output is closed, or it is the null device\.\n$/,
      )
    }
  })

  test('keys new finds the one key id that 255 others leave', async () => {
    const ring = new Map<number, string>()
    while (ring.size < 255) {
      const secret = randomBytes(32).toString('base64url')
      ring.set(kidOf(secret), secret)
    }
    const { out } = await project.run(['keys', 'new'], { env: { STRONGROOM_SECRETS: [...ring.values()].join(',') } })
    assert.ok(!ring.has(kidOf(out.trim())))
  })

  test('keys new also reads the secrets in .env', async () => {
    project.write('.env', 'STRONGROOM_SECRETS=changeme\n')
    const { code, out, err } = await project.run(['keys', 'new'])
    assert.equal(code, 0)
    assert.match(out, /^[\w-]{43}\n$/)
    assert.match(err, /^strongroom: warning: the value of STRONGROOM_SECRETS was ignored\. Secret 1 has 8 bytes.*\n$/)
    rmSync(project.path('.env'))
  })
})

suite('keys list', () => {
  let project: Project
  const store = (clock: Clock) => sqlite({ path: project.path('sessions.db'), clock })
  const [current, retired] = [kidOf(SECRET), kidOf(OLDER)]
  before(async () => {
    project = new Project()
    project.writeConfig('sqlite:./sessions.db')
    project.write('.env', `STRONGROOM_SECRETS=${SECRET},${OLDER}\n`)
    await project.fill(store, { user: 'ada', count: 3, age: 60_000, secrets: OLDER })
    await project.fill(store, { user: 'ada', count: 2 })
  })
  after(() => project.remove())

  test('keys list prints the key ids of the config, the current one first', async () => {
    const { code, out, err } = await project.run(['keys', 'list'])
    assert.deepEqual([code, err], [0, ''])
    assert.equal(out.replace(/ +/g, ' '), `Position Key id State\n1 ${current} current\n2 ${retired} retired\n`)
  })

  test('keys list prints the key ids of the environment when there is no config', async () => {
    const elsewhere = new Project()
    const env = { STRONGROOM_SECRETS: `${OLDER} ${SECRET}` }
    const { out } = await elsewhere.run(['keys', 'list', '--json'], { env })
    assert.deepEqual(JSON.parse(out), {
      keys: [
        { position: 1, kid: retired, state: 'current' },
        { position: 2, kid: current, state: 'retired' },
      ],
    })
    const none = await elsewhere.run(['keys', 'list'])
    assert.equal(none.code, 2)
    const uncounted = await elsewhere.run(['keys', 'list', '--count'], { env })
    assert.equal(uncounted.code, 2)
    assert.match(uncounted.err, /There is no strongroom\.config\.ts in this folder/)
    elsewhere.remove()
  })

  test('keys list --count prints how many live sessions need each key', async () => {
    const { code, out, err } = await project.run(['keys', 'list', '--count', '--json'])
    assert.deepEqual([code, err], [0, ''])
    assert.deepEqual(JSON.parse(out), {
      keys: [
        { position: 1, kid: current, state: 'current', sessions: 2 },
        { position: 2, kid: retired, state: 'retired', sessions: 3 },
      ],
      unsealed: 0,
      otherNamespaces: 0,
    })
    const { out: text } = await project.run(['keys', 'list', '--count'])
    assert.match(text, new RegExp(`^2 +${retired} +retired +3$`, 'm'))
    assert.match(
      text,
      /^A retired secret can be removed when no session needs it; then run keys forget with its key id\. /m,
    )
  })

  test('keys list --count finds sessions that need a key that was removed', async () => {
    const env = { STRONGROOM_SECRETS: SECRET }
    const { out } = await project.run(['keys', 'list', '--count', '--json'], { env })
    assert.deepEqual(JSON.parse(out).keys[1], { position: null, kid: retired, state: 'unknown', sessions: 3 })
    const { out: text } = await project.run(['keys', 'list', '--count'], { env })
    assert.match(text, /unknown key cannot be opened/)
  })

  test('records that are not sealed are counted separately, and under the key that their sessions began under', async () => {
    const store = memory()
    const sessions = createSessions({ store, secrets: SECRET, seal: 'none' })
    const visit = sessions.open({})
    const session = await visit.get()
    session.set('a', 1)
    await visit.commit()
    const { needed, unsealed } = await sessions.keyUse()
    assert.deepEqual([needed, unsealed], [new Map([[current, 1]]), 1])
    await store.close()
  })
})
