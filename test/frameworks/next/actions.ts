import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NotAttachedError, StoreError } from '../../../packages/strongroom/src/errors.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import type { BaseSessions } from '../../../packages/strongroom/src/sessions.ts'
import { http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { parseSetCookie } from '../../../packages/strongroom/src/testing/jar.ts'
import { action, headers, notFound, read, redirect, withSessions } from './adapter.ts'
import type { BuiltShell, Shell } from './shell.ts'
import { actionId, call, press, shown, siteOf, type Values } from './site.ts'

type Works = Readonly<Record<string, (session: Session<Values>) => unknown>>

/** Forms that do these things, and pages that say who is signed in. */
const forms =
  (works: Works) =>
  (sessions: BaseSessions<Values>): Partial<Shell> => ({
    action: (name, form) =>
      action(sessions, async (session, _form: FormData) => works[name]?.(session))(form) as Promise<unknown>,
    page: async () => {
      const session = await read(sessions)
      return JSON.stringify({
        userId: session.userId,
        ...Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
      })
    },
  })

const facts = (page: Parameters<typeof shown>[0]) => JSON.parse(shown(page, 'page'))

export function actions(built: () => BuiltShell): void {
  for (const [how, send] of [
    ['a form without scripts', press],
    ['a script', call],
  ] as const) {
    test(`redirect() after a login keeps the login: an action that ${how} calls`, async (t) => {
      const works: Works = {
        enter(session) {
          session.login('ada')
          redirect('/page/home')
        },
      }
      const here = await siteOf(t, built(), forms(works))
      const visitor = here.visitor()
      const page = await send(visitor, 'enter')
      if (send === press) assert.equal(page.status, 303)
      assert.match(page.header('location') ?? page.header('x-action-redirect') ?? '', /^\/page\/home/)
      assert.match(page.header('cache-control') ?? 'no-store', /no-store/)
      assert.equal(page.all('set-cookie').length, 1)
      assert.equal(facts(await visitor.must('/page/home')).userId, 'ada')
    })

    test(`the page of the same request shows what has changed: an action that ${how} calls`, async (t) => {
      const works: Works = {
        enter: (session) => session.login('ada'),
        leave: (session) => session.logout(),
      }
      const here = await siteOf(t, built(), forms(works))
      const visitor = here.visitor()
      for (const [name, userId] of [
        ['enter', 'ada'],
        ['leave', null],
      ] as const) {
        const page = await send(visitor, name)
        assert.equal(page.status, 200)
        // A script gets the page as data, with quotes of its own.
        assert.match(
          page.text.replaceAll('\\"', '"').replaceAll('&quot;', '"'),
          new RegExp(`"userId":${JSON.stringify(userId)}`),
        )
        assert.equal(facts(await visitor.must('/page/home')).userId, userId)
      }
    })

    test(`an action that throws saves nothing but a logout: one that ${how} calls`, async (t) => {
      const works: Works = {
        enter: (session) => session.login('ada'),
        fails(session) {
          session.set('a', 1)
          throw new Error('secretPlan failed')
        },
        leaves(session) {
          session.logout()
          throw new Error('secretPlan failed')
        },
        missing(session) {
          session.set('b', 1)
          notFound()
        },
      }
      const here = await siteOf(t, built(), forms(works))
      const visitor = here.visitor()
      await send(visitor, 'enter')
      const page = await send(visitor, 'fails')
      assert.equal(page.status, 500)
      assert.doesNotMatch(page.text, /secretPlan/)
      assert.deepEqual(facts(await visitor.must('/page/home')), { userId: 'ada' })
      assert.equal((await send(visitor, 'missing')).status, 404)
      assert.deepEqual(facts(await visitor.must('/page/home')), { userId: 'ada', b: 1 })
      const cookie = visitor.jar.header() ?? ''
      assert.equal((await send(visitor, 'leaves')).status, 500)
      assert.equal(facts(await visitor.ask('/page/home', { cookie })).userId, null)
    })

    test(`an action whose session cannot be saved fails, and claims nothing: one that ${how} calls`, async (t) => {
      const errors: unknown[] = []
      const here = await siteOf(t, built(), (sessions) => {
        const shell = forms({
          enter: (session) => session.login('ada'),
          change(session) {
            session.set('a', 1)
            redirect('/page/home')
          },
          stay: (session) => session.set('a', 1),
        })(sessions)
        return {
          ...shell,
          async action(name, form) {
            await shell.action?.(name, form).catch((error: unknown) => {
              if (error instanceof Error && !('digest' in error)) errors.push(error)
              throw error
            })
          },
        }
      })
      const visitor = here.visitor()
      await send(visitor, 'enter')
      here.watch.before = (what) => {
        if (what === 'update') throw new Error('secretPlan failed')
      }
      for (const name of ['change', 'stay']) {
        const page = await send(visitor, name)
        assert.equal(page.status, 500, name)
        assert.equal(page.header('location') ?? page.header('x-action-redirect'), undefined)
        assert.doesNotMatch(page.text, /secretPlan/)
      }
      here.watch.before = null
      assert.ok(errors.length === 2 && errors.every((error) => error instanceof StoreError))
      assert.deepEqual(facts(await visitor.must('/page/home')), { userId: 'ada' })
    })

    test(`Next refuses an action of another origin before it is called: one that ${how} calls`, async (t) => {
      let calls = 0
      const here = await siteOf(t, built(), forms({ enter: () => (calls += 1) }))
      const page = await send(here.visitor(), 'enter', { origin: 'https://evil.example' })
      assert.equal(page.status, 500)
      assert.equal(calls, 0)
      await send(here.visitor(), 'enter', { origin: here.url })
      assert.equal(calls, 1)
    })
  }

  const both = (remember: boolean) => {
    const enter = (session: Session<Values>) => session.login('ada', { remember })
    const leave = (session: Session<Values>) => session.logout()
    return (sessions: BaseSessions<Values>): Partial<Shell> => ({
      ...forms({ enter, leave })(sessions),
      route: withSessions(sessions, async (request: Request) => {
        const session = await sessions.get(request)
        if (session.userId === null) enter(session)
        else leave(session)
        return new Response('')
      }),
    })
  }

  test('the cookie has the attributes that a route handler gives it', async (t) => {
    for (const cookie of [
      {},
      { partitioned: true, sameSite: 'none' },
      { name: '__Secure-id', path: '/page', domain: 'localhost', sameSite: 'strict' },
    ] as const)
      for (const remember of [true, false]) {
        const here = await siteOf(t, built(), both(remember), { cookie })
        const [one, other] = [here.visitor(), here.visitor()]
        for (const name of ['enter', 'leave']) {
          const lines = (await press(one, name)).all('set-cookie')
          assert.deepEqual(lines.map(attributesOf), (await other.must('/route')).all('set-cookie').map(attributesOf))
          assert.equal(lines.length, 1)
        }
      }
  })

  test('all spellings of the cookie are removed, and ours comes last', async (t) => {
    const cookie = { name: '__Secure-id', formerName: 'old-id' }
    const here = await siteOf(t, built(), both(false), { cookie, namespace: 'old-id' })
    const headers = { host: 'www.shop.example' }
    const sent = { cookie: '__Secure-id=a; __Secure-id=b; old-id=c', headers }
    const ofRoute = await linesOf(here.url, '/route', sent)
    const ofAction = await linesOf(here.url, '/page/enter', {
      ...sent,
      action: await actionId(here.visitor()),
      body: '["enter"]',
    })
    assert.ok(ofRoute.length > 4)
    assert.deepEqual(new Set(ofAction), new Set(ofRoute))
    assert.equal(ofAction.at(-1), ofRoute.at(-1))
  })

  test('the page is rendered again when the session has changed, and not when it was only read', async (t) => {
    const works: Works = {
      enter: (session) => session.login('ada'),
      change: (session) => session.set('a', 1),
      look: (session) => session.get('a'),
    }
    const here = await siteOf(t, built(), forms(works))
    const visitor = here.visitor()
    await call(visitor, 'enter')
    const pages = [await call(visitor, 'change'), await call(visitor, 'look')]
    assert.deepEqual(
      pages.map(({ text }) => text.includes('page: ')),
      [true, false],
    )
    assert.deepEqual(
      pages.map((page) => page.header('x-action-revalidated') !== undefined),
      [true, false],
    )
  })

  test('an action that a route handler calls is saved', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      async route() {
        return new Response(
          await action(sessions, (session) => String(session.update('n', (n) => Number(n ?? 0) + 1)))(),
        )
      },
    }))
    const visitor = here.visitor()
    assert.equal((await visitor.must('/count')).text, '1')
    assert.equal((await visitor.must('/count')).text, '2')
  })

  test('an action that calls another has one session with it, and read() resolves to that', async (t) => {
    const seen: unknown[] = []
    const here = await siteOf(t, built(), (sessions) => ({
      action: action(sessions, async (session) => {
        session.login('ada')
        await action(sessions, async (inner) => {
          inner.set('a', 1)
          seen.push(
            inner === session,
            (await read(sessions)) === session,
            (await sessions.get(await headers())) === session,
          )
        })()
      }),
      page: async () => String((await read(sessions)).get('a')),
    }))
    const visitor = here.visitor()
    const page = await press(visitor, 'any')
    assert.equal(page.all('set-cookie').length, 1)
    assert.deepEqual(seen, [true, true, true])
    assert.equal(shown(page, 'page'), '1')
  })

  test('an action that calls two others, one after another, has the session of the first in the second', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      async action() {
        const before = await read(sessions)
        assert.equal(before.userId, null)
        await action(sessions, (session) => session.login('ada'))()
        await action(sessions, (session) => session.set('user', session.userId))()
      },
      page: async () => String((await read(sessions)).get('user')),
    }))
    const visitor = here.visitor()
    assert.equal(shown(await press(visitor, 'any'), 'page'), 'ada')
    assert.equal(shown(await visitor.must('/page/any'), 'page'), 'ada')
  })

  test('an action that was called outside of a request, or while a page is rendered, saves nothing', async (t) => {
    const here = await siteOf(t, built(), (sessions) => {
      const enter = action(sessions, (session) => session.login('ada'))
      return {
        page: () =>
          enter().catch((error: unknown) => {
            assert.ok(error instanceof NotAttachedError)
            return /while a page is rendered/.test(error.message)
          }),
      }
    })
    await assert.rejects(action(here.sessions, () => undefined)(), { code: 'STRONGROOM_NOT_ATTACHED' })
    assert.equal(shown(await here.visitor().must('/page/any'), 'page'), 'true')
    assert.deepEqual(here.watch.calls, [])
  })

  test('action() refuses what is not sessions, and what is no function', async (t) => {
    const { sessions } = await siteOf(t, built(), () => ({}))
    assert.throws(() => action({} as never, () => undefined), { code: 'STRONGROOM_CONFIG' })
    assert.throws(() => action(sessions, undefined as never), { code: 'STRONGROOM_CONFIG' })
  })
}

/** Without what differs: the value, and the moment that Next adds to a Max-Age. */
function attributesOf(line: string) {
  const { name, value, attributes } = parseSetCookie(line)
  const rest = [...attributes].filter(([attribute]) => attribute !== 'expires' || attributes.get('max-age') === '0')
  return { name, isEmpty: value === '', attributes: new Map(rest.map(([key, text]) => [key, text.toLowerCase()])) }
}

/** The Set-Cookie lines of a response, as a strict jar would refuse them. */
async function linesOf(url: string, path: string, { cookie, headers, action, body }: Sent): Promise<string[]> {
  const client = http1(url)
  try {
    const method = action === undefined ? 'GET' : 'POST'
    const own = action === undefined ? {} : { 'next-action': action, 'content-type': 'text/plain;charset=UTF-8' }
    const { response } = client.begin({ path, method, headers: { ...headers, ...own, cookie }, body })
    const { lines, body: rest } = await response
    rest.resume()
    return lines
      .filter(([name]) => name === 'set-cookie')
      .map(([, line]) => {
        const { name, isEmpty, attributes } = attributesOf(line)
        return JSON.stringify([name, isEmpty, [...attributes].sort()])
      })
  } finally {
    client.close()
  }
}

interface Sent {
  readonly cookie: string
  readonly headers: Readonly<Record<string, string>>
  readonly action?: string
  readonly body?: string
}
