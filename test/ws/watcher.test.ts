import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { type SessionEndReason, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Id, Store } from '../../packages/strongroom/src/index.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import type { Watch } from '../../packages/strongroom/src/request/watcher.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { secret } from '../core/fixtures/secret.ts'

const MINUTE = 60_000
const EVERY = 10_000
/** A twentieth of the interval. */
const TICK = EVERY / 20

/** Two servers with one store, whose time and timers the test moves, and whose store it can break. */
function setUp(t: TestContext, options: Partial<SessionsOptions> = {}, maxUnknown = 5 * MINUTE) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const clock = manualClock()
  const inner = memory({ clock })
  const broken = { reads: false, asked: 0, most: 0, hold: Promise.resolve() }
  const store = Object.assign(Object.create(inner) as Store, {
    readSync: undefined,
    updateSync: undefined,
    traits: inner.traits,
    byOwner: inner.byOwner,
  })
  for (const method of ['create', 'update', 'touch', 'delete', 'clearExpired', 'close', 'scan'] as const)
    Object.assign(store, { [method]: (inner[method] as (...args: unknown[]) => unknown).bind(inner) })
  store.read = async (...args) => {
    broken.asked++
    if (broken.reads) throw new StoreError('down')
    const found = await inner.read(...args)
    await broken.hold
    return found
  }
  const events: string[] = []
  const make = (more: Partial<SessionsOptions> = {}) =>
    createSessions({
      store,
      secrets: secret('watcher'),
      sweep: false,
      clock,
      memo: false,
      on: ({ type }) => events.push(type),
      ...options,
      ...more,
    } as SessionsOptions) as Sessions
  const [here, there] = [make(), make()]
  const watcher = here.watcher({ every: EVERY, maxUnknown })
  t.after(() => watcher.close())

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += TICK) {
      clock.advance(Math.min(TICK, ms - passed))
      const before = broken.asked
      t.mock.timers.tick(TICK)
      await turn()
      await turn()
      broken.most = Math.max(broken.most, broken.asked - before)
    }
  }

  async function watch(cookies: string): Promise<{ ends: SessionEndReason[]; watch: Watch }> {
    const ends: SessionEndReason[] = []
    const session = await here.read({ headers: { cookie: cookies } })
    return { ends, watch: watcher.watch(session, ({ reason }) => ends.push(reason)) }
  }

  async function act(
    sessions: Sessions,
    cookies: string,
    change: (session: Awaited<ReturnType<Sessions['get']>>) => unknown,
  ) {
    const visit = sessions.open({ cookie: cookies })
    await change(await visit.get())
    const { setCookie } = await visit.commit()
    return setCookie?.split(';')[0] ?? cookies
  }

  return { clock, broken, inner, store, events, make, here, there, watcher, pass, watch, act }
}

suite('deadlines close connections', () => {
  test('an idle deadline, soon after it has passed and not before', async (t) => {
    const { here, pass, watch } = setUp(t, { idle: '30m' })
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    await pass(29 * MINUTE)
    assert.deepEqual(ends, [])
    await pass(MINUTE)
    assert.deepEqual(ends, ['expired'])
  })

  test('asking does not extend the session', async (t) => {
    const { here, there, pass, watch } = setUp(t, { idle: '30m' })
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    await watch(cookie)
    await pass(31 * MINUTE)
    assert.equal((await there.read({ headers: { cookie } })).userId, null)
  })

  test('a request that uses the session, here or elsewhere, moves the idle deadline of its connections', async (t) => {
    const { here, there, pass, watch, act } = setUp(t, { idle: '30m' })
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const { ends } = await watch(cookie)
    await pass(20 * MINUTE)
    await act(there, cookie, () => {})
    await pass(20 * MINUTE)
    assert.deepEqual(ends, [])
    await pass(11 * MINUTE)
    assert.deepEqual(ends, ['expired'])
  })

  test('messages count as use until the absolute deadline', async (t) => {
    const { here, there, pass, watch } = setUp(t, { idle: '30m', absolute: '2h' })
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const connection = await watch(cookie)
    for (let minutes = 0; minutes < 110; minutes += 10) {
      connection.watch.touch()
      await pass(10 * MINUTE)
    }
    assert.deepEqual(connection.ends, [])
    assert.equal((await there.read({ headers: { cookie } })).userId, 'ada')
    connection.watch.touch()
    await pass(10 * MINUTE)
    assert.deepEqual(connection.ends, ['expired'])
  })

  test('messages also count as use of a session that was renewed since', async (t) => {
    const { here, pass, watch, act } = setUp(t, { idle: '30m' })
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const { ends, watch: one } = await watch(cookie)
    const renewed = await act(here, cookie, (session) => session.renew())
    for (const _ of Array(6)) {
      one.touch()
      await pass(10 * MINUTE)
    }
    assert.deepEqual(ends, [])
    assert.equal((await here.read({ headers: { cookie: renewed } })).userId, 'ada')
    await pass(30 * MINUTE)
    assert.deepEqual(ends, ['expired'])
  })

  test('an idle limit shorter than the interval does not close a connection that is used', async (t) => {
    const { here, pass, watch } = setUp(t, { idle: EVERY / 2 })
    const { ends, watch: one } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    for (let passed = 0; passed < 3 * EVERY; passed += TICK) {
      one.touch()
      await pass(TICK)
    }
    assert.deepEqual(ends, [])
    await pass(EVERY / 2 + TICK)
    assert.deepEqual(ends, ['expired'])
  })

  test('a session that was remembered at a later login of the same user has the later deadline', async (t) => {
    const { here, there, pass, watch, act } = setUp(t, { idle: '30m', absolute: '1h' })
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const { ends } = await watch(cookie)
    await act(there, cookie, (session) => session.login('ada', { remember: '3h' }))
    await pass(170 * MINUTE)
    assert.deepEqual(ends, [])
    await pass(11 * MINUTE)
    assert.deepEqual(ends, ['expired'])
  })

  test('an earlier end that a request has set is noticed within the interval', async (t) => {
    const { here, there, pass, watch, act } = setUp(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const { ends } = await watch(cookie)
    await act(there, cookie, (session) => session.setExpiry({ absolute: 1_000 }))
    await pass(EVERY)
    // The store only says that it is absent, before the deadline that was known here.
    assert.deepEqual(ends, ['ended'])
  })

  test('an anonymous session that was renewed lives on, and ends when it expires', async (t) => {
    const { here, pass, watch, act } = setUp(t, { idle: '30m' })
    const { cookie } = await sessionFor(here, { data: { basket: 1 } })
    const { ends } = await watch(cookie)
    await pass(20 * MINUTE)
    await act(here, cookie, (session) => session.renew())
    await pass(29 * MINUTE)
    assert.deepEqual(ends, [])
    await pass(MINUTE + EVERY)
    // Its deadline is not known without its new token.
    assert.deepEqual(ends, ['ended'])
  })
})

suite('a connection is closed when', () => {
  const CREDENTIALS = new Map<string, string | null>()
  const credential = async (userId: string) => CREDENTIALS.get(userId) ?? null

  test('the credential has changed, within the interval', async (t) => {
    CREDENTIALS.set('ada', 'one')
    const { here, pass, watch } = setUp(t, { credential })
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    await pass(EVERY)
    assert.deepEqual(ends, [])
    CREDENTIALS.set('ada', 'two')
    await pass(EVERY)
    assert.deepEqual(ends, ['credential'])
  })

  test('the credential has changed after the token was renewed, and not by its own change', async (t) => {
    CREDENTIALS.set('ada', 'one')
    const { here, there, pass, watch, act } = setUp(t, { credential })
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const other = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    const { ends } = await watch(cookie)
    const renewed = await act(there, cookie, (session) => {
      CREDENTIALS.set('ada', 'two')
      session.credentialChanged()
    })
    await pass(EVERY)
    assert.deepEqual([ends, other.ends], [[], ['credential']])
    CREDENTIALS.set('ada', 'three')
    await pass(EVERY)
    assert.deepEqual(ends, ['credential'])
    assert.equal((await here.read({ headers: { cookie: renewed } })).userId, null)
  })

  test('the user is gone', async (t) => {
    CREDENTIALS.set('ada', 'one')
    const { here, pass, watch } = setUp(t, { credential })
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    CREDENTIALS.delete('ada')
    await pass(EVERY)
    assert.deepEqual(ends, ['credential'])
  })

  test('the database of credentials is down: no, that is unknown', async (t) => {
    let down = false
    const asked = async () => {
      if (down) throw new Error('down')
      return 'one'
    }
    const { here, pass, watch } = setUp(t, { credential: asked })
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    down = true
    await pass(4 * MINUTE)
    assert.deepEqual(ends, [])
    await pass(MINUTE + EVERY)
    assert.deepEqual(ends, ['unknown'])
  })

  test('its secret was removed, and not when it was only replaced', async (t) => {
    const { here, pass, watch } = setUp(t)
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    await here.reloadSecrets([secret('newer'), secret('watcher')])
    await pass(2 * EVERY)
    assert.deepEqual(ends, [])
    await here.reloadSecrets(secret('newer'))
    await pass(EVERY)
    assert.deepEqual(ends, ['ended'])
  })

  test('its anonymous session was signed in', async (t) => {
    const { here, watch, act } = setUp(t)
    const { cookie } = await sessionFor(here, { data: { basket: 1 } })
    const { ends } = await watch(cookie)
    await act(here, cookie, (session) => session.login('ada'))
    assert.deepEqual(ends, ['login'])
  })

  test('its anonymous session was signed in elsewhere', async (t) => {
    const { here, there, pass, watch, act } = setUp(t)
    const { cookie } = await sessionFor(here, { data: { basket: 1 } })
    const { ends } = await watch(cookie)
    await act(there, cookie, (session) => session.login('ada'))
    await pass(EVERY)
    assert.deepEqual(ends, ['login'])
  })

  test('its anonymous session was left empty', async (t) => {
    const { here, watch, act } = setUp(t)
    const { cookie } = await sessionFor(here, { data: { basket: 1 } })
    const { ends } = await watch(cookie)
    await act(here, cookie, (session) => session.clear())
    assert.deepEqual(ends, ['ended'])
  })

  test('a limit of sessions has ended it', async (t) => {
    const { here, watch, act } = setUp(t)
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    await act(here, '', (session) => session.login('ada', { limit: 1 }))
    assert.deepEqual(ends, ['revoked'])
  })

  test('an operator, or its user on another device, has ended it', async (t) => {
    const { here, watch } = setUp(t)
    const [one, two] = [await sessionFor(here, { userId: 'ada' }), await sessionFor(here, { userId: 'ada' })]
    const [first, second] = [await watch(one.cookie), await watch(two.cookie)]
    assert.equal(await here.revoke(one.handle), true)
    assert.deepEqual([first.ends, second.ends], [['revoked'], []])
    assert.equal(await here.of('ada').revoke(two.handle), true)
    assert.deepEqual(second.ends, ['revoked'])
  })

  test('its user has ended all others: the one that did so stays', async (t) => {
    const { here, pass, watch, act } = setUp(t)
    const [one, two] = [await sessionFor(here, { userId: 'ada' }), await sessionFor(here, { userId: 'ada' })]
    const [first, second] = [await watch(one.cookie), await watch(two.cookie)]
    const other = await watch((await sessionFor(here, { userId: 'bob' })).cookie)
    await act(here, one.cookie, (session) => here.of('ada').revokeOthers(session))
    assert.deepEqual([first.ends, second.ends, other.ends], [[], ['revoked'], []])
    await pass(2 * EVERY)
    assert.deepEqual(first.ends, [])
  })

  test('it ended between the request and the watch: the check finds that', async (t) => {
    const { here, there, watcher, act } = setUp(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const session = await here.read({ headers: { cookie } })
    await act(there, cookie, (one) => one.logout())
    const ends: string[] = []
    const watch = watcher.watch(session, ({ reason }) => ends.push(reason))
    assert.equal(await watch.check(), false)
    assert.deepEqual(ends, ['ended'])
  })

  test('a check that is under way has read the store before the end: another one follows', async (t) => {
    const { here, broken, inner, make, watch, act } = setUp(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const { ends, watch: one } = await watch(cookie)
    let release = () => {}
    broken.hold = new Promise((resolve) => {
      release = resolve
    })
    const first = one.check()
    await act(make({ store: inner }), cookie, (session) => session.logout())
    const second = one.check()
    release()
    assert.deepEqual([await first, await second], [true, false])
    assert.deepEqual(ends, ['ended'])
  })
})

suite('while the store does not answer', () => {
  test('a connection stays open until the stated bound, and is closed as unknown', async (t) => {
    const { here, broken, events, pass, watch } = setUp(t, { idle: '30m' })
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    await pass(EVERY)
    broken.reads = true
    await pass(5 * MINUTE - EVERY)
    assert.deepEqual(ends, [])
    assert.ok(events.includes('storeError'))
    await pass(2 * EVERY)
    assert.deepEqual(ends, ['unknown'])
  })

  test('a connection goes on when the store is back in time', async (t) => {
    const { here, broken, pass, watch } = setUp(t, { idle: '30m' })
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    for (const down of [true, false, true, false]) {
      broken.reads = down
      await pass(4 * MINUTE)
    }
    assert.deepEqual(ends, [])
  })

  test('a connection does not stay open past the deadline that is known', async (t) => {
    const { here, broken, pass, watch } = setUp(t, { idle: MINUTE })
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    broken.reads = true
    await pass(MINUTE - TICK)
    assert.deepEqual(ends, [])
    await pass(2 * TICK)
    assert.deepEqual(ends, ['unknown'])
  })

  test('an outage is reported once in a while, and not for each connection', async (t) => {
    const { here, broken, events, pass, watch } = setUp(t)
    for (let each = 0; each < 100; each++) await watch((await sessionFor(here, { userId: `user ${each}` })).cookie)
    broken.reads = true
    events.length = 0
    await pass(EVERY)
    assert.equal(events.filter((type) => type === 'storeError').length, 20)
  })
})

suite('asking costs little', () => {
  test('a thousand sessions are asked for once in the interval, and few of them at one moment', async (t) => {
    const { here, broken, pass, watch } = setUp(t)
    for (let each = 0; each < 1_000; each++) await watch((await sessionFor(here, { userId: `user ${each}` })).cookie)
    await pass(EVERY)
    broken.asked = broken.most = 0
    await pass(10 * EVERY)
    assert.ok(broken.asked >= 10_000 && broken.asked <= 10_500, `${broken.asked}`)
    assert.ok(broken.most <= 60, `${broken.most}`)
  })

  test('each of them is asked for within the interval, however many others come and go', async (t) => {
    const { here, there, pass, watch, act } = setUp(t)
    const visitors = await Promise.all(
      Array.from({ length: 60 }, (_, each) => sessionFor(here, { userId: `user ${each}` })),
    )
    const others = await Promise.all(
      Array.from({ length: 200 }, (_, each) => sessionFor(here, { userId: `other ${each}` })),
    )
    const open = await Promise.all(visitors.map(({ cookie }) => watch(cookie)))
    for (const [each, { ends }] of open.entries()) {
      const coming = await Promise.all(others.map(({ cookie }) => watch(cookie)))
      await pass(TICK * (each % 7))
      for (const one of coming) one.watch.stop()
      await act(there, visitors[each]?.cookie ?? '', (session) => session.logout())
      await pass(EVERY)
      assert.deepEqual(ends, ['ended'], `${each}`)
    }
  })

  test('several connections of one session ask once', async (t) => {
    const { here, broken, watcher, pass, watch } = setUp(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const connections = await Promise.all(Array.from({ length: 50 }, () => watch(cookie)))
    assert.equal(watcher.size, 1)
    await pass(EVERY)
    broken.asked = 0
    await pass(10 * EVERY)
    assert.ok(broken.asked <= 11, `${broken.asked}`)
    await here.of('ada').revokeAll()
    assert.ok(connections.every(({ ends }) => ends.length === 1))
  })

  test('no event is reported for a session that is asked for', async (t) => {
    const { here, events, pass, watch } = setUp(t)
    await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    events.length = 0
    await pass(3 * EVERY)
    assert.deepEqual(events, [])
  })

  test('nothing is asked when all connections are closed', async (t) => {
    const { here, broken, watcher, pass, watch } = setUp(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const [one, two] = [await watch(cookie), await watch(cookie)]
    one.watch.stop()
    one.watch.stop()
    assert.equal(watcher.size, 1)
    two.watch.stop()
    assert.equal(watcher.size, 0)
    broken.asked = 0
    await pass(2 * EVERY)
    assert.equal(broken.asked, 0)
    // And it begins again.
    const three = await watch(cookie)
    await pass(EVERY)
    await here.of('ada').revokeAll()
    assert.deepEqual([one.ends, two.ends, three.ends], [[], [], ['revoked']])
  })
})

suite('what is watched', () => {
  test('a visitor without a session has none that could end', async (t) => {
    const { watcher, watch } = setUp(t)
    const { ends, watch: one } = await watch('')
    assert.equal(await one.check(), true)
    assert.equal(watcher.size, 0)
    assert.deepEqual(ends, [])
  })

  test('a cookie that was superseded opens nothing to watch', async (t) => {
    const { here, watcher, watch, act } = setUp(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    await act(here, cookie, (session) => session.renew())
    await watch(cookie)
    assert.equal(watcher.size, 0)
  })

  test('a session that is new is watched from when it has been saved', async (t) => {
    const { here, watcher, pass } = setUp(t)
    const visit = here.open({})
    const session = await visit.get()
    session.login('ada')
    const ends: string[] = []
    watcher.watch(session, ({ reason }) => ends.push(reason))
    await pass(EVERY)
    assert.deepEqual(ends, [])
    await visit.commit()
    await pass(EVERY)
    await here.of('ada').revokeAll()
    assert.deepEqual(ends, ['revoked'])
    assert.equal(watcher.size, 0)
  })

  test('two connections of a session that was new are watched together', async (t) => {
    const { here, watcher, pass } = setUp(t)
    const visit = here.open({})
    const session = await visit.get()
    session.login('ada')
    const ends: string[] = []
    const watches = [1, 2].map(() => watcher.watch(session, ({ reason }) => ends.push(reason)))
    await visit.commit()
    await pass(2 * EVERY)
    assert.equal(watcher.size, 1)
    assert.deepEqual(await Promise.all(watches.map((watch) => watch.check())), [true, true])
    await here.of('ada').revokeAll()
    assert.deepEqual(ends, ['revoked', 'revoked'])
  })

  test('applications in other namespaces, or under other secrets, end nothing here', async (t) => {
    const { here, make, pass, watch } = setUp(t)
    const { ends } = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    for (const stranger of [make({ namespace: 'other' }), make({ secrets: secret('other') })]) {
      await sessionFor(stranger, { userId: 'ada' })
      // Refused where the secrets differ and the namespace does not.
      await stranger
        .of('ada')
        .revokeAll()
        .catch(() => undefined)
    }
    await pass(2 * EVERY)
    assert.deepEqual(ends, [])
  })

  test('everything is closed when the watcher is, and what comes later immediately', async (t) => {
    const { here, watcher, watch } = setUp(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const { ends } = await watch(cookie)
    await watcher.close()
    const later = await watch(cookie)
    assert.deepEqual([ends, later.ends], [['closed'], ['closed']])
  })
})

suite('a store that reports changes', () => {
  /** A feed that the test feeds. */
  function reporting(t: TestContext) {
    const set = setUp(t)
    const feed = { listener: null as ((id: Id | null) => void) | null, fails: false, stopped: 0, asked: 0 }
    const changes = {
      async listen(listener: (id: Id | null) => void) {
        feed.asked++
        if (feed.fails) throw new StoreError('cannot listen')
        feed.listener = listener
        return async () => {
          feed.stopped++
        }
      },
    }
    Object.assign(set.store, { changes })
    const changed: Id[] = []
    const remove = set.store.delete
    set.store.delete = async (id, ...rest) => {
      const result = await remove(id, ...rest)
      changed.push(id)
      return result
    }
    // Sessions that are made after the store has changes.
    const here = set.make()
    const watcher = here.watcher({ every: EVERY, maxUnknown: 5 * MINUTE })
    t.after(() => watcher.close())
    async function watch(cookie: string) {
      const ends: string[] = []
      const session = await here.read({ headers: { cookie } })
      watcher.watch(session, ({ reason }) => ends.push(reason))
      await turn()
      return ends
    }
    return { ...set, here, watcher, watch, feed, changed }
  }

  test('closes connections without any time passing', async (t) => {
    const { here, there, watch, act, feed, changed } = reporting(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const ends = await watch(cookie)
    await act(there, cookie, (session) => session.logout())
    for (const id of changed) feed.listener?.(id)
    await turn()
    assert.deepEqual(ends, ['ended'])
  })

  test('may miss changes: the interval holds all the same', async (t) => {
    const { here, there, watch, act, feed, pass } = reporting(t)
    const { cookie } = await sessionFor(here, { userId: 'ada' })
    const ends = await watch(cookie)
    await act(there, cookie, (session) => session.logout())
    feed.listener?.(null)
    await pass(EVERY)
    assert.deepEqual(ends, ['ended'])
  })

  test('may fail to listen: that is tried again, and not for each connection', async (t) => {
    const { here, watch, feed, pass } = reporting(t)
    feed.fails = true
    for (const userId of ['ada', 'bob', 'eve']) await watch((await sessionFor(here, { userId })).cookie)
    assert.equal(feed.asked, 1)
    await pass(EVERY)
    assert.equal(feed.asked, 2)
    feed.fails = false
    await pass(2 * EVERY)
    assert.equal(feed.asked, 3)
    assert.notEqual(feed.listener, null)
  })

  test('is listened to once, and no longer when the watcher is closed', async (t) => {
    const { here, watch, watcher, feed } = reporting(t)
    for (const userId of ['ada', 'bob', 'eve']) await watch((await sessionFor(here, { userId })).cookie)
    assert.equal(feed.asked, 1)
    await watcher.close()
    assert.equal(feed.stopped, 1)
  })
})

suite('sessions in cookies', () => {
  test('without revocations, end at the deadline that was in the cookie, and by what this process does', async (t) => {
    const { pass, watch, make, here, act } = setUp(t, { store: cookie() as never, idle: '30m' })
    const one = await sessionFor(here, { userId: 'ada' })
    const first = await watch(one.cookie)
    const second = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    await act(make(), one.cookie, (session) => session.logout())
    await pass(EVERY)
    assert.deepEqual(first.ends, [])
    await act(here, one.cookie, (session) => session.logout())
    assert.deepEqual(first.ends, ['logout'])
    second.watch.touch()
    await pass(30 * MINUTE)
    assert.deepEqual(second.ends, ['expired'])
  })

  test('with revocations, end within the interval when another process has ended them', async (t) => {
    const revocations = memory()
    const { there, here, pass, watch, act } = setUp(t, { store: cookie({ revocations }) as never, idle: '30m' })
    const { cookie: text } = await sessionFor(here, { userId: 'ada' })
    const first = await watch(text)
    const second = await watch((await sessionFor(here, { userId: 'ada' })).cookie)
    await act(there, text, (session) => session.logout())
    await pass(EVERY)
    assert.deepEqual([first.ends, second.ends], [['ended'], []])
    await there.of('ada').revokeAll()
    await pass(EVERY)
    assert.deepEqual(second.ends, ['ended'])
  })
})
