import assert from 'node:assert/strict'
import { json, type Route, text } from './application.ts'
import type { Property } from './property.ts'

const BODY = 'the secret of the page'

/** Pages that ask for a fresh proof of who a user is, and those that take one. */
const ROUTES: Readonly<Record<string, Route>> = {
  async '/danger'({ query, session }) {
    const s = await session()
    s.requireFresh('10m', { level: Number(query.get('level') ?? 1) })
    return text(BODY)
  },
  async '/confirm'({ query, session }) {
    const s = await session()
    s.stepUp({ method: 'totp', level: Number(query.get('level') ?? 1) })
    return text('confirmed')
  },
  async '/proved'({ session }) {
    const { level, method, authenticatedAt } = await session()
    return json({ level, method, at: authenticatedAt?.getTime() ?? null })
  },
}

/** Fresh proofs of who a user is: what asks for one is refused with a 401, until the user has given it. */
export function stepUp(property: Property): void {
  property('requireFresh() responds 401 until the user proves again who they are', async ({ site, clock }) => {
    const here = await site(ROUTES)
    const visitor = here.visitor()
    const ask = async (path: string) => {
      const page = await visitor.ask(path)
      if (page.status !== 200) {
        assert.ok(!page.text.includes(BODY), 'the body of the application is not sent')
        const token = visitor.jar.value(here.cookieName)
        assert.ok(token === undefined || !page.text.includes(token), 'an error page contains a token')
      }
      return page.status
    }
    assert.equal(await ask('/danger'), 401)
    await visitor.must('/login?user=ada')
    assert.equal(await ask('/danger'), 200)
    assert.equal(await ask('/danger?level=2'), 401)
    clock.advance(10 * 60_000 + 1)
    assert.equal(await ask('/danger'), 401)
    assert.equal((await visitor.facts()).userId, 'ada')
    await visitor.must('/confirm')
    assert.equal(await ask('/danger'), 200)
    assert.equal(await ask('/danger?level=2'), 401)
    await visitor.must('/confirm?level=2')
    assert.equal(await ask('/danger?level=2'), 200)
  })

  property('stepUp() sends a new token, and keeps the data of the session', async ({ site, clock, abilities }) => {
    const here = await site(ROUTES)
    const visitor = here.visitor()
    await visitor.must('/login?user=ada')
    await visitor.must('/set?basket=3')
    const before = visitor.jar.header() ?? ''
    clock.advance(60_000)
    const page = await visitor.must('/confirm?level=2')
    assert.equal(page.all('set-cookie').length, 1)
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.notEqual(visitor.jar.header(), before)
    const proved = JSON.parse((await visitor.must('/proved')).text)
    assert.deepEqual(proved, { level: 2, method: 'totp', at: clock() })
    assert.deepEqual(await visitor.facts(), { userId: 'ada', basket: '3' })
    if (abilities.includes('revocable')) assert.deepEqual(await here.visitor().facts(before), { userId: null })
  })
}
