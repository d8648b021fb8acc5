import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, SessionLimitError } from '../../packages/strongroom/src/errors.ts'
import type {
  LoginFailedSignal,
  LoginSignal,
  LogoutSignal,
  SessionEvent,
} from '../../packages/strongroom/src/events.ts'
import { figures } from '../../packages/strongroom/src/figures/figures.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { requestIdOf } from '../../packages/strongroom/src/request/request-id.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { STORES } from './fixtures/engines.ts'
import { type Anything, fixture, untimed } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

const USER = 'user-7531'

/** Every way in which users come and go; for engines that cannot list, without a list. */
const everyWay = { revoke: true, limit: true }

interface Audited {
  readonly sessions: Sessions<Anything>
  readonly clock: ReturnType<typeof manualClock>
  readonly events: SessionEvent[]
  readonly logins: LoginSignal[]
  readonly logouts: LogoutSignal[]
  readonly failed: LoginFailedSignal[]
  visitor(): Visitor<Anything>
}

/** Sessions of an application that listens to everything, and has ids for its requests. */
function audited(
  options: Partial<SessionsOptions> & { make?: ((clock: () => number) => unknown) | undefined } = {},
): Audited {
  const { make, ...given } = options
  const clock = manualClock()
  const heard = { events: [] as SessionEvent[], logins: [] as LoginSignal[], logouts: [] as LogoutSignal[] }
  const failed: LoginFailedSignal[] = []
  const sessions = createSessions<Anything>({
    secrets: secret('audit'),
    store: (make?.(clock) ?? memory({ clock, max: 1000 })) as IndexedStore,
    clock,
    on: (event) => heard.events.push(event),
    onLogin: (signal) => heard.logins.push(signal),
    onLogout: (signal) => heard.logouts.push(signal),
    onLoginFailed: (signal) => failed.push(signal),
    ...(given as object),
  })
  return { sessions, clock, ...heard, failed, visitor: () => visitor(sessions) }
}

const ENGINES: Record<string, { make: (clock: () => number) => unknown; can: typeof everyWay | null }> = {
  ...Object.fromEntries(Object.entries(STORES).map(([name, make]) => [name, { make, can: everyWay }])),
  'cookie with revocations': {
    make: (clock) => cookie({ revocations: memory({ clock, max: 1000 }) }),
    can: null,
  },
  cookie: { make: () => cookie(), can: null },
}

async function scenario(app: Audited, can: typeof everyWay | null): Promise<void> {
  const ada = app.visitor()
  await ada.visit((session) => session.set('basket', 1))
  await ada.visit((session) => session.login(USER, { remember: true }))
  await ada.visit((session) => session.login(USER))
  await ada.visit((session) => session.set('a', 2).renew())
  await ada.visit((session) => session.login('user-8642'))
  await ada.visit((session) => session.logout())
  app.sessions.loginFailed({ id: 'f-1' }, { userId: USER, reason: 'password' })
  if (!can) return
  await app.visitor().visit((session) => session.login(USER))
  await app.visitor().visit((session) => session.login(USER, { limit: 1 }))
  const [device] = await app.sessions.of(USER).list()
  assert.equal(await app.sessions.of(USER).revoke(device?.handle ?? ''), true)
  const bob = app.visitor()
  await bob.visit((session) => session.login(USER))
  await bob.visit(async (session) => void (await app.sessions.of(USER).revokeOthers(session)))
  await app.sessions.of(USER).revokeAll()
}

for (const [engine, { make, can }] of Object.entries(ENGINES))
  describe(`an audit, with ${engine}`, () => {
    it('has no user id in any event, unless it was asked for', async () => {
      const app = audited({ make })
      await scenario(app, can)
      assert.ok(app.events.length > 8)
      for (const event of app.events) assert.doesNotMatch(inspect(event, { depth: 9 }), /user-\d/, event.type)
    })

    it('has the user of every login, logout and end with eventUserIds', async () => {
      const app = audited({ make, eventUserIds: true })
      await scenario(app, can)
      const whose = app.events.flatMap((event) => {
        const isLogin = 'reason' in event && event.reason === 'login'
        if (!isLogin && event.type !== 'revoked' && event.type !== 'loginFailed') return []
        return [`${event.type} ${event.reason} ${'userId' in event ? event.userId : '?'}`]
      })
      assert.deepEqual(whose, [
        `renewed login ${USER}`,
        `renewed login ${USER}`,
        'renewed login user-8642',
        'revoked logout user-8642',
        `loginFailed password ${USER}`,
        ...(can
          ? [
              `created login ${USER}`,
              `revoked limit ${USER}`,
              `created login ${USER}`,
              `revoked revoke ${USER}`,
              `created login ${USER}`,
              `revoked revoke-others ${USER}`,
              `revoked revoke-all ${USER}`,
            ]
          : []),
      ])
      for (const event of app.events)
        if (['loaded', 'updated', 'touched'].includes(event.type)) assert.ok(!('userId' in event), event.type)
    })

    it('is told of each login and each logout once, with the handle of its event', async () => {
      const app = audited({ make })
      await scenario(app, can)
      const logins = app.events.filter((event) => 'reason' in event && event.reason === 'login')
      assert.deepEqual(
        app.logins.map(({ handle }) => handle),
        logins.map((event) => 'handle' in event && event.handle),
      )
      assert.deepEqual(
        app.logouts.map(({ userId }) => userId),
        ['user-8642'],
      )
      assert.deepEqual(
        app.logins.slice(0, 3).map(({ userId, persistent }) => [userId, persistent]),
        [
          [USER, true],
          [USER, false],
          ['user-8642', false],
        ],
      )
    })
  })

describe('an event', () => {
  it('says how long its load, save, sweep or failure took, in ms', async () => {
    const app = audited()
    const ada = app.visitor()
    await ada.visit((session) => session.set('a', 1).login(USER))
    await ada.visit((session) => session.set('a', 2))
    app.clock.advance(5 * 60_000)
    await ada.visit(() => undefined)
    await ada.visit((session) => session.renew())
    await app.sessions.clearExpired()
    app.clock.advance(86_400_000)
    await ada.visit(() => undefined)
    const timed = ['created', 'loaded', 'updated', 'loaded', 'touched', 'loaded', 'renewed', 'cleared', 'absent']
    assert.deepEqual(
      app.events.map(({ type }) => type).filter((type) => timed.includes(type)),
      ['created', 'loaded', 'updated', 'loaded', 'touched', 'loaded', 'renewed', 'cleared', 'absent'],
    )
    for (const { type, ms } of app.events) assert.ok(typeof ms === 'number' && ms >= 0 && ms < 60_000, `${type}: ${ms}`)
  })

  it('of a store that fails says how long that took', async () => {
    const store = memory({ max: 10 })
    const app = audited({ make: () => store })
    store.create = async () => {
      await new Promise((resolve) => setImmediate(resolve))
      throw new Error('down')
    }
    await assert.rejects(app.visitor().visit((session) => session.set('a', 1)))
    const [failure] = app.events.filter(({ type }) => type === 'storeError')
    assert.ok((failure?.ms ?? 0) > 0)
  })

  it('has the id of the request in which it happened, and none where there is no request', async () => {
    const app = audited({ requestId: (request) => (request as { name?: string }).name ?? null })
    const ada = app.visitor()
    for (const [name, work] of [
      ['one', (session) => session.login(USER)],
      ['two', (session) => session.set('a', 1)],
    ] as [string, Parameters<typeof ada.visit>[0]][]) {
      const request = ada.begin()
      Object.assign(request.request, { name })
      work(await request.session(), request)
      await request.respond()
    }
    await app.sessions.of(USER).revokeAll()
    assert.deepEqual(
      app.events.map(({ type, requestId }) => [type, requestId]),
      [
        ['created', 'one'],
        ['loaded', 'two'],
        ['updated', 'two'],
        ['revoked', undefined],
      ],
    )
    assert.equal(app.logins[0]?.requestId, 'one')
  })

  it('of parallel requests has the id of its own, and they take turns all the same', async () => {
    const app = audited({ make: STORES.file, requestId: (request) => (request as { name?: string }).name ?? null })
    const ada = app.visitor()
    await ada.visit((session) => session.set('a', 0))
    app.events.length = 0
    const requests = await Promise.all(
      Array.from({ length: 5 }, async (_, n) => {
        const request = ada.begin()
        Object.assign(request.request, { name: `r${n}` })
        ;(await request.session()).update('a', (a = 0) => a + 1)
        return request
      }),
    )
    await Promise.all(requests.map((request) => request.respond()))
    const updated = app.events.filter(({ type }) => type === 'updated').map(({ requestId }) => requestId)
    assert.deepEqual(updated.sort(), ['r0', 'r1', 'r2', 'r3', 'r4'])
    // Each that lost once waits for its turn, and loses no second time.
    const attempts = app.events.flatMap((event) => (event.type === 'conflict' ? event.attempt : []))
    assert.deepEqual(attempts, [1, 1, 1, 1])
    await ada.visit((session) => assert.equal(session.get('a'), 5))
  })

  it('of a login comes only when nothing can refuse that login any more', async () => {
    const app = audited()
    const ada = app.visitor()
    await ada.visit((session) => session.login(USER))
    const { events, logins } = app
    events.length = logins.length = 0
    // All sessions of the user are ended while the second login is under way.
    await assert.rejects(
      ada.visit(async (session) => {
        session.login(USER, { asOf: await app.sessions.of(USER).moment() })
        await app.sessions.of(USER).revokeAll()
      }),
    )
    assert.deepEqual(
      events.filter((event) => 'reason' in event && event.reason === 'login'),
      [],
    )
    assert.deepEqual(logins, [])
  })

  it('costs no clock while nobody listens, and those who only count are told no more than before', async (t) => {
    const now = t.mock.method(performance, 'now')
    const sessions = createSessions<Anything>({ secrets: secret('audit'), store: memory({ max: 10 }) })
    const counted: SessionEvent[] = []
    sessions.observe({ event: (event) => counted.push(event), call: () => {} })
    const ada = visitor(sessions)
    const before = now.mock.callCount()
    await ada.visit((session) => session.login(USER))
    await ada.visit((session) => session.set('a', 1))
    assert.deepEqual(counted.map(untimed), counted)
    assert.deepEqual(
      counted.map(({ type }) => type),
      ['created', 'loaded', 'updated'],
    )
    // What the observer of store calls reads is its own.
    const ofEvents = now.mock.calls.slice(before).filter(({ stack }) => /events\.ts/.test(stack.stack ?? ''))
    assert.deepEqual(ofEvents, [])
  })
})

describe('the id of a request', () => {
  it('is found where frameworks and their middleware have it, and never in a header', () => {
    const found: [object, unknown][] = [
      [{ id: 'req-1' }, 'req-1'],
      [{ id: 7 }, 7],
      [{ req: { id: 'pino' } }, 'pino'],
      [{ var: { requestId: 'hono' } }, 'hono'],
      [{ state: { reqId: 'koa' } }, 'koa'],
      [{ locals: { requestId: 'kit' } }, 'kit'],
      [{ context: { requestId: 'h3' } }, 'h3'],
      [{ requestId: 'derived' }, 'derived'],
      [{ headers: { 'x-request-id': 'forged', 'request-id': 'forged' } }, undefined],
      [new Request('http://localhost', { headers: { 'x-request-id': 'forged' } }), undefined],
      // Whose id that is, nobody knows: perhaps the user's.
      [{ state: { id: 'ada' }, locals: { id: 'ada' }, context: { id: 'ada' } }, undefined],
    ]
    for (const [request, id] of found) assert.equal(requestIdOf(request), id)
  })

  it('is cut to 128 visible characters, so that it cannot begin a line of a log', () => {
    const app = audited({ requestId: (request) => (request as { name: string }).name })
    app.sessions.loginFailed({ name: `a b\r\nlevel=error\u0000é${'x'.repeat(500)}` })
    app.sessions.loginFailed({ name: '\n' })
    app.sessions.loginFailed({ name: { toString: () => 'object' } })
    const [cut, ...none] = app.events.map(({ requestId }) => requestId)
    assert.equal(cut, `ablevel=error${'x'.repeat(115)}`)
    assert.deepEqual(none, [undefined, undefined])
  })

  it('is found once for a request, and later if it has none yet', async () => {
    const asked: object[] = []
    const app = audited({
      requestId: (request) => {
        asked.push(request)
        return (request as { name?: string }).name ?? null
      },
    })
    const ada = app.visitor()
    await ada.visit((session) => session.login(USER))
    app.events.length = asked.length = 0
    const request = ada.begin()
    const session = await request.session()
    assert.equal(asked.length, 1)
    Object.assign(request.request, { name: 'late' })
    session.set('a', 1)
    await request.save()
    session.logout()
    await request.respond()
    assert.deepEqual(
      app.events.map(({ type, requestId }) => [type, requestId]),
      [
        ['loaded', undefined],
        ['updated', 'late'],
        ['revoked', 'late'],
      ],
    )
    assert.equal(app.logouts[0]?.requestId, 'late')
    assert.equal(asked.length, 2)
  })

  it('that cannot be found out affects no request, and causes one warning without the message of the error', async (t) => {
    const rejected = t.mock.fn()
    process.on('unhandledRejection', rejected)
    t.after(() => process.off('unhandledRejection', rejected))
    const ways: [() => unknown, string][] = [
      [
        () => {
          throw new TypeError(USER)
        },
        'threw an error',
      ],
      [async () => USER, 'returned a promise. It must return the id itself'],
      [() => Promise.reject(new TypeError(USER)), 'returned a promise. It must return the id itself'],
    ]
    for (const [requestId, problem] of ways) {
      const warning = t.mock.method(process, 'emitWarning', () => {})
      const asked = t.mock.fn(requestId)
      const app = audited({ requestId: asked as never })
      const ada = app.visitor()
      await ada.visit((session) => session.login(USER))
      await ada.visit((session) => session.logout())
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(
        warning.mock.calls.map(({ arguments: [message] }) => `${message}`),
        [`The option "requestId" ${problem}. Events and signals have no request id, and requests go on.`],
      )
      assert.deepEqual(
        app.events.map(({ type, requestId: id }) => [type, id]),
        ['created', 'loaded', 'revoked'].map((type) => [type, undefined]),
      )
      assert.deepEqual([app.logins[0]?.requestId, app.logouts[0]?.requestId], [null, null])
      assert.equal(asked.mock.callCount(), 2)
      warning.mock.restore()
    }
    assert.equal(rejected.mock.callCount(), 0)
  })
})

describe('a sign-in signal', () => {
  it('says who, when, from which request and with which session', async () => {
    const app = audited()
    const ada = app.visitor()
    const request = ada.begin()
    Object.assign(request.request, { id: 'req-5' })
    ;(await request.session()).login(USER, { label: 'Work', remember: true })
    assert.equal(app.logins.length, 0)
    await request.respond()
    const handle = await ada.visit((session) => session.handle)
    const facts = { userId: USER, at: new Date(app.clock()), request: request.request, requestId: 'req-5', handle }
    assert.deepEqual(app.logins, [{ ...facts, label: 'Work', persistent: true }])
    assert.equal(app.logins[0]?.request, request.request)
    const last = ada.begin()
    ;(await last.session()).logout()
    await last.respond()
    assert.deepEqual(app.logouts, [
      { userId: USER, at: new Date(app.clock()), request: last.request, requestId: null, handle },
    ])
  })

  it('comes with save(), once, whatever the response is', async () => {
    const app = audited()
    await app.visitor().visit(async (session, request) => {
      session.login(USER)
      await request.save()
      assert.equal(app.logins.length, 1)
      session.set('a', 1)
    }, 500)
    assert.equal(app.logins.length, 1)
  })

  it('does not come for a response that saves nothing, a login at the limit, or a commit that fails', async () => {
    const store = memory({ max: 10 })
    const { create } = store
    const app = audited({ make: () => store })
    await app.visitor().visit((session) => session.login(USER), 503)
    store.create = async () => {
      throw new Error('down')
    }
    await assert.rejects(app.visitor().visit((session) => session.login(USER)))
    store.create = create
    assert.deepEqual(app.logins, [])
    await app.visitor().visit((session) => session.login(USER))
    await assert.rejects(
      app.visitor().visit((session) => session.login(USER, { limit: 1, atLimit: 'refuse' })),
      SessionLimitError,
    )
    assert.equal(app.logins.length, 1)
  })

  it('does not come for a new password, which renews the session', async () => {
    let password = 'old'
    const app = audited({ credential: () => password })
    const ada = app.visitor()
    await ada.visit((session) => session.login(USER))
    await ada.visit((session) => {
      password = 'new'
      session.credentialChanged()
    })
    await ada.visit((session) => assert.equal(session.userId, USER))
    assert.equal(app.logins.length, 1)
  })

  it('of a logout comes with an error page, too, and never for a visitor who was not signed in', async () => {
    const app = audited()
    const ada = app.visitor()
    await ada.visit((session) => session.set('a', 1))
    await ada.visit((session) => session.logout())
    assert.deepEqual(app.logouts, [])
    await ada.visit((session) => session.login(USER))
    await ada.visit((session) => session.logout(), 500)
    assert.deepEqual(
      app.logouts.map(({ userId }) => userId),
      [USER],
    )
  })

  it('of a logout comes once, however many requests log out in parallel', async () => {
    const app = audited()
    const ada = app.visitor()
    await ada.visit((session) => session.login(USER))
    const both = [ada.begin(), ada.begin()]
    for (const request of both) (await request.session()).logout()
    await Promise.all(both.map((request) => request.respond()))
    assert.equal(app.logouts.length, 1)
  })

  it('does not come for a logout with a superseded cookie, which an event tells of, without the user', async () => {
    const app = audited({ eventUserIds: true })
    const ada = app.visitor()
    await ada.visit((session) => session.login(USER))
    const handle = await ada.visit((session) => session.handle)
    const old = ada.copy()
    await ada.visit((session) => session.renew())
    app.events.length = 0
    await old.visit((session) => session.logout())
    assert.deepEqual(app.events.filter(({ type }) => type === 'revoked').map(untimed), [
      { type: 'revoked', handle, count: 1, reason: 'logout' },
    ])
    assert.deepEqual(app.logouts, [])
    await ada.visit((session) => assert.equal(session.userId, null))
  })

  it('whose listener throws or rejects affects no request, and causes a warning without its message', async () => {
    const warned: string[] = []
    const listen = (warning: Error & { code?: string }) => warned.push(`${warning.code} ${warning.message}`)
    process.on('warning', listen)
    for (const onLogin of [
      () => {
        throw new TypeError(USER)
      },
      async () => {
        throw new TypeError(USER)
      },
    ]) {
      const app = audited({ onLogin })
      const ada = app.visitor()
      await ada.visit((session) => session.login(USER))
      await ada.visit((session) => assert.equal(session.userId, USER))
    }
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listen)
    assert.deepEqual(warned, Array(2).fill('STRONGROOM_LISTENER onLogin threw: TypeError'))
  })

  it('is refused when it is no function', () => {
    for (const name of ['onLogin', 'onLogout', 'onLoginFailed', 'requestId'] as const)
      assert.throws(() => createSessions({ [name]: 'x' } as never), new ConfigError(`${name} must be a function.`))
    assert.throws(() => createSessions({ eventUserIds: 'yes' } as never), ConfigError)
  })
})

describe('a failed login', () => {
  it('is told of with its request, and costs no session and no store call', async () => {
    const told: Partial<LoginFailedSignal>[] = []
    const app = fixture({ onLoginFailed: (signal) => told.push(signal) })
    const request = { id: 'req-9' }
    app.sessions.loginFailed(request, { userId: 'ada', reason: 'password' })
    app.sessions.loginFailed(null)
    assert.deepEqual(app.calls, [])
    assert.deepEqual(app.events, [
      { type: 'loginFailed', reason: 'password', requestId: 'req-9' },
      { type: 'loginFailed', reason: null },
    ])
    assert.equal(told[0]?.request, request)
    const at = new Date(app.clock())
    assert.deepEqual(told, [
      { userId: 'ada', reason: 'password', at, request, requestId: 'req-9' },
      { userId: null, reason: null, at, request: null, requestId: null },
    ])
  })

  it('tells the listener all that was typed, and an event no more than 120 characters on one line', () => {
    const app = audited({ eventUserIds: true })
    const typed = `a\nb${'x'.repeat(9_000)}`
    app.sessions.loginFailed(null, { userId: typed, reason: typed })
    const cut = `a b${'x'.repeat(117)}`
    assert.deepEqual(app.events.map(untimed), [{ type: 'loginFailed', reason: cut, userId: cut }])
    assert.deepEqual([app.failed[0]?.userId, app.failed[0]?.reason], [typed, typed])
  })

  it('takes no password, and its error does not repeat one', () => {
    const app = audited()
    for (const attempt of [{ password: 'hunter2' }, { userId: 7 }, { reason: {} }])
      assert.throws(
        () => app.sessions.loginFailed({}, attempt as never),
        (error) => error instanceof TypeError && !error.message.includes('hunter2'),
      )
    assert.throws(() => app.sessions.loginFailed('hunter2' as never), TypeError)
    assert.deepEqual([app.events, app.failed], [[], []])
  })

  it('is counted by the figures', async () => {
    const { sessions } = fixture()
    const counting = figures(sessions, { every: false })
    sessions.loginFailed({}, { reason: 'locked' })
    const { hour } = await counting.snapshot()
    assert.deepEqual(hour.total.counts, { loginsFailed: 1 })
    await counting.close()
  })
})
