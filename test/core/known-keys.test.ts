import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyRegistry } from '../../packages/strongroom/src/backing/key-registry.ts'
import { createLiveKeyring, type Secrets } from '../../packages/strongroom/src/crypto/keyring.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, SessionGoneError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import type { Anything } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const [HOUR, DAY] = [3_600_000, 86_400_000]
const [OLD, NEW] = [secret('old'), secret('new')]
const KID = ringOf('new').current.kid

const lacksKey = (error: unknown) =>
  error instanceof StoreError && error.status === 503 && error.message.includes(`lacks the secret with key id ${KID}`)

const ENGINES: Record<string, (store: IndexedStore) => IndexedStore> = {
  'a store': (store) => store,
  'cookies with revocations': (store) => cookie({ revocations: store }) as never,
}

for (const [name, engine] of Object.entries(ENGINES)) {
  /** Several servers on one store. */
  function servers() {
    const clock = manualClock()
    const store = memory({ clock })
    const server = (secrets: Secrets | (() => Secrets)): Sessions<Anything> =>
      createSessions({ secrets, store: engine(store), clock, sweep: false })
    return { clock, store, server }
  }

  describe(`on ${name}, a server that lacks a secret under which users may have sessions`, () => {
    it('refuses to end all sessions of a user, or all others, and does so once it has the secret', async () => {
      const { server } = servers()
      const [ahead, behind] = [server([NEW, OLD]), server([OLD])]
      const [there, here] = [visitor(ahead), visitor(behind)]
      await there.visit((session) => session.login('ada'))
      await here.visit((session) => session.login('ada'))
      await settle()
      await assert.rejects(behind.of('ada').revokeAll(), lacksKey)
      await here.visit(async (session) => assert.rejects(behind.of('ada').revokeOthers(session), lacksKey))
      // Of a user who has none under it, too: that cannot be told without it.
      await assert.rejects(behind.of('bob').revokeAll(), lacksKey)
      await settle()
      await there.visit((session) => assert.equal(session.userId, 'ada'))
      await here.visit((session) => assert.equal(session.userId, 'ada'))
      await behind.reloadSecrets([NEW, OLD])
      await behind.of('ada').revokeAll()
      await settle()
      for (const guest of [there, here]) await guest.visit((session) => assert.equal(session.userId, null))
    })

    it('asks its provider of secrets first', async () => {
      const { server } = servers()
      const ahead = server([NEW, OLD])
      let [secrets, asked] = [[OLD], 0]
      const behind = server(() => {
        asked++
        return secrets
      })
      await behind.ready()
      const guest = visitor(ahead)
      await guest.visit((session) => session.login('ada'))
      const now = performance.now.bind(performance)
      performance.now = () => now() + 30_000
      try {
        await assert.rejects(behind.of('ada').revokeAll(), lacksKey)
        assert.equal(asked, 2)
        secrets = [NEW, OLD]
        performance.now = () => now() + 60_000
        await behind.of('ada').revokeAll()
        assert.equal(asked, 3)
      } finally {
        performance.now = now
      }
      await settle()
      await guest.visit((session) => assert.equal(session.userId, null))
    })

    it('no longer minds when the last session that could be under it has ended', async () => {
      const { server, clock } = servers()
      await visitor(server([OLD])).visit((session) => session.login('bob', { remember: '200d' }))
      const guest = visitor(server([NEW, OLD]))
      await guest.visit((session) => session.login('ada', { remember: '30d' }))
      await guest.visit((session) => session.setExpiry({ absolute: '60d' }))
      const behind = server([OLD])
      clock.advance(60 * DAY)
      await behind.clearExpired()
      // Longer than that: the clocks of two servers differ.
      await assert.rejects(behind.of('ada').revokeAll(), lacksKey)
      clock.advance(2 * DAY)
      await behind.of('ada').revokeAll()
    })

    it('minds as well when the session became a user’s before it met the secret, and not for anonymous sessions', async () => {
      const { server } = servers()
      const [ahead, behind] = [server([NEW, OLD]), server([OLD])]
      const guest = visitor(ahead)
      await guest.visit((session) => session.set('a', 1))
      await behind.of('ada').revokeAll()
      await settle()
      await guest.visit((session) => session.login('ada'))
      await assert.rejects(behind.of('ada').revokeAll(), lacksKey)
    })
  })

  describe(`on ${name}, a login`, () => {
    it('is refused if it began on a server that had not met the secret of its session', async () => {
      const { server } = servers()
      const sessions = server([OLD])
      const asOf = await sessions.of('ada').moment()
      await sessions.reloadSecrets([NEW, OLD])
      const login = visitor(sessions).visit((session) => session.login('ada', { asOf }))
      await assert.rejects(login, (error) => error instanceof SessionGoneError)
    })
  })
}

describe('the registration of a key', () => {
  function registry(store = memory({ clock: manualClock() }), clock = manualClock()) {
    const ring = createLiveKeyring([OLD])
    const calls: string[] = []
    const watched = {
      read: (...args: Parameters<typeof store.read>) => calls.push('read') && store.read(...args),
      create: (...args: Parameters<typeof store.create>) => calls.push('create') && store.create(...args),
      update: (...args: Parameters<typeof store.update>) => calls.push('update') && store.update(...args),
    } as unknown as Pick<IndexedStore, 'read' | 'create' | 'update'>
    return { registry: new KeyRegistry({ store: watched, ring, namespace: 'shop', clock }), calls, store, clock }
  }

  it('costs a server one write in a day, and another server with the same key a read', async () => {
    const one = registry()
    const other = registry(one.store, one.clock)
    for (let hour = 0; hour < 24; hour++) await one.registry.register(KID, one.clock() + 12 * HOUR + hour * HOUR)
    assert.deepEqual(one.calls, ['read', 'create'])
    await other.registry.register(KID, one.clock() + 12 * HOUR)
    assert.deepEqual(other.calls, ['read'])
    await one.registry.register(KID, one.clock() + 37 * HOUR)
    assert.deepEqual(one.calls.slice(2), ['read', 'update'])
  })

  it('loses none of those that are made in parallel', async () => {
    const { store, clock } = registry()
    const kids = [1, 2, 3, 4, 5]
    await Promise.all(kids.map((kid) => registry(store, clock).registry.register(kid, clock() + HOUR)))
    for (const kid of kids) assert.equal(await registry(store, clock).registry.forget((one) => one === kid), 1)
    assert.equal(await registry(store, clock).registry.forget((one) => one === 1), 0)
    await registry(store, clock).registry.assertComplete()
  })

  it('that was forgotten is made again by the next login under that key', async () => {
    const { registry: one, store, clock } = registry()
    await one.register(KID, clock() + HOUR)
    await assert.rejects(one.assertComplete(), lacksKey)
    assert.equal(await one.forget((kid) => kid === KID), 1)
    await one.assertComplete()
    await one.register(KID, clock() + HOUR)
    await assert.rejects(registry(store, clock).registry.assertComplete(), lacksKey)
  })

  it('that was forgotten is made again within a minute by another server that has the secret', async () => {
    const { registry: one, store, clock, calls } = registry()
    await one.register(KID, clock() + HOUR)
    assert.equal(await registry(store, clock).registry.forget((kid) => kid === KID), 1)
    clock.advance(59_000)
    await one.register(KID, clock() + HOUR)
    assert.deepEqual(calls, ['read', 'create'])
    clock.advance(1000)
    await one.register(KID, clock() + HOUR)
    assert.deepEqual(calls.slice(2), ['read', 'update'])
    await assert.rejects(registry(store, clock).registry.assertComplete(), lacksKey)
  })

  it('that was altered in the store is not taken for an absent one', async () => {
    // Under an owner, no update of it would ever succeed.
    for (const change of [{ bytes: Buffer.from('{') }, { owner: 'a'.repeat(64) }]) {
      const { registry: one, store, clock } = registry()
      await one.register(KID, clock() + HOUR)
      for await (const [listing] of store.scan()) {
        const found = listing && (await store.read(listing.id))
        if (!found) continue
        assert.equal(await store.delete(listing.id), true)
        assert.equal(await store.create(listing.id, { ...found.entry, ...change }), true)
      }
      await assert.rejects(one.assertComplete(), StoreError)
      await assert.rejects(async () => one.register(KID + 1, clock() + HOUR), StoreError)
    }
  })
})

describe('a key that is forgotten', () => {
  it('waits for secrets that are still being fetched', async () => {
    const store = memory()
    await visitor(createSessions<Anything>({ secrets: [NEW], store })).visit((session) => session.login('ada'))
    assert.equal(await createSessions({ secrets: async () => [OLD], store }).forgetKey(KID), true)
    await assert.rejects(createSessions({ secrets: async () => [NEW], store }).forgetKey(KID), ConfigError)
  })

  it('must be a key id', async () => {
    const sessions = createSessions({ secrets: [NEW], store: memory() })
    for (const wrong of ['x', '1', 300, 256, -1, 1.5, Number.NaN, null, undefined])
      await assert.rejects(sessions.forgetKey(wrong as number), TypeError, String(wrong))
    for (const right of [0, 255]) assert.equal(await sessions.forgetKey(right), false)
  })
})

describe('a list, on a server that lacks a secret', () => {
  it('leaves out the sessions under it, unless it has to be complete', async () => {
    const store = memory()
    const server = (secrets: Secrets) => createSessions<Anything>({ secrets, store, sweep: false })
    await visitor(server([NEW])).visit((session) => session.login('ada'))
    const behind = server([OLD]).of('ada')
    assert.deepEqual(await behind.list(), [])
    await assert.rejects(behind.list(undefined, { complete: true }), lacksKey)
    const both = server([NEW, OLD]).of('ada')
    assert.equal((await both.list(undefined, { complete: true })).length, 1)
    await assert.rejects(both.list(undefined, { complete: 1 } as never), /complete must be true or false/)
  })
})
