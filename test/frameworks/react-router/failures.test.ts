import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { data } from 'react-router'
import { strongroom } from '../../../packages/strongroom/src/adapters/react-router.ts'
import { gate, turns } from '../../../packages/strongroom/src/testing/adapter/gate.ts'
import { sessionFor } from '../../../packages/strongroom/src/testing/index.ts'
import { slowSessions } from '../../adapters/site.ts'
import { buildSite, cookieOf, type Handle, type Page, POST } from './site.ts'

const site = buildSite()
after(site.remove)

const down = () => {
  throw new Error('secretPlan')
}

/** Nothing of it is the application's page, or for developers alone. */
function assertErrorPage({ text, headers }: Page) {
  assert.doesNotMatch(text, /secretPlan|all done|STRONGROOM|node_modules/)
  assert.doesNotMatch(headers.get('cache-control') ?? '', /public/)
  assert.equal(headers.get('cdn-cache-control'), null)
}

suite('what a loader or an action throws', { timeout: 20_000 }, () => {
  const failing: readonly (readonly [string, number, () => unknown])[] = [
    ['an error', 500, down],
    ['a Response of 500', 500, () => Promise.reject(new Response('no', { status: 500 }))],
    ['data() of 503', 503, () => Promise.reject(data('no', 503))],
    ['a Response of 404', 404, () => Promise.reject(new Response('no', { status: 404 }))],
    ['data() of 422', 422, () => Promise.reject(data('no', 422))],
  ]
  for (const [what, status, fail] of failing)
    test(`decides by its status what is saved: ${what}`, async () => {
      const { sessions } = slowSessions()
      const change: Handle = async ({ context, request }) => {
        const session = await sessions.get(context)
        session.set('changed', request.url)
        return fail()
      }
      const { ask } = await site.open({
        middleware: strongroom(sessions),
        page: change,
        action: change,
        resource: change,
      })
      for (const [path, init] of [
        ['/page', {}],
        ['/page.data', {}],
        ['/page', POST],
        ['/page.data', POST],
        ['/resource', {}],
      ] as const) {
        const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
        const page = await ask(path, cookie, init)
        assert.equal(page.status, status, path)
        assert.equal((await sessions.read({ cookie })).get('changed') !== undefined, status < 500, path)
        if (path === '/page') assert.match(page.text, /boundary: /)
      }
    })

  test('in one of several loaders drops what the others have changed, and the login of the action before them', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: strongroom(sessions),
      async root({ context }) {
        ;(await sessions.get(context)).set('root', 1)
        return null
      },
      async action({ context }) {
        ;(await sessions.get(context)).login('ada')
        return null
      },
      page: down,
    })
    for (const [path, init] of [
      ['/page', {}],
      ['/page.data', {}],
      ['/page', POST],
    ] as const) {
      const page = await ask(path, undefined, init)
      assert.deepEqual([page.status, page.headers.getSetCookie()], [500, []])
    }
  })

  test('after a logout does not undo it', async () => {
    const { sessions } = slowSessions()
    const leave: Handle = async ({ context }) => {
      ;(await sessions.get(context)).logout()
      return down()
    }
    const { ask } = await site.open({ middleware: strongroom(sessions), action: leave, resource: leave })
    for (const path of ['/page', '/page.data', '/resource']) {
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      const page = await ask(path, cookie, POST)
      assert.equal(page.status, 500)
      assert.match(cookieOf(page), /^__Host-id=$/)
      assert.equal((await sessions.read({ cookie })).userId, null)
    }
  })

  test('after a logout does not undo it where other middleware fails, either', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: [
        ...strongroom(sessions),
        async ({ context }) => {
          ;(await sessions.get(context)).set('b', 1).logout()
          return down()
        },
      ],
    })
    for (const path of ['/page', '/page.data', '/resource']) {
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      assert.equal((await ask(path, cookie)).status, 500)
      assert.equal((await sessions.read({ cookie })).userId, null, path)
    }
  })
})

suite('a session that cannot be loaded', { timeout: 20_000 }, () => {
  test('is a 503 of the page, and handleError gets the error', async () => {
    const { sessions, watch } = slowSessions()
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const read: Handle = async ({ context }) => (await sessions.get(context)).userId
    const { ask } = await site.open({ middleware: strongroom(sessions), root: read, page: read, resource: read })
    watch.before = down
    for (const path of ['/page', '/page.data', '/resource']) {
      const page = await ask(path, cookie)
      assert.equal(page.status, 503, path)
      assert.equal((page.errors[0] as { code?: string }).code, 'STRONGROOM_STORE')
      assert.deepEqual(page.headers.getSetCookie(), [])
      assert.doesNotMatch(page.text, /secretPlan/)
    }
    watch.before = null
    assert.match((await ask('/page.data', cookie)).text, /ada/)
  })
})

suite('a session that cannot be saved', { timeout: 20_000 }, () => {
  test('shows the boundary with a 503 while the store is down, and handleError gets the error', async () => {
    const { sessions, watch } = slowSessions()
    const change: Handle = async ({ context, request }) => {
      ;(await sessions.get(context)).set('a', 2)
      // Of several loaders, React Router sends what the others have returned, beside the error that is shown instead.
      return { now: /data$/.test(request.url) ? 'data' : 'all done' }
    }
    const { ask } = await site.open({ middleware: strongroom(sessions), page: change, action: change })
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    watch.before = (call) => call === 'update' && down()
    for (const [path, init] of [
      ['/page', {}],
      ['/page', POST],
      ['/page.data', {}],
      ['/page.data', POST],
    ] as const) {
      const page = await ask(path, cookie, init)
      assert.equal(page.status, 503, path)
      assertErrorPage(page)
      assert.deepEqual(page.headers.getSetCookie(), [])
      const [error] = page.errors as { error?: { code?: string; cause?: Error } }[]
      assert.equal(error?.error?.code, 'STRONGROOM_STORE')
      if (path === '/page') assert.match(page.text, /<i>boundary: 503 The session store failed/)
      // The browser's boundary gets the same.
      else assert.match(page.text, /"status",503,"statusText","Service Unavailable"/)
    }
    watch.before = null
    assert.equal((await sessions.read({ cookie })).get('a'), 1)
  })

  test('shows the boundary with a 409 when it has ended meanwhile', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: strongroom(sessions),
      async action({ context }) {
        ;(await sessions.get(context)).set('a', 2)
        await sessions.of('ada').revokeAll()
        return { now: 'all done' }
      },
    })
    for (const [path, boundary] of [
      ['/page', /<i>boundary: 409 The session has ended/],
      ['/page.data', /"status",409,"statusText","Conflict"/],
    ] as const) {
      const { cookie } = await sessionFor(sessions, { userId: 'ada' })
      const page = await ask(path, cookie, POST)
      assert.equal(page.status, 409)
      assert.match(page.text, boundary)
      assertErrorPage(page)
    }
  })

  test('is told in one line by a resource route, which has no boundary', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: strongroom(sessions),
      async resource({ context }) {
        ;(await sessions.get(context)).set('a', 1n)
        return new Response('all done', { headers: { ETag: '"1"', 'Cache-Control': 'public, max-age=600' } })
      },
    })
    const page = await ask('/resource')
    assert.deepEqual([page.status, page.headers.get('etag')], [500, null])
    assertErrorPage(page)
    assert.match(page.text, /which JSON cannot hold/)
  })

  test('says nothing to visitors in production', async (t) => {
    const before = process.env.NODE_ENV
    process.env.NODE_ENV = 'production'
    t.after(() => {
      if (before === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = before
    })
    const { sessions } = slowSessions()
    const change: Handle = async ({ context }) => {
      ;(await sessions.get(context)).set('a', 1n)
      return null
    }
    const { ask } = await site.open({ middleware: strongroom(sessions), page: change, resource: change })
    assert.match((await ask('/page')).text, /<i>boundary: 500 Internal Server Error<\/i>/)
    assert.equal((await ask('/resource')).text, 'Internal Server Error\n')
  })

  test('still sends the cookie of what save() has stored, or another createSessions()', async () => {
    const { sessions } = slowSessions()
    const other = slowSessions({ cookie: { name: '__Host-other' } }).sessions
    const change: Handle = async ({ context }) => {
      const session = await sessions.get(context)
      session.login('ada')
      await sessions.save(context)
      session.set('odd', 1n)
      ;(await other.get(context)).set('a', 1)
      return null
    }
    const { ask } = await site.open({
      middleware: [...strongroom(sessions), ...strongroom(other)],
      action: change,
      resource: change,
    })
    for (const path of ['/page', '/page.data', '/resource']) {
      const page = await ask(path, undefined, POST)
      assert.equal(page.status, 500)
      const cookie = page.headers
        .getSetCookie()
        .map((line) => line.split(';')[0])
        .join('; ')
      assert.equal((await sessions.read({ cookie })).userId, 'ada')
      assert.equal((await other.read({ cookie })).get('a'), 1)
      assert.equal(page.headers.get('vary'), 'Cookie')
      assertErrorPage(page)
    }
  })
})

suite('a visitor who leaves', { timeout: 20_000 }, () => {
  test('has nothing saved but a logout, because React Router gives up the request', async () => {
    const { sessions } = slowSessions()
    for (const [path, leaves] of [
      ['/page', false],
      ['/page.data', false],
      ['/resource', false],
      ['/page', true],
      ['/resource', true],
    ] as const) {
      const [arrived, gone, done] = [gate(), gate(), gate()]
      let late = ''
      const work: Handle = async ({ context }) => {
        const session = await sessions.get(context)
        session.set('early', 1)
        if (leaves) session.logout()
        arrived.open()
        await gone.opened
        await turns(50)
        try {
          session.set('late', 1)
        } catch (error) {
          late = (error as { code: string }).code
        }
        done.open()
        return null
      }
      const { send } = await site.open({ middleware: strongroom(sessions), action: work, resource: work })
      const { cookie } = await sessionFor(sessions, { userId: 'ada', data: { a: 1 } })
      const leaving = new AbortController()
      const { signal } = leaving
      const going = send(new Request(`http://localhost${path}`, { ...POST, signal, headers: { cookie } }))
      await arrived.opened
      leaving.abort()
      gone.open()
      await going.catch(() => undefined)
      await done.opened
      assert.equal(late, 'STRONGROOM_CLOSED')
      const { userId, keys } = await sessions.read({ cookie }).then((s) => ({ userId: s.userId, keys: s.keys() }))
      assert.deepEqual([userId, keys], leaves ? [null, []] : ['ada', ['a']], path)
    }
  })
})
