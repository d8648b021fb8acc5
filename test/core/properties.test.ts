import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { DataError } from '../../packages/strongroom/src/errors.ts'
import { type Anything, fixture } from './fixtures/fixture.ts'

/** Runs it as CommonJS does without 'use strict', where an assignment that is not possible is ignored. */
const sloppy = (code: string) => new Function('session', code) as (session: unknown) => unknown

/** As an application in JavaScript sees a session. */
type Loose = Record<string, unknown>
const loose = (session: unknown) => session as Loose

const refusal = (key: string, words: RegExp) => (error: unknown) =>
  error instanceof DataError && error.key === key && words.test(error.message)

const signedIn = async (look: (session: Anything) => void) => {
  const guest = fixture().visitor()
  await guest.visit((session) => {
    session.set('basket', ['a secret tea'])
    session.login('ada')
  })
  await guest.visit(look)
  return guest
}

describe('a property of a session that is not ours', () => {
  it('throws when it is assigned, with what to write instead, and nothing is saved', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => {
      const words = /write session\.set\('cart', …\)/
      assert.throws(
        () => {
          loose(session).cart = ['tea']
        },
        refusal('cart', words),
      )
      assert.throws(() => sloppy("session.cart = ['tea']")(session), refusal('cart', words))
      assert.throws(() => Object.assign(session, { cart: 1 }), refusal('cart', words))
      assert.throws(
        () => {
          loose(session)["it's"] = 1
        },
        refusal("it's", /session\.set\('it\\'s', …\)/),
      )
      assert.deepEqual(session.keys(), [])
    })
    assert.equal(guest.cookie, null)
  })

  it('throws when it is read and the session has such a value, which would seem to be absent', async () => {
    await signedIn((session) => {
      assert.throws(() => loose(session).basket, refusal('basket', /write session\.get\('basket'\)/))
      assert.equal(loose(session).cart, undefined)
      assert.equal(loose(Object.create(session)).basket, undefined)
      assert.equal(String(session), '[object Object]')
    })
  })

  it('cannot be deleted or found with "in": neither is asked about values, nor changes any', async () => {
    const guest = await signedIn((session) => {
      assert.equal(delete loose(session).basket, true)
      assert.deepEqual(['basket' in session, 'userId' in session, Object.keys(session)], [false, true, []])
    })
    await guest.visit((session) => assert.deepEqual(session.keys(), ['basket']))
  })

  it('is left to tools when it is a symbol', async () => {
    const mark = Symbol('mark')
    await fixture()
      .visitor()
      .visit((session) => {
        const marked = session as unknown as Record<symbol, unknown>
        marked[mark] = 1
        assert.equal(marked[mark], 1)
        assert.equal(mark in session, true)
      })
  })
})

describe('a property of a session that is ours', () => {
  for (const name of ['get', 'keys', 'flash', 'login', 'update'])
    it(`is no place for a value: ${name} is a method, and stays one`, async () => {
      const guest = fixture().visitor()
      await guest.visit((session) => {
        const words = new RegExp(`is a method: to save a value, write session\\.set\\('${name}', …\\)`)
        assert.throws(() => sloppy(`session.${name} = 1`)(session), refusal(name, words))
        assert.equal(typeof loose(session)[name], 'function')
        session.set(name, 1)
        assert.equal(session.get(name), 1)
      })
    })

  for (const [name, words] of [
    ['userId', /is read-only\. It changes with session\.login\(userId\) and session\.logout\(\)/],
    ['expiresAt', /is read-only\. It changes with session\.setExpiry/],
    ['isNew', /is read-only\. It is a fact/],
  ] as const)
    it(`says how it changes when it is assigned: ${name}`, async () => {
      await signedIn((session) => {
        const before = loose(session)[name]
        assert.throws(() => sloppy(`session.${name} = 'eve'`)(session), refusal(name, words))
        assert.deepEqual(loose(session)[name], before)
      })
    })
})

describe('what a session shows of itself', () => {
  it('is its keys, its user and its times in console.log and JSON, and never a value or what opens it', async () => {
    let shown: string[] = []
    let facts: Loose = {}
    const guest = await signedIn((session) => {
      session.flash('notice', 'a secret note')
      shown = [inspect(session), inspect(session, { showHidden: true, depth: 9 }), JSON.stringify(session)]
      facts = JSON.parse(JSON.stringify({ session })).session
      assert.equal(inspect({ a: { session } }, { depth: 1 }), '{ a: { session: [Session] } }')
      assert.equal(facts.createdAt, session.createdAt?.toISOString())
      assert.equal(facts.handle, session.handle)
    })
    assert.deepEqual([facts.isNew, facts.userId, facts.keys], [false, 'ada', ['basket']])
    assert.deepEqual(Object.keys(facts), [
      'isNew',
      'userId',
      'keys',
      'createdAt',
      'authenticatedAt',
      'level',
      'method',
      'expiresAt',
      'endsAt',
      'handle',
    ])
    const token = String(guest.cookie)
    assert.ok(token.length > 60)
    for (const text of shown) {
      assert.match(text, /ada/)
      assert.match(text, /basket/)
      assert.doesNotMatch(text, /secret/)
      for (let at = 0; at + 12 <= token.length; at += 4) assert.ok(!text.includes(token.slice(at, at + 12)))
    }
    assert.match(shown[0] as string, /^Session \{/)
  })

  it('works before it was saved, and after it was closed', async () => {
    const seen: Anything[] = []
    await fixture()
      .visitor()
      .visit((session) => {
        assert.match(inspect(session), /isNew: true/)
        seen.push(session)
      })
    assert.match(inspect(seen[0]), /^Session \{/)
  })
})
