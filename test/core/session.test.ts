import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DataError, ReadOnlyError, SessionClosedError } from '../../packages/strongroom/src/errors.ts'
import { type Anything, fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'

const browser = () => fixture().visitor()

describe('the methods of a session', () => {
  it('a visitor who stores nothing gets no cookie and costs no store call', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit((session) => {
      assert.deepEqual([session.isNew, session.isEmpty(), session.keys()], [true, true, []])
      assert.deepEqual([session.handle, session.createdAt, session.expiresAt, session.endsAt], [null, null, null, null])
      session.set('a', 1)
      session.delete('a')
      session.clear()
      session.renew()
      session.setExpiry('1h')
    })
    assert.deepEqual([guest.cookie, guest.setCookie, calls], [null, null, []])
  })

  it('a value that is set can be read in the same request and in the next', async () => {
    const guest = browser()
    await guest.visit((session) => {
      assert.equal(
        session
          .set('a', 1)
          .set('b', { c: [2] })
          .get('a'),
        1,
      )
      assert.deepEqual([session.has('a'), session.has('x'), session.get('x')], [true, false, undefined])
    })
    await guest.visit((session) => {
      assert.deepEqual([session.get('a'), session.get('b'), session.keys()], [1, { c: [2] }, ['a', 'b']])
      assert.deepEqual([session.isNew, session.isEmpty(), session.has('b')], [false, false, true])
    })
  })

  it('delete and pull remove a key, and return what was there', async () => {
    const guest = browser()
    await guest.visit((session) => session.set('a', 1).set('b', [2]))
    await guest.visit((session) => {
      assert.deepEqual(
        [session.delete('a'), session.delete('a'), session.pull('b'), session.pull('b')],
        [true, false, [2], undefined],
      )
      session.set('kept', 1)
    })
    await guest.visit((session) => assert.deepEqual(session.keys(), ['kept']))
  })

  it('update stores what the function returns, and removes the key for undefined', async () => {
    const guest = browser()
    await guest.visit((session) => {
      assert.equal(
        session.update('n', (n) => (n ?? 0) + 1),
        1,
      )
      assert.equal(
        session.update('n', (n) => (n ?? 0) + 1),
        2,
      )
      assert.equal(
        session.update('gone', () => undefined),
        undefined,
      )
      session.set('list', [1])
      assert.deepEqual(
        session.update('list', (list) => [...list, 2]),
        [1, 2],
      )
    })
    await guest.visit((session) => {
      assert.deepEqual([session.get('n'), session.has('gone'), session.get('list')], [2, false, [1, 2]])
      session.update('n', () => undefined)
    })
    await guest.visit((session) => assert.deepEqual(session.keys(), ['list']))
  })

  it('an update whose function changes the object in place and returns it counts as a change', async () => {
    const guest = browser()
    await guest.visit((session) => session.set('cart', { items: [] }))
    await guest.visit((session) => session.update('cart', (cart) => Object.assign(cart, { items: [...cart.items, 1] })))
    await guest.visit((session) => assert.deepEqual(session.get('cart'), { items: [1] }))
  })

  it('flash messages that another framework stored in another form are ignored, and break nothing', async () => {
    const { store, visitor } = fixture({ seal: 'none' })
    const guest = visitor()
    await guest.visit((session) => session.flash('notice', 'one'))
    for await (const [listing] of store.scan()) {
      const found = listing && (await store.read(listing.id))
      if (!listing || !found) continue
      const bytes = Buffer.from(Buffer.from(found.entry.bytes).toString().replace('["one"]', '{"a":1}'))
      await store.update(listing.id, { ...found.entry, bytes }, found.version)
    }
    await guest.visit((session) => {
      assert.deepEqual(session.flash('notice'), [])
      session.flash('notice', 'two')
    })
    await guest.visit((session) => assert.deepEqual(session.flash('notice'), ['two']))
  })

  it('flash messages wait, each under its name, for the request that reads them, and are then removed', async () => {
    const { visitor, store } = fixture()
    const guest = visitor()
    await guest.visit((session) => {
      session.flash('notice', 'one')
      session.flash('notice', { two: 2 })
      session.flash('error', 'three')
      assert.deepEqual(session.keys(), [])
      assert.equal(session.isEmpty(), false)
    })
    await guest.visit(() => undefined)
    await guest.visit((session) => {
      assert.deepEqual(session.flash('notice'), ['one', { two: 2 }])
      assert.deepEqual(session.flash('notice'), [])
      session.flash('notice', 'four')
    })
    await guest.visit((session) =>
      assert.deepEqual([session.flash('notice'), session.flash('error')], [['four'], ['three']]),
    )
    assert.deepEqual(await sessionsIn(store), [], 'a session that has become empty is removed')
  })

  it('clear removes all data and messages, and what is set after it stays', async () => {
    const guest = browser()
    await guest.visit((session) => {
      session.set('a', 1)
      session.flash('notice', 'x')
      session.login('ada')
    })
    await guest.visit((session) => {
      session.clear()
      assert.deepEqual([session.isEmpty(), session.userId], [true, 'ada'])
      session.set('b', 2)
    })
    await guest.visit((session) => {
      assert.deepEqual([session.keys(), session.flash('notice'), session.userId], [['b'], [], 'ada'])
      session.clear()
    })
    await guest.visit((session) => assert.deepEqual([session.isEmpty(), session.userId], [true, 'ada']))
  })

  it('keys with the names of inherited properties are keys like any other', async () => {
    const guest = browser()
    const odd = [
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'toJSON',
      'length',
      '0',
      '-1',
      '1e3',
      'é',
      '\ud800',
    ]
    await guest.visit((session) => {
      for (const key of odd) assert.deepEqual([session.get(key), session.has(key)], [undefined, false], key)
      for (const key of odd) session.set(key, { of: key })
      session.update('constructor', (value) => ({ ...value, more: 1 }))
    })
    await guest.visit((session) => {
      for (const key of odd) assert.equal(session.get(key)?.of, key)
      assert.deepEqual(session.keys().sort(), [...odd].sort())
      for (const key of odd.slice(1)) session.delete(key)
    })
    await guest.visit((session) =>
      assert.deepEqual([session.keys(), session.pull('__proto__')], [['__proto__'], { of: '__proto__' }]),
    )
    await guest.visit((session) => assert.equal(session.isNew, true))
    assert.equal(({} as Anything).of, undefined)
  })

  it('invalid keys are refused immediately', async () => {
    await browser().visit((session) => {
      for (const key of ['', '~', '~flash.notice', 5, null, undefined, Symbol('x')] as never[])
        for (const use of [
          () => session.set(key, 1),
          () => session.delete(key),
          () => session.update(key, () => 1),
          () => session.pull(key),
        ])
          assert.throws(use, DataError)
      assert.throws(() => session.set('a', undefined), /Use delete\('a'\)/)
    })
  })

  it('a value that JSON cannot represent causes an error with the key, and nothing of the request is saved', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', { deep: 1 }).set('n', 1))
    const attempts: ((session: Parameters<Parameters<typeof guest.visit>[0]>[0]) => void)[] = [
      (session) => session.set('bad', 1n),
      (session) => session.update('bad', () => 1n),
      (session) => session.flash('bad', 1n),
      (session) => Object.assign(session.get('a'), { bad: 1n }),
      (session) => {
        const value: Anything = session.update('bad', () => ({})) ?? {}
        value.late = 1n
      },
      (session) => {
        Object.assign(session.get('a'), { bad: 1n })
        session.update('a', (a) => a)
      },
      (session) => session.login('ada', { keep: [] }) ?? session.set('bad', new Date()),
    ]
    for (const attempt of attempts) {
      await settle()
      calls.length = 0
      await assert.rejects(
        guest.visit((session) => {
          session.set('n', 2)
          attempt(session)
        }),
        (error: Error) => error instanceof DataError && ['bad', 'a', 'flash bad'].includes(error.key),
      )
      assert.deepEqual(new Set(calls), new Set(['read']))
    }
    await guest.visit((session) =>
      assert.deepEqual([session.get('a'), session.get('n'), session.userId], [{ deep: 1 }, 1, null]),
    )
  })

  it('an update with an invalid result changes nothing, so that the request can continue', async () => {
    const guest = browser()
    await guest.visit((session) => {
      session.set('n', 1)
      assert.throws(() => session.update('n', () => Number.NaN), DataError)
      assert.equal(session.get('n'), 1)
    })
    await guest.visit((session) => assert.equal(session.get('n'), 1))
  })

  it('a change after the response has begun throws, and reading still works', async () => {
    const guest = browser()
    const request = guest.begin()
    const session = await request.session()
    session.set('a', 1)
    await request.respond()
    for (const use of [
      () => session.set('a', 2),
      () => session.delete('a'),
      () => session.clear(),
      () => session.flash('x', 1),
    ])
      assert.throws(use, SessionClosedError)
    for (const use of [
      () => session.login('ada'),
      () => session.logout(),
      () => session.renew(),
      () => session.setExpiry('1h'),
    ])
      assert.throws(use, SessionClosedError)
    assert.deepEqual([session.get('a'), session.has('a'), session.isNew], [1, true, false])
  })

  it('read resolves to a session that cannot be changed and is never saved', async () => {
    const { sessions, visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', [1]))
    calls.length = 0
    const headers = { cookie: `${sessions.policy.cookieName}=${guest.cookie}` }
    for (const source of [
      headers,
      new Headers(headers),
      { headers },
      new globalThis.Request('http://x/', { headers }),
    ]) {
      const session = await sessions.read(source)
      assert.deepEqual([session.get('a'), session.isReadOnly], [[1], true])
      assert.throws(
        () => session.set('a', 2),
        (error) => error instanceof ReadOnlyError && /a request whose response can/.test(error.message),
      )
    }
    assert.deepEqual(new Set(calls), new Set(['read']))
  })

  it('a header with the name "headers" is a header', async () => {
    const { sessions, visitor } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    const session = await sessions.read({ cookie: `${sessions.policy.cookieName}=${guest.cookie}`, headers: 'x' })
    assert.equal(session.get('a'), 1)
  })
})
