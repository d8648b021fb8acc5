import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { guardStore } from '../../packages/strongroom/src/backing/guard.ts'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { ReadOnlyError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { carried } from './kit/engines.ts'
import { type Anything, type Fixture, fixture } from './kit/fixture.ts'
import { settle } from './kit/gates.ts'

/** Time as the guard measures it, in a test's hands; answers how to pass it and which timers wait. */
function time(test: TestContext) {
  let now = 1000
  let next = 0
  const timers = new Map<object, { at: number; run: () => void; ref: boolean }>()
  test.mock.method(performance, 'now', () => now)
  test.mock.method(globalThis, 'setTimeout', ((run: () => void, ms: number) => {
    const timer = {
      ref: () => Object.assign(timers.get(timer) ?? {}, { ref: true }) && timer,
      unref: () => Object.assign(timers.get(timer) ?? {}, { ref: false }) && timer,
      number: next++,
    }
    timers.set(timer, { at: now + ms, run, ref: true })
    return timer
  }) as never)
  return {
    timers,
    async pass(ms: number) {
      for (const end = now + ms; ; ) {
        const [timer, due] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? []
        if (!timer || !due || due.at > end) {
          now = end
          break
        }
        timers.delete(timer)
        now = due.at
        due.run()
        await settle()
      }
      await settle()
    },
  }
}

/** Calls of one guarded store, each of them another promise. */
function createGuard(limit: number) {
  let next: () => Promise<unknown>
  const store = guardStore({ read: () => next() } as unknown as Store, limit)
  return <T>(call: () => Promise<T>): Promise<T> => {
    next = call
    return store.read('x' as Id) as Promise<T>
  }
}

/** A promise that is settled by hand. */
function hand<T>() {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((give) => {
    resolve = give
  })
  return { promise, resolve }
}

/** What has become of promises, by their numbers. */
function fates(promises: Promise<unknown>[]) {
  const fate = promises.map(() => 'waiting')
  promises.forEach((promise, i) => {
    promise.then(
      () => {
        fate[i] = 'answered'
      },
      (error) => {
        fate[i] = error instanceof StoreError ? 'StoreError' : 'another error'
      },
    )
  })
  return fate
}

describe('the time limit of store calls', () => {
  it('ends each call that is not answered, in the order they began, and lets the others be', async (test) => {
    const { pass } = time(test)
    const guard = createGuard(100)
    const [never, slow] = [hand<number>(), hand<number>()]
    const first = guard(() => never.promise)
    await pass(40)
    const second = guard(() => slow.promise)
    const third = guard(() => never.promise)
    const fate = fates([first, second, third])
    await pass(59)
    assert.deepEqual(fate, ['waiting', 'waiting', 'waiting'])
    await pass(2)
    assert.deepEqual(fate, ['StoreError', 'waiting', 'waiting'])
    slow.resolve(1)
    await pass(37)
    assert.deepEqual(fate, ['StoreError', 'answered', 'waiting'])
    await pass(4)
    assert.deepEqual(fate, ['StoreError', 'answered', 'StoreError'])
    await assert.rejects(first, /did not answer within 100 ms/)
  })

  it('costs one timer however many calls there are, and none that would keep an idle process alive', async (test) => {
    const { timers, pass } = time(test)
    const guard = createGuard(100)
    const alive = () => [...timers.values()].filter(({ ref }) => ref).length
    const calls = Array.from({ length: 50 }, () => hand<number>())
    const answers = calls.map(({ promise }) => guard(() => promise))
    assert.deepEqual([timers.size, alive()], [1, 1])
    for (const { resolve } of calls) resolve(1)
    await Promise.all(answers)
    assert.deepEqual([timers.size, alive()], [1, 0])
    const late = hand<number>()
    const waiting = guard(() => late.promise)
    const fate = fates([waiting])
    assert.deepEqual([timers.size, alive()], [1, 1])
    await pass(101)
    assert.deepEqual([fate[0], timers.size], ['StoreError', 0])
    late.resolve(1)
    await settle()
    assert.equal(await guard(async () => 2), 2)
    await pass(500)
    assert.deepEqual([timers.size, alive()], [0, 0])
  })

  it('recovers: after an outage calls are answered again, and a late answer harms nobody', async (test) => {
    const { pass } = time(test)
    const guard = createGuard(100)
    const late = hand<number>()
    const fate = fates([guard(() => late.promise)])
    await pass(150)
    late.resolve(1)
    await settle()
    assert.deepEqual(fate, ['StoreError'])
    for (let i = 0; i < 5; i++) {
      assert.equal(await guard(async () => i), i)
      await pass(70)
    }
  })

  it('may be longer than a timer can count', async (test) => {
    const { timers, pass } = time(test)
    const guard = createGuard(400 * 86_400_000)
    const fate = fates([guard(() => hand<number>().promise)])
    for (const { at } of timers.values()) assert.ok(at - 1000 < 2 ** 31)
    await pass(86_400_000)
    assert.deepEqual(fate, ['waiting'])
  })
})

describe('a store call', () => {
  const failing = (fault: () => never) => {
    const fail = async () => fault()
    const store = {
      create: fail,
      read: fail,
      update: fail,
      touch: fail,
      delete: fail,
      byOwner: { list: fail, deleteAll: fail },
    }
    return guardStore(store as unknown as Store, 1000)
  }
  const calls = (store: ReturnType<typeof failing>): (() => Promise<unknown>)[] => {
    const id = 'x' as Id
    const entry = {} as never
    return [
      () => store.create(id, entry),
      () => store.read(id),
      () => store.update(id, entry, 1),
      () => store.touch(id, 1),
      () => store.delete(id),
      () => store.byOwner?.list('x') ?? assert.fail(),
      () => store.byOwner?.deleteAll('x') ?? assert.fail(),
    ]
  }

  it('that fails is a StoreError which keeps the cause and tells nothing of it', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED user:hunter2@db'), { code: 'ECONNREFUSED' })
    for (const call of calls(failing(() => assert.fail(cause))))
      await assert.rejects(
        call(),
        (error: Error) => error instanceof StoreError && error.cause === cause && !error.message.includes('hunter2'),
      )
  })

  it('that throws at once instead of rejecting is no other case', async () => {
    const thrower = () => {
      throw new RangeError('at once')
    }
    const store = guardStore(
      {
        create: thrower,
        read: thrower,
        update: thrower,
        touch: thrower,
        delete: thrower,
        byOwner: { list: thrower, deleteAll: thrower },
      } as unknown as Store,
      1000,
    )
    for (const call of calls(store)) await assert.rejects(call(), StoreError)
  })

  it('that is not waited for is no other case', async () => {
    const cause = new RangeError('out of reach')
    const broken = guardStore({ readSync: () => assert.fail(cause) } as unknown as Store, 1000)
    assert.throws(
      () => broken.readSync?.('x' as Id),
      (error: Error) => error instanceof StoreError && error.cause === cause,
    )
    const closed = new StoreError('closed')
    const ours = guardStore({ readSync: () => assert.fail(closed) } as unknown as Store, 1000)
    assert.throws(
      () => ours.readSync?.('x' as Id),
      (error: Error) => error === closed,
    )
    assert.equal('readSync' in guardStore({} as Store, 1000), false)
  })

  it('that is answered at once, without a promise, is no other case', async () => {
    const store = guardStore({ read: () => null } as unknown as Store, 1000)
    assert.equal(await store.read('x' as Id), null)
  })

  it('that fails with an error of ours is not wrapped again', async () => {
    for (const own of [new StoreError('closed'), new UnsupportedError('no')])
      for (const call of calls(failing(() => assert.fail(own))))
        await assert.rejects(call(), (error: Error) => error === own)
  })
})

describe('parallel requests for one session', () => {
  it('share one read within one turn of the event loop, and each has objects of its own', async () => {
    for (const seal of ['none', 'two-key'] as const) {
      const { visitor, calls } = fixture({ seal })
      const guest = visitor()
      await guest.visit((session) => session.set('list', [1]))
      await settle()
      calls.length = 0
      const sessions = await Promise.all(Array.from({ length: 20 }, () => guest.copy().begin().session()))
      assert.deepEqual(calls, ['read'])
      sessions[0]?.get('list').push(2)
      assert.deepEqual(sessions[1]?.get('list'), [1])
      await settle()
      await guest.copy().begin().session()
      assert.deepEqual(calls, ['read', 'read'])
    }
  })

  it('that begin after a logout never have the answer of a read that began before it', async () => {
    const world = fixture()
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    // All in one turn: a read that is not answered yet, a logout that is, and a request after it.
    const leaving = guest.copy().begin()
    const session = await leaving.session()
    await settle()
    const early = world.gates.run('early', () => guest.copy().begin().session())
    session.logout()
    await leaving.respond()
    assert.equal((await guest.copy().begin().session()).userId, null)
    for (const held of [...world.gates.held]) await held.open()
    for (const held of [...world.gates.held]) await held.open()
    await early
  })

  it('that begin while a logout is under way share no read that it made stale', async () => {
    const world = fixture()
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    const leaving = guest.copy().begin()
    const session = await leaving.session()
    session.logout()
    await settle()
    const logout = world.gates.run('logout', () => leaving.respond())
    const during = await guest.copy().begin().session()
    assert.equal(during.userId, 'ada')
    await world.gates.held[0]?.open()
    await world.gates.held[0]?.open()
    await logout
    assert.equal((await guest.copy().begin().session()).userId, null)
  })

  it('that meet a failing store all hear of it, and the next one asks again', async () => {
    const { visitor, fail } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    fail.when = () => new Error('down')
    const results = await Promise.allSettled([guest.begin().session(), guest.begin().session()])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    fail.when = null
    await settle()
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
  })
})

describe('while the store is down', () => {
  const down = async (options?: Parameters<typeof fixture>[0], make = fixture) => {
    const world = make(options)
    const guest = world.visitor()
    await guest.visit((session) => session.set('a', 1).login('ada'))
    await settle()
    world.fail.when = () => new Error('connection refused')
    return { ...world, guest, cookie: guest.cookie }
  }

  it('a request that needs the session is told so, keeps its cookie, and is signed in again afterwards', async () => {
    const { guest, cookie, fail } = await down()
    const request = guest.begin()
    await assert.rejects(request.session(), (error: Error) => error instanceof StoreError && error.status === 503)
    assert.equal((await request.respond(503)).setCookie, null)
    fail.when = null
    // The same request, too, may ask again once the outage is over.
    await settle()
    assert.equal((await guest.begin().session()).userId, 'ada')
    assert.equal(guest.cookie, cookie)
  })

  it('a request without a cookie, or which does not ask, does not notice', async () => {
    const { visitor, guest } = await down()
    await visitor().visit((session) => assert.equal(session.isNew, true))
    assert.deepEqual(await guest.begin().respond(), { setCookie: null, used: false })
  })

  for (const how of ['for one call', 'for all'] as const)
    it(`a page may have an empty session that keeps nothing instead, ${how}, and nobody is logged out by it`, async () => {
      const { sessions, guest, cookie, fail, calls } = await down(
        how === 'for all' ? { onStoreError: 'anonymous' } : {},
      )
      const request = guest.begin()
      const session = await sessions.get(request.request, how === 'for all' ? undefined : { onStoreError: 'anonymous' })
      assert.deepEqual([session.userId, session.isEmpty(), session.isNew, session.isReadOnly], [null, true, true, true])
      for (const use of [
        () => session.set('a', 1),
        () => session.login('eve'),
        () => session.logout(),
        () => session.renew(),
      ])
        assert.throws(use, ReadOnlyError)
      if (how === 'for all') await assert.rejects(sessions.get(request.request, { onStoreError: 'throw' }), StoreError)
      calls.length = 0
      assert.deepEqual((await request.respond()).setCookie, null)
      assert.deepEqual([guest.cookie, calls], [cookie, []])
      fail.when = null
      await settle()
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
    })

  it('a fault that is not the store’s is no outage', async () => {
    const world = fixture({ secrets: () => Promise.reject(new Error('no vault')), onStoreError: 'anonymous' })
    await assert.rejects(world.visitor().begin().session(), /no vault/)
  })

  it('a page that only read is answered although its touch failed', async () => {
    const { guest, clock, fail, events } = await down()
    fail.when = null
    clock.advance(4 * 60_000)
    await settle()
    const request = guest.begin()
    assert.equal((await request.session()).userId, 'ada')
    fail.when = () => new Error('down')
    assert.equal((await request.respond()).setCookie, null)
    assert.equal(events.at(-1)?.type, 'storeError')
  })

  it('a cookie that carries its session and cannot be checked against its marks is an outage, too', async () => {
    const { guest, cookie, fail } = await down({}, carried as typeof fixture)
    await assert.rejects(guest.begin().session(), StoreError)
    fail.when = null
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
    assert.equal(guest.cookie, cookie)
  })
})

describe('a store that fails at any one call of a request', () => {
  type S = Session<Anything>
  const flows: Record<string, { was: 'guest' | 'user'; does(session: S): void }> = {
    'a first write': { was: 'guest', does: (session) => session.set('b', 1) },
    'a write': { was: 'user', does: (session) => session.set('b', 1) },
    'a renewal': { was: 'user', does: (session) => session.set('b', 1).renew() },
    'a login': { was: 'guest', does: (session) => session.login('eve') },
    'a login over another user': { was: 'user', does: (session) => session.login('eve') },
    'a login within a limit': { was: 'guest', does: (session) => session.login('eve', { limit: 1 }) },
    'a logout': { was: 'user', does: (session) => session.logout() },
    'a logout that begins anew': { was: 'user', does: (session) => session.logout() ?? session.set('b', 1) },
    'a change of expiry': { was: 'user', does: (session) => session.setExpiry({ absolute: '2h' }) },
    emptying: { was: 'guest', does: (session) => session.clear() },
  }
  for (const [kind, make] of Object.entries({
    'a store': fixture,
    'cookies with revocations': carried as typeof fixture,
  }))
    for (const [flow, { was, does }] of Object.entries(flows)) {
      if (kind !== 'a store' && flow.includes('limit')) continue
      it(`on ${kind}, in ${flow}: nobody is signed in who was not told so, and a logout that failed is said to have`, async () => {
        for (const failures of [1, 100])
          for (let at = 0; ; at++) {
            const world: Fixture = make()
            const guest = world.visitor()
            await guest.visit((session) => session.set('a', 1))
            if (was === 'user') await guest.visit((session) => session.login('ada'))
            const before = guest.copy()
            const start = was === 'user' ? 'ada' : null
            await settle()
            let [calls, failed] = [0, 0]
            world.fail.when = () => (calls++ >= at && failed < failures ? new Error(`down ${++failed}`) : null)
            const request = guest.begin()
            const attempt = async () => {
              does(await request.session())
              await request.respond()
            }
            const [result] = await Promise.allSettled([attempt()])
            world.fail.when = null
            await settle()
            if (failed === 0) break
            const told = `${flow}, ${failures} failures from call ${at}: ${result?.status}`
            // A failed touch or clean-up may be passed over; then all is as if nothing had failed.
            if (result?.status === 'rejected') {
              assert.ok(result.reason instanceof StoreError, `${told} ${result.reason}`)
              assert.equal(guest.cookie, before.cookie, `${told}: the cookie stays`)
              const user = await guest.visit((session) => session.userId)
              // Either nothing has happened, or the session is over. Never is somebody else signed in.
              assert.ok(user === start || user === null, `${told}: ${user}`)
              if (kind === 'a store') {
                const eves = await world.sessions.of('eve').list()
                assert.ok(eves.length === 0 || failures > 1, `${told}: a session that nobody has`)
              }
            } else {
              assert.equal(failed, 0, `${told}: an answer that hides a failure`)
            }
          }
      })
    }
})
