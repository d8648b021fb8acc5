import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { expiryAfter, lastSeen, milliseconds, touchDue } from '../../packages/strongroom/src/session/lifetime.ts'
import { WORLDS } from './kit/engines.ts'
import { fixture, last } from './kit/fixture.ts'
import { settle } from './kit/gates.ts'

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000]

describe('a duration', () => {
  it('is whole milliseconds or text with a unit', () => {
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

  it('is refused, by the name of what it was for, when it is nothing of the kind', () => {
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

  it('a session that is used ends one idle time later, and never after its deadline', () => {
    assert.equal(expiryAfter(0, life), 30 * MINUTE)
    assert.equal(expiryAfter(12 * HOUR - 1, life), 12 * HOUR)
    assert.equal(expiryAfter(5, { ...life, idle: 0 }), 12 * HOUR)
  })

  it('a touch is due when a tenth of the idle time can be gained, or the rest that there is, and never backwards', () => {
    const expiresAt = 30 * MINUTE
    assert.equal(touchDue(3 * MINUTE - 1, expiresAt, life), null)
    assert.equal(touchDue(3 * MINUTE, expiresAt, life), 33 * MINUTE)
    assert.equal(touchDue(-HOUR, expiresAt, life), null)
    assert.equal(touchDue(12 * HOUR - 10, 12 * HOUR - 1, life), 12 * HOUR)
    assert.equal(touchDue(12 * HOUR - 10, 12 * HOUR, life), null)
    assert.equal(touchDue(5, 12 * HOUR, { ...life, idle: 0 }), null)
  })

  it('when a session was last seen can be told from its idle time, and else not at all', () => {
    assert.equal(lastSeen(30 * MINUTE, life), 0)
    assert.equal(lastSeen(12 * HOUR, life), null)
    assert.equal(lastSeen(30 * MINUTE, { ...life, idle: 0 }), null)
  })
})

for (const [name, make] of Object.entries(WORLDS))
  describe(`on ${name}, a session`, () => {
    it('lives while it is used, dies of idleness, never outlives its deadline, and is touched once per tenth', async () => {
      type Op = { op: 'read' | 'write' | 'renew' | 'login'; wait: number }
      const check = async (ops: Op[]) => {
        const world = make({ idle: '30m', absolute: '3h' })
        const { clock } = world
        const guest = world.visitor()
        await guest.visit((session) => session.set('n', 0))
        let [used, deadline] = [clock(), clock() + 3 * HOUR]
        let touched = { at: clock(), count: 0 }
        for (const { op, wait } of ops) {
          clock.advance(wait)
          await settle()
          const gap = clock() - used
          world.events.length = 0
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
          if (last(world.events, 'touched')) {
            assert.ok(clock() - touched.at >= 3 * MINUTE || touched.at + 30 * MINUTE >= deadline - 3 * MINUTE)
            touched = { at: clock(), count: touched.count + 1 }
          }
          if (op !== 'read') touched = { at: clock(), count: 0 }
        }
        await world.store.close()
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

    it('read all the time is touched ten times in an idle time, and a session that is remembered not at all', async () => {
      for (const [remember, touches] of [
        [false, 10],
        [true, 0],
      ] as const) {
        const world = make({ idle: '30m', absolute: '12h' })
        const guest = world.visitor()
        await guest.visit((session) => session.login('ada', { remember }))
        for (let i = 0; i < 180; i++) {
          world.clock.advance(10 * SECOND)
          await settle()
          await guest.visit((session) => assert.equal(session.userId, 'ada'))
        }
        assert.equal(world.events.filter(({ type }) => type === 'touched').length, touches)
        await world.store.close()
      }
    })

    it('that ended between a read and its touch is not touched, and its cookie is left as it is', async () => {
      const world = make()
      const guest = world.visitor()
      await guest.visit((session) => session.login('ada'))
      world.clock.advance(4 * MINUTE)
      await settle()
      const request = guest.begin()
      await request.session()
      await guest.copy().visit((session) => session.logout())
      assert.equal((await request.respond()).setCookie, null)
      assert.ok(last(world.events, 'gone'))
      await world.store.close()
    })

    it('keeps the deadline of its login through every renewal, and gets a new one with the next login', async () => {
      const world = make({ idle: '30m', absolute: '1h' })
      const guest = world.visitor()
      await guest.visit((session) => session.login('ada'))
      const end = world.clock() + HOUR
      for (let i = 0; i < 5; i++) {
        world.clock.advance(10 * MINUTE)
        await settle()
        await guest.visit((session) => {
          assert.equal(Number(session.endsAt), end)
          session.renew()
        })
      }
      await settle()
      await guest.visit((session) => session.login('ada'))
      await settle()
      await guest.visit((session) => assert.equal(Number(session.endsAt), world.clock() + HOUR))
      world.clock.advance(HOUR)
      await settle()
      await guest.visit((session) => assert.equal(session.userId, null))
    })

    it('survives a clock that jumps back, and is over when it jumps on', async () => {
      const world = make({ idle: '30m', absolute: '12h' })
      const guest = world.visitor()
      await guest.visit((session) => session.set('n', 0).login('ada'))
      const began = world.clock()
      for (const jump of [-HOUR, 5 * MINUTE, -DAY, 2 * DAY - HOUR, -DAY + HOUR]) {
        world.clock.advance(jump)
        await settle()
        const alive = world.clock() < began + 30 * MINUTE
        await guest.copy().visit((session) => assert.equal(session.userId, alive ? 'ada' : null))
      }
    })
  })

describe('an open deadline that somebody moved in the store', () => {
  it('is never later for the session than the sealed one', async () => {
    const world = fixture({ seal: 'two-key', absolute: '1h' })
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada'))
    const end = world.clock() + HOUR
    for await (const page of world.store.scan()) for (const { id } of page) await world.store.touch(id, end + DAY)
    await settle()
    await guest.visit((session) => assert.deepEqual([Number(session.expiresAt), Number(session.endsAt)], [end, end]))
    world.clock.set(end)
    await settle()
    await guest.visit((session) => assert.equal(session.userId, null))
  })
})

describe('a session with an expiry of its own', () => {
  const begin = async (options: Parameters<typeof fixture>[0] = {}) => {
    const world = fixture({ idle: '30m', absolute: '12h', ...options })
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    const facts = () =>
      guest.visit((session) => ({
        idle: Number(session.expiresAt) - world.clock(),
        left: Number(session.endsAt) - world.clock(),
      }))
    return { ...world, guest, facts }
  }

  it('has it from each form that setExpiry takes', async () => {
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

  it('has the browser keep its cookie as long as the session, whenever that changes', async () => {
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

  it('may have it from its first request', async () => {
    const { visitor, clock } = await begin()
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1).setExpiry({ absolute: '2d', idle: null, remember: true }))
    assert.match(guest.setCookie ?? '', /Max-Age=172800;/)
    await settle()
    await guest.visit((session) => assert.equal(Number(session.expiresAt), clock() + 2 * DAY))
  })

  it('has what several calls in one request said, the later over the earlier', async () => {
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

  it('keeps it through writes and renewals, and a login begins with the defaults', async () => {
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

  it('that is given back the defaults is not cut off, though it is older than they allow', async () => {
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

  it('that is given back the defaults gets no more time than it had', async () => {
    const { guest, clock, facts } = await begin()
    await guest.visit((session) => session.setExpiry({ absolute: '13h', idle: null }))
    clock.advance(12.5 * HOUR)
    await settle()
    await guest.visit((session) => session.setExpiry(null))
    await settle()
    assert.deepEqual(await facts(), { idle: 30 * MINUTE, left: 30 * MINUTE })
  })

  it('is refused an end that is not ahead, or too far, and options that nobody knows', async () => {
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

  it('that is remembered for its own time has a cookie for as long, and a plain login one that ends with the browser', async () => {
    const { guest, facts } = await begin({ remember: '14d' })
    assert.doesNotMatch(guest.setCookie ?? '', /Max-Age|Expires/)
    await guest.visit((session) => session.login('ada', { remember: '30d' }))
    assert.match(guest.setCookie ?? '', /Max-Age=2592000;/)
    await settle()
    assert.deepEqual(await facts(), { idle: 30 * DAY, left: 30 * DAY })
  })
})
