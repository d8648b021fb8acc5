import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProxyOptions } from '../../../packages/strongroom/src/adapters/next.ts'
import type { BaseSessions } from '../../../packages/strongroom/src/sessions.ts'
import type { Page } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import { action, cookies, flash, headers, NextResponse, read, redirect, strongroom, withSessions } from './adapter.ts'
import type { BuiltShell, Shell } from './shell.ts'
import { call, press, shown, siteOf, type Values } from './site.ts'

const DOCUMENT = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const MINUTE = 60_000

/** A site behind the proxy; `/enter` signs in, and `/page/NAME` says who is signed in, and shows the messages. */
const behind =
  (options: ProxyOptions | ((sessions: BaseSessions<Values>) => ProxyOptions) = {}) =>
  (sessions: BaseSessions<Values>): Partial<Shell> => ({
    proxy: strongroom(sessions, typeof options === 'function' ? options(sessions) : options),
    route: withSessions(sessions, async (request: Request) => {
      const session = await sessions.get(request)
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/enter') session.login('ada', { remember: searchParams.has('remember') })
      if (pathname === '/say') session.flash('note', searchParams.get('note'))
      return new Response(String(session.userId))
    }),
    action: action(sessions, (session) => session.flash('note', 'from an action')),
    page: async () => `${(await read(sessions)).userId} ${(await flash(sessions, 'note')).join('+')}`,
  })

const said = (page: Page) => shown(page, 'page')

export function proxies(built: () => BuiltShell): void {
  test('a visitor who only looks at pages stays signed in', async (t) => {
    for (const proxied of [true, false]) {
      const here = await siteOf(t, built(), (sessions) => {
        const shell = behind()(sessions)
        return proxied ? shell : { ...shell, proxy: () => undefined }
      })
      const visitor = here.visitor()
      await visitor.must('/enter')
      for (let visits = 0; visits < 4; visits += 1) {
        here.clock.advance(20 * MINUTE)
        assert.equal(said(await visitor.must('/page/any')), visits === 0 || proxied ? 'ada ' : 'null ')
      }
    }
  })

  test('a page, a route handler and an action see the cookie that the proxy has set for the same request', async (t) => {
    const here = await siteOf(t, built(), (sessions) => {
      const handler = async (request: Parameters<NonNullable<ProxyOptions['handler']>>[0]) => {
        ;(await sessions.get(request)).login('eve')
        return undefined
      }
      return {
        ...behind({ handler })(sessions),
        action: action(sessions, (session) => session.flash('note', session.userId)),
      }
    })
    assert.equal((await here.visitor().must('/enter-not')).text, 'eve')
    const page = await here.visitor().must('/page/any')
    assert.equal(said(page), 'eve ')
    assert.deepEqual(page.all('cache-control'), ['no-store'])
  })

  test('what is protected redirects visitors who are not signed in, however its path is written', async (t) => {
    const here = await siteOf(t, built(), behind({ signedIn: ['/page/mine'], signIn: '/page/login?then=%2F' }))
    const visitor = here.visitor()
    for (const path of [
      '/page/mine',
      '/page/mine/',
      '/page/mine?a=1',
      '/page/%6dine',
      '/page/./mine',
      '/page/mine/below',
    ]) {
      const page = await visitor.ask(path)
      assert.equal(page.status, path.endsWith('/') ? 308 : 307, path)
      if (path.endsWith('/')) continue
      assert.match(page.header('location') ?? '', /\/page\/login\?then=%2F$/)
      assert.deepEqual([page.all('cache-control'), page.all('vary')], [['no-store'], ['Cookie']])
    }
    assert.equal((await visitor.ask('/page/mine', { method: 'POST' })).status, 303)
    for (const path of ['/page/miner', '/page/login', '/mine'])
      assert.equal((await visitor.ask(path)).status, 200, path)
    await visitor.must('/enter')
    assert.equal(said(await visitor.must('/page/mine')), 'ada ')
  })

  test('what is protected may be said by functions', async (t) => {
    const here = await siteOf(
      t,
      built(),
      behind({
        signedIn: (request) => request.nextUrl.searchParams.has('mine'),
        signIn: (request) => new URL('/page/login', request.url),
      }),
    )
    assert.match((await here.visitor().ask('/page/any?mine')).header('location') ?? '', /\/page\/login$/)
    assert.equal((await here.visitor().ask('/page/any')).status, 200)
  })

  test('a flash message is shown once, by the page that is loaded next', async (t) => {
    const here = await siteOf(t, built(), behind({ flash: ['note'] }))
    const visitor = here.visitor()
    await visitor.must('/enter')
    await visitor.must('/say?note=one')
    await visitor.must('/say?note=two')
    const page = await visitor.ask('/page/any', { headers: DOCUMENT })
    assert.equal(said(page), 'ada one+two')
    assert.ok(!/strongroom-flash|x-middleware/.test(JSON.stringify(page)))
    for (const _ of [1, 2]) assert.equal(said(await visitor.ask('/page/any', { headers: DOCUMENT })), 'ada ')
  })

  test('a visitor who is not signed in sees a flash message once, too', async (t) => {
    const here = await siteOf(t, built(), behind({ flash: ['note'] }))
    const visitor = here.visitor()
    await visitor.must('/say?note=hello')
    assert.equal(said(await visitor.ask('/page/any', { headers: DOCUMENT })), 'null hello')
    assert.equal(said(await visitor.ask('/page/any', { headers: DOCUMENT })), 'null ')
  })

  test('what a browser fetches ahead, and what is no page, leaves a flash message', async (t) => {
    const here = await siteOf(t, built(), behind({ flash: ['note'] }))
    const visitor = here.visitor()
    await visitor.must('/say?note=hello')
    for (const headers of [
      { accept: '*/*', rsc: '1', 'next-router-prefetch': '1' },
      { ...DOCUMENT, 'sec-purpose': 'prefetch;prerender' },
      { ...DOCUMENT, purpose: 'prefetch' },
      { accept: 'image/avif,*/*' },
    ] as Readonly<Record<string, string>>[])
      await visitor.ask('/page/any', { headers })
    for (const method of ['POST', 'HEAD']) await visitor.ask('/page/any', { method, headers: DOCUMENT })
    assert.equal(said(await visitor.ask('/page/any', { headers: DOCUMENT })), 'null hello')
  })

  test('the page that an action redirects to shows its flash message, and no later one does', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      ...behind({ flash: ['note'] })(sessions),
      action: action(sessions, async (session) => {
        session.flash('note', 'saved')
        redirect('/page/other')
      }),
    }))
    const visitor = here.visitor()
    const page = await call(visitor, 'any')
    assert.match(page.text, /null saved/)
    assert.equal(said(await visitor.ask('/page/any', { headers: DOCUMENT })), 'null ')
    const posted = await press(visitor, 'any')
    assert.equal(posted.status, 303)
    assert.equal(said(await visitor.ask('/page/other', { headers: DOCUMENT })), 'null saved')
  })

  test('messages that somebody else made up, or that were made for another visitor, are not shown', async (t) => {
    const seen: string[] = []
    const here = await siteOf(t, built(), (sessions) => {
      const shell = behind({ flash: ['note'] })(sessions)
      return {
        ...shell,
        async page() {
          const given = (await headers()).get('x-strongroom-flash')
          if (given !== null) seen.push(given)
          return shell.page?.('any')
        },
      }
    })
    const visitor = here.visitor()
    await visitor.must('/enter')
    await visitor.must('/say?note=mine')
    await visitor.ask('/page/any', { headers: DOCUMENT })
    const [signed = ''] = seen
    assert.notEqual(signed, '')
    const other = here.visitor()
    await other.must('/enter')
    const made = JSON.stringify({ note: ['made up'] })
    for (const header of [signed, made, Buffer.from(made).toString('base64url'), ''])
      for (const headers of [DOCUMENT, { accept: '*/*' }]) {
        const asking = { headers: { ...headers, 'x-strongroom-flash': header } }
        assert.equal(said(await here.visitor().ask('/page/any', asking)), 'null ')
        assert.equal(said(await other.ask('/page/any', asking)), 'ada ')
      }
    // Nor to the same visitor, later.
    here.clock.advance(2 * MINUTE)
    const page = await visitor.ask('/page/any', { headers: { accept: '*/*', 'x-strongroom-flash': signed } })
    assert.equal(said(page), 'ada ')
  })

  test('messages that are too long for a header stay in the session, and others are shown', async (t) => {
    const here = await siteOf(t, built(), (sessions) => {
      const shell = behind({ flash: ['long', 'note'] })(sessions)
      return {
        ...shell,
        route: withSessions(sessions, async (request: Request) => {
          const session = await sessions.get(request)
          if (request.url.includes('/lengths'))
            return Response.json(
              session
                .flash('long')
                .map(String)
                .map(({ length }) => length),
            )
          session.flash('long', 'x'.repeat(2000))
          session.flash('long', 'y'.repeat(3000))
          session.flash('note', 'short')
          return new Response('')
        }),
      }
    })
    const visitor = here.visitor()
    await visitor.must('/say-all')
    assert.equal(said(await visitor.ask('/page/any', { headers: DOCUMENT })), 'null short')
    assert.deepEqual(JSON.parse((await visitor.must('/lengths')).text), [2000, 3000])
  })

  test('a page that is the same for all visitors stays in caches, unless a cookie goes with it', async (t) => {
    const here = await siteOf(t, built(), behind(), { saveEveryRequest: false })
    const visitor = here.visitor()
    await visitor.must('/enter?remember')
    for (const asking of [here.visitor(), visitor]) {
      const page = await asking.must('/static')
      assert.match(page.header('cache-control') ?? '', /s-maxage/)
      assert.deepEqual([page.all('vary'), page.all('set-cookie')], [[], []])
    }
    const always = await siteOf(t, built(), behind(), { saveEveryRequest: true })
    const other = always.visitor()
    await other.must('/enter')
    const page = await other.must('/static')
    assert.equal(page.all('set-cookie').length, 1)
    assert.deepEqual(page.all('cache-control'), ['no-store'])
  })

  test('while the store is down, pages that need no session are shown, and nothing that is protected is', async (t) => {
    const here = await siteOf(t, built(), behind({ signedIn: ['/page/mine'], signIn: '/page/login', flash: ['note'] }))
    const visitor = here.visitor()
    await visitor.must('/enter')
    here.watch.before = () => {
      throw new Error('secretPlan failed')
    }
    assert.equal((await visitor.must('/static')).all('set-cookie').length, 0)
    const page = await visitor.ask('/page/mine')
    assert.equal(page.status, 503)
    assert.doesNotMatch(page.text, /secretPlan/)
    here.watch.before = null
    assert.equal(said(await visitor.must('/page/mine')), 'ada ')
  })

  test('the proxy of the application has its way: responses, headers for pages, rewrites', async (t) => {
    const here = await siteOf(t, built(), (sessions) => {
      const handler: ProxyOptions['handler'] = async (request) => {
        const { pathname } = request.nextUrl
        if (pathname === '/own') return Response.json({ own: (await sessions.get(request)).userId })
        if (pathname === '/moved') return NextResponse.rewrite(new URL('/page/any', request.url))
        const headers = new Headers(request.headers)
        headers.set('x-mine', 'yes')
        headers.delete('x-theirs')
        ;(await sessions.get(request)).renew()
        return NextResponse.next({ request: { headers }, headers: { 'x-out': 'yes' } })
      }
      return {
        ...behind({ handler })(sessions),
        async page() {
          const given = await headers()
          return `${(await read(sessions)).userId} ${given.get('x-mine')} ${given.get('x-theirs')}`
        },
      }
    })
    const visitor = here.visitor()
    await visitor.must('/enter')
    assert.deepEqual(JSON.parse((await visitor.must('/own')).text), { own: 'ada' })
    assert.equal(said(await visitor.must('/moved')), 'ada null null')
    const page = await visitor.ask('/page/any', { headers: { 'x-theirs': 'no' } })
    assert.equal(said(page), 'ada yes null')
    assert.equal(page.header('x-out'), 'yes')
  })

  for (const how of ['by the API of Next', 'on the response'])
    test(`cookies that the proxy of the application sets ${how} are sent beside ours`, async (t) => {
      const here = await siteOf(
        t,
        built(),
        behind((sessions) => ({
          async handler(request) {
            ;(await sessions.get(request)).login('eve')
            if (how === 'by the API of Next') (await cookies()).set('theme', 'dark', { path: '/' })
            const response = NextResponse.next()
            if (how === 'on the response') response.cookies.set('theme', 'dark', { path: '/' })
            return response
          },
        })),
      )
      const visitor = here.visitor()
      assert.equal(said(await visitor.must('/page/any')), 'eve ')
      assert.equal(visitor.jar.value('theme'), 'dark')
      assert.ok(visitor.jar.value(here.sessions.policy.cookieName))
    })

  test('a proxy that throws saves nothing but a logout', async (t) => {
    const here = await siteOf(
      t,
      built(),
      behind((sessions) => ({
        async handler(request) {
          if (request.nextUrl.pathname !== '/fails') return undefined
          ;(await sessions.get(request)).logout()
          throw new Error('secretPlan failed')
        },
      })),
    )
    const visitor = here.visitor()
    await visitor.must('/enter')
    const cookie = visitor.jar.header() ?? ''
    const page = await visitor.ask('/fails')
    assert.equal(page.status, 500)
    assert.doesNotMatch(page.text, /secretPlan/)
    assert.equal(said(await visitor.ask('/page/any', { cookie })), 'null ')
  })

  test('wrong options of the proxy are refused when it is made', async (t) => {
    const { sessions } = await siteOf(t, built(), () => ({}))
    assert.throws(() => strongroom({} as never), /takes sessions/)
    for (const [options, message] of [
      [{ signedin: ['/a'] }, /Did you mean "signedIn"/],
      [{ signedIn: ['/a'] }, /signIn: '\/login'/],
      [{ signedIn: ['a'], signIn: '/login' }, /begins with '\/'/],
      [{ signedIn: '/a', signIn: '/login' }, /takes paths/],
      [{ signedIn: ['/a'], signIn: 'login' }, /begins with '\/'/],
      [{ signedIn: ['/a'], signIn: '//evil.example' }, /begins with '\/'/],
      [{ signedIn: ['/'], signIn: '/login' }, /nobody could reach it/],
      [{ signedIn: ['/a'], signIn: '/a/login' }, /nobody could reach it/],
      [{ flash: 'note' }, /names of flash messages/],
      [{ handler: {} }, /must be a function/],
    ] as const)
      assert.throws(() => strongroom(sessions, options as never), message)
  })
}
