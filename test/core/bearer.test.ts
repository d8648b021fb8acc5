import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ironSession } from '../../packages/strongroom/src/adoption/sources.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, TooLargeError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import {
  type BaseSessions,
  type BearerOptions,
  bearer,
  createSessions,
  csrfPolicy,
  type IndexedStore,
  type Session,
} from '../../packages/strongroom/src/index.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import type { Anything } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const secrets = secret('a')
const NAMESPACE = '__Host-id'

/** Sessions of a native application and of its site: one store, the same secrets and namespace. */
function two(store: IndexedStore = memory({ max: 100 }), events: SessionEvent[] = []) {
  const common = { store, secrets, sweep: false, on: (event: SessionEvent) => void events.push(event) } as const
  const native = createSessions<Anything>({ ...common, transport: bearer(), namespace: NAMESPACE })
  const site = createSessions<Anything>(common)
  return { native, site, store, events }
}

/** A native application: it stores what the header says. */
function client(sessions: BaseSessions<Anything>, responseHeader = 'Session-Token') {
  const self = {
    token: null as string | null,
    sent: [] as (readonly [string, string])[],
    async visit<T>(work: (session: Session<Anything>) => T, headers: Readonly<Record<string, string>> = {}) {
      const authorization = self.token === null ? {} : { authorization: `Bearer ${self.token}` }
      const visit = sessions.open({ ...authorization, ...headers })
      const result = work(await visit.get())
      const outcome = await visit.commit()
      assert.deepEqual([outcome.setCookie, outcome.clearCookies, outcome.vary], [null, undefined, 'Authorization'])
      self.sent = [...(outcome.headers ?? [])]
      for (const [name, value] of self.sent) {
        assert.equal(name, responseHeader)
        self.token = value === '' ? null : value
      }
      return result
    },
    userId: () => self.visit((session) => session.userId),
  }
  return self
}

const userOf = async (sessions: BaseSessions<Anything>, headers: Readonly<Record<string, string>>) =>
  (await sessions.read(headers)).userId

describe('sessions with bearer tokens', () => {
  it('send the token at login and at renewal, an empty one at logout, and nothing in between', async () => {
    const { native } = two()
    const app = client(native)
    await app.visit((session) => session.login('ada'))
    const first = app.token
    assert.equal(await app.userId(), 'ada')
    assert.deepEqual(app.sent, [])
    await app.visit((session) => session.set('a', 1))
    assert.deepEqual(app.sent, [])
    await app.visit((session) => session.renew())
    assert.notEqual(app.token, first)
    assert.equal(await userOf(native, { authorization: `Bearer ${first}` }), null)
    await app.visit((session) => session.logout())
    assert.deepEqual(app.sent, [['Session-Token', '']])
  })

  it('can use another response header, and refuse one that has a meaning already', async () => {
    const transport = bearer({ responseHeader: 'X-Auth-Token' })
    const sessions = createSessions<Anything>({ store: memory({ max: 9 }), secrets, transport, namespace: 'app' })
    const app = client(sessions, 'X-Auth-Token')
    await app.visit((session) => session.login('ada'))
    assert.equal(await app.userId(), 'ada')
    for (const responseHeader of [
      'Set-Cookie',
      'authorization',
      'Cache-Control',
      'Content-Type',
      'a b',
      '',
      7 as never,
    ])
      assert.throws(() => bearer({ responseHeader }), ConfigError, String(responseHeader))
    assert.throws(() => bearer({ header: 'x' } as BearerOptions), /responseHeader/)
  })

  it('ignore cookies altogether, and sessions in cookies ignore Authorization', async () => {
    const { native, site } = two()
    const browser = visitor(site)
    await browser.visit((session) => session.login('ada'))
    const app = client(native)
    await app.visit((session) => session.login('bob'))
    const both = { cookie: `${NAMESPACE}=${browser.cookie}`, authorization: `Bearer ${app.token}` }
    assert.equal(await userOf(site, both), 'ada')
    assert.equal(await userOf(native, both), 'bob')
    assert.equal(await userOf(native, { cookie: both.cookie }), null)
    assert.equal(await userOf(site, { authorization: both.authorization }), null)
  })

  for (const [name, store] of [
    ['in a store', () => memory({ max: 100 })],
    ['in their tokens', () => cookie({ revocations: memory({ max: 100 }) })],
    ['in signed tokens', () => cookie({ protection: 'signed' })],
  ] as const)
    describe(name, () => {
      it('the value of a cookie is no bearer token, and a bearer token is no cookie', async () => {
        const events: SessionEvent[] = []
        const { native, site } = two(store() as IndexedStore, events)
        const browser = visitor(site)
        await browser.visit((session) => session.login('ada'))
        const app = client(native)
        await app.visit((session) => session.login('ada'))
        events.length = 0
        assert.equal(await userOf(native, { authorization: `Bearer ${browser.cookie}` }), null)
        assert.equal(await userOf(site, { cookie: `${NAMESPACE}=${app.token}` }), null)
        assert.deepEqual(events, Array(2).fill({ type: 'rejected', what: 'cookie', reason: 'forged' }))
        assert.deepEqual([await app.userId(), await browser.visit(({ userId }) => userId)], ['ada', 'ada'])
      })
    })

  it('share users with a site of the same namespace: one list of devices, and revokeAll ends both', async () => {
    const { native, site } = two()
    const browser = visitor(site)
    await browser.visit((session) => session.login('ada'))
    const app = client(native)
    await app.visit((session) => session.login('ada'))
    for (const sessions of [site, native]) assert.equal((await sessions.of('ada').list()).length, 2)
    await site.of('ada').revokeAll()
    assert.equal(await app.userId(), null)
    assert.equal(await browser.visit(({ userId }) => userId), null)
    await app.visit((session) => session.login('ada'))
    await native.of('ada').revokeAll()
    assert.equal(await app.userId(), null)
  })

  it('are counted, found and ended by the operators of the site', async () => {
    const { native, site } = two()
    const app = client(native)
    await app.visit((session) => session.login('ada'))
    const handle = (await app.visit((session) => session.handle)) ?? ''
    assert.deepEqual([(await site.stats()).live, (await site.stats()).otherNamespaces], [1, 0])
    assert.equal((await site.find(handle))?.handle, handle)
    assert.equal(await site.revoke(handle), true)
    assert.equal(await app.userId(), null)
  })

  it('count for the limit of a user together with those of the site', async () => {
    const { native, site } = two()
    const browser = visitor(site)
    await browser.visit((session) => session.login('ada'))
    const app = client(native)
    await app.visit((session) => session.login('ada', { limit: 1, atLimit: 'end-oldest' }))
    assert.equal(await browser.visit(({ userId }) => userId), null)
    assert.equal(await app.userId(), 'ada')
  })

  it('are strangers to those of another namespace', async () => {
    const { native, store } = two()
    const other = createSessions<Anything>({ store, secrets, transport: bearer(), namespace: 'other' })
    const app = client(native)
    await app.visit((session) => session.login('ada'))
    assert.equal(await userOf(other, { authorization: `Bearer ${app.token}` }), null)
    assert.equal((await other.of('ada').list()).length, 0)
  })

  it('take the scheme in any case and after one space or more', async () => {
    const { native } = two()
    const { headers, cookie } = await sessionFor(native, { userId: 'ada' })
    assert.equal(cookie, '')
    const token = headers.authorization?.slice('Bearer '.length) ?? ''
    for (const scheme of ['Bearer ', 'bearer ', 'BEARER ', 'Bearer   '])
      assert.equal(await userOf(native, { authorization: scheme + token }), 'ada', scheme)
    assert.equal((await native.read(new Headers(headers))).userId, 'ada')
  })

  it('are anonymous for any other header, and ask no store because of it', async () => {
    const { store: watching, calls } = watched(memory({ max: 9 }))
    const events: SessionEvent[] = []
    const { native } = two(watching as IndexedStore, events)
    const { headers } = await sessionFor(native, { userId: 'ada' })
    const { authorization = '' } = headers
    const token = authorization.slice('Bearer '.length)
    const twice = new Headers([
      ['authorization', authorization],
      ['authorization', authorization],
    ])
    calls.length = 0
    events.length = 0
    for (const odd of [
      '',
      'Bearer',
      'Bearer ',
      `Bearer${token}`,
      `Bearer\t${token}`,
      `Basic ${token}`,
      `DPoP ${token}`,
      token,
      `${authorization}, ${authorization}`,
      `${authorization} ${token}`,
      `${authorization}; ${authorization}`,
      `Bearer "${token}"`,
      `Bearer ${'a'.repeat(5000)}`,
    ])
      assert.equal(await userOf(native, { authorization: odd }), null, odd)
    assert.equal((await native.read(twice)).userId, null)
    assert.equal(events.length, 0)
    // Made up: refused by its tag.
    for (const made of [
      'a',
      'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.',
      `C${token.slice(1)}`,
      `${token.slice(0, -4)}AAAA`,
    ])
      assert.equal(await userOf(native, { authorization: `Bearer ${made}` }), null, made)
    assert.deepEqual(
      events.map((event) => event.type === 'rejected' && event.what),
      Array(4).fill('cookie'),
    )
    assert.deepEqual(calls, [])
  })

  it('are in their tokens with the cookie engine, and get a new one with each change', async () => {
    const clock = manualClock()
    const store = cookie({ revocations: memory({ clock, max: 100 }) })
    const sessions = createSessions<Anything>({ store, secrets, clock, transport: bearer(), namespace: 'app' })
    const app = client(sessions)
    await app.visit((session) => session.login('ada'))
    await app.visit((session) => session.set('a', 'x'.repeat(2000)))
    assert.ok((app.token?.length ?? 0) > 2000)
    assert.equal(await app.visit((session) => session.get('a')), 'x'.repeat(2000))
    await assert.rejects(
      app.visit((session) => session.set('b', 'x'.repeat(4000))),
      (error: Error) => error instanceof TooLargeError && /a token holds 4096/.test(error.message),
    )
    // The deadline is in the token.
    clock.advance(20 * 60_000)
    await app.userId()
    assert.equal(app.sent.length, 1)
    clock.advance(20 * 60_000)
    assert.equal(await app.userId(), 'ada')
    const copied = app.token
    await app.visit((session) => session.logout())
    assert.equal(await userOf(sessions, { authorization: `Bearer ${copied}` }), null)
  })

  it('work in a Worker as they do on a server', async () => {
    const options = { store: cookie(), secrets, transport: worker.bearer(), namespace: 'app' } as const
    const app = client(worker.createSessions(options) as unknown as BaseSessions<Anything>)
    await app.visit((session) => session.login('ada'))
    assert.equal(await app.userId(), 'ada')
    assert.equal(await userOf(createSessions(options) as never, { authorization: `Bearer ${app.token}` }), 'ada')
  })

  it('need a namespace, and refuse options that are about cookies', () => {
    const store = memory({ max: 9 })
    const good = { store, secrets, transport: bearer(), namespace: 'app' }
    const refused: readonly (readonly [object, RegExp])[] = [
      [{ namespace: undefined }, /needs the option namespace.*'__Host-id'/],
      [{ cookie: { name: '__Host-a' } }, /"cookie" cannot be used with transport: bearer\(\)/],
      [{ expireAtBrowserClose: false }, /"expireAtBrowserClose" cannot be used/],
      [
        {
          adoptFrom: ironSession({
            password: 'x'.repeat(32),
            cookieName: 'iron',
            userId: () => null,
            until: new Date(Date.now() + 1e7),
          }),
        },
        /"adoptFrom" cannot be used/,
      ],
      [{ transport: bearer }, /transport must be bearer\(\)/],
      [{ transport: 'bearer' }, /transport must be bearer\(\)/],
      [{ transport: null }, /transport must be bearer\(\)/],
    ]
    for (const [options, message] of refused)
      assert.throws(
        () => createSessions({ ...good, ...options } as never),
        (error: Error) => error instanceof ConfigError && message.test(error.message),
        String(message),
      )
  })

  it('say what they are, and have no name of a cookie', () => {
    const { native, site } = two()
    const factsOf = ({ policy: { transport, cookieName, namespace } }: BaseSessions<Anything>) => [
      transport,
      cookieName,
      namespace,
    ]
    assert.deepEqual(factsOf(native), ['bearer', '', NAMESPACE])
    assert.deepEqual(factsOf(site), ['cookie', NAMESPACE, NAMESPACE])
  })

  it('pass the check for forged requests, and make no token for forms', async () => {
    const { native, site } = two()
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    const facts = { method: 'POST', host: 'shop.example', encrypted: true }
    const headersOf = async (sessions: BaseSessions<Anything>) =>
      (await sessionFor(sessions, { userId: 'ada' })).headers
    const check = async (sessions: BaseSessions<Anything>, more: object = {}) => {
      const headers = { ...(await headersOf(sessions)), ...foreign, ...more }
      await sessions.checkCsrf({}, { ...facts, headers }, csrfPolicy())
    }
    await check(native)
    // As without Authorization: an operator may be known by a certificate, which browsers send by themselves.
    await assert.rejects(check(native, { authorization: undefined }), { code: 'STRONGROOM_CSRF' })
    await assert.rejects(check(native, { authorization: 'Basic YTpi' }), { code: 'STRONGROOM_CSRF' })
    await assert.rejects(check(site), { code: 'STRONGROOM_CSRF' })
    // It is its cookie that the browser would send by itself.
    await assert.rejects(check(site, await headersOf(native)), { code: 'STRONGROOM_CSRF' })
    const request = {}
    native.attach(request, native.open({}))
    await assert.rejects(native.csrfToken(request), UnsupportedError)
  })

  it('read signed cookies of the site, whose namespace they have', async () => {
    const { native, site } = two()
    const lines = new Headers()
    site.setSignedCookie(lines, 'theme', 'dark')
    const sent = lines.get('set-cookie')?.split(';', 1)[0] ?? ''
    assert.equal(native.getSignedCookie({ cookie: sent }, 'theme'), 'dark')
  })

  it('say with a header that nothing is known when the store is down, and keep the token', async () => {
    const clock = manualClock()
    const store = memory({ clock, max: 9 })
    const { native } = two(store)
    const { headers } = await sessionFor(native, { userId: 'ada' })
    await store.close()
    const visit = native.open(headers)
    await assert.rejects(visit.get(), { code: 'STRONGROOM_STORE' })
    assert.deepEqual(await visit.commit(503), { setCookie: null, used: true, vary: 'Authorization' })
  })
})
