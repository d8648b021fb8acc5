import assert from 'node:assert/strict'
import { existsSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SessionClosedError, StoreError, TooLargeError } from '../../../packages/strongroom/src/errors.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { property } from './property.ts'
import { type AnySession, Browser, type World } from './world.ts'

const asked = (world: World) => world.events.filter(({ type }) => type === 'absent' || type === 'loaded')

property('saveEveryRequest makes nothing of a cookie that opens nothing', 'X1', async (world) => {
  const visitor = world.browser({ saveEveryRequest: true })
  visitor.cookie = world.unknownCookie()
  const page = await visitor.visit()
  assert.deepEqual([page.setCookie, world.happened('created')], [null, []])
})

property(
  'a cookie that opens nothing is left alone, for a slow response would take away the one of a login',
  'X3',
  async (world) => {
    const visitor = world.browser()
    visitor.cookie = world.unknownCookie()
    const other = visitor.copy()
    const slow = await visitor.visit(async (session) => {
      await other.visit((same) => same.login('ada'))
      return session.userId
    })
    assert.deepEqual([slow.result, slow.setCookie, slow.vary], [null, null, 'Cookie'])
    assert.equal((await other.visit((session) => session.userId)).result, 'ada')
  },
)

property('a cookie that cannot be ours costs nothing where nobody asks', 'X4', async (world) => {
  const visitor = world.browser()
  visitor.cookie = 'abc'
  const page = await visitor.visit()
  assert.deepEqual([page.setCookie, page.vary, world.events], [null, null, []])
})

property('a logout is kept although the page about it failed', 'X5', async (world) => {
  const visitor = await world.visitor()
  const thief = visitor.copy()
  const page = await visitor.visit((session) => session.logout(), 500)
  assert.deepEqual([page.status, page.maxAge], [500, 0])
  if (world.can('revokes')) assert.deepEqual(await thief.read(), {})
})

property('a page that was not found keeps its changes', 'X6', async (world) => {
  const visitor = await world.visitor()
  await visitor.visit((session) => session.set('b', 2), 404)
  assert.deepEqual(await visitor.read(), { a: 1, b: 2 })
})

property('a page that failed varies by its cookie, sets none and keeps nothing', 'X7', async (world) => {
  const browser = world.browser()
  const page = await browser.visit((session) => session.set('a', 1), 500)
  assert.deepEqual([page.setCookie, page.vary, world.happened('created')], [null, 'Cookie', []])
})

property(
  'of two cookies of our name a forged one is passed over, and two good ones are nobody’s, with an event',
  'X8',
  async (world) => {
    const [one, two] = [await world.visitor({ one: 1 }), await world.visitor({ two: 2 })]
    const both = world.browser()
    both.cookie = `forged; __Host-id=${one.cookie}`
    assert.deepEqual(await both.copy().read(), { one: 1 })
    both.cookie = `${one.cookie}; __Host-id=${two.cookie}`
    assert.deepEqual(await both.copy().read(), {})
    assert.deepEqual(world.happened('notOurs').at(-1), { type: 'notOurs', what: 'cookie', reason: 'ambiguous' })
  },
)

property('odd characters, other cases and lengths never reach the store', 'X9', async (world) => {
  const visitor = await world.visitor()
  world.events.length = 0
  const good = visitor.cookie ?? ''
  for (const cookie of ['"\\000aaaaaaaa"', good.toUpperCase(), `${good}${good}`, `${good}=`, '%00', 'ü'.repeat(64)]) {
    const odd = world.browser()
    odd.cookie = cookie
    const page = await odd.visit((session) => session.isNew)
    assert.deepEqual([page.status, page.result], [200, true], cookie)
  }
  assert.deepEqual(asked(world), [])
})

property('two requests at once lose nothing of each other', { rows: 'X10', needs: 'versions' }, async (world) => {
  const visitor = await world.visitor({ x: 0 })
  await visitor.visit(async (session) => {
    session.set('from_a', 1)
    session.update('x', (x = 0) => x + 1)
    await visitor.copy().visit((same) => {
      same.set('from_b', 1)
      same.update('x', (x = 0) => x + 1)
    })
  })
  assert.deepEqual(await visitor.read(), { x: 2, from_a: 1, from_b: 1 })
})

property(
  'a row that was removed behind the cache’s back is believed for maxAge and no longer',
  { rows: 'X11', needs: 'cache' },
  async (world) => {
    const sessions = world.sessions()
    const [here, behind] = [await world.visitor(), await world.visitor()]
    const { result: handle } = await here.visit((session) => session.handle)
    await sessions.revoke(handle ?? '')
    assert.deepEqual(await here.read(), {})
    await behind.read()
    const { durable } = world.resting
    if (!durable) assert.fail()
    const { result: other } = await behind.visit((session) => session.handle)
    // Another process without the cache.
    await world.sessions({ store: durable.store }).revoke(other ?? '')
    world.clock.advance(10_000)
    assert.deepEqual(await behind.read(), {})
  },
)

property(
  'a cache that could not be told never answers with what was before',
  { rows: 'X12', needs: 'cache' },
  async (world) => {
    const { cache } = world.resting
    if (!cache) assert.fail()
    const visitor = await world.visitor({ v: 1 })
    await visitor.read()
    cache.before = (call) => {
      if (call !== 'read') throw new StoreError('the cache takes nothing')
    }
    try {
      await visitor.visit((session) => session.set('v', 2))
    } finally {
      cache.before = null
    }
    assert.deepEqual(await visitor.read(), { v: 2 })
    await visitor.visit((session) => session.set('w', 1))
    assert.deepEqual(await visitor.read(), { v: 2, w: 1 })
  },
)

property('a length in seconds ends a session that is not used', 'X13', async (world) => {
  const visitor = await world.visitor()
  await visitor.visit((session) => session.setExpiry('5s'))
  world.clock.advance(5000)
  assert.deepEqual(await visitor.read(), {})
})

property('what a crash has left between the files is cleared away', { rows: 'X14', needs: 'files' }, async (world) => {
  const sessions = world.sessions()
  await world.visitor()
  const [record = assert.fail()] = globSync('main/sessions/*/*', { cwd: world.resting.dir })
  const draft = join(world.resting.dir ?? '', `${record}.draft`)
  writeFileSync(draft, 'half a write')
  await sessions.clearExpired()
  assert.equal(existsSync(draft), false)
})

property(
  'what is larger than there is room for is an error that names the key, and never a cookie that is dropped',
  'X15',
  async (world) => {
    const visitor = await world.visitor()
    const visit = world.sessions().open({ cookie: `__Host-id=${visitor.cookie}` })
    ;(await visit.get()).set('much', 'x'.repeat(70_000))
    await assert.rejects(
      async () => visit.commit(),
      (error) => error instanceof TooLargeError && /'much'/.test(error.message),
    )
    assert.deepEqual(await visitor.read(), { a: 1 })
  },
)

property('a store that cannot write is a 503, and no gone', { rows: 'X16', needs: 'record' }, async (world) => {
  if (!world.resting.records) assert.fail()
  const watch = watched(world.resting.records)
  const visitor = await world.visitor({ a: 1 }, { store: watch.store })
  watch.before = (call) => {
    if (call === 'update') throw new StoreError('read-only')
  }
  const page = await visitor.visit((session) => session.set('b', 2))
  assert.deepEqual([page.status, page.setCookie], [503, null])
  assert.deepEqual([world.happened('storeError').length, world.happened('gone')], [1, []])
  watch.before = null
  assert.deepEqual(await visitor.read(), { a: 1 })
})

property(
  'a store that cannot be read is a 503 that keeps the cookie, and logs nobody out',
  { rows: 'X17', needs: 'record' },
  async (world) => {
    if (!world.resting.records) assert.fail()
    const watch = watched(world.resting.records)
    const sessions = world.sessions({ store: watch.store })
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

property('at its deadline a session is over, for who reads and for who sweeps', 'X18', async (world) => {
  const sessions = world.sessions()
  await sessions.clearExpired()
  const visitor = await world.visitor()
  await visitor.visit((session) => session.setExpiry('1m'))
  world.clock.advance(60_000)
  assert.deepEqual(await visitor.read(), {})
  const removed = await sessions.clearExpired()
  if (world.can('record') && !sessions.policy.traits.expiresByItself) assert.equal(removed, 1)
})

property('a change while the body streams is an error, and never lost in silence', 'X20', async (world) => {
  const visitor = await world.visitor()
  let kept: AnySession | undefined
  await visitor.visit((session) => {
    kept = session
  })
  assert.throws(() => kept?.set('late', 1), SessionClosedError)
})

property('a session that holds nothing but a user is there', 'X21', async (world) => {
  const visitor = world.browser()
  await visitor.visit((session) => session.login('ada'))
  await visitor.visit((session) =>
    assert.deepEqual([session.isNew, session.userId, session.keys()], [false, 'ada', []]),
  )
})

property('what save() has kept stays kept, whatever is rolled back afterwards', 'X22', async (world) => {
  const visitor = await world.visitor()
  await visitor.visit(async (session, { save }) => {
    session.set('b', 2)
    session.renew()
    await save()
    session.set('c', 3)
  }, 500)
  assert.deepEqual(await visitor.read(), { a: 1, b: 2 })
})
