import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DataError } from '../../packages/strongroom/src/errors.ts'
import { fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'

describe('login', () => {
  it('gives a new token, so that one that was planted before opens nothing', async () => {
    const { visitor } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('basket', [1]))
    const planted = guest.copy()
    await guest.visit((session) => session.login('ada'))
    assert.notEqual(guest.cookie, planted.cookie)
    await guest.visit((session) => assert.deepEqual([session.userId, session.get('basket')], ['ada', [1]]))
    await planted.visit((session) => assert.deepEqual([session.userId, session.isNew], [null, true]))
  })

  it('starts new deadlines, and works for a visitor without a session', async () => {
    const { visitor, clock } = fixture({ absolute: '12h' })
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    const began = clock()
    clock.advance(60_000)
    await guest.visit((session) => {
      assert.deepEqual([session.createdAt, session.authenticatedAt], [new Date(began), null])
      session.login('ada')
      assert.equal(session.userId, 'ada')
    })
    await guest.visit((session) => {
      assert.deepEqual([session.createdAt, session.authenticatedAt], [new Date(clock()), new Date(clock())])
      assert.deepEqual(session.endsAt, new Date(clock() + 12 * 3_600_000))
    })
    const other = visitor()
    await other.visit((session) => session.login('bob'))
    await other.visit((session) => assert.equal(session.userId, 'bob'))
  })

  const policies: [keep: 'all' | 'none' | string[] | undefined, was: string | null, kept: string[]][] = [
    [undefined, null, ['a', 'b']],
    [undefined, 'ada', ['a', 'b']],
    [undefined, 'bob', []],
    ['all', 'bob', ['a', 'b']],
    ['none', null, []],
    ['none', 'ada', []],
    [['b', 'x', '__proto__'], 'bob', ['b']],
    [['b'], null, ['b']],
  ]
  for (const [keep, was, kept] of policies)
    it(`of ada over ${was ?? 'nobody'}, with keep ${keep ?? 'by default'}, keeps ${kept.join(' and ') || 'nothing'}`, async () => {
      const guest = fixture().visitor()
      await guest.visit((session) => {
        session.set('a', 1).set('b', { deep: 1 })
        session.flash('notice', 'for the one before')
        if (was) session.login(was)
      })
      await settle()
      await guest.visit((session) => {
        session.login('ada', keep === undefined ? {} : { keep })
        session.set('after', 1)
      })
      await guest.visit((session) => {
        assert.deepEqual(session.keys(), [...kept, 'after'])
        assert.equal(session.flash('notice').length, kept.includes('a') ? 1 : 0)
      })
    })

  it('of two users in one request keeps nothing of the first for the second', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => {
      session.login('ada')
      session.set('secret', 1)
      session.login('bob')
    })
    await guest.visit((session) => assert.deepEqual([session.userId, session.keys()], ['bob', []]))
  })

  it('after a logout in the same request begins a session of its own', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => {
      session.set('secret', 1)
      session.login('ada')
    })
    await guest.visit((session) => {
      session.logout()
      session.login('bob', { keep: 'all' })
      session.set('mine', 1)
    })
    await guest.visit((session) => assert.deepEqual([session.userId, session.keys()], ['bob', ['mine']]))
  })

  it('cuts a label that is too long, whatever characters it has', async () => {
    const { visitor, sessions } = fixture()
    for (const [user, label] of [
      ['plain', 'x'.repeat(100_000)],
      ['wide', '鍵'.repeat(121)],
      ['pairs', `x${'🦊'.repeat(60)}`],
    ] as const) {
      await visitor().visit((session) => session.login(user, { label }))
      const [device] = await sessions.of(user).list()
      const text = device?.label ?? ''
      assert.ok(text.length > 100 && text.length <= 120 && label.startsWith(text), `${text.length} characters`)
    }
  })

  it('refuses an invalid user id, and unknown options', async () => {
    await fixture()
      .visitor()
      .visit((session) => {
        for (const wrong of ['', 5, null, undefined, {}, '\ud800'] as never[])
          assert.throws(() => session.login(wrong), TypeError)
        assert.throws(
          () => session.login(42 as never),
          /takes the user id as a string, and got a number\. Write String\(id\)\./,
        )
        assert.throws(() => session.login(null as never), /a non-empty string, and got null\./)
        assert.throws(() => session.login('ada', null as never), /takes its options as an object: label, remember/)
        for (const options of [
          { Label: 'x' },
          { limit: 0 },
          { limit: 1.5 },
          { limit: '1' },
          { atLimit: 'x' },
          { label: 5 },
          { remember: 'x' },
          { remember: 0 },
          { keep: 'some' },
          { keep: {} },
        ])
          assert.throws(() => session.login('ada', options as never), JSON.stringify(options))
        assert.equal(session.userId, null)
      })
  })
})

describe('logout', () => {
  it('ends the session for every copy of its cookie, and clears the cookie', async () => {
    const { visitor, store } = fixture()
    const guest = visitor()
    await guest.visit((session) => {
      session.set('a', 1)
      session.login('ada')
    })
    const thief = guest.copy()
    await guest.visit((session) => {
      session.logout()
      assert.deepEqual([session.userId, session.isEmpty()], [null, true])
    })
    assert.equal(guest.cookie, null)
    await thief.visit((session) => assert.deepEqual([session.userId, session.isNew], [null, true]))
    assert.deepEqual(await sessionsIn(store), [])
  })

  it('is saved even when its page fails, and nothing else of that request is', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.login('ada'))
    const thief = guest.copy()
    await guest.visit((session) => {
      session.logout()
      session.set('a', 1)
    }, 500)
    assert.equal(guest.cookie, null)
    await thief.visit((session) => assert.equal(session.userId, null))
  })

  it('of a visitor without a cookie sends none', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.logout())
    assert.equal(guest.setCookie, null)
  })

  it('clears a cookie that was refused', async () => {
    const guest = fixture().visitor()
    guest.cookie = 'junk'
    await guest.visit((session) => session.logout())
    assert.equal(guest.cookie, null)
  })

  it('followed by a set begins a new session that shares nothing with the old one', async () => {
    const { visitor } = fixture()
    const guest = visitor()
    await guest.visit((session) => {
      session.set('secret', 1)
      session.login('ada', { remember: true })
    })
    const old = guest.copy()
    await guest.visit((session) => {
      session.logout()
      session.flash('notice', 'You are signed out.')
    })
    assert.notEqual(guest.cookie, old.cookie)
    assert.doesNotMatch(guest.setCookie ?? '', /Max-Age/)
    await old.visit((session) => assert.equal(session.isNew, true))
    await guest.visit((session) => {
      assert.deepEqual([session.userId, session.authenticatedAt, session.keys()], [null, null, []])
      assert.deepEqual(session.flash('notice'), ['You are signed out.'])
    })
  })

  it('takes effect even when a value that is set after it cannot be saved', async () => {
    const guest = fixture().visitor()
    await guest.visit((session) => session.login('ada'))
    await assert.rejects(
      guest.visit((session) => {
        session.logout()
        session.set('bad', 1n)
      }),
      DataError,
    )
    await guest.visit((session) => assert.equal(session.userId, null))
  })
})
