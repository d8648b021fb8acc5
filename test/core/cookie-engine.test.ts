import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { SessionGoneError, TooLargeError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { carried } from './kit/engines.ts'
import type { Anything, Fixture } from './kit/fixture.ts'
import { settle } from './kit/gates.ts'
import { ringOf, secret } from './kit/ring.ts'
import { type Visitor, visitor } from './kit/visitor.ts'

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]

/** Sessions in cookies with nothing on the server. */
function bare(protection: 'sealed' | 'signed' = 'sealed', options = {}) {
  const clock = manualClock()
  const sessions = createSessions<Anything>({ secrets: secret('a'), store: cookie({ protection }), clock, ...options })
  return { sessions, clock, visitor: () => visitor(sessions) }
}

const userOf = async (guest: Visitor<Anything>, cookie: string | null) => {
  const thief = guest.copy()
  thief.cookie = cookie
  return thief.visit((session) => session.userId)
}

describe('a session in a cookie', () => {
  for (const protection of ['sealed', 'signed'] as const) {
    it(`${protection}, works without a server that keeps anything`, async () => {
      const guest = bare(protection).visitor()
      await guest.visit((session) => session.set('a', { deep: [1] }).login('ada'))
      const first = guest.cookie
      await guest.visit((session) => {
        assert.deepEqual([session.userId, session.get('a'), session.isNew], ['ada', { deep: [1] }, false])
        session.get('a').deep.push(2)
      })
      assert.notEqual(guest.cookie, first)
      await guest.visit((session) => assert.deepEqual(session.get('a'), { deep: [1, 2] }))
      await guest.visit((session) => session.logout())
      assert.equal(guest.cookie, null)
    })

    it(`${protection}, is not sent again when nothing changed`, async () => {
      const guest = bare(protection).visitor()
      await guest.visit((session) => session.set('a', 1))
      const outcome = await guest.visit(async (session, request) => {
        session.get('a')
        return request.respond()
      })
      assert.equal(outcome.setCookie, null)
    })

    it(`${protection}, keeps its deadlines by what is inside, whatever the browser keeps`, async () => {
      const { clock, visitor } = bare(protection, { idle: '30m', absolute: '1h' })
      const guest = visitor()
      await guest.visit((session) => session.login('ada'))
      const first = guest.cookie
      clock.advance(29 * MINUTE)
      assert.equal(await userOf(guest, first), 'ada')
      await guest.visit(() => undefined)
      clock.advance(MINUTE)
      assert.equal(await userOf(guest, first), null, 'the older copy has run out')
      assert.equal(await userOf(guest, guest.cookie), 'ada')
      clock.advance(28 * MINUTE)
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
      clock.advance(2 * MINUTE)
      assert.equal(await userOf(guest, guest.cookie), null, 'the deadline')
    })

    it(`${protection}, is worth nothing under another name`, async () => {
      const one = createSessions<Anything>({
        secrets: secret('a'),
        store: cookie({ protection }),
        cookie: { name: '__Host-one' },
      })
      const other = createSessions<Anything>({
        secrets: secret('a'),
        store: cookie({ protection }),
        cookie: { name: '__Host-two' },
      })
      const guest = visitor(one)
      await guest.visit((session) => session.login('ada'))
      await visitor(other, undefined, guest.cookie).visit((session) => assert.equal(session.userId, null))
    })
  }

  it('sealed, tells nothing; signed, tells all of it and nothing of the key', async () => {
    for (const protection of ['sealed', 'signed'] as const) {
      const guest = bare(protection).visitor()
      await guest.visit((session) => session.set('canary', 'a canary').login('ada'))
      const text = Buffer.from(guest.cookie ?? '', 'base64url').toString('latin1')
      for (const word of ['canary', 'ada']) assert.equal(text.includes(word), protection === 'signed')
    }
  })

  it('of more than 4096 bytes with its name is an error that names the largest keys, and the old cookie stays', async () => {
    const guest = bare().visitor()
    await guest.visit((session) => session.set('small', 1))
    const before = guest.cookie
    await assert.rejects(
      guest.visit((session) => session.set('huge', 'x'.repeat(4000)).set('big', 'x'.repeat(900))),
      (error: Error) =>
        error instanceof TooLargeError &&
        /holds 4096.*'huge' \(4002 bytes\), 'big' \(902 bytes\), 'small'/.test(error.message),
    )
    assert.equal(guest.cookie, before)
    // The limit is exact: the last length that is taken fills the cookie, and one more does not fit.
    let longest = ''
    for (let length = 2800; ; length++) {
      const [result] = await Promise.allSettled([guest.visit((session) => session.set('a', 'x'.repeat(length)))])
      if (result?.status === 'rejected') break
      longest = `__Host-id=${guest.cookie}`
    }
    assert.ok(longest.length - 1 <= 4096 && longest.length - 1 > 4090, `${longest.length - 1}`)
  })

  it('without revocations can be replayed until its deadline, and its traits say so', async () => {
    const { sessions, visitor } = bare()
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    const stolen = guest.cookie
    await guest.visit((session) => session.logout())
    assert.equal(await userOf(guest, stolen), 'ada')
    assert.equal(sessions.policy.traits.revocable, false)
    assert.equal(carried().sessions.policy.traits.revocable, true)
    assert.equal(await sessions.clearExpired(), 0)
  })
})

for (const protection of ['sealed', 'signed'] as const)
  describe(`with revocations (${protection}), every cookie that a session ever had is refused`, () => {
    const make = () => carried({ idle: '30m', absolute: '12h' }, protection)

    /** Every cookie that the browser had, in order. */
    async function trail(world: Fixture, guest: Visitor<Anything>, steps: ((session: Anything) => void)[]) {
      const cookies: (string | null)[] = []
      for (const step of steps) {
        await guest.visit((session) => step(session))
        cookies.push(guest.cookie)
        world.clock.advance(MINUTE)
        await settle()
      }
      return cookies
    }

    const STEPS = [
      (session: Anything) => session.set('a', 1).login('ada'),
      (session: Anything) => session.set('a', 2),
      (session: Anything) => session.setExpiry({ absolute: '30d', idle: null, remember: true }),
      (session: Anything) => session.set('a', 3),
      (session: Anything) => session.setExpiry({ absolute: '1h' }),
      (session: Anything) => session.set('a', 4),
      (session: Anything) => session.renew(),
      (session: Anything) => session.set('a', 5),
      (session: Anything) => session.setExpiry({ absolute: '10d', idle: '2d' }),
      (session: Anything) => session.set('a', 6),
    ]
    const MOMENTS = [
      0,
      10 * MINUTE,
      59 * MINUTE,
      61 * MINUTE,
      12 * HOUR,
      13 * HOUR,
      9 * DAY,
      11 * DAY,
      29 * DAY,
      31 * DAY,
    ]

    it('after a logout, at any moment until the last of them would have run out, though expiries came and went', async () => {
      const world = make()
      const guest = world.visitor()
      const cookies = await trail(world, guest, STEPS)
      await guest.visit((session) => session.logout())
      let passed = 0
      for (const moment of MOMENTS) {
        world.clock.advance(moment - passed)
        passed = moment
        // The store forgets what has run out, as it may.
        await world.sessions.clearExpired()
        for (const cookie of cookies) assert.equal(await userOf(guest, cookie), null)
      }
    })

    it('after a revocation of all, likewise', async () => {
      const world = make()
      const guest = world.visitor()
      const cookies = await trail(world, guest, STEPS)
      await world.sessions.of('ada').revokeAll()
      let passed = 0
      for (const moment of MOMENTS) {
        world.clock.advance(moment - passed)
        passed = moment
        await world.sessions.clearExpired()
        for (const cookie of cookies) assert.equal(await userOf(guest, cookie), null)
      }
    })

    it('after a renewal or a change of its deadline, while the new one goes on', async () => {
      for (const step of [STEPS[2], STEPS[6]]) {
        const world = make()
        const guest = world.visitor()
        const cookies = await trail(world, guest, [STEPS[0], STEPS[1], step] as never)
        assert.equal(await userOf(guest, guest.cookie), 'ada')
        for (const cookie of cookies.slice(0, -1)) assert.equal(await userOf(guest, cookie), null)
      }
    })

    it('unless it is only an older state of one that goes on: a cookie cannot forget', async () => {
      const world = make()
      const guest = world.visitor()
      const [, second] = await trail(world, guest, STEPS.slice(0, 2))
      await guest.visit((session) => session.set('a', 9))
      const thief = guest.copy()
      thief.cookie = second ?? null
      await thief.visit((session) => assert.equal(session.get('a'), 2))
    })

    it('and one of another user, or of a visitor, is not', async () => {
      const world = make()
      const [ada, bob, guest] = [world.visitor(), world.visitor(), world.visitor()]
      await ada.visit((session) => session.login('ada'))
      await bob.visit((session) => session.login('bob'))
      await guest.visit((session) => session.set('a', 1))
      await world.sessions.of('ada').revokeAll()
      await ada.visit((session) => session.logout())
      await bob.visit((session) => assert.equal(session.userId, 'bob'))
      await guest.visit((session) => assert.equal(session.get('a'), 1))
    })
  })

describe('the epoch of a user', () => {
  it('ends what began in the same millisecond before it, and not what begins in the same millisecond after it', async () => {
    const world = carried()
    const users = world.sessions.of('ada')
    const before: (string | null)[] = []
    // The clock stands still: logins and revocations in turn, all within one millisecond.
    for (let round = 0; round < 5; round++) {
      const guest = world.visitor()
      await guest.visit((session) => session.login('ada'))
      assert.equal(await userOf(guest, guest.cookie), 'ada', `login ${round}`)
      before.push(guest.cookie)
      await users.revokeAll()
      for (const cookie of before) assert.equal(await userOf(guest, cookie), null, `round ${round}`)
    }
  })

  it('is moved by the clock that jumps back, too', async () => {
    const world = carried()
    const guest = world.visitor()
    await world.sessions.of('ada').revokeAll()
    world.clock.advance(-DAY)
    await guest.visit((session) => session.login('ada'))
    const cookie = guest.cookie
    assert.equal(await userOf(guest, cookie), 'ada')
    await world.sessions.of('ada').revokeAll()
    assert.equal(await userOf(guest, cookie), null)
    await guest.visit((session) => session.login('ada'))
    assert.equal(await userOf(guest, guest.cookie), 'ada')
  })

  it('spares this one when the others are ended: it goes on under a new cookie, and the old one is dead', async () => {
    for (const also of ['nothing', 'renew before', 'renew after', 'write']) {
      const world = carried()
      const [desk, phone] = [world.visitor(), world.visitor()]
      await desk.visit((session) => session.set('a', 1).login('ada'))
      await phone.visit((session) => session.login('ada'))
      const before = desk.cookie
      await desk.visit(async (session) => {
        if (also === 'renew before') session.renew()
        if (also === 'write') session.set('a', 2)
        assert.equal(await world.sessions.of('ada').revokeOthers(session), null)
        if (also === 'renew after') session.renew()
      })
      await settle()
      await desk.visit((session) =>
        assert.deepEqual([session.userId, session.get('a')], ['ada', also === 'write' ? 2 : 1], also),
      )
      for (const cookie of [before, phone.cookie]) assert.equal(await userOf(desk, cookie), null, also)
      await desk.visit((session) => session.set('b', 1))
      await desk.visit((session) => assert.equal(session.get('b'), 1))
    }
  })

  it('of one user leaves the session of another, in whose request it is moved, as it is', async () => {
    const world = carried()
    const [admin, ada] = [world.visitor(), world.visitor()]
    await admin.visit((session) => session.login('admin'))
    await ada.visit((session) => session.login('ada'))
    const before = admin.cookie
    await admin.visit(async (session) => void (await world.sessions.of('ada').revokeOthers(session)))
    assert.equal(admin.cookie, before)
    await settle()
    await admin.visit((session) => assert.equal(session.userId, 'admin'))
    await ada.visit((session) => assert.equal(session.userId, null))
  })

  it('is not moved when the session of the caller could no longer go on', async () => {
    const world = carried()
    const guest = world.visitor()
    const request = guest.begin()
    const session = await request.session()
    session.login('ada')
    await request.respond()
    await assert.rejects(world.sessions.of('ada').revokeOthers(session), { code: 'STRONGROOM_CLOSED' })
    assert.equal(await userOf(guest, guest.cookie), 'ada')
  })

  it('holds under every master of the ring', async () => {
    const world = carried({ secrets: [secret('old')] })
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada'))
    const old = guest.cookie
    await world.sessions.reloadSecrets([secret('new'), secret('old')])
    await settle()
    await guest.visit((session) => session.set('a', 1))
    const moved = guest.cookie
    await world.sessions.of('ada').revokeAll()
    for (const cookie of [old, moved]) assert.equal(await userOf(guest, cookie), null)
    await guest.visit((session) => session.login('ada'))
    assert.equal(await userOf(guest, guest.cookie), 'ada')
  })

  it('outlasts everything that it ends', async () => {
    const world = carried()
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada', { remember: '400d' }))
    await world.sessions.of('ada').revokeAll()
    world.clock.advance(400 * DAY - 1)
    await world.sessions.clearExpired()
    assert.equal(await userOf(guest, guest.cookie), null)
  })
})

describe('the marks of revocations', () => {
  it('lie there until the deadline of what they end, are cleared then, and tell nothing', async () => {
    const world = carried({ secrets: [secret('a')], absolute: '1h' })
    const guest = world.visitor()
    // Not a word of hexadecimal digits, such as ada, which an id may hold by chance.
    const user = 'grace'
    await guest.visit((session) => session.set('canary', 'a canary').login(user, { label: 'My telephone' }))
    const cookies = [guest.cookie]
    await guest.visit((session) => session.setExpiry({ absolute: '2h' }))
    cookies.push(guest.cookie)
    await guest.visit((session) => session.renew())
    cookies.push(guest.cookie)
    await guest.visit((session) => session.logout())
    await world.sessions.of(user).revokeAll()
    const found: string[] = []
    for await (const page of world.store.scan())
      for (const listing of page) {
        assert.deepEqual([listing.owner, listing.label], [null, null])
        const bytes = Buffer.from((await world.store.read(listing.id))?.entry.bytes ?? []).toString('latin1')
        assert.match(bytes, /^([0-9a-f]{64} \d+|\d*)$/)
        found.push(listing.id, bytes)
      }
    assert.equal(found.length, 8)
    const sealed = cookies.map((cookie) => Buffer.from(cookie ?? '', 'base64url').toString('latin1'))
    for (const hidden of ['canary', user, 'telephone', createHash('sha256').update(user).digest('hex')])
      assert.ok(!found.join().includes(hidden))
    for (const text of found) if (text) assert.ok(!sealed.join().includes(text))
    assert.ok(!found.join().includes(ringOf('a').current.owner.export().toString('hex')))
    world.clock.advance(HOUR)
    assert.equal(await world.sessions.clearExpired(), 1)
    world.clock.advance(HOUR)
    assert.equal(await world.sessions.clearExpired(), 2)
    world.clock.advance(402 * DAY)
    assert.equal(await world.sessions.clearExpired(), 1)
  })

  it('are not made for what only runs out, or is only written', async () => {
    const world = carried()
    const guest = world.visitor()
    for (let i = 0; i < 5; i++) {
      await guest.visit((session) => session.set('a', i))
      world.clock.advance(10 * MINUTE)
    }
    world.clock.advance(DAY)
    await guest.visit((session) => assert.equal(session.isNew, true))
    for await (const page of world.store.scan()) assert.deepEqual(page, [])
  })

  it('make a parallel write to an ended session an error, and its response brings no dead cookie over a good one', async () => {
    const world = carried()
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada'))
    world.clock.advance(4 * MINUTE)
    await settle()
    const [writing, reading] = [guest.begin(), guest.begin()]
    const [writer] = [await writing.session(), await reading.session()]
    await guest.visit((session) => session.logout())
    await guest.visit((session) => session.login('bob'))
    const good = guest.cookie
    writer.set('a', 1)
    await assert.rejects(writing.respond(), SessionGoneError)
    assert.equal((await reading.respond()).setCookie, null)
    assert.equal(guest.cookie, good)
  })

  it('may lie in any store, also one that lists no owners', async () => {
    const inner = memory({ max: 10 })
    const plain = Object.assign(Object.create(null), {
      traits: inner.traits,
      ...Object.fromEntries(
        (['create', 'read', 'update', 'touch', 'delete', 'clearExpired', 'close'] as const).map((name) => [
          name,
          (inner[name] as (...args: never[]) => unknown).bind(inner),
        ]),
      ),
    })
    const sessions = createSessions<Anything>({ secrets: secret('a'), store: cookie({ revocations: plain }) })
    const guest = visitor(sessions)
    await guest.visit((session) => session.login('ada'))
    const stolen = guest.cookie
    await guest.visit((session) => session.logout())
    assert.equal(await userOf(guest, stolen), null)
  })
})
