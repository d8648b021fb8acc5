import assert from 'node:assert/strict'
import { after, suite, type TestContext, test } from 'node:test'
import { notFound, redirect } from '@tanstack/react-router'
import { withErrorStatus, withSessions } from '../../../packages/strongroom/src/adapters/tanstack-start.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { gate, turns } from '../../../packages/strongroom/src/testing/adapter/gate.ts'
import { sessionFor } from '../../../packages/strongroom/src/testing/index.ts'
import { slowSessions } from '../../adapters/site.ts'
import { build, GIVEN_SERVER } from './application.ts'

const application = build({
  ...GIVEN_SERVER,
  'src/start.js': `import { createCsrfMiddleware, createMiddleware, createStart } from '@tanstack/react-start'
    const watch = createMiddleware({ type: 'function' }).server((call) => globalThis.given.watch(call))
    const csrf = createCsrfMiddleware({ filter: ({ handlerType }) => handlerType === 'serverFn' })
    export const startInstance = createStart(() => ({ requestMiddleware: [csrf], functionMiddleware: [watch] }))`,
  'src/functions.js': `import { createServerFn } from '@tanstack/react-start'
    import { getRequest } from '@tanstack/react-start/server'
    export const inner = createServerFn({ method: 'POST' }).handler(() => globalThis.given.inner(getRequest()))
    export const outer = createServerFn({ method: 'POST' }).handler(() => globalThis.given.outer(getRequest(), inner))`,
  'src/routes/index.jsx': `import { Await, createFileRoute } from '@tanstack/react-router'
    import { Suspense } from 'react'
    import { inner, outer } from '../functions'
    globalThis.urls = { inner: inner.url, outer: outer.url }
    export const Route = createFileRoute('/')({
      loader: () => globalThis.given.loader(inner),
      component: Home,
      errorComponent: ({ error }) => <i>{'failed: ' + error.message}</i>,
    })
    function Home() {
      const { now, later } = Route.useLoaderData()
      return <><b>{JSON.stringify(now)}</b><Suspense fallback="later"><Await promise={later}>{(value) => <u>{value}</u>}</Await></Suspense></>
    }`,
  'src/routes/form.js': `import { createFileRoute } from '@tanstack/react-router'
    import { setCookie } from '@tanstack/react-start/server'
    export const Route = createFileRoute('/form')({
      server: { handlers: { POST: ({ request }) => globalThis.given.route(request, setCookie) } },
    })`,
})
after(application.remove)

type Work = (request: Request, more: never) => unknown
type Handles = Partial<Record<'inner' | 'outer' | 'loader' | 'route', Work>>
type Sessions = ReturnType<typeof slowSessions>['sessions']

/** Sends requests as a browser does; `call` is what its script sends for a server function. */
async function site(sessions: Sessions, handles: Handles | Record<string, unknown>, options = {}) {
  const handler = await application.give({
    watch: withErrorStatus,
    inner: () => 'inner',
    outer: () => 'outer',
    loader: () => ({ now: null, later: Promise.resolve('') }),
    ...handles,
    wrap: (fetch) => withSessions(sessions, fetch, options),
  })
  const send = (path: string, cookie = '', init: RequestInit = {}) => {
    const headers = { cookie, 'sec-fetch-site': 'same-origin', ...(init.headers as Record<string, string>) }
    return handler(new Request(`http://localhost${path}`, { ...init, headers }))
  }
  const { urls } = globalThis as unknown as { urls?: Readonly<Record<'inner' | 'outer', string>> }
  if (!urls) await send('/')
  const found = (globalThis as unknown as { urls: Readonly<Record<'inner' | 'outer', string>> }).urls
  const form = { method: 'POST', body: new URLSearchParams({ a: '1' }) }
  return {
    send,
    form,
    call: (name: 'inner' | 'outer', cookie = '', init: RequestInit = {}) =>
      send(found[name], cookie, { ...form, ...init, headers: { 'x-tsr-serverfn': 'true' } }),
  }
}

function production(t: TestContext): void {
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  t.after(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })
}

const fail = () => {
  throw new Error('the function failed')
}

suite('a server function', { timeout: 20_000 }, () => {
  test('has the session of its request, and saves it', async () => {
    const { sessions } = slowSessions()
    const { call } = await site(sessions, {
      inner: async (request: Request) => (await sessions.get(request)).update('a', (a = 0) => Number(a) + 1),
      outer: async (request: Request, inner: () => Promise<unknown>) => [
        await inner(),
        (await sessions.get(request)).get('a'),
      ],
    })
    const response = await call('outer')
    assert.equal(response.status, 200)
    const cookie = (response.headers.getSetCookie()[0] as string).split(';')[0]
    assert.equal((await sessions.read({ cookie })).get('a'), 1)
  })

  const outcomes: readonly (readonly [string, () => unknown, number, boolean])[] = [
    ['returns', () => 'fine', 200, true],
    ['throws', fail, 500, false],
    ['throws what has a status', () => Promise.reject(Object.assign(new Error('no'), { status: 422 })), 422, true],
    ['throws what is no error', () => Promise.reject('no'), 500, false],
    ['redirects', () => Promise.reject(redirect({ to: '/' })), 200, true],
    ['throws notFound()', () => Promise.reject(notFound()), 200, true],
    ['throws a Response of 500', () => Promise.reject(new Response('no', { status: 500 })), 500, false],
    ['throws a Response of 403', () => Promise.reject(new Response('no', { status: 403 })), 403, true],
  ]
  for (const [what, end, status, saves] of outcomes)
    test(`that ${what} after a change ${saves ? 'saves it' : 'saves nothing'}`, async () => {
      const { sessions } = slowSessions()
      const { call, send, form } = await site(sessions, {
        async inner(request: Request) {
          ;(await sessions.get(request)).set('changed', 1)
          return end()
        },
      })
      const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
      const response = await call('inner', cookie)
      assert.equal(response.status, status)
      // Start's own message for the browser is complete.
      if (what === 'throws') assert.match(await response.text(), /the function failed/)
      assert.equal((await sessions.read({ cookie })).has('changed'), saves)
      if (what !== 'throws') return
      // A form without JavaScript.
      const other = await sessionFor(sessions, { data: { a: 1 } })
      const { urls } = globalThis as unknown as { urls: { inner: string } }
      assert.equal((await send(urls.inner, other.cookie, form)).status, 500)
      assert.equal((await sessions.read({ cookie: other.cookie })).has('changed'), false)
    })

  test('that throws after a logout does not undo it', async () => {
    const { sessions } = slowSessions()
    const { call } = await site(sessions, {
      async inner(request: Request) {
        ;(await sessions.get(request)).logout()
        return fail()
      },
    })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const response = await call('inner', cookie)
    assert.deepEqual([response.status, response.headers.getSetCookie().length], [500, 1])
    assert.equal((await sessions.read({ cookie })).userId, null)
  })

  test('that fails is no failure of the function that has called it and goes on', async () => {
    const { sessions } = slowSessions()
    const { call, send } = await site(sessions, {
      inner: fail,
      async outer(request: Request, inner: () => Promise<unknown>) {
        await inner().catch(() => null)
        ;(await sessions.get(request)).set('changed', 1)
        return 'fine'
      },
      async loader(inner: () => Promise<unknown>) {
        await inner().catch(() => null)
        return { now: 'the page', later: Promise.resolve('') }
      },
    })
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    assert.equal((await call('outer', cookie)).status, 200)
    assert.equal((await sessions.read({ cookie })).get('changed'), 1)
    assert.equal((await send('/', cookie)).status, 200)
  })

  test('whose session cannot be loaded fails with a 503, and tells the browser what visitors may read', async (t) => {
    production(t)
    const { sessions, watch } = slowSessions()
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const { call } = await site(sessions, { inner: async (request: Request) => (await sessions.get(request)).userId })
    watch.before = () => Promise.reject(new Error('secretPlan'))
    const response = await call('inner', cookie)
    const text = await response.text()
    assert.equal(response.status, 503)
    assert.match(text, /Service Unavailable/)
    assert.doesNotMatch(text, /secretPlan|its own error is the cause/)
  })

  test('whose session cannot be saved fails with the status of the error', async () => {
    const { sessions, watch } = slowSessions()
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const change = async (request: Request) => (await sessions.get(request)).set('a', 1) && 'fine'
    const { call } = await site(sessions, { inner: change })
    watch.before = (call) => call === 'update' && Promise.reject(new Error('secretPlan'))
    const response = await call('inner', cookie)
    assert.deepEqual([response.status, response.headers.get('x-tss-serialized')], [503, null])
    assert.match(await response.text(), /The session store failed/)
    watch.before = null
    const again = await site(
      sessions,
      {
        async inner(request: Request) {
          await change(request)
          await sessions.of('ada').revokeAll()
          return 'fine'
        },
      },
      { onError: (error: Error) => new Response(error.name, { status: 409 }) },
    )
    assert.equal(await (await again.call('inner', cookie)).text(), 'SessionGoneError')
  })

  test('is refused without withErrorStatus, and saves nothing', async () => {
    const { sessions } = slowSessions()
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    const { call } = await site(sessions, {
      watch: ({ next }: { next(): unknown }) => next(),
      inner: async (request: Request) => (await sessions.get(request)).set('changed', 1) && 'fine',
    })
    const response = await call('inner', cookie)
    assert.equal(response.status, 500)
    assert.match(await response.text(), /Add it in src\/start\.ts: .*server\(withErrorStatus\)/)
    assert.equal((await sessions.read({ cookie })).has('changed'), false)
  })

  test('of a visitor who leaves saves nothing but a logout, because Start gives up the request', async () => {
    const { sessions } = slowSessions()
    for (const leaves of [false, true]) {
      const [arrived, gone, done] = [gate(), gate(), gate()]
      let late = ''
      const { call } = await site(sessions, {
        async inner(request: Request) {
          const session = await sessions.get(request)
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
        },
      })
      const { cookie } = await sessionFor(sessions, { userId: 'ada', data: { a: 1 } })
      const leaving = new AbortController()
      const going = call('inner', cookie, { signal: leaving.signal })
      await arrived.opened
      leaving.abort()
      gone.open()
      await Promise.allSettled([going])
      await done.opened
      assert.equal(late, 'STRONGROOM_CLOSED')
      const { userId, keys } = await sessions.read({ cookie }).then((s) => ({ userId: s.userId, keys: s.keys() }))
      assert.deepEqual([userId, keys], leaves ? [null, []] : ['ada', ['a']])
    }
  })
})

suite('a page', { timeout: 20_000 }, () => {
  test('has the session of the server functions that its loader calls, and is saved with them', async () => {
    const { sessions } = slowSessions()
    const { send } = await site(sessions, {
      inner: async (request: Request) => (await sessions.get(request)).update('a', (a = 0) => Number(a) + 1),
      loader: async (inner: () => Promise<unknown>) => ({
        now: await Promise.all([inner(), inner()]),
        later: Promise.resolve(''),
      }),
    })
    const response = await send('/')
    assert.match(await response.text(), /<b>\[1,2\]<\/b>/)
    const cookie = (response.headers.getSetCookie()[0] as string).split(';')[0]
    assert.equal((await sessions.read({ cookie })).get('a'), 2)
    assert.equal(response.headers.get('cache-control'), 'no-store')
  })

  test('that fails, or whose session cannot be saved, saves nothing', async () => {
    const { sessions, watch } = slowSessions()
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    const inner = async (request: Request) => (await sessions.get(request)).set('changed', 1) && null
    const failing = await site(sessions, {
      inner,
      loader: async (inner: () => Promise<unknown>) => {
        await inner()
        return fail()
      },
    })
    const failed = await failing.send('/', cookie)
    assert.equal(failed.status, 500)
    assert.match(await failed.text(), /failed: the function failed/)
    assert.equal((await sessions.read({ cookie })).has('changed'), false)
    const { send } = await site(sessions, {
      inner,
      loader: async (inner: () => Promise<unknown>) => ({ now: await inner(), later: Promise.resolve('') }),
    })
    watch.before = (call) => call === 'update' && Promise.reject(new Error('secretPlan'))
    const response = await send('/', cookie)
    assert.deepEqual([response.status, response.headers.getSetCookie()], [503, []])
    assert.doesNotMatch(await response.text(), /secretPlan|<b>/)
  })

  test('whose session cannot be loaded tells the browser what visitors may read, in a loader and in a stream', async (t) => {
    production(t)
    const { sessions, watch } = slowSessions()
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const inner = async (request: Request) => (await sessions.get(request)).userId
    const seen: unknown[] = []
    const caught = (error: unknown) => {
      seen.push(error)
      throw error
    }
    for (const loader of [
      async (inner: () => Promise<unknown>) => ({ now: await inner().catch(caught), later: Promise.resolve('') }),
      (inner: () => Promise<unknown>) => ({ now: null, later: inner().catch(caught) }),
    ]) {
      const { send } = await site(sessions, { inner, loader })
      watch.before = () => Promise.reject(new Error('secretPlan'))
      // React itself is for development here, and then shows stacks.
      const [text = ''] = (await (await send('/', cookie)).text()).split('$RX(')
      assert.match(text, /Service Unavailable/)
      assert.doesNotMatch(text, /secretPlan|store failed|its own error is the cause/)
      watch.before = null
    }
    // On the server, it is still the error that it was.
    for (const error of seen) {
      assert.ok(error instanceof StoreError)
      assert.equal(error.status, 503)
      assert.match(String(error.cause), /secretPlan/)
    }
    assert.equal(seen.length, 2)
  })

  test('that streams a promise is saved before it; what changes the session later gets an error', async () => {
    const { sessions } = slowSessions()
    const more = gate()
    const { send } = await site(sessions, {
      inner: async (request: Request) => {
        const session = await sessions.get(request)
        const early = session.get('a')
        if (early === undefined) return void session.set('a', 1)
        await more.opened
        try {
          session.set('b', 1)
        } catch (error) {
          return `${(error as { code: string }).code} ${session.get('a')}`
        }
      },
      loader: async (inner: () => Promise<unknown>) => ({ now: (await inner()) ?? null, later: inner() }),
    })
    const response = await send('/')
    const cookie = (response.headers.getSetCookie()[0] as string).split(';')[0]
    assert.equal((await sessions.read({ cookie })).get('a'), 1)
    more.open()
    assert.match(await response.text(), /<u>STRONGROOM_CLOSED 1<\/u>/)
    assert.equal((await sessions.read({ cookie })).get('b'), undefined)
  })
})

suite('a server route', { timeout: 20_000 }, () => {
  test('keeps the cookies that it sets with the helpers of Start', async () => {
    const { sessions } = slowSessions()
    const { send, form } = await site(sessions, {
      async route(request: Request, setCookie: (name: string, value: string) => void) {
        ;(await sessions.get(request)).login('ada')
        setCookie('own', '1')
        return redirect({ href: '/', statusCode: 303 })
      },
    })
    const response = await send('/form', '', form)
    assert.deepEqual([response.status, response.headers.get('location')], [303, '/'])
    const lines = response.headers.getSetCookie().map((line) => line.split(';')[0] as string)
    assert.equal(lines.length, 2)
    assert.ok(lines.includes('own=1'))
    assert.equal((await sessions.read({ cookie: lines.join('; ') })).userId, 'ada')
  })

  test('that throws saves nothing, and shows no message', async () => {
    const { sessions } = slowSessions()
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    const { send, form } = await site(sessions, {
      async route(request: Request) {
        ;(await sessions.get(request)).set('changed', 1)
        return fail()
      },
    })
    const response = await send('/form', cookie, form)
    assert.equal(response.status, 500)
    assert.doesNotMatch(await response.text(), /the function failed/)
    assert.equal((await sessions.read({ cookie })).has('changed'), false)
  })
})

suite('a mistake with strongroom/tanstack-start', () => {
  const { sessions } = slowSessions()
  // biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
  const make = withSessions as any
  for (const [mistake, args, message] of [
    [
      'nothing',
      [],
      /then createServerEntry\(\{ fetch: withSessions\(sessions, handler\.fetch\) \}\)\. It got undefined/,
    ],
    ['the entry instead of its fetch', [sessions, { fetch: () => null }], /takes a handler: write createServerEntry/],
    ['an unknown option', [sessions, () => null, { onFail: 1 }], /onFail/],
    ['an onError that is text', [sessions, () => null, { onError: 'x' }], /"onError"/],
  ] as const)
    test(`is found when it is made: ${mistake}`, () =>
      assert.throws(() => make(...args), { name: 'ConfigError', message }))
})
