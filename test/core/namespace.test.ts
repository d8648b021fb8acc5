import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { COPY, hasLabel, RECEIPT } from '../../packages/strongroom/src/backing/own-entries.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { SessionLimitError } from '../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { STORES } from './fixtures/engines.ts'
import type { Anything } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { entriesIn } from './fixtures/listings.ts'
import { KEY, NOW, OLD, OLDER, SECRET, setUp, visit, who } from './fixtures/other-framework.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

/** Two applications with the same store and, unless they have others, the same secrets. */
function two(store: unknown, clock: () => number = manualClock(), shop: Partial<SessionsOptions> = {}, admin = shop) {
  const open = (name: string, options: Partial<SessionsOptions>): Sessions<Anything> =>
    createSessions({
      secrets: secret('shared'),
      clock,
      sweep: false,
      ...options,
      cookie: { name: `__Host-${name}` },
      store: store as IndexedStore,
    })
  return [open('shop', shop), open('admin', admin)] as const
}

for (const [name, make] of Object.entries(STORES))
  for (const seal of ['two-key', 'server-key', 'none'] as const)
    describe(`on ${name}, sealed by ${seal}, two applications with one store and the same secrets`, () => {
      const open = () => {
        const clock = manualClock()
        const store = make(clock)
        return [...two(store, clock, { seal }), store] as const
      }

      it('are strangers: a cookie of one opens nothing in the other', async () => {
        const [shop, admin, store] = open()
        const customer = visitor(shop)
        await customer.visit((session) => session.set('a', 1).login('1'))
        await settle()
        const thief = visitor(admin, undefined, customer.cookie)
        await thief.visit((session) => assert.deepEqual([session.userId, session.isNew], [null, true]))
        await thief.visit((session) => session.logout())
        await settle()
        await customer.visit((session) => assert.equal(session.userId, '1'))
        await store.close()
      })

      it('are strangers: each lists, counts and ends its own sessions of a user only', async () => {
        const [shop, admin, store] = open()
        const [customer, operator] = [visitor(shop), visitor(admin)]
        await customer.visit((session) => session.login('1'))
        await operator.visit((session) => session.login('1', { limit: 1, atLimit: 'refuse' }))
        const [lists, others] = [await shop.of('1').list(), await admin.of('1').list()]
        assert.deepEqual([lists.length, others.length], [1, 1])
        assert.equal(await admin.of('1').revoke(lists[0]?.handle ?? ''), false)
        const moment = await shop.of('1').moment()
        await operator.visit(async (session) => assert.equal(await admin.of('1').revokeOthers(session), 0))
        assert.equal(await admin.of('1').revokeAll(), 1)
        await settle()
        await customer.visit((session) => assert.equal(session.userId, '1'))
        // The end of all sessions in the one is none in the other.
        await visitor(shop).visit((session) => session.login('1', { asOf: moment }))
        assert.equal((await shop.of('1').list()).length, 2)
        await store.close()
      })
    })

const SECRETS = {
  'the same secrets': [secret('shared'), secret('shared')],
  'secrets of their own': [secret('shop'), secret('admin')],
} as const

/** Each application has an operator, who sees and ends what is there. */
function strangersToOperators(make: () => IndexedStore & ScannableStore, [ofShop, ofAdmin]: readonly string[]) {
  it('are strangers to operators: each finds, counts and ends its own sessions only', async () => {
    const store = make()
    const [shop, admin] = two(store, Date.now, { secrets: ofShop }, { secrets: ofAdmin })
    const clerk = visitor(admin)
    for (const person of [visitor(shop), visitor(shop), clerk]) await person.visit((session) => session.login('1'))
    await visitor(admin).visit((session) => session.set('a', 1))
    const [first, second] = await shop.of('1').list()
    assert.ok(first && second)

    const counted = async (sessions: Sessions<Anything>) => {
      const { live, signedIn, otherNamespaces } = await sessions.stats()
      return `${live} live, ${signedIn} signed in, ${otherNamespaces} others`
    }
    assert.equal(await counted(shop), '2 live, 2 signed in, 2 others')
    assert.equal(await counted(admin), '2 live, 1 signed in, 2 others')
    for (const sessions of [shop, admin]) {
      const [kid] = await sessions.keys()
      const { needed, otherNamespaces } = await sessions.keyUse()
      assert.deepEqual([needed, otherNamespaces], [new Map([[kid, 2]]), 2])
    }
    assert.equal((await shop.find(first.handle))?.handle, first.handle)
    assert.equal(await admin.find(first.handle), null)
    assert.equal(await admin.revoke(first.handle), false)
    assert.equal(await shop.revoke(first.handle), true)
    assert.equal(await counted(shop), '1 live, 1 signed in, 2 others')
    assert.equal(await counted(admin), '2 live, 1 signed in, 1 others')

    const { removed, keys, newest, otherNamespaces } = await admin.revokeEverybody()
    assert.deepEqual([removed, keys, newest, otherNamespaces], [0, new Map(), null, 1])
    await shop.reloadSecrets([secret('fresh')])
    assert.equal((await shop.revokeEverybody()).removed, 1)
    assert.equal(await counted(shop), '0 live, 0 signed in, 2 others')
    assert.equal(await counted(admin), '2 live, 1 signed in, 0 others')
    await settle()
    await clerk.visit((session) => assert.equal(session.userId, '1'))
    await store.close()
  })
}

for (const [kind, secrets] of Object.entries(SECRETS)) {
  for (const [name, make] of Object.entries(STORES))
    describe(`on ${name}, two applications with one store and ${kind}`, () =>
      strangersToOperators(() => make(Date.now), secrets))

  describe(`on redis, two applications with one store and ${kind}`, { skip: redisNeed.skip }, () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())
    strangersToOperators(() => redis({ url: server.url }), secrets)
  })
}

describe('what an adoption has left', () => {
  it('is removed with the sessions of its namespace, and not with those of another', async () => {
    const { make, store } = setUp({ options: { namespace: 'shop' } })
    const session = { userId: 'ada', values: { a: 1 }, expiresAt: NOW + 86_400_000 }
    const shop = make({ secrets: [OLDER] })
    await visit(shop, OLD, who)
    await shop.adopt({ source: 'old', key: `${KEY}2`, session, as: 'copy' })
    const left = async () => {
      const all = await entriesIn(store)
      return [RECEIPT, COPY].map((label) => all.filter((entry) => hasLabel(entry, label)).length)
    }
    assert.deepEqual([(await make({ namespace: 'admin' }).revokeEverybody()).removed, await left()], [0, [1, 1]])
    assert.deepEqual([(await make({ secrets: [SECRET] }).revokeEverybody()).removed, await left()], [1, [0, 0]])
  })
})

describe('two applications with the same namespace', () => {
  it('share their sessions, whatever their cookies are called', async () => {
    const clock = manualClock()
    const store = memory({ clock })
    const [shop, admin] = two(store, clock, { namespace: 'one' })
    const customer = visitor(shop)
    await customer.visit((session) => session.set('a', 1).login('1'))
    await visitor(admin, undefined, customer.cookie).visit((session) => assert.equal(session.userId, '1'))
    assert.equal((await admin.of('1').list()).length, 1)
    await assert.rejects(
      visitor(admin).visit((session) => session.login('1', { limit: 1, atLimit: 'refuse' })),
      SessionLimitError,
    )
    assert.equal(await admin.of('1').revokeAll(), 1)
    await settle()
    await customer.visit((session) => assert.equal(session.userId, null))
  })

  it('keep the sessions of a cookie that was renamed, where the namespace is its old name', async () => {
    const clock = manualClock()
    const store = memory({ clock })
    const [shop, renamed] = two(store, clock, {}, { namespace: '__Host-shop' })
    const customer = visitor(shop)
    await customer.visit((session) => session.login('1'))
    await visitor(renamed, undefined, customer.cookie).visit((session) => assert.equal(session.userId, '1'))
  })

  it('are not two whose namespace and user id read the same when they are joined', async () => {
    const clock = manualClock()
    const store = memory({ clock })
    const [shop, admin] = two(store, clock, { namespace: 'a' }, { namespace: 'ab' })
    await visitor(shop).visit((session) => session.login('bc'))
    assert.deepEqual(await admin.of('c').list(), [])
    assert.equal(await admin.of('c').revokeAll(), 0)
    assert.equal((await shop.of('bc').list()).length, 1)
  })
})

for (const protection of ['sealed', 'signed'] as const)
  describe(`two applications with sessions in cookies (${protection}) and the same secrets`, () => {
    it('are strangers, and end only their own sessions of a user', async () => {
      const clock = manualClock()
      const [shop, admin] = two(cookie({ protection, revocations: memory({ clock }) }), clock)
      const [customer, operator] = [visitor(shop), visitor(admin)]
      for (const guest of [customer, operator]) await guest.visit((session) => session.login('1'))
      await visitor(admin, undefined, customer.cookie).visit((session) => assert.equal(session.userId, null))
      await admin.of('1').revokeAll()
      await customer.visit((session) => assert.equal(session.userId, '1'))
      await operator.visit((session) => assert.equal(session.userId, null))
    })

    it('share them in one namespace', async () => {
      const clock = manualClock()
      const store = cookie({ protection, revocations: memory({ clock }) })
      const [shop, admin] = two(store, clock, { namespace: 'one' })
      const customer = visitor(shop)
      await customer.visit((session) => session.login('1'))
      await visitor(admin, undefined, customer.cookie).visit((session) => assert.equal(session.userId, '1'))
      await admin.of('1').revokeAll()
      await customer.visit((session) => assert.equal(session.userId, null))
    })
  })
