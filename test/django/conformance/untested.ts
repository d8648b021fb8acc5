import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { SessionClosedError, StoreError, TooLargeError } from '../../../packages/strongroom/src/errors.ts'
import { type AnySession, Browser, type Fixture } from './fixture.ts'
import { property } from './property.ts'

const asked = (fixture: Fixture) => fixture.events.filter(({ type }) => type === 'absent' || type === 'loaded')

property('saveEveryRequest creates no session for a cookie that opens nothing', 'X1', async (fixture) => {
  const visitor = fixture.browser({ saveEveryRequest: true })
  visitor.cookie = fixture.unknownCookie()
  const page = await visitor.visit()
  assert.deepEqual([page.setCookie, fixture.happened('created')], [null, []])
})

property(
  'a cookie that opens nothing is not removed, because a slow response would remove the cookie of a login',
  'X3',
  async (fixture) => {
    const visitor = fixture.browser()
    visitor.cookie = fixture.unknownCookie()
    const other = visitor.copy()
    const slow = await visitor.visit(async (session) => {
      await other.visit((same) => same.login('ada'))
      return session.userId
    })
    assert.deepEqual([slow.result, slow.setCookie, slow.vary], [null, null, 'Cookie'])
    assert.equal((await other.visit((session) => session.userId)).result, 'ada')
  },
)

property('a cookie that cannot be ours costs nothing if the session is not used', 'X4', async (fixture) => {
  const visitor = fixture.browser()
  visitor.cookie = 'abc'
  const page = await visitor.visit()
  assert.deepEqual([page.setCookie, page.vary, fixture.events], [null, null, []])
})

property('a logout is saved even if its page failed', 'X5', async (fixture) => {
  const visitor = await fixture.visitor()
  const thief = visitor.copy()
  const page = await visitor.visit((session) => session.logout(), 500)
  assert.deepEqual([page.status, page.maxAge], [500, 0])
  assert.deepEqual(await thief.read(), fixture.can('revokes') ? {} : { a: 1 })
})

property('a 404 page saves its changes', 'X6', async (fixture) => {
  const visitor = await fixture.visitor()
  await visitor.visit((session) => session.set('b', 2), 404)
  assert.deepEqual(await visitor.read(), { a: 1, b: 2 })
})

property('a page that failed varies by Cookie, sets no cookie and saves nothing', 'X7', async (fixture) => {
  const browser = fixture.browser()
  const page = await browser.visit((session) => session.set('a', 1), 500)
  assert.deepEqual([page.setCookie, page.vary, fixture.happened('created')], [null, 'Cookie', []])
})

property(
  'of two cookies with our name, a forged one is ignored, and two valid ones give an empty session and an event',
  'X8',
  async (fixture) => {
    const [one, two] = [await fixture.visitor({ one: 1 }), await fixture.visitor({ two: 2 })]
    const both = fixture.browser()
    both.cookie = `forged; ${fixture.cookieName}=${one.cookie}`
    assert.deepEqual(await both.copy().read(), { one: 1 })
    both.cookie = `${one.cookie}; ${fixture.cookieName}=${two.cookie}`
    assert.deepEqual(await both.copy().read(), {})
    assert.deepEqual(fixture.happened('rejected').at(-1), { type: 'rejected', what: 'cookie', reason: 'ambiguous' })
  },
)

property(
  'a cookie with odd characters, another case or another length never reaches the store',
  'X9',
  async (fixture) => {
    const visitor = await fixture.visitor()
    fixture.events.length = 0
    const good = visitor.cookie ?? ''
    for (const cookie of ['"\\000aaaaaaaa"', good.toUpperCase(), `${good}${good}`, `${good}=`, '%00', 'ü'.repeat(64)]) {
      const odd = fixture.browser()
      odd.cookie = cookie
      const page = await odd.visit((session) => session.isNew)
      assert.deepEqual([page.status, page.result], [200, true], cookie)
    }
    assert.deepEqual(asked(fixture), [])
  },
)

property(
  'two concurrent requests lose none of each other’s changes',
  { tests: 'X10', needs: 'versions' },
  async (fixture) => {
    const visitor = await fixture.visitor({ x: 0 })
    await visitor.visit(async (session) => {
      session.set('from_a', 1)
      session.update('x', (x = 0) => x + 1)
      await visitor.copy().visit((same) => {
        same.set('from_b', 1)
        same.update('x', (x = 0) => x + 1)
      })
    })
    assert.deepEqual(await visitor.read(), { x: 2, from_a: 1, from_b: 1 })
  },
)

property(
  'a session that was removed behind the cache is served for maxAge at most',
  { tests: 'X11', needs: 'cache' },
  async (fixture) => {
    const sessions = fixture.sessions()
    const [here, behind] = [await fixture.visitor(), await fixture.visitor()]
    const { result: handle } = await here.visit((session) => session.handle)
    await sessions.revoke(handle ?? '')
    assert.deepEqual(await here.read(), {})
    await behind.read()
    const { durable } = fixture.started
    if (!durable) assert.fail()
    const { result: other } = await behind.visit((session) => session.handle)
    // By another process, which does not use the cache.
    await fixture.sessions({ store: durable.store }).revoke(other ?? '')
    await fixture.advance(10_000)
    assert.deepEqual(await behind.read(), {})
  },
)

property(
  'a cache that missed a write never returns the old data',
  { tests: 'X12', needs: 'cache' },
  async (fixture) => {
    const { cache } = fixture.started
    if (!cache) assert.fail()
    const visitor = await fixture.visitor({ v: 1 })
    await fixture.readThroughCache(visitor, { v: 1 })
    cache.before = (call) => {
      if (call !== 'read') throw new StoreError('the cache is read-only')
    }
    try {
      await visitor.visit((session) => session.set('v', 2))
    } finally {
      cache.before = null
    }
    assert.deepEqual(await visitor.read(), { v: 2 })
    await fixture.readThroughCache(visitor, { v: 2 })
    await visitor.visit((session) => session.set('w', 1))
    assert.deepEqual(await visitor.read(), { v: 2, w: 1 })
  },
)

property('an idle limit in seconds ends an unused session', 'X13', async (fixture) => {
  const visitor = await fixture.visitor()
  await visitor.visit((session) => session.setExpiry('5s'))
  await fixture.advance(5000)
  assert.deepEqual(await visitor.read(), {})
})

property('files that a crash left behind are cleared', { tests: 'X14', needs: 'files' }, async (fixture) => {
  const sessions = fixture.sessions()
  await fixture.visitor()
  const draft = fixture.started.files?.crash() ?? assert.fail()
  await sessions.clearExpired()
  assert.equal(existsSync(draft), false)
})

property(
  'a session that is too large is an error that names the key, and never a dropped cookie',
  'X15',
  async (fixture) => {
    const visitor = await fixture.visitor()
    const visit = fixture.sessions().open({ cookie: `${fixture.cookieName}=${visitor.cookie}` })
    // A cookie holds less, even if it is compressed.
    const much = fixture.can('record') ? 'x'.repeat(fixture.engine.format.tooLarge) : randomBytes(4096).toString('hex')
    ;(await visit.get()).set('much', much)
    await assert.rejects(
      async () => visit.commit(),
      (error) => error instanceof TooLargeError && /'much'/.test(error.message),
    )
    assert.deepEqual(await visitor.read(), { a: 1 })
  },
)

property(
  'a store that cannot write is a 503, and not a session that is gone',
  { tests: 'X16', needs: 'record' },
  async (fixture) => {
    const { store, watch } = fixture.observed()
    const visitor = await fixture.visitor({ a: 1 }, { store })
    watch.before = (call) => {
      if (call === 'update') throw new StoreError('read-only')
    }
    const page = await visitor.visit((session) => session.set('b', 2))
    assert.deepEqual([page.status, page.setCookie], [503, null])
    assert.deepEqual([fixture.happened('storeError').length, fixture.happened('gone')], [1, []])
    watch.before = null
    assert.deepEqual(await visitor.read(), { a: 1 })
  },
)

property(
  'a store that cannot be read is a 503 that keeps the cookie and logs nobody out',
  { tests: 'X17', needs: 'record' },
  async (fixture) => {
    const { store, watch } = fixture.observed()
    const sessions = fixture.sessions({ store })
    const visitor = new Browser(sessions)
    await visitor.visit((session) => session.login('ada'))
    watch.before = () => {
      throw new StoreError('down')
    }
    const page = await visitor.visit((session) => session.userId)
    assert.deepEqual([page.status, page.setCookie], [503, null])
    watch.before = null
    assert.equal((await visitor.visit((session) => session.userId)).result, 'ada')
  },
)

property('at its deadline, a session is over for reads and for sweeps', 'X18', async (fixture) => {
  const sessions = fixture.sessions()
  // Tombstones of other tests are expired, too.
  await fixture.advance(60_000)
  await sessions.clearExpired()
  const visitor = await fixture.visitor()
  await visitor.visit((session) => session.setExpiry('1m'))
  await fixture.advance(60_000)
  assert.deepEqual(await visitor.read(), {})
  const removed = await sessions.clearExpired()
  if (fixture.can('record') && !sessions.policy.traits.expiresByItself) assert.equal(removed, 1)
})

property('a change while the body is sent is an error, and is never lost silently', 'X20', async (fixture) => {
  const visitor = await fixture.visitor()
  let kept: AnySession | undefined
  await visitor.visit((session) => {
    kept = session
  })
  assert.throws(() => kept?.set('late', 1), SessionClosedError)
})

property('a session with a user and no data exists', 'X21', async (fixture) => {
  const visitor = fixture.browser()
  await visitor.visit((session) => session.login('ada'))
  await visitor.visit((session) =>
    assert.deepEqual([session.isNew, session.userId, session.keys()], [false, 'ada', []]),
  )
})

property('whatever save() has stored stays stored, even if the request fails afterwards', 'X22', async (fixture) => {
  const visitor = await fixture.visitor()
  await visitor.visit(async (session, { save }) => {
    session.set('b', 2)
    session.renew()
    await save()
    session.set('c', 3)
  }, 500)
  assert.deepEqual(await visitor.read(), { a: 1, b: 2 })
})
