import assert from 'node:assert/strict'
import { parseSetCookie } from '../jar.ts'
import { json, type Route, status, text } from './application.ts'
import type { Property } from './property.ts'

/** Login, renewal and logout: which cookie opens which session afterwards. */
export function login(property: Property): void {
  property('a login renews the token and keeps the data of the visitor', async ({ site }) => {
    const here = await site()
    const visitor = here.visitor()
    await visitor.must('/set?basket=3')
    const before = visitor.jar.value(here.cookieName)
    const page = await visitor.must('/login?user=ada')
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.notEqual(visitor.jar.value(here.cookieName), before)
    assert.deepEqual(await visitor.facts(), { userId: 'ada', basket: '3' })
  })

  property('a login is saved with an answer of 403: only the status decides', async ({ site }) => {
    const here = await site({
      async '/denied'({ session, query }) {
        ;(await session()).login('ada')
        return status(Number(query.get('status')), 'denied')
      },
    })
    const visitor = here.visitor()
    assert.equal((await visitor.ask('/denied?status=500')).status, 500)
    assert.equal((await visitor.facts()).userId, null)
    assert.equal((await visitor.ask('/denied?status=403')).status, 403)
    assert.equal((await visitor.facts()).userId, 'ada')
  })

  property('a label of any length is cut, and the login succeeds', async ({ site }) => {
    const here = await site({
      async '/labelled'({ session }) {
        ;(await session()).login('ada', { label: 'Ünïcøde 🦊 '.repeat(10_000) })
        return text('')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/labelled')
    assert.equal((await visitor.facts()).userId, 'ada')
  })

  property('a token that was planted before a login opens nothing after it', async ({ site }) => {
    const here = await site()
    const attacker = here.visitor()
    await attacker.must('/set?trap=1')
    const planted = attacker.jar.value(here.cookieName) ?? ''
    const victim = here.visitor()
    victim.jar.plant(here.cookieName, planted)
    await victim.must('/login?user=ada')
    assert.equal((await victim.facts()).userId, 'ada')
    assert.notEqual(victim.jar.value(here.cookieName), planted)
    assert.equal((await attacker.facts()).userId, null)
  })

  property('a remembered login survives the browser, and ends when the option says', async ({ site, clock }) => {
    const here = await site(
      {
        async '/remember'({ session }) {
          ;(await session()).login('ada', { remember: true })
          return text('')
        },
      },
      { remember: '14d' },
    )
    const visitor = here.visitor()
    const [line = ''] = (await visitor.must('/remember')).all('set-cookie')
    assert.equal(parseSetCookie(line).attributes.get('max-age'), String(14 * 86_400))
    clock.advance(14 * 86_400_000 - 1)
    assert.equal((await visitor.facts()).userId, 'ada')
    clock.advance(1)
    assert.equal((await visitor.facts()).userId, null)
  })

  property.of('revocable', 'after a login the old cookie opens nothing', async ({ site }) => {
    const here = await site()
    const visitor = here.visitor()
    await visitor.must('/set?basket=3')
    const old = visitor.jar.header() ?? ''
    await visitor.must('/login')
    assert.deepEqual(await here.visitor().facts(old), { userId: null })
  })

  property.of(
    'revocable',
    'renew() moves the session to a new token, and the old token opens nothing',
    async ({ site }) => {
      const here = await site({
        async '/renew'({ session }) {
          ;(await session()).renew()
          return text('')
        },
      })
      const visitor = here.visitor()
      await visitor.must('/login?user=ada')
      const old = visitor.jar.header() ?? ''
      const page = await visitor.must('/renew')
      assert.equal(page.all('set-cookie').length, 1)
      assert.equal((await visitor.facts()).userId, 'ada')
      assert.deepEqual(await here.visitor().facts(old), { userId: null })
    },
  )

  property('a logout removes the cookie, with the attributes that it was set with', async ({ site }) => {
    const here = await site(
      {},
      { cookie: { name: '__Secure-id', path: '/app', sameSite: 'strict', domain: 'a.example' } },
    )
    const visitor = here.visitor()
    const attributes = (lines: string[]) => {
      assert.equal(lines.length, 1)
      const { name, attributes } = parseSetCookie(lines[0] ?? '')
      assert.equal(name, '__Secure-id')
      const { 'max-age': _, expires, ...rest } = Object.fromEntries(attributes)
      return rest
    }
    const set = attributes((await visitor.must('/login')).all('set-cookie'))
    const page = await visitor.must('/logout')
    assert.deepEqual(attributes(page.all('set-cookie')), set)
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.equal(visitor.jar.header(), undefined)
    assert.deepEqual(await visitor.facts(), { userId: null })
  })

  property(
    'a logout has the browser clear what it asks for, also with a redirect and with an error',
    async ({ site }) => {
      const here = await site({
        async '/leave'({ query, session }) {
          ;(await session()).logout({ clearSiteData: ['storage'] })
          return status(Number(query.get('status')), null, [['Location', '/read']])
        },
      })
      const visitor = here.visitor()
      for (const expected of [200, 303, 500]) {
        await visitor.must('/login')
        assert.deepEqual((await visitor.must('/read')).all('clear-site-data'), [])
        const page = await visitor.ask(`/leave?status=${expected}`)
        assert.equal(page.status, expected)
        assert.deepEqual(page.all('clear-site-data'), ['"storage"'])
        assert.deepEqual(page.all('cache-control'), ['no-store'])
        assert.equal((await visitor.facts()).userId, null)
      }
      // Of a session that has ended by itself, the browser has as much.
      assert.deepEqual((await visitor.ask('/leave?status=200')).all('clear-site-data'), ['"storage"'])
      await visitor.must('/login')
      assert.deepEqual((await visitor.must('/logout')).all('clear-site-data'), [])
    },
  )

  property(
    'the option clearSiteData is for every logout, beside what the application clears itself',
    async ({ site }) => {
      const routes: Readonly<Record<string, Route>> = {
        async '/leave'({ session }) {
          ;(await session()).logout({ clearSiteData: [] })
          return text('bye', [['Clear-Site-Data', '"executionContexts"']])
        },
        async '/logout'({ session }) {
          ;(await session()).logout()
          return text('bye', [['Clear-Site-Data', '"executionContexts"']])
        },
      }
      const here = await site(routes, { clearSiteData: ['cache', 'storage'] })
      const cleared = async (path: string) => (await here.visitor().must(path)).all('clear-site-data').join(', ')
      assert.equal(await cleared('/logout'), '"executionContexts", "cache", "storage"')
      assert.equal(await cleared('/leave'), '"executionContexts"')
    },
  )

  property.of('revocable', 'a cookie that is sent again after the logout is refused', async ({ site }) => {
    const here = await site()
    const visitor = here.visitor()
    await visitor.must('/login')
    const copied = visitor.jar.header() ?? ''
    await visitor.must('/logout')
    const thief = here.visitor()
    for (let attempt = 0; attempt < 3; attempt += 1) assert.deepEqual(await thief.facts(copied), { userId: null })
    const page = await thief.ask('/set?a=1', { cookie: copied })
    assert.equal(page.status, 200)
    assert.deepEqual(await thief.facts(copied), { userId: null })
  })

  property('a logout of a visitor without a session sends nothing', async ({ site }) => {
    const here = await site()
    assert.deepEqual((await here.visitor().must('/logout')).all('set-cookie'), [])
    assert.deepEqual(here.watch.calls, [])
  })

  property('a session that is emptied is removed, and no cookie of a parallel login with it', async ({ site }) => {
    const here = await site({
      async '/clear'({ session }) {
        ;(await session()).clear()
        return text('')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    const before = visitor.jar.value(here.cookieName)
    await visitor.must('/clear')
    // Where the cookie is the session, it has to be removed.
    const after = here.sessions.policy.traits.revocable ? before : undefined
    assert.equal(visitor.jar.value(here.cookieName), after)
    assert.deepEqual(await visitor.facts(), { userId: null })
    await visitor.must('/set?a=1')
    assert.deepEqual(await visitor.facts(), { userId: null, a: '1' })
    await visitor.must('/clear')
    assert.deepEqual(await visitor.facts(), { userId: null })
  })

  property('save() stores a login immediately, with a handle that can be passed on', async ({ site }) => {
    const here = await site({
      async '/early'({ session, save }) {
        const s = await session()
        s.login('ada')
        await save()
        return json({ handle: s.handle, isNew: s.isNew })
      },
    })
    const visitor = here.visitor()
    const { handle, isNew } = JSON.parse((await visitor.must('/early')).text)
    assert.match(handle, /^[A-Za-z0-9_-]{16}$/)
    assert.equal(isNew, false)
    assert.equal((await visitor.facts()).userId, 'ada')
  })
}
