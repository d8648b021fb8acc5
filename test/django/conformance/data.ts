import assert from 'node:assert/strict'
import { createSessions } from '../../../packages/strongroom/src/sessions.ts'
import { secret } from '../../core/fixtures/secret.ts'
import type { Fixture, Page } from './fixture.ts'
import { property } from './property.ts'

/** Signed cookies differ only in the second in which they were signed. */
const SECOND = 1000

/** Nothing was written, and no cookie sent. */
function unchanged(fixture: Fixture, page: Page<unknown>): void {
  assert.equal(page.setCookie, null)
  assert.deepEqual(fixture.happened('updated'), [])
  assert.deepEqual(fixture.happened('created'), [])
}

/** Returns a visitor with a session, and forgets the events so far. */
async function settled(fixture: Fixture, data?: object) {
  const visitor = await fixture.visitor(data)
  fixture.events.length = 0
  return visitor
}

property('a new session that nobody changes makes no store call and sends no cookie', '1', async (fixture) => {
  const browser = fixture.browser()
  const untouched = await browser.visit()
  assert.deepEqual([untouched.vary, untouched.setCookie, fixture.events], [null, null, []])
  const read = await browser.visit((session) => assert.deepEqual([session.isNew, session.isEmpty()], [true, true]))
  unchanged(fixture, read)
})

property('a missing key reads as undefined', '2-3', async (fixture) => {
  const visitor = await settled(fixture)
  const page = await visitor.visit((session) => {
    for (const key of ['absent', 'constructor', '__proto__']) assert.equal(session.get(key), undefined)
  })
  unchanged(fixture, page)
})

property('a value that was set is stored, and can be pulled out again', '4-5', async (fixture) => {
  const visitor = await settled(fixture, { cat: 'dog' })
  const page = await visitor.visit((session) => session.pull('cat'))
  assert.equal(page.result, 'dog')
})

property('pull returns the value and removes the key, and the removal is saved', '6-7', async (fixture) => {
  const visitor = await settled(fixture, { some: 'thing', other: 1 })
  await visitor.visit((session) => {
    assert.equal(session.pull('some'), 'thing')
    assert.equal(session.has('some'), false)
  })
  assert.equal(fixture.happened('updated').length, 1)
  assert.deepEqual(await visitor.read(), { other: 1 })
})

property(
  'pull of a missing key returns undefined, so that a default applies, and changes nothing',
  '8-13',
  async (fixture) => {
    const visitor = await settled(fixture)
    const page = await visitor.visit((session) => {
      assert.equal(session.pull('absent') ?? 'default', 'default')
      // Without a default it is undefined, and no error.
      assert.equal(session.pull('absent'), undefined)
    })
    unchanged(fixture, page)
  },
)

property(
  'update can set a default for a missing key, and leaves an existing value as it is',
  '14-15',
  async (fixture) => {
    const visitor = await settled(fixture)
    await visitor.visit((session) => {
      assert.equal(
        session.update('foo', (foo = 'bar') => foo),
        'bar',
      )
      assert.equal(
        session.update('foo', (foo = 'baz') => foo),
        'bar',
      )
    })
    assert.deepEqual(await visitor.read(), { a: 1, foo: 'bar' })
  },
)

property('several keys can be set in one request', '16-17', async (fixture) => {
  const visitor = await settled(fixture)
  await visitor.visit((session) => session.set('update', 1).set('key', { deep: [1] }))
  assert.deepEqual(await visitor.read(), { a: 1, update: 1, key: { deep: [1] } })
})

property('has returns whether a key exists, and changes nothing', '18-19', async (fixture) => {
  const visitor = await settled(fixture, { some: 1 })
  const page = await visitor.visit((session) => [session.has('some'), session.has('other'), session.has('toString')])
  assert.deepEqual(page.result, [true, false, false])
  unchanged(fixture, page)
})

property('keys, values and pairs can be listed in order, which changes nothing', '20-25', async (fixture) => {
  const visitor = await settled(fixture, { z: 1, a: 2 })
  const page = await visitor.visit((session) => {
    assert.deepEqual(session.keys(), ['z', 'a'])
    assert.deepEqual(
      session.keys().map((key) => [key, session.get(key)]),
      [
        ['z', 1],
        ['a', 2],
      ],
    )
  })
  unchanged(fixture, page)
  await fixture.browser().visit((session) => assert.deepEqual(session.keys(), []))
})

property('clear removes all data, and the removal is saved', '26', async (fixture) => {
  const visitor = await fixture.visitor({ x: 1, y: 2 })
  await visitor.visit((session) => session.login('clear'))
  await visitor.visit((session) => {
    session.clear()
    assert.deepEqual([session.keys(), session.get('x')], [[], undefined])
  })
  await visitor.visit((session) => assert.deepEqual([session.keys(), session.userId], [[], 'clear']))
})

property('saved data can be read back', '27-28 90-91 92-93', async (fixture) => {
  const browser = fixture.browser()
  await browser.visit(async (session, { save }) => {
    session.set('a', 1)
    await save()
    assert.equal(session.isNew, false)
    session.set('b', 2)
  })
  assert.deepEqual(await browser.read(), { a: 1, b: 2 })
})

property('a session that is revoked by its handle is gone', { tests: '29-30', needs: 'scan' }, async (fixture) => {
  const sessions = fixture.sessions()
  const visitor = await fixture.visitor()
  const { result: handle } = await visitor.visit((session) => session.handle)
  assert.equal(await sessions.revoke(handle ?? ''), true)
  assert.equal(await sessions.revoke(handle ?? ''), false)
  assert.deepEqual(await visitor.read(), {})
})

property(
  'a logout ends the session: its cookie is removed, and a copy of it opens nothing',
  '31-32',
  async (fixture) => {
    const visitor = await fixture.visitor()
    const thief = visitor.copy()
    const page = await visitor.visit((session) => {
      session.logout()
      assert.deepEqual([session.keys(), session.userId], [[], null])
    })
    assert.equal(page.maxAge, 0)
    assert.deepEqual(await visitor.read(), {})
    assert.deepEqual(await thief.read(), fixture.can('revokes') ? {} : { a: 1 })
  },
)

property('renew keeps all data under a new token', '33-34 94-95', async (fixture) => {
  const visitor = await fixture.visitor({ a: 1, b: { deep: [2] } })
  const old = visitor.copy()
  await fixture.advance(SECOND)
  await visitor.visit((session) => session.renew())
  assert.notEqual(visitor.cookie, old.cookie)
  assert.deepEqual(await visitor.read(), { a: 1, b: { deep: [2] } })
  assert.deepEqual(await old.read(), fixture.can('revokes') ? {} : { a: 1, b: { deep: [2] } })
})

property('renew does not change the handle of a session', '33-34', async (fixture) => {
  const visitor = await fixture.visitor()
  const { result: before } = await visitor.visit((session) => {
    session.renew()
    return session.handle
  })
  await visitor.visit((session) => assert.equal(session.handle, before))
})

property('renew keeps the data of a session that was not read', '35-36', async (fixture) => {
  const visitor = await fixture.visitor({ never: 'read' })
  await visitor.visit((session) => session.renew())
  assert.deepEqual(await visitor.read(), { never: 'read' })
})

property('the data stays available after a save', '37-38', async (fixture) => {
  await fixture.browser().visit(async (session, { save }) => {
    session.set('a', [1])
    await save()
    assert.deepEqual(session.get('a'), [1])
  })
})

property(
  'a cookie that cannot be ours counts as none, and new data goes under another token',
  '39-42',
  async (fixture) => {
    for (const cookie of ['1', 'short12', '']) {
      const visitor = fixture.browser()
      visitor.cookie = cookie
      await visitor.visit((session) => {
        assert.deepEqual([session.isNew, session.handle, session.keys()], [true, null, []])
        session.set('a', 1)
      })
      assert.notEqual(visitor.cookie, cookie)
      assert.deepEqual(await visitor.read(), { a: 1 })
    }
  },
)

property('writing does not change the handle of a session', '43', async (fixture) => {
  const visitor = await fixture.visitor()
  const { result: handle } = await visitor.visit((session) => session.handle)
  await visitor.visit((session) => session.set('b', 2))
  await visitor.visit((session) => assert.equal(session.handle, handle))
})

property('the handle of a session is read-only', '44', async (fixture) => {
  const visitor = await fixture.visitor()
  await visitor.visit((session) => {
    assert.throws(() => Object.assign(session, { handle: 'mine' }), /session\.handle is read-only/)
    assert.match(session.handle ?? '', /^[\w-]{16}$/)
  })
})

property('data is read back as it was written', '57', async (fixture) => {
  const data = {
    text: 'hé 清 🐍 \u007f\u2028<script>"\\\n',
    n: [0, -7, 1.5, 1e22, 1e-7],
    no: null,
    yes: true,
    deep: { a: [{ b: {} }] },
  }
  assert.deepEqual(await (await fixture.visitor(data)).read(), data)
})

property('a cookie that does not open gives an empty session and an event', '58', async (fixture) => {
  for (const garbage of ['Zmxhc2tkajphbGtkamY', 'bad:encoded:value']) {
    const visitor = fixture.browser()
    visitor.cookie = garbage
    assert.deepEqual(await visitor.read(), {})
  }
  assert.equal(fixture.happened('rejected').length, 2)
})

property(
  'a record that opens but cannot be parsed gives an empty session, and no error',
  { tests: '59 98', needs: 'record' },
  async (fixture) => {
    for (const text of ['no line feed', '{"c":1}\n{', '{"c":1,"d":9e15,"i":0}\n[1]', '\u0000']) {
      const visitor = await fixture.visitor()
      await fixture.rewrite(visitor, text)
      const page = await visitor.visit((session) => session.isNew)
      assert.deepEqual([page.status, page.result], [200, true])
    }
    assert.equal(fixture.happened('rejected').length, 4)
  },
)

property('a cookie that names no session creates none, and its token is never reused', '62-63', async (fixture) => {
  const visitor = fixture.browser()
  visitor.cookie = fixture.unknownCookie()
  const page = await visitor.visit((session) => session.isNew)
  assert.deepEqual([page.result, page.setCookie], [true, null])
  unchanged(fixture, page)
  const planted = visitor.cookie
  await visitor.visit((session) => session.set('a', 1))
  assert.notEqual(visitor.cookie, planted)
})

property(
  'a save does not resurrect a session logged out in another context',
  { tests: '64-65 101-102', needs: 'revokes' },
  async (fixture) => {
    const visitor = await fixture.visitor({ foo: 'bar' })
    const other = visitor.copy()
    const page = await visitor.visit(async (session) => {
      session.set('late', 1)
      await other.copy().visit((same) => same.logout())
    })
    assert.equal(page.status, 409)
    assert.deepEqual(await other.read(), {})
  },
)

property('a session without data is empty', '128-129', async (fixture) => {
  const visitor = fixture.browser()
  await visitor.visit((session) => {
    assert.equal(session.isEmpty(), true)
    session.set('a', 1)
    assert.equal(session.isEmpty(), false)
  })
  await visitor.visit((session) => assert.equal(session.isEmpty(), false))
})

property.of('an unknown store is a configuration error', '78', () => {
  const secrets = secret('conformance')
  assert.throws(() => createSessions({ secrets, store: 'unknown:' }), /Unknown store URL/)
  assert.throws(() => createSessions({ secrets, store: 'cached:?durable=memory%3A' }), /cache/)
})
