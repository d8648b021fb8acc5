import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { ALL, type Anything, fixture, isAnonymous, SERVER_SIDE } from './fixture.ts'

const INHERITED = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'toJSON',
  '__defineGetter__',
]

for (const backing of ALL)
  suite(`names that every object inherits, ${backing}`, () => {
    for (const key of INHERITED)
      test(`'${key}' is a key like any other`, async () => {
        const here = fixture(backing)
        const first = await here.request(undefined, (session) => {
          assert.equal(session.get(key), undefined)
          assert.equal(session.has(key), false)
          assert.equal(session.delete(key), false)
          assert.equal(session.pull(key), undefined)
          assert.deepEqual(session.flash(key), [])
          assert.equal(session.isEmpty(), true)
        })
        isAnonymous(first)
        const value = { polluted: true, list: [1] }
        let { cookie } = await here.request(undefined, (session) => {
          session.set(key, value)
          session.flash(key, 'a message')
        })
        const next = async (work: (session: Session<Anything>) => unknown) => {
          cookie = (await here.request(cookie, work)).cookie || cookie
        }
        await next((session) => {
          assert.deepEqual(session.get(key), value)
          assert.deepEqual(session.keys(), [key])
          session.get(key).list.push(2)
        })
        await next((session) => session.update(key, (old) => ({ ...old, updated: true })))
        await next((session) => {
          assert.deepEqual(session.get(key), { polluted: true, list: [1, 2], updated: true })
          session.login('ada', { keep: [key] })
        })
        await next((session) => {
          assert.deepEqual(session.pull(key), { polluted: true, list: [1, 2], updated: true })
          assert.equal(session.has(key), false)
        })
        await next((session) => {
          assert.deepEqual(session.keys(), [])
          session.update(key, () => undefined)
        })
        unpolluted()
      })

    test('in a value they come back unchanged, and do not change a prototype', async () => {
      const here = fixture(backing)
      const text = `{${INHERITED.map((key) => `"${key}":{"polluted":${key === 'toJSON' ? 1 : '{"deep":1}'}}`).join()}}`
      const { cookie } = await here.request(undefined, (session) => session.set('value', JSON.parse(text)))
      const { session } = await here.request(cookie)
      assert.equal(JSON.stringify(session.get('value')), text)
      unpolluted()
    })
  })

for (const backing of SERVER_SIDE)
  test(`concurrent changes to names that every object inherits are merged, ${backing}`, async () => {
    const here = fixture(backing)
    const cookie = await here.session({ a: 1 })
    const visits = await Promise.all(
      INHERITED.map(async (key) => {
        const visit = here.sessions.open({ cookie })
        const session = await visit.get()
        session.update(key, (n) => (n ?? 0) + 1)
        if (key === 'constructor') session.update('toString', () => undefined)
        return visit
      }),
    )
    await Promise.all(visits.map((visit) => visit.commit()))
    const { session } = await here.request(cookie)
    const { toString: _, ...expected } = { a: 1, ...Object.fromEntries(INHERITED.map((key) => [key, 1])) }
    const merged = Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))
    assert.deepEqual(
      Object.keys(merged)
        .filter((key) => key !== 'toString')
        .sort(),
      Object.keys(expected).sort(),
    )
    unpolluted()
  })

test('whatever JSON can represent comes back unchanged', async () => {
  const here = fixture('two-key')
  const key = fc.oneof(
    fc.constantFrom(...INHERITED),
    fc.string({ minLength: 1 }),
    fc.string({ unit: 'binary', minLength: 1 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.dictionary(key, fc.jsonValue()), async (data) => {
      const entries = Object.entries(data).filter(([key]) => !key.startsWith('~'))
      const { cookie } = await here.request(undefined, (session) => {
        for (const [key, value] of entries) session.set(key, value)
      })
      const { session } = await here.request(cookie)
      for (const [key, value] of entries)
        assert.deepEqual(session.get(key), JSON.parse(JSON.stringify(value)), JSON.stringify(key))
      assert.deepEqual(new Set(session.keys()), new Set(entries.map(([key]) => key)))
    }),
    { numRuns: 200 },
  )
  unpolluted()
})

function unpolluted(): void {
  assert.equal(({} as Anything).polluted, undefined)
  assert.equal(([] as Anything).polluted, undefined)
  assert.deepEqual(Object.keys(Object.prototype), [])
}
