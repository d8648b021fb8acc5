import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { AnonymousOptions } from '../../packages/strongroom/src/index.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import type { Visitor } from './fixtures/visitor.ts'

const MINUTE = 60_000

/** A visitor without a session puts something into one. Was it stored? */
// biome-ignore lint/suspicious/noExplicitAny: whatever the data
async function isStored(visitor: Visitor<any>): Promise<boolean> {
  await visitor.visit((session) => session.set('a', 1))
  return visitor.visit((session) => session.get('a') === 1)
}

describe('the lifetimes of anonymous sessions', () => {
  it('are their own, and those of users stay as they are', async () => {
    const { visitor, clock } = fixture({ anonymous: { idle: '5m', absolute: '1h' } })
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    await guest.visit((session) => {
      assert.equal(session.expiresAt?.getTime(), clock() + 5 * MINUTE)
      assert.equal(session.endsAt?.getTime(), clock() + 60 * MINUTE)
    })
    const other = guest.copy()
    await guest.visit((session) => session.login('ada'))
    await guest.visit((session) => {
      assert.equal(session.expiresAt?.getTime(), clock() + 30 * MINUTE)
      assert.equal(session.endsAt?.getTime(), clock() + 12 * 60 * MINUTE)
    })
    const idler = visitor()
    await idler.visit((session) => session.set('a', 1))
    clock.advance(5 * MINUTE)
    await idler.visit((session) => assert.equal(session.isNew, true))
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
    await other.visit((session) => assert.equal(session.userId, null))
  })

  it('hold for what begins after a logout, and setExpiry(null) restores them', async () => {
    const { visitor, clock } = fixture({ anonymous: { idle: '5m', absolute: '1h' } })
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    await guest.visit((session) => {
      session.logout()
      session.flash('notice', 'Goodbye.')
    })
    await guest.visit((session) => assert.equal(session.endsAt?.getTime(), clock() + 60 * MINUTE))
    await guest.visit((session) => session.setExpiry({ idle: '20m', absolute: '2h' }))
    await guest.visit((session) => assert.equal(session.expiresAt?.getTime(), clock() + 20 * MINUTE))
    await guest.visit((session) => session.setExpiry(null))
    await guest.visit((session) => {
      assert.equal(session.expiresAt?.getTime(), clock() + 5 * MINUTE)
      assert.equal(session.endsAt?.getTime(), clock() + 60 * MINUTE)
    })
  })

  it('are those of all others where only one is named, as far as that goes', async () => {
    const facts = (anonymous: AnonymousOptions, idle: string | null = '30m') =>
      fixture({ anonymous, idle }).sessions.policy.anonymous
    assert.deepEqual(facts({ absolute: '10m' }), { idle: 10 * MINUTE, absolute: 10 * MINUTE, perMinute: null })
    assert.deepEqual(facts({ idle: '1m' }), { idle: MINUTE, absolute: 720 * MINUTE, perMinute: null })
    assert.deepEqual(facts({ perMinute: 7 }, null), { idle: 0, absolute: 720 * MINUTE, perMinute: 7 })
    assert.equal(fixture().sessions.policy.anonymous, undefined)
  })

  it('are refused when they are wrong, or longer than those of users', () => {
    const wrong: [object, RegExp][] = [
      [{ idle: '31m' }, /anonymous: idle is longer than the option idle/],
      [{ absolute: '13h' }, /anonymous: absolute is longer than the option absolute/],
      [{ idle: '20m', absolute: '10m' }, /idle is longer than absolute, so no session/],
      [{ idle: null }, /anonymous: idle must be/],
      [{ absolute: 'short' }, /anonymous: absolute must be/],
      [{ perMinute: 0 }, /"perMinute" of anonymous must be a whole number of at least 1/],
      [{ perMinute: 1.5 }, /perMinute/],
      [{ perHour: 1 }, /Unknown option "perHour" for anonymous/],
    ]
    for (const [anonymous, message] of wrong)
      assert.throws(
        () => fixture({ anonymous }),
        (error) => error instanceof ConfigError && message.test(error.message),
      )
    assert.throws(() => fixture({ anonymous: true as never }), ConfigError)
    const options = { secrets: secret('a'), store: cookie(), anonymous: { idle: '5m' } }
    assert.throws(() => worker.createSessions(options), /'strongroom\/stores'/)
  })
})

describe('a budget for anonymous sessions', () => {
  afterEach(() => mock.timers.reset())

  it('bounds how many are created in any minute, wherever that begins', async () => {
    const { visitor, clock } = fixture({ anonymous: { perMinute: 6 } })
    const began = clock()
    const stored: number[] = []
    for (; clock() < began + 5 * MINUTE; clock.advance(1700)) if (await isStored(visitor())) stored.push(clock())
    for (const at of stored) {
      const within = stored.filter((other) => other >= at && other < at + MINUTE).length
      assert.ok(within <= 6, `${within} in a minute`)
    }
    assert.ok(stored.length >= 4 * 6, 'it is spent, and not less')
  })

  it('goes on when the clock jumps back, and does not grow by that', async () => {
    const { visitor, clock } = fixture({ anonymous: { perMinute: 2 } })
    assert.deepEqual(
      [await isStored(visitor()), await isStored(visitor()), await isStored(visitor())],
      [true, true, false],
    )
    clock.advance(-3_600_000)
    assert.equal(await isStored(visitor()), false)
    clock.advance(61_000)
    assert.equal(await isStored(visitor()), true)
  })

  it('never touches sessions that exist, users, or logins', async () => {
    const { visitor } = fixture({ anonymous: { perMinute: 1 } })
    const guest = visitor()
    const ada = visitor()
    await ada.visit((session) => session.login('ada'))
    assert.equal(await isStored(guest), true)
    assert.equal(await isStored(visitor()), false)
    await guest.visit((session) => session.set('b', 2))
    await guest.visit((session) => assert.equal(session.get('b'), 2))
    await ada.visit((session) => session.set('b', 2))
    const bob = visitor()
    await bob.visit((session) => session.set('a', 1).login('bob'))
    await bob.visit((session) => assert.deepEqual([session.userId, session.get('a')], ['bob', 1]))
    // A message of goodbye takes the place of a session.
    await ada.visit((session) => {
      assert.equal(session.get('b'), 2)
      session.logout()
      session.flash('notice', 'Goodbye.')
    })
    await ada.visit((session) => assert.deepEqual(session.flash('notice'), ['Goodbye.']))
    // What is emptied, and filled again, is the same session.
    await guest.visit((session) => session.clear())
    await guest.visit((session) => session.set('c', 3))
    await guest.visit((session) => assert.equal(session.get('c'), 3))
  })

  it('is not evaded by a logout of somebody who has no session', async () => {
    const { visitor } = fixture({ anonymous: { perMinute: 1 } })
    assert.equal(await isStored(visitor()), true)
    const guest = visitor()
    await guest.visit((session) => {
      session.logout()
      session.set('a', 1)
    })
    await guest.visit((session) => assert.deepEqual([session.isNew, session.get('a')], [true, undefined]))
  })

  it('is not evaded by many parallel logouts of one session, each of which leaves something behind', async () => {
    for (const userId of [null, 'ada']) {
      const { visitor, events } = fixture({ anonymous: { perMinute: 3 } })
      const guest = visitor()
      await guest.visit((session) => (userId ? session.login(userId) : session.set('a', 1)))
      const tabs = Array.from({ length: 30 }, () => Object.assign(visitor(), { cookie: guest.cookie }))
      await Promise.all(
        tabs.map((tab) =>
          tab.visit((session) => {
            session.logout()
            session.flash('said', 'Goodbye')
          }),
        ),
      )
      // The visitor's, if nobody was signed in; one in place of what was ended; and what is left of the budget.
      const created = events.filter((event) => event.type === 'created' && !event.authenticated).length
      assert.equal(created, userId === null ? 1 + 1 + 2 : 1 + 3, `${userId}`)
    }
  })

  it('leaves the data of the request that it refuses readable in it, and in no later one, with no error and no cookie', async () => {
    const { visitor, calls } = fixture({ anonymous: { perMinute: 1 } })
    assert.equal(await isStored(visitor()), true)
    calls.length = 0
    const guest = visitor()
    const { session, save, respond } = guest.begin()
    const here = await session()
    here.set('a', 1)
    await save()
    assert.deepEqual([here.get('a'), here.isNew, here.handle], [1, true, null])
    assert.equal((await respond()).setCookie, null)
    assert.deepEqual(calls, [])
    await guest.visit((session) => assert.equal(session.get('a'), undefined))
  })

  it('counts a request once, and one that is refused stays refused until its response', async () => {
    const { visitor, clock, events } = fixture({ anonymous: { perMinute: 2 } })
    const guest = visitor()
    const { session, save, respond } = guest.begin()
    ;(await session()).set('a', 1)
    await save()
    ;(await session()).set('a', 2)
    await save()
    await respond()
    assert.equal(await isStored(visitor()), true)
    const refused = visitor().begin()
    ;(await refused.session()).set('a', 1)
    await refused.save()
    clock.advance(2 * MINUTE)
    assert.equal((await refused.respond()).setCookie, null)
    assert.deepEqual(
      events.filter(({ type }) => type === 'anonymousRefused'),
      [{ type: 'anonymousRefused', count: 1 }],
    )
  })

  it('lets a login of a refused request pass', async () => {
    const { visitor } = fixture({ anonymous: { perMinute: 1 } })
    assert.equal(await isStored(visitor()), true)
    const guest = visitor()
    const { session, save, respond } = guest.begin()
    ;(await session()).set('a', 1)
    await save()
    ;(await session()).login('ada')
    await respond()
    await guest.visit((session) => assert.deepEqual([session.userId, session.get('a')], ['ada', 1]))
  })

  it('tells of the first refusal immediately, and of those that follow once a minute, while there are any', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    const { visitor, events } = fixture({ anonymous: { perMinute: 1 } })
    const told = () => events.flatMap((event) => (event.type === 'anonymousRefused' ? [event.count] : []))
    for (let n = 0; n < 5; n++) await isStored(visitor())
    assert.deepEqual(told(), [1])
    mock.timers.tick(MINUTE)
    assert.deepEqual(told(), [1, 3])
    await isStored(visitor())
    assert.deepEqual(told(), [1, 3])
    mock.timers.tick(MINUTE)
    assert.deepEqual(told(), [1, 3, 1])
    mock.timers.tick(10 * MINUTE)
    assert.deepEqual(told(), [1, 3, 1])
    await isStored(visitor())
    assert.deepEqual(told(), [1, 3, 1, 1])
  })
})
