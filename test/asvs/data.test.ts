import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { isSession } from '../../packages/strongroom/src/store.ts'
import { CANARY, canaries, has } from './canaries.ts'
import { prove } from './prove.ts'
import { cookieOf, DAY, NAME, site, tokenOf } from './site.ts'

prove('ASVS 14.1.1', async (t) => {
  const shop = await site(t, { device: (agent) => agent })
  await canaries(shop)
  // What the page about what is visible names, and nothing more.
  const columns = ['created_at', 'expires_at', 'id', 'label', 'owner', 'payload', 'purge_at', 'version']
  for (const row of shop.rows()) {
    assert.deepEqual(Object.keys(row).sort(), columns)
    assert.match(row.id, /^[0-9a-f]{64}$/)
    assert.match(row.owner ?? '', /^[0-9a-f]{64}$/)
    assert.ok(!has(Buffer.from(row.payload)) && !has(Buffer.from(row.label ?? [])))
  }
})

prove('ASVS 14.1.2', async () => {
  // What `policy` says of the seal is what is done.
  for (const [seal, readable] of [
    ['two-key', false],
    ['server-key', false],
    ['none', true],
  ] as const) {
    const store = memory()
    const sessions = createSessions({ store, secrets: randomBytes(32), seal, sweep: false })
    assert.equal(sessions.policy.seal, seal)
    const visit = sessions.open({})
    ;(await visit.get()).set('note', CANARY)
    await visit.commit()
    for await (const page of store.scan())
      for (const { id } of page.filter(isSession))
        assert.equal(has(Buffer.from((await store.read(id))?.entry.bytes ?? [])), readable)
    await store.close()
  }
})

prove('ASVS 14.2.1', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const token = tokenOf(browser)
  for (const name of [NAME, 'sid', 'token', 'session', 'access_token'])
    assert.equal((await shop.visitor().must(`/whoami?${name}=${token}`)).text, 'null')
  assert.equal((await shop.visitor().must(`/whoami;${NAME}=${token}`)).text, 'asset')
  const page = await browser.must('/renew')
  assert.ok(!`${page.text}${page.header('location')}${page.header('link')}`.includes(tokenOf(browser)))
})

/** A cache between browsers and the site, by RFC 9111: what it may store, and whom it shows that. */
function mayShare(header: string | undefined, vary: string | undefined): boolean {
  const control = header ?? ''
  if (/no-store|private/.test(control)) return false
  return !/\bcookie\b/i.test(vary ?? '')
}

prove('ASVS 14.2.2', async (t) => {
  const shop = await site(t, {
    routes: () => ({
      // It lets everybody store what it says, and renews the session.
      cached(session, _, __, response) {
        response.setHeader('Cache-Control', 'public, s-maxage=600')
        session.renew()
        return 'for ada alone'
      },
    }),
  })
  const browser = await shop.signedIn()
  for (const path of ['/login', '/whoami', '/cached', '/set?a=1', '/renew', '/read', '/logout']) {
    const page = await browser.must(path)
    assert.ok(!mayShare(page.header('cache-control'), page.header('vary')), path)
    if (page.all('set-cookie').length > 0) assert.equal(page.header('cache-control'), 'no-store', path)
  }
  // What has nothing to do with a session may be stored by everybody.
  assert.ok(
    mayShare((await browser.must('/asset')).header('cache-control'), (await browser.must('/asset')).header('vary')),
  )
})

prove('ASVS 14.2.4', async (t) => {
  const printed: string[] = []
  const warned = (warning: Error) => void printed.push(`${warning.stack}`)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const shop = await site(t, { device: (agent) => agent })
  const browser = await canaries(shop)
  await browser.must('/renew')
  await browser.ask('/fail')
  const dump = shop.dump()
  assert.ok(dump.length > 4096)
  assert.equal(has(dump), false)
  assert.ok(
    !dump.includes(tokenOf(browser)) && !dump.includes(Buffer.from(tokenOf(browser), 'base64url').subarray(22, 54)),
  )
  await new Promise(setImmediate)
  assert.equal(has(JSON.stringify(shop.events) + printed.join()), false)
})

prove('ASVS 14.2.7', async (t) => {
  const shop = await site(t, { sweep: '1s' })
  // Nobody calls anything: the sweep comes by itself.
  const swept = new Promise<void>((resolve) => {
    shop.sessions.observe({ event: (event) => event.type === 'cleared' && event.count > 0 && resolve() })
  })
  for (const user of ['ada', 'bob']) await shop.signedIn(user)
  const [gone] = shop.rows()
  shop.clock.advance(30 * DAY)
  const stays = await shop.signedIn('carol')
  await swept
  assert.equal(shop.rows().length, 1)
  assert.ok(!shop.rows().some(({ id }) => id === gone?.id))
  assert.equal((await stays.must('/whoami')).text, '"carol"')
})

prove('ASVS 14.3.2', async (t) => {
  const shop = await site(t, { routes: ({ sessions }) => ({ form: (_, __, request) => sessions.csrfToken(request) }) })
  const browser = shop.visitor()
  for (const path of ['/login', '/renew', '/form', '/logout'])
    assert.equal((await browser.must(path)).header('cache-control'), 'no-store', path)
})

prove('ASVS 14.3.3', async (t) => {
  const shop = await site(t)
  const browser = await canaries(shop)
  await browser.must('/login?user=ada&remember')
  const token = tokenOf(browser)
  assert.match(token, /^[\w-]{88}$/)
  const bytes = Buffer.from(token, 'base64url')
  assert.equal(has(token) || has(bytes), false)
  // No structure that could be read: nothing but the version, the key and the count is the same in the next one.
  const next = Buffer.from(tokenOf(await shop.signedIn()), 'base64url')
  const same = [...bytes.subarray(6)].filter((byte, at) => byte === next[at + 6]).length
  assert.ok(same < 12, `${same} of 60 bytes are the same`)
})

prove('ASVS 15.3.6', async (t) => {
  const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
  const shop = await site(t, {
    routes: () => ({
      pollute(session) {
        for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'basket']) session.set(key, hostile)
      },
    }),
  })
  const browser = await shop.signedIn()
  await browser.ask('/pollute')
  await browser.ask('/set?__proto__=1&constructor=2')
  await browser.must('/read')
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.equal((await browser.must('/whoami')).text, '"ada"')
})

prove('ASVS 15.4.1', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const cookie = cookieOf(browser)
  const all = Array.from({ length: 60 }, (_, i) => shop.visitor().ask(i % 2 ? `/set?k${i}=${i}` : '/count', { cookie }))
  for (const { status } of await Promise.all(all)) assert.equal(status, 200)
  const data = JSON.parse((await browser.must('/read')).text)
  assert.equal(data.n, 30)
  for (let i = 1; i < 60; i += 2) assert.equal(data[`k${i}`], String(i))
})

prove('ASVS 15.4.2', async (t) => {
  const shop = await site(t, { routes: () => ({ limited: (session) => void session.login('ada', { limit: 3 }) }) })
  // The limit counts and ends in one step, however many sign in together.
  await Promise.all(Array.from({ length: 12 }, () => shop.visitor().ask('/limited')))
  assert.ok((await shop.sessions.of('ada').list()).length <= 3)
  // "Log out everywhere" and logins that are under way: what was answered after it is in the list, and the rest is gone.
  for (let round = 0; round < 5; round++) {
    const browsers = Array.from({ length: 6 }, () => shop.visitor())
    const logins = browsers.map((browser) => browser.ask('/login?user=bob'))
    await shop.sessions.of('bob').revokeAll()
    await Promise.all(logins)
    const alive = await Promise.all(browsers.map(async (browser) => (await browser.must('/whoami')).text === '"bob"'))
    assert.equal((await shop.sessions.of('bob').list()).length, alive.filter(Boolean).length)
    await shop.sessions.of('bob').revokeAll()
    for (const browser of browsers) assert.equal((await browser.must('/whoami')).text, 'null')
  }
})
