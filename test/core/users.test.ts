import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import { handleOf } from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { inCookies, STORES } from './fixtures/engines.ts'
import { fixture, last } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { entriesIn, sessionsIn } from './fixtures/listings.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const MINUTE = 60_000
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'
const CURL = 'curl/8.5.0'
/** Unless an option sets another: the name of the cookie. */
for (const [name, make] of Object.entries(STORES))
  describe(`on ${name}, a user's sessions`, () => {
    async function three(options?: Parameters<typeof fixture>[0]) {
      const app = fixture(options, make)
      const [desk, phone, shell] = [app.visitor(FIREFOX), app.visitor(), app.visitor(CURL)]
      const logins = [
        [desk, {}],
        [phone, { label: 'My telephone' }],
        [shell, { remember: true }],
      ] as const
      for (const [device, options] of logins) {
        await device.visit((session) => session.login('ada', options))
        app.clock.advance(MINUTE)
      }
      await app.visitor(FIREFOX).visit((session) => session.login('bob'))
      await app.visitor(FIREFOX).visit((session) => session.set('a', 1))
      await settle()
      return { ...app, desk, phone, shell, ada: app.sessions.of('ada') }
    }

    it('are listed newest first, with what a page of devices needs and nothing else', async () => {
      const { desk, ada, clock, store } = await three()
      const start = clock() - 3 * MINUTE
      const list = await desk.visit((session) => ada.list(session))
      const nowhere = { address: null, place: null, deviceBound: false }
      assert.deepEqual(
        list.map(({ handle: _, ...device }) => device),
        [
          {
            ...nowhere,
            label: 'curl',
            current: false,
            createdAt: new Date(start + 2 * MINUTE),
            lastSeenAt: null,
            expiresAt: new Date(start + 2 * MINUTE + 14 * 86_400_000),
          },
          {
            ...nowhere,
            label: 'My telephone',
            current: false,
            createdAt: new Date(start + MINUTE),
            lastSeenAt: new Date(start + MINUTE),
            expiresAt: new Date(start + 31 * MINUTE),
          },
          {
            ...nowhere,
            label: 'Firefox on Linux',
            current: true,
            createdAt: new Date(start),
            // The request that lists has touched its own session only by the end, not before.
            lastSeenAt: new Date(start),
            expiresAt: new Date(start + 30 * MINUTE),
          },
        ],
      )
      assert.equal(new Set(list.map(({ handle }) => handle)).size, 3)
      assert.deepEqual(
        (await ada.list()).map(({ current }) => current),
        [false, false, false],
      )
      await store.close()
    })

    it('have the time of their last use, to within a tenth of the idle time', async () => {
      const { desk, ada, clock, store } = await three()
      for (let i = 0; i < 40; i++) {
        clock.advance(50_000)
        await settle()
        await desk.visit((session) => assert.equal(session.userId, 'ada'))
        const device = (await ada.list()).find(({ label }) => label === 'Firefox on Linux')
        const late = clock() - Number(device?.lastSeenAt)
        assert.ok(late >= 0 && late < 3 * MINUTE, `${late} ms`)
      }
      await store.close()
    })

    it('have it even after a session got an expiry of its own', async () => {
      const { desk, ada, clock, store } = await three()
      await desk.visit((session) => session.setExpiry({ idle: '5m', absolute: '20h' }))
      const device = (await ada.list()).find(({ label }) => label === 'Firefox on Linux')
      assert.deepEqual([device?.lastSeenAt, device?.expiresAt], [new Date(clock()), new Date(clock() + 5 * MINUTE)])
      await store.close()
    })

    it('are all ended, and none is spared, beside a session of another user', async () => {
      const { desk, phone, ada, sessions, store } = await three()
      const admin = visitor(sessions)
      await admin.visit((session) => session.login('carol'))
      await settle()
      assert.equal(await admin.visit((session) => ada.revokeOthers(session)), 3)
      await settle()
      for (const guest of [desk, phone]) await guest.visit((session) => assert.equal(session.userId, null))
      await admin.visit((session) => assert.equal(session.userId, 'carol'))
      await store.close()
    })

    it('are ended by handle, and a handle of another user ends nothing', async () => {
      const { desk, phone, ada, sessions, events, store } = await three()
      const [bobs] = await sessions.of('bob').list()
      const list = await ada.list()
      const telephone = list.find(({ label }) => label === 'My telephone')?.handle ?? ''
      for (const foreign of [bobs?.handle ?? '', '', 'x', telephone.toLowerCase(), `${telephone} `])
        if (foreign !== telephone) assert.equal(await ada.revoke(foreign), false)
      assert.equal(await ada.revoke(telephone), true)
      assert.deepEqual(last(events, 'revoked'), { type: 'revoked', handle: telephone, count: 1, reason: 'revoke' })
      assert.equal(await ada.revoke(telephone), false)
      await settle()
      await phone.visit((session) => assert.equal(session.userId, null))
      await desk.visit((session) => assert.equal(session.userId, 'ada'))
      assert.deepEqual([(await ada.list()).length, (await sessions.of('bob').list()).length], [2, 1])
      await store.close()
    })

    it('all but the current one are ended, and the events give the reason', async () => {
      const { desk, phone, shell, ada, sessions, events, store } = await three()
      const except = await desk.visit((session) => session.handle)
      assert.equal(await desk.visit((session) => ada.revokeOthers(session)), 2)
      const told = { type: 'revoked', handle: null, count: 2, reason: 'revoke-others', except }
      assert.deepEqual(last(events, 'revoked'), { ...told, user: sessions.userKey('ada') })
      await settle()
      await desk.visit((session) => assert.equal(session.userId, 'ada'))
      for (const device of [phone, shell]) await device.visit((session) => assert.equal(session.userId, null))
      assert.equal((await sessions.of('bob').list()).length, 1)
      await store.close()
    })

    it('all but the current one are ended after a password change, together with a renewal in either order', async () => {
      for (const first of ['renew', 'revoke']) {
        const { desk, phone, ada, store } = await three()
        const before = desk.copy()
        await desk.visit(async (session) => {
          if (first === 'renew') session.renew()
          await ada.revokeOthers(session)
          if (first === 'revoke') session.renew()
        })
        await settle()
        await desk.visit((session) => assert.equal(session.userId, 'ada'))
        for (const device of [phone, before]) await device.visit((session) => assert.equal(session.userId, null))
        assert.equal((await ada.list()).length, 1)
        await store.close()
      }
    })

    it('all are ended, and the user can log in again immediately', async () => {
      const { desk, phone, shell, ada, sessions, events, store } = await three()
      assert.equal(await ada.revokeAll(), 3)
      const told = { type: 'revoked', handle: null, count: 3, reason: 'revoke-all', except: null }
      assert.deepEqual(last(events, 'revoked'), { ...told, user: sessions.userKey('ada') })
      await settle()
      for (const device of [desk, phone, shell]) await device.visit((session) => assert.equal(session.userId, null))
      assert.equal((await sessions.of('bob').list()).length, 1)
      assert.equal(await ada.revokeAll(), 0)
      await desk.visit((session) => session.login('ada'))
      await settle()
      await desk.visit((session) => assert.equal(session.userId, 'ada'))
      await store.close()
    })

    it('all are ended and the user is logged in again in one request, as after a forgotten password', async () => {
      const { desk, phone, ada, store } = await three()
      const before = desk.copy()
      await desk.visit(async (session) => {
        assert.equal(await ada.revokeAll(), 3)
        session.login('ada')
      })
      await settle()
      await desk.visit((session) => assert.equal(session.userId, 'ada'))
      for (const device of [phone, before]) await device.visit((session) => assert.equal(session.userId, null))
      assert.equal((await ada.list()).length, 1)
      await store.close()
    })

    it('that are revoked are not served from an earlier read in the same turn of the event loop', async () => {
      const { desk, ada, store } = await three()
      const early = desk.copy().begin()
      const reading = early.session()
      if (name === 'memory') await ada.revokeAll()
      else await Promise.all([reading, ada.revokeAll()])
      const later = await desk.copy().begin().session()
      assert.equal(later.userId, null)
      await reading
      await store.close()
    })

    it('are found under every secret of the keyring, and not under a removed one', async () => {
      const { desk, ada, sessions, store } = await three({ secrets: [secret('old')] })
      await sessions.reloadSecrets([secret('new'), secret('old')])
      const late = desk.copy()
      late.cookie = null
      await late.visit((session) => session.login('ada'))
      assert.equal((await ada.list()).length, 4)
      assert.equal(await late.visit((session) => ada.revokeOthers(session)), 3)
      await sessions.reloadSecrets([secret('new')])
      await settle()
      assert.equal((await ada.list()).length, 1)
      await store.close()
    })

    it('are stored under a tag that does not reveal the user', async () => {
      const { ada, sessions, store } = await three({ secrets: [secret('a')] })
      const listings = await sessionsIn(store)
      for (const { label } of listings)
        for (const word of ['Firefox', 'telephone', 'ada', 'bob']) assert.ok(!Buffer.from(label ?? '').includes(word))
      const { current } = ringOf('a')
      const tags = ['ada', 'bob'].map((user) => ownerTag(current, sessions.policy.cookieName, user))
      assert.deepEqual(new Set(listings.map(({ owner }) => owner)), new Set([...tags, null]))
      assert.equal(new Set(listings.map(({ id }) => id)).size, 5)
      await ada.revokeAll()
      // What the library itself keeps there is filed under nobody, or an end of all sessions would end that, too.
      const own = (await entriesIn(store)).filter(({ label }) => label?.length === 1)
      assert.deepEqual(
        own.map(({ owner }) => owner),
        [null, null],
      )
      for (const { id } of own) {
        const bytes = Buffer.from((await store.read(id))?.entry.bytes ?? []).toString('latin1')
        for (const hidden of ['ada', 'bob', ...tags]) assert.ok(!`${id} ${bytes}`.includes(hidden))
      }
      await store.close()
    })

    it('have handles that open nothing', async () => {
      const { ada, visitor, store } = await three()
      const [device] = await ada.list()
      for (const cookie of [
        device?.handle ?? '',
        (device?.handle ?? '').repeat(4),
        `${device?.handle}${'A'.repeat(48)}`,
      ]) {
        const thief = visitor()
        thief.cookie = cookie
        await thief.visit((session) => assert.equal(session.userId, null))
      }
      await store.close()
    })
  })

describe('a label that an application derives from a User-Agent', () => {
  it('is cut to what a store accepts, whatever the visitor sends', async () => {
    for (const agent of [
      'x'.repeat(16_000),
      '"'.repeat(500),
      '\\'.repeat(500),
      'é'.repeat(500),
      '🦊'.repeat(200),
      `a${'🦊'.repeat(200)}`,
      `${'\u0001'.repeat(119)}x`,
    ]) {
      const { sessions, visitor, store } = fixture({ device: (userAgent) => userAgent })
      await visitor(agent).visit((session) => session.login('ada'))
      for await (const page of store.scan())
        for (const { label } of page) assert.ok((label?.length ?? 0) <= 512, `${label?.length}`)
      const [device] = await sessions.of('ada').list()
      assert.ok((device?.label?.length ?? 0) > 0 && (device?.label?.length ?? 0) <= 120)
    }
  })

  it('passed to login has the same limits', async () => {
    const { visitor, store } = fixture()
    await visitor().visit((session) => session.login('ada', { label: `${'\u0001\ud800'.repeat(59)}x` }))
    for await (const page of store.scan()) for (const { label } of page) assert.ok((label?.length ?? 0) <= 512)
  })

  it('is absent when the application returns none, or something else', async () => {
    for (const made of [null, undefined, '', ' ', '\n', 5, {}]) {
      const { sessions, visitor } = fixture({ device: () => made as never })
      await visitor(FIREFOX).visit((session) => session.login('ada'))
      assert.equal((await sessions.of('ada').list())[0]?.label, null)
    }
  })
})

describe('a user of sessions in cookies', () => {
  it('cannot list them, and gets an error; with revocations all of them can be ended', async () => {
    const { sessions, visitor } = inCookies()
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    await assert.rejects(sessions.of('ada').list(), UnsupportedError)
    await assert.rejects(sessions.of('ada').revoke('x'), UnsupportedError)
    assert.equal(await sessions.of('ada').revokeAll(), null)
    await guest.visit((session) => assert.equal(session.userId, null))
  })

  it('without revocations cannot be listed or ended, and is told what would help with that', async () => {
    const { sessions, visitor } = fixture({}, STORES.memory, () => cookie() as never)
    const user = sessions.of('ada')
    const [open, late] = [visitor(), visitor()]
    const refused = (pattern: RegExp) => (error: unknown) =>
      error instanceof UnsupportedError && pattern.test(error.message)
    const listing = /cannot list a user's sessions: .* Use a store such as sqlite\.$/
    const ending = /cannot end all sessions of a user: .* Give the engine revocations, or use a store such as sqlite\.$/
    await assert.rejects(user.list(), (error) => refused(listing)(error) && !/revocations/.test(String(error)))
    await assert.rejects(user.revoke('x'), (error) => refused(listing)(error) && !/revocations/.test(String(error)))
    await assert.rejects(user.revokeAll(), refused(ending))
    await open.visit((session) => assert.rejects(user.revokeOthers(session), refused(ending)))
    const closed = await late.visit((session) => session)
    await assert.rejects(user.revokeOthers(closed), refused(ending), 'not by calling it earlier')
  })

  it('gets a TypeError for a handle in place of a session', async () => {
    const { sessions } = fixture()
    for (const wrong of ['x', 5, null, undefined, {}])
      await assert.rejects(
        sessions.of('ada').revokeOthers(wrong as never),
        (error) => error instanceof TypeError && /^Pass the session itself/.test(error.message),
      )
    await assert.rejects(sessions.of('ada').list('x' as never), /^TypeError: Pass the session itself/)
  })

  it('must have an id', () => {
    for (const wrong of ['', 5, null, undefined, '\udfff'])
      assert.throws(() => fixture().sessions.of(wrong as never), TypeError)
  })
})

describe('an operator', () => {
  it('counts, finds and ends sessions by their handles', async () => {
    const app = fixture()
    const [guest, user] = [app.visitor(), app.visitor()]
    await guest.visit((session) => session.set('a', 1))
    app.clock.advance(1000)
    await user.visit((session) => session.login('ada'))
    await settle()
    const handle = await user.visit((session) => session.handle ?? '')
    const stats = await app.sessions.stats()
    assert.deepEqual([stats.live, stats.signedIn, stats.anonymous, stats.expired], [2, 1, 1, 0])
    const { needed, unsealed } = await app.sessions.keyUse()
    assert.deepEqual([[...needed.values()], unsealed], [[2], 2])
    const info = await app.sessions.find(handle)
    assert.deepEqual([info?.handle, info?.signedIn, info?.createdAt], [handle, true, new Date(app.clock())])
    assert.deepEqual([await app.sessions.find('x'), await app.sessions.revoke('x')], [null, false])
    assert.equal(await app.sessions.revoke(handle), true)
    assert.deepEqual(last(app.events, 'revoked'), { type: 'revoked', handle, count: 1, reason: 'revoke' })
    await settle()
    await user.visit((session) => assert.equal(session.userId, null))
    app.clock.advance(31 * MINUTE)
    assert.equal((await app.sessions.stats()).expired, 1)
    assert.equal(await app.sessions.clearExpired({ dryRun: true }), 1)
    assert.equal(await app.sessions.clearExpired(), 1)
    assert.deepEqual(last(app.events, 'cleared'), { type: 'cleared', count: 1 })
  })

  it('does not count what is left for a moment of a session that somebody else has signed in with', async () => {
    const app = fixture()
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    await guest.visit((session) => session.login('bob'))
    const ada = app.sessions.of('ada')
    assert.deepEqual([(await ada.list()).length, await ada.revokeAll()], [0, 0])
    assert.equal(await app.sessions.of('bob').revokeAll(), 1)
  })

  it('neither counts nor ends what the library itself keeps in the store', async () => {
    const app = fixture()
    await app.visitor().visit((session) => session.login('ada'))
    await app.sessions.of('ada').revokeAll()
    const own = await entriesIn(app.store)
    assert.ok(own.length >= 2)
    assert.equal((await app.sessions.stats()).live, 0)
    assert.deepEqual(await app.sessions.keyUse(), { needed: new Map(), unsealed: 0, otherNamespaces: 0 })
    for (const { id } of own) {
      assert.equal(await app.sessions.find(handleOf(id)), null)
      assert.equal(await app.sessions.revoke(handleOf(id)), false)
    }
  })

  it('learns why sessions cannot be counted or found, and where they could be', async () => {
    const cookies = fixture({}, STORES.memory, () => cookie() as never)
    const unlisted = fixture({}, STORES.memory, (store) => ({ ...store, scan: undefined }) as never)
    for (const [{ sessions }, why] of [
      [cookies, /: these sessions are in their cookies, and not on the server\.$/],
      [
        unlisted,
        /: the store memory cannot list what is in it\. Use memory, file, sqlite, postgres, mysql or redis, or/,
      ],
    ] as const)
      for (const call of [
        () => sessions.stats(),
        () => sessions.find('x'),
        () => sessions.revoke('x'),
        () => sessions.keyUse(),
      ])
        await assert.rejects(call, (error) => error instanceof UnsupportedError && why.test(error.message))
  })

  it('ends sessions on a store without an owner index too, even when the store is an instance of a class', async () => {
    const app = fixture({}, (clock) => {
      const store = STORES.memory?.(clock)
      class Plain {
        readonly #inner = store as NonNullable<typeof store>
        readonly traits = this.#inner.traits
        create = this.#inner.create.bind(this.#inner)
        read = this.#inner.read.bind(this.#inner)
        update = this.#inner.update.bind(this.#inner)
        touch = this.#inner.touch.bind(this.#inner)
        clearExpired = this.#inner.clearExpired.bind(this.#inner)
        close = this.#inner.close.bind(this.#inner)
        delete(...args: Parameters<typeof this.create>): Promise<boolean> {
          return this.#inner.delete(...(args as never as [never]))
        }
        scan() {
          return this.#inner.scan()
        }
      }
      return new Plain() as never
    })
    const guest = app.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    const handle = await guest.visit((session) => session.handle ?? '')
    assert.equal(await app.sessions.revoke(handle), true)
    await assert.rejects(app.sessions.of('ada').revokeAll(), UnsupportedError)
    await assert.rejects(
      guest.visit((session) => session.login('ada', { limit: 1 })),
      UnsupportedError,
    )
  })
})
