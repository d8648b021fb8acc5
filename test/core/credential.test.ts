import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { inCookies, REVOCABLE } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture, last } from './fixtures/fixture.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { type Visitor, visitor as visitorOf } from './fixtures/visitor.ts'

/** The users' table: a password hash for each user. */
const users = () =>
  new Map<string, string>([
    ['ada', 'hash one'],
    ['bob', 'hash of bob'],
  ])
const asking = (table: Map<string, string>) => ({ credential: (userId: string) => table.get(userId) ?? null })

const EVERYWHERE: Record<string, (table: Map<string, string>) => Pick<Fixture, 'visitor' | 'clock'>> = {
  ...Object.fromEntries(
    Object.entries(REVOCABLE).map(([name, app]) => [name, (table: Map<string, string>) => app(asking(table))]),
  ),
  'cookie without revocations': bare,
}

for (const [name, open] of Object.entries(EVERYWHERE))
  suite(`a login depends on its credential, on ${name}`, () => {
    test('an unchanged credential changes nothing', async () => {
      const guest = open(users()).visitor()
      await guest.visit((session) => session.login('ada'))
      for (let visit = 1; visit <= 3; visit++)
        await guest.visit((session) => {
          assert.equal(session.userId, 'ada')
          session.set('visit', visit)
        })
    })

    test('when it changes, all sessions of the user end, and no others', async () => {
      const table = users()
      const { visitor } = open(table)
      const [laptop, phone, bob] = [visitor(), visitor(), visitor()]
      for (const guest of [laptop, phone]) await guest.visit((session) => session.login('ada'))
      await bob.visit((session) => session.login('bob'))
      table.set('ada', 'hash two')
      for (const guest of [laptop, phone])
        await guest.visit((session) => assert.deepEqual([session.userId, session.isNew], [null, true]))
      await bob.visit((session) => assert.equal(session.userId, 'bob'))
    })

    test('the session that changed it continues under a new token, with all its data', async () => {
      const table = users()
      const { visitor, clock } = open(table)
      const [here, there] = [visitor(), visitor()]
      await here.visit((session) => {
        session.set('basket', ['tea'])
        session.login('ada', { remember: '30d', label: 'here' })
      })
      await there.visit((session) => session.login('ada'))
      const before = here.copy()
      const facts = await here.visit(({ createdAt, endsAt }) => ({ createdAt, endsAt }))
      clock.advance(1000)
      await here.visit((session) => {
        table.set('ada', 'hash two')
        session.credentialChanged()
      })
      assert.notEqual(here.cookie, before.cookie)
      await here.visit((session) => {
        assert.deepEqual([session.userId, session.get('basket')], ['ada', ['tea']])
        assert.deepEqual({ createdAt: session.createdAt, endsAt: session.endsAt }, facts)
      })
      for (const old of [there, before]) await old.visit((session) => assert.equal(session.userId, null))
    })

    test('a renewed token alone does not survive a change', async () => {
      const table = users()
      const guest = open(table).visitor()
      await guest.visit((session) => session.login('ada'))
      await guest.visit((session) => {
        table.set('ada', 'hash two')
        session.renew()
      })
      await guest.visit((session) => assert.equal(session.userId, null))
    })

    test('a new login depends on the current credential', async () => {
      const table = users()
      const guest = open(table).visitor()
      await guest.visit((session) => session.login('ada'))
      table.set('ada', 'hash two')
      await guest.visit((session) => session.login('ada'))
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
    })
  })

/** Sessions in cookies without revocations. A change of the credential ends these too. */
function bare(table: Map<string, string>): Pick<Fixture, 'visitor' | 'clock'> {
  const clock = manualClock()
  const sessions = createSessions({ secrets: secret('bare'), store: 'cookie:', clock, ...asking(table) })
  return { clock, visitor: (agent) => visitorOf(sessions, agent) as Visitor<Anything> }
}

suite('a credential', () => {
  test('that was verified is passed to login(): a change since then ends this login too', async () => {
    const table = users()
    const guest = fixture(asking(table)).visitor()
    await guest.visit((session) => {
      session.login('ada', { credential: 'hash one' })
      table.set('ada', 'hash two')
    })
    await guest.visit((session) => assert.equal(session.userId, null))
  })

  test('that is not yet in the database is passed to credentialChanged()', async () => {
    const table = users()
    const guest = fixture(asking(table)).visitor()
    await guest.visit((session) => session.login('ada'))
    await guest.visit((session) => session.credentialChanged('hash two'))
    table.set('ada', 'hash two')
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
  })

  test('of a deleted user does not exist: the session ends, and a login is refused', async () => {
    const table = users()
    const { visitor, events } = fixture(asking(table))
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    table.delete('ada')
    await guest.visit((session) => assert.equal(session.userId, null))
    assert.deepEqual(last(events, 'rejected'), { type: 'rejected', what: 'record', reason: 'credential' })
    await assert.rejects(
      guest.visit((session) => session.login('ada')),
      UnsupportedError,
    )
  })

  test('is not checked for a session without a user', async () => {
    let asked = 0
    const { visitor } = fixture({ credential: () => `${++asked}` })
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    await guest.visit((session) => assert.equal(session.get('a'), 1))
    assert.equal(asked, 0)
  })

  test('that cannot be read is an outage, and logs nobody out', async () => {
    const table = users()
    let down: unknown = null
    const { visitor, events } = fixture({
      credential: async (userId) => {
        if (down) throw down
        return table.get(userId) ?? null
      },
    })
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    down = new Error('the database is down')
    await assert.rejects(
      guest.visit(() => undefined),
      (error) => error instanceof StoreError && error.status === 503 && error.cause === down,
    )
    assert.equal(last(events, 'storeError')?.error instanceof StoreError, true)
    down = null
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
  })

  test('that never arrives is an outage too', async () => {
    const table = users()
    let hang = false
    const { visitor } = fixture({
      credential: (userId) => (hang ? new Promise(() => undefined) : (table.get(userId) ?? null)),
      storeTimeout: 20,
    })
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    hang = true
    await assert.rejects(
      guest.visit(() => undefined),
      /"credential" did not return within 20 ms/,
    )
  })

  test('that a query left out is not a changed credential', async () => {
    let credential: unknown = 'hash one'
    const guest = fixture({ credential: () => credential as string }).visitor()
    await guest.visit((session) => session.login('ada'))
    for (credential of [undefined, '', 7])
      await assert.rejects(
        guest.visit(() => undefined),
        StoreError,
      )
    credential = 'hash one'
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
  })

  test('is not in the store, nor is anything that two users with the same password have in common', async () => {
    const table = new Map([
      ['ada', 'the same hash'],
      ['bob', 'the same hash'],
    ])
    const { visitor, store } = fixture({ ...asking(table), seal: 'none' })
    for (const user of ['ada', 'bob']) await visitor().visit((session) => session.login(user))
    const stamps: string[] = []
    for (const { id } of await sessionsIn(store)) {
      const text = Buffer.from((await store.read(id))?.entry.bytes ?? []).toString()
      assert.ok(!text.includes('the same hash'))
      stamps.push(/"s":"([\w-]+)"/.exec(text)?.[1] ?? assert.fail('no stamp'))
    }
    assert.equal(new Set(stamps).size, 2)
  })

  test('always has the same stamp', async () => {
    const { visitor, store } = fixture({ ...asking(users()), seal: 'none' })
    await visitor().visit((session) => session.login('ada'))
    const [listing] = await sessionsIn(store)
    const found = await store.read(listing?.id ?? assert.fail())
    assert.match(Buffer.from(found?.entry.bytes ?? []).toString(), /"s":"UiSIBRW4zwBdKeFxVQwIqkY"/)
  })

  test('stamped under a retired secret stays valid, and is stamped again by the next write', async () => {
    const table = users()
    const { sessions, visitor, events, store } = fixture({ ...asking(table), secrets: secret('old'), seal: 'none' })
    const kidOfStamp = async () => {
      const [listing] = await sessionsIn(store)
      const text = Buffer.from((await store.read(listing?.id ?? assert.fail()))?.entry.bytes ?? []).toString()
      return Buffer.from(/"s":"([\w-]+)"/.exec(text)?.[1] ?? assert.fail('no stamp'), 'base64url')[0]
    }
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    assert.equal(await kidOfStamp(), ringOf('old').current.kid)
    await sessions.reloadSecrets([secret('new'), secret('old')])
    await guest.visit((session) => {
      assert.equal(session.userId, 'ada')
      session.renew()
    })
    assert.equal(await kidOfStamp(), ringOf('new').current.kid)
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
    assert.equal(last(events, 'rejected'), undefined)
    assert.equal((await sessions.of('ada').list()).length, 1)
    table.set('ada', 'hash two')
    await guest.visit((session) => assert.equal(session.userId, null))
  })

  test('did not exist when a session began: without a stamp the session ends', async () => {
    const shell = fixture()
    const guest = shell.visitor()
    await guest.visit((session) => session.login('ada'))
    const stricter = createSessions({
      secrets: secret('fixture'),
      store: shell.store,
      clock: shell.clock,
      ...asking(users()),
    })
    await visitorOf(stricter, undefined, guest.cookie).visit((session) => assert.equal(session.userId, null))
    // No record is removed for this, because the option may have been a mistake.
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
  })

  test('is not affected by a refused login: the session keeps its earlier stamp', async () => {
    const { visitor } = fixture(asking(users()))
    await visitor().visit((session) => session.login('bob'))
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    const { request, session, save, respond } = guest.begin()
    const own = await session()
    own.login('bob', { limit: 1, atLimit: 'refuse', keep: 'all' })
    await assert.rejects(save(), /already has 1 session/)
    own.set('after', 1)
    await respond()
    assert.ok(request)
    await guest.visit((session) => assert.deepEqual([session.userId, session.get('after')], ['ada', 1]))
  })

  test('can be combined with revokeOthers() in either order, where sessions in cookies begin again', async () => {
    for (const restampFirst of [true, false]) {
      const table = users()
      const { sessions, visitor } = inCookies(asking(table))
      const [here, there] = [visitor(), visitor()]
      for (const guest of [here, there]) await guest.visit((session) => session.login('ada'))
      await here.visit(async (session) => {
        table.set('ada', 'hash two')
        if (restampFirst) session.credentialChanged()
        await sessions.of('ada').revokeOthers(session)
        if (!restampFirst) session.credentialChanged()
      })
      await here.visit((session) => assert.equal(session.userId, 'ada'))
      await there.visit((session) => assert.equal(session.userId, null))
    }
  })

  test('is refused where nothing would check it, and when it is not a string', async () => {
    const { visitor } = fixture()
    const guest = visitor()
    for (const work of [
      (session: { login(id: string, options: object): void }) => session.login('ada', { credential: 'hash one' }),
      (session: { login(id: string): void; credentialChanged(): void }) => {
        session.login('ada')
        session.credentialChanged()
      },
    ])
      await assert.rejects(guest.visit(work), /need the option "credential"/)
    await guest.visit((session) => {
      assert.throws(() => session.credentialChanged(), /signed-in user/)
      assert.throws(() => session.login('ada', { credential: '' }), /non-empty string/)
      assert.throws(() => session.credentialChanged(7 as never), /non-empty string/)
    })
    assert.throws(() => fixture({ credential: 'hash' as never }), /credential must be a function/)
  })
})
