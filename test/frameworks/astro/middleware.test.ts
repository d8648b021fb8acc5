import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { APIContext } from 'astro'
import { csrf, type PendingSession, strongroom } from '../../../packages/strongroom/src/adapters/astro.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, type StrongroomError } from '../../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../../packages/strongroom/src/options.ts'
import { type BaseSessions, createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import { http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { type Built, built, type Site } from './built.ts'

type Values = Record<string, unknown>

interface Here {
  readonly sessions: BaseSessions<Values>
  readonly watch: ReturnType<typeof watched>
  visitor(): Visitor
}

type Pages = (here: { readonly sessions: BaseSessions<Values> }) => Partial<Site>

/** As an application reads them, which has declared `App.Locals`. */
const sessionOf = ({ locals }: { readonly locals: object }) => (locals as { readonly session: PendingSession }).session

suite('Astro', { timeout: 120_000 }, () => {
  let app: Built
  before(async () => {
    app = await built(join(import.meta.dirname, 'app'))
  })
  after(() => app.remove())

  async function site(
    t: TestContext,
    pages: Pages = () => ({}),
    options: Pick<SessionsOptions, 'address'> = {},
  ): Promise<Here> {
    const watch = watched(memory())
    const sessions = createSessions<Values>({
      ...options,
      store: watch.store,
      secrets: randomBytes(32),
      sweep: false,
      on: () => {},
    })
    const server = await app.serve({ middleware: [strongroom(sessions)], respond: standard, ...pages({ sessions }) })
    const client = http1(server.url)
    t.after(async () => {
      client.close()
      await server.close()
      await sessions.close()
    })
    return { sessions, watch, visitor: () => new Visitor(client) }
  }

  async function standard(context: APIContext): Promise<Response> {
    const { url } = context
    const session = await sessionOf(context)
    if (url.pathname === '/set') for (const [key, value] of url.searchParams) session.set(key, value)
    if (url.pathname === '/login') session.login('ada')
    const values = session.keys().map((key) => [key, session.get(key)])
    return Response.json({ userId: session.userId, ...Object.fromEntries(values) })
  }

  const down = ({ watch }: Here) => {
    watch.before = () => {
      throw new Error('no connection to secretPlan')
    }
  }

  test('a list of devices has the address that Astro knows', async (t) => {
    const address = ({ clientAddress }: APIContext) => clientAddress
    const { sessions, visitor } = await site(t, undefined, { address })
    await visitor().must('/login')
    const { of } = sessions as Sessions<Values>
    assert.equal((await of('ada').list())[0]?.address, '127.0.0.0/24')
  })

  suite('pages', () => {
    test('have the session in Astro.locals, and by sessions.get(Astro)', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        async page(Astro) {
          const session = await sessionOf(Astro)
          assert.equal(await sessions.get(Astro), session)
          assert.equal(await sessions.get(Astro.request), session)
          return session.update('visits', (visits = 0) => Number(visits) + 1)
        },
      }))
      const ada = visitor()
      for (const visits of [1, 2]) assert.match((await ada.must('/page')).text, new RegExp(`page: ${visits}<`))
    })

    test('that redirect after a login keep it', async (t) => {
      const { visitor } = await site(t, () => ({
        async page(Astro) {
          const session = await sessionOf(Astro)
          session.login('ada')
          return Astro.redirect('/read', 303)
        },
      }))
      const ada = visitor()
      assert.equal((await ada.ask('/page')).status, 303)
      assert.deepEqual(await ada.facts(), { userId: 'ada' })
    })

    test('keep the headers and cookies of the application beside ours', async (t) => {
      const { visitor } = await site(t, () => ({
        async page(Astro) {
          const session = await sessionOf(Astro)
          session.set('a', 1)
          Astro.response.headers.set('cache-control', 'public, max-age=600')
          Astro.cookies.set('theme', 'dark', { path: '/' })
        },
      }))
      const page = await visitor().must('/page')
      assert.equal(page.header('cache-control'), 'no-store')
      assert.equal(page.all('set-cookie').length, 2)
    })

    test('may be followed by components that read the session, and not by components that change it', async (t) => {
      const { visitor } = await site(t, () => ({
        async page(Astro) {
          const session = await sessionOf(Astro)
          session.set('early', 'yes')
        },
        async part(Astro) {
          await turn()
          const session = await sessionOf(Astro)
          assert.equal(session.get('early'), 'yes')
          try {
            session.set('late', true)
          } catch (error) {
            return (error as StrongroomError).code
          }
        },
      }))
      const ada = visitor()
      assert.match((await ada.must('/layout')).text, /part: STRONGROOM_CLOSED/)
      assert.deepEqual(await ada.facts(), { userId: null, early: 'yes' })
    })

    test('wait for their components without streaming, which can then change the session', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        middleware: [strongroom(sessions, { streaming: false })],
        async layout(Astro) {
          await turn()
          const session = await sessionOf(Astro)
          session.set('late', 'yes')
        },
        async part(Astro) {
          await turn()
          if (Astro.url.searchParams.has('fails')) throw new Error('secretPlan failed')
          return 'there'
        },
      }))
      const ada = visitor()
      const page = await ada.must('/layout')
      assert.match(page.text, /part: there/)
      assert.equal(page.header('vary'), 'Cookie')
      assert.deepEqual(await ada.facts(), { userId: null, late: 'yes' })
      const eve = visitor()
      const failed = await eve.ask('/layout?fails')
      assert.equal(failed.status, 500)
      assert.doesNotMatch(failed.text, /secretPlan/)
      assert.deepEqual(await eve.facts(), { userId: null })
    })

    test('end in the middle when a component changes the session too late, and nothing of that is saved', async (t) => {
      const { visitor } = await site(t, () => ({
        async page(Astro) {
          const session = await sessionOf(Astro)
          session.set('early', 'yes')
        },
        async part(Astro) {
          await turn()
          const session = await sessionOf(Astro)
          session.set('late', true)
        },
      }))
      const ada = visitor()
      await ada.must('/set?a=1')
      await assert.rejects(ada.ask('/layout'), { code: 'ECONNRESET' })
      assert.deepEqual(await ada.facts(), { userId: null, a: '1', early: 'yes' })
    })

    test('of status 404 without a body save the session, and 404.astro may read it', async (t) => {
      const { visitor, watch } = await site(t, () => ({
        async page(Astro) {
          const session = await sessionOf(Astro)
          session.set('missed', Astro.url.pathname)
          return new Response(null, { status: 404 })
        },
        notFound: async (Astro) => String((await sessionOf(Astro)).get('missed')),
      }))
      const ada = visitor()
      const page = await ada.ask('/page')
      assert.equal(page.status, 404)
      assert.match(page.text, /not found: \/page/)
      assert.deepEqual(watch.calls, ['create'])
      assert.deepEqual(await ada.facts(), { userId: null, missed: '/page' })
    })

    test('that are rewritten have the session of the first one, which is saved once', async (t) => {
      for (const how of ['rewrite', 'next'] as const) {
        const { visitor, watch } = await site(t, ({ sessions }) => ({
          middleware: [
            strongroom(sessions),
            async (context: APIContext, next: (payload?: string) => Promise<Response>) => {
              if (context.url.pathname !== '/old') return next()
              const session = await sessionOf(context)
              session.set('from', 'old')
              return how === 'next' ? next('/rewritten') : context.rewrite('/rewritten')
            },
          ],
          async rewritten(Astro) {
            const session = await sessions.get(Astro)
            assert.equal(await sessionOf(Astro), session)
            return String(session.set('to', 'rewritten').get('from'))
          },
        }))
        const ada = visitor()
        const page = await ada.must('/old')
        assert.match(page.text, /rewritten: old/)
        assert.equal(page.all('set-cookie').length, 1)
        assert.deepEqual(watch.calls, ['create'])
        assert.deepEqual(await ada.facts(), { userId: null, from: 'old', to: 'rewritten' })
      }
    })

    test('for errors can read the session, and cannot save what has failed', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        middleware: [
          strongroom(sessions),
          async (_: APIContext, next: () => Promise<Response>) => {
            const response = await next()
            response.headers.set('x-after', 'yes')
            return response
          },
        ],
        async page(Astro) {
          const session = await sessionOf(Astro)
          session.set('half', true)
          if (Astro.url.searchParams.has('logout')) session.logout()
          throw new Error('secretPlan failed')
        },
        failed: async (Astro) => String((await sessionOf(Astro)).get('a')),
      }))
      const ada = visitor()
      await ada.must('/set?a=kept')
      const page = await ada.ask('/page')
      assert.equal(page.status, 500)
      assert.match(page.text, /failed: kept/)
      assert.equal(page.header('x-after'), 'yes')
      assert.deepEqual(await ada.facts(), { userId: null, a: 'kept' })
      await ada.ask('/page?logout')
      assert.deepEqual(await ada.facts(), { userId: null })
    })

    test('for errors that change the session get Astro’s plain response, and nothing is saved', async (t) => {
      const { visitor } = await site(t, () => ({
        async page() {
          throw new Error('secretPlan failed')
        },
        failed: async (Astro) => {
          const session = await sessionOf(Astro)
          session.set('b', 1)
        },
      }))
      const ada = visitor()
      await ada.must('/set?a=kept')
      const page = await ada.ask('/page')
      assert.equal(page.status, 500)
      assert.doesNotMatch(page.text, /secretPlan/)
      assert.deepEqual(await ada.facts(), { userId: null, a: 'kept' })
    })

    test('islands have the session of the request that asks for them', async (t) => {
      const { visitor } = await site(t, () => ({
        async island(Astro) {
          const session = await sessionOf(Astro)
          session.set('island', 'seen')
          return session.userId
        },
      }))
      const ada = visitor()
      await ada.must('/login')
      const { text } = await ada.must('/page')
      const address = /"(\/_server-islands\/[^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&') as string
      assert.match((await ada.must(address)).text, /island: ada/)
      assert.deepEqual(await ada.facts(), { userId: 'ada', island: 'seen' })
    })
  })

  suite('actions', () => {
    const submit = (visitor: Visitor) =>
      visitor.ask('/page?_action=change', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' },
        body: 'name=ada',
      })
    const call = (visitor: Visitor) =>
      visitor.ask('/_actions/ask', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })

    for (const [title, act] of [
      ['of a form', submit],
      ['of a script', call],
    ] as const) {
      test(`${title} keep a login`, async (t) => {
        const { visitor } = await site(t, () => ({
          async action(context) {
            const session = await sessionOf(context)
            session.login('ada')
          },
        }))
        const ada = visitor()
        assert.ok((await act(ada)).status < 300)
        assert.deepEqual(await ada.facts(), { userId: 'ada' })
      })

      test(`${title} that throw save nothing, and those with an ActionError below 500 do`, async (t) => {
        let code: string | null = null
        const { visitor } = await site(t, ({ sessions }) => ({
          async action(context, ActionError) {
            const session = await sessions.get(context)
            session.set('attempts', 1)
            if (code !== null) throw new ActionError({ code })
            throw new Error('failed')
          },
        }))
        const ada = visitor()
        assert.equal((await act(ada)).status, 500)
        assert.deepEqual(await ada.facts(), { userId: null })
        code = 'UNAUTHORIZED'
        assert.equal((await act(ada)).status, 401)
        assert.deepEqual(await ada.facts(), { userId: null, attempts: 1 })
      })

      test(`${title} have the status of a store that is down`, async (t) => {
        const here = await site(t, () => ({ action: async (context) => (await sessionOf(context)).userId }))
        const ada = here.visitor()
        await ada.must('/login')
        down(here)
        const page = await act(ada)
        assert.equal(page.status, 503)
        here.watch.before = null
        assert.deepEqual(await ada.facts(), { userId: 'ada' })
      })
    }

    test('in production show a script nothing of what a store has said', async (t) => {
      const here = await site(t, () => ({ action: async (context) => (await sessionOf(context)).userId }))
      const ada = here.visitor()
      await ada.must('/login')
      down(here)
      const { env } = process
      const before = env.NODE_ENV
      env.NODE_ENV = 'production'
      const { text } = await call(ada).finally(() => {
        if (before === undefined) delete env.NODE_ENV
        else env.NODE_ENV = before
      })
      const { type, code, message } = JSON.parse(text)
      assert.deepEqual([type, code, message], ['AstroActionError', 'SERVICE_UNAVAILABLE', 'Service Unavailable'])
    })
  })

  suite('middleware', () => {
    test('mounted twice, it is one session, saved once', async (t) => {
      const { visitor, watch } = await site(t, ({ sessions }) => ({
        middleware: [strongroom(sessions), strongroom(sessions)],
      }))
      const ada = visitor()
      assert.equal((await ada.must('/set?a=1')).all('set-cookie').length, 1)
      assert.deepEqual(watch.calls, ['create'])
      await ada.must('/set?a=2')
      assert.deepEqual(await ada.facts(), { userId: null, a: '2' })
    })

    test('locals that several requests share are refused, and show nobody another one’s session', async (t) => {
      for (const local of ['session', false] as const) {
        const { visitor } = await site(t, ({ sessions }) => ({
          locals: {},
          middleware: [strongroom(sessions, { local })],
          async respond(context) {
            const session = await sessions.get(context)
            session.login('ada')
            return new Response(session.userId)
          },
        }))
        assert.equal((await visitor().must('/')).text, 'ada')
        const page = await visitor().ask('/')
        assert.equal(page.status, 500)
        assert.doesNotMatch(page.text, /ada/)
      }
    })

    test('a name in the locals that is taken is told', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        locals: { session: 'of another' },
        middleware: [
          async (_: APIContext, next: () => Promise<Response>) =>
            next().catch((error: Error) => new Response(`${error.name}: ${error.message}`)),
          strongroom(sessions),
        ],
      }))
      assert.match((await visitor().must('/read')).text, /ConfigError: Astro\.locals\.session is taken/)
    })

    test('onError makes the response to what has failed', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        middleware: [
          strongroom(sessions, { local: 'visitor', onError: ({ code }) => new Response(code, { status: 418 }) }),
        ],
        async respond({ locals }) {
          const session = await (locals as never as { visitor: PendingSession }).visitor
          session.set('odd', 1n)
          return new Response('saved')
        },
      }))
      const page = await visitor().ask('/odd')
      assert.deepEqual([page.status, page.text], [418, 'STRONGROOM_DATA'])
    })

    test('a session that did not come through ours is refused', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        middleware: [],
        respond: async (context) =>
          sessions.get(context).then(
            () => new Response('there'),
            ({ code }) => new Response(code),
          ),
      }))
      assert.equal((await visitor().must('/read')).text, 'STRONGROOM_NOT_ATTACHED')
    })

    test('csrf refuses a request of another site with a 403', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({ middleware: [strongroom(sessions), csrf(sessions)] }))
      const ada = visitor()
      await ada.must('/login')
      const headers = { 'content-type': 'application/json', origin: 'https://evil.example' }
      assert.equal((await ada.ask('/set?forged=1', { method: 'PUT', headers, body: '{}' })).status, 403)
      assert.deepEqual(await ada.facts(), { userId: 'ada' })
    })
  })
})

test('wrong options are refused when the middleware is made', () => {
  const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
  for (const [make, message] of [
    [() => strongroom(undefined as never), /export const onRequest = strongroom\(sessions\)/],
    [() => strongroom(sessions, { locals: 'session' } as never), /Unknown option "locals".*Did you mean "local"/],
    [() => strongroom(sessions, { local: '' }), /"local"/],
    [() => strongroom(sessions, { streaming: 'no' as never }), /streaming/],
    [() => strongroom(sessions, { onError: 'page' as never }), /"onError"/],
    [() => csrf(sessions, { origins: [] } as never), /Unknown option "origins"/],
  ] as const)
    assert.throws(make, (error: Error) => error instanceof ConfigError && message.test(error.message))
})
