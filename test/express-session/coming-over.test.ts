import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Express, RequestHandler } from 'express'
import expressSession from 'express-session'
import { expressSession as source } from 'strongroom/adopt'
import dropIn from 'strongroom/express-session'
import { memory } from 'strongroom/memory'
import { secret } from '../core/fixtures/secret.ts'
import { site, type Visitor } from './site.ts'

type Data = Record<string, unknown>

const COMMON = { secret: secret('1'), resave: false, saveUninitialized: false } as const
const COOKIE = { maxAge: 3_600_000, secure: false, sameSite: 'lax' } as const
const until = new Date(Date.now() + 86_400_000 * 30)

/** The same application before and after. */
const application = (session: RequestHandler) => (app: Express) => {
  app.use(session)
  const dataOf = (request: unknown) => (request as { session: Data }).session
  app.get('/login/:name', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error)
      dataOf(request).user = request.params.name
      response.json('in')
    })
  })
  app.get('/see', (request, response) => {
    const { cookie: _, ...data } = dataOf(request)
    response.json(data)
  })
  app.get('/count', (request, response) => {
    const data = dataOf(request)
    data.count = Number(data.count ?? 0) + 1
    response.json(data.count)
  })
  app.get('/logout', (request, response, next) =>
    request.session.destroy((error) => (error ? next(error) : response.json('out'))),
  )
}

const see = (visitor: Visitor) => visitor.json<Data>('/see')

/** A visitor of the old site, at the new one. */
function moved(visitor: Visitor, to: { visitor(): Visitor }): Visitor {
  const same = to.visitor()
  const value = visitor.jar.value('connect.sid')
  if (value !== undefined) same.jar.plant('connect.sid', value)
  return same
}

const ENGINES = {
  'an engine of ours': () => memory(),
  'the same store as before': (store: expressSession.MemoryStore) => store,
} as const

for (const [name, engine] of Object.entries(ENGINES))
  describe(`an application that changes one import, with ${name}`, () => {
    const both = async (rolling = false) => {
      const store = new expressSession.MemoryStore()
      const old = await site(application(expressSession({ ...COMMON, cookie: COOKIE, store })))
      const middleware = dropIn({
        ...COMMON,
        cookie: COOKIE,
        rolling,
        store: engine(store),
        adoptFrom: source({ store, secret: COMMON.secret, until }),
      })
      const next = await site(application(middleware))
      return { old, next, middleware }
    }

    test('signs nobody out, under the same cookie', async () => {
      const sites = await both()
      const visitor = sites.old.visitor()
      await visitor.get('/login/alice')
      await visitor.get('/count')
      const same = moved(visitor, sites.next)
      assert.deepEqual(await see(same), { user: 'alice', count: 1 })
      assert.match(same.jar.value('connect.sid') ?? '', /^[\w-]{88}$/)
      assert.equal(await same.json('/count'), 2)
      assert.deepEqual(await see(same), { user: 'alice', count: 2 })
    })

    test('goes on with one session, however many requests come first', async () => {
      const sites = await both()
      const visitor = sites.old.visitor()
      await visitor.get('/login/alice')
      const tabs = Array.from({ length: 8 }, () => moved(visitor, sites.next))
      await Promise.all(tabs.map((tab) => tab.get('/count')))
      const cookies = new Set(tabs.map(({ jar }) => jar.value('connect.sid')))
      assert.equal(cookies.size, 1)
      assert.equal((await see(tabs[0] as Visitor)).user, 'alice')
    })

    test('ends a session in both, and for good', async () => {
      const sites = await both()
      const visitor = sites.old.visitor()
      await visitor.get('/login/alice')
      const same = moved(visitor, sites.next)
      await same.get('/logout')
      assert.deepEqual(await see(same), {})
      assert.deepEqual(await see(moved(visitor, sites.next)), {})
      assert.deepEqual(await see(visitor), {})
    })

    test('gives nothing to a cookie that was signed with another secret', async () => {
      const sites = await both()
      const stranger = sites.next.visitor()
      stranger.jar.plant('connect.sid', 's%3Aabcdefghijklmnopqrstuvwxyz012345.c2lnbmF0dXJl')
      const { status, body, cookies } = await stranger.get('/see')
      assert.deepEqual([status, body, cookies], [200, '{}', []])
    })
  })

test('an old server does not know a visitor whom a new one has adopted, and its logout ends nothing there', async () => {
  const store = new expressSession.MemoryStore()
  const old = await site(application(expressSession({ ...COMMON, cookie: COOKIE, store })))
  const adoptFrom = source({ store, secret: COMMON.secret, until })
  const middleware = dropIn({ ...COMMON, name: 'sid', cookie: COOKIE, store: memory(), adoptFrom })
  const next = await site(application(middleware))
  const visitor = old.visitor()
  await visitor.get('/login/alice')
  const cookie = visitor.jar.value('connect.sid') ?? assert.fail()
  const same = moved(visitor, next)
  assert.deepEqual(await see(same), { user: 'alice' })
  // The new server has removed the old cookie; with or without it, nobody is signed in on the old one.
  assert.equal(same.jar.value('connect.sid'), undefined)
  assert.deepEqual(await see(visitor), {})
  visitor.jar.plant('connect.sid', cookie)
  await visitor.get('/logout')
  assert.deepEqual(await see(same), { user: 'alice' })
  // Somebody else who signs in there is still the visitor of before on the new one.
  await visitor.get('/login/bob')
  same.jar.plant('connect.sid', visitor.jar.value('connect.sid') ?? assert.fail())
  assert.deepEqual(await see(same), { user: 'alice' })
  await same.get('/logout')
  assert.deepEqual(await see(same), {})
})

for (const rolling of [false, true])
  test(`an adopted session lives on by its use, as it did before, with rolling: ${rolling}`, async () => {
    let now = Date.now()
    const clock = () => now
    const store = new expressSession.MemoryStore()
    const old = await site(application(expressSession({ ...COMMON, cookie: COOKIE, store })))
    const middleware = dropIn({
      ...COMMON,
      cookie: COOKIE,
      rolling,
      clock,
      store: memory({ clock }),
      adoptFrom: source({ store, secret: COMMON.secret, until, rolling }),
    })
    const next = await site(application(middleware))
    const visitor = old.visitor()
    await visitor.get('/login/alice')
    const same = moved(visitor, next)
    for (let half = 0; half < 40; half++) {
      assert.deepEqual(await see(same), { user: 'alice' })
      now += 1_800_000
    }
    now += 3_600_000
    assert.deepEqual(await see(same.copy()), {})
  })
