import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'

interface Data {
  basket: string[]
  theme: string
}

const secrets = randomBytes(32)
const UNIX_FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

suite('sessionFor', () => {
  test('creates the cookie of a logged-in user with data', async () => {
    const sessions = createSessions<Data>({ store: memory(), secrets })
    const made = await sessionFor(sessions, { userId: 'ada', data: { basket: ['tea'] } })
    const session = await sessions.read({ cookie: made.cookie })
    assert.equal(session.userId, 'ada')
    assert.deepEqual(session.get('basket'), ['tea'])
    assert.equal(session.handle, made.handle)
  })

  test('creates a session as a request would, with its device in the list of the user', async () => {
    const sessions = createSessions<Data>({ store: memory(), secrets })
    const { handle } = await sessionFor(sessions, { userId: 'ada', headers: { 'user-agent': UNIX_FIREFOX } })
    const [device, ...others] = await sessions.of('ada').list()
    assert.deepEqual([device?.handle, device?.label, others], [handle, 'Firefox on Linux', []])
    assert.equal(await sessions.of('ada').revoke(handle), true)
  })

  test('passes the options of the login on, such as a level', async () => {
    const sessions = createSessions<Data>({ store: memory(), secrets })
    const login = { method: 'totp', level: 2, label: 'the tablet' }
    const { cookie } = await sessionFor(sessions, { userId: 'ada', login })
    const session = await sessions.read({ cookie })
    session.requireFresh('1m', { level: 2 })
    const [device] = await sessions.of('ada').list()
    assert.deepEqual([session.method, device?.label], ['totp', 'the tablet'])
  })

  test('works with sessions that are stored in the cookie', async () => {
    const sessions = createSessions<Data>({ store: cookie(), secrets })
    const made = await sessionFor(sessions, { data: { theme: 'dark' } })
    assert.equal((await sessions.read({ cookie: made.cookie })).get('theme'), 'dark')
  })

  test('refuses to create a session that would not be saved, and refuses unknown options', async () => {
    const sessions = createSessions<Data>({ store: memory(), secrets })
    await assert.rejects(sessionFor(sessions, {}), /needs a userId or some data/)
    await assert.rejects(
      sessionFor(sessions, { user: 'ada' } as never),
      /Unknown option "user".*userId, login, data, headers/,
    )
  })
})
