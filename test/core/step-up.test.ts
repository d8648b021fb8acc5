import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import {
  ConfigError,
  FreshLoginRequiredError,
  ReadOnlyError,
  SessionGoneError,
  UnsupportedError,
} from '../../packages/strongroom/src/errors.ts'
import { checkpoint } from '../../packages/strongroom/src/session/checkpoint.ts'
import type { ProofOptions } from '../../packages/strongroom/src/session/proof.ts'
import { type Session, stateOf } from '../../packages/strongroom/src/session/session.ts'
import type { State } from '../../packages/strongroom/src/session/state.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { createSessions as inWorker } from '../../packages/strongroom/src/worker.ts'
import { REVOCABLE } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture, last } from './fixtures/fixture.ts'
import { interrupt, race, settle } from './fixtures/gates.ts'
import { DAY, KEY, NOW, OLD, setUp, visit } from './fixtures/other-framework.ts'
import { secret } from './fixtures/secret.ts'
import { type Visitor, visitor as visitorOf } from './fixtures/visitor.ts'

type S = Session<Anything>
type Options = Parameters<typeof fixture>[0]

const MINUTE = 60_000
const TOTP: ProofOptions = { method: 'totp', level: 2 }

/** In the bare cookie, of which every copy works until its deadline, no token can be ended. */
function inBareCookies(options: Options = {}): Pick<Fixture, 'visitor' | 'clock'> {
  const clock = manualClock()
  const sessions = createSessions({ secrets: secret('bare'), store: 'cookie:', clock, ...(options as object) })
  return { clock, visitor: (agent) => visitorOf(sessions, agent) as Visitor<Anything> }
}

const ENGINES: Record<string, (options?: Options) => Pick<Fixture, 'visitor' | 'clock'>> = {
  ...REVOCABLE,
  'memory, where nothing is remembered': (options) => fixture({ seal: 'two-key', ...options, memo: false }),
  'bare cookie': inBareCookies,
}

const proved = ({ level, method, authenticatedAt }: S) => [level, method, authenticatedAt?.getTime() ?? null]

/** Why `requireFresh` refuses; null if it does not. */
function refusal(session: S, ...asked: Parameters<S['requireFresh']>): FreshLoginRequiredError | null {
  try {
    session.requireFresh(...asked)
    return null
  } catch (error) {
    if (error instanceof FreshLoginRequiredError) return error
    throw error
  }
}

const reason = (session: S, ...asked: Parameters<S['requireFresh']>) => refusal(session, ...asked)?.reason ?? null

/** As if its device had proved at `at` that it has the session's key. */
function boundAt(session: S, at: number): State {
  const state = stateOf(session)
  state.deviceProof = () => at
  return state
}

async function signedIn(app: Pick<Fixture, 'visitor'>, options: Parameters<S['login']>[1] = {}) {
  const guest = app.visitor()
  await guest.visit((session) => session.login('ada', options))
  await settle()
  return guest
}

for (const [name, make] of Object.entries(ENGINES))
  describe(`a proof, on ${name}`, () => {
    it('of a login has the given method and level, or the lowest', async () => {
      const app = make()
      const at = app.clock()
      for (const [options, expected] of [
        [{}, [1, null, at]],
        [{ method: 'password' }, [1, 'password', at]],
        [TOTP, [2, 'totp', at]],
        [{ level: 9 }, [9, null, at]],
      ] as const) {
        const guest = await signedIn(app, options)
        await guest.visit((session) => assert.deepEqual(proved(session), expected))
      }
      await app.visitor().visit((session) => assert.deepEqual(proved(session), [null, null, null]))
    })

    it('by stepUp() is that of the session from then on, under a new token, with its data and its end', async () => {
      const app = make()
      const guest = await signedIn(app, { method: 'password' })
      await guest.visit((session) => session.set('basket', ['tea']))
      const before = guest.copy()
      const ends = await guest.visit(({ createdAt, endsAt, handle }) => ({ createdAt, endsAt, handle }))
      app.clock.advance(5 * MINUTE)
      const at = app.clock()
      await guest.visit((session) => {
        session.stepUp(TOTP)
        assert.deepEqual([session.level, session.method], [2, 'totp'])
      })
      await settle()
      assert.notEqual(guest.cookie, before.cookie)
      await guest.visit((session) => {
        assert.deepEqual(proved(session), [2, 'totp', at])
        assert.deepEqual([session.userId, session.get('basket')], ['ada', ['tea']])
        const { createdAt, endsAt, handle } = session
        assert.deepEqual({ createdAt, endsAt, handle }, ends)
      })
      if (name === 'bare cookie') return
      app.clock.advance(MINUTE)
      await before.visit((session) => assert.deepEqual([session.userId, session.level], [null, null]))
    })

    it('that is weaker is the newest, and does not make the strongest look newer than it is', async () => {
      const app = make({ idle: '2h' })
      const guest = await signedIn(app, TOTP)
      const first = app.clock()
      app.clock.advance(60 * MINUTE)
      await guest.visit((session) => session.stepUp({ method: 'password' }))
      await guest.visit((session) => {
        assert.deepEqual(proved(session), [2, 'password', app.clock()])
        assert.equal(reason(session, '10m'), null)
        assert.equal(reason(session, '1h', { level: 2 }), null)
        const refused = refusal(session, '59m', { level: 2 })
        assert.equal(refused?.reason, 'stale')
        assert.equal(refused?.authenticatedAt?.getTime(), first)
      })
      app.clock.advance(MINUTE)
      await guest.visit((session) => session.stepUp({ method: 'passkey', level: 3 }))
      await guest.visit((session) => {
        assert.deepEqual(proved(session), [3, 'passkey', app.clock()])
        for (const level of [1, 2, 3]) assert.equal(reason(session, '1m', { level }), null)
      })
    })

    it('is not made stronger by a renewal, a write, a new credential or a login, nor by being remembered', async () => {
      const app = make({ credential: () => 'hash' })
      for (const [way, options] of [
        [(session: S) => session.renew(), {}],
        [(session: S) => session.set('a', 1), {}],
        [(session: S) => session.setExpiry({ remember: true }), {}],
        [(session: S) => session.credentialChanged(), {}],
        [(session: S) => session.set('b', 1), { remember: true }],
        [(session: S) => session.set('b', 1), { keep: 'all' }],
        [(session: S) => session.login('ada'), TOTP],
        [(session: S) => session.login('ada', { keep: 'all', method: 'password' }), TOTP],
        [(session: S) => session.login('eve', { keep: 'all' }), TOTP],
      ] as const) {
        const guest = await signedIn(app, options)
        const at = app.clock()
        app.clock.advance(MINUTE)
        await guest.visit((session) => void way(session))
        await settle()
        await guest.visit((session) => {
          assert.equal(session.level, 1)
          const isLogin = options === TOTP
          assert.equal(session.authenticatedAt?.getTime(), isLogin ? app.clock() : at)
          assert.equal(reason(session, '1h', { level: 2 }), 'level')
        })
      }
    })

    it('stays when a renewal, a write or a flash message follows', async () => {
      const app = make()
      const guest = await signedIn(app)
      await guest.visit((session) => session.stepUp(TOTP))
      const at = app.clock()
      for (const way of [
        (session: S) => session.renew(),
        (session: S) => session.set('a', 1),
        (session: S) => session.flash('notice', 'hello'),
        (session: S) => session.clear(),
        (session: S) => session.setExpiry('1h'),
      ]) {
        app.clock.advance(1000)
        await settle()
        await guest.visit((session) => void way(session))
        await settle()
        await guest.visit((session) => assert.deepEqual(proved(session), [2, 'totp', at]))
      }
    })
  })

for (const [name, make] of Object.entries(REVOCABLE))
  describe(`stepUp() beside other requests, on ${name}`, () => {
    /** Where a session is in its cookie, the later of two responses is what the visitor has. */
    const isInStore = name !== 'cookie with revocations'

    /** Two tabs of one visitor, with the same cookie. */
    async function pair() {
      const app = make()
      const one = await signedIn(app)
      await one.visit((session) => session.set('n', 0))
      await settle()
      const other = one.copy()
      return { app, one, other }
    }

    it('keeps what a parallel request writes at any point of it, or that request is told', async () => {
      for (let at = 0; ; at++) {
        const { app, one, other } = await pair()
        const wrote: unknown[] = []
        const write = async () => {
          // After the proof, with the token from before, it is anonymous.
          const written = other.visit((session) => session.userId && session.update('n', (n = 0) => n + 1))
          wrote.push(await written.catch((error) => error))
        }
        const proof = () => one.visit((session) => session.stepUp(TOTP))
        const { reached, result } = await interrupt(app.gates, proof, write, at)
        assert.equal(result.status, 'fulfilled', String((result as PromiseRejectedResult).reason))
        await settle()
        await one.visit((session) => {
          assert.deepEqual([session.level, session.method, session.userId], [2, 'totp', 'ada'])
          if (isInStore && wrote[0] === 1) assert.equal(session.get('n'), 1)
          if (isInStore && wrote[0] !== 1) assert.equal(session.get('n'), 0)
        })
        if (!reached) break
      }
    })

    it('lets no write with the token from before succeed after it, and no such write takes the proof back', async () => {
      for (let seed = 0; seed < 24; seed++) {
        const { app, one, other } = await pair()
        const [proof, write] = await race(
          app.gates,
          [
            () => one.visit((session) => session.stepUp(TOTP)),
            () => other.visit((session) => session.update('n', (n = 0) => n + 1)),
          ],
          (count) => (seed >> 1) % count,
        )
        assert.equal(proof?.status, 'fulfilled')
        if (write?.status === 'rejected') assert.ok(write.reason instanceof SessionGoneError, String(write.reason))
        await settle()
        await one.visit((session) => {
          assert.equal(session.level, 2)
          // A write that was reported as saved is there.
          if (isInStore) assert.equal(session.get('n'), write?.status === 'fulfilled' ? 1 : 0)
        })
      }
    })

    it('of two parallel proofs stores the first, and refuses the other', async () => {
      const { one, other } = await pair()
      const requests = [one.begin(), other.begin()]
      for (const request of requests) (await request.session()).stepUp(TOTP)
      const results = await Promise.allSettled(requests.map((request) => request.respond()))
      const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
      assert.equal(failed.length, 1)
      assert.ok(failed[0] instanceof SessionGoneError)
    })
  })

describe('stepUp()', () => {
  it('takes no more room, however often it is called', async () => {
    const { visitor, clock } = inBareCookies()
    const guest = visitor()
    await guest.visit((session) => session.login('ada', TOTP))
    const size = guest.cookie?.length
    for (let times = 0; times < 5; times++) {
      clock.advance(1000)
      await guest.visit((session) => session.stepUp(TOTP))
    }
    assert.equal(guest.cookie?.length, size)
  })

  it('is an event with its method and level, and with the user only if that is asked for', async () => {
    for (const eventUserIds of [false, true]) {
      const app = fixture({ eventUserIds })
      const guest = await signedIn(app)
      const handle = await guest.visit((session) => session.handle as string)
      await guest.visit((session) => session.stepUp(TOTP))
      const facts = { reason: 'step-up', ...TOTP, ...(eventUserIds && { userId: 'ada' }) }
      assert.deepEqual(last(app.events, 'renewed'), { type: 'renewed', handle, previous: handle, ...facts })
      await settle()
      await guest.visit((session) => session.stepUp())
      assert.deepEqual(
        [last(app.events, 'renewed')].map((event) => event && 'level' in event && event.level),
        [1],
      )
      await settle()
      await guest.visit((session) => session.renew())
      assert.equal(last(app.events, 'renewed')?.reason, 'renew')
    }
  })

  it('costs what a renewal costs', async () => {
    const app = fixture()
    const guest = await signedIn(app)
    app.calls.length = 0
    await guest.visit((session) => session.stepUp(TOTP))
    assert.deepEqual(app.calls, ['read', 'update'])
  })

  it('is not saved with a response of 500, and costs nothing then', async () => {
    const app = fixture()
    const guest = await signedIn(app)
    const { cookie } = guest
    await guest.visit((session) => session.stepUp(TOTP), 500)
    assert.equal(guest.cookie, cookie)
    await guest.visit((session) => assert.deepEqual(proved(session), [1, null, app.clock()]))
  })

  it('is saved by save(), once, with the new facts in the same request', async () => {
    const app = fixture()
    const guest = await signedIn(app)
    app.clock.advance(MINUTE)
    await guest.visit(async (session, { save }) => {
      session.stepUp(TOTP)
      await save()
      assert.deepEqual(proved(session), [2, 'totp', app.clock()])
      app.clock.advance(MINUTE)
      session.set('a', 1)
    })
    assert.equal(app.events.filter(({ type }) => type === 'renewed').length, 1)
    await guest.visit((session) => assert.deepEqual(proved(session), [2, 'totp', app.clock() - MINUTE]))
  })

  it('needs a signed-in user, and a method and a level that are ones', async () => {
    const app = fixture()
    await app.visitor().visit((session) => {
      // As of a user whose session has ended while they were typing.
      assert.throws(() => session.stepUp({ level: 2 }), {
        status: 401,
        reason: 'anonymous',
        requiredLevel: 2,
        level: null,
      })
      assert.deepEqual([session.level, session.isNew], [null, true])
    })
    const guest = await signedIn(app)
    await guest.visit((session) => {
      for (const wrong of [{ level: 0 }, { level: 10 }, { level: 1.5 }, { level: '2' }, { level: Number.NaN }]) {
        assert.throws(() => session.stepUp(wrong as never), /stepUp: level must be a whole number from 1 to 9\./)
        assert.throws(() => session.login('ada', wrong as never), /login: level must be a whole number from 1 to 9\./)
        assert.throws(() => session.requireFresh('1m', wrong as never), /requireFresh: level must be/)
      }
      for (const method of ['', 'x'.repeat(65), 5, null]) {
        assert.throws(
          () => session.stepUp({ method } as never),
          /stepUp: method must be a string of 1 to 64 characters/,
        )
        assert.throws(() => session.login('ada', { method } as never), TypeError)
      }
      assert.throws(() => session.stepUp({ Level: 2 } as never), ConfigError)
      assert.throws(() => session.stepUp('totp' as never), ConfigError)
      assert.deepEqual(proved(session), [1, null, app.clock()])
      session.logout()
      assert.throws(() => session.stepUp(), FreshLoginRequiredError)
      assert.deepEqual([session.level, session.method], [null, null])
    })
  })

  it('before a logout or a login of the same request counts for neither', async () => {
    const app = fixture()
    const guest = await signedIn(app)
    await guest.visit((session) => {
      session.stepUp(TOTP)
      session.login('eve')
      assert.deepEqual([session.level, session.method], [1, null])
    })
    await guest.visit((session) => assert.deepEqual(proved(session), [1, null, app.clock()]))
    await guest.visit((session) => {
      session.stepUp(TOTP)
      session.logout()
      session.login('ada')
    })
    await guest.visit((session) => assert.deepEqual([session.userId, session.level], ['ada', 1]))
    await settle()
    await guest.visit((session) => {
      session.stepUp(TOTP)
      session.logout()
      session.flash('notice', 'Good-bye.')
      assert.equal(session.level, null)
    })
    await guest.visit((session) => {
      assert.deepEqual(session.flash('notice'), ['Good-bye.'])
      assert.deepEqual([session.userId, ...proved(session)], [null, null, null, null])
    })
  })

  it('after a login of the same request adds to it, and so does one after another', async () => {
    const app = fixture()
    const guest = app.visitor()
    await guest.visit((session) => {
      session.login('ada', { method: 'password' })
      session.stepUp(TOTP)
      assert.equal(reason(session, '1s', { level: 2 }), null)
    })
    await guest.visit((session) => assert.deepEqual(proved(session), [2, 'totp', app.clock()]))
    await settle()
    await guest.visit((session) => {
      session.stepUp({ method: 'passkey', level: 3 })
      session.stepUp({ method: 'password' })
    })
    await guest.visit((session) => assert.deepEqual([session.level, session.method], [3, 'password']))
  })

  it('of a login that was refused is taken back with it', async () => {
    const app = fixture()
    await signedIn(app)
    const guest = app.visitor()
    await guest.visit((session) => session.login('eve'))
    await settle()
    await guest.visit(async (session, { save }) => {
      session.login('ada', { limit: 1, atLimit: 'refuse', keep: 'none', level: 3 })
      await assert.rejects(save(), { code: 'STRONGROOM_LIMIT' })
      assert.deepEqual([session.userId, session.level], ['eve', 1])
    })
    await guest.visit((session) => assert.deepEqual([session.userId, session.level], ['eve', 1]))
  })

  it('is taken back with what else a login has changed, by those who undo one', async () => {
    const guest = await signedIn(fixture())
    await guest.visit((session) => {
      const takeBack = checkpoint(stateOf(session))
      session.login('eve', { level: 3 })
      takeBack()
      assert.deepEqual([session.userId, session.level], ['ada', 1])
    })
  })

  it('closes no form that was open: its CSRF token stays good', async () => {
    const clock = manualClock()
    const sessions = createSessions({ secrets: secret('forms'), store: memory({ clock }), clock })
    const open = (cookie: string | null) => sessions.open(cookie === null ? {} : { cookie })
    const next = (line: string | null, before: string | null) => line?.split(';')[0] ?? before
    const login = open(null)
    ;(await login.get()).login('ada')
    let cookie = next((await login.commit()).setCookie, null)
    const form = open(cookie)
    const token = await form.csrfToken()
    await form.commit()
    clock.advance(MINUTE)
    const proof = open(cookie)
    ;(await proof.get()).stepUp(TOTP)
    cookie = next((await proof.commit()).setCookie, cookie)
    const { csrfPolicy } = await import('../../packages/strongroom/src/http/csrf.ts')
    const facts = {
      method: 'POST',
      headers: { cookie: String(cookie), 'x-csrf-token': token },
      host: 'h',
      encrypted: true,
    }
    const request = {}
    sessions.attach(request, () => open(cookie))
    await sessions.checkCsrf(request, facts, csrfPolicy({}))
  })
})

describe('requireFresh()', () => {
  it('passes until the proof is older than maxAge, to the millisecond', async () => {
    const app = fixture({ idle: '1h' })
    const guest = await signedIn(app)
    for (const [passed, expected] of [
      [0, null],
      [10 * MINUTE, null],
      [1, 'stale'],
    ] as const) {
      app.clock.advance(passed)
      await guest.visit((session) => assert.equal(reason(session, '10m'), expected))
    }
    await guest.visit((session) => {
      session.stepUp()
      assert.equal(reason(session, 1), null)
    })
    await guest.visit((session) => assert.equal(reason(session, '10m'), null))
  })

  it('throws an error that tells why, what was asked for and what is there, and nothing that names the session', async () => {
    const app = fixture({ idle: '1h' })
    const guest = await signedIn(app, { method: 'password' })
    const at = new Date(app.clock())
    app.clock.advance(11 * MINUTE)
    const seen: [Parameters<S['requireFresh']>, object][] = [
      [['10m'], { reason: 'stale', authenticatedAt: at, maxAge: 10 * MINUTE, requiredLevel: 1 }],
      [['1h', { level: 2 }], { reason: 'level', authenticatedAt: null, maxAge: 60 * MINUTE, requiredLevel: 2 }],
      [
        ['1h', { deviceBound: true }],
        { reason: 'unbound', authenticatedAt: at, maxAge: 60 * MINUTE, requiredLevel: 1 },
      ],
    ]
    await guest.visit((session) => {
      stateOf(session).deviceProof = () => null
      session.set('secret', 'a value')
      for (const [asked, expected] of seen) {
        const error = refusal(session, ...asked)
        assert.ok(error)
        const facts = { level: 1, deviceBound: asked[1]?.deviceBound ?? false, ...expected }
        assert.deepEqual(error.toJSON(), { code: 'STRONGROOM_FRESH_LOGIN', ...facts })
        assert.deepEqual(
          [error.status, error.statusCode, error.statusText, error.expose, error.name],
          [401, 401, 'Unauthorized', true, 'FreshLoginRequiredError'],
        )
        const shown = `${error.message} ${error.publicMessage} ${JSON.stringify(error)}`
        for (const told of ['ada', 'a value', session.handle, guest.cookie])
          assert.ok(!shown.includes(String(told)), shown)
      }
    })
    await app.visitor().visit((session) => {
      const error = refusal(session, '10m', { level: 2 })
      assert.deepEqual([error?.reason, error?.level, error?.authenticatedAt], ['anonymous', null, null])
    })
  })

  it('refuses a session whose last proof nobody knows, because it was adopted', async () => {
    for (const [ago, expected, provedAt] of [
      [undefined, ['stale', 'level'], null],
      [MINUTE, [null, 'level'], NOW - MINUTE],
      [11 * MINUTE, ['stale', 'level'], NOW - 11 * MINUTE],
    ] as const) {
      const { sessions, there } = setUp()
      const known = ago === undefined ? {} : { authenticatedAt: NOW - ago }
      there.set(KEY, { userId: 'ada', values: {}, expiresAt: NOW + DAY, ...known })
      await visit(sessions, OLD, (session) => {
        assert.deepEqual(proved(session), [1, null, provedAt])
        assert.deepEqual([reason(session, '10m'), reason(session, '1d', { level: 2 })], expected)
      })
    }
  })

  it('refuses where nothing that was proved counts any more, until something is proved again', async () => {
    const guest = await signedIn(fixture(), TOTP)
    await guest.visit((session) => {
      const state = stateOf(session)
      state.meta = { ...(state.meta ?? assert.fail()), proofs: [] }
      assert.deepEqual([session.level, session.method, reason(session, '1d')], [1, null, 'stale'])
      assert.equal(reason(session, '1d', { level: 2 }), 'level')
      session.stepUp(TOTP)
      assert.equal(reason(session, '1d', { level: 2 }), null)
    })
  })

  it('goes by the clock of the call, also in a session that is read once for a long connection', async () => {
    const app = fixture({ idle: '2h' })
    const guest = await signedIn(app)
    const session = await app.sessions.read({ cookie: `${app.sessions.policy.cookieName}=${guest.cookie}` })
    assert.equal(reason(session, '10m'), null)
    app.clock.advance(11 * MINUTE)
    assert.equal(reason(session, '10m'), 'stale')
  })

  it('takes an outage for no sign-out: a stand-in responds 503', async () => {
    const app = fixture({ onStoreError: 'anonymous' })
    const guest = await signedIn(app)
    app.fail.when = () => new Error('down')
    await guest.visit((session) => {
      assert.equal(session.userId, null)
      assert.throws(
        () => session.requireFresh('10m'),
        (error) => error instanceof ReadOnlyError && error.status === 503,
      )
    })
  })

  it('refuses a maxAge that is none, and options that it does not have', async () => {
    const guest = await signedIn(fixture())
    await guest.visit((session) => {
      for (const wrong of [0, -1, '10', 'soon', undefined, null])
        assert.throws(() => session.requireFresh(wrong as never), {
          code: 'STRONGROOM_CONFIG',
          message: /requireFresh: maxAge/,
        })
      assert.throws(() => session.requireFresh('1m', { levels: 2 } as never), /Did you mean "level"\?/)
      assert.throws(() => session.requireFresh('1m', { deviceBound: 1 } as never), ConfigError)
      assert.throws(() => session.requireFresh('1m', { deviceBound: true }), {
        code: 'STRONGROOM_CONFIG',
        message: 'requireFresh: deviceBound needs the option deviceBound of createSessions().',
      })
      assert.throws(() => session.requireFresh('1m', 2 as never), ConfigError)
    })
  })

  it('asks a device that the session is bound to for a new proof, and only if its last one is too old', async () => {
    const app = fixture({ idle: '1h' })
    const guest = await signedIn(app)
    await guest.visit((session) => {
      const state = boundAt(session, app.clock() - 10 * MINUTE)
      assert.deepEqual([reason(session, '10m', { deviceBound: true }), state.provesAgain], [null, false])
      assert.deepEqual([reason(session, '9m'), state.provesAgain], [null, false])
      assert.deepEqual([reason(session, '9m', { deviceBound: true }), state.provesAgain], ['device', true])
    })
    app.clock.advance(11 * MINUTE)
    await guest.visit((session) => {
      const state = boundAt(session, app.clock())
      assert.equal(reason(session, '10m', { deviceBound: true }), 'stale')
      assert.equal(state.provesAgain, false)
    })
  })
})

describe('in a Worker', () => {
  it('what was proved is stored, and the calls say which createSessions has them', async () => {
    const { cookie } = await import('../../packages/strongroom/src/engines/cookie/cookie.ts')
    const sessions = inWorker({ secrets: secret('worker'), store: cookie() })
    await visitorOf(sessions as never).visit((session) => {
      for (const call of [
        () => session.stepUp(),
        () => session.requireFresh('1m'),
        () => session.login('ada', { level: 2 }),
        () => session.login('ada', { method: 'totp' }),
      ])
        assert.throws(call, (error) => error instanceof UnsupportedError && /strongroom\/stores/.test(error.message))
      session.login('ada')
      assert.equal(session.level, 1)
    })
  })
})
