import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { production as inProduction, running } from '../adapters/site.ts'
import { boundBrowser } from '../device-bound/client.ts'
import { minutes, openSite } from '../device-bound/site.ts'
import { CANARY, canaries, has } from './canaries.ts'
import { prove } from './prove.ts'
import { cookieOf, MINUTE, NAME, site, tokenOf } from './site.ts'

prove('ASVS 16.2.1', async (t) => {
  const signals: unknown[] = []
  const shop = await site(t, {
    eventUserIds: true,
    requestId: (request) => (request as { headers: Record<string, string> }).headers['x-request-id'],
    onLogin: ({ userId, at, request, requestId }) => signals.push([userId, at.getTime(), typeof request, requestId]),
  })
  await shop.visitor().ask('/login?user=ada', { headers: { 'x-request-id': 'a7f3' } })
  const event = shop.events.find(({ type }) => type === 'created')
  assert.deepEqual(event && { ...event, handle: 'handle' in event && typeof event.handle, ms: typeof event.ms }, {
    type: 'created',
    handle: 'string',
    authenticated: true,
    reason: 'login',
    userId: 'ada',
    requestId: 'a7f3',
    ms: 'number',
  })
  assert.deepEqual(signals, [['ada', shop.clock(), 'object', 'a7f3']])
})

prove('ASVS 16.2.5', async (t) => {
  const shop = await site(t, { csrf: true, device: (agent) => agent })
  const browser = await canaries(shop)
  const cookies = [tokenOf(browser)]
  const ids = shop.rows().map(({ id }) => id)
  for (const path of ['/renew', '/read', '/login?user=ada', '/fail', '/logout']) {
    await browser.ask(path)
    cookies.push(browser.jar.value(NAME) ?? '-')
  }
  await shop.visitor().ask('/whoami', { cookie: `${NAME}=${cookies[0]}` })
  await shop.visitor().ask('/whoami', { cookie: `${NAME}=${CANARY}` })
  await browser.ask('/set?a=1', { method: 'POST', headers: { origin: `https://${CANARY}.example` } })
  shop.sessions.loginFailed(null, { userId: CANARY, reason: 'password' })
  const log = JSON.stringify(shop.events)
  assert.ok(shop.events.length > 8)
  assert.equal(has(log), false)
  for (const secret of [...cookies.filter((cookie) => cookie.length > 1), ...ids]) assert.ok(!log.includes(secret))
})

prove('ASVS 16.3.1', async (t) => {
  const failures: unknown[] = []
  const shop = await site(t, {
    onLoginFailed: ({ userId, reason }) => failures.push([userId, reason]),
    routes: ({ sessions }) => ({
      wrong: (_, query, request) => sessions.loginFailed(request, { userId: query.get('user'), reason: 'password' }),
    }),
  })
  const browser = shop.visitor()
  for (const path of ['/wrong?user=ada', '/login?user=ada', '/login?user=ada', '/logout']) await browser.must(path)
  const told = shop.events.flatMap((event) => ('reason' in event ? [`${event.type} ${event.reason}`] : []))
  assert.deepEqual(told, ['loginFailed password', 'created login', 'renewed login', 'revoked logout'])
  assert.deepEqual(failures, [['ada', 'password']])
})

prove('ASVS 16.3.3', async (t) => {
  const shop = await site(t, { csrf: true, memo: false })
  const told = async (attempt: () => Promise<unknown>) => {
    shop.events.length = 0
    await attempt()
    return shop.events.map((event) => `${event.type} ${'what' in event ? `${event.what} ${event.reason}` : ''}`.trim())
  }
  const as = (cookie: string) => () => shop.visitor().ask('/whoami', { cookie })
  const browser = await shop.signedIn()
  const first = cookieOf(browser)
  assert.deepEqual(await told(as(`${NAME}=${'A'.repeat(88)}`)), ['rejected cookie malformed'])
  const forged = Buffer.from(tokenOf(browser), 'base64url')
  forged[40] = (forged[40] as number) ^ 1
  assert.deepEqual(await told(as(`${NAME}=${forged.toString('base64url')}`)), ['rejected cookie forged'])
  const post = () => browser.ask('/set?a=1', { method: 'POST', headers: { origin: 'https://evil.example' } })
  assert.ok((await told(post)).includes('rejected request origin'))
  await browser.must('/renew')
  assert.deepEqual(await told(as(first)), ['superseded'])
  const second = cookieOf(browser)
  shop.sql('UPDATE strongroom_sessions SET payload = zeroblob(200) WHERE label IS NOT NULL AND length(label) > 1')
  assert.match((await told(as(second))).join(), /^rejected record/)
  const other = await shop.signedIn('bob')
  const copy = cookieOf(other)
  await other.must('/logout')
  assert.deepEqual(await told(as(copy)), ['absent'])
  const alarms = await alarmsOf(t)
  for (const type of ['reused', 'signal', 'guessing']) assert.ok(alarms.includes(type), `${type} is not in ${alarms}`)
  const bound = await openSite()
  t.after(bound.close)
  const thief = (await boundBrowser(bound)).copy()
  bound.wait(minutes(11))
  await thief.facts()
  assert.ok(bound.events.some(({ type }) => type === 'proofRefused'))
})

/** What is told where the options ask for it: a copied cookie that comes back late, from elsewhere, and others that were made up. */
async function alarmsOf(t: TestContext): Promise<string[]> {
  const shop = await site(t, {
    renewEvery: '15m',
    signals: {},
    address: (request) => (request as { headers: Record<string, string> }).headers['x-test-address'],
    guessing: { threshold: 1 },
  })
  const headers = { 'x-test-address': '192.0.2.7' }
  const victim = shop.visitor()
  await victim.ask('/login', { headers })
  const cookie = cookieOf(victim)
  await shop.visitor().ask('/whoami', { cookie, headers: { 'x-test-address': '198.51.100.1' } })
  shop.clock.advance(15 * MINUTE)
  for (let page = 0; page < 2; page++) await victim.ask('/whoami', { headers })
  shop.clock.advance(MINUTE)
  for (const presented of [cookie, ...['A', 'B', 'C'].map((letter) => `${NAME}=${letter.repeat(88)}`)])
    await shop.visitor().ask('/whoami', { cookie: presented, headers })
  return shop.events.map(({ type }) => type)
}

prove('ASVS 16.4.1', async (t) => {
  const shop = await site(t, {
    eventUserIds: true,
    requestId: () => 'a7f3\r\nFAKE admin signed in\u001b[2J',
    routes: ({ sessions }) => ({
      wrong: (_, __, request) =>
        sessions.loginFailed(request, {
          userId: `x\n2026-01-01 admin signed in${'y'.repeat(1000)}`,
          reason: 'password',
        }),
    }),
  })
  const browser = shop.visitor()
  for (const path of ['/login', '/wrong'])
    await browser.ask(path, { headers: { 'user-agent': 'x\tFAKE admin', 'x-forwarded-for': 'FAKE' } })
  assert.ok(shop.events.length >= 2)
  for (const event of shop.events) {
    const line = JSON.stringify(event)
    // One event is one line, and what a client wrote is one value in it.
    assert.doesNotMatch(line, /\p{Cc}/u)
    assert.doesNotMatch(event.requestId ?? '', /[^\x20-\x7e]/)
    assert.ok(line.length < 1000)
  }
  const failed = shop.events.find(({ type }) => type === 'loginFailed')
  assert.equal(failed && 'userId' in failed && failed.userId?.length, 120)
})

/** A site in production, whose handler fails, and whose store can be down. */
async function production(t: TestContext) {
  inProduction(t)
  const state = { down: false }
  const watch = watched(memory())
  watch.before = () => {
    if (state.down) throw new Error('connect ECONNREFUSED db.internal:5432')
  }
  // `watched` passes the owner index on.
  const store = watch.store as ReturnType<typeof memory>
  return { shop: await site(t, { store, memo: false }), state }
}

prove('ASVS 16.5.1', async (t) => {
  const { shop, state } = await production(t)
  const browser = await shop.signedIn()
  const failed = await browser.ask('/fail')
  assert.equal(failed.status, 500)
  state.down = true
  const down = await browser.ask('/whoami')
  assert.equal(down.status, 503)
  for (const { text } of [failed, down]) {
    assert.doesNotMatch(text, /hunter2|db\.internal|ECONNREFUSED|\.ts\b|\bat |strongroom|store/i)
    assert.ok(text.length < 60)
  }
})

prove('ASVS 16.5.2', async (t) => {
  const { shop, state } = await production(t)
  const browser = await shop.signedIn()
  const cookie = cookieOf(browser)
  state.down = true
  assert.equal((await browser.ask('/asset')).status, 200)
  const page = await browser.ask('/whoami')
  assert.deepEqual([page.status, page.all('set-cookie')], [503, []])
  assert.equal(cookieOf(browser), cookie)
  state.down = false
  assert.equal((await browser.must('/whoami')).text, '"ada"')
})

prove('ASVS 16.5.3', async (t) => {
  const { shop, state } = await production(t)
  // A login that could not be stored signs nobody in.
  const stranger = shop.visitor()
  state.down = true
  const refused = await stranger.ask('/login')
  assert.deepEqual([refused.status, refused.all('set-cookie')], [503, []])
  state.down = false
  assert.equal((await stranger.must('/whoami')).text, 'null')
  // Nor does a handler that fails, or a credential that could not be asked for.
  const sessions = createSessions({
    store: memory(),
    secrets: randomBytes(32),
    sweep: false,
    on: () => {},
    credential: (userId) => (userId === 'ada' ? 'hash' : Promise.reject(new Error('down'))),
  })
  const check = csrf(sessions)
  const { visitor } = await running(
    t,
    withSessions(sessions, async (request, response) => {
      await check(request)
      const session = await sessions.get(request)
      if (request.url === '/half') session.login('ada')
      if (request.url === '/unknown') session.login('bob')
      response.statusCode = request.url === '/half' ? 500 : 200
      response.end(String(session.userId))
    }),
  )
  for (const [path, status] of [
    ['/half', 500],
    ['/unknown', 503],
  ] as const) {
    const page = await visitor.ask(path)
    assert.deepEqual([page.status, page.all('set-cookie')], [status, []])
    assert.equal((await visitor.must('/whoami')).text, 'null')
  }
  await sessions.close()
})
