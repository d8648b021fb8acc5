import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEndReason } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { secret } from '../core/fixtures/secret.ts'

const [SECOND, MINUTE] = [1000, 60_000]
const EVERY = 10 * SECOND

/** A connection of somebody whose session is renewed by time while it lasts. */
async function connected(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const clock = manualClock()
  const sessions = createSessions({
    store: memory({ clock }),
    secrets: secret('a'),
    clock,
    sweep: false,
    idle: '8h',
    renewEvery: '15m',
    onReuse: 'end',
  })
  const watcher = sessions.watcher({ every: EVERY, maxUnknown: 5 * MINUTE })
  t.after(() => watcher.close())
  const { cookie } = await sessionFor(sessions, { userId: 'ada' })
  const ends: SessionEndReason[] = []
  watcher.watch(await sessions.read({ headers: { cookie } }), ({ reason }) => ends.push(reason))
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += EVERY / 20) {
      clock.advance(EVERY / 20)
      t.mock.timers.tick(EVERY / 20)
      await turn()
      await turn()
    }
  }
  const request = async (header: string) => {
    const visit = sessions.open({ cookie: header })
    const session = await visit.get()
    const { setCookie } = await visit.commit()
    await turn()
    return { userId: session.userId, cookie: setCookie?.split(';', 1)[0] ?? header }
  }
  return { cookie, ends, pass, request }
}

suite('a connection whose session is renewed by time', () => {
  test('goes on when its token is renewed, seen, and over', async (t) => {
    const { cookie, ends, pass, request } = await connected(t)
    await pass(15 * MINUTE)
    const { cookie: next } = await request(cookie)
    assert.notEqual(next, cookie)
    await pass(MINUTE)
    await request(next)
    await pass(MINUTE)
    assert.deepEqual(ends, [])
    assert.equal((await request(next)).userId, 'ada')
  })

  test('does not count as a request with the new token', async (t) => {
    const { cookie, pass, request } = await connected(t)
    await pass(15 * MINUTE)
    const { cookie: next } = await request(cookie)
    await pass(10 * MINUTE)
    assert.deepEqual(await request(cookie), { userId: 'ada', cookie: next })
  })

  test('ends with the session, when a token that came back ends that', async (t) => {
    const { cookie, ends, pass, request } = await connected(t)
    await pass(15 * MINUTE)
    const { cookie: next } = await request(cookie)
    await request(next)
    await pass(31 * SECOND)
    assert.deepEqual(ends, [])
    assert.equal((await request(cookie)).userId, null)
    assert.deepEqual(ends, ['revoked'])
  })
})
