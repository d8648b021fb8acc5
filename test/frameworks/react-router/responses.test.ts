import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { type ActionFunctionArgs, createContext, data, redirect } from 'react-router'
import { withSessions } from '../../../packages/strongroom/src/adapters/fetch.ts'
import { csrf, strongroom } from '../../../packages/strongroom/src/adapters/react-router.ts'
import { gate } from '../../../packages/strongroom/src/testing/adapter/gate.ts'
import { sessionFor } from '../../../packages/strongroom/src/testing/index.ts'
import { slowSessions } from '../../adapters/site.ts'
import { buildSite, cookieOf, POST } from './site.ts'

const site = buildSite()
after(site.remove)

suite('the session of a request', { timeout: 20_000 }, () => {
  test('is one session in every middleware, loader and action, which run concurrently, and is loaded once', async () => {
    const { sessions, watch } = slowSessions()
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    const seen = new Set<unknown>()
    const see = async ({ request, context }: Pick<ActionFunctionArgs, 'request' | 'context'>) => {
      for (const key of [context, request]) seen.add(await sessions.get(key))
      return null
    }
    const user = createContext<unknown>()
    const middleware = [
      ...strongroom(sessions),
      async (args: ActionFunctionArgs) => args.context.set(user, await see(args)),
    ]
    const { ask } = await site.open({ middleware, root: see, layout: see, page: see, resource: see, action: see })
    watch.calls.length = 0
    for (const path of ['/page', '/page.data', '/resource', '/page.data?_routes=root,page']) {
      seen.clear()
      assert.equal((await ask(path, cookie)).status, 200)
      assert.equal(seen.size, 1)
    }
    assert.deepEqual(watch.calls, ['read', 'read', 'read', 'read'])
    seen.clear()
    assert.equal((await ask('/page.data', cookie, POST)).status, 200)
    assert.equal(seen.size, 1)
  })

  test('is in the context of the loaders that run after an action, whose request is another one', async () => {
    const { sessions } = slowSessions()
    const codes: unknown[] = []
    const { ask } = await site.open({
      middleware: strongroom(sessions),
      async action({ context, request }) {
        ;(await sessions.get(context)).set('a', await request.text())
        return null
      },
      async page({ context, request }) {
        await sessions.get(request).catch((error) => codes.push(error.code, error.message))
        return { now: (await sessions.get(context)).get('a') }
      },
    })
    const page = await ask('/page', undefined, POST)
    assert.match(page.text, /\[&quot;a=1&quot;,null\]/)
    assert.equal((await sessions.read({ cookie: cookieOf(page) })).get('a'), 'a=1')
    assert.equal(codes[0], 'STRONGROOM_NOT_ATTACHED')
    assert.match(String(codes[1]), /in React Router, the context/)
  })

  test('is listed with the address that its request has, in a header of the platform', async () => {
    const { sessions } = slowSessions({
      address: ({ request }: Pick<ActionFunctionArgs, 'request'>) => request.headers.get('X-Real-IP'),
    })
    const login = async ({ context }: Pick<ActionFunctionArgs, 'context'>) => {
      ;(await sessions.get(context)).login('ada')
      return null
    }
    const { ask } = await site.open({ middleware: strongroom(sessions), action: login })
    assert.equal((await ask('/page', undefined, { ...POST, headers: { 'X-Real-IP': '203.0.113.7' } })).status, 200)
    assert.equal((await sessions.of('ada').list())[0]?.address, '203.0.113.0/24')
  })

  test('costs a page nothing that does not ask for it', async () => {
    const { sessions, watch } = slowSessions()
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    const own = new Response('own')
    const { ask, send } = await site.open({ middleware: strongroom(sessions), resource: () => own })
    watch.calls.length = 0
    const page = await ask('/page', cookie)
    assert.deepEqual([page.headers.get('vary'), page.headers.getSetCookie()], [null, []])
    assert.equal(await send(new Request('http://localhost/resource', { headers: { cookie } })), own)
    assert.deepEqual(watch.calls, [])
  })

  test('is one session where the middleware is on the root and on a route below it, and the outer one commits', async () => {
    const { sessions, watch } = slowSessions()
    const same = strongroom(sessions)
    for (const inner of [same, strongroom(sessions)]) {
      const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
      const { ask } = await site.open({
        middleware: [
          ...same,
          async ({ context }, next) => {
            const response = await next()
            ;(await sessions.get(context)).set('late', 1)
            return response
          },
        ],
        inner,
        async page({ context }) {
          ;(await sessions.get(context)).set('a', 2)
          return null
        },
      })
      watch.calls.length = 0
      assert.equal((await ask('/page', cookie)).status, 200)
      assert.deepEqual(watch.calls, ['read', 'update'])
      assert.equal((await sessions.read({ cookie })).get('late'), 1)
    }
  })

  test('is that of withSessions() where a server has it around the whole application', async () => {
    const { sessions } = slowSessions()
    const { cookie } = await sessionFor(sessions, { data: { a: 1 } })
    const asked: unknown[] = []
    const { send } = await site.open({
      middleware: strongroom(sessions),
      async page({ context }) {
        asked.push(await sessions.get(context))
        return null
      },
    })
    const handler = withSessions(sessions, async (request) => {
      const response = await send(request)
      asked.push((await sessions.get(request)).set('after', 1))
      return response
    })
    assert.equal((await handler(new Request('http://localhost/page', { headers: { cookie } }))).status, 200)
    assert.equal(asked[0], asked[1])
    assert.equal((await sessions.read({ cookie })).get('after'), 1)
  })

  test('is refused where an application hands one context to every request', async () => {
    const { sessions } = slowSessions()
    const [middleware] = strongroom(sessions)
    const { RouterContextProvider } = await import('react-router')
    const context = new RouterContextProvider()
    const run = async (request: Request) =>
      middleware?.({ request, context } as never, async () => new Response((await sessions.get(context)).userId))
    const ada = await sessionFor(sessions, { userId: 'ada' })
    const first = new Request('http://localhost/', { headers: { cookie: ada.cookie } })
    assert.equal(await (await run(first))?.text(), 'ada')
    await assert.rejects(run(new Request('http://localhost/')), { name: 'ConfigError', message: /same RouterContextP/ })
  })
})

suite('a response', { timeout: 20_000 }, () => {
  for (const verb of ['return', 'throw'] as const)
    test(`that is a redirect (${verb}) keeps the login before it`, async () => {
      const { sessions } = slowSessions()
      const action = async ({ context }: ActionFunctionArgs) => {
        ;(await sessions.get(context)).login('ada')
        const response = redirect('/page')
        if (verb === 'throw') throw response
        return response
      }
      const { ask } = await site.open({ middleware: strongroom(sessions), action, resource: action })
      for (const [path, status] of [
        ['/page', 302],
        ['/page.data', 202],
        ['/resource', 302],
      ] as const) {
        const page = await ask(path, undefined, POST)
        assert.equal(page.status, status)
        assert.equal(page.headers.get('location'), status === 302 ? '/page' : null)
        assert.equal((await sessions.read({ cookie: cookieOf(page) })).userId, 'ada')
        assert.equal(page.headers.get('cache-control'), 'no-store')
      }
      // By it, the browser asks all loaders again.
      const { text } = await ask('/page.data', undefined, POST)
      assert.match(text, /"revalidate",true/)
    })

  test('of data() has its status, its headers, and the cookie', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: strongroom(sessions),
      async page({ context }) {
        ;(await sessions.get(context)).set('a', 1)
        return data({ now: 1 }, { status: 201, headers: { 'X-Own': 'yes', 'Set-Cookie': 'own=1', Vary: 'Accept' } })
      },
    })
    for (const path of ['/page', '/page.data']) {
      const { status, headers } = await ask(path)
      assert.deepEqual([status, headers.get('x-own'), headers.get('vary')], [201, 'yes', 'Accept, Cookie'])
      assert.deepEqual(
        headers.getSetCookie().map((line) => line.split('=')[0]),
        ['own', '__Host-id'],
      )
    }
  })

  test('with a cookie is kept by no cache, whatever the headers of its routes say', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: strongroom(sessions),
      async root({ context }) {
        ;(await sessions.get(context)).set('a', 1)
        return null
      },
    })
    const { headers } = await ask('/page')
    assert.deepEqual(
      [headers.get('cache-control'), headers.get('cdn-cache-control'), headers.get('vary')],
      ['no-store', null, 'Cookie'],
    )
  })

  test('to a request of HEAD has the cookie', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: strongroom(sessions),
      async page({ context }) {
        ;(await sessions.get(context)).set('a', 1)
        return null
      },
    })
    const page = await ask('/page', undefined, { method: 'HEAD' })
    assert.equal((await sessions.read({ cookie: cookieOf(page) })).get('a'), 1)
  })

  test('that streams a promise is saved before it; what changes the session later gets an error', async () => {
    const { sessions } = slowSessions()
    for (const path of ['/page', '/page.data']) {
      const more = gate()
      const { send } = await site.open({
        middleware: strongroom(sessions),
        async page({ context }) {
          const session = await sessions.get(context)
          session.set('a', 1)
          const later = async () => {
            await more.opened
            try {
              session.set('b', 1)
            } catch (error) {
              return `${(error as { code: string }).code} ${session.get('a')}`
            }
          }
          return { later: later() }
        },
      })
      const response = await send(new Request(`http://localhost${path}`))
      const cookie = cookieOf(response)
      assert.equal((await sessions.read({ cookie })).get('a'), 1)
      more.open()
      assert.match(await response.text(), /STRONGROOM_CLOSED 1/)
      assert.equal((await sessions.read({ cookie })).get('b'), undefined)
    }
  })
})

suite('csrf(sessions)', { timeout: 20_000 }, () => {
  test('shows the boundary with a 403, before any loader or action runs', async () => {
    const { sessions } = slowSessions()
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const ran: string[] = []
    const noteRun = ({ request }: ActionFunctionArgs) => ran.push(request.url)
    const { ask } = await site.open({
      middleware: [...strongroom(sessions), csrf(sessions)],
      root: noteRun,
      action: noteRun,
      resource: noteRun,
    })
    const forged = { ...POST, headers: { 'sec-fetch-site': 'cross-site' } }
    for (const path of ['/page', '/page.data', '/resource']) {
      const page = await ask(path, cookie, forged)
      assert.equal(page.status, 403, path)
      assert.equal((page.errors[0] as { code?: string }).code, 'STRONGROOM_CSRF')
      assert.doesNotMatch(page.text, /sec-fetch-site/i)
    }
    assert.deepEqual(ran, [])
    const own = { ...POST, headers: { 'sec-fetch-site': 'same-origin' } }
    assert.equal((await ask('/page', cookie, own)).status, 200)
  })

  test('takes the token of a form, which the action can read again', async () => {
    const { sessions } = slowSessions()
    const { ask } = await site.open({
      middleware: [...strongroom(sessions), csrf(sessions)],
      root: async ({ context }) => ({ token: await sessions.csrfToken(context) }),
      resource: async ({ context }) => new Response(await sessions.csrfToken(context)),
      action: async ({ request }) => (await request.formData()).get('name'),
    })
    const form = await ask('/resource')
    const cookie = cookieOf(form)
    const body = new URLSearchParams({ name: 'ada', _csrf: form.text })
    const page = await ask('/page', cookie, { method: 'POST', body })
    assert.match(page.text, /\[null,&quot;ada&quot;\]/)
    assert.equal((await ask('/page', cookie, POST)).status, 403)
  })
})
