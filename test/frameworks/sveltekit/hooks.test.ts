import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import type { RequestEvent } from '@sveltejs/kit'
import { csrf, type PendingSession, strongroom } from '../../../packages/strongroom/src/adapters/sveltekit.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StrongroomError } from '../../../packages/strongroom/src/errors.ts'
import { type BaseSessions, createSessions } from '../../../packages/strongroom/src/sessions.ts'
import { http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { gate } from '../../../packages/strongroom/src/testing/adapter/gate.ts'
import { Visitor } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { type Built, built, type Kit, type Site } from './built.ts'

type Values = Record<string, unknown>

interface Here {
  readonly sessions: BaseSessions<Values>
  readonly watch: ReturnType<typeof watched>
  readonly origin: string
  visitor(): Visitor
}

/** The application with these pages, and `/read` and `/set`. Its sessions are handed to a function that says which pages those are. */
type Pages = (here: { readonly sessions: BaseSessions<Values> }) => Partial<Site>

/** As an application reads them, which has declared `App.Locals`. */
const sessionOf = ({ locals }: { readonly locals: object }) => (locals as { readonly session: PendingSession }).session

const FORM = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' }
const ENHANCED = { ...FORM, accept: 'application/json', 'x-sveltekit-action': 'true' }

suite('SvelteKit', { timeout: 120_000 }, () => {
  let app: Built
  before(async () => {
    app = await built(join(import.meta.dirname, 'app'))
  })
  after(() => app.remove())

  async function site(t: TestContext, pages: Pages = () => ({})): Promise<Here> {
    const watch = watched(memory())
    const sessions = createSessions<Values>({
      store: watch.store,
      secrets: randomBytes(32),
      sweep: false,
      on: () => {},
    })
    const server = await app.serve({
      handles: [strongroom(sessions)],
      respond: (event) => standard(event),
      ...pages({ sessions }),
    })
    const client = http1(server.url)
    t.after(async () => {
      client.close()
      await server.close()
      await sessions.close()
    })
    return { sessions, watch, origin: server.url, visitor: () => new Visitor(client) }
  }

  async function standard({ url, locals }: RequestEvent): Promise<Response> {
    const session = await sessionOf({ locals })
    if (url.pathname === '/set') for (const [key, value] of url.searchParams) session.set(key, value)
    if (url.pathname === '/login') session.login('ada')
    return Response.json({
      userId: session.userId,
      ...Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
    })
  }

  const post = (visitor: Visitor, path: string, headers: Readonly<Record<string, string>> = FORM) =>
    visitor.ask(path, { method: 'POST', headers, body: 'name=ada' })

  /** The address of a remote function, and a call of it as SvelteKit's client makes it. */
  function call(visitor: Visitor, name: string, origin: string) {
    const hash = /'(\w+)': __memo\(\(\) => import\('\.\/chunks\/remote-/.exec(
      readFileSync(join(app.folder, 'build', 'server', 'manifest.js'), 'utf8'),
    )?.[1]
    const path = `/_app/remote/${hash}/${name}`
    if (name === 'ask') return visitor.ask(path)
    const headers = {
      origin,
      'content-type': 'application/json',
      'x-sveltekit-pathname': '/remote',
      'x-sveltekit-search': '',
    }
    return visitor.ask(path, { method: 'POST', headers, body: '{"payload":"","refreshes":[]}' })
  }

  suite('form actions', () => {
    test('a login that redirects is kept, with and without scripts', async (t) => {
      for (const headers of [FORM, ENHANCED]) {
        const { visitor } = await site(t, () => ({
          async action({ locals }, { redirect }) {
            const session = await sessionOf({ locals })
            session.login('ada')
            redirect(303, '/read')
          },
        }))
        const ada = visitor()
        const page = await post(ada, '/page', headers)
        assert.equal(page.status, headers === FORM ? 303 : 200)
        assert.deepEqual(await ada.facts(), { userId: 'ada' })
      }
    })

    test('what fail() says is saved, as in any response below 500', async (t) => {
      for (const headers of [FORM, ENHANCED]) {
        const { visitor } = await site(t, () => ({
          async action({ locals }, { fail }) {
            const session = await sessionOf({ locals })
            session.set('attempts', 1)
            return fail(400, { wrong: true })
          },
        }))
        const ada = visitor()
        assert.match((await post(ada, '/page', headers)).text, /wrong/)
        assert.deepEqual(await ada.facts(), { userId: null, attempts: 1 })
      }
    })

    for (const [title, fails] of [
      ['error(500)', (kit: { error(status: number): never }) => kit.error(500)],
      [
        'an exception',
        () => {
          throw new Error('secretPlan failed')
        },
      ],
    ] as const)
      test(`after ${title} nothing is saved but a logout`, async (t) => {
        for (const headers of [FORM, ENHANCED]) {
          const { visitor } = await site(t, () => ({
            handleError: () => {},
            async action({ url, locals }, kit) {
              const session = await sessionOf({ locals })
              session.set('half', true)
              if (url.searchParams.has('logout')) session.logout()
              fails(kit)
            },
          }))
          const ada = visitor()
          await ada.must('/login')
          const page = await post(ada, '/page', headers)
          assert.equal(page.status, 500)
          assert.doesNotMatch(page.text, /secretPlan/)
          assert.deepEqual(await ada.facts(), { userId: 'ada' })
          await post(ada, '/page?logout', headers)
          assert.deepEqual(await ada.facts(), { userId: null })
        }
      })

    test('when the session cannot be saved, SvelteKit’s client gets JSON with the status, and others a line', async (t) => {
      const { visitor } = await site(t, () => ({
        async action({ locals }) {
          const session = await sessionOf({ locals })
          session.set('large', 'x'.repeat(100_000))
          return { saved: true }
        },
      }))
      const plain = await post(visitor(), '/page')
      assert.equal(plain.status, 500)
      assert.match(plain.header('content-type') ?? '', /^text\/plain/)
      assert.doesNotMatch(plain.text, /saved":true/)
      const enhanced = await post(visitor(), '/page', ENHANCED)
      assert.equal(enhanced.status, 500)
      const { type, status, error } = JSON.parse(enhanced.text)
      // Without the type, use:enhance of SvelteKit 2 shows no error, and the visitor believes that it was saved.
      assert.deepEqual([type, status, error.status, typeof error.message], ['error', 500, 500, 'string'])
      assert.deepEqual(enhanced.all('set-cookie'), [])
    })
  })

  suite('load functions', () => {
    test('a change in a load function is saved, for a page and for its data', async (t) => {
      for (const path of ['/page', '/page/__data.json']) {
        const { visitor } = await site(t, () => ({
          async load({ locals }) {
            const session = await sessionOf({ locals })
            return { visits: session.update('visits', (visits = 0) => Number(visits) + 1) }
          },
        }))
        const ada = visitor()
        await ada.must(path)
        await ada.must(path)
        assert.deepEqual(await ada.facts(), { userId: null, visits: 2 })
      }
    })

    test('a load function that throws saves nothing, although its data has status 200', async (t) => {
      const { visitor } = await site(t, () => ({
        handleError: () => {},
        async load({ url, locals }, { error }) {
          const session = await sessionOf({ locals })
          session.set('half', url.search)
          error(url.searchParams.has('found') ? 500 : 404)
        },
      }))
      const ada = visitor()
      assert.equal((await ada.ask('/page?found')).status, 500)
      assert.equal((await ada.ask('/page/__data.json?found')).status, 200)
      assert.deepEqual(await ada.facts(), { userId: null })
      assert.equal((await ada.ask('/page/__data.json')).status, 200)
      assert.deepEqual(await ada.facts(), { userId: null, half: '' })
    })

    test('a streamed promise gets an error when it changes the session, and may read it', async (t) => {
      for (const path of ['/page', '/page/__data.json']) {
        const { visitor } = await site(t, () => ({
          handleError: ({ error }) => ({ message: (error as { code?: string }).code ?? 'other' }),
          async load({ locals }) {
            const session = await sessionOf({ locals })
            session.set('early', 'yes')
            const later = new Promise((resolve) => setImmediate(resolve))
            return {
              late: later.then(() => {
                assert.equal(session.get('early'), 'yes')
                session.set('late', true)
              }),
            }
          },
        }))
        const ada = visitor()
        assert.match((await ada.must(path)).text, /STRONGROOM_CLOSED/)
        assert.deepEqual(await ada.facts(), { userId: null, early: 'yes' })
      }
    })

    test('headers of the application stay beside ours, and no shared cache gets the cookie', async (t) => {
      const { visitor } = await site(t, () => ({
        async load({ locals, setHeaders, cookies }) {
          const session = await sessionOf({ locals })
          session.set('a', 1)
          setHeaders({ 'cache-control': 'public, max-age=600', 'x-other': 'yes', vary: 'accept-language' })
          cookies.set('theme', 'dark', { path: '/' })
        },
      }))
      const page = await visitor().must('/page')
      assert.equal(page.header('cache-control'), 'no-store')
      assert.equal(page.header('vary'), 'accept-language, Cookie')
      assert.equal(page.header('x-other'), 'yes')
      assert.equal(page.all('set-cookie').length, 2)
    })
  })

  suite('remote functions', () => {
    test('a query, a command and a form have the session of their request', async (t) => {
      const { visitor, origin } = await site(t, ({ sessions }) => ({
        remote: {
          ask: async (event) => (await sessions.get(event)).userId,
          async change({ locals }) {
            const session = await sessionOf({ locals })
            session.login('ada')
            return 'done'
          },
        },
      }))
      const ada = visitor()
      assert.match((await call(ada, 'ask', origin)).text, /null/)
      assert.match((await call(ada, 'change', origin)).text, /done/)
      assert.match((await call(ada, 'ask', origin)).text, /ada/)
    })

    test('a command that throws saves nothing, although its response has status 200', async (t) => {
      const { visitor, origin } = await site(t, () => ({
        handleError: () => {},
        remote: {
          async change({ locals }) {
            const session = await sessionOf({ locals })
            session.set('half', true)
            throw new Error('secretPlan failed')
          },
        },
      }))
      const ada = visitor()
      await ada.must('/set?a=1')
      const page = await call(ada, 'change', origin)
      assert.equal(page.status, 200)
      assert.doesNotMatch(page.text, /secretPlan/)
      assert.deepEqual(await ada.facts(), { userId: null, a: '1' })
    })

    test('a command whose session cannot be saved is told as SvelteKit tells its client', async (t) => {
      const { visitor, origin } = await site(t, () => ({
        remote: {
          async change({ locals }) {
            const session = await sessionOf({ locals })
            session.set('large', 'x'.repeat(100_000))
            return 'done'
          },
        },
      }))
      const page = await call(visitor(), 'change', origin)
      assert.equal(page.status, 500)
      const { type, error } = JSON.parse(page.text)
      assert.deepEqual([type, error.status], ['error', 500])
    })
  })

  suite('requests of the application to itself', () => {
    test('have the session of the page, changes included, which is saved once', async (t) => {
      const { visitor, watch } = await site(t, ({ sessions }) => ({
        async load({ locals, fetch }) {
          const session = await sessionOf({ locals })
          session.set('page', 'first')
          const inner = await fetch('/inner', { method: 'POST' })
          return { inner: await inner.json(), basket: session.get('basket') }
        },
        async respond(event) {
          if (event.url.pathname !== '/inner') return standard(event)
          const session = await sessions.get(event)
          return Response.json({ seen: session.set('basket', 'tea').get('page') })
        },
      }))
      const ada = visitor()
      await ada.must('/set?a=1')
      watch.calls.length = 0
      const page = await ada.must('/page')
      assert.deepEqual(watch.calls, ['read', 'update'])
      assert.match(page.text, /"seen":"first"/)
      assert.match(page.text, /"basket":"tea"/)
      assert.deepEqual(await ada.facts(), { userId: null, a: '1', page: 'first', basket: 'tea' })
    })

    test('may begin the session, or end it', async (t) => {
      const { visitor } = await site(t, () => ({
        async load({ fetch, url }) {
          return { inner: await (await fetch(url.searchParams.get('to') as string)).json() }
        },
        async respond(event) {
          if (event.url.pathname === '/logout') (await sessionOf(event)).logout()
          return standard(event)
        },
      }))
      const ada = visitor()
      const page = await ada.must('/page?to=/login')
      assert.equal(page.all('set-cookie').length, 1)
      assert.deepEqual(await ada.facts(), { userId: 'ada' })
      await ada.must('/page?to=/logout')
      assert.equal(ada.jar.header(), undefined)
      assert.deepEqual(await ada.facts(), { userId: null })
    })

    test('have no session when they are made without the visitor’s cookie, or with that of another', async (t) => {
      let other = ''
      const { visitor } = await site(t, () => ({
        async load({ fetch }) {
          const without = await fetch('/read', { credentials: 'omit' })
          const theirs = await fetch('/read', { headers: { cookie: other } })
          return { without: await without.json(), theirs: await theirs.json() }
        },
      }))
      const [ada, eve] = [visitor(), visitor()]
      await ada.must('/login')
      await eve.must('/set?of=eve')
      other = eve.jar.header() ?? ''
      const { text } = await ada.must('/page')
      assert.match(text, /"without":\{"userId":null\}/)
      assert.match(text, /"theirs":\{"userId":null,"of":"eve"\}/)
    })

    test('that are one Request object, sent for two visitors in parallel, have each their own', async (t) => {
      const [asked, eveIsDone] = [gate(), gate()]
      let request: Request | undefined
      const { visitor } = await site(t, () => ({
        async load({ fetch, url }) {
          const isFirst = request === undefined
          request ??= new Request(new URL('/read', url))
          // SvelteKit writes the cookie into it.
          request.headers.delete('cookie')
          const inner = await (await fetch(request)).json()
          asked.open()
          if (isFirst) await eveIsDone.opened
          return { inner }
        },
      }))
      const [ada, eve] = [visitor(), visitor()]
      await ada.must('/login')
      await eve.must('/set?of=eve')
      const first = ada.must('/page')
      await asked.opened
      const second = await eve.must('/page').finally(eveIsDone.open)
      assert.match((await first).text, /"userId":"ada"/)
      assert.match(second.text, /"inner":\{"userId":null,"of":"eve"\}/)
    })

    test('come with an event in handleFetch that has the session, too', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        load: async ({ fetch }) => ({ inner: await (await fetch('/read')).json() }),
        async handleFetch({ event, request, fetch }) {
          const session = await sessions.get(event)
          session.set('fetched', new URL(request.url).pathname)
          return fetch(request)
        },
      }))
      const ada = visitor()
      assert.match((await ada.must('/page')).text, /"fetched":"\/read"/)
      assert.deepEqual(await ada.facts(), { userId: null, fetched: '/read' })
    })
  })

  suite('errors', () => {
    const down = ({ watch }: Here) => {
      watch.before = () => {
        throw new Error('no connection to secretPlan')
      }
    }

    test('of a store that is down have their status, and handleError may give the page more', async (t) => {
      const bare = await site(t, () => ({
        load: async ({ locals }) => ({ user: (await sessionOf({ locals })).userId }),
        handleError: () => {},
      }))
      const told = await site(t, () => ({
        load: async ({ locals }) => ({ user: (await sessionOf({ locals })).userId }),
        handleError: ({ error }) =>
          error instanceof StrongroomError ? { status: error.status, message: 'Back in a minute' } : undefined,
      }))
      for (const here of [bare, told]) {
        const ada = here.visitor()
        await ada.must('/login')
        down(here)
        const page = await ada.ask('/page')
        assert.equal(page.status, 503)
        assert.doesNotMatch(page.text, /secretPlan/)
        assert.equal(/Back in a minute/.test(page.text), here === told)
        assert.deepEqual(page.all('set-cookie'), [])
        here.watch.before = null
        assert.deepEqual(await ada.facts(), { userId: 'ada' })
      }
    })

    test('of the application keep their status, after the session of a store that was down was done without', async (t) => {
      const here = await site(t, ({ sessions }) => ({
        handleError: () => {},
        async respond(event) {
          if (event.url.pathname === '/set') return standard(event)
          await sessions.get(event, { onStoreError: 'anonymous' })
          throw new Error('another one')
        },
      }))
      const ada = here.visitor()
      await ada.must('/set?a=1')
      down(here)
      assert.equal((await ada.ask('/other')).status, 500)
    })

    test('onError makes the response when the session cannot be saved, or leaves it to handleError', async (t) => {
      for (const onError of [
        (error: StrongroomError) => new Response(error.code, { status: 418 }),
        (error: StrongroomError) => {
          throw error
        },
      ]) {
        const { visitor } = await site(t, ({ sessions }) => ({
          handles: [strongroom(sessions, { onError })],
          handleError: () => ({ status: 419, message: 'from handleError' }),
          async respond({ locals }) {
            const session = await sessionOf({ locals })
            session.set('odd', 1n)
            return new Response('saved')
          },
        }))
        const page = await visitor().ask('/odd')
        assert.match(`${page.status} ${page.text}`, /^(?:418 STRONGROOM_DATA|419 [\s\S]*from handleError)/)
      }
    })
  })

  suite('other hooks', () => {
    type Input = { event: RequestEvent; resolve(event: RequestEvent): Promise<Response> }

    test('after ours have the session, and their redirects keep what they have set', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        handles: [
          strongroom(sessions),
          async ({ event, resolve }: Input, { redirect }: Kit) => {
            const session = await sessionOf(event)
            if (session.userId !== null || event.url.pathname !== '/page') return resolve(event)
            session.set('from', event.url.pathname)
            redirect(303, '/read')
          },
        ],
      }))
      const ada = visitor()
      const page = await ada.ask('/page', { headers: { accept: 'text/html' } })
      assert.deepEqual([page.status, page.header('location')], [303, '/read'])
      assert.deepEqual(await ada.facts(), { userId: null, from: '/page' })
    })

    test('after ours that throw another error save nothing but a logout', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        handles: [
          strongroom(sessions),
          async ({ event, resolve }: Input, { error }: Kit) => {
            if (!event.url.pathname.startsWith('/guarded')) return resolve(event)
            const session = await sessionOf(event)
            session.set('half', true)
            if (event.url.pathname === '/guarded/logout') session.logout()
            error(403)
          },
        ],
      }))
      const ada = visitor()
      await ada.must('/login')
      assert.equal((await ada.ask('/guarded')).status, 403)
      assert.deepEqual(await ada.facts(), { userId: 'ada' })
      assert.equal((await ada.ask('/guarded/logout')).status, 403)
      assert.deepEqual(await ada.facts(), { userId: null })
    })

    test('mounted twice, it is one session, saved once', async (t) => {
      const { visitor, watch } = await site(t, ({ sessions }) => ({
        handles: [strongroom(sessions), strongroom(sessions)],
      }))
      const ada = visitor()
      assert.equal((await ada.must('/set?a=1')).all('set-cookie').length, 1)
      assert.deepEqual(watch.calls, ['create'])
      await ada.must('/set?a=2')
      assert.deepEqual(await ada.facts(), { userId: null, a: '2' })
    })

    test('two kinds of sessions live beside each other, under names of their own', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => {
        const admins = createSessions({
          store: memory(),
          secrets: randomBytes(32),
          cookie: { name: '__Host-admin' },
          sweep: false,
        })
        t.after(() => admins.close())
        return {
          handles: [strongroom(sessions), strongroom(admins, { local: 'admin' })],
          async respond({ url, locals }) {
            const session = await sessionOf({ locals })
            const admin = await (locals as unknown as { admin: PendingSession }).admin
            if (url.searchParams.has('in')) admin.login('root')
            return Response.json([session.userId, admin.userId])
          },
        }
      })
      const ada = visitor()
      await ada.must('/?in')
      assert.equal((await ada.must('/')).text, '[null,"root"]')
    })

    test('before ours that have taken the name are told, in the log alone', async (t) => {
      const errors: unknown[] = []
      const { visitor } = await site(t, ({ sessions }) => ({
        handles: [
          ({ event, resolve }: Input) => {
            Object.assign(event.locals, { session: 'of another library' })
            return resolve(event)
          },
          strongroom(sessions),
        ],
        handleError: ({ error }) => void errors.push(error),
      }))
      assert.equal((await visitor().ask('/read')).status, 500)
      assert.ok(errors[0] instanceof ConfigError)
      assert.match(errors[0].message, /event\.locals\.session is taken.*local: 'visitor'/)
    })

    test('the session of a request that did not come through ours is refused', async (t) => {
      const errors: unknown[] = []
      const { visitor } = await site(t, ({ sessions }) => ({
        handles: [],
        respond: async (event) => Response.json((await sessions.get(event)).userId),
        handleError: ({ error }) => void errors.push(error),
      }))
      assert.equal((await visitor().ask('/read')).status, 500)
      assert.equal((errors[0] as StrongroomError).code, 'STRONGROOM_NOT_ATTACHED')
    })

    test('csrf refuses a request of another site with a 403, and lets the application fetch from itself', async (t) => {
      const { visitor } = await site(t, ({ sessions }) => ({
        handles: [strongroom(sessions), csrf(sessions)],
        load: async ({ fetch }) => ({
          inner: (await fetch('/set?a=1', { method: 'POST', headers: { origin: 'https://other.example' } })).status,
        }),
      }))
      const ada = visitor()
      await ada.must('/login')
      const forged = await ada.ask('/set?forged=1', {
        method: 'PUT',
        headers: { 'content-type': 'application/json', origin: 'https://evil.example' },
        body: '{}',
      })
      assert.equal(forged.status, 403)
      assert.match((await ada.must('/page')).text, /"inner":200/)
      assert.deepEqual(await ada.facts(), { userId: 'ada', a: '1' })
    })
  })

  test('event.locals.session is loaded when it is awaited, and says so where it is not', async (t) => {
    const { visitor, watch } = await site(t, () => ({
      async respond(event) {
        if (event.url.pathname !== '/wrong')
          return event.url.pathname === '/plain' ? new Response('plain') : standard(event)
        const session = sessionOf(event) as never as Record<string, (...args: unknown[]) => unknown>
        assert.throws(
          () => session.userId,
          /write const session = await event\.locals\.session\. Without await, it has no "userId"/,
        )
        assert.throws(() => session.set?.('a', 1), TypeError)
        assert.throws(() => {
          session.a = () => 1
        }, TypeError)
        return new Response('told')
      },
    }))
    const ada = visitor()
    await ada.must('/set?a=1')
    watch.calls.length = 0
    for (const path of ['/plain', '/wrong']) await ada.must(path)
    assert.deepEqual(watch.calls, [])
  })
})

test('wrong options are refused when the hook is made', () => {
  const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
  for (const [make, message] of [
    [() => strongroom(undefined as never), /export const handle = strongroom\(sessions\)/],
    [() => strongroom(sessions, { locals: 'session' } as never), /Unknown option "locals".*Did you mean "local"/],
    [() => strongroom(sessions, { local: '' }), /"local"/],
    [() => strongroom(sessions, { onError: 'page' as never }), /"onError"/],
    [() => csrf(sessions, { origins: [] } as never), /Unknown option "origins"/],
  ] as const)
    assert.throws(make, (error: Error) => error instanceof ConfigError && message.test(error.message))
})
