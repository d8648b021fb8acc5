import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { gate } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { type Anything, type BackingName, idsIn, isNobody, MARK, refusal, USER, type World, world } from './world.ts'

/** What a request does, and the store call that it cannot do without. */
const WORK: readonly (readonly [call: string, work: (session: Session<Anything>) => unknown, fresh?: boolean])[] = [
  ['read', () => undefined],
  ['create', (session) => session.set('a', 1), true],
  ['create', (session) => session.login('eve')],
  ['update', (session) => session.set('a', 2)],
  ['delete', (session) => session.logout()],
]

const FAULTS: readonly (readonly [title: string, fail: () => unknown])[] = [
  ['rejects with an error of its own', () => Promise.reject(new RangeError(`connection to ${MARK} lost`))],
  ['rejects with an error of ours', () => Promise.reject(new StoreError('The disk is full.'))],
  ['rejects with text', () => Promise.reject(MARK)],
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

/** Fails one kind of call, by the method itself, for a store that throws does so before there is a promise. */
function sabotage(here: World, call: string, fail: () => unknown): () => void {
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
        // A cookie's session is changed in the cookie; its store has to do with ends.
        if (backing === 'revocable cookie' && call !== 'read') continue
        test(`and ${title}, at a ${call}: an error that says so, and nothing is lost`, async () => {
          const here = world(backing)
          const cookie = await here.session({ a: 1, mark: MARK })
          const rested = await idsIn(here.store)
          const mend = sabotage(here, call, fail)
          const error = await refusal(() => here.request(fresh ? undefined : cookie, work))
          assert.equal(error.code, 'STRONGROOM_STORE')
          assert.equal(error.status, 503)
          assert.ok(here.events.some(({ type }) => type === 'storeError'))
          mend()
          assert.deepEqual(await idsIn(here.store), rested)
          const { session } = await here.request(cookie)
          assert.deepEqual([session.userId, session.get('a')], [USER, 1])
        })
      }

    test('by being closed: an error, and not a stranger', async () => {
      const here = world(backing)
      const cookie = await here.session()
      await here.store.close()
      assert.equal((await refusal(() => here.request(cookie))).code, 'STRONGROOM_STORE')
      isNobody(await here.request())
    })

    test('for those who ask for a stand-in: an empty session that cannot be written', async () => {
      const here = world(backing)
      const cookie = await here.session()
      sabotage(here, 'read', () => Promise.reject(new Error('down')))
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

suite('a store that takes its time', () => {
  const LIMIT = 40

  test('within the limit is waited for', async () => {
    const here = world('two-key', { storeTimeout: 2000 })
    const cookie = await here.session()
    here.watch.before = () => setTimeout(10)
    assert.equal((await here.request(cookie)).session.userId, USER)
    await here.request(cookie, (session) => session.set('a', 1))
    assert.equal((await here.request(cookie)).session.get('a'), 1)
  })

  for (const [call, work, fresh] of WORK)
    test(`and never answers a ${call}: an error within the limit, and well again when the store is`, async () => {
      const here = world('two-key', { storeTimeout: LIMIT })
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

  test('fails each of many requests at its own time, and holds up none of the others', async () => {
    const here = world('two-key', { storeTimeout: LIMIT })
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
  test(`there is no store to fail: ${backing}`, async () => {
    const here = world(backing)
    await here.store.close()
    const cookie = await here.session()
    assert.equal((await here.request(cookie)).session.userId, USER)
    await here.request(cookie, (session) => session.logout())
    assert.deepEqual(here.watch.calls, [])
  })

suite('a store that answers wrongly', () => {
  for (const answer of [undefined, null, {}, { entry: null }, { entry: {}, version: 1 }, 'text', 7])
    test(`a read with ${JSON.stringify(answer)} is never a way in`, async () => {
      const here = world('two-key')
      const cookie = await here.session()
      Object.assign(here.watch.store, { read: async () => answer })
      const answered = await here.request(cookie).catch(() => null)
      if (answered) isNobody(answered)
    })

  test('a create with the id being taken does not lend that session', async () => {
    const here = world('two-key')
    Object.assign(here.watch.store, { create: async () => false })
    const error = await refusal(() => here.request(undefined, (session) => session.set('a', 1)))
    assert.equal(error.code, 'STRONGROOM_STORE')
  })
})
