import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createKeyring, type Secrets } from '../../packages/strongroom/src/crypto/keyring.ts'
import { sealedUnder } from '../../packages/strongroom/src/crypto/seal.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { inCookies } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const [OLD, NEW, NEWER] = [secret('old'), secret('new'), secret('newest')]
const kidOf = (text: string) => createKeyring(text).current.kid
const cookieKid = (cookie: string | null) => Buffer.from(cookie ?? '', 'base64url')[1]

async function recordKids(app: Fixture): Promise<(number | null)[]> {
  const kids: (number | null)[] = []
  for (const { id } of await sessionsIn(app.store))
    kids.push(sealedUnder((await app.store.read(id))?.entry.bytes ?? new Uint8Array()))
  return kids
}

describe('a rotation of secrets', () => {
  const begin = async (make = fixture) => {
    const app = make({ secrets: [OLD], ...(make === fixture ? { seal: 'two-key' } : {}) })
    const guest = app.visitor()
    await guest.visit((session) => session.set('n', 0).login('ada'))
    await settle()
    return { ...app, app, guest }
  }

  it('logs nobody out: sessions continue under the old secret, and new ones are created under the new one', async () => {
    for (const make of [fixture, inCookies as typeof fixture]) {
      const { sessions, guest, visitor } = await begin(make)
      await sessions.reloadSecrets([NEW, OLD])
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
      assert.equal(cookieKid(guest.cookie), kidOf(OLD))
      const fresh = visitor()
      await fresh.visit((session) => session.login('bob'))
      assert.equal(cookieKid(fresh.cookie), kidOf(NEW))
    }
  })

  it('moves the record to the new secret at the next write, and the identity never, so that a handle lasts', async () => {
    const { sessions, guest, app } = await begin()
    await sessions.reloadSecrets([NEW, OLD])
    const handle = await guest.visit((session) => session.handle)
    assert.deepEqual(await recordKids(app), [kidOf(OLD)])
    await guest.visit((session) => session.set('n', 1))
    assert.deepEqual([await recordKids(app), cookieKid(guest.cookie)], [[kidOf(NEW)], kidOf(OLD)])
    await settle()
    await guest.visit((session) => session.renew())
    assert.deepEqual([await recordKids(app), cookieKid(guest.cookie)], [[kidOf(NEW)], kidOf(OLD)])
    await settle()
    await guest.visit((session) =>
      assert.deepEqual([session.userId, session.get('n'), session.handle], ['ada', 1, handle]),
    )
    assert.deepEqual(
      (await sessions.of('ada').list()).map((device) => device.handle),
      [handle],
    )
  })

  it('seals a session in its cookie under the new secret at any write', async () => {
    const { sessions, guest } = await begin(inCookies as typeof fixture)
    await sessions.reloadSecrets([NEW, OLD])
    await guest.visit((session) => session.set('n', 1))
    assert.equal(cookieKid(guest.cookie), kidOf(NEW))
    await guest.visit((session) => assert.deepEqual([session.userId, session.get('n')], ['ada', 1]))
  })

  it('gives a user who signs in again a session under the new secret, so that the old one can be removed one day', async () => {
    for (const make of [fixture, inCookies as typeof fixture]) {
      const { sessions, guest } = await begin(make)
      const before = guest.copy()
      await sessions.reloadSecrets([NEW, OLD])
      await guest.visit((session) => session.login('ada'))
      await settle()
      await before.visit((session) => assert.equal(session.userId, null))
      if (make === fixture) assert.equal((await sessions.of('ada').list()).length, 1)
      await sessions.reloadSecrets([NEW])
      await settle()
      await guest.visit((session) => assert.deepEqual([session.userId, session.get('n')], ['ada', 0]))
    }
  })

  it('ends the sessions that began under the old secret when that is removed, renewed or not, and no others', async () => {
    for (const make of [fixture, inCookies as typeof fixture]) {
      const { sessions, guest, visitor, events } = await begin(make)
      const renewed = visitor()
      await renewed.visit((session) => session.login('eve'))
      await sessions.reloadSecrets([NEW, OLD])
      const fresh = visitor()
      await fresh.visit((session) => session.login('bob'))
      await guest.visit((session) => session.get('n'))
      await settle()
      await renewed.visit((session) => session.set('n', 1).renew())
      await sessions.reloadSecrets([NEW])
      await settle()
      events.length = 0
      for (const ended of [guest, renewed]) await ended.visit((session) => assert.equal(session.userId, null))
      assert.deepEqual(events, Array(2).fill({ type: 'rejected', what: 'cookie', reason: 'unknown-key' }))
      await fresh.visit((session) => assert.equal(session.userId, 'bob'))
    }
  })

  it('that was a mistake and is undone logs nobody out, because nothing was deleted', async () => {
    const { sessions, guest, app } = await begin()
    await sessions.reloadSecrets([NEWER])
    await guest.copy().visit((session) => assert.equal(session.userId, null))
    assert.deepEqual(await recordKids(app), [kidOf(OLD)])
    await sessions.reloadSecrets([OLD])
    await settle()
    await guest.visit((session) => assert.equal(session.userId, 'ada'))
  })

  it('takes effect immediately, even for a cookie or a record in the memo', async () => {
    for (const make of [fixture, inCookies as typeof fixture]) {
      const { sessions, guest } = await begin(make)
      for (let i = 0; i < 3; i++) await guest.visit((session) => assert.equal(session.userId, 'ada'))
      await sessions.reloadSecrets([NEW])
      await settle()
      await guest.visit((session) => assert.equal(session.userId, null))
    }
  })

  it('takes effect for a request that is under way, whose cookie opens nothing afterwards', async () => {
    const sessions = createSessions<Anything>({ secrets: [secret('a')], store: cookie() })
    const guest = visitor<Anything>(sessions)
    await guest.visit((session) => session.login('ada'))
    const request = guest.begin()
    const session = await request.session()
    await sessions.reloadSecrets([secret('b')])
    session.set('n', 1)
    await request.respond()
    await guest.visit((again) => assert.equal(again.userId, null))
  })

  it('to the same secrets changes nothing for a request that is under way', async () => {
    const sessions = createSessions<Anything>({ secrets: [secret('a')], store: memory() })
    const guest = visitor<Anything>(sessions)
    const handle = await guest.visit(async (session, request) => {
      session.login('ada')
      await request.save()
      return session.handle
    })
    await settle()
    await guest.visit(async (session) => {
      await sessions.reloadSecrets([secret('b'), secret('a')])
      await sessions.reloadSecrets([secret('a'), secret('b')])
      session.login('ada')
    })
    await settle()
    assert.equal(await guest.visit((session) => session.handle), handle)
  })

  it('empties the memo even when the new secret has the key id of the old one', async () => {
    const same = Array.from({ length: 5000 }, (_, i) => secret(`same ${i}`)).find((each) => kidOf(each) === kidOf(OLD))
    assert.ok(same)
    for (const make of [fixture, inCookies as typeof fixture]) {
      const { sessions, guest, events } = await begin(make)
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
      await sessions.reloadSecrets([same])
      await settle()
      await guest.visit((session) => assert.equal(session.userId, null))
      assert.deepEqual(events.at(-1), { type: 'rejected', what: 'cookie', reason: 'forged' })
    }
  })
})

describe('which secrets live sessions need', () => {
  const needed = async ({ sessions }: Pick<Fixture, 'sessions'>, ...secrets: string[]) => {
    const use = await sessions.keyUse()
    return secrets.map((each) => use.needed.get(kidOf(each)) ?? 0)
  }

  it('counts those that sessions began under, whatever their records were sealed under since', async () => {
    for (const seal of ['two-key', 'server-key', 'none'] as const) {
      const app = fixture({ secrets: [OLD], seal })
      const guest = app.visitor()
      await guest.visit((session) => session.set('n', 0))
      assert.deepEqual(await needed(app, OLD, NEW), [1, 0], seal)
      await app.sessions.reloadSecrets([NEW, OLD])
      await settle()
      await guest.visit((session) => session.set('n', 1))
      assert.deepEqual(await needed(app, OLD, NEW), [1, seal === 'none' ? 0 : 1], seal)
      await settle()
      await guest.visit((session) => session.login('ada'))
      assert.deepEqual(await needed(app, OLD, NEW), [0, 1], seal)
    }
  })

  it('counts those that device labels are sealed under, without which a list would lack a name', async () => {
    const app = fixture({ secrets: [OLD], seal: 'two-key' })
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada', { label: 'Phone' }))
    for (const [secrets, change] of [
      // The label is made again only when what it says changes.
      [[NEW, OLD], 5],
      [[NEWER, NEW, OLD], null],
    ] as const) {
      await app.sessions.reloadSecrets(secrets)
      await settle()
      await guest.visit((session) => (change ? session.setExpiry({ idle: `${change}m` }) : session.set('n', 1)))
    }
    assert.deepEqual(await needed(app, OLD, NEW, NEWER), [1, 1, 1])
    await app.sessions.reloadSecrets([NEWER, OLD])
    const [device] = await app.sessions.of('ada').list()
    assert.equal(device?.label, null)
  })
})

describe('a provider that several servers call', () => {
  it('is called for a key that another server has already used, in a cookie or a record, and nobody is logged out', async () => {
    const store = memory({ max: 100 })
    let current: Secrets = [OLD]
    let asked = 0
    let now = 1_000_000
    const original = performance.now
    performance.now = () => now
    try {
      const server = () =>
        createSessions<Anything>({
          store,
          seal: 'two-key',
          secrets: async () => {
            asked++
            return current
          },
        })
      const [one, other] = [server(), server()]
      await Promise.all([one.ready(), other.ready()])
      const guest = visitor(one)
      await guest.visit((session) => session.set('n', 1).login('ada'))
      current = [NEW, OLD]
      await one.reloadSecrets()
      await settle()
      // The record moves to the new secret and the cookie does not: the other server knows the secret of the cookie only.
      await guest.visit((session) => session.set('n', 2))
      await settle()
      now += 30_000
      asked = 0
      const there = visitor(other, undefined, guest.cookie)
      await there.visit((session) => assert.deepEqual([session.userId, session.get('n')], ['ada', 2]))
      assert.equal(asked, 1)
      // Now a cookie under a secret that only the first server knows.
      current = [NEWER, NEW, OLD]
      await one.reloadSecrets()
      await settle()
      await guest.visit((session) => session.renew())
      await settle()
      now += 30_000
      const burst = Array.from({ length: 5 }, () => visitor(other, undefined, guest.cookie))
      const users = await Promise.all(burst.map((each) => each.visit((session) => session.userId)))
      assert.deepEqual([users, asked], [Array(5).fill('ada'), 3])
    } finally {
      performance.now = original
    }
  })

  it('is called at most twice a minute for made-up key ids', async () => {
    let asked = 0
    const sessions = createSessions({
      store: memory({ max: 10 }),
      secrets: () => {
        asked++
        return OLD
      },
    })
    const other = visitor(createSessions({ store: memory({ max: 10 }), secrets: NEW }))
    await other.visit((session) => session.set('a', 1))
    for (let i = 0; i < 20; i++)
      await visitor(sessions, undefined, other.cookie).visit((session) => assert.equal(session.isNew, true))
    assert.equal(asked, 1)
  })
})
