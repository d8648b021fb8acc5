import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { APIContext, AstroGlobal } from 'astro'
import { type PendingSession, strongroom } from '../../../packages/strongroom/src/adapters/astro.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../../packages/strongroom/src/sessions.ts'
import { http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import { type Built, built, type Site } from './built.ts'

const userOf = async ({ locals }: { readonly locals: object }) =>
  (await (locals as { readonly session: PendingSession }).session).userId

/** As a component does that has to ask for something else first: the page is on its way by then. */
async function later(Astro: AstroGlobal): Promise<string | null> {
  await setTimeout(20)
  return userOf(Astro)
}

const cached = ({ cache }: Pick<AstroGlobal, 'cache'>) => cache.set({ maxAge: 60 })

suite('the cache of Astro', { timeout: 120_000 }, () => {
  let app: Built
  before(async () => {
    app = await built(join(import.meta.dirname, 'app'), { WITH_CACHE: 'yes' })
  })
  after(() => app.remove())

  async function site(t: TestContext, pages: Partial<Site>) {
    const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    const server = await app.serve({
      middleware: [strongroom(sessions)],
      async respond(context: APIContext) {
        const session = await sessions.get(context)
        session.login(context.url.pathname.slice(1))
        cached(context)
        return new Response('')
      },
      ...pages,
    })
    const client = http1(server.url)
    t.after(async () => {
      client.close()
      await server.close()
      await sessions.close()
    })
    return async (name: string) => {
      const visitor = new Visitor(client)
      if (name !== '') await visitor.must(`/${name}`)
      return visitor
    }
  }

  for (const [where, pages] of [
    ['the page', { page: async (Astro) => `${cached(Astro)} ${await userOf(Astro)}` }],
    ['a component alone, while the page is streamed', { page: cached, part: later }],
    ['its layout alone, while the page is streamed', { page: cached, layout: later }],
  ] as readonly (readonly [string, Partial<Site>])[])
    test(`never has the page of a visitor whose session is asked for by ${where}`, async (t) => {
      const visitor = await site(t, pages)
      for (const name of ['ada', 'eve']) {
        const page = await (await visitor(name)).must('/layout')
        assert.match(page.text, new RegExp(name))
        assert.doesNotMatch(page.text, name === 'eve' ? /ada/ : /eve/)
        assert.deepEqual([page.header('x-astro-cache'), page.header('vary')], [undefined, 'Cookie'])
      }
      assert.doesNotMatch((await (await visitor('')).must('/layout')).text, /ada|eve/)
    })

  test('gets no headers for a CDN with a response that sets the cookie, or that was made for one visitor', async () => {
    const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    for (const work of ['login', 'read', 'nothing']) {
      const said: unknown[] = []
      const context = {
        request: new Request('http://localhost/'),
        locals: {},
        isPrerendered: false,
        cache: { enabled: true, set: (options: unknown) => void said.push(options) },
      }
      await strongroom(sessions)(context, async () => {
        if (work === 'login') (await sessions.get(context)).login('ada')
        if (work === 'read') await sessions.get(context)
        return new Response('')
      })
      assert.deepEqual(said, work === 'nothing' ? [] : [false])
    }
  })

  test('has a page that needs no session, for those who have none yet, and then for all', async (t) => {
    const visitor = await site(t, { page: cached, part: () => 'the same for all' })
    for (const [name, state] of [
      ['', 'MISS'],
      ['', 'HIT'],
      ['ada', 'HIT'],
    ] as const)
      assert.equal((await (await visitor(name)).must('/layout')).header('x-astro-cache'), state)
  })
})
