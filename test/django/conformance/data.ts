import assert from 'node:assert/strict'
import { createSessions } from '../../../packages/strongroom/src/sessions.ts'
import { secret } from '../../core/kit/ring.ts'
import { property } from './property.ts'
import type { Page, World } from './world.ts'

/** Nothing was written, and no cookie sent. */
function unchanged(world: World, page: Page<unknown>): void {
  assert.equal(page.setCookie, null)
  assert.deepEqual(world.happened('updated'), [])
  assert.deepEqual(world.happened('created'), [])
}

/** A visitor whose session is there, and of whom nothing was told so far. */
async function settled(world: World, data?: object) {
  const visitor = await world.visitor(data)
  world.events.length = 0
  return visitor
}

property('a new session is neither read nor changed: nothing is asked, nothing is sent', '1', async (world) => {
  const browser = world.browser()
  const untouched = await browser.visit()
  assert.deepEqual([untouched.vary, untouched.setCookie, world.events], [null, null, []])
  const read = await browser.visit((session) => assert.deepEqual([session.isNew, session.isEmpty()], [true, true]))
  unchanged(world, read)
})

property('a key that is not there reads undefined', '2-3', async (world) => {
  const visitor = await settled(world)
  const page = await visitor.visit((session) => {
    for (const key of ['absent', 'constructor', '__proto__']) assert.equal(session.get(key), undefined)
  })
  unchanged(world, page)
})

property('what is set is kept, and can be taken out again', '4-5', async (world) => {
  const visitor = await settled(world, { cat: 'dog' })
  const page = await visitor.visit((session) => session.pull('cat'))
  assert.equal(page.result, 'dog')
})

property('pull answers the value and removes the key, and that is kept', '6-7', async (world) => {
  const visitor = await settled(world, { some: 'thing', other: 1 })
  await visitor.visit((session) => {
    assert.equal(session.pull('some'), 'thing')
    assert.equal(session.has('some'), false)
  })
  assert.equal(world.happened('updated').length, 1)
  assert.deepEqual(await visitor.read(), { other: 1 })
})

property('pull of a key that is not there gives the default beside it, and changes nothing', '8-13', async (world) => {
  const visitor = await settled(world)
  const page = await visitor.visit((session) => {
    assert.equal(session.pull('absent') ?? 'default', 'default')
    // Without one it is undefined, and no error: absent is an answer.
    assert.equal(session.pull('absent'), undefined)
  })
  unchanged(world, page)
})

property('update puts a default where nothing is, and leaves what is there', '14-15', async (world) => {
  const visitor = await settled(world)
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
})

property('several keys can be set at once', '16-17', async (world) => {
  const visitor = await settled(world)
  await visitor.visit((session) => session.set('update', 1).set('key', { deep: [1] }))
  assert.deepEqual(await visitor.read(), { a: 1, update: 1, key: { deep: [1] } })
})

property('has tells whether a key is there, and changes nothing', '18-19', async (world) => {
  const visitor = await settled(world, { some: 1 })
  const page = await visitor.visit((session) => [session.has('some'), session.has('other'), session.has('toString')])
  assert.deepEqual(page.result, [true, false, false])
  unchanged(world, page)
})

property('keys, values and pairs can be listed, in order, and that changes nothing', '20-25', async (world) => {
  const visitor = await settled(world, { z: 1, a: 2 })
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
  unchanged(world, page)
  await world.browser().visit((session) => assert.deepEqual(session.keys(), []))
})

property('clear takes all data, and that is kept', '26', async (world) => {
  const visitor = await world.visitor({ x: 1, y: 2 })
  await visitor.visit((session) => session.login('clear'))
  await visitor.visit((session) => {
    session.clear()
    assert.deepEqual([session.keys(), session.get('x')], [[], undefined])
  })
  await visitor.visit((session) => assert.deepEqual([session.keys(), session.userId], [[], 'clear']))
})

property('what was saved is there', '27-28 90-91 92-93', async (world) => {
  const browser = world.browser()
  await browser.visit(async (session, { save }) => {
    session.set('a', 1)
    await save()
    assert.equal(session.isNew, false)
    session.set('b', 2)
  })
  assert.deepEqual(await browser.read(), { a: 1, b: 2 })
})

property('a session that is ended by its name is gone', { rows: '29-30', needs: 'scan' }, async (world) => {
  const sessions = world.sessions()
  const visitor = await world.visitor()
  const { result: handle } = await visitor.visit((session) => session.handle)
  assert.equal(await sessions.revoke(handle ?? ''), true)
  assert.equal(await sessions.revoke(handle ?? ''), false)
  assert.deepEqual(await visitor.read(), {})
})

property('a logout ends the session: its cookie is taken away, and opens nothing', '31-32', async (world) => {
  const visitor = await world.visitor()
  const thief = visitor.copy()
  const page = await visitor.visit((session) => {
    session.logout()
    assert.deepEqual([session.keys(), session.userId], [[], null])
  })
  assert.equal(page.maxAge, 0)
  assert.deepEqual(await visitor.read(), {})
  if (world.can('revokes')) assert.deepEqual(await thief.read(), {})
})

property('renew moves all that there is to a new token', '33-34 94-95', async (world) => {
  const visitor = await world.visitor({ a: 1, b: { deep: [2] } })
  const old = visitor.copy()
  const { result: before } = await visitor.visit((session) => {
    session.renew()
    return session.handle
  })
  assert.notEqual(visitor.cookie, old.cookie)
  await visitor.visit((session) => assert.notEqual(session.handle, before))
  assert.deepEqual(await visitor.read(), { a: 1, b: { deep: [2] } })
  if (world.can('revokes')) assert.deepEqual(await old.read(), {})
})

property('renew of a session of which nothing was read keeps what it holds', '35-36', async (world) => {
  const visitor = await world.visitor({ never: 'read' })
  await visitor.visit((session) => session.renew())
  assert.deepEqual(await visitor.read(), { never: 'read' })
})

property('saving leaves the data in hand', '37-38', async (world) => {
  await world.browser().visit(async (session, { save }) => {
    session.set('a', [1])
    await save()
    assert.deepEqual(session.get('a'), [1])
  })
})

property('a cookie that cannot be ours is a stranger’s: what is set goes under another', '39-42', async (world) => {
  for (const cookie of ['1', 'short12', '']) {
    const visitor = world.browser()
    visitor.cookie = cookie
    await visitor.visit((session) => {
      assert.deepEqual([session.isNew, session.handle, session.keys()], [true, null, []])
      session.set('a', 1)
    })
    assert.notEqual(visitor.cookie, cookie)
    assert.deepEqual(await visitor.read(), { a: 1 })
  }
})

property('a cookie that is ours stays what it is called, whatever is written', '43', async (world) => {
  const visitor = await world.visitor()
  const { result: handle } = await visitor.visit((session) => session.handle)
  await visitor.visit((session) => session.set('b', 2))
  await visitor.visit((session) => assert.equal(session.handle, handle))
})

property('the name of a session is not to be set', '44', async (world) => {
  const visitor = await world.visitor()
  await visitor.visit((session) => {
    assert.throws(() => Object.assign(session, { handle: 'mine' }), TypeError)
    assert.match(session.handle ?? '', /^[\w-]{16}$/)
  })
})

property('data comes back as it went in', '57', async (world) => {
  const data = {
    text: 'hé 清 🐍 \u007f\u2028<script>"\\\n',
    n: [0, -7, 1.5, 1e22, 1e-7],
    no: null,
    yes: true,
    deep: { a: [{ b: {} }] },
  }
  assert.deepEqual(await (await world.visitor(data)).read(), data)
})

property('what does not open is told as an event, and is a session of nobody', '58', async (world) => {
  for (const garbage of ['Zmxhc2tkajphbGtkamY', 'bad:encoded:value']) {
    const visitor = world.browser()
    visitor.cookie = garbage
    assert.deepEqual(await visitor.read(), {})
  }
  assert.equal(world.happened('notOurs').length, 2)
})

property(
  'a record that opens and cannot be read is a session of nobody, and no error',
  { rows: '59 98', needs: 'record' },
  async (world) => {
    const { seal } = world.sessions().policy
    for (const text of ['no line feed', '{"c":1}\n{', '{"c":1,"d":9e15,"i":0}\n[1]', '\u0000']) {
      const visitor = await world.visitor()
      await world.rewrite(visitor.cookie ?? '', text, seal as 'two-key')
      const page = await visitor.visit((session) => session.isNew)
      assert.deepEqual([page.status, page.result], [200, true])
    }
    assert.equal(world.happened('notOurs').length, 4)
  },
)

property('a cookie that names no session makes none, and is never taken over', '62-63', async (world) => {
  const visitor = world.browser()
  visitor.cookie = world.unknownCookie()
  const page = await visitor.visit((session) => session.isNew)
  assert.deepEqual([page.result, page.setCookie], [true, null])
  unchanged(world, page)
  const planted = visitor.cookie
  await visitor.visit((session) => session.set('a', 1))
  assert.notEqual(visitor.cookie, planted)
})

property(
  'a save does not resurrect a session logged out in another context',
  { rows: '64-65 101-102', needs: 'revokes' },
  async (world) => {
    const visitor = await world.visitor({ foo: 'bar' })
    const other = visitor.copy()
    const page = await visitor.visit(async (session) => {
      session.set('late', 1)
      await other.copy().visit((same) => same.logout())
    })
    assert.equal(page.status, 409)
    assert.deepEqual(await other.read(), {})
  },
)

property('a session without data is empty', '128-129', async (world) => {
  const visitor = world.browser()
  await visitor.visit((session) => {
    assert.equal(session.isEmpty(), true)
    session.set('a', 1)
    assert.equal(session.isEmpty(), false)
  })
  await visitor.visit((session) => assert.equal(session.isEmpty(), false))
})

property.of('a store that is not known is a configuration error', '78', () => {
  const secrets = secret('conformance')
  assert.throws(() => createSessions({ secrets, store: 'unknown:' }), /unknown/)
  assert.throws(() => createSessions({ secrets, store: 'cached:?durable=memory%3A' }), /cache/)
})
