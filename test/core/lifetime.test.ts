import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { milliseconds } from '../../packages/strongroom/src/base/duration.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { expiryAfter, lastSeen, TOUCH_SHARE, touchDue } from '../../packages/strongroom/src/session/lifetime.ts'
import { REVOCABLE } from './fixtures/engines.ts'
import { fixture, last } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000]

describe('a duration', () => {
  it('is a whole number of milliseconds or a string with a unit', () => {
    const good: [string | number, number][] = [
      [1, 1],
      [1500, 1500],
      [0.5, 1],
      ['90s', 90 * SECOND],
      ['30m', 30 * MINUTE],
      ['12h', 12 * HOUR],
      ['7d', 7 * DAY],
      ['2w', 14 * DAY],
      ['250ms', 250],
      [' 1.5 h ', 90 * MINUTE],
      ['400d', 400 * DAY],
      [400 * DAY, 400 * DAY],
    ]
    for (const [given, ms] of good) assert.equal(milliseconds(given, 'idle'), ms, String(given))
  })

  it('is refused when it is anything else, and the error names the option', () => {
    const bad = [
      0,
      -1,
      NaN,
      Infinity,
      400 * DAY + 1,
      '',
      '30',
      'm',
      '-1m',
      '30 minutes',
      '1e3s',
      '0s',
      '401d',
      '30m ago',
      null,
      undefined,
      {},
      true,
      5n,
    ]
    for (const given of bad)
      assert.throws(
        () => milliseconds(given as never, 'idle'),
        (error: Error) => error instanceof ConfigError && /^idle must be .*'30m'/.test(error.message),
        String(given),
      )
  })
})

describe('moments', () => {
  const life = { idle: 30 * MINUTE, deadline: 12 * HOUR }

  it('a session ends one idle time after its last use, and never after its absolute deadline', () => {
    assert.equal(expiryAfter(0, life), 30 * MINUTE)
    assert.equal(expiryAfter(12 * HOUR - 1, life), 12 * HOUR)
    assert.equal(expiryAfter(5, { ...life, idle: 0 }), 12 * HOUR)
  })

  it('a touch is due when it would gain a tenth of the idle time or reach the absolute deadline, and never moves the deadline back', () => {
    const expiresAt = 30 * MINUTE
    assert.equal(touchDue(3 * MINUTE - 1, expiresAt, life, TOUCH_SHARE), null)
    assert.equal(touchDue(3 * MINUTE, expiresAt, life, TOUCH_SHARE), 33 * MINUTE)
    assert.equal(touchDue(-HOUR, expiresAt, life, TOUCH_SHARE), null)
    assert.equal(touchDue(12 * HOUR - 10, 12 * HOUR - 1, life, TOUCH_SHARE), 12 * HOUR)
    assert.equal(touchDue(12 * HOUR - 10, 12 * HOUR, life, TOUCH_SHARE), null)
    assert.equal(touchDue(5, 12 * HOUR, { ...life, idle: 0 }, TOUCH_SHARE), null)
  })

  it('the time of the last use is known from the idle time, and is unknown without one', () => {
    assert.equal(lastSeen(30 * MINUTE, life), 0)
    assert.equal(lastSeen(12 * HOUR, life), null)
    assert.equal(lastSeen(30 * MINUTE, { ...life, idle: 0 }), null)
  })
})

for (const [name, make] of Object.entries(REVOCABLE))
  describe(`on ${name}, a session`, () => {
    it('lives while it is used, ends when idle, never outlasts its absolute deadline, and is touched once per tenth of the idle time', async () => {
      type Op = { op: 'read' | 'write' | 'renew' | 'login'; wait: number }
      const check = async (ops: Op[]) => {
        const app = make({ idle: '30m', absolute: '3h' })
        const { clock } = app
        const guest = app.visitor()
        await guest.visit((session) => session.set('n', 0))
        let [used, deadline] = [clock(), clock() + 3 * HOUR]
        let touched = { at: clock(), count: 0 }
        for (const { op, wait } of ops) {
          clock.advance(wait)
          await settle()
          const gap = clock() - used
          app.events.length = 0
          const alive = await guest.visit((session) => {
            const found = !session.isNew
            if (found) assert.equal(Number(session.endsAt), deadline)
            if (found && op === 'write') session.update('n', (n) => n + 1)
            if (found && op === 'renew') session.renew()
            if (found && op === 'login') session.login('ada')
            return found
          })
          if (clock() >= deadline || gap >= 30 * MINUTE) assert.equal(alive, false, 'it is over')
          else if (gap < 27 * MINUTE) assert.equal(alive, true, 'it is alive')
          if (!alive) break
          used = clock()
          if (op === 'login') deadline = clock() + 3 * HOUR
          if (last(app.events, 'touched')) {
            assert.ok(clock() - touched.at >= 3 * MINUTE || touched.at + 30 * MINUTE >= deadline - 3 * MINUTE)
            touched = { at: clock(), count: touched.count + 1 }
          }
          if (op !== 'read') touched = { at: clock(), count: 0 }
        }
        await app.store.close()
      }
      const wait = fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 0, max: 10 * MINUTE }) },
        { weight: 2, arbitrary: fc.integer({ min: 10 * MINUTE, max: 29 * MINUTE }) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(27 * MINUTE - 1, 30 * MINUTE, 2 * HOUR, 3 * HOUR - 1, 3 * HOUR, 1, 3 * MINUTE),
        },
      )
      const op = fc.constantFrom<Op['op']>('read', 'read', 'read', 'write', 'renew', 'login')
      const ops = fc.array(fc.record({ op, wait }), { minLength: 1, maxLength: 25 })
      await fc.assert(fc.asyncProperty(ops, check), { numRuns: name === 'file' || name === 'sqlite' ? 15 : 150 })
    })

    it('that is read all the time is touched ten times in an idle time, and a remembered session never', async () => {
      for (const [remember, touches] of [
        [false, 10],
        [true, 0],
      ] as const) {
        const app = make({ idle: '30m', absolute: '12h' })
        const guest = app.visitor()
        await guest.visit((session) => session.login('ada', { remember }))
        for (let i = 0; i < 180; i++) {
          app.clock.advance(10 * SECOND)
          await settle()
          await guest.visit((session) => assert.equal(session.userId, 'ada'))
        }
        assert.equal(app.events.filter(({ type }) => type === 'touched').length, touches)
        await app.store.close()
      }
    })

    it('that ends between its read and its touch is not touched, and its cookie is left alone', async () => {
      const app = make()
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      app.clock.advance(4 * MINUTE)
      await settle()
      const request = guest.begin()
      await request.session()
      await guest.copy().visit((session) => session.logout())
      assert.equal((await request.respond()).setCookie, null)
      assert.ok(last(app.events, 'gone'))
      await app.store.close()
    })

    it('keeps the deadline of its login through every renewal, and gets a new one at the next login', async () => {
      const app = make({ idle: '30m', absolute: '1h' })
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      const end = app.clock() + HOUR
      for (let i = 0; i < 5; i++) {
        app.clock.advance(10 * MINUTE)
        await settle()
        await guest.visit((session) => {
          assert.equal(Number(session.endsAt), end)
          session.renew()
        })
      }
      await settle()
      await guest.visit((session) => session.login('ada'))
      await settle()
      await guest.visit((session) => assert.equal(Number(session.endsAt), app.clock() + HOUR))
      app.clock.advance(HOUR)
      await settle()
      await guest.visit((session) => assert.equal(session.userId, null))
    })

    it('survives a clock that jumps back, and has expired when it jumps forward', async () => {
      const app = make({ idle: '30m', absolute: '12h' })
      const guest = app.visitor()
      await guest.visit((session) => session.set('n', 0).login('ada'))
      const began = app.clock()
      for (const jump of [-HOUR, 5 * MINUTE, -DAY, 2 * DAY - HOUR, -DAY + HOUR]) {
        app.clock.advance(jump)
        await settle()
        const alive = app.clock() < began + 30 * MINUTE
        await guest.copy().visit((session) => assert.equal(session.userId, alive ? 'ada' : null))
      }
    })
  })

describe('a stored deadline that an attacker has moved', () => {
  it('never makes the session last longer than the sealed one', async () => {
    const app = fixture({ seal: 'two-key', absolute: '1h' })
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    const end = app.clock() + HOUR
    for await (const page of app.store.scan()) for (const { id } of page) await app.store.touch(id, end + DAY)
    await settle()
    await guest.visit((session) => assert.deepEqual([Number(session.expiresAt), Number(session.endsAt)], [end, end]))
    app.clock.set(end)
    await settle()
    await guest.visit((session) => assert.equal(session.userId, null))
  })
})

describe('a session with an expiry of its own', () => {
  const begin = async (options: Parameters<typeof fixture>[0] = {}) => {
    const app = fixture({ idle: '30m', absolute: '12h', ...options })
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    const facts = () =>
      guest.visit((session) => ({
        idle: Number(session.expiresAt) - app.clock(),
        left: Number(session.endsAt) - app.clock(),
      }))
    return { ...app, guest, facts }
  }

  it('can be set in every form that setExpiry accepts', async () => {
    const at = (ms: number) => (now: number) => new Date(now + ms)
    const forms: [(now: number) => unknown, idle: number, left: number, persistent: boolean][] = [
      [() => '10m', 10 * MINUTE, 12 * HOUR, false],
      [() => 5000, 5000, 12 * HOUR, false],
      [at(HOUR), HOUR, HOUR, false],
      [() => ({ idle: null }), 12 * HOUR, 12 * HOUR, false],
      [() => ({ absolute: '2d' }), 30 * MINUTE, 2 * DAY, false],
      [(now) => ({ absolute: at(2 * DAY)(now), idle: null, remember: true }), 2 * DAY, 2 * DAY, true],
      [() => ({ remember: true }), 30 * MINUTE, 12 * HOUR, true],
      [() => ({}), 30 * MINUTE, 12 * HOUR, false],
      [() => 'browser', 30 * MINUTE, 12 * HOUR, false],
      [() => null, 30 * MINUTE, 12 * HOUR, false],
    ]
    for (const [form, idle, left, persistent] of forms) {
      const { guest, clock, facts } = await begin()
      await guest.visit((session) => session.setExpiry(form(clock()) as never))
      await settle()
      assert.deepEqual(await facts(), { idle, left })
      assert.equal(/Max-Age/.test(guest.setCookie ?? ''), persistent)
      clock.advance(idle)
      await settle()
      await guest.visit((session) => assert.equal(session.userId, null))
    }
  })

  it('has a cookie that lasts as long as the session, whenever that changes', async () => {
    const { guest, clock } = await begin()
    await guest.visit((session) => session.login('ada', { remember: '14d' }))
    const { cookie } = guest
    clock.advance(DAY)
    await settle()
    await guest.visit((session) => session.setExpiry({ absolute: '30d' }))
    assert.deepEqual([guest.cookie, /Max-Age=2592000;/.test(guest.setCookie ?? '')], [cookie, true])
    await settle()
    assert.equal((await guest.visit((_, request) => request.respond())).setCookie, null)
  })

  it('can have it from its first request', async () => {
    const { visitor, clock } = await begin()
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1).setExpiry({ absolute: '2d', idle: null, remember: true }))
    assert.match(guest.setCookie ?? '', /Max-Age=172800;/)
    await settle()
    await guest.visit((session) => assert.equal(Number(session.expiresAt), clock() + 2 * DAY))
  })

  it('combines several calls in one request, and the later ones win', async () => {
    const { guest, facts } = await begin()
    await guest.visit((session) => {
      session.setExpiry({ idle: '10m', absolute: '1d' })
      session.setExpiry({ remember: true })
      session.setExpiry('20m')
    })
    await settle()
    assert.deepEqual(await facts(), { idle: 20 * MINUTE, left: DAY })
    assert.match(guest.setCookie ?? '', /Max-Age=86400;/)
    await guest.visit((session) => {
      session.setExpiry({ absolute: '2d' })
      session.setExpiry(null)
      session.setExpiry({ idle: '5m' })
    })
    await settle()
    assert.deepEqual(await facts(), { idle: 5 * MINUTE, left: 12 * HOUR })
    assert.doesNotMatch(guest.setCookie ?? '', /Max-Age/)
  })

  it('keeps it through writes and renewals, and a login starts with the defaults', async () => {
    const { guest, facts, clock } = await begin()
    await guest.visit((session) => session.setExpiry({ idle: '10m', absolute: '1d' }))
    await settle()
    await guest.visit((session) => session.set('a', 1).renew())
    await settle()
    assert.deepEqual(await facts(), { idle: 10 * MINUTE, left: DAY })
    clock.advance(MINUTE)
    await guest.visit((session) => session.login('ada'))
    await settle()
    assert.deepEqual(await facts(), { idle: 30 * MINUTE, left: 12 * HOUR })
  })

  it('that returns to the defaults does not end at once, even when it is older than they allow', async () => {
    const { guest, clock, facts } = await begin({ remember: '14d' })
    await guest.visit((session) => session.login('ada', { remember: true }))
    assert.match(guest.setCookie ?? '', /Max-Age=1209600;/)
    clock.advance(3 * DAY)
    await settle()
    await guest.visit((session) => session.setExpiry('browser'))
    assert.doesNotMatch(guest.setCookie ?? '', /Max-Age/)
    await settle()
    assert.deepEqual(await facts(), { idle: 30 * MINUTE, left: 12 * HOUR })
  })

  it('that returns to the defaults gets no more time than it had', async () => {
    const { guest, clock, facts } = await begin()
    await guest.visit((session) => session.setExpiry({ absolute: '13h', idle: null }))
    clock.advance(12.5 * HOUR)
    await settle()
    await guest.visit((session) => session.setExpiry(null))
    await settle()
    assert.deepEqual(await facts(), { idle: 30 * MINUTE, left: 30 * MINUTE })
  })

  it('refuses an end in the past, an end too far ahead, and unknown options', async () => {
    const { guest, clock } = await begin()
    await guest.visit((session) => {
      const wrong = [
        new Date(clock()),
        new Date(0),
        new Date(NaN),
        new Date(clock() + 401 * DAY),
        0,
        -1,
        '',
        'soon',
        NaN,
        { idle: 0 },
        { idle: '0s' },
        { absolute: 0 },
        { absolute: '401d' },
        { absolute: null },
        { remember: 'yes' },
        { Idle: '5m' },
        { maxAge: 5 },
        undefined,
      ]
      for (const expiry of wrong) assert.throws(() => session.setExpiry(expiry as never), JSON.stringify(expiry))
      assert.throws(() => session.setExpiry({ maxAge: 5 } as never), /Known: idle, absolute, remember/)
    })
  })

  it('that is remembered for its own time has a cookie for as long, and a plain login has one that ends with the browser', async () => {
    const { guest, facts } = await begin({ remember: '14d' })
    assert.doesNotMatch(guest.setCookie ?? '', /Max-Age|Expires/)
    await guest.visit((session) => session.login('ada', { remember: '30d' }))
    assert.match(guest.setCookie ?? '', /Max-Age=2592000;/)
    await settle()
    assert.deepEqual(await facts(), { idle: 30 * DAY, left: 30 * DAY })
  })
})
