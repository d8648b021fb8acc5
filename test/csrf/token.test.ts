import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { cookie as cookieEngine } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { CsrfError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { csrfPolicy } from '../../packages/strongroom/src/http/csrf.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { OLD, setUp } from '../core/fixtures/other-framework.ts'
import { ask, type Reply, SITES, serving } from './sites.ts'

/** Where sessions may be; what a token belongs to differs between them. */
const ENGINES: Readonly<Record<string, () => Partial<SessionsOptions>>> = {
  memory: () => ({ store: memory() }),
  'memory, sealed': () => ({ store: memory(), seal: 'two-key' }),
  'sealed cookie': () => ({ store: cookieEngine() }),
  'signed cookie': () => ({ store: cookieEngine({ protection: 'signed' }) }),
  'cookie with revocations': () => ({ store: cookieEngine({ revocations: memory() }) }),
}

/** Somebody with an old browser: it keeps one cookie, and says nothing of where a request comes from. */
class OldBrowser {
  cookie: string | null
  readonly #url: string

  constructor(url: string, cookie: string | null = null) {
    this.#url = url
    this.cookie = cookie
  }

  async send(method: string, path: string, token?: string): Promise<Reply> {
    const headers = { cookie: this.cookie ?? undefined, 'x-csrf-token': token }
    const reply = await ask(this.#url, { method, path, headers })
    if (reply.cookie !== null) this.cookie = reply.cookie.endsWith('=') ? null : reply.cookie
    return reply
  }

  /** The token in a form. */
  async form(): Promise<string> {
    return (await this.send('GET', '/token')).body
  }

  /** The status of a form that is sent with a token. */
  async post(token: string | undefined, path = '/change'): Promise<number> {
    return (await this.send('POST', path, token)).status
  }
}

async function site(t: TestContext, options: Partial<SessionsOptions> = {}, name = 'express 5') {
  const events: SessionEvent[] = []
  const sessions = createSessions({
    store: memory(),
    secrets: randomBytes(32),
    sweep: false,
    on: (event) => events.push(event),
    ...options,
  } as SessionsOptions)
  const url = await serving(t, SITES[name]?.(sessions) as never)
  return { sessions, url, events, browser: () => new OldBrowser(url) }
}

for (const [engine, options] of Object.entries(ENGINES))
  suite(`csrf: a token of a session in ${engine}`, () => {
    test('a token from before a login is refused after it, and the new one is accepted', async (t) => {
      const browser = (await site(t, options())).browser()
      const before = await browser.form()
      assert.equal(await browser.post(before), 200)
      const { status, body: after } = await browser.send('POST', '/login', before)
      assert.equal(status, 200)
      assert.equal(await browser.post(before), 403)
      assert.equal(await browser.post(after), 200)
      assert.equal(await browser.post(await browser.form()), 200)
    })

    test('a token from before a login of the same user is refused after it, too', async (t) => {
      const browser = (await site(t, { ...options(), clock: countingClock() })).browser()
      await browser.send('GET', '/login')
      const [first, form] = [await browser.form(), await browser.form()]
      const { body: second } = await browser.send('POST', '/login', first)
      assert.deepEqual([await browser.post(form), await browser.post(second)], [403, 200])
      const { body: third } = await browser.send('POST', '/login', second)
      assert.deepEqual([await browser.post(second), await browser.post(third)], [403, 200])
      await browser.send('GET', '/sign-in')
      const fourth = await browser.form()
      await browser.send('GET', '/sign-in')
      assert.deepEqual([await browser.post(third), await browser.post(fourth)], [403, 403])
      assert.equal(await browser.post(await browser.form()), 200)
    })

    test('a token of a planted session is worthless once its victim has signed in', async (t) => {
      const made = await site(t, options())
      const eve = made.browser()
      const planted = await eve.form()
      const victim = new OldBrowser(made.url, eve.cookie)
      await victim.send('GET', '/login')
      assert.equal(await victim.post(planted), 403)
    })

    test('a token from before a logout is refused after it', async (t) => {
      const browser = (await site(t, options())).browser()
      const { body: token } = await browser.send('GET', '/login')
      await browser.send('POST', '/logout', token)
      // Without a cookie there is nothing to protect; with a new session, there is.
      await browser.send('GET', '/basket')
      assert.equal(await browser.post(token), 403)
      assert.equal(await browser.post(await browser.form()), 200)
    })

    test('a token of another session is refused, also of one of the same user', async (t) => {
      const { browser } = await site(t, options())
      const [one, two] = [browser(), browser()]
      const { body: token } = await one.send('GET', '/login')
      const { body: other } = await two.send('GET', '/login')
      assert.deepEqual([await one.post(other), await two.post(token)], [403, 403])
      assert.deepEqual([await one.post(token), await two.post(other)], [200, 200])
    })

    test('a form stays good while the session is renewed and written to', async (t) => {
      const browser = (await site(t, options())).browser()
      await browser.send('GET', '/login')
      const token = await browser.form()
      for (const path of ['/again', '/basket', '/again']) {
        assert.equal((await browser.send('POST', path, token)).status, 200, path)
        assert.equal(await browser.post(token), 200, path)
      }
    })

    test('all forms of a session are good, in however many tabs they were opened', async (t) => {
      const browser = (await site(t, options())).browser()
      await browser.send('GET', '/basket')
      const tokens = await Promise.all(Array.from({ length: 20 }, () => browser.form()))
      assert.equal(new Set(tokens).size, 20)
      for (const token of tokens) assert.equal(await browser.post(token), 200)
    })
  })

function countingClock(): () => number {
  let now = Date.now()
  return () => now++
}

suite('csrf: tokens', () => {
  test('a token is masked: no two are alike in any part', async (t) => {
    const browser = (await site(t)).browser()
    await browser.send('GET', '/login')
    const tokens = await Promise.all(Array.from({ length: 50 }, () => browser.form()))
    for (const token of tokens) assert.match(token, /^[\w-]{86}$/)
    for (let at = 0; at + 6 <= 86; at++) assert.equal(new Set(tokens.map((token) => token.slice(at, at + 6))).size, 50)
  })

  test('a token with one bit changed is refused, wherever it is', async (t) => {
    const browser = (await site(t)).browser()
    const bytes = Buffer.from((await browser.send('GET', '/login')).body, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const forged = Buffer.from(bytes)
      forged[at] = (forged[at] ?? 0) ^ (1 << (at % 8))
      assert.equal(await browser.post(forged.toString('base64url')), 403)
    }
    for (const made of ['', 'x', 'A'.repeat(86), Buffer.alloc(64).toString('base64url'), `${bytes.toString('base64')}`])
      assert.equal(await browser.post(made), 403)
  })

  test('a token costs no write for a session that exists, and one for a new visitor', async (t) => {
    const watch = watched(memory())
    const { browser } = await site(t, { store: watch.store, seal: 'two-key' })
    const visitor = browser()
    await visitor.form()
    assert.deepEqual(watch.calls, ['create'])
    await visitor.send('POST', '/login', await visitor.form())
    watch.calls.length = 0
    await visitor.form()
    assert.deepEqual(watch.calls, ['read'])
  })

  test('a request that says where it comes from costs no store call', async (t) => {
    const watch = watched(memory())
    const { url } = await site(t, { store: watch.store })
    const headers = { cookie: '__Host-id=x', 'sec-fetch-site': 'same-origin' }
    assert.equal((await ask(url, { headers })).status, 200)
    assert.equal((await ask(url, { headers: { ...headers, 'sec-fetch-site': 'cross-site' } })).status, 403)
    assert.deepEqual(watch.calls, [])
  })

  test('forms that are open while the secrets are rotated stay good, until the old secret is removed', async (t) => {
    const [old, next] = [randomBytes(32), randomBytes(32)]
    const { sessions, browser } = await site(t, { secrets: [old], store: memory(), seal: 'two-key' })
    const visitor = browser()
    await visitor.send('GET', '/login')
    const token = await visitor.form()
    await sessions.reloadSecrets([next, old])
    assert.equal(await visitor.post(token), 200)
    assert.equal(await visitor.post(await visitor.form()), 200)
  })

  test('a token of another application with the same secrets and store is refused', async (t) => {
    const [secrets, store] = [randomBytes(32), memory()]
    const [one, two] = [
      await site(t, { secrets, store, namespace: 'one' }),
      await site(t, { secrets, store, namespace: 'two' }),
    ]
    const [here, there] = [one.browser(), two.browser()]
    const { body: token } = await here.send('GET', '/login')
    await there.send('GET', '/login')
    assert.equal(await there.post(token), 403)
  })

  test('a page with a token is stored by no cache', async (t) => {
    for (const name of Object.keys(SITES)) {
      const { browser } = await site(t, {}, name)
      const visitor = browser()
      await visitor.send('GET', '/login')
      const page = await visitor.send('GET', '/page')
      assert.deepEqual(
        [page.headers['cache-control'], page.headers.vary, page.cookie],
        ['no-store', 'Cookie', null],
        name,
      )
    }
  })

  test('a store that is down is an error of the server, and no forged request', async (t) => {
    for (const onStoreError of ['throw', 'anonymous'] as const) {
      const watch = watched(memory())
      const { browser, url } = await site(t, { store: watch.store, seal: 'two-key', onStoreError })
      const visitor = browser()
      const { body: token } = await visitor.send('GET', '/login')
      watch.before = () => {
        throw new Error('down')
      }
      assert.equal(await visitor.post(token), 503)
      // A page that may do without its session is shown, and a browser of today can send its form.
      const page = await visitor.send('GET', '/page')
      assert.equal(page.status, onStoreError === 'throw' ? 503 : 200)
      assert.equal((await ask(url, { headers: { cookie: String(visitor.cookie), origin: url } })).status, 200)
      watch.before = null
      assert.equal(await visitor.post(token), 200)
    }
  })

  test('a refusal is an event and an error that say why, and contain nothing of the request', async () => {
    const events: SessionEvent[] = []
    const sessions = createSessions({
      store: memory(),
      secrets: randomBytes(32),
      sweep: false,
      on: (event) => events.push(event),
    })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    events.length = 0
    const attempt = async (headers: Readonly<Record<string, string>>) => {
      const facts = { method: 'POST', headers: { cookie, ...headers }, host: 'shop.example', encrypted: false }
      const error = await (async () => sessions.checkCsrf({}, facts, csrfPolicy({})))().catch(
        (thrown: unknown) => thrown,
      )
      assert.ok(error instanceof CsrfError)
      assert.deepEqual([error.status, error.code], [403, 'STRONGROOM_CSRF'])
      for (const value of ['evil', 'made up', cookie.slice(10)]) assert.ok(!error.message.includes(value))
      assert.equal(error.publicMessage.includes('Load the page again'), true)
      return error.reason
    }
    const reasons = [
      await attempt({ 'sec-fetch-site': 'cross-site' }),
      await attempt({ origin: 'https://evil.example' }),
      await attempt({ referer: 'https://evil.example/' }),
      await attempt({}),
      await attempt({ 'x-csrf-token': 'made up' }),
    ]
    assert.deepEqual(reasons, ['cross-site', 'origin', 'referer', 'no-token', 'token'])
    assert.deepEqual(
      events.filter(({ type }) => type === 'rejected'),
      reasons.map((reason) => ({ type: 'rejected', what: 'request', reason })),
    )
  })

  test('a cookie of a framework whose sessions are adopted is something to ride on, too', async (t) => {
    const { sessions } = setUp()
    const url = await serving(t, SITES.node?.(sessions) as never)
    assert.equal((await ask(url, { headers: { cookie: OLD } })).status, 403)
  })

  test('a form of more than 1 MiB is refused without a header, and is read whole with one', async (t) => {
    for (const name of ['hono', 'fetch']) {
      const { url, browser } = await site(t, {}, name)
      const visitor = browser()
      const { body: token } = await visitor.send('GET', '/login')
      const note = 'x'.repeat(1.25 * 1024 * 1024)
      const body = new URLSearchParams({ _csrf: token, note }).toString()
      const headers = { cookie: String(visitor.cookie), 'content-type': 'application/x-www-form-urlencoded' }
      // The rest of the form must not be waited for: it never comes.
      assert.equal((await ask(url, { headers, body, ends: false })).status, 403, name)
      const accepted = await ask(url, { headers: { ...headers, 'x-csrf-token': token }, body })
      assert.deepEqual([accepted.status, accepted.body.length], [200, note.length + 'changed '.length], name)
    }
  })

  test('other names of the field and the header can be chosen', async (t) => {
    const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    const names = { header: 'X-XSRF-Token', field: 'authenticity_token' }
    const url = await serving(t, SITES.hono?.(sessions, names) as never)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const { body: token } = await ask(url, { method: 'GET', path: '/token', headers: { cookie } })
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const send = async (headers: object, body?: string) =>
      (await ask(url, { headers: { cookie, ...headers }, body })).status
    assert.equal(await send({ 'x-xsrf-token': token }), 200)
    assert.equal(await send({ 'x-csrf-token': token }), 403)
    assert.equal(await send(form, `authenticity_token=${token}`), 200)
    assert.equal(await send(form, `_csrf=${token}`), 403)
  })
})
