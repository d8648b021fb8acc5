import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { login, loginRoute, type Site, type SiteOptions, type SiteParts, site, type User } from './site.ts'

const post = { method: 'POST' }

/** What an application mounts beside its login: a page that needs a fresh proof, and one that takes the password again. */
function routes({ app, passport, sessions }: SiteParts): void {
  app.get('/danger', async (request, response) => {
    const session = await sessions.get(request)
    session.requireFresh('10m', { level: Number(request.query.level ?? 1) })
    response.json({ user: request.user, level: session.level, method: session.method })
  })
  app.post('/confirm', passport.authenticate('local', { session: false }), async (request, response) => {
    const session = await sessions.get(request)
    // Somebody else's password proves nothing of this user.
    if ((request.user as User).id !== session.userId) return response.sendStatus(401)
    const before = request.sessionID
    session.stepUp({ method: 'totp', level: 2 })
    await sessions.save(request)
    response.json({ isSame: before === request.sessionID, data: session.keys() })
  })
}

for (const [over, dropIn] of [
  ['', false],
  [', with strongroom/express-session', true],
] as const)
  suite(`step-up with Passport${over}`, { timeout: 20_000 }, () => {
    async function make(t: TestContext, loginOptions: object = {}, options: SiteOptions = {}) {
      let found: Site | null = null
      const made = await site(t, {
        ...options,
        dropIn,
        routes(parts) {
          routes(parts)
          loginRoute(parts, () => (found as Site).seen, loginOptions)
        },
      })
      found = made
      return made
    }

    test('a login has the method and the level of loginOptions, or the lowest', async (t) => {
      const plain = await make(t)
      assert.equal((await plain.visitor.ask('/danger')).status, 401)
      await login(plain.visitor)
      const page = JSON.parse((await plain.visitor.must('/danger')).text)
      assert.deepEqual([page.level, page.method], [1, null])
      const stronger = await make(t, {}, { passport: { loginOptions: () => ({ method: 'passkey', level: 2 }) } })
      await login(stronger.visitor)
      assert.deepEqual(JSON.parse((await stronger.visitor.must('/danger?level=2')).text), {
        user: { id: 'ada' },
        level: 2,
        method: 'passkey',
      })
    })

    test('a level that is none goes to the callback, and changes nothing', async (t) => {
      const { visitor, seen, me } = await make(t, { level: 0 })
      await visitor.must('/put?basket=tea')
      await visitor.ask('/direct', post)
      assert.ok(seen.error instanceof TypeError)
      assert.deepEqual(await me(), { user: null, data: { basket: 'tea' } })
      await login(visitor)
      await visitor.ask('/direct', post)
      assert.deepEqual((await me()).user, { id: 'ada' })
    })

    test('the password that is typed again is a new proof in the same session, and Passport has the same user', async (t) => {
      const { visitor, me } = await make(t)
      await visitor.must('/put?basket=tea')
      await login(visitor)
      await visitor.must('/put?basket=salt')
      const before = visitor.jar.header() ?? ''
      assert.equal((await visitor.ask('/danger?level=2')).status, 401)
      for (const wrong of ['username=ada&password=wrong', 'username=eve&password=right'])
        assert.equal((await visitor.ask(`/confirm?${wrong}`, post)).status, 401)
      assert.equal((await visitor.ask('/danger?level=2')).status, 401)
      const page = await visitor.ask('/confirm?username=ada&password=right', post)
      assert.equal(page.status, 200, page.text)
      assert.equal(JSON.parse(page.text).isSame, true)
      assert.notEqual(visitor.jar.header(), before)
      assert.equal(JSON.parse((await visitor.must('/danger?level=2')).text).method, 'totp')
      const { user, data } = await me()
      assert.deepEqual([user, data.basket], [{ id: 'ada' }, 'salt'])
      assert.deepEqual((await me(before)).user, null)
    })
  })
