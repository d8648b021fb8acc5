import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { GRACE, guardStore } from '../../packages/strongroom/src/backing/guard.ts'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { ConfigError, ReadOnlyError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import { inCookies } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { secret } from './fixtures/secret.ts'

/** Puts the timers of the guard under control of the test. Returns how to let time pass, and which timers are waiting. */
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

/** Calls of one guarded store, each with a promise of its own, which end after `limit` ms, grace included. */
function createGuard(limit: number) {
  let next: () => Promise<unknown>
  const store = guardStore({ read: () => next() } as unknown as Store, limit - GRACE)
  return <T>(call: () => Promise<T>): Promise<T> => {
    next = call
    return store.read('x' as Id) as Promise<T>
  }
}

/** A promise that the test settles. */
function hand<T>() {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((give) => {
    resolve = give
  })
  return { promise, resolve }
}

/** How promises have settled, by their numbers. */
function fates(promises: Promise<unknown>[]) {
  const fate = promises.map(() => 'waiting')
  promises.forEach((promise, i) => {
    promise.then(
      () => {
        fate[i] = 'resolved'
      },
      (error) => {
        fate[i] = error instanceof StoreError ? 'StoreError' : 'another error'
      },
    )
  })
  return fate
}

describe('the time limit of store calls', () => {
  it('rejects each call that does not settle, in the order they began, and leaves the others alone', async (test) => {
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
    assert.deepEqual(fate, ['StoreError', 'resolved', 'waiting'])
    await pass(4)
    assert.deepEqual(fate, ['StoreError', 'resolved', 'StoreError'])
    await assert.rejects(first, new RegExp(`did not answer within ${100 - GRACE} ms`))
  })

  it('needs one timer for any number of calls, and does not keep an idle process alive', async (test) => {
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

  it('is for each page of a list, and a list that is left, or was too late, is ended', async (test) => {
    const { pass } = time(test)
    let [next, ended] = [hand<void>(), 0]
    async function* list() {
      try {
        for (;;) {
          await next.promise
          yield [{}]
        }
      } finally {
        ended += 1
      }
    }
    const index = guardStore({ byOwner: { list } } as unknown as Store, 100 - GRACE).byOwner ?? assert.fail()
    const pages: unknown[] = []
    const fate = fates([
      (async () => {
        for await (const page of index.list('x')) {
          next = hand()
          pages.push(page)
        }
      })(),
    ])
    for (let times = 0; times < 3; times++) {
      await pass(70)
      next.resolve()
      await settle()
    }
    assert.deepEqual([pages.length, fate[0]], [3, 'waiting'])
    await pass(101)
    assert.deepEqual([pages.length, fate[0]], [3, 'StoreError'])
    next.resolve()
    for await (const _ of index.list('x')) break
    await settle()
    assert.equal(ended, 2)
  })

  it('recovers: after an outage calls resolve again, and a late result does no harm', async (test) => {
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

  it('may be longer than the maximum of a timer', async (test) => {
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
      byOwner: { list: () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) }), deleteAll: fail },
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
      () => listed(store.byOwner ?? assert.fail(), 'x'),
      () => store.byOwner?.deleteAll('x') ?? assert.fail(),
    ]
  }

  it('that fails rejects with a StoreError that has the cause and does not repeat its message', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED user:hunter2@db'), { code: 'ECONNREFUSED' })
    for (const call of calls(failing(() => assert.fail(cause))))
      await assert.rejects(
        call(),
        (error: Error) => error instanceof StoreError && error.cause === cause && !error.message.includes('hunter2'),
      )
  })

  it('that fails with an error of ours rejects with its message, which is all that most logs show', async () => {
    const cause = new ConfigError('x() needs the package y: npm install y')
    for (const call of calls(failing(() => assert.fail(cause))))
      await assert.rejects(call(), { name: 'StoreError', message: cause.message, cause })
  })

  it('that fails with another error names its code, if it has one, and nothing else of it', async () => {
    const messageFor = async (fields: object) => {
      const cause = Object.assign(new Error('hunter2'), fields)
      const error = await calls(failing(() => assert.fail(cause)))[0]?.().catch((error: Error) => error.message)
      return String(error)
    }
    assert.equal(
      await messageFor({ code: 'ECONNRESET' }),
      'The session store failed (ECONNRESET); its own error is the cause.',
    )
    for (const code of [undefined, 7, '', 'user hunter2', 'hunter2', 'HUNTER', 'ABCDE', 'A'.repeat(60)])
      assert.equal(await messageFor({ code }), 'The session store failed; its own error is the cause.', String(code))
  })

  it('has time to say why when the engine has the same time limit', async () => {
    const error = new StoreError('The connection was refused.')
    const late = () => new Promise<never>((_, reject) => setTimeout(reject, 40, error))
    await assert.rejects(guardStore({ read: late } as unknown as Store, 20).read('x' as Id), error)
  })

  it('that throws is treated like one that rejects', async () => {
    const thrower = () => {
      throw new RangeError('thrown')
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

  it('that is not awaited is treated like any other', async () => {
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

  it('that returns its result without a promise is treated like one that resolves', async () => {
    const store = guardStore({ read: () => null } as unknown as Store, 1000)
    assert.equal(await store.read('x' as Id), null)
  })

  it('that fails with an error of ours is not wrapped again', async () => {
    for (const own of [new StoreError('closed'), new UnsupportedError('no')])
      for (const call of calls(failing(() => assert.fail(own))))
        await assert.rejects(call(), (error: Error) => error === own)
  })
})

describe('concurrent requests for one session', () => {
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

  it('that begin after a logout never get the result of a read that began before it', async () => {
    const app = fixture()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    // All in one turn of the event loop: a pending read, a logout that is done, and a request after it.
    const leaving = guest.copy().begin()
    const session = await leaving.session()
    await settle()
    const early = app.gates.run('early', () => guest.copy().begin().session())
    session.logout()
    await leaving.respond()
    assert.equal((await guest.copy().begin().session()).userId, null)
    for (const held of [...app.gates.held]) await held.open()
    for (const held of [...app.gates.held]) await held.open()
    await early
  })

  it('that begin during a logout share no read that the logout made stale', async () => {
    const app = fixture()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    const leaving = guest.copy().begin()
    const session = await leaving.session()
    session.logout()
    await settle()
    const logout = app.gates.run('logout', () => leaving.respond())
    const during = await guest.copy().begin().session()
    assert.equal(during.userId, 'ada')
    await app.gates.held[0]?.open()
    await app.gates.held[0]?.open()
    await logout
    assert.equal((await guest.copy().begin().session()).userId, null)
  })

  it('that meet a failing store all get its error, and the next one reads again', async () => {
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
    const app = make(options)
    const guest = app.visitor()
    await guest.visit((session) => session.set('a', 1).login('ada'))
    await settle()
    app.fail.when = () => new Error('connection refused')
    return { ...app, guest, cookie: guest.cookie }
  }

  it('a request that needs its session gets an error and keeps its cookie, and is logged in again afterwards', async () => {
    const { guest, cookie, fail } = await down()
    const request = guest.begin()
    await assert.rejects(request.session(), (error: Error) => error instanceof StoreError && error.status === 503)
    assert.equal((await request.respond(503)).setCookie, null)
    fail.when = null
    // The same request may also ask again when the outage is over.
    await settle()
    assert.equal((await guest.begin().session()).userId, 'ada')
    assert.equal(guest.cookie, cookie)
  })

  it('a request without a cookie, or one that does not ask for its session, does not notice', async () => {
    const { visitor, guest } = await down()
    await visitor().visit((session) => assert.equal(session.isNew, true))
    assert.deepEqual(await guest.begin().respond(), { setCookie: null, used: false })
  })

  for (const how of ['for one call', 'for all'] as const)
    it(`a page may have an empty, read-only session instead, ${how}, and nobody is logged out by it`, async () => {
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

  it('an error that is not the store’s is not treated as an outage', async () => {
    const app = fixture({ secrets: async () => 'too short', onStoreError: 'anonymous' })
    await assert.rejects(app.visitor().begin().session(), ConfigError)
  })

  it('a function that cannot fetch the secrets is an outage like that of a store', async () => {
    const secrets = () => Promise.reject(new Error('no vault'))
    const app = fixture({ secrets })
    await assert.rejects(app.visitor().begin().session(), StoreError)
    assert.equal(app.events.at(-1)?.type, 'storeError')
    const session = await fixture({ secrets, onStoreError: 'anonymous' }).visitor().begin().session()
    assert.equal(session.userId, null)
  })

  it('is reported by an event, too, when sessions are listed, counted or ended', async () => {
    const app = fixture()
    app.fail.when = () => new Error('down')
    const ada = app.sessions.of('ada')
    for (const work of [() => ada.list(), () => ada.moment(), () => ada.revokeAll(), () => ada.revoke('x')]) {
      app.events.length = 0
      await assert.rejects(work, StoreError)
      assert.deepEqual(
        app.events.map(({ type }) => type),
        ['storeError'],
      )
    }
  })

  it('a page that only read is sent although its touch failed', async () => {
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

  it('a session in its cookie that cannot be checked for revocations causes an outage too', async () => {
    const { guest, cookie, fail } = await down({}, inCookies as typeof fixture)
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
    'a login again': { was: 'user', does: (session) => session.set('b', 1).login('ada') },
    'a login over another user': { was: 'user', does: (session) => session.login('eve') },
    'a login within a limit': { was: 'guest', does: (session) => session.login('eve', { limit: 1 }) },
    'a logout': { was: 'user', does: (session) => session.logout() },
    'a logout followed by a set': { was: 'user', does: (session) => session.logout() ?? session.set('b', 1) },
    'a change of expiry': { was: 'user', does: (session) => session.setExpiry({ absolute: '2h' }) },
    emptying: { was: 'guest', does: (session) => session.clear() },
  }
  for (const [kind, make] of Object.entries({
    'a store': fixture,
    'cookies with revocations': inCookies as typeof fixture,
  }))
    for (const [flow, { was, does }] of Object.entries(flows)) {
      if (kind !== 'a store' && flow.includes('limit')) continue
      it(`on ${kind}, in ${flow}: nobody is logged in without having been told so, and a failed logout is reported as failed`, async () => {
        for (const failures of [1, 100])
          for (let at = 0; ; at++) {
            const app: Fixture = make()
            const guest = app.visitor()
            await guest.visit((session) => session.set('a', 1))
            if (was === 'user') await guest.visit((session) => session.login('ada'))
            const before = guest.copy()
            const start = was === 'user' ? 'ada' : null
            await settle()
            let [calls, failed] = [0, 0]
            app.fail.when = () => (calls++ >= at && failed < failures ? new Error(`down ${++failed}`) : null)
            const request = guest.begin()
            const attempt = async () => {
              does(await request.session())
              await request.respond()
            }
            const [result] = await Promise.allSettled([attempt()])
            app.fail.when = null
            await settle()
            if (failed === 0) break
            const where = `${flow}, ${failures} failures from call ${at}: ${result?.status}`
            // A failed touch or clean-up may be ignored, and then everything is as if nothing had failed.
            if (result?.status === 'rejected') {
              assert.ok(result.reason instanceof StoreError, `${where} ${result.reason}`)
              assert.equal(guest.cookie, before.cookie, `${where}: the cookie stays`)
              const user = await guest.visit((session) => session.userId)
              // Either nothing has happened, or the session has ended. Nobody else is ever logged in.
              assert.ok(user === start || user === null, `${where}: ${user}`)
              if (kind === 'a store') {
                const eves = await app.sessions.of('eve').list()
                assert.ok(eves.length === 0 || failures > 1, `${where}: a session that no visitor has`)
              }
            } else {
              // A write with a new token is tried once more, because the first try may have been stored, and nobody has that token.
              // A session that goes on does not need the moment at which its login began.
              const canDoWithout = ['a renewal', 'a login again'].includes(flow) && failures === 1
              assert.ok(canDoWithout, `${where}: a response that hides a failure`)
              await guest.visit((session) => assert.deepEqual([session.userId, session.get('b')], [start, 1], where))
              await before.visit((session) => assert.equal(session.userId, null, where))
            }
          }
      })
    }
})

describe('a provider of secrets that hangs', () => {
  const hangs = () => new Promise<string>(() => undefined)

  it('fails a request with a StoreError at the time limit, and those after it at once', async () => {
    const { sessions, events } = fixture({ secrets: hangs, storeTimeout: 20 })
    await assert.rejects(sessions.open({}).get(), (error) => error instanceof StoreError && error.status === 503)
    assert.equal(events.filter(({ type }) => type === 'storeError').length, 1)
    const begun = performance.now()
    for (let i = 0; i < 100; i++) await assert.rejects(sessions.open({}).get(), StoreError)
    assert.ok(performance.now() - begun < 1000, 'every request has waited')
  })

  it('lets a request go on without a session where onStoreError says so', async () => {
    const { sessions } = fixture({ secrets: hangs, storeTimeout: 20, onStoreError: 'anonymous' })
    assert.equal((await sessions.open({}).get()).isReadOnly, true)
  })

  it('holds up one request with an unknown key, for no longer than the time limit', async () => {
    let asked = 0
    const { sessions } = fixture({
      secrets: () => (++asked === 1 ? secret('known') : hangs()),
      storeTimeout: 20,
    })
    await sessions.ready()
    const stranger = fixture({ secrets: secret('unknown') }).visitor()
    await stranger.visit((session) => session.login('ada'))
    const cookie = `${sessions.policy.cookieName}=${stranger.cookie}`
    // The first half minute belongs to the answer that was given.
    const now = performance.now.bind(performance)
    performance.now = () => now() + 30_000
    try {
      const begun = now()
      for (let i = 0; i < 100; i++) assert.equal((await sessions.open({ cookie }).get()).isNew, true)
      assert.ok(now() - begun < 1000, 'every request has waited')
      assert.equal(asked, 2)
    } finally {
      performance.now = now
    }
  })
})
