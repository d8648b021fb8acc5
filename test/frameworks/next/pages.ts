import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NotAttachedError, ReadOnlyError } from '../../../packages/strongroom/src/errors.ts'
import { turns } from '../../../packages/strongroom/src/testing/adapter/gate.ts'
import { read, withSessions } from './adapter.ts'
import type { BuiltShell } from './shell.ts'
import { shown, siteOf, type Values } from './site.ts'

type Reading = Parameters<typeof read<Values>>[0]

/** Signs in who is named in the path. */
const login = (sessions: Reading) =>
  withSessions(sessions, async (request: Request) => {
    ;(await sessions.get(request)).login(new URL(request.url).pathname.slice(1))
    return new Response('welcome')
  })

const userIn = async (sessions: Reading) => String((await read(sessions)).userId)

export function pages(built: () => BuiltShell): void {
  test('a layout, its page and its metadata have one session, which is loaded once', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      route: login(sessions),
      layout: () => userIn(sessions),
      async page() {
        const [one, other] = await Promise.all([read(sessions), read(sessions)])
        return `${one.userId} ${one === other}`
      },
    }))
    const visitor = here.visitor()
    await visitor.must('/ada')
    here.watch.before = (what) => (what === 'read' ? turns(10) : undefined)
    here.watch.calls.length = 0
    const page = await visitor.must('/page/any')
    assert.deepEqual(here.watch.calls, ['read'])
    assert.deepEqual([shown(page, 'layout'), shown(page, 'page')], ['ada', 'ada true'])
    assert.match(page.text, /<title>ada<\/title>/)
  })

  test('what read() resolves to cannot be changed', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({
      route: login(sessions),
      async page() {
        const session = await read(sessions)
        assert.throws(() => session.set('a', 1), ReadOnlyError)
        assert.throws(() => session.logout(), ReadOnlyError)
        return 'refused'
      },
    }))
    const visitor = here.visitor()
    await visitor.must('/ada')
    assert.equal(shown(await visitor.must('/page/any'), 'page'), 'refused')
  })

  test('every visitor gets the own page, which no cache may keep', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({ route: login(sessions), page: () => userIn(sessions) }))
    const visitors = await Promise.all(
      ['ada', 'eve', 'joe'].map(async (name) => {
        const visitor = here.visitor()
        await visitor.must(`/${name}`)
        return { name, visitor }
      }),
    )
    for (const _ of [1, 2])
      await Promise.all(
        visitors.map(async ({ name, visitor }) => {
          const page = await visitor.must('/page/any')
          assert.equal(shown(page, 'page'), name)
          assert.match(page.header('cache-control') ?? '', /private.*no-store/)
        }),
      )
    assert.equal(shown(await here.visitor().must('/page/any'), 'page'), 'null')
  })

  test('a page whose session cannot be loaded is an error that says nothing, and nobody is logged out', async (t) => {
    const here = await siteOf(t, built(), (sessions) => ({ route: login(sessions), page: () => userIn(sessions) }))
    const visitor = here.visitor()
    await visitor.must('/ada')
    here.watch.before = () => {
      throw new Error('secretPlan failed')
    }
    const page = await visitor.ask('/page/any')
    assert.equal(page.status, 500)
    assert.doesNotMatch(page.text, /secretPlan/)
    here.watch.before = null
    assert.equal(shown(await visitor.must('/page/any'), 'page'), 'ada')
  })

  test('read() says what is wrong where there is no request, and where all visitors get the same', async (t) => {
    const reasons: string[] = []
    const here = await siteOf(t, built(), (sessions) => ({
      route: login(sessions),
      page: () =>
        read(sessions).then(
          ({ userId }) => String(userId),
          (error) => {
            assert.ok(error instanceof NotAttachedError, String(error))
            reasons.push(error.message)
            return 'refused'
          },
        ),
    }))
    await assert.rejects(
      read(here.sessions),
      (error) => error instanceof NotAttachedError && /needs a request.*not at the top of a module/.test(error.message),
    )
    const visitor = here.visitor()
    await visitor.must('/ada')
    assert.match((await visitor.must('/cached')).text, /refused/)
    assert.match(reasons.splice(0).join(), /not in what is cached/)
    // Built before, and made again in the background after a second.
    for (let tries = 0; reasons.length === 0 && tries < 400; tries += 1) {
      assert.match((await visitor.must('/forced')).text, /<p>(undefined|refused)<\/p>/)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    assert.match(reasons.join(), /made once for all visitors.*force-static/)
  })

  test('read() refuses what is not sessions', async () => {
    await assert.rejects(read({} as never), /ConfigError|takes sessions/)
  })
}
