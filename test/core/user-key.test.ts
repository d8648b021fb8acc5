import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'

type Revoked = Extract<SessionEvent, { type: 'revoked' }>

/** Two browsers of ada's and one of eve's, with a socket for each session, that is closed by the event as the documentation says. */
async function connected() {
  const { sessions, events, visitor } = fixture()
  const browsers = await Promise.all(
    ['ada', 'ada', 'eve'].map(async (userId) => {
      const browser = visitor()
      await browser.visit((session) => session.login(userId))
      const handle = await browser.visit((session) => session.handle)
      return { browser, socket: { userId, handle } }
    }),
  )
  events.length = 0
  const closed = () => {
    const revoked = events.filter((event): event is Revoked => event.type === 'revoked')
    return browsers.map(({ socket: { userId, handle } }) =>
      revoked.some(
        (event) => event.handle === handle || (event.user === sessions.userKey(userId) && event.except !== handle),
      ),
    )
  }
  const browser = (i: number) => browsers[i]?.browser as NonNullable<(typeof browsers)[0]>['browser']
  return { sessions, events, browser, closed, handle: browsers[0]?.socket.handle as string }
}

describe('the sockets of sessions that were ended', () => {
  it('are found by an event, for all sessions of a user and no other’s', async () => {
    const { sessions, closed } = await connected()
    await sessions.of('ada').revokeAll()
    assert.deepEqual(closed(), [true, true, false])
  })

  it('are found for all others, and that of the session that goes on stays open', async () => {
    const { sessions, browser, closed } = await connected()
    await browser(0).visit((session) => sessions.of('ada').revokeOthers(session))
    assert.deepEqual(closed(), [false, true, false])
  })

  it('are found when an operator ends all but one', async () => {
    const { sessions, closed, handle } = await connected()
    await (sessions.of('ada') as unknown as { revokeAllBut(handle: string): Promise<number> }).revokeAllBut(handle)
    assert.deepEqual(closed(), [false, true, false])
  })

  it('are found for one session, by its handle', async () => {
    const { sessions, closed, handle } = await connected()
    await sessions.of('ada').revoke(handle)
    assert.deepEqual(closed(), [true, false, false])
  })

  it('are found when the visitor whose session ends all is somebody else', async () => {
    const { sessions, browser, closed } = await connected()
    await browser(2).visit((session) => sessions.of('ada').revokeOthers(session))
    assert.deepEqual(closed(), [true, true, false])
  })
})

describe('the key of a user in events', () => {
  it('does not contain the user id, and is another in each namespace and under each secret', () => {
    const key = (options: object) => createSessions({ store: 'memory:', ...options }).userKey('ada')
    const keys = [{ secrets: secret('a') }, { secrets: secret('b') }, { secrets: secret('a'), namespace: 'shop' }].map(
      key,
    )
    assert.equal(new Set(keys).size, 3)
    assert.equal(key({ secrets: secret('a') }), keys[0])
    for (const one of keys) assert.match(one, /^[\w-]{22}$/)
  })

  it('is all that an event says of the user', async () => {
    const { sessions, events } = await connected()
    await sessions.of('ada').revokeAll()
    assert.ok(!JSON.stringify(events).includes('ada'))
  })

  it('is refused for what is no user id', () => {
    const sessions = createSessions({ store: 'memory:', secrets: secret('a') })
    assert.throws(() => sessions.userKey(''), TypeError)
  })
})
