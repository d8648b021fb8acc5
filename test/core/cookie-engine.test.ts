import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memcached } from '../../packages/strongroom/src/engines/memcached/memcached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { moving } from '../../packages/strongroom/src/engines/moving/moving.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { ConfigError, SessionGoneError, StoreError, TooLargeError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { inCookies } from './fixtures/engines.ts'
import type { Anything, Fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { entriesIn } from './fixtures/listings.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

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
    it(`${protection}, works without anything on the server`, async () => {
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

    it(`${protection}, opens only with its own cookie, and not with another that has the same end`, async () => {
      const guest = bare(protection).visitor()
      await guest.visit((session) => session.set('a', 1).login('ada'))
      const own = guest.cookie ?? ''
      assert.equal(await userOf(guest, own), 'ada')
      for (const at of [0, 5, 40, own.length - 60]) {
        const other = `${own.slice(0, at)}${own[at] === 'A' ? 'B' : 'A'}${own.slice(at + 1)}`
        assert.equal(await userOf(guest, other), null, `character ${at}`)
      }
      assert.equal(await userOf(guest, own.slice(1)), null)
      assert.equal(await userOf(guest, `A${own}`), null)
    })

    it(`${protection}, is written without waiting, because no store is asked`, async () => {
      const { sessions, visitor } = bare(protection)
      const guest = visitor()
      await guest.visit((session) => session.set('n', 0))
      const visit = sessions.open({ cookie: `${sessions.policy.cookieName}=${guest.cookie}` })
      ;(await visit.get()).set('n', 1)
      const outcome = visit.commit()
      assert.ok(!(outcome instanceof Promise))
      assert.match(String(outcome.setCookie), /^__Host-id=/)
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

    it(`${protection}, has its deadlines inside, so that they hold however long the browser stores the cookie`, async () => {
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

    it(`${protection}, opens nothing under another name`, async () => {
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

  it('sealed, shows nothing; signed, shows its data but not the key', async () => {
    for (const protection of ['sealed', 'signed'] as const) {
      const guest = bare(protection).visitor()
      await guest.visit((session) => session.set('canary', 'a canary').login('ada'))
      const text = Buffer.from(guest.cookie ?? '', 'base64url').toString('latin1')
      for (const word of ['canary', 'ada']) assert.equal(text.includes(word), protection === 'signed')
    }
  })

  it('of more than 4096 bytes with its name causes an error that names the largest keys, and the old cookie stays', async () => {
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
    // The limit is exact: the longest value that is accepted fills the cookie, and one more character does not fit.
    let longest = ''
    for (let length = 2800; ; length++) {
      const [result] = await Promise.allSettled([guest.visit((session) => session.set('a', 'x'.repeat(length)))])
      if (result?.status === 'rejected') break
      longest = `__Host-id=${guest.cookie}`
    }
    assert.ok(longest.length - 1 <= 4096 && longest.length - 1 > 4090, `${longest.length - 1}`)
  })

  it('without revocations can be replayed until its deadline, as its traits state', async () => {
    const { sessions, visitor } = bare()
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    const stolen = guest.cookie
    await guest.visit((session) => session.logout())
    assert.equal(await userOf(guest, stolen), 'ada')
    assert.equal(sessions.policy.traits.revocable, false)
    assert.equal(inCookies().sessions.policy.traits.revocable, true)
    assert.equal(await sessions.clearExpired(), 0)
  })
})

for (const protection of ['sealed', 'signed'] as const)
  describe(`with revocations (${protection}), every cookie that a session ever had is refused`, () => {
    const make = () => inCookies({ idle: '30m', absolute: '12h' }, protection)

    /** Every cookie that the browser had, in order. */
    async function trail(app: Fixture, guest: Visitor<Anything>, steps: ((session: Anything) => void)[]) {
      const cookies: (string | null)[] = []
      for (const step of steps) {
        await guest.visit((session) => step(session))
        cookies.push(guest.cookie)
        app.clock.advance(MINUTE)
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

    it('after a logout, at any moment until the last of them would have expired, although its expiry was changed', async () => {
      const app = make()
      const guest = app.visitor()
      const cookies = await trail(app, guest, STEPS)
      await guest.visit((session) => session.logout())
      let passed = 0
      for (const moment of MOMENTS) {
        app.clock.advance(moment - passed)
        passed = moment
        // The store may forget what has expired.
        await app.sessions.clearExpired()
        for (const cookie of cookies) assert.equal(await userOf(guest, cookie), null)
      }
    })

    it('after a revocation of all sessions of its user', async () => {
      const app = make()
      const guest = app.visitor()
      const cookies = await trail(app, guest, STEPS)
      await app.sessions.of('ada').revokeAll()
      let passed = 0
      for (const moment of MOMENTS) {
        app.clock.advance(moment - passed)
        passed = moment
        await app.sessions.clearExpired()
        for (const cookie of cookies) assert.equal(await userOf(guest, cookie), null)
      }
    })

    it('after a renewal, while the new cookie stays valid', async () => {
      const app = make()
      const guest = app.visitor()
      const cookies = await trail(app, guest, [STEPS[0], STEPS[2], STEPS[6], STEPS[7]] as never)
      assert.equal(await userOf(guest, guest.cookie), 'ada')
      for (const cookie of cookies.slice(0, 2)) assert.equal(await userOf(guest, cookie), null)
      await guest.visit((session) => session.renew())
      assert.equal(await userOf(guest, guest.cookie), 'ada')
      for (const cookie of cookies) assert.equal(await userOf(guest, cookie), null)
    })

    it('after a login of another user, or of the same one', async () => {
      for (const user of ['ada', 'bob']) {
        const app = make()
        const guest = app.visitor()
        const cookies = await trail(app, guest, STEPS.slice(0, 4))
        await guest.visit((session) => session.login(user))
        assert.equal(await userOf(guest, guest.cookie), user)
        for (const cookie of cookies) assert.equal(await userOf(guest, cookie), null)
      }
    })

    it('unless it is only an older state of a live session: a cookie cannot be overwritten', async () => {
      const app = make()
      const guest = app.visitor()
      const [, second] = await trail(app, guest, STEPS.slice(0, 2))
      await guest.visit((session) => session.set('a', 9))
      const thief = guest.copy()
      thief.cookie = second ?? null
      await thief.visit((session) => assert.equal(session.get('a'), 2))
    })

    it('and a cookie of another user or of a visitor is not', async () => {
      const app = make()
      const [ada, bob, guest] = [app.visitor(), app.visitor(), app.visitor()]
      await ada.visit((session) => session.login('ada'))
      await bob.visit((session) => session.login('bob'))
      await guest.visit((session) => session.set('a', 1))
      await app.sessions.of('ada').revokeAll()
      await ada.visit((session) => session.logout())
      await bob.visit((session) => assert.equal(session.userId, 'bob'))
      await guest.visit((session) => assert.equal(session.get('a'), 1))
    })
  })

describe('the epoch of a user', () => {
  it('ends sessions that began before it in the same millisecond, and none that begin after it', async () => {
    const app = inCookies()
    const users = app.sessions.of('ada')
    const before: (string | null)[] = []
    // The clock does not move: logins and revocations alternate within one millisecond.
    for (let round = 0; round < 5; round++) {
      const guest = app.visitor()
      await guest.visit((session) => session.login('ada'))
      assert.equal(await userOf(guest, guest.cookie), 'ada', `login ${round}`)
      before.push(guest.cookie)
      await users.revokeAll()
      for (const cookie of before) assert.equal(await userOf(guest, cookie), null, `round ${round}`)
    }
  })

  it('also changes when the clock jumps back', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await app.sessions.of('ada').revokeAll()
    app.clock.advance(-DAY)
    await guest.visit((session) => session.login('ada'))
    const cookie = guest.cookie
    assert.equal(await userOf(guest, cookie), 'ada')
    await app.sessions.of('ada').revokeAll()
    assert.equal(await userOf(guest, cookie), null)
    await guest.visit((session) => session.login('ada'))
    assert.equal(await userOf(guest, guest.cookie), 'ada')
  })

  it('spares the current session when the others are ended: it continues with a new cookie, and the old one is refused', async () => {
    for (const also of ['nothing', 'renew before', 'renew after', 'write']) {
      const app = inCookies()
      const [desk, phone] = [app.visitor(), app.visitor()]
      await desk.visit((session) => session.set('a', 1).login('ada'))
      await phone.visit((session) => session.login('ada'))
      const before = desk.cookie
      await desk.visit(async (session) => {
        if (also === 'renew before') session.renew()
        if (also === 'write') session.set('a', 2)
        assert.equal(await app.sessions.of('ada').revokeOthers(session), null)
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

  it('of one user does not affect the session of another, in whose request it is changed', async () => {
    const app = inCookies()
    const [admin, ada] = [app.visitor(), app.visitor()]
    await admin.visit((session) => session.login('admin'))
    await ada.visit((session) => session.login('ada'))
    const before = admin.cookie
    await admin.visit(async (session) => void (await app.sessions.of('ada').revokeOthers(session)))
    assert.equal(admin.cookie, before)
    await settle()
    await admin.visit((session) => assert.equal(session.userId, 'admin'))
    await ada.visit((session) => assert.equal(session.userId, null))
  })

  it('is not changed when the session of the caller could not continue', async () => {
    const app = inCookies()
    const guest = app.visitor()
    const request = guest.begin()
    const session = await request.session()
    session.login('ada')
    await request.respond()
    await assert.rejects(app.sessions.of('ada').revokeOthers(session), { code: 'STRONGROOM_CLOSED' })
    assert.equal(await userOf(guest, guest.cookie), 'ada')
  })

  it('is found under every secret of the keyring', async () => {
    const app = inCookies({ secrets: [secret('old')] })
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    const old = guest.cookie
    await app.sessions.reloadSecrets([secret('new'), secret('old')])
    await settle()
    await guest.visit((session) => session.set('a', 1))
    const moved = guest.cookie
    await app.sessions.of('ada').revokeAll()
    for (const cookie of [old, moved]) assert.equal(await userOf(guest, cookie), null)
    await guest.visit((session) => session.login('ada'))
    assert.equal(await userOf(guest, guest.cookie), 'ada')
  })

  it('outlasts everything that it ends', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada', { remember: '400d' }))
    await app.sessions.of('ada').revokeAll()
    app.clock.advance(400 * DAY - 1)
    await app.sessions.clearExpired()
    assert.equal(await userOf(guest, guest.cookie), null)
  })
})

describe('revocations in the store', () => {
  it('stay until the deadline of what they end, are then cleared, and reveal nothing', async () => {
    const app = inCookies({ secrets: [secret('a')], absolute: '1h' })
    const guest = app.visitor()
    // Not a name of hexadecimal digits, such as ada, which an id may contain by chance.
    const user = 'grace'
    await guest.visit((session) => session.set('canary', 'a canary').login(user, { label: 'My telephone' }))
    const cookies = [guest.cookie]
    await guest.visit((session) => session.setExpiry({ absolute: '2h' }))
    cookies.push(guest.cookie)
    await guest.visit((session) => session.renew())
    cookies.push(guest.cookie)
    await guest.visit((session) => session.logout())
    await app.sessions.of(user).revokeAll()
    const found: string[] = []
    // One for the session, one for its user, and one for the secret under which it began.
    const kinds: Record<number, RegExp> = {
      1: /^\["ended",1,\d+\]$/,
      2: /^\["[\w-]{22}",0\]$/,
      3: /^\[\[\d{1,3},\d+\]\]$/,
    }
    for (const { id, owner, label } of await entriesIn(app.store)) {
      const bytes = Buffer.from((await app.store.read(id))?.entry.bytes ?? []).toString('latin1')
      const [kind] = label ?? []
      assert.deepEqual([owner, label?.length], [null, 1])
      assert.match(bytes, kinds[kind as number] ?? assert.fail('another kind'))
      delete kinds[kind as number]
      found.push(id, bytes)
    }
    assert.deepEqual(kinds, {})
    const sealed = cookies.map((cookie) => Buffer.from(cookie ?? '', 'base64url').toString('latin1'))
    for (const hidden of ['canary', user, 'telephone', createHash('sha256').update(user).digest('hex')])
      assert.ok(!found.join().includes(hidden))
    for (const text of found) if (text) assert.ok(!sealed.join().includes(text))
    assert.ok(!found.join().includes(ringOf('a').current.owner.export().toString('hex')))
    // A day longer than what they end: the clocks of two servers differ.
    for (const [passed, cleared] of [
      [DAY + 2 * HOUR - 1, 0],
      [1, 1],
      [DAY - HOUR - 1, 0],
      [1, 1],
      [401 * DAY - (2 * DAY + HOUR) - 1, 0],
      [1, 1],
    ] as const) {
      app.clock.advance(passed)
      assert.equal(await app.sessions.clearExpired(), cleared, `${passed}`)
    }
  })

  it('are not stored for a session that only expires or is only written', async () => {
    const app = inCookies()
    const guest = app.visitor()
    for (let i = 0; i < 5; i++) {
      await guest.visit((session) => session.set('a', i))
      app.clock.advance(10 * MINUTE)
    }
    app.clock.advance(DAY)
    await guest.visit((session) => assert.equal(session.isNew, true))
    assert.deepEqual(await entriesIn(app.store), [])
  })

  it('make a concurrent write to an ended session fail, and its response does not replace a valid cookie', async () => {
    const app = inCookies()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    app.clock.advance(4 * MINUTE)
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

  it('cannot be in a store that may drop them, which the error says', () => {
    for (const store of [
      memory({ evicts: true }),
      memcached('memcached://nowhere'),
      redis({ url: 'redis://nowhere', evicts: true }),
      moving({ from: memory(), to: memory({ evicts: true }) }),
    ] as Store[])
      for (const protection of ['sealed', 'signed'] as const)
        assert.throws(
          () => cookie({ protection, revocations: store }),
          (error: Error) => error instanceof ConfigError && /evicts nothing, and .* Use sqlite/.test(error.message),
        )
    for (const url of ['cookie:?revocations=memory:?evicts=true', 'cookie:?revocations=memcached://nowhere'])
      assert.throws(() => createSessions({ secrets: secret('a'), store: url }), ConfigError, url)
  })

  it('end a session that is given a shorter idle limit in every copy of its cookie', async () => {
    const clock = manualClock()
    const store = cookie({ revocations: memory({ clock }) })
    const sessions = createSessions<Anything>({ secrets: secret('a'), store, clock })
    const guest = visitor(sessions)
    await guest.visit((session) => session.login('ada', { remember: '30d' }))
    const older = guest.cookie
    await guest.visit((session) => session.setExpiry('5m'))
    clock.advance(10 * 60_000)
    assert.equal(await userOf(visitor(sessions), guest.cookie), null)
    assert.equal(await userOf(visitor(sessions), older), null)
  })

  it('refuse ended sessions although others fill the store, which rejects what it has no room for', async () => {
    // Beside what is ended, the store holds the ids of the keys.
    const store = cookie({ revocations: memory({ max: 3 }) })
    const sessions = createSessions<Anything>({ secrets: secret('a'), store })
    const guests = Array.from({ length: 9 }, () => visitor(sessions))
    for (const guest of guests) await guest.visit((session) => session.login('ada'))
    const stolen = guests.map(({ cookie }) => cookie)
    const logouts = await Promise.allSettled(guests.map((guest) => guest.visit((session) => session.logout())))
    const ended = logouts.map(({ status }) => status === 'fulfilled')
    assert.equal(ended.filter(Boolean).length, 2)
    for (const result of logouts) if (result.status === 'rejected') assert.ok(result.reason instanceof StoreError)
    const thief = visitor(sessions)
    for (const [index, cookie] of stolen.entries())
      assert.equal(await userOf(thief, cookie), ended[index] ? null : 'ada')
  })

  it('can be in any store that evicts nothing, even one without an owner index', async () => {
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
