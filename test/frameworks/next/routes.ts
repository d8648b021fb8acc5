import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NextRequest } from 'next/server.js'
import { NotAttachedError } from '../../../packages/strongroom/src/errors.ts'
import {
  cookies,
  csrf,
  forbidden,
  notFound,
  permanentRedirect,
  read,
  redirect,
  unauthorized,
  withSessions,
} from './adapter.ts'
import type { BuiltShell, Shell } from './shell.ts'
import { siteOf } from './site.ts'

const THROWN: Readonly<Record<string, () => never>> = {
  redirect: () => redirect('/page/any?a=1;b=2#c'),
  permanentRedirect: () => permanentRedirect('https://shop.example/'),
  notFound,
  forbidden,
  unauthorized,
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

export function routes(built: () => BuiltShell): void {
  for (const [name, leave] of Object.entries(THROWN))
    test(`${name}() after a login keeps the login, and is what it is in a handler that is not wrapped`, async (t) => {
      const here = await siteOf(t, built(), (sessions) => {
        const wrapped = withSessions(sessions, async (request: NextRequest) => {
          const session = await sessions.get(request)
          if (request.nextUrl.pathname === '/who') return new Response(session.userId)
          session.login('ada')
          return leave()
        })
        const route: Shell['route'] = async (request) =>
          request.nextUrl.pathname === '/plain' ? leave() : wrapped(request)
        return { route }
      })
      for (const [method, headers] of [
        ['GET', {}],
        ['POST', {}],
        ['POST', FORM],
        ['PUT', FORM],
      ] as const) {
        const plain = await here.visitor().ask('/plain', { method, headers })
        const visitor = here.visitor()
        const page = await visitor.ask('/enter', { method, headers })
        assert.equal(page.status, plain.status)
        assert.equal(page.header('location'), plain.header('location'))
        assert.deepEqual(page.all('cache-control'), ['no-store'])
        assert.equal((await visitor.must('/who')).text, 'ada')
      }
    })

  test('a handler gets the request of Next, and its parameters', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      route: withSessions(sessions, async (request: NextRequest, { params }: { params: Promise<{ path: string[] }> }) =>
        Response.json([request.nextUrl.pathname, request.cookies.get('a')?.value, (await params).path]),
      ),
    }))
    const page = await here.visitor().ask('/here/and/there', { cookie: 'a=1' })
    assert.deepEqual(JSON.parse(page.text), ['/here/and/there', '1', ['here', 'and', 'there']])
  })

  test('cookies that a handler sets by the API of Next are sent beside ours', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      route: withSessions(sessions, async (request: NextRequest) => {
        const session = await sessions.get(request)
        const jar = await cookies()
        jar.set('theme', 'dark', { path: '/' })
        if (session.userId === null) session.login('ada', { remember: true })
        else session.logout()
        return new Response('')
      }),
    }))
    const visitor = here.visitor()
    for (const signedIn of [true, false]) {
      await visitor.must('/enter')
      assert.equal(visitor.jar.value('theme'), 'dark')
      assert.equal(visitor.jar.value(here.sessions.policy.cookieName) !== undefined, signedIn)
    }
  })

  test('in a wrapped handler, read() resolves to the session that the handler changes', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      route: withSessions(sessions, async (request: NextRequest) => {
        const session = await sessions.get(request)
        session.login('ada')
        return new Response(`${(await read(sessions)).userId} ${session === (await read(sessions))}`)
      }),
    }))
    assert.equal((await here.visitor().must('/enter')).text, 'ada true')
  })

  test('a handler that was wrapped twice has one session', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      route: withSessions(
        sessions,
        withSessions(sessions, async (request: NextRequest) => {
          ;(await sessions.get(request)).update('n', (n) => Number(n ?? 0) + 1)
          return redirect('/page/any')
        }),
      ),
    }))
    here.watch.calls.length = 0
    const page = await here.visitor().ask('/enter')
    assert.equal(page.status, 307)
    assert.equal(page.all('set-cookie').length, 1)
    assert.deepEqual(here.watch.calls, ['create'])
  })

  test('a handler that was not wrapped has no session, and is told what to do', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      async route(request) {
        const error: unknown = await sessions.get(request).catch((error: unknown) => error)
        assert.ok(error instanceof NotAttachedError)
        return new Response(error.message)
      },
    }))
    assert.match((await here.visitor().must('/enter')).text, /withSessions\(sessions, handler\)/)
  })

  test('a check for forged requests does not believe the protocol that a visitor writes', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      route: withSessions(sessions, async (request: NextRequest) => {
        await csrf(sessions)(request)
        return new Response('')
      }),
    }))
    const headers = { origin: here.url, 'x-forwarded-proto': 'https' }
    assert.equal((await here.visitor().ask('/change', { method: 'POST', headers })).status, 200)
    const forged = { ...headers, origin: 'https://evil.example' }
    assert.equal((await here.visitor().ask('/change', { method: 'POST', headers: forged })).status, 403)
  })

  test("what is made once for all visitors never has one visitor's session", async (t) => {
    let calls = 0
    const here = await siteOf(t, built(), (sessions) => ({
      route: withSessions(sessions, async (request: NextRequest) => {
        calls += 1
        ;(await sessions.get(request)).login('ada')
        return new Response('')
      }),
    }))
    // Built by a process that had no sessions; a handler that is called later is refused.
    const page = await here.visitor().ask('/static-route')
    assert.deepEqual(page.all('set-cookie'), [])
    assert.equal(calls, 0)
  })

  test('a wrapped handler can be called outside of Next', async (t) => {
    const { sessions } = await siteOf(t, built(), () => ({}))
    const handler = withSessions(sessions, async (request: Request) => {
      ;(await sessions.get(request)).login('ada')
      return redirect('/')
    })
    const response = await handler(new Request('http://localhost/'))
    assert.equal(response.status, 307)
    assert.equal(response.headers.getSetCookie().length, 1)
  })

  test('withSessions() refuses what is not sessions, no handler, and options that it does not have', async (t) => {
    const { sessions } = await siteOf(t, built(), () => ({}))
    const handler = async () => new Response('')
    assert.throws(() => withSessions({} as never, handler), { code: 'STRONGROOM_CONFIG' })
    assert.throws(() => withSessions(sessions, undefined as never), { code: 'STRONGROOM_CONFIG' })
    assert.throws(() => withSessions(sessions, handler, { onerror: () => {} } as never), /Did you mean "onError"/)
  })
}
