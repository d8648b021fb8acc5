import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Backing, LoadResult, SessionRef } from '../../packages/strongroom/src/backing/backing.ts'
import { serverBacking } from '../../packages/strongroom/src/backing/server.ts'
import { createLiveKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import type { SealName } from '../../packages/strongroom/src/crypto/seal.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Content } from '../../packages/strongroom/src/session/content.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { type ManualClock, manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { aead } from './fixtures/aead.ts'
import { STORES } from './fixtures/engines.ts'
import { fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { secret } from './fixtures/secret.ts'

const HOUR = 3_600_000

interface Given {
  readonly clock: ManualClock
  readonly store?: Store
  readonly namespace?: string
  readonly seal?: SealName
  readonly memo?: number
}

const backingOn = ({ clock, store = memory({ clock }), ...options }: Given): Backing =>
  serverBacking({
    store,
    ring: createLiveKeyring([secret('a')]),
    namespace: 'shop',
    seal: 'two-key',
    memo: 1 << 20,
    ...options,
    clock,
    aead,
    timeout: 1000,
    maxSize: 1 << 16,
  })

const contentOf = (clock: ManualClock, userId: string | null, n = 0): Content => ({
  meta: {
    createdAt: clock(),
    authenticatedAt: userId === null ? null : clock(),
    deadline: clock() + 12 * HOUR,
    idle: HOUR,
    userId,
    persistent: false,
    label: null,
  },
  data: JSON.stringify({ n }),
})

const kindOf = (result: LoadResult) => {
  if (result === null) return 'absent'
  if ('superseded' in result) return `superseded: ${result.superseded}`
  return 'ref' in result ? result.data : Object.values(result)[0]
}

/** As the next request does, which has the cookie alone. */
const load = async (backing: Backing, { cookie }: SessionRef, fresh = false) => {
  const verified = backing.verify(cookie.text)
  return 'refused' in verified ? verified : backing.load(verified, { fresh })
}

const loaded = async (backing: Backing, ref: SessionRef) => {
  const found = await load(backing, ref, true)
  return found && 'ref' in found ? found : assert.fail(`${kindOf(found)}`)
}

for (const seal of ['two-key', 'server-key', 'none'] as const)
  for (const memo of [1 << 20, 0])
    describe(`a session that was renewed, ${seal}${memo > 0 ? '' : ', without a memo'}`, () => {
      const clock = manualClock()
      const backing = backingOn({ clock, seal, memo })

      async function renewed(userId: string | null) {
        const before = await backing.create(contentOf(clock, userId), clock() + HOUR)
        const { ref } = await loaded(backing, before)
        const content = contentOf(clock, userId, 1)
        const after = await backing.renew(ref, content, clock() + HOUR, contentOf(clock, userId))
        return { before, after: after ?? assert.fail('it was changed') }
      }

      it('opens for its new cookie only, under the id that it has always had', async () => {
        const { before, after } = await renewed('ada')
        assert.equal(after.cookie.id, before.cookie.id)
        for (let i = 0; i < 2; i++) {
          assert.equal(kindOf(await load(backing, before)), 'superseded: renewed')
          assert.equal(kindOf(await load(backing, after)), '{"n":1}')
        }
      })

      it('is ended by its old cookie if it has an owner, and never if it is anonymous', async () => {
        for (const userId of ['ada', null]) {
          const { before, after } = await renewed(userId)
          const old = await load(backing, before)
          assert.ok(old && 'superseded' in old)
          if (userId === null) assert.equal(old.ends, null)
          else assert.ok(await backing.end(old.ends?.ref ?? assert.fail()))
          assert.equal(kindOf(await load(backing, after, true)), userId === null ? '{"n":1}' : 'absent')
        }
      })

      it('was superseded a moment ago for half a minute', async () => {
        const { before } = await renewed('ada')
        const isRecent = async () => {
          const old = await load(backing, before)
          return old && 'superseded' in old ? old.isRecent : assert.fail()
        }
        clock.advance(28_000)
        assert.equal(await isRecent(), true)
        clock.advance(3_000)
        assert.equal(await isRecent(), false)
      })

      it('is written and touched by nobody who has only the old cookie', async () => {
        const { before, after } = await renewed('ada')
        const content = contentOf(clock, 'ada', 2)
        assert.equal(await backing.update(before, content, clock() + HOUR, content), null)
        assert.equal(await backing.renew(before, content, clock() + HOUR, content), null)
        assert.equal(await backing.touch(before, content, clock() + 2 * HOUR), null)
        assert.equal(await backing.replace(before), false)
        const { data, ref } = await loaded(backing, after)
        assert.deepEqual([data, ref.expiresAt], ['{"n":1}', after.expiresAt])
      })
    })

describe('a renewal whose answer is lost on the way', () => {
  /** What becomes of the first update. */
  const first = {
    'was stored': (write: () => Promise<unknown>) => write(),
    'was not stored': async () => undefined,
  }
  for (const [what, happens] of Object.entries(first))
    it(`is tried again with the same token: the visitor gets one that opens, if it ${what}`, async (test) => {
      const clock = manualClock()
      const store = memory({ clock })
      const update = store.update.bind(store)
      let updates = 0
      test.mock.method(store, 'update', async (...args: Parameters<Store['update']>) => {
        if (++updates > 1) return update(...args)
        await happens(() => update(...args))
        throw new StoreError('the connection was lost')
      })
      const backing = backingOn({ clock, store })
      const before = await backing.create(contentOf(clock, 'ada'), clock() + HOUR)
      const content = contentOf(clock, 'ada', 1)
      const after = await backing.renew((await loaded(backing, before)).ref, content, clock() + HOUR, content)
      assert.equal(kindOf(await load(backing, after ?? assert.fail())), '{"n":1}')
      assert.equal(kindOf(await load(backing, before)), 'superseded: renewed')
    })
})

it('a renewal that is stored only after it was given up, and tried again, still gives the visitor a token that opens', async (test) => {
  const clock = manualClock()
  const store = memory({ clock })
  const update = store.update.bind(store)
  let late: (() => Promise<unknown>) | null = null
  test.mock.method(store, 'update', async (...args: Parameters<Store['update']>) => {
    if (late === null) {
      late = () => update(...args)
      throw new StoreError('no answer in time')
    }
    // The first one arrives just before the second.
    await late()
    return update(...args)
  })
  const backing = backingOn({ clock, store })
  const before = await backing.create(contentOf(clock, 'ada'), clock() + HOUR)
  const content = contentOf(clock, 'ada', 1)
  const after = await backing.renew((await loaded(backing, before)).ref, content, clock() + HOUR, content)
  assert.equal(kindOf(await load(backing, after ?? assert.fail('nobody has the token that opens it'))), '{"n":1}')
})

it('two namespaces with the same secrets in one store share no cookie, no session and no user', async () => {
  const clock = manualClock()
  const store = memory({ clock })
  const [shop, admin] = ['shop', 'admin'].map((namespace) => backingOn({ clock, store, namespace }))
  assert.ok(shop && admin)
  const ref = await shop.create(contentOf(clock, 'ada'), clock() + HOUR)
  assert.deepEqual(admin.verify(ref.cookie.text), { refused: 'forged' })
  const count = async ({ users }: typeof shop) => {
    let sessions = 0
    for await (const page of users.list?.('ada') ?? assert.fail()) sessions += page.length
    return sessions
  }
  assert.deepEqual([await count(shop), await count(admin)], [1, 0])
  assert.equal((await admin.users.endAll?.('ada'))?.count, 0)
  assert.equal(kindOf(await load(shop, ref, true)), '{"n":0}')
})

it('a session whose store did not answer, although it has stored it, is removed: nobody has its cookie', async () => {
  const app = fixture({}, STORES.memory, (store) => ({
    ...store,
    async create(...given) {
      await store.create(...given)
      throw new StoreError('The connection was lost.')
    },
  }))
  const basket = app.visitor().visit((session) => session.set('basket', [1]))
  await assert.rejects(basket, (error) => error instanceof StoreError)
  await settle()
  assert.deepEqual(await sessionsIn(app.store), [])
})
