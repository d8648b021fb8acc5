import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  DataError,
  SessionClosedError,
  SessionGoneError,
  SessionLimitError,
  StoreError,
} from '../../packages/strongroom/src/errors.ts'
import { fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'

describe('save() during a request', () => {
  it('stores the changes so far, and the session can still be used', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit(async (session, request) => {
      session.set('a', 1).set('list', [])
      assert.equal(session.isNew, true)
      await request.save()
      assert.deepEqual([session.isNew, session.handle?.length, session.get('a')], [false, 16, 1])
      session.get('list').push(1)
      await request.save()
      session.delete('a')
    })
    assert.deepEqual(
      calls.filter((call) => call !== 'read'),
      ['create', 'update', 'update'],
    )
    await guest.visit((session) => assert.deepEqual([session.keys(), session.get('list')], [['list'], [1]]))
  })

  it('costs nothing when nothing has changed, or nobody has asked for the session', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    const request = guest.begin()
    await request.save()
    await (await request.session()).get('a')
    await request.save()
    await request.respond()
    await request.save()
    assert.deepEqual(calls, [])
  })

  it('leaves the cookie to the response', async () => {
    const guest = fixture().visitor()
    const request = guest.begin()
    const session = await request.session()
    session.set('a', 1)
    await request.save()
    assert.equal(guest.cookie, null)
    session.logout()
    await request.save()
    session.set('b', 2)
    await request.respond()
    await guest.visit((session) => assert.deepEqual(session.keys(), ['b']))
  })

  it('of a session that ends again before the response leaves no cookie', async () => {
    const guest = fixture().visitor()
    await guest.visit(async (session, request) => {
      session.set('a', 1)
      await request.save()
      session.logout()
    })
    assert.equal(guest.cookie, null)
  })

  it('called twice concurrently saves once, and the response waits for it', async () => {
    const { visitor, gates, store } = fixture()
    const guest = visitor()
    await guest.visit((session) => {
      session.set('n', 0)
      session.login('ada')
    })
    await settle()
    const request = guest.begin()
    const session = await request.session()
    session.update('n', (n) => n + 1)
    session.renew()
    await Promise.all([request.save(), request.save(), gates.run('response', () => request.respond())])
    await guest.visit((session) => assert.equal(session.get('n'), 1))
    assert.equal((await sessionsIn(store)).length, 1)
  })

  it('called during another save() resolves when that one does', async () => {
    const guest = fixture().visitor()
    await guest.visit(async (session, request) => {
      session.set('a', 1)
      void request.save()
      await request.save()
      assert.equal(session.isNew, false)
    })
  })

  it('still notices later changes to objects that the application has', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.set('list', []))
    await settle()
    await guest.visit(async (session, request) => {
      const list = session.get('list')
      const mine: unknown[] = []
      session.set('mine', mine)
      await request.save()
      list.push(1)
      await request.save()
      mine.push(2)
    })
    await guest.visit((session) => assert.deepEqual([session.get('list'), session.get('mine')], [[1], [2]]))
  })

  it('refuses changes until it has resolved, because they would be lost', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.set('a', 1))
    await settle()
    await guest.visit(async (session, request) => {
      session.set('b', 2)
      const saving = request.save()
      assert.throws(() => session.logout(), SessionClosedError)
      assert.throws(() => session.set('c', 3), /Await sessions\.save/)
      assert.equal(session.get('b'), 2)
      await saving
      session.set('c', 3)
    })
    await guest.visit((session) => assert.deepEqual(session.keys(), ['a', 'b', 'c']))
  })

  it('that had to be merged still saves later changes to the objects of the application', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.set('cart', { items: [] }).set('other', 0))
    await settle()
    const [one, other] = [guest.begin(), guest.begin()]
    const first = await one.session()
    const cart = first.get('cart')
    ;(await other.session()).set('other', 1)
    await other.respond()
    first.set('mine', { n: 1 })
    await one.save()
    cart.items.push('late')
    first.get('mine').n = 2
    await one.respond()
    await guest.visit((session) =>
      assert.deepEqual(
        [session.get('cart'), session.get('mine'), session.get('other')],
        [{ items: ['late'] }, { n: 2 }, 1],
      ),
    )
  })

  it('that is refused because of a value can be repeated without it', async () => {
    const guest = fixture().visitor()
    await guest.visit(async (session, request) => {
      session.set('a', 1).set('bad', 1n)
      await assert.rejects(request.save(), DataError)
      session.delete('bad')
      await request.save()
    })
    await guest.visit((session) => assert.deepEqual(session.keys(), ['a']))
  })

  it('of a session that has ended drops the changes, and the application can send its own response', async () => {
    const { visitor, calls } = fixture()
    const guest = visitor()
    await guest.visit((session) => {
      session.set('a', 1)
      session.login('ada')
    })
    await settle()
    const request = guest.begin()
    const session = await request.session()
    await guest.copy().visit((other) => other.logout())
    session.set('a', 2)
    await assert.rejects(request.save(), SessionGoneError)
    assert.deepEqual([session.userId, session.isEmpty(), session.isNew], [null, true, true])
    calls.length = 0
    const outcome = await request.respond(409)
    assert.deepEqual([outcome.setCookie, calls], [null, []])
  })

  it('says what is true of a session that has ended and of one that was renewed elsewhere, and what to do', async () => {
    for (const overtake of ['logout', 'renew'] as const) {
      const guest = fixture().visitor()
      await guest.visit((session) => session.set('a', 1))
      await settle()
      const request = guest.begin()
      ;(await request.session()).set('a', 2)
      await guest.copy().visit((other) => other[overtake]())
      const message =
        'The session has ended, or goes on under a newer cookie, and the changes of this request were dropped. Load the page again, and sign in if you are asked to.'
      await assert.rejects(request.save(), { code: 'STRONGROOM_GONE', message }, overtake)
    }
  })

  it('of a session that has ended may be followed by a new one', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.set('a', 1))
    await settle()
    const before = guest.cookie
    const request = guest.begin()
    const session = await request.session()
    await guest.copy().visit((other) => other.logout())
    session.set('a', 2)
    await assert.rejects(request.save(), SessionGoneError)
    session.flash('notice', 'Your session had ended.')
    await request.respond()
    assert.notEqual(guest.cookie, before)
    await guest.visit((session) =>
      assert.deepEqual([session.keys(), session.flash('notice')], [[], ['Your session had ended.']]),
    )
  })

  it('that is refused because of the session limit leaves the visitor logged out, and is not repeated', async () => {
    const guest = fixture().visitor()
    await guest.copy().visit((session) => session.login('ada'))
    await guest.visit((session) => session.set('basket', [1]))
    await settle()
    await guest.visit(async (session, request) => {
      session.login('ada', { limit: 1, atLimit: 'refuse' })
      await assert.rejects(request.save(), SessionLimitError)
      assert.equal(session.userId, null)
      session.flash('notice', 'Log out elsewhere first.')
    }, 409)
    await guest.visit((session) =>
      assert.deepEqual(
        [session.userId, session.get('basket'), session.flash('notice')],
        [null, [1], ['Log out elsewhere first.']],
      ),
    )
  })

  it('that failed because of the store is repeated with the response', async () => {
    const { visitor, fail } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    await settle()
    await guest.visit(async (session, request) => {
      session.set('a', 2)
      fail.when = () => new StoreError('down')
      await assert.rejects(request.save(), StoreError)
      fail.when = null
    })
    await guest.visit((session) => assert.equal(session.get('a'), 2))
  })
})
