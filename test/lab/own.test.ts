import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createSessions } from 'strongroom'
import { memory } from 'strongroom/memory'
import { ownRow } from '../../packages/cli/src/lab/own.ts'
import { headerOf, send, Visitor } from '../../packages/cli/src/lab/visitor.ts'
import { find, said } from './findings.ts'

/** The sessions of an application that is in use, with one of its customers signed in, and the lab's own application on them. */
async function labOnLive() {
  const store = memory()
  const writes: string[] = []
  const watched = new Proxy(store, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        if (!['read', 'readSync', 'byOwner'].includes(String(name))) writes.push(String(name))
        return found.apply(target, given)
      }
    },
  })
  const sessions = createSessions({ store: watched, secrets: 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx' })
  const cookieOf = async (userId: string | null) => {
    const visit = sessions.open({})
    const session = await visit.get()
    if (userId !== null) session.login(userId)
    session.set('role', 'customer')
    return (await visit.commit()).setCookie?.split(';', 1)[0] ?? assert.fail('no cookie')
  }
  const role = async (cookie: string) => (await sessions.read({ cookie })).get('role')
  const genuine = [await cookieOf('ada'), await cookieOf(null)]
  writes.length = 0
  const site = await ownRow(sessions as never, 'live').start()
  return {
    ...{ site, genuine, role, writes },
    async [Symbol.asyncDispose]() {
      await site.stop()
      await sessions.close()
    },
  }
}

const CHANGES = [
  '/set?key=role&value=operator',
  '/add?key=role',
  '/login?user=eve',
  '/renew',
  '/logout',
  '/fail?key=role',
]

suite('a weak cookie of a configuration', () => {
  test('goes along with posts from other sites, although it is Secure, and is not held', async () => {
    for (const [sameSite, verdict] of [
      ['none', 'broken'],
      ['lax', 'held'],
      ['strict', 'held'],
    ] as const) {
      const sessions = createSessions({
        store: memory(),
        secrets: 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx',
        cookie: { sameSite },
      })
      const finding = await find('cookie-attributes', await ownRow(sessions as never, sameSite).start())
      assert.equal(finding.verdict, verdict)
      assert.match(said(finding, /./), new RegExp(`HttpOnly, Secure, SameSite ${sameSite}`))
      await sessions.close()
    }
  })
})

suite('the application that the lab starts on sessions in use', () => {
  test('answers 404 to requests without the secret of this run, and does not come near a session', async () => {
    await using live = await labOnLive()
    const { url, headers = {} } = live.site
    const [name = '', key = ''] = Object.entries(headers)[0] ?? []
    assert.ok(key.length >= 43)
    for (const others of [undefined, {}, { [name]: '' }, { [name]: `${key}x` }, { [name]: key.slice(1) }])
      for (const path of ['/read', ...CHANGES])
        for (const cookie of [null, ...live.genuine]) {
          const answer = await send({ url, ...(others && { headers: others }) }, path, cookie)
          assert.deepEqual([answer.status, answer.body, answer.setCookies], [404, '', []])
        }
    assert.deepEqual(live.writes, [])
  })

  test('neither shows nor changes a session that the lab has not made, even with the secret', async () => {
    await using live = await labOnLive()
    for (const cookie of live.genuine) {
      for (const path of ['/read', ...CHANGES]) {
        const answer = await send(live.site, path, cookie)
        assert.equal(answer.status, 404, path)
        assert.deepEqual([answer.user, answer.data, answer.setCookies], [null, {}, []])
      }
      assert.equal(await live.role(cookie), 'customer')
    }
    assert.deepEqual(live.writes, [])
  })

  test('serves the sessions that the lab has made, signed in or not, and shows no mark of theirs', async () => {
    await using live = await labOnLive()
    const visitor = new Visitor(live.site)
    const steps = [
      ['/set?key=note&value=tea', null, { note: 'tea' }],
      ['/read', null, { note: 'tea' }],
      ['/login?user=ada', 'ada', { note: 'tea' }],
      ['/renew', 'ada', { note: 'tea' }],
      ['/read', 'ada', { note: 'tea' }],
      ['/logout', null, {}],
      ['/add?key=count', null, { count: 1 }],
      ['/add?key=count', null, { count: 2 }],
    ] as const
    for (const [path, user, data] of steps) {
      const answer = await visitor.send(path)
      assert.deepEqual([answer.status, answer.user, answer.data], [200, user, data], path)
    }
  })

  test('refuses a cookie of the lab that has the cookie of somebody else beside it, which a logout would end', async () => {
    await using live = await labOnLive()
    const visitor = new Visitor(live.site)
    await visitor.send('/set?key=note&value=tea')
    const own = headerOf(visitor.cookies)
    for (const header of live.genuine.flatMap((other) => [`${own}; ${other}`, `${other}; ${own}`]))
      assert.equal((await send(live.site, '/logout', header)).status, 404)
    for (const cookie of live.genuine) assert.equal(await live.role(cookie), 'customer')
    const name = live.site.cookieName
    for (const made of [`${name}=made-up`, `${name}=%`, 'theme=dark'])
      assert.equal((await send(live.site, '/read', `${made}; ${own}`)).status, 200, 'what is written by hand is served')
  })
})
