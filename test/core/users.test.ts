import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ownerTag } from '../../packages/strongroom/src/crypto/keyring.ts'
import { UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { carried, STORES } from './kit/engines.ts'
import { fixture, last } from './kit/fixture.ts'
import { settle } from './kit/gates.ts'
import { ringOf, secret } from './kit/ring.ts'

const MINUTE = 60_000
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'
const CURL = 'curl/8.5.0'

for (const [name, make] of Object.entries(STORES))
  describe(`on ${name}, a user's sessions`, () => {
    async function three(options?: Parameters<typeof fixture>[0]) {
      const world = fixture(options, make)
      const [desk, phone, shell] = [world.visitor(FIREFOX), world.visitor(), world.visitor(CURL)]
      const logins = [
        [desk, {}],
        [phone, { label: 'My telephone' }],
        [shell, { remember: true }],
      ] as const
      for (const [device, options] of logins) {
        await device.visit((session) => session.login('ada', options))
        world.clock.advance(MINUTE)
      }
      await world.visitor(FIREFOX).visit((session) => session.login('bob'))
      await world.visitor(FIREFOX).visit((session) => session.set('a', 1))
      await settle()
      return { ...world, desk, phone, shell, ada: world.sessions.of('ada') }
    }

    it('are listed newest first, with what a page about devices needs and nothing else', async () => {
      const { desk, ada, clock, store } = await three()
      const start = clock() - 3 * MINUTE
      const list = await desk.visit((session) => ada.list(session))
      assert.deepEqual(
        list.map(({ handle: _, ...device }) => device),
        [
          {
            label: 'curl',
            current: false,
            createdAt: new Date(start + 2 * MINUTE),
            lastSeenAt: null,
            expiresAt: new Date(start + 2 * MINUTE + 14 * 86_400_000),
          },
          {
            label: 'My telephone',
            current: false,
            createdAt: new Date(start + MINUTE),
            lastSeenAt: new Date(start + MINUTE),
            expiresAt: new Date(start + 31 * MINUTE),
          },
          {
            label: 'Firefox on Linux',
            current: true,
            createdAt: new Date(start),
            // The request that asks has touched it by the time it is answered, not before.
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

    it('tell when each was last seen, to within a tenth of the idle time', async () => {
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

    it('tell it also after a session got an expiry of its own', async () => {
      const { desk, ada, clock, store } = await three()
      await desk.visit((session) => session.setExpiry({ idle: '5m', absolute: '20h' }))
      const device = (await ada.list()).find(({ label }) => label === 'Firefox on Linux')
      assert.deepEqual([device?.lastSeenAt, device?.expiresAt], [new Date(clock()), new Date(clock() + 5 * MINUTE)])
      await store.close()
    })

    it('are ended by handle, and a handle of somebody else ends nothing', async () => {
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

    it('all but this one are ended, and the events say why', async () => {
      const { desk, phone, shell, ada, sessions, events, store } = await three()
      assert.equal(await desk.visit((session) => ada.revokeOthers(session)), 2)
      assert.deepEqual(last(events, 'revoked'), { type: 'revoked', handle: null, count: 2, reason: 'revoke-others' })
      await settle()
      await desk.visit((session) => assert.equal(session.userId, 'ada'))
      for (const device of [phone, shell]) await device.visit((session) => assert.equal(session.userId, null))
      assert.equal((await sessions.of('bob').list()).length, 1)
      await store.close()
    })

    it('all but this one are ended after a change of password, beside a renewal, whichever comes first', async () => {
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

    it('all are ended, and the user may sign in again at once', async () => {
      const { desk, phone, shell, ada, sessions, events, store } = await three()
      assert.equal(await ada.revokeAll(), 3)
      assert.deepEqual(last(events, 'revoked'), { type: 'revoked', handle: null, count: 3, reason: 'revoke-all' })
      await settle()
      for (const device of [desk, phone, shell]) await device.visit((session) => assert.equal(session.userId, null))
      assert.equal((await sessions.of('bob').list()).length, 1)
      assert.equal(await ada.revokeAll(), 0)
      await desk.visit((session) => session.login('ada'))
      await settle()
      await desk.visit((session) => assert.equal(session.userId, 'ada'))
      await store.close()
    })

    it('all are ended and the user signed in anew in one request, as after a forgotten password', async () => {
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

    it('that is revoked within one turn of the event loop is not answered from a read before it', async () => {
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

    it('are found under every master of the ring, and no longer under one that was taken out', async () => {
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

    it('lie in the store under a tag that names nobody', async () => {
      const { store } = await three({ secrets: [secret('a')] })
      const [owners, ids] = [new Set<string | null>(), new Set<string>()]
      for await (const page of store.scan())
        for (const { owner, id, label } of page) {
          owners.add(owner)
          ids.add(id)
          for (const word of ['Firefox', 'telephone', 'ada', 'bob']) assert.ok(!Buffer.from(label ?? '').includes(word))
        }
      const { current } = ringOf('a')
      assert.deepEqual(owners, new Set([ownerTag(current, 'ada'), ownerTag(current, 'bob'), null]))
      assert.equal(ids.size, 5)
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

describe('a label that an application makes of a User-Agent', () => {
  it('is cut to what a store takes, whatever the visitor sends', async () => {
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

  it('given to login is kept within the same bounds', async () => {
    const { visitor, store } = fixture()
    await visitor().visit((session) => session.login('ada', { label: `${'\u0001\ud800'.repeat(59)}x` }))
    for await (const page of store.scan()) for (const { label } of page) assert.ok((label?.length ?? 0) <= 512)
  })

  it('is none when the application makes none, or something else', async () => {
    for (const made of [null, undefined, '', ' ', '\n', 5, {}]) {
      const { sessions, visitor } = fixture({ device: () => made as never })
      await visitor(FIREFOX).visit((session) => session.login('ada'))
      assert.equal((await sessions.of('ada').list())[0]?.label, null)
    }
  })
})

describe('a user of sessions in cookies', () => {
  it('cannot be listed, and is told so; with revocations all of them can be ended', async () => {
    const { sessions, visitor } = carried()
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    await assert.rejects(sessions.of('ada').list(), UnsupportedError)
    await assert.rejects(sessions.of('ada').revoke('x'), UnsupportedError)
    assert.equal(await sessions.of('ada').revokeAll(), null)
    await guest.visit((session) => assert.equal(session.userId, null))
  })

  it('must be named', () => {
    for (const wrong of ['', 5, null, undefined, '\udfff'])
      assert.throws(() => fixture().sessions.of(wrong as never), TypeError)
  })
})

describe('an operator', () => {
  it('counts, finds and ends sessions by their handles', async () => {
    const world = fixture()
    const [guest, user] = [world.visitor(), world.visitor()]
    await guest.visit((session) => session.set('a', 1))
    world.clock.advance(1000)
    await user.visit((session) => session.login('ada'))
    await settle()
    const handle = await user.visit((session) => session.handle ?? '')
    const stats = await world.sessions.stats()
    assert.deepEqual([stats.live, stats.signedIn, stats.anonymous, stats.expired], [2, 1, 1, 0])
    const info = await world.sessions.find(handle)
    assert.deepEqual([info?.handle, info?.signedIn, info?.createdAt], [handle, true, new Date(world.clock())])
    assert.deepEqual([await world.sessions.find('x'), await world.sessions.revoke('x')], [null, false])
    assert.equal(await world.sessions.revoke(handle), true)
    assert.deepEqual(last(world.events, 'revoked'), { type: 'revoked', handle, count: 1, reason: 'revoke' })
    await settle()
    await user.visit((session) => assert.equal(session.userId, null))
    world.clock.advance(31 * MINUTE)
    assert.equal((await world.sessions.stats()).expired, 1)
    assert.equal(await world.sessions.clearExpired({ dryRun: true }), 1)
    assert.equal(await world.sessions.clearExpired(), 1)
    assert.deepEqual(last(world.events, 'cleared'), { type: 'cleared', count: 1 })
  })

  it('ends sessions on a store without an owner index, too, though it be an object of a class', async () => {
    const world = fixture({}, (clock) => {
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
    const guest = world.visitor()
    await guest.visit((session) => session.login('ada'))
    await settle()
    const handle = await guest.visit((session) => session.handle ?? '')
    assert.equal(await world.sessions.revoke(handle), true)
    await assert.rejects(world.sessions.of('ada').revokeAll(), UnsupportedError)
    await assert.rejects(
      guest.visit((session) => session.login('ada', { limit: 1 })),
      UnsupportedError,
    )
  })
})
