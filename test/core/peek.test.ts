import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { NotAttachedError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import type { TimeLeft } from '../../packages/strongroom/src/request/peek.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

const [MINUTE, HOUR] = [60_000, 3_600_000]
const LIMITS = { idle: '30m', absolute: '12h' } as const

type Peek = (request: object) => Promise<TimeLeft | null>

/** A whole request that peeks, and what else its handler does. */
async function peekOf<Data extends object>(
  peek: Peek,
  guest: Visitor<Data>,
  before: (begun: ReturnType<Visitor<Data>['begin']>) => unknown = () => {},
) {
  const begun = guest.begin()
  await before(begun)
  const left = await peek(begun.request)
  return { left, outcome: await begun.respond() }
}

describe('peek', () => {
  it('tells how long a signed-in session still lives: unused, and in all', async () => {
    const { sessions, visitor, clock } = fixture(LIMITS)
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    clock.advance(10 * MINUTE)
    const { left } = await peekOf(sessions.peek, guest)
    assert.deepEqual(left, { expiresIn: 20 * MINUTE, endsIn: 12 * HOUR - 10 * MINUTE, canExtend: true })
  })

  it('is null for a visitor without a session, for one who is anonymous, and after the end', async () => {
    const { sessions, visitor, clock } = fixture(LIMITS)
    const guest = visitor()
    assert.equal((await peekOf(sessions.peek, guest)).left, null)
    await guest.visit((session) => session.set('basket', ['tea']))
    assert.equal((await peekOf(sessions.peek, guest)).left, null)
    await guest.visit((session) => session.login('ada'))
    clock.advance(30 * MINUTE)
    assert.equal((await peekOf(sessions.peek, guest)).left, null)
  })

  it('can extend nothing without an idle limit, nor when the absolute deadline comes first', async () => {
    const { sessions, visitor, clock } = fixture(LIMITS)
    const guest = visitor()
    await guest.visit((session) => session.login('ada', { remember: '1d' }))
    assert.deepEqual((await peekOf(sessions.peek, guest)).left, {
      expiresIn: 24 * HOUR,
      endsIn: 24 * HOUR,
      canExtend: false,
    })
    await guest.visit((session) => session.login('ada'))
    await guest.visit((session) => session.setExpiry({ idle: '30m', absolute: '40m' }))
    clock.advance(20 * MINUTE)
    await guest.visit((session) => session.get('basket'))
    assert.deepEqual((await peekOf(sessions.peek, guest)).left, {
      expiresIn: 20 * MINUTE,
      endsIn: 20 * MINUTE,
      canExtend: false,
    })
  })

  it('moves no deadline and sends no cookie, whatever else reads the session in the same request', async () => {
    for (const options of [LIMITS, { ...LIMITS, saveEveryRequest: true }]) {
      const { sessions, visitor, clock, calls } = fixture(options)
      const guest = visitor()
      await guest.visit((session) => session.login('ada'))
      clock.advance(10 * MINUTE)
      calls.length = 0
      const readers = [
        () => {},
        (begun: ReturnType<typeof guest.begin>) => begun.session(),
        async (begun: ReturnType<typeof guest.begin>) => {
          await begun.session()
          await sessions.peek(begun.request)
          await begun.save()
        },
      ]
      for (const read of readers) {
        const { left, outcome } = await peekOf(sessions.peek, guest, read)
        assert.equal(left?.expiresIn, 20 * MINUTE)
        assert.deepEqual([outcome.setCookie, outcome.used], [null, true])
      }
      assert.deepEqual(
        calls.filter((call) => call !== 'read'),
        [],
      )
    }
  })

  it('leaves it to a request that also reads to be sent the token that renewEvery has put in the place of its own', async () => {
    const { sessions, visitor, clock } = fixture({ renewEvery: '5m', ...LIMITS })
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    clock.advance(10 * MINUTE)
    const old = guest.copy()
    await guest.visit((session) => session.userId)
    assert.notEqual(guest.cookie, old.cookie)
    clock.advance(MINUTE)
    assert.equal((await peekOf(sessions.peek, old)).outcome.setCookie, null)
    const begun = old.begin()
    assert.equal((await sessions.peek(begun.request))?.expiresIn, 29 * MINUTE)
    await begun.session()
    await begun.respond()
    assert.equal(old.cookie, guest.cookie)
    assert.equal((await peekOf(sessions.peek, guest)).left?.expiresIn, 29 * MINUTE)
  })

  it('saves what the same request has changed all the same', async () => {
    const { sessions, visitor, clock } = fixture(LIMITS)
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    clock.advance(10 * MINUTE)
    await peekOf(sessions.peek, guest, async (begun) => (await begun.session()).set('seen', 1))
    await guest.visit((session) => assert.equal(session.get('seen'), 1))
  })

  it('is followed by an ordinary request that extends the session', async () => {
    const { sessions, visitor, clock } = fixture(LIMITS)
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    clock.advance(28 * MINUTE)
    assert.equal((await peekOf(sessions.peek, guest)).left?.expiresIn, 2 * MINUTE)
    await guest.visit(() => {})
    assert.equal((await peekOf(sessions.peek, guest)).left?.expiresIn, 30 * MINUTE)
  })

  it('rejects while the store is down, also where pages go on: an outage signs nobody out', async () => {
    const { sessions, visitor, fail } = fixture({ ...LIMITS, onStoreError: 'anonymous' })
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    fail.when = () => new Error('down')
    const begun = guest.begin()
    await assert.rejects(sessions.peek(begun.request), StoreError)
    assert.equal((await begun.respond()).setCookie, null)
  })

  it('asks the store, not a copy that is older than a request of another tab', async () => {
    const clock = manualClock()
    const durable = memory({ clock })
    const start = () =>
      createSessions({
        ...LIMITS,
        store: cached({ durable, cache: memory({ clock, evicts: true }), clock }),
        secrets: secret('peek'),
        clock,
        sweep: false,
      })
    const [here, there] = [start(), start()]
    const guest = visitor(here)
    await guest.visit((session) => session.login('ada'))
    const tab = visitor(there, undefined, guest.cookie)
    await tab.visit((session) => session.userId)
    clock.advance(20 * MINUTE)
    await guest.visit((session) => session.userId)
    assert.equal((await peekOf(there.peek, tab)).left?.expiresIn, 30 * MINUTE)
  })

  it('works for sessions in cookies, whose deadline is in the cookie', async () => {
    const clock = manualClock()
    for (const store of [cookie(), cookie({ revocations: memory({ clock }) })] as SessionsOptions['store'][]) {
      const sessions = createSessions({ ...LIMITS, store, secrets: secret('peek'), clock, sweep: false })
      const guest = visitor(sessions)
      await guest.visit((session) => session.login('ada'))
      clock.advance(10 * MINUTE)
      const { left, outcome } = await peekOf(sessions.peek, guest)
      assert.deepEqual([left?.expiresIn, outcome.setCookie], [20 * MINUTE, null])
    }
  })

  it('takes the request that came through an adapter', async () => {
    await assert.rejects(fixture().sessions.peek({}), NotAttachedError)
  })
})
