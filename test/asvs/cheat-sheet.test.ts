import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { secret } from '../core/fixtures/secret.ts'
import { prove } from './prove.ts'
import { cookieOf, DAY, HOUR, MINUTE, NAME, setCookieOf, site, tokenOf, whoIs } from './site.ts'

const PRODUCT = /strong|room|node|express|django|session|sid/i

prove('OWASP Session ID Name Fingerprinting', async (t) => {
  const page = await (await site(t)).visitor().must('/login')
  assert.doesNotMatch(parseSetCookie(setCookieOf(page)).name, PRODUCT)
  for (const header of ['server', 'x-powered-by', 'via']) assert.equal(page.header(header), undefined)
})

prove('OWASP Session ID Entropy', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const good = Buffer.from(tokenOf(browser), 'base64url')
  // Of the right session, by somebody who knows all but the 32 bytes of the token, or all but the tag.
  for (let tries = 0; tries < 300; tries++) {
    const guess = Buffer.from(good)
    randomBytes(32).copy(guess, 22)
    if (tries % 2) randomBytes(12).copy(guess, 54)
    assert.equal(await whoIs(shop, `${NAME}=${guess.toString('base64url')}`), null)
  }
  assert.equal(await whoIs(shop, cookieOf(browser)), 'ada')
})

prove('OWASP Session ID Content', async (t) => {
  const shop = await site(t)
  const values: string[] = []
  for (const user of ['lovelace@shop.example', 'lovelace@shop.example', 'hopper'])
    values.push(tokenOf(await shop.signedIn(user)))
  for (const value of values) {
    const bytes = Buffer.from(value, 'base64url')
    assert.equal(bytes.length, 66)
    for (const fact of ['lovelace', 'hopper', 'example', '127.0.0.1', 'Linux'])
      assert.ok(!bytes.includes(fact) && !value.includes(fact))
  }
  // Not even that two belong to one user.
  const [one, two] = values.map((value) => Buffer.from(value, 'base64url'))
  for (let at = 6; at + 4 <= 66; at += 4) assert.notDeepEqual(one?.subarray(at, at + 4), two?.subarray(at, at + 4))
})

prove('OWASP Strict Session Management', async (t) => {
  const secrets = secret('strict')
  const shop = await site(t, { secrets })
  // Well made by a server with the same secrets, whose store is another.
  const elsewhere = await site(t, { secrets })
  const browser = await elsewhere.signedIn()
  const unknown = tokenOf(browser)
  await shop.visitor().ask('/set?theme=dark', { cookie: `${NAME}=${unknown}` })
  for (let tries = 0; tries < 300; tries++) {
    const value = randomBytes(66)
    value[0] = 1
    const page = await shop.visitor().ask('/whoami', { cookie: `${NAME}=${value.toString('base64url')}` })
    assert.deepEqual([page.text, page.all('set-cookie')], ['null', []])
  }
  assert.equal(await whoIs(shop, `${NAME}=${unknown}`), null)
  // What was put into a session is in one of its own, under an id that nobody has sent.
  const [sent] = elsewhere.rows()
  assert.ok(shop.rows().every(({ id }) => id !== sent?.id))
  assert.ok(shop.rows().length <= 1)
  const types = new Set(shop.events.map(({ type }) => type))
  assert.ok(types.has('absent') && types.has('rejected'))
})

prove('OWASP Used vs. Accepted Exchange Mechanisms', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const token = tokenOf(browser)
  const attempts: [path: string, headers: Record<string, string>, body?: string][] = [
    [`/whoami?${NAME}=${token}`, {}],
    ['/whoami', { authorization: `Bearer ${token}` }],
    ['/whoami', { 'session-token': token }],
    ['/whoami', { 'x-session-id': token, [NAME]: token }],
    ['/whoami', { referer: `http://shop/?${NAME}=${token}` }],
    ['/whoami', { cookie2: `${NAME}=${token}` }],
    ['/whoami', { 'content-type': 'application/x-www-form-urlencoded' }, `${NAME}=${token}`],
  ]
  for (const [path, headers, body] of attempts) {
    const page = await shop.visitor().ask(path, { method: 'POST', headers, ...(body && { body }) })
    assert.equal(page.text, 'null', JSON.stringify(headers))
  }
  for (const name of ['id', 'sid', '__host-id', '__Host-id2', '__Secure-id'])
    assert.equal(await whoIs(shop, `${name}=${token}`), null)
  assert.equal(await whoIs(shop, cookieOf(browser)), 'ada')
})

/** Sends a Cookie header as it is, also one that no client of HTTP would send. Resolves to the status. */
async function raw(url: string, cookie: string): Promise<number> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.end(
    Buffer.from(`GET /whoami HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nCookie: ${cookie}\r\n\r\n`, 'latin1'),
  )
  const answer = await text(socket)
  assert.doesNotMatch(answer, /"ada"/)
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
}

prove('OWASP Manage Session ID as Any Other User Input', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const token = tokenOf(browser)
  const calls: string[] = []
  shop.sessions.observe({ event: () => {}, call: (method) => void calls.push(method) })
  const odd = [
    'A'.repeat(12_000),
    'A'.repeat(64_000),
    `${token}\0`,
    `${token.slice(0, 40)}\0${token.slice(40)}`,
    `${token}%00`,
    `"${token}"x`,
    `${token}=`,
    `${token} x`,
    ` ${token}\t${token}`,
    '../../etc/passwd',
    "' OR 1=1 --",
    '{"$ne":null}',
    '%0d%0aSet-Cookie: a=b',
    '\u00e9'.repeat(88),
    '-'.repeat(88),
    '',
  ]
  for (const value of odd) assert.ok([200, 400, 431].includes(await raw(shop.url, `${NAME}=${value}`)), value)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (value) => {
      const session = await shop.sessions.read({ cookie: `${NAME}=${value}` })
      assert.equal(session.userId, null)
    }),
    { numRuns: 300 },
  )
  assert.deepEqual(calls, [], 'nothing of that reached the store')
  // Two of our name that are both alive are not chosen between.
  const bob = await shop.signedIn('bob')
  assert.equal(await whoIs(shop, `${cookieOf(browser)}; ${cookieOf(bob)}`), null)
  assert.equal(await whoIs(shop, cookieOf(browser)), 'ada')
})

prove('OWASP Renew the Session ID After Any Privilege Level Change', async (t) => {
  const shop = await site(t, {
    routes: () => ({
      admin(session) {
        session.set('role', 'admin')
        session.renew()
      },
    }),
  })
  const browser = await shop.signedIn()
  const before = cookieOf(browser)
  await browser.must('/admin')
  assert.notEqual(cookieOf(browser), before)
  assert.equal(await whoIs(shop, before), null)
  assert.equal((await shop.visitor().ask('/read', { cookie: before })).text, '{}')
  assert.deepEqual(JSON.parse((await browser.must('/read')).text), { role: 'admin' })
})

prove('OWASP Automatic Session Expiration', async (t) => {
  // With a server-side store, and where the whole session is in the cookie: the client keeps it for as long as it likes.
  const shop = await site(t, { idle: '30m', absolute: '8h', remember: '2d' })
  const [short, long] = [await shop.signedIn(), await shop.signedIn('bob', '&remember')]
  const [one, two] = [cookieOf(short), cookieOf(long)]
  shop.clock.advance(30 * MINUTE)
  assert.deepEqual([await whoIs(shop, one), await whoIs(shop, two)], [null, 'bob'])
  shop.clock.advance(2 * DAY)
  assert.equal(await whoIs(shop, two), null)
  let now = 2_000_000_000_000
  const sessions = createSessions({
    store: cookie(),
    secrets: secret('expiry'),
    idle: null,
    absolute: '1h',
    clock: () => now,
    on: () => {},
  })
  const visit = sessions.open({})
  ;(await visit.get()).login('ada')
  const carried = (await visit.commit()).setCookie?.split(';')[0] ?? ''
  now += HOUR - 1
  assert.equal((await sessions.read({ cookie: carried })).userId, 'ada')
  now += 1
  assert.equal((await sessions.read({ cookie: carried })).userId, null)
})

prove('OWASP Web Content Caching', async (t) => {
  const shop = await site(t)
  const browser = shop.visitor()
  for (const path of ['/set?a=1', '/login', '/renew', '/login?user=bob', '/logout']) {
    const page = await browser.must(path)
    assert.equal(page.all('set-cookie').length, 1, path)
    assert.equal(page.header('cache-control'), 'no-store', path)
  }
})

prove('OWASP Logging Sessions Life Cycle', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const tokens = [tokenOf(browser)]
  await browser.must('/set?a=1')
  shop.clock.advance(10 * MINUTE)
  await browser.must('/whoami')
  await browser.must('/renew')
  tokens.push(tokenOf(browser))
  const ids = shop.rows().map(({ id }) => id)
  await browser.must('/logout')
  const life = shop.events.filter(({ type }) => type !== 'loaded')
  assert.deepEqual(
    life.map(({ type }) => type),
    ['created', 'updated', 'touched', 'renewed', 'revoked'],
  )
  // One name for the whole life, which is neither the id nor the token.
  const handles = new Set(life.map((event) => ('handle' in event ? event.handle : null)))
  assert.equal(handles.size, 1)
  const [handle] = handles
  assert.ok(handle && handle.length >= 16)
  for (const secret of [...tokens, ...ids]) assert.ok(!secret.includes(handle) && !handle.includes(secret))
  assert.equal(await whoIs(shop, `${NAME}=${handle}`), null)
})

prove('OWASP Simultaneous Session Logons', async (t) => {
  const shop = await site(t, {
    routes: () => ({
      two: (session) => void session.login('ada', { limit: 2 }),
      refused: (session) => void session.login('ada', { limit: 2, atLimit: 'refuse' }),
    }),
  })
  const browsers = [shop.visitor(), shop.visitor(), shop.visitor()]
  for (const browser of browsers) {
    shop.clock.advance(1)
    await browser.must('/two')
  }
  const who = async () =>
    (await Promise.all(browsers.map((browser) => browser.must('/whoami')))).map(({ text }) => text)
  assert.deepEqual(await who(), ['null', '"ada"', '"ada"'])
  const fourth = await shop.visitor().ask('/refused')
  assert.equal(fourth.status, 409)
  assert.deepEqual(await who(), ['null', '"ada"', '"ada"'])
  assert.equal((await shop.sessions.of('ada').list()).length, 2)
  assert.ok(shop.events.some(({ type }) => type === 'limit'))
})
