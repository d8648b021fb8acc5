import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { gate } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import {
  type Anything,
  type BackingName,
  type Fixture,
  fixture,
  idsIn,
  isAnonymous,
  MARK,
  refusal,
  USER,
} from './fixture.ts'

/** What a request does, and the store call that it needs. */
const WORK: readonly (readonly [call: string, work: (session: Session<Anything>) => unknown, fresh?: boolean])[] = [
  ['read', () => undefined],
  ['create', (session) => session.set('a', 1), true],
  ['create', (session) => session.login('eve')],
  ['update', (session) => session.set('a', 2)],
  ['delete', (session) => session.logout()],
]

const FAULTS: readonly (readonly [title: string, fail: () => unknown])[] = [
  ['rejects with an error of its driver', () => Promise.reject(new RangeError(`connection to ${MARK} lost`))],
  ['rejects with a StoreError', () => Promise.reject(new StoreError('The disk is full.'))],
  ['rejects with a string', () => Promise.reject(MARK)],
  ['rejects with nothing', () => Promise.reject()],
  [
    'throws instead of rejecting',
    () => {
      throw new TypeError(MARK)
    },
  ],
  [
    'throws an error without a message',
    () => {
      throw Object.create(null)
    },
  ],
]

/** Replaces one method of the store. Returns what restores it. A store that throws does so before there is a promise. */
function replaceMethod(here: Fixture, call: string, fail: () => unknown): () => void {
  const store = here.watch.store as Anything
  const method = store[call]
  store[call] = fail
  return () => {
    store[call] = method
  }
}

for (const backing of ['two-key', 'none', 'revocable cookie'] as const)
  suite(`a store that fails, ${backing}`, () => {
    for (const [title, fail] of FAULTS)
      for (const [call, work, fresh] of WORK) {
        // A session in a cookie is changed in the cookie. Its store only has the revocations.
        if (backing === 'revocable cookie' && call !== 'read') continue
        test(`and ${title}, at a ${call}: the request fails with a StoreError, and nothing is lost`, async () => {
          const here = fixture(backing)
          const cookie = await here.session({ a: 1, mark: MARK })
          const before = await idsIn(here.store)
          const restore = replaceMethod(here, call, fail)
          const error = await refusal(() => here.request(fresh ? undefined : cookie, work))
          assert.equal(error.code, 'STRONGROOM_STORE')
          assert.equal(error.status, 503)
          assert.ok(here.events.some(({ type }) => type === 'storeError'))
          restore()
          assert.deepEqual(await idsIn(here.store), before)
          const { session } = await here.request(cookie)
          assert.deepEqual([session.userId, session.get('a')], [USER, 1])
        })
      }

    test('because it was closed: the request fails, and is not treated as anonymous', async () => {
      const here = fixture(backing)
      const cookie = await here.session()
      await here.store.close()
      assert.equal((await refusal(() => here.request(cookie))).code, 'STRONGROOM_STORE')
      isAnonymous(await here.request())
    })

    test('with onStoreError set to anonymous: the session is empty and read-only', async () => {
      const here = fixture(backing)
      const cookie = await here.session()
      replaceMethod(here, 'read', () => Promise.reject(new Error('down')))
      const visit = here.sessions.open({ cookie })
      const session = await visit.get({ onStoreError: 'anonymous' })
      assert.deepEqual([session.userId, session.isReadOnly, session.keys()], [null, true, []])
      for (const change of [
        () => session.set('a', 1),
        () => session.logout(),
        () => session.login('eve'),
        () => session.clear(),
      ])
        assert.throws(change, { code: 'STRONGROOM_READ_ONLY', status: 503 })
      assert.deepEqual(await visit.commit(), { setCookie: null, used: true })
    })
  })

suite('a slow store', () => {
  const LIMIT = 40

  test('is waited for within the time limit', async () => {
    const here = fixture('two-key', { storeTimeout: 2000 })
    const cookie = await here.session()
    here.watch.before = () => setTimeout(10)
    assert.equal((await here.request(cookie)).session.userId, USER)
    await here.request(cookie, (session) => session.set('a', 1))
    assert.equal((await here.request(cookie)).session.get('a'), 1)
  })

  for (const [call, work, fresh] of WORK)
    test(`that never settles a ${call}: the request fails within the limit, and works again when the store does`, async () => {
      const here = fixture('two-key', { storeTimeout: LIMIT })
      const cookie = await here.session({ a: 1 })
      const stuck = gate()
      here.watch.before = (made) => (made === call ? stuck.opened : undefined)
      const begun = performance.now()
      const error = await refusal(() => here.request(fresh ? undefined : cookie, work))
      assert.equal(error.code, 'STRONGROOM_STORE')
      assert.match(error.message, new RegExp(`within ${LIMIT} ms`))
      const took = performance.now() - begun
      assert.ok(took >= LIMIT - 1 && took < 2000, `it took ${took} ms`)
      here.watch.before = null
      assert.equal((await here.request(cookie)).session.userId, USER)
      stuck.open()
    })

  test('fails each of many requests at its own time limit, and delays no other', async () => {
    const here = fixture('two-key', { storeTimeout: LIMIT })
    const cookies = await Promise.all(Array.from({ length: 20 }, () => here.session()))
    const stuck = gate()
    let count = 0
    here.watch.before = () => (count++ % 2 ? stuck.opened : undefined)
    const results = await Promise.allSettled(cookies.map((cookie) => here.request(cookie)))
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 10)
    stuck.open()
  })
})

const withoutStore: readonly BackingName[] = ['sealed cookie', 'signed cookie']
for (const backing of withoutStore)
  test(`without a store there is none to fail: ${backing}`, async () => {
    const here = fixture(backing)
    await here.store.close()
    const cookie = await here.session()
    assert.equal((await here.request(cookie)).session.userId, USER)
    await here.request(cookie, (session) => session.logout())
    assert.deepEqual(here.watch.calls, [])
  })

suite('a store that returns wrong values', () => {
  for (const answer of [undefined, null, {}, { entry: null }, { entry: {}, version: 1 }, 'text', 7])
    test(`a read that resolves to ${JSON.stringify(answer)} never opens a session`, async () => {
      const here = fixture('two-key')
      const cookie = await here.session()
      Object.assign(here.watch.store, { read: async () => answer })
      const result = await here.request(cookie).catch(() => null)
      if (result) isAnonymous(result)
    })

  test('a create that finds the id taken does not use the session that has it', async () => {
    const here = fixture('two-key')
    Object.assign(here.watch.store, { create: async () => false })
    const error = await refusal(() => here.request(undefined, (session) => session.set('a', 1)))
    assert.equal(error.code, 'STRONGROOM_STORE')
  })
})
